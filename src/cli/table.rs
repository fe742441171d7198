//! `cryoscope table`: prints the rows of any table.

use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use cryoscope::Checkpoint;
use cryoscope::analysis::tables::YaraMatch;
use cryoscope::catalog::{self, ColumnRow, columns_of, on_one_line};
use cryoscope::formats::{Columns, Format, Grid, GridColumn, RowWriter, Style, wrapped};
use cryoscope::tables::{FAILURES, Table, TableSource, nearest, usual_name};

#[cfg(feature = "parquet")]
use super::args::PartitionBy;
use super::args::{Global, RowFormat, TableArgs};
use super::brought;
#[cfg(feature = "parquet")]
use super::dataset;
use super::exit::Exit;
#[cfg(feature = "parquet")]
use super::field::ARCHIVE;
use super::fleet::Fleet;
use super::lead::Lead;
use super::newfile::Readers;
use super::processes::Sought;
use super::rows::{All, Chosen, Filter, Job, OfProcesses, Place, Selection};
use super::screen::{Screen, in_columns, refuse_terminal_of};
use super::sorter::Order;
use super::table_file::Folder;
use super::{Failure, Outcome};

pub(crate) fn run(args: &TableArgs, global: &Global) -> Outcome {
    if args.list {
        return document(args, global);
    }
    if args.names.is_empty() && args.fleet.files_from.is_empty() && !args.all {
        return list(global);
    }
    let (mut sources, archives) = asked(args)?;
    let is_dataset = is_dataset(args)?;
    let lead = Lead::new(&args.source, args.hash || is_dataset, global)?;
    let columns = columns(args, &sources, &lead)?;
    let is_of_failures = |source: &&TableSource| source.table.name == FAILURES.table.name;
    let has_rows_of_failures = !args.all && sources.iter().any(is_of_failures);
    check_rows(args, &mut sources, &lead)?;
    let is_of_yara = |source: &&TableSource| source.table.name == YaraMatch::TABLE.name;
    if !args.all && args.brought.yara.is_empty() && sources.iter().any(is_of_yara) {
        let message = "the table yara_matches has the matches of rules: name rules with --yara, or use --yara builtin";
        return Err(Failure::Usage(message.to_owned()));
    }
    let fleet = Fleet::resolve(&archives, &args.fleet, global)?.with_rows_of_failures(has_rows_of_failures);
    let brought = brought::read(&args.brought, global)?;
    let sought = (!args.pid.is_empty()).then(|| Sought::new(&args.pid, None, &fleet));
    let selection = Selection {
        conditions: &args.conditions,
        order: args.sort.as_ref(),
        limit: args.limit,
        sought: sought.as_ref(),
    };
    let format = args.format.format();
    refuse_documents_of_failures(args, format, &mut sources)?;
    let before = lead.names(format, fleet.is_several());
    // Documents and datasets have the added columns at places of their own.
    let is_named = |name: &String| args.columns.contains(name);
    let is_wide = !is_dataset && !format.needs_origin() && lead.all_names().iter().any(is_named);
    let before: Vec<String> = before.into_iter().filter(|name| !is_wide || !is_named(name)).collect();
    if args.output_dir.as_deref() == Some(Path::new("-")) {
        let message = "--output-dir takes a directory; for one named `-`, write ./-";
        return Err(Failure::Usage(message.to_owned()));
    }
    #[cfg(feature = "parquet")]
    if let (true, Some(path)) = (is_dataset, &args.output_dir) {
        refuse_part_of_dataset(args)?;
        let by_archive = args.dataset.partition_by == Some(PartitionBy::Archive);
        let before = before.into_iter().filter(|name| !(by_archive && name == ARCHIVE)).collect();
        // A table that was named twice is printed once.
        let mut names = HashSet::new();
        sources.retain(|source| names.insert(&*source.table.name));
        // Archives that could not be read are part of the result for a fleet.
        if !sources.iter().any(|source| source.table.name == FAILURES.table.name) {
            sources.push(&FAILURES);
        }
        let job = dataset::Job {
            path,
            fleet: &fleet,
            sources: &sources,
            style: Style { format, columns, name_tables: false, lead: before, width: None },
            threads: args.threads,
            brought,
            lead,
            hash: args.hash,
            args: &args.dataset,
            global,
        };
        return job.run();
    }
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
        refuse_terminal_of(format, global)?;
        let screen = Screen::open(global)?;
        (screen.width, Place::Screen(screen))
    };
    let name_tables = sources.len() > 1 && args.output_dir.is_none();
    let job = Job {
        fleet: &fleet,
        sources: &sources,
        style: Style { format, columns, name_tables, lead: before, width },
        threads: args.threads,
        documents: &args.documents,
        selection,
        lead,
        is_wide,
        hash: args.hash,
        brought,
        global,
    };
    job.run(place, |archive, checkpoints| choose(archive, checkpoints, &args.pid, sought.as_ref()))
}

