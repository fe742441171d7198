//! Writing of tables of checkpoints, for every command that prints rows: of one checkpoint, or of many archives at once.

use std::io::{self, Read as _, Seek as _, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use bstr::BString;
use cryoscope::Checkpoint;
use cryoscope::formats::{Encoded, Encoder, Format, Origin, RowWriter, Style};
use cryoscope::memory::Keep;
use cryoscope::tables::{self, FAILURES, Row, TableSource, Value};
use tempfile::SpooledTempFile;

use super::Failure;
use super::args::{BulkOp, DocumentArgs, Global};
use super::evidence::hash_of;
use super::exit::Exit;
use super::fleet::{Entry, Gone, Speaker, Tally, in_order, none_in};
use super::lead::{Lead, text_of};
use super::newfile::make_folder;
use super::open::Opener;
use super::screen::{Report, Screen, complain};
use super::table_file::{Folder, TableFile};
use super::waiting;

/// Bytes of rows that are handed on at once.
const BATCH: usize = 64 << 10;
/// Bytes of rows that wait in memory for the tables before theirs.
const SPOOLED: usize = 1 << 20;

/// Which rows are written.
pub(crate) trait Filter {
    /// Whether a row of a checkpoint is written.
    fn wants(&self, row: &dyn Row) -> bool;
}

/// Writes all rows.
pub(crate) struct All;

impl Filter for All {
    fn wants(&self, _: &dyn Row) -> bool {
        true
    }
}

/// The process that a row is about.
pub(crate) fn pid_of(row: &dyn Row) -> Option<u32> {
    match row.value(row.table().column("pid")?) {
        Value::Integer(pid) => u32::try_from(pid).ok(),
        _ => None,
    }
}

/// The processes that hold what a row is about. The row lists them as `PID:HOW`.
pub(crate) fn holders_of(row: &dyn Row) -> Vec<u32> {
    let columns = ["holders", "open_by", "readers", "writers"].iter().filter_map(|name| row.table().column(name));
    let listed = columns.flat_map(|column| match row.value(column) {
        Value::List(holders) => holders,
        _ => Vec::new(),
    });
    let pid = |holder: Value<'_>| match holder {
        Value::Text(text) => text.split_once(':')?.0.parse().ok(),
        _ => None,
    };
    listed.filter_map(pid).collect()
}

/// What has to be kept of a stream for some tables in a format.
pub(crate) fn keep(sources: &[&TableSource], format: Format) -> Keep {
    // Documents name the processes that they are about.
    let least = if format.needs_origin() { Keep::Arguments } else { Keep::Tables };
    sources.iter().fold(least, |keep, source| keep.and(source.keep))
}

/// What documents say of a checkpoint, if the format is one of documents.
pub(crate) fn origin(
    checkpoint: &Checkpoint,
    format: Format,
    archive: &BString,
    lead: &Lead<'_>,
    documents: &DocumentArgs,
) -> Result<Option<Arc<Origin>>, Failure> {
    let Some(origin) = origin_of_itself(checkpoint, format, archive, lead, documents)? else { return Ok(None) };
    let origin =
        origin.with_processes(checkpoint.rows().processes()).with_sockets(checkpoint.rows().process_open_sockets());
    Ok(Some(Arc::new(origin.with_terminals(checkpoint.rows().ttys(), checkpoint.rows().process_open_files()))))
}

