//! `cryoscope table`: raw rows of any table.

use std::io::Write;
use std::path::{Path, PathBuf};

use cryoscope::formats::{Columns, Grid, GridColumn, RowWriter, Style, wrapped};
use cryoscope::tables::{self, ColumnRow, Source, Table, columns_of, nearest, on_one_line};

use super::args::{Global, RowFormat, TableArgs};
use super::exit::Exit;
use super::fleet;
use super::lead::Lead;
use super::newfile::Readers;
use super::rows::{All, Filter, Job, Place};
use super::screen::{Screen, refuse_terminal_of};
use super::table_file::Folder;
use super::{Failure, Outcome};

pub(crate) fn run(args: &TableArgs, global: &Global) -> Outcome {
    if args.list {
        return document(args, global);
    }
    if args.names.is_empty() && args.fleet.files_from.is_empty() && !args.all {
        return list(global);
    }
    let (sources, archives) = asked(args)?;
    let columns = columns(args, &sources)?;
    let entries = fleet::entries(&archives, &args.fleet)?;
    let (width, place) = if let Some(directory) = &args.output_dir {
        let most = (args.format == RowFormat::Bulk).then_some(args.bulk_size);
        (
            None,
            Place::Directory(Folder {
                path: directory,
                format: args.format,
                most,
                replace: global.force,
                outputs: &global.outputs,
            }),
        )
    } else {
        refuse_terminal_of(args.format.with(&args.documents), global)?;
        let screen = Screen::open(global)?;
        (screen.width, Place::Screen(screen))
    };
    let name_tables = sources.len() > 1 && args.output_dir.is_none();
    let format = args.format.with(&args.documents);
    let lead = Lead::new(&args.source, args.hash, global)?;
    let before = lead.names(format, entries.len() > 1);
    let job = Job {
        entries: &entries,
        named: &archives,
        sources: &sources,
        style: Style { format, columns, name_tables, lead: before, width },
        threads: args.threads,
        documents: &args.documents,
        lead,
        hash: args.hash,
        global,
    };
    let all = |checkpoint| (checkpoint, Box::new(All) as Box<dyn Filter>);
    job.run(place, |_, checkpoints| Ok(checkpoints.into_iter().map(all).collect()))
}

/// The tables and the archives that were asked for: what is the name of a table is one.
fn asked(args: &TableArgs) -> Result<(Vec<&'static Source>, Vec<PathBuf>), Failure> {
    let mut tables = Vec::new();
    let mut archives = Vec::new();
    for name in &args.names {
        match name.to_str().and_then(Source::find) {
            Some(source) => tables.push(source),
            None => archives.push(name.clone()),
        }
    }
    // What is neither there nor could be a path was meant for a table.
    let looks_so = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let mut others = archives.iter().filter_map(|name| name.to_str());
    if let Some(name) = others.find(|name| looks_so(name) && !Path::new(name).exists()) {
        return Err(unknown(name));
    }
    if args.all {
        tables = tables::ALL.iter().collect();
    }
    if tables.is_empty() {
        return Err(Failure::Usage(format!("which table? There is: {}", names().join(", "))));
    }
    if archives.is_empty() && args.fleet.files_from.is_empty() {
        return Err(Failure::Usage("which archive? Name it beside the table; `-` is standard input".to_owned()));
    }
    Ok((tables, archives))
}

/// There is no table of a name.
fn unknown(name: &str) -> Failure {
    let nearest = nearest(name, names()).map_or_else(String::new, |near| format!(", did you mean {near}"));
    Failure::Usage(format!("there is no table {name}{nearest}? There is: {}", names().join(", ")))
}

fn names() -> Vec<&'static str> {
    tables::ALL.iter().map(|source| source.table.name).collect()
}

/// The columns that were asked for; as text only those that fit a screen.
fn columns(args: &TableArgs, sources: &[&Source]) -> Result<Columns, Failure> {
    match args.columns.as_slice() {
        [] if args.format == RowFormat::Table => Ok(Columns::Brief),
        [] => Ok(Columns::All),
        [all] if all == "all" => Ok(Columns::All),
        names => {
            let known = |name: &str| sources.iter().any(|source| source.table.column(name).is_some());
            if let Some(unknown) = names.iter().find(|name| !known(name)) {
                let all: Vec<&str> = sources.iter().flat_map(|s| s.table.columns.iter().map(|c| c.name)).collect();
                let nearest = nearest(unknown, all).map_or_else(String::new, |near| format!("; did you mean {near}?"));
                return Err(Failure::Usage(format!("there is no column {unknown}{nearest}")));
            }
            Ok(Columns::Named(names.to_vec()))
        }
    }
}

/// Without an archive: what tables there are.
fn list(global: &Global) -> Outcome {
    let mut screen = Screen::open_for(global, Readers::Anybody)?;
    let mut grid =
        Grid::new([GridColumn::text("TABLE"), GridColumn::number("COLUMNS"), GridColumn::text("WHAT ITS ROWS ARE")]);
    for source in tables::ALL {
        let doc = source.table.doc.trim().replace('\n', "");
        grid.push(vec![source.table.name.to_owned(), source.table.columns.len().to_string(), doc]);
    }
    screen.out.write_all(grid.render(screen.width).as_bytes())?;
    screen.finish(Exit::Done)
}

/// What tables and columns mean. Here every name is a table's.
fn document(args: &TableArgs, global: &Global) -> Outcome {
    let names = args.names.iter().map(|name| name.display().to_string());
    let chosen: Vec<&Source> =
        names.map(|name| Source::find(&name).ok_or_else(|| unknown(&name))).collect::<Result<_, _>>()?;
    let chosen = if chosen.is_empty() { tables::ALL.iter().collect() } else { chosen };
    let mut screen = Screen::open_for(global, Readers::Anybody)?;
    if args.format == RowFormat::Table {
        let pages: Vec<String> = chosen.iter().map(|source| page(source.table, screen.width)).collect();
        screen.out.write_all(pages.join("\n").as_bytes())?;
        return screen.finish(Exit::Done);
    }
    let style = Style {
        format: args.format.with(&args.documents),
        columns: Columns::All,
        name_tables: false,
        lead: Vec::new(),
        width: screen.width,
    };
    let mut writer = RowWriter::new(&mut screen.out, style);
    writer.begin(&ColumnRow::TABLE)?;
    for row in chosen.iter().flat_map(|source| columns_of(source.table)) {
        writer.row(&row)?;
    }
    writer.finish()?;
    screen.finish(Exit::Done)
}

/// The documentation of a table as text.
fn page(table: &'static Table, width: Option<usize>) -> String {
    let key = if table.key.is_empty() { String::new() } else { format!("  key: {}", table.key.join(", ")) };
    let mut page = format!("{}{key}\n", table.name);
    let mut add = |indent: usize, text: &str| {
        for line in wrapped(text, width.unwrap_or(120).saturating_sub(indent)) {
            page.extend([" ".repeat(indent).as_str(), &line, "\n"]);
        }
    };
    add(2, &on_one_line(table.doc));
    for row in columns_of(table) {
        add(2, &format!("{} ({})", row.column_name, row.r#type));
        add(6, &row.meaning);
    }
    page
}
