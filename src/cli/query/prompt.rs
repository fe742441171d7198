//! The prompt of `cryoscope query`, on a terminal.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cryoscope::catalog;
use cryoscope::formats::{Grid, GridColumn};
use cryoscope::memory::Keep;
use cryoscope::query::{ARCHIVE, Database, FUNCTIONS, KEYWORDS};
use cryoscope::tables::{Table, nearest, usual_name};
use cryoscope::{Checkpoint, Severity};
use rustyline::completion::Completer;
use rustyline::config::Configurer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Context, Editor, Helper};

use super::split::COMMANDS;
use super::{Called, ahead, answer, brought, database, opener, say_none};
use crate::cli::args::{Global, QueryArgs};
use crate::cli::exit::Exit;
use crate::cli::fleet::Fleet;
use crate::cli::screen::{Screen, complain, complain_lines};
use crate::cli::signals;
use crate::cli::{Failure, Outcome};

/// Printed first.
const GREETING: &str = "SQL over the tables of the checkpoint. End a query with a semicolon; type help for help.\n";

const HELP: &str = "\
SELECT …;        Run a query, which may have several lines
.tables          List the tables
.schema [TABLE]  List the columns of a table, or of all tables
help             Print this help
exit             Leave, as Ctrl-D does
Tab completes names of tables, columns and functions. Ctrl-C stops a running query.
";

/// Shown before the first line of a query, and before the others.
const PROMPT: &str = "cryoscope> ";
const CONTINUED: &str = "      ...> ";

/// An archive that stays open.
struct Held {
    path: String,
    /// Its name in rows.
    name: String,
    checkpoints: Vec<Checkpoint>,
    /// Number of its warnings that were reported.
    warned: usize,
}

pub(super) fn run(archives: &[PathBuf], args: &QueryArgs, global: &Global) -> Outcome {
    if global.output.is_some() {
        return Err(Failure::Usage(
            "--output takes the result of one query; give the query after the archives".to_owned(),
        ));
    }
    let stop = signals::interrupts();
    let mut database = Some(database(args, &stop)?);
    let mut all = Vec::new();
    let mut exits = Vec::new();
    // Any table may be needed.
    let opener = opener(args, global, Keep::Everything, &brought::read(&args.brought, global)?);
    let fleet = Fleet::resolve(archives, &args.fleet, global)?;
    let mut called = Called::default();
    fleet.each(&opener, ahead(args), &mut |entry, result| {
        match result {
            Ok(checkpoints) => {
                let name = called.of(entry, &checkpoints, args)?;
                all.push(Held { path: entry.path.display().to_string(), name, checkpoints, warned: 0 });
                exits.push(Exit::Done);
            }
            Err(error) if !fleet.is_several() => return Err(error.into()),
            Err(error) => {
                complain(&error.to_string());
                exits.push(Exit::Failed);
            }
        }
        Ok(())
    })?;
    if exits.is_empty() {
        return Ok(fleet.say_nothing());
    }
    let history = if args.no_history { None } else { history_file() };
    let mut editor = editor(history.as_deref())?;
    let mut screen = Screen::open(global)?;
    screen.out.write_all(GREETING.as_bytes())?;
    screen.out.flush()?;
    drop(screen);
    while let Some(line) = statement(&mut editor)? {
        let _ = editor.add_history_entry(line.as_str());
        stop.store(false, Ordering::Relaxed);
        let done = match Asked::of(&line) {
            Asked::End => break,
            Asked::Command(command) => obey(command, global),
            Asked::Query(sql) => ask(sql, &mut database, &mut all, args, &stop, global),
        };
        match done {
            Ok(()) => {}
            Err(Failure::Output(error)) => return Err(error.into()),
            Err(failure) => complain_lines(&failure.lines()),
        }
    }
    if let Some(history) = history
        && let Err(error) = editor.save_history(&history)
    {
        complain(&format!("the history was not kept: {}: {error}", history.display()));
    }
    let partial = all.iter().flat_map(|archive| &archive.checkpoints).any(Checkpoint::is_partial);
    exits.push(if partial { Exit::Partial } else { Exit::Done });
    Ok(Exit::of_all(exits))
}

