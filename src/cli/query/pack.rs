//! `cryoscope query --pack`: runs the queries of osquery's packs.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cryoscope::Checkpoint;
use cryoscope::formats::{Columns, Format, RowWriter, Style, escape};
use cryoscope::memory::Keep;
use cryoscope::query::osquery::pack::{Pack, PackQuery, is_linux};
use cryoscope::query::{Database, osquery};
use cryoscope::tables::{Borrowed, Column, Table, Type, Value};

use super::super::args::{Global, QueryArgs, QueryFormat};
use super::super::exit::Exit;
use super::super::fleet::Fleet;
use super::super::screen::{Report, Screen, complain};
use super::super::{Failure, Outcome};
use super::{Called, ahead, brought, database, opener, say_none};

/// Largest file.
const FILE_MOST: u64 = 4 << 20;

/// A query that can run.
struct Ready<'p> {
    pack: &'p Pack,
    query: &'p PackQuery,
}

impl Ready<'_> {
    fn name(&self) -> String {
        format!("{}/{}", self.pack.name, self.query.name)
    }
}

pub(super) fn run(archives: &[PathBuf], args: &QueryArgs, global: &Global) -> Outcome {
    let mut packs: Vec<Pack> = Vec::new();
    for path in &args.pack {
        packs.extend(read(path)?);
    }
    let stop = Arc::default();
    let mut scratch = database(args, &stop)?.with_osquery()?;
    let mut keep = Keep::Tables;
    let mut notes = Notes::default();
    let ready = ready(&packs, &mut scratch, &mut keep, &mut notes);
    drop(scratch);
    notes.say(global);
    if ready.is_empty() {
        return Err(Failure::Usage("no query of the packs can run here".to_owned()));
    }
    let fleet = Fleet::resolve(archives, &args.fleet, global)?;
    let brought = brought::read(&args.brought, global)?;
    let mut called = Called::default();
    let mut reports = Vec::new();
    let mut screen = Screen::open(global)?;
    let mut rows = 0_u64;
    {
        let width = screen.width;
        let mut output = Output::begin(&mut screen.out, args.format, width)?;
        fleet.each(&opener(args, global, keep, &brought), ahead(args), &mut |entry, checkpoints| {
            let path = entry.path.display().to_string();
            match checkpoints {
                Ok(checkpoints) => {
                    let name = called.of(entry, &checkpoints, args)?;
                    for checkpoint in &checkpoints {
                        // Each checkpoint has a database of its own: queries of packs know of one machine.
                        let mut database = database(args, &stop)?.with_osquery()?;
                        let mut asked = Asked { name: &name, checkpoint, database: &mut database, output: &mut output };
                        rows = rows.saturating_add(asked.all(&ready)?);
                        reports.push((path.clone(), Ok(Report::of(checkpoint))));
                    }
                }
                Err(error) => reports.push((path, Err(error))),
            }
            Ok(())
        })?;
        output.end()?;
    }
    if reports.is_empty() {
        return Ok(fleet.say_nothing());
    }
    if let ([(_, Err(_))], false) = (reports.as_slice(), fleet.is_several())
        && let Some((_, Err(error))) = reports.pop()
    {
        return Err(error.into());
    }
    let exit = Exit::of_found(reports.into_iter().map(|(path, report)| match report {
        Ok(report) => report.print(&path, global),
        Err(error) => {
            let failure = Failure::Archive(error);
            complain(&failure.to_string());
            failure.exit()
        }
    }));
    say_none(rows, global);
    screen.finish(if rows == 0 && exit == Exit::Done { Exit::No } else { exit })
}

