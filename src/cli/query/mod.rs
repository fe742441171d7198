//! `cryoscope query`: SQL over the tables.

#[cfg(feature = "prompt")]
mod prompt;

use std::collections::HashMap;
use std::io::{IsTerminal, Read, Write, stdin};
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use cryoscope::formats::{Columns, Format, RowWriter, Style, escape};
use cryoscope::memory::Keep;
use cryoscope::query::{Bounds, Database, Error, Query};
use cryoscope::tables::Borrowed;
use cryoscope::{Checkpoint, Error as ArchiveError};
use rayon::prelude::*;

use super::args::{Global, QueryArgs, QueryFormat, SourceId};
use super::exit::Exit;
use super::fleet::{self, Entry};
use super::lead;
use super::open::Opener;
use super::screen::{Report, Screen, complain};
use super::{Failure, Outcome};

/// Bytes of standard input that are read: more than a query may have.
const LONGEST: u64 = 2 << 20;
/// How often is looked whether there is an answer; which comes at once when there is.
const TICK: Duration = Duration::from_millis(50);
/// How long a query may go on when its time is over: mostly it stops by itself.
const GRACE: Duration = Duration::from_millis(500);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Usage(error.to_string())
    }
}

pub(crate) fn run(args: &QueryArgs, global: &Global) -> Outcome {
    let (archives, sql) = split(args);
    match sql {
        Some(sql) => once(archives, &sql, args, global),
        None if stdin().is_terminal() => prompted(archives, args, global),
        None => {
            if archives.iter().chain(&args.fleet.files_from).any(|archive| archive == Path::new("-")) {
                let message = "standard input is taken already; give the query as an argument, behind the archives";
                return Err(Failure::Usage(message.to_owned()));
            }
            let mut sql = String::new();
            stdin()
                .take(LONGEST)
                .read_to_string(&mut sql)
                .map_err(|error| Failure::Usage(format!("cannot read the query from standard input: {error}")))?;
            once(archives, &sql, args, global)
        }
    }
}

#[cfg(feature = "prompt")]
fn prompted(archives: &[PathBuf], args: &QueryArgs, global: &Global) -> Outcome {
    prompt::run(archives, args, global)
}

#[cfg(not(feature = "prompt"))]
fn prompted(_: &[PathBuf], _: &QueryArgs, _: &Global) -> Outcome {
    Err(Failure::Usage("give a query behind the archives, or on standard input".to_owned()))
}

/// Archives and the query behind them, if one is there: it has blanks, and is the name of no file.
pub(crate) fn split(args: &QueryArgs) -> (&[PathBuf], Option<String>) {
    parts(&args.archives, !args.fleet.files_from.is_empty())
}

/// The same; `listed` if there are archives in a list, too.
fn parts(arguments: &[PathBuf], listed: bool) -> (&[PathBuf], Option<String>) {
    match arguments {
        [archives @ .., last] if (listed || !archives.is_empty()) && !last.exists() => match last.to_str() {
            Some(sql) if sql.is_empty() || sql.contains(char::is_whitespace) => (archives, Some(sql.to_owned())),
            _ => (arguments, None),
        },
        _ => (arguments, None),
    }
}

fn database(args: &QueryArgs) -> Result<Database, Failure> {
    let mut bounds = Bounds::default();
    bounds.time = Duration::try_from_secs_f64(args.timeout)
        .map_err(|_| Failure::Usage(format!("--timeout {}: give a number of seconds", args.timeout)))?;
    (bounds.value, bounds.memory) = (args.max_value, args.max_sql_memory);
    Ok(Database::new(bounds)?)
}

/// Answers one query.
fn once(archives: &[PathBuf], sql: &str, args: &QueryArgs, global: &Global) -> Outcome {
    // What is wrong with the query is said before anything is read.
    if let Some(command) = sql.trim_start().strip_prefix('.') {
        let command = command.split_whitespace().next().unwrap_or_default();
        let message = "is for the prompt, on a terminal; `cryoscope schema` lists tables and columns";
        return Err(Failure::Usage(format!(".{} {message}", escape(command.as_bytes()))));
    }
    let mut database = database(args)?;
    let mut query = database.prepare(sql)?;
    let mut reports = Vec::new();
    let entries = fleet::entries(archives, &args.fleet)?;
    let mut called = Called::default();
    each_archive(&entries, &opener(args, global, query.keep()), args, &mut |entry, checkpoints| {
        let path = entry.path.display().to_string();
        match checkpoints {
            Ok(checkpoints) => {
                let name = called.of(entry, &checkpoints, args)?;
                for checkpoint in &checkpoints {
                    database.load(&mut query, &name, checkpoint)?;
                    reports.push((path.clone(), Ok(Report::of(checkpoint))));
                }
            }
            // Alone, an archive that cannot be read is the command's failure.
            Err(error) if entries.len() == 1 => return Err(error.into()),
            Err(error) => reports.push((path, Err(error))),
        }
        Ok(())
    })?;
    if reports.is_empty() {
        return Ok(fleet::none_in(archives.iter().map(PathBuf::as_path), global));
    }
    let screen = answer(database, query, args, Screen::open(global)?).1?;
    let exit = Exit::of_found(reports.into_iter().map(|(path, report)| match report {
        Ok(report) => report.print(&path, global),
        Err(error) => {
            let failure = Failure::Archive(error);
            complain(&failure.to_string());
            failure.exit()
        }
    }));
    screen.finish(exit)
}