/// The checkpoints of an archive, with filters for the rows of the chosen processes.
fn choose(
    archive: &str,
    checkpoints: Vec<Checkpoint>,
    pids: &[u32],
    sought: Option<&Sought>,
) -> Result<Chosen, Failure> {
    if let Some(sought) = sought {
        sought.pids(archive, &checkpoints.iter().flat_map(pids_of).collect::<Vec<u32>>())?;
    }
    let filter = || -> Box<dyn Filter> {
        if pids.is_empty() { Box::new(All) } else { Box::new(OfProcesses(pids.iter().copied().collect())) }
    };
    Ok(checkpoints.into_iter().map(|checkpoint| (checkpoint, filter())).collect())
}

/// The pids of a checkpoint, including those of which only pages exist.
fn pids_of(checkpoint: &Checkpoint) -> Vec<u32> {
    let processes = checkpoint.model().processes().iter().chain(checkpoint.memory().nameless());
    processes.map(|process| process.pid().0).collect()
}

/// Checks what selects and sorts the rows. A named table without the column is refused. With all tables, those with the
/// column are used.
fn check_rows(args: &TableArgs, sources: &mut Vec<&'static TableSource>, lead: &Lead<'_>) -> Result<(), Failure> {
    let by_process = !args.pid.is_empty();
    let added = lead.all_names();
    let has = |table: &Table, column: &str| table.column(column).is_some() || added.iter().any(|name| name == column);
    if args.all {
        sources.retain(|source| {
            args.conditions.iter().all(|condition| has(source.table, condition.column()))
                && (!by_process || OfProcesses::are_in(source.table))
        });
        if sources.is_empty() {
            return Err(Failure::Usage("no table has all the columns named by --where".to_owned()));
        }
        let has_order = |order: &Order| sources.iter().any(|source| has(source.table, &order.column));
        if let Some(order) = args.sort.as_ref().filter(|order| !has_order(order)) {
            return Err(Failure::Usage(format!("--sort: no table has a column {}", order.column)));
        }
    }
    let check = |table: &Table, column: &str, flag: &str| {
        if has(table, column) { Ok(()) } else { Err(no_column(table, &added, column, flag)) }
    };
    for source in sources.iter() {
        let table = source.table;
        for condition in &args.conditions {
            check(table, condition.column(), "--where")?;
            condition.check(table)?;
        }
        if let Some(order) = args.sort.as_ref().filter(|_| !args.all) {
            check(table, &order.column, "--sort")?;
        }
        if by_process && !OfProcesses::are_in(table) {
            return Err(Failure::Usage(format!("the table {} is not about processes; remove --pid", table.name)));
        }
    }
    Ok(())
}

/// The error for a column that the rows of a table do not have. It lists those they have.
fn no_column(table: &Table, added: &[String], column: &str, flag: &str) -> Failure {
    let own = table.columns.iter().map(|column| &*column.name);
    let names: Vec<&str> = own.chain(added.iter().map(String::as_str)).collect();
    let meant =
        nearest(column, names.iter().copied()).map_or_else(String::new, |near| format!("; did you mean {near}?"));
    let head = format!("{flag}: the table {} has no column {column}{meant}", table.name);
    Failure::Lines([head, "It has these columns:".to_owned()].into_iter().chain(in_columns(&names)).collect())
}