/// The same for rows that are about no process and no connection, which then need not be read.
pub(crate) fn origin_of_itself(
    checkpoint: &Checkpoint,
    format: Format,
    archive: &BString,
    lead: &Lead<'_>,
    documents: &DocumentArgs,
) -> Result<Option<Origin>, Failure> {
    if !format.needs_origin() {
        return Ok(None);
    }
    let set = Some(checkpoint.set_name().to_string()).filter(|set| !set.is_empty());
    if format == Format::BULK && documents.bulk_op == BulkOp::Index && documents.index.is_data_stream() {
        let index = &documents.index;
        return Err(Failure::Usage(format!("{index} is a data stream, which takes no --bulk-op index")));
    }
    let origin = Origin::new(checkpoint.rows().container(), checkpoint.identity(), text_of(archive), set);
    let origin = lead.of(origin, checkpoint).or_time(documents.time).with_index(documents.index.clone());
    let origin = origin.with_bulk_action(documents.bulk_op.into());
    let origin = if documents.with_env { origin.with_secrets() } else { origin };
    let origin = if documents.strict_ecs { origin.without_host_pids() } else { origin };
    let origin = if documents.ecs_start { origin.with_starts() } else { origin };
    let origin = if documents.ocsf_legacy { origin.with_legacy_classes() } else { origin };
    if format.needs_time() && !origin.has_time() {
        return Err(Failure::Usage(format!(
            "{archive}: it does not tell when it was made, and documents need a time; give it by --time"
        )));
    }
    Ok(Some(origin))
}

/// Begins the rows of one checkpoint.
pub(crate) fn writer<W: Write>(
    out: W,
    style: Style,
    one: &One<'_>,
    documents: &DocumentArgs,
) -> Result<RowWriter<W>, Failure> {
    let origin = origin(one.checkpoint, style.format, &one.id, &one.lead, documents)?;
    let lead = one.lead.values(&style.lead, &one.id, one.checkpoint);
    let mut writer = RowWriter::new(out, style);
    writer.encoder().lead(lead);
    if let Some(origin) = origin {
        writer.encoder().origin(origin);
    }
    Ok(writer)
}

/// A checkpoint whose rows are written alone.
pub(crate) struct One<'a> {
    pub(crate) checkpoint: &'a Checkpoint,
    /// What rows call its archive.
    pub(crate) id: BString,
    pub(crate) lead: Lead<'a>,
}

/// Writes a table of one checkpoint.
pub(crate) fn write(
    out: &mut dyn Write,
    style: Style,
    source: &'static TableSource,
    one: &One<'_>,
    documents: &DocumentArgs,
    filter: &dyn Filter,
) -> Result<(), Failure> {
    let checkpoint = one.checkpoint;
    let mut writer = writer(out, style, one, documents)?;
    writer.begin(source.table)?;
    let mut result = Ok(());
    source.each(checkpoint, &mut |row| {
        if !filter.wants(row) {
            return ControlFlow::Continue(());
        }
        match writer.row(row) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                result = Err(error);
                ControlFlow::Break(())
            }
        }
    });
    result?;
    Ok(writer.finish().map(drop)?)
}

/// Tables of archives in a format.
pub(crate) struct Job<'a> {
    pub(crate) entries: &'a [Entry],
    /// What was named, of which these are.
    pub(crate) named: &'a [PathBuf],
    pub(crate) sources: &'a [&'static TableSource],
    pub(crate) style: Style,
    pub(crate) threads: Option<usize>,
    pub(crate) documents: &'a DocumentArgs,
    /// What stands before each row.
    pub(crate) lead: Lead<'a>,
    /// Whether contents are hashed where tables have a column for it.
    pub(crate) hash: bool,
    /// Whether an archive that cannot be read is a row of its own even if it is the only one: the table was asked for by name.
    pub(crate) failures: bool,
    pub(crate) global: &'a Global,
}

/// What is said of an archive.
enum Said {
    /// It has been opened.
    Opened,
    /// Rows of the table of a number.
    Rows(usize, Vec<Encoded>),
    /// A checkpoint is done.
    Done(Report),
    /// It could not be read.
    Failed(Failure),
}

/// Where rows go.
pub(crate) enum Place<'a> {
    /// All to one output.
    Screen(Screen),
    /// Those of each table into a file of a directory.
    Directory(Folder<'a>),
}