/// The meaning of a line.
#[derive(Debug, PartialEq, Eq)]
enum Asked<'l> {
    /// The end.
    End,
    /// A command, without its dot.
    Command(&'l str),
    /// A query.
    Query(&'l str),
}

impl<'l> Asked<'l> {
    fn of(line: &'l str) -> Self {
        let command = line.trim_end_matches(';').trim_end();
        let bare = command.strip_prefix('.').unwrap_or(command);
        let is_first =
            |word: &str| bare.split_whitespace().next().is_some_and(|first| first.eq_ignore_ascii_case(word));
        let is = |word: &str| bare.eq_ignore_ascii_case(word);
        if is("exit") || is("quit") {
            Asked::End
        } else if command.starts_with('.') || is_first("help") {
            Asked::Command(bare)
        } else {
            Asked::Query(line)
        }
    }

    /// Whether the lines are a complete query or command.
    fn is_whole(lines: &str) -> bool {
        lines.ends_with(';') || !matches!(Asked::of(lines), Asked::Query(_))
    }
}

/// Reads a query, which may span several lines, or a command. `None` at the end of the input. Ctrl-C drops the lines
/// typed so far.
fn statement(editor: &mut Editor<Names, FileHistory>) -> Result<Option<String>, Failure> {
    let mut lines = String::new();
    loop {
        match editor.readline(if lines.is_empty() { PROMPT } else { CONTINUED }) {
            Ok(line) if lines.is_empty() => line.trim().clone_into(&mut lines),
            Ok(line) => lines.extend(["\n", line.trim_end()]),
            Err(ReadlineError::Interrupted) => lines.clear(),
            Err(ReadlineError::Eof) => return Ok(None),
            Err(error) => return Err(Failure::Usage(format!("cannot read from the terminal: {error}"))),
        }
        if !lines.is_empty() && Asked::is_whole(lines.trim_end()) {
            return Ok(Some(lines.trim_end().to_owned()));
        }
    }
}

/// Runs a query.
fn ask(
    sql: &str,
    kept: &mut Option<Database>,
    all: &mut [Held],
    args: &QueryArgs,
    stop: &Arc<AtomicBool>,
    global: &Global,
) -> Result<(), Failure> {
    // The database is gone after a query that did not stop in time.
    let database = match kept {
        Some(database) => database,
        None => kept.insert(database(args, stop)?),
    };
    let mut query = database.prepare(sql)?;
    for archive in &*all {
        for checkpoint in &archive.checkpoints {
            database.load(&mut query, &archive.name, checkpoint)?;
        }
    }
    let screen = Screen::open(global)?;
    let Some(database) = kept.take() else { return Ok(()) };
    let (database, answered) = answer(database, query, args, screen, stop);
    *kept = database;
    let (_, rows) = answered?;
    say_none(rows, global);
    for archive in all.iter_mut().filter(|_| !global.quiet) {
        let warnings = archive.checkpoints.iter().flat_map(Checkpoint::warnings);
        let count = warnings.filter(|warning| warning.severity() >= Severity::Warning).count();
        if count > archive.warned {
            let path = &archive.path;
            complain(&format!("{path}: parts are missing or damaged ({count} warnings); run: SELECT * FROM warnings;"));
            archive.warned = count;
        }
    }
    Ok(())
}

/// Runs a command.
fn obey(command: &str, global: &Global) -> Result<(), Failure> {
    let mut screen = Screen::open(global)?;
    let width = screen.width;
    let mut words = command.split_whitespace();
    let verb = words.next().unwrap_or_default().to_ascii_lowercase();
    let text = match (verb.as_str(), words.next(), words.next()) {
        ("help", None, _) => help(width),
        ("tables", None, _) => list(width),
        ("schema", None, _) => catalog::all().map(|source| schema(source.table, width)).collect::<Vec<_>>().join("\n"),
        ("help" | "schema", Some(name), None) => schema(table(name)?, width),
        _ => return Err(Failure::Usage(format!("there is no command .{command}; help lists them"))),
    };
    screen.out.write_all(text.as_bytes())?;
    screen.out.flush()?;
    Ok(())
}

fn table(name: &str) -> Result<&'static Table, Failure> {
    // As in SQL, in any case.
    catalog::find(&name.to_ascii_lowercase()).map(|source| source.table).ok_or_else(|| {
        let near = usual_name(name).or_else(|| nearest(name, catalog::all().map(|source| &*source.table.name)));
        let near = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
        Failure::Usage(format!("there is no table {name}{near}"))
    })
}

fn help(width: Option<usize>) -> String {
    let mut text = format!("{HELP}\nFunctions besides those of SQLite:\n");
    for function in FUNCTIONS {
        let head = format!("{}({})", function.name, function.arguments.join(", "));
        text.push_str(&entry(&head, 0, function.doc, width));
    }
    text
}

/// A name followed by its description, in as many lines as needed.
fn entry(head: &str, least: usize, text: &str, width: Option<usize>) -> String {
    const INDENT: usize = 4;
    let mut line = format!("{head:least$} ");
    let mut lines = String::new();
    for word in text.split_whitespace() {
        let end = line.chars().count() + 1 + word.chars().count();
        if width.is_some_and(|width| end > width) && !line.trim().is_empty() {
            lines.push_str(line.trim_end());
            lines.push('\n');
            line = " ".repeat(least.max(INDENT) + 1);
        }
        line.push(' ');
        line.push_str(word);
    }
    lines + &line + "\n"
}

/// The list of tables.
fn list(width: Option<usize>) -> String {
    let mut grid = Grid::new([GridColumn::fixed("TABLE"), GridColumn::text("DESCRIPTION")]);
    for source in catalog::all() {
        grid.push(vec![source.table.name.to_string(), flat(&source.table.doc)]);
    }
    grid.render(width)
}