/// A dataset must hold all rows of each of its archives, in an order of its own.
fn refuse_part_of_dataset(args: &TableArgs) -> Result<(), Failure> {
    const ROWS: &str = "selects rows, but a dataset holds all rows of its archives";
    let flags = [
        ("--pid", !args.pid.is_empty(), ROWS),
        ("--where", !args.conditions.is_empty(), ROWS),
        ("--limit", args.limit.is_some(), ROWS),
        (
            "--ioc",
            !args.brought.lists.ioc.is_empty(),
            "compares with lists, which change, but a dataset is added to for years",
        ),
        ("--sort", args.sort.is_some(), "sorts rows, but those of a dataset are sorted by archive"),
    ];
    match flags.iter().find(|(_, is_given, _)| *is_given) {
        None => Ok(()),
        Some((flag, _, why)) => {
            Err(Failure::Usage(format!("{flag} {why}; remove it, or write one file with --output instead")))
        }
    }
}

/// Whether to write a dataset. Refuses flags of datasets in other cases.
fn is_dataset(args: &TableArgs) -> Result<bool, Failure> {
    #[cfg(feature = "parquet")]
    {
        let is_dataset = args.format == RowFormat::Parquet && args.output_dir.is_some();
        if let Some(flag) = args.dataset.given().filter(|_| !is_dataset) {
            let message = format!("{flag} needs a dataset; add `--format parquet --output-dir DIR`");
            return Err(Failure::Usage(message));
        }
        Ok(is_dataset)
    }
    #[cfg(not(feature = "parquet"))]
    {
        let _ = args;
        Ok(false)
    }
}

/// A document names its checkpoint, and an archive that could not be read has none.
fn refuse_documents_of_failures(
    args: &TableArgs,
    format: Format,
    sources: &mut Vec<&'static TableSource>,
) -> Result<(), Failure> {
    if !format.needs_origin() || !sources.iter().any(|source| source.table.name == FAILURES.table.name) {
        return Ok(());
    }
    if !args.all {
        let message = "the table failures cannot be written as documents, which need a checkpoint; use another format, such as ndjson";
        return Err(Failure::Usage(message.to_owned()));
    }
    sources.retain(|source| source.table.name != FAILURES.table.name);
    Ok(())
}

/// All tables that can be named.
fn all() -> impl Iterator<Item = &'static TableSource> {
    catalog::all().chain([&FAILURES])
}

/// The table with a name.
pub(crate) fn find(name: &str) -> Option<&'static TableSource> {
    all().find(|source| source.table.name == name)
}

/// The tables and archives named by the arguments. An argument that is the name of a table is a table. Where no archive
/// is named besides, a file or directory of that name is one: people keep archives in a directory called `evidence`.
pub(crate) fn split(args: &TableArgs) -> (Vec<&'static TableSource>, Vec<PathBuf>) {
    let table = |name: &PathBuf| name.to_str().and_then(find);
    let is_alone = args.fleet.files_from.is_empty() && args.names.iter().all(|name| table(name).is_some());
    let mut tables = Vec::new();
    let mut archives = Vec::new();
    for name in &args.names {
        match table(name).filter(|_| !(is_alone && name.exists())) {
            Some(source) => tables.push(source),
            None => archives.push(name.clone()),
        }
    }
    (tables, archives)
}

fn asked(args: &TableArgs) -> Result<(Vec<&'static TableSource>, Vec<PathBuf>), Failure> {
    let (mut tables, archives) = split(args);
    // A word that is not a file and does not look like a path was meant as a table.
    let looks_so = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let mut others = archives.iter().filter_map(|name| name.to_str());
    if let Some(name) = others.find(|name| looks_so(name) && !Path::new(name).exists()) {
        return Err(unknown(name));
    }
    if args.all {
        tables = all().collect();
    }
    if tables.is_empty() {
        return Err(with_tables("no table named; name one or more, or use --all".to_owned()));
    }
    if archives.is_empty() && args.fleet.files_from.is_empty() {
        return Err(Failure::Usage("no archive named; add one after the table, or `-` for standard input".to_owned()));
    }
    Ok((tables, archives))
}