/// The packs of a file.
fn read(path: &Path) -> Result<Vec<Pack>, Failure> {
    let wrong = |why: String| Failure::Usage(format!("pack {}: {why}", escape(path.as_os_str().as_encoded_bytes())));
    let metadata = std::fs::metadata(path).map_err(|error| wrong(error.to_string()))?;
    if !metadata.is_file() {
        return Err(wrong("it is no regular file".to_owned()));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| wrong(error.to_string()))?;
    file.take(FILE_MOST + 1).read_to_end(&mut bytes).map_err(|error| wrong(error.to_string()))?;
    if bytes.len() as u64 > FILE_MOST {
        return Err(wrong(format!("it is larger than {FILE_MOST} bytes")));
    }
    let name = path.file_stem().map_or_else(|| "pack".to_owned(), |name| name.to_string_lossy().into_owned());
    let is_yaml =
        path.extension().is_some_and(|end| end.eq_ignore_ascii_case("yaml") || end.eq_ignore_ascii_case("yml"));
    Pack::read(&String::from_utf8_lossy(&bytes), &name, is_yaml).map_err(wrong)
}

/// What is told about packs before they run.
#[derive(Default)]
struct Notes {
    /// Queries that cannot run.
    wrong: Vec<String>,
    /// Number of queries for other platforms.
    elsewhere: usize,
    /// Tables that are read, about which there is something to know.
    tables: BTreeSet<&'static str>,
}

impl Notes {
    fn say(&self, global: &Global) {
        for wrong in &self.wrong {
            complain(wrong);
        }
        if global.quiet {
            return;
        }
        if self.elsewhere > 0 {
            complain(&format!("{} queries are for other platforms than Linux; skipped", self.elsewhere));
        }
        for table in &self.tables {
            if let Some(note) = osquery::note(table) {
                complain(&format!("table {table}: {note}"));
            }
        }
    }
}

/// The queries that can run, and what must be kept for them.
fn ready<'p>(packs: &'p [Pack], database: &mut Database, keep: &mut Keep, notes: &mut Notes) -> Vec<Ready<'p>> {
    let mut all = Vec::new();
    for pack in packs {
        let is_here = is_linux(&pack.platform);
        for query in &pack.queries {
            if !is_here || !query.is_for_linux() {
                notes.elsewhere += 1;
                continue;
            }
            let ready = Ready { pack, query };
            match database.prepare(&query.sql) {
                Ok(prepared) => {
                    *keep = keep.and(prepared.keep());
                    notes.tables.extend(prepared.osquery_tables());
                    all.push(ready);
                }
                Err(error) => {
                    notes.wrong.push(format!("query {} cannot run: {error}", escape(ready.name().as_bytes())));
                }
            }
        }
        for sql in &pack.discovery {
            *keep = database.prepare(sql).map_or(*keep, |prepared| keep.and(prepared.keep()));
        }
    }
    all
}

/// One checkpoint, and where its rows go.
struct Asked<'a, 'o, W: Write> {
    name: &'a str,
    checkpoint: &'a Checkpoint,
    database: &'a mut Database,
    output: &'a mut Output<'o, W>,
}