impl Job<'_> {
    /// Reads the archives and writes their rows. `choose` tells which rows of a checkpoint are wanted; nothing is, if it
    /// has none of them.
    pub(crate) fn run(
        &self,
        place: Place<'_>,
        choose: impl Fn(&str, Vec<Checkpoint>) -> Result<Vec<(Checkpoint, Box<dyn Filter>)>, Failure> + Sync,
    ) -> Result<Exit, Failure> {
        self.lead.check(self.entries)?;
        let mut output = Output::open(self, place)?;
        let keep = keep(self.sources, self.style.format);
        let keep = if self.hash { keep.and(Keep::Everything) } else { keep };
        let opener = Opener::new(self.global, keep)
            .hashing(self.hash)
            .hashing_archive(self.lead.is_hashed())
            .naming_stdin(self.lead.name());
        let opener = if self.entries.len() > 1 { opener.without_progress() } else { opener };
        let (mut parts, mut tally) = (Vec::new(), Tally::default());
        let work = |number: usize, speaker: &Speaker<Said>| {
            let Some(entry) = self.entries.get(number) else { return };
            if let Err(Stop::Failed(failure)) = self.read(entry, &opener, &choose, speaker) {
                let _ = speaker.say(Said::Failed(failure));
            }
        };
        in_order(self.entries.len(), self.threads, work, |number, said| -> Result<(), Failure> {
            match said {
                Said::Opened => {
                    tally.read += 1;
                    output.opened(self)?;
                }
                Said::Rows(table, rows) => {
                    tally.rows = Some(tally.rows.unwrap_or(0) + rows.len());
                    output.rows(table, rows)?;
                }
                Said::Done(report) => {
                    output.flush()?;
                    let name = self.entries.get(number).map(|entry| entry.path.display().to_string());
                    parts.push(report.print(&name.unwrap_or_default(), self.global));
                }
                Said::Failed(failure) if self.entries.len() == 1 && !self.failures => return Err(failure),
                Said::Failed(failure) => {
                    tally.failed += 1;
                    self.put_failure(number, &failure, &mut output)?;
                    complain(&failure.to_string());
                    parts.push(failure.exit());
                }
            }
            Ok(())
        })?;
        if parts.is_empty() {
            none_in(self.named.iter().map(PathBuf::as_path), self.global);
        }
        let exit = Exit::of_found(parts);
        output.finish(self)?;
        tally.print(self.entries, self.global);
        Ok(exit)
    }

    /// Writes the row of an archive that could not be read, if such rows were asked for.
    fn put_failure(&self, number: usize, failure: &Failure, output: &mut Output<'_>) -> Result<(), Failure> {
        let table = self.sources.iter().position(|source| source.table.name == FAILURES.table.name);
        let (Some(table), Some(entry)) = (table, self.entries.get(number)) else { return Ok(()) };
        let archive_sha256 = if self.lead.is_hashed() && !entry.is_stdin() && entry.path.is_file() {
            hash_of(&entry.path).ok()
        } else {
            None
        };
        let archive = self.lead.id_of(entry, archive_sha256.as_deref());
        let mut encoder = Encoder::new(self.style.clone());
        encoder.lead(self.lead.values_of(&self.style.lead, &archive, None, archive_sha256.as_deref()));
        let (code, message) = failure.row();
        let row = tables::Failure::new(archive, archive_sha256, code, message);
        output.opened(self)?;
        output.rows(table, vec![encoder.encode(&row)?])
    }

    /// Reads an archive, and says its rows.
    fn read(
        &self,
        entry: &Entry,
        opener: &Opener<'_>,
        choose: &impl Fn(&str, Vec<Checkpoint>) -> Result<Vec<(Checkpoint, Box<dyn Filter>)>, Failure>,
        speaker: &Speaker<Said>,
    ) -> Result<(), Stop> {
        let Some(found) = entry.open(opener) else { return Ok(()) };
        let name = entry.path.display().to_string();
        let chosen = choose(&name, found.map_err(Failure::Archive)?)?;
        let Some((first, _)) = chosen.first() else { return Ok(()) };
        let id = self.lead.id(entry, std::slice::from_ref(first));
        let origins: Vec<Option<Arc<Origin>>> = chosen
            .iter()
            .map(|(checkpoint, _)| origin(checkpoint, self.style.format, &id, &self.lead, self.documents))
            .collect::<Result<_, _>>()?;
        speaker.say(Said::Opened)?;
        for ((checkpoint, filter), origin) in chosen.into_iter().zip(origins) {
            let mut encoder = Encoder::new(self.style.clone());
            encoder.lead(self.lead.values(&self.style.lead, &id, &checkpoint));
            if let Some(origin) = origin {
                encoder.origin(origin);
            }
            for (number, source) in self.sources.iter().enumerate() {
                say_rows(source, &checkpoint, &*filter, &mut encoder, &mut |rows| {
                    Ok(speaker.say(Said::Rows(number, rows))?)
                })?;
            }
            // What tables alone do not ask for may be damaged, too.
            checkpoint.read_all();
            speaker.say(Said::Done(Report::of(&checkpoint)))?;
        }
        Ok(())
    }
}

