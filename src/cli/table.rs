//! `cryoscope table`: raw rows of any table.

use std::io::Write;

use cryoscope::formats::{Columns, Format, Grid, GridColumn, Style};
use cryoscope::memory::Keep;
use cryoscope::tables::{self, Source};

use super::args::{Global, RowFormat, TableArgs};
use super::exit::Exit;
use super::open::Opener;
use super::rows::{self, All, Filter, Named};
use super::screen::{Report, Screen};
use super::{Failure, Outcome};

pub(crate) fn run(args: &TableArgs, global: &Global) -> Outcome {
    let Some(archive) = &args.archive else { return list(global) };
    let sources = sources(args)?;
    let columns = columns(args, &sources)?;
    let keep = sources.iter().fold(Keep::Tables, |keep, source| keep.and(source.keep));
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
    let find = |name: &String| {
        Source::find(name).ok_or_else(|| {
            let nearest = nearest(name, names()).map_or_else(String::new, |near| format!(", did you mean {near}"));
            Failure::Usage(format!("there is no table {name}{nearest}? There is: {}", names().join(", ")))
        })
    };
    args.tables.iter().map(find).collect()
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

/// The name that is most like a word, if one is.
fn nearest<'n>(word: &str, names: Vec<&'n str>) -> Option<&'n str> {
    let like = |name: &str| name.bytes().zip(word.bytes()).take_while(|(a, b)| a == b).count();
    names.into_iter().max_by_key(|name| like(name)).filter(|name| like(name) >= 3 || name.contains(word))
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