impl<W: Write> Asked<'_, '_, W> {
    /// Runs all queries, and returns the number of rows.
    fn all(&mut self, ready: &[Ready<'_>]) -> Result<u64, Failure> {
        let mut rows = 0_u64;
        let mut refused: BTreeSet<&str> = BTreeSet::new();
        let mut discovered: BTreeSet<&str> = BTreeSet::new();
        for one in ready {
            let pack = one.pack.name.as_str();
            if !one.pack.discovery.is_empty() && discovered.insert(pack) && !self.is_discovered(one.pack) {
                complain(&format!("pack {} does not run: a discovery query has no rows", escape(pack.as_bytes())));
                refused.insert(pack);
            }
            if refused.contains(pack) {
                continue;
            }
            match self.one(one) {
                Ok(more) => rows = rows.saturating_add(more),
                Err(Broken::Query(why)) => {
                    complain(&format!("query {} failed: {why}", escape(one.name().as_bytes())));
                }
                Err(Broken::Output(failure)) => return Err(failure),
            }
        }
        Ok(rows)
    }

    fn is_discovered(&mut self, pack: &Pack) -> bool {
        pack.discovery.iter().all(|sql| {
            let Ok(mut query) = self.database.prepare(sql) else { return false };
            let loaded = self.database.load(&mut query, self.name, self.checkpoint);
            let mut has_row = false;
            let run = loaded.and_then(|()| {
                self.database.run(&mut query, &mut |_| {
                    has_row = true;
                    ControlFlow::Break(())
                })
            });
            run.is_ok() && has_row
        })
    }

    fn one(&mut self, ready: &Ready<'_>) -> Result<u64, Broken> {
        let of_query = |error: cryoscope::query::Error| Broken::Query(error.to_string());
        let mut query = self.database.prepare(&ready.query.sql).map_err(of_query)?;
        self.database.load(&mut query, self.name, self.checkpoint).map_err(of_query)?;
        let set = self.checkpoint.set_name().to_string();
        let place = Place { archive: self.name, set: &set, ready };
        let table = query.table().clone();
        let named = self.output.query(&place, &table).map_err(Broken::Output)?;
        let table = named.as_ref().unwrap_or(&table);
        let (mut rows, mut written) = (0_u64, Ok(()));
        let output = &mut *self.output;
        let ran = self.database.run(&mut query, &mut |row| {
            rows = rows.saturating_add(1);
            written = output.row(&place, table, row);
            if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        written.map_err(Broken::Output)?;
        ran.map_err(of_query)?;
        Ok(rows)
    }
}

/// Why a query has no answer.
enum Broken {
    Query(String),
    Output(Failure),
}

/// Whose rows are written.
struct Place<'a> {
    archive: &'a str,
    set: &'a str,
    ready: &'a Ready<'a>,
}

/// Rows of packs: as text, a table for each query below its name; in other formats, one table in which the columns of a
/// row are an object.
struct Output<'o, W: Write> {
    writer: RowWriter<&'o mut W>,
    is_text: bool,
    table: Table,
}

impl<'o, W: Write> Output<'o, W> {
    fn begin(out: &'o mut W, format: QueryFormat, width: Option<usize>) -> Result<Self, Failure> {
        let is_text = format == QueryFormat::Table;
        let style = Style {
            format: Format::from(format),
            columns: Columns::All,
            name_tables: is_text,
            lead: Vec::new(),
            width,
        };
        let text = |name: &'static str| Column::new(name, Type::Text);
        let columns =
            vec![text("archive"), text("set"), text("pack"), text("query"), Column::new("columns", Type::Object)];
        let table = Table::new("pack_results", columns);
        let mut writer = RowWriter::new(out, style);
        if !is_text {
            writer.begin(&table)?;
        }
        Ok(Output { writer, is_text, table })
    }

    /// Begins the rows of a query.
    fn query(&mut self, place: &Place<'_>, table: &Table) -> Result<Option<Table>, Failure> {
        if !self.is_text {
            return Ok(None);
        }
        let mut name = format!("{}: {}", place.archive, place.ready.name());
        if !place.set.is_empty() {
            name = format!("{} {}: {}", place.archive, place.set, place.ready.name());
        }
        if let Some(description) = &place.ready.query.description {
            name = format!("{name}: {description}");
        }
        let name = escape(name.as_bytes()).into_owned();
        let named = Table::new(name, table.columns.to_vec());
        self.writer.begin(&named)?;
        Ok(Some(named))
    }

    fn row(&mut self, place: &Place<'_>, table: &Table, row: &[Value<'_>]) -> Result<(), Failure> {
        if self.is_text {
            return Ok(self.writer.row(&Borrowed::new(table, row))?);
        }
        let text = |text: &str| Value::Text(Cow::Owned(text.to_owned()));
        let columns = table.columns.iter().map(|column| Cow::Owned(column.name.to_string()));
        let columns = Value::Object(columns.zip(row.iter().map(Value::borrowed)).collect());
        let ready = place.ready;
        let row = [text(place.archive), text(place.set), text(&ready.pack.name), text(&ready.query.name), columns];
        Ok(self.writer.row(&Borrowed::new(&self.table, &row))?)
    }

    fn end(self) -> Result<(), Failure> {
        Ok(self.writer.finish().map(drop)?)
    }
}