/// The checkpoints of an archive, or why there are none.
type Opened = Result<Vec<Checkpoint>, ArchiveError>;

/// Opens archives, several at once, and gives them away in the order in which they were named.
fn each_archive(
    entries: &[Entry],
    opener: &Opener<'_>,
    args: &QueryArgs,
    each: &mut dyn FnMut(&Entry, Opened) -> Result<(), Failure>,
) -> Result<(), Failure> {
    if let [entry] = entries {
        return entry.open(opener).map_or(Ok(()), |opened| each(entry, opened));
    }
    let opener = opener.clone().without_progress();
    let threads = args.threads.unwrap_or_else(rayon::current_num_threads).max(1);
    for some in entries.chunks(threads) {
        let together: Vec<Option<Opened>> = some.par_iter().map(|entry| entry.open(&opener)).collect();
        for (entry, checkpoints) in some.iter().zip(together) {
            if let Some(checkpoints) = checkpoints {
                each(entry, checkpoints)?;
            }
        }
    }
    Ok(())
}

/// How archives are opened for queries.
fn opener<'g>(args: &'g QueryArgs, global: &'g Global, keep: Keep) -> Opener<'g> {
    let hashed = args.name.source_id == Some(SourceId::Sha256);
    Opener::new(global, keep).hashing_archive(hashed).naming_stdin(&args.name)
}

/// What the column `archive` has of each archive.
#[derive(Default)]
struct Called(HashMap<String, PathBuf>);

impl Called {
    /// The name of an archive, which no other may have: the rows of one would stand for both.
    fn of(&mut self, entry: &Entry, checkpoints: &[Checkpoint], args: &QueryArgs) -> Result<String, Failure> {
        let name = lead::text_of(&lead::id(&args.name, entry, checkpoints));
        match self.0.insert(name.clone(), entry.path.clone()) {
            Some(other) if args.name.source_id == Some(SourceId::Name) && other != entry.path => {
                let (one, other) = (entry.path.display(), other.display());
                Err(Failure::Usage(format!(
                    "{other} and {one} are both called {name}; tell them apart by --source-id path or sha256"
                )))
            }
            _ => Ok(name),
        }
    }
}

/// Writes the answer to a query whose tables are loaded. The database comes back, unless it does not stop: inside one function,
/// the engine hears no clock. Then it is left to itself, until it ends or the command does.
fn answer(
    mut database: Database,
    mut query: Query,
    args: &QueryArgs,
    mut screen: Screen,
) -> (Option<Database>, Result<Screen, Failure>) {
    let (format, left) = (args.format, query.time_left());
    let is_writing = Arc::new(AtomicBool::new(false));
    let writing = Arc::clone(&is_writing);
    let (done, answers) = sync_channel(1);
    let work = thread::spawn(move || {
        let written = write(&mut database, &mut query, format, &mut screen, &writing);
        let _ = done.send((Some(database), written.map(|()| screen)));
    });
    let mut spent = Duration::ZERO;
    loop {
        match answers.recv_timeout(TICK) {
            Ok(answered) => return answered,
            Err(RecvTimeoutError::Disconnected) => break,
            // Whoever reads slowly is no cost of the query.
            Err(RecvTimeoutError::Timeout) if is_writing.load(Ordering::Relaxed) => {}
            Err(RecvTimeoutError::Timeout) => spent = spent.saturating_add(TICK),
        }
        if spent > left.saturating_add(GRACE) {
            let bound = Duration::try_from_secs_f64(args.timeout).unwrap_or(left);
            return (None, Err(Error::TimedOut(bound).into()));
        }
    }
    match work.join() {
        Err(panic) => resume_unwind(panic),
        Ok(()) => (None, Err(Failure::Usage("the query ended without an answer".to_owned()))),
    }
}

fn write(
    database: &mut Database,
    query: &mut Query,
    format: QueryFormat,
    screen: &mut Screen,
    is_writing: &AtomicBool,
) -> Result<(), Failure> {
    let table = query.table().clone();
    let style = Style {
        format: Format::from(format),
        columns: Columns::All,
        name_tables: false,
        lead: Vec::new(),
        width: screen.width,
    };
    let mut writer = RowWriter::new(&mut screen.out, style);
    writer.begin(&table)?;
    let mut written = Ok(());
    database.run(query, &mut |row| {
        is_writing.store(true, Ordering::Relaxed);
        written = writer.row(&Borrowed::new(&table, row));
        is_writing.store(false, Ordering::Relaxed);
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    written?;
    is_writing.store(true, Ordering::Relaxed);
    writer.finish()?;
    screen.out.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts_of(arguments: &[&str], listed: bool) -> (usize, Option<String>) {
        let arguments: Vec<PathBuf> = arguments.iter().map(PathBuf::from).collect();
        let (archives, sql) = parts(&arguments, listed);
        (archives.len(), sql)
    }

    #[test]
    fn the_query_is_what_is_no_file() {
        assert_eq!(parts_of(&["a.tar", "b.tar", "SELECT 1"], false), (2, Some("SELECT 1".to_owned())));
        assert_eq!(parts_of(&["a.tar", "b.tar"], false), (2, None));
        assert_eq!(parts_of(&["no such.tar"], false), (1, None), "the first is always an archive");
        assert_eq!(parts_of(&["a.tar", "-"], false), (2, None));
        assert_eq!(parts_of(&["SELECT 1"], true), (0, Some("SELECT 1".to_owned())), "archives are in a list");
    }
}