/// Says the rows of a table, some at a time.
pub(crate) fn say_rows(
    source: &TableSource,
    checkpoint: &Checkpoint,
    filter: &dyn Filter,
    encoder: &mut Encoder,
    say: &mut dyn FnMut(Vec<Encoded>) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let (mut batch, mut bytes) = (Vec::new(), 0_usize);
    let mut result = Ok(());
    source.each(checkpoint, &mut |row| {
        if !filter.wants(row) {
            return ControlFlow::Continue(());
        }
        let said = encoder.encode(row).map_err(|error| Stop::Failed(error.into())).and_then(|row| {
            bytes = bytes.saturating_add(row.len());
            batch.push(row);
            if bytes < BATCH {
                return Ok(());
            }
            bytes = 0;
            say(std::mem::take(&mut batch))
        });
        match said {
            Ok(()) => ControlFlow::Continue(()),
            Err(stop) => {
                result = Err(stop);
                ControlFlow::Break(())
            }
        }
    });
    result?;
    if !batch.is_empty() {
        say(batch)?;
    }
    Ok(())
}

/// Why an archive is read no further.
pub(crate) enum Stop {
    Failed(Failure),
    Gone,
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Stop::Failed(failure)
    }
}

impl From<Gone> for Stop {
    fn from(Gone: Gone) -> Self {
        Stop::Gone
    }
}

/// Rows on their way to their place.
enum Output<'a> {
    /// As they come.
    Straight { writer: Box<RowWriter<Screen>>, begun: bool },
    /// Tables one below the other: rows wait until all archives are read.
    Waiting { screen: Screen, tables: Vec<Spool> },
    /// A file for each table.
    Files { files: Vec<TableFile<'a>>, begun: bool },
}

impl<'a> Output<'a> {
    /// Opens the place. What must not be replaced is refused before anything is read.
    fn open(job: &Job<'_>, place: Place<'a>) -> Result<Self, Failure> {
        match place {
            Place::Screen(_) if job.style.format.is_one_table() && job.sources.len() > 1 => {
                let message =
                    "such a file has one table; ask for one, or let `table --output-dir` write a file for each";
                Err(Failure::Usage(message.to_owned()))
            }
            Place::Screen(screen) if job.style.format.is_by_table() && job.sources.len() > 1 => {
                let tables = job.sources.iter().map(|_| Spool::default()).collect();
                Ok(Output::Waiting { screen, tables })
            }
            Place::Screen(screen) => {
                Ok(Output::Straight { writer: Box::new(RowWriter::new(screen, job.style.clone())), begun: false })
            }
            Place::Directory(folder) => {
                let message = |error: io::Error| {
                    Failure::Usage(format!("cannot make the directory {}: {error}", folder.path.display()))
                };
                make_folder(folder.path).map_err(message)?;
                let file = |source: &&'static TableSource| TableFile::create(folder, source, job.style.clone());
                let files = job.sources.iter().map(file).collect::<Result<_, Failure>>()?;
                Ok(Output::Files { files, begun: false })
            }
        }
    }