/// The columns of a table.
fn schema(table: &Table, width: Option<usize>) -> String {
    let mut text = entry(&format!("{}:", table.name), 0, &table.doc, width);
    let longest = table.columns.iter().map(|column| column.name.len()).max().unwrap_or(0).max(ARCHIVE.len());
    let row = |name: &str, of_type: &str, doc: &str| {
        entry(&format!("  {name:longest$}  {of_type:7}"), longest + 11, doc, width)
    };
    text.push_str(&row(ARCHIVE, "text", "Archive of the row."));
    for column in table.columns.iter() {
        text.push_str(&row(&column.name, column.column_type.as_str(), &column.doc));
    }
    text
}

fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The file of the history: in the user's state directory, never next to evidence.
fn history_file() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME");
    let state = if cfg!(windows) { state.or_else(|| absolute("LOCALAPPDATA")) } else { state };
    let state = state.or_else(|| Some(absolute("HOME")?.join(".local/state")))?;
    Some(state.join("cryoscope").join("query_history"))
}

fn editor(history: Option<&Path>) -> Result<Editor<Names, FileHistory>, Failure> {
    let failed = |error: ReadlineError| Failure::Usage(format!("cannot read from the terminal: {error}"));
    let mut editor = Editor::new().map_err(failed)?;
    editor.set_completion_type(CompletionType::List);
    editor.set_helper(Some(Names));
    if let Some(history) = history {
        // At first there is no file, and maybe no directory.
        let _ = history.parent().map(fs::create_dir_all);
        let _ = editor.load_history(history);
    }
    Ok(editor)
}

/// Completes names.
struct Names;

impl Names {
    /// Names that begin with the word at the end of a text, and the position of that word.
    fn complete(before: &str, line: &str) -> (usize, Vec<String>) {
        if before.starts_with('.') && !before.contains(' ') {
            return (
                0,
                COMMANDS.iter().filter(|name| name.starts_with(before)).map(|name| (*name).to_owned()).collect(),
            );
        }
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        let start = before.trim_end_matches(is_part).len();
        let word = before.get(start..).unwrap_or_default().to_lowercase();
        let tables = || catalog::all().map(|source| source.table);
        let mentioned: Vec<&Table> =
            tables().filter(|table| line.split(|c| !is_part(c)).any(|word| word == table.name)).collect();
        let columns = tables()
            .filter(|table| mentioned.is_empty() || mentioned.iter().any(|other| other.name == table.name))
            .flat_map(|table| table.columns.iter().map(|column| &*column.name))
            .chain([ARCHIVE]);
        let all = tables().map(|table| &*table.name);
        let functions = FUNCTIONS.iter().map(|function| function.name);
        // `.schema` takes a table. A name after a dot is a column.
        let mut names: Vec<&str> = if before.starts_with('.') {
            all.collect()
        } else if before.get(..start).is_some_and(|rest| rest.ends_with('.')) {
            columns.collect()
        } else {
            all.chain(columns).chain(functions).chain(KEYWORDS.iter().copied()).chain(["COUNT(*)"]).collect()
        };
        names.retain(|name| name.to_lowercase().starts_with(&word));
        names.sort_unstable();
        names.dedup();
        (start, names.into_iter().map(str::to_owned).collect())
    }
}

impl Completer for Names {
    type Candidate = String;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(Names::complete(line.get(..pos).unwrap_or(line), line))
    }
}

impl Validator for Names {}

impl Hinter for Names {
    type Hint = String;
}

impl Highlighter for Names {}

impl Helper for Names {}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(before: &str) -> Vec<String> {
        Names::complete(before, before).1
    }

    #[test]
    fn a_line_is_a_command_or_a_query() {
        for end in ["exit", "quit", ".exit", ".quit;", "exit;", "Exit", "QUIT ;", ".Exit"] {
            assert_eq!(Asked::of(end), Asked::End, "{end}");
        }
        for help in ["help", "help;", "HELP;", ".Help"] {
            let Asked::Command(command) = Asked::of(help) else { panic!("{help} is a command") };
            assert!(command.eq_ignore_ascii_case("help"), "{help}");
        }
        assert_eq!(Asked::of("help tabel"), Asked::Command("help tabel"));
        assert_eq!(Asked::of(".TABLES;"), Asked::Command("TABLES"));
        assert_eq!(Asked::of(".schema mounts"), Asked::Command("schema mounts"));
        assert_eq!(Asked::of("SELECT 1;"), Asked::Query("SELECT 1;"));
        assert!(Asked::is_whole("help") && Asked::is_whole("SELECT\n1;") && !Asked::is_whole("SELECT 1"));
    }

    #[test]
    fn names_are_completed_by_what_is_there() {
        assert_eq!(completed(".s"), [".schema"]);
        assert_eq!(completed(".schema mou"), ["mounts"]);
        assert_eq!(completed("SELECT p.cmd"), ["cmdline"]);
        assert_eq!(completed("sel"), ["SELECT"]);
        assert_eq!(completed("SELECT * FROM process_open_f"), ["process_open_files"]);
        assert!(completed("SELECT cap_e FROM mounts WHERE cap_").is_empty(), "mounts have no capabilities");
        assert_eq!(Names::complete("SELECT cap_e", "SELECT cap_e FROM processes").1, ["cap_eff"]);
        assert_eq!(Names::complete("SELECT ha", "SELECT ha").0, 7);
    }
}
