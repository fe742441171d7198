//! `cryoscope table`: raw rows of any table.

use std::io::Write;

use cryoscope::formats::{Columns, Format, Grid, GridColumn, RowWriter, Style, wrapped};
use cryoscope::memory::Keep;
use cryoscope::tables::{self, ColumnRow, Source, Table, columns_of, nearest, on_one_line};

use super::args::{Global, RowFormat, TableArgs};
use super::exit::Exit;
use super::open::Opener;
use super::rows::{self, All, Filter, Named};
use super::screen::{Report, Screen};
use super::{Failure, Outcome};

pub(crate) fn run(args: &TableArgs, global: &Global) -> Outcome {
    if args.list {
        return document(args, global);
    }
    let Some(archive) = &args.archive else { return list(global) };
    let sources = sources(args)?;
    let columns = columns(args, &sources)?;
    let keep = sources.iter().fold(Keep::Tables, |keep, source| keep.and(source.keep));
    let keep = if args.hash { keep.and(Keep::Everything) } else { keep };
    let checkpoints = Opener::new(global, keep).hashing(args.hash).open(archive)?;
    let mut screen = Screen::open(global)?;
    let style = Style { format: args.format.into(), columns, name_tables: sources.len() > 1, width: screen.width };
    let several = checkpoints.len() > 1;
    let named: Vec<(Named<'_>, Box<dyn Filter>)> = checkpoints
        .iter()
        .map(|checkpoint| {
            let set = several.then(|| checkpoint.set_name().to_string());
            (Named { checkpoint, archive: None, set }, Box::new(All) as Box<dyn Filter>)
        })
        .collect();
    rows::write(&mut screen.out, style, &sources, &named)?;
    screen.out.flush()?;
    let name = archive.display().to_string();
    let exit = Exit::of_all(checkpoints.iter().map(|checkpoint| Report::of(checkpoint).print(&name, global)));
    screen.finish(exit)
}

/// The tables that were asked for.
fn sources(args: &TableArgs) -> Result<Vec<&'static Source>, Failure> {
    if args.all {
        return Ok(tables::ALL.iter().collect());
    }
    if args.tables.is_empty() {
        return Err(Failure::Usage(format!("which table? There is: {}", names().join(", "))));
    }
    args.tables.iter().map(|name| find(name)).collect()
}

/// The table of a name.
fn find(name: &str) -> Result<&'static Source, Failure> {
    Source::find(name).ok_or_else(|| {
        let nearest = nearest(name, names()).map_or_else(String::new, |near| format!(", did you mean {near}"));
        Failure::Usage(format!("there is no table {name}{nearest}? There is: {}", names().join(", ")))
    })
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
    let mut screen = Screen::open(global)?;
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
    let first = args.archive.as_ref().map(|name| name.display().to_string());
    let names: Vec<String> = first.into_iter().chain(args.tables.iter().cloned()).collect();
    let chosen: Vec<&Source> = names.iter().map(|name| find(name)).collect::<Result<_, _>>()?;
    let chosen = if chosen.is_empty() { tables::ALL.iter().collect() } else { chosen };
    let mut screen = Screen::open(global)?;
    if args.format == RowFormat::Table {
        let pages: Vec<String> = chosen.iter().map(|source| page(source.table, screen.width)).collect();
        screen.out.write_all(pages.join("\n").as_bytes())?;
        return screen.finish(Exit::Done);
    }
    let style = Style { format: args.format.into(), columns: Columns::All, name_tables: false, width: screen.width };
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

impl From<RowFormat> for Format {
    fn from(format: RowFormat) -> Self {
        match format {
            RowFormat::Table => Format::Table,
            RowFormat::Json => Format::Json,
            RowFormat::Ndjson => Format::Ndjson,
            RowFormat::Csv => Format::Csv,
        }
    }
}