    /// Begins with the first archive: if there is none that can be read, there is nothing to write.
    fn opened(&mut self, job: &Job<'_>) -> io::Result<()> {
        match self {
            Output::Straight { writer, begun } if !*begun => {
                *begun = true;
                job.sources.first().map_or(Ok(()), |source| writer.begin(source.table))
            }
            Output::Files { files, begun } if !*begun => {
                *begun = true;
                files.iter_mut().try_for_each(TableFile::begin)
            }
            _ => Ok(()),
        }
    }

    fn rows(&mut self, table: usize, rows: Vec<Encoded>) -> Result<(), Failure> {
        let mut rows = rows.into_iter();
        match self {
            Output::Straight { writer, .. } => Ok(rows.try_for_each(|row| writer.put(row))?),
            Output::Waiting { tables, .. } => match tables.get_mut(table) {
                Some(spool) => Ok(rows.try_for_each(|row| spool.add(row))?),
                None => Ok(()),
            },
            Output::Files { files, .. } => {
                if let Some(file) = files.get_mut(table) {
                    rows.try_for_each(|row| file.put(row))?;
                }
                Ok(waiting::bound(files, waiting::MOST)?)
            }
        }
    }

    /// Writes what is known, so that warnings come behind it.
    fn flush(&mut self) -> io::Result<()> {
        match self {
            Output::Straight { writer, .. } => writer.flush(),
            _ => Ok(()),
        }
    }

    /// Ends the output: files get their names.
    fn finish(mut self, job: &Job<'_>) -> Result<(), Failure> {
        // Where there was nothing, there is an empty table.
        if let Output::Straight { begun: false, .. } | Output::Files { begun: false, .. } = self {
            self.opened(job)?;
        }
        match self {
            Output::Straight { writer, .. } => writer.finish()?.finish(Exit::Done).map(drop),
            Output::Files { files, .. } => {
                let whole = files.into_iter().map(TableFile::close).collect::<Result<Vec<_>, Failure>>()?;
                whole.into_iter().flatten().try_for_each(|file| {
                    job.global.record.output(&file.finish()?);
                    Ok(())
                })
            }
            Output::Waiting { screen, tables } => {
                let mut writer = RowWriter::new(screen, job.style.clone());
                for (spool, source) in tables.into_iter().zip(job.sources) {
                    writer.begin(source.table)?;
                    spool.take(&mut writer)?;
                }
                writer.finish()?.finish(Exit::Done).map(drop)
            }
        }
    }
}

/// Rows that wait: in a file that has no name, if there are many.
struct Spool {
    bytes: SpooledTempFile,
    cells: Vec<Encoded>,
}

impl Default for Spool {
    fn default() -> Self {
        Spool { bytes: SpooledTempFile::new(SPOOLED), cells: Vec::new() }
    }
}

impl Spool {
    fn add(&mut self, row: Encoded) -> io::Result<()> {
        match row {
            Encoded::Cells(..) => self.cells.push(row),
            // Of such, an output has one table, whose rows need not wait.
            #[cfg(feature = "parquet")]
            Encoded::Typed(_) => {}
            Encoded::Bytes(bytes) => {
                self.bytes.write_all(&bytes.len().to_ne_bytes())?;
                self.bytes.write_all(&bytes)?;
            }
        }
        Ok(())
    }

    fn take<W: Write>(mut self, writer: &mut RowWriter<W>) -> io::Result<()> {
        self.cells.drain(..).try_for_each(|cells| writer.put(cells))?;
        let mut left = self.bytes.stream_position()?;
        self.bytes.rewind()?;
        let mut bytes = io::BufReader::new(self.bytes);
        while left > 0 {
            let mut len = [0; size_of::<usize>()];
            bytes.read_exact(&mut len)?;
            let mut row = vec![0; usize::from_ne_bytes(len)];
            bytes.read_exact(&mut row)?;
            left = left.saturating_sub(u64::try_from(row.len() + len.len()).unwrap_or(u64::MAX));
            writer.put(Encoded::Bytes(row))?;
        }
        Ok(())
    }
}