/// The table with a name, or with a usual other name.
pub(crate) fn called(name: &str) -> Option<&'static str> {
    find(name).map(|source| &*source.table.name).or_else(|| usual_name(name))
}

/// The table that a misspelt name probably means.
pub(crate) fn meant(name: &str) -> Option<&'static str> {
    called(name).or_else(|| nearest(name, names()))
}

/// The error for an unknown table.
fn unknown(name: &str) -> Failure {
    let meant = meant(name).map_or_else(String::new, |table| format!("; did you mean {table}?"));
    with_tables(format!("there is no table {name}{meant}"))
}

/// A message, followed by the list of tables.
fn with_tables(head: String) -> Failure {
    Failure::Lines([head, "The tables are:".to_owned()].into_iter().chain(in_columns(&names())).collect())
}

fn names() -> Vec<&'static str> {
    all().map(|source| &*source.table.name).collect()
}

/// The requested columns. By default, text output has only those that fit on a screen.
fn columns(args: &TableArgs, sources: &[&TableSource], lead: &Lead<'_>) -> Result<Columns, Failure> {
    match args.columns.as_slice() {
        [] if args.format == RowFormat::Table => Ok(Columns::Brief),
        [] => Ok(Columns::All),
        [all] if all == "all" => Ok(Columns::All),
        names => {
            let added = lead.all_names();
            let own = sources.iter().flat_map(|source| source.table.columns.iter().map(|column| &*column.name));
            let all: Vec<&str> = own.chain(added.iter().map(String::as_str)).collect();
            if names.iter().any(String::is_empty) {
                return Err(Failure::Usage("--columns: a name is empty; write them as pid,name,path".to_owned()));
            }
            if let Some(unknown) = names.iter().find(|name| !all.contains(&name.as_str())) {
                let nearest = nearest(unknown, all).map_or_else(String::new, |near| format!("; did you mean {near}?"));
                return Err(Failure::Usage(format!("there is no column {unknown}{nearest}")));
            }
            Ok(Columns::Named(names.to_vec()))
        }
    }
}

/// Without arguments: the list of tables.
fn list(global: &Global) -> Outcome {
    let mut screen = Screen::open_for(global, Readers::Anybody)?;
    let mut grid =
        Grid::new([GridColumn::text("TABLE"), GridColumn::number("COLUMNS"), GridColumn::text("DESCRIPTION")]);
    for source in all() {
        let doc = source.table.doc.trim().replace('\n', "");
        grid.push(vec![source.table.name.to_string(), source.table.columns.len().to_string(), doc]);
    }
    screen.out.write_all(grid.render(screen.width).as_bytes())?;
    screen.finish(Exit::Done)
}

/// Prints the documentation of tables and columns. Here every argument is the name of a table.
fn document(args: &TableArgs, global: &Global) -> Outcome {
    let names = args.names.iter().map(|name| name.display().to_string());
    let chosen: Vec<&TableSource> =
        names.map(|name| find(&name).ok_or_else(|| unknown(&name))).collect::<Result<_, _>>()?;
    let chosen = if chosen.is_empty() { all().collect() } else { chosen };
    let mut screen = Screen::open_for(global, Readers::Anybody)?;
    if args.format == RowFormat::Table {
        let pages: Vec<String> = chosen.iter().map(|source| page(source.table, screen.width)).collect();
        screen.out.write_all(pages.join("\n").as_bytes())?;
        return screen.finish(Exit::Done);
    }
    let style = Style {
        format: args.format.format(),
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
    add(2, &on_one_line(&table.doc));
    for row in columns_of(table) {
        add(2, &format!("{} ({})", row.column_name, row.r#type));
        add(6, &row.meaning);
    }
    page
}
