//! `cryoscope query`: answers SQL over the tables.

mod pack;
#[cfg(feature = "prompt")]
mod prompt;
mod split;

use std::collections::HashMap;
use std::fs;
use std::io::{IsTerminal, Read, Write, stdin};
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use cryoscope::Checkpoint;
use cryoscope::analysis::Brought;
use cryoscope::formats::{Columns, Format, RowWriter, Style, escape};
use cryoscope::memory::Keep;
use cryoscope::query::{Bounds, Database, Error, Query};
use cryoscope::tables::Borrowed;

pub(crate) use self::split::{Split, split};
use super::args::{Global, QueryArgs, QueryFormat, SourceId};
use super::exit::Exit;
use super::fleet::{Entry, Fleet};
use super::lead;
use super::open::Opener;
use super::screen::{Report, Screen, complain};
use super::{Failure, Outcome, brought};

/// Maximum number of bytes read from standard input. Longer than a query may be.
const LONGEST: u64 = 2 << 20;
/// How often to check the time while waiting for an answer. An answer is taken at once.
const TICK: Duration = Duration::from_millis(50);
/// How long a query may run past its time. Usually it stops by itself.
const GRACE: Duration = Duration::from_millis(500);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let hint = match error {
            Error::TimedOut(_) => ", or allow more time with --timeout",
            Error::Memory(_) => "; raise the limit with --max-sql-memory",
            Error::TooLong(_) => "; raise the limit with --max-value",
            Error::Empty => "; write one after the archives, or on standard input",
            _ => "",
        };
        Failure::Usage(format!("{error}{hint}"))
    }
}

pub(crate) fn run(args: &QueryArgs, global: &Global) -> Outcome {
    let Split { archives, queries } = split(args);
    if archives.is_empty() && args.fleet.files_from.is_empty() {
        return Err(Failure::Usage("no archive was named; give one before or after the query".to_owned()));
    }
    match queries.as_slice() {
        _ if !args.pack.is_empty() && !queries.is_empty() => {
            Err(Failure::Usage("--pack runs the queries of a pack; leave out the query".to_owned()))
        }
        _ if !args.pack.is_empty() => pack::run(&archives, args, global),
        [sql] => once(&archives, sql, args, global),
        [] if stdin().is_terminal() => prompted(&archives, args, global),
        [] => {
            let mut sql = String::new();
            stdin()
                .take(LONGEST)
                .read_to_string(&mut sql)
                .map_err(|error| Failure::Usage(format!("cannot read the query from standard input: {error}")))?;
            if sql.trim().is_empty() {
                // Perhaps what was meant as a query was taken for an archive.
                missing_archive(&archives, args, global)?;
            }
            once(&archives, &sql, args, global)
        }
        _ => Err(Error::Several.into()),
    }
}

/// Fails if one of the archives does not exist.
fn missing_archive(archives: &[PathBuf], args: &QueryArgs, global: &Global) -> Result<(), Failure> {
    let fleet = Fleet::resolve(archives, &args.fleet, global)?;
    let is_missing = |entry: &&Entry| !entry.is_stdin() && fs::symlink_metadata(&entry.path).is_err();
    let opened = fleet
        .entries()
        .iter()
        .find(is_missing)
        .and_then(|entry| entry.open(&opener(args, global, Keep::Tables, &Arc::default())));
    opened.map_or(Ok(()), |opened| Ok(opened.map(drop)?))
}

#[cfg(feature = "prompt")]
fn prompted(archives: &[PathBuf], args: &QueryArgs, global: &Global) -> Outcome {
    prompt::run(archives, args, global)
}

#[cfg(not(feature = "prompt"))]
fn prompted(_: &[PathBuf], _: &QueryArgs, _: &Global) -> Outcome {
    Err(Failure::Usage("no query; give it after the archives, or on standard input".to_owned()))
}

fn database(args: &QueryArgs, stop: &Arc<AtomicBool>) -> Result<Database, Failure> {
    let mut bounds = Bounds::default();
    bounds.time = Duration::try_from_secs_f64(args.timeout)
        .map_err(|_| Failure::Usage(format!("--timeout {}: give a number of seconds", args.timeout)))?;
    (bounds.value, bounds.memory) = (args.max_value, args.max_sql_memory);
    Ok(Database::stoppable(bounds, Arc::clone(stop))?)
}

/// Runs one query.
fn once(archives: &[PathBuf], sql: &str, args: &QueryArgs, global: &Global) -> Outcome {
    // Mistakes in the query are reported before anything is read.
    if let Some(command) = sql.trim_start().strip_prefix('.') {
        let command = command.split_whitespace().next().unwrap_or_default();
        let message = "is for the prompt, on a terminal; `cryoscope schema` lists tables and columns";
        return Err(Failure::Usage(format!(".{} {message}", escape(command.as_bytes()))));
    }
    // Ctrl-C ends the command.
    let stop = Arc::default();
    let mut database = database(args, &stop)?;
    let mut query = database.prepare(sql)?;
    let mut reports = Vec::new();
    let fleet = Fleet::resolve(archives, &args.fleet, global)?;
    let brought = brought::read(&args.brought, global)?;
    let mut called = Called::default();
    fleet.each(&opener(args, global, query.keep(), &brought), ahead(args), &mut |entry, checkpoints| {
        let path = entry.path.display().to_string();
        match checkpoints {
            Ok(checkpoints) => {
                let name = called.of(entry, &checkpoints, args)?;
                for checkpoint in &checkpoints {
                    database.load(&mut query, &name, checkpoint)?;
                    reports.push((path.clone(), Ok(Report::of(checkpoint))));
                }
            }
            Err(error) => reports.push((path, Err(error))),
        }
        Ok(())
    })?;
    if reports.is_empty() {
        return Ok(fleet.say_nothing());
    }
    // If the only archive cannot be read, the command fails.
    if let ([(_, Err(_))], false) = (reports.as_slice(), fleet.is_several())
        && let Some((_, Err(error))) = reports.pop()
    {
        return Err(error.into());
    }
    let (screen, rows) = answer(database, query, args, Screen::open(global)?, &stop).1?;
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

/// Prints that the result has no rows.
fn say_none(rows: u64, global: &Global) {
    if rows == 0 && !global.quiet {
        complain("no rows");
    }
}

/// Number of archives opened at once.
fn ahead(args: &QueryArgs) -> usize {
    args.threads.unwrap_or_else(rayon::current_num_threads)
}

/// How archives are opened for queries.
fn opener<'g>(args: &'g QueryArgs, global: &'g Global, keep: Keep, brought: &Arc<Brought>) -> Opener<'g> {
    let hashed = args.name.source_id == Some(SourceId::Sha256);
    let keep = if args.hash || brought.reads_everything() { keep.and(Keep::Everything) } else { keep };
    Opener::new(global, keep).bringing(brought).hashing(args.hash).hashing_archive(hashed).naming_stdin(&args.name)
}

/// The values of the column `archive`.
#[derive(Default)]
struct Called(HashMap<String, PathBuf>);

impl Called {
    /// The name of an archive. Two archives with the same name are refused, as their rows could not be told apart.
    fn of(&mut self, entry: &Entry, checkpoints: &[Checkpoint], args: &QueryArgs) -> Result<String, Failure> {
        let name = lead::text_of(&lead::id(&args.name, entry, checkpoints));
        match self.0.insert(name.clone(), entry.path.clone()) {
            Some(other) if args.name.source_id == Some(SourceId::Name) && other != entry.path => {
                let (one, other) = (entry.path.display(), other.display());
                Err(Failure::Usage(format!(
                    "{other} and {one} are both called {name}; tell them apart with --source-id path or sha256"
                )))
            }
            _ => Ok(name),
        }
    }
}

/// Writes the result of a query whose tables are loaded, and returns its number of rows. The database is returned,
/// unless the query does not stop: within one function, the engine does not check the clock. Then the thread is
/// abandoned, until the query or the command ends.
fn answer(
    mut database: Database,
    mut query: Query,
    args: &QueryArgs,
    mut screen: Screen,
    stop: &AtomicBool,
) -> (Option<Database>, Result<(Screen, u64), Failure>) {
    let (format, left) = (args.format, query.time_left());
    let is_writing = Arc::new(AtomicBool::new(false));
    let writing = Arc::clone(&is_writing);
    let (done, answers) = sync_channel(1);
    let work = thread::spawn(move || {
        let written = write(&mut database, &mut query, format, &mut screen, &writing);
        let _ = done.send((Some(database), written.map(|rows| (screen, rows))));
    });
    let (mut spent, mut stopped) = (Duration::ZERO, Duration::ZERO);
    loop {
        match answers.recv_timeout(TICK) {
            Ok(answered) => return answered,
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) if stop.load(Ordering::Relaxed) => stopped = stopped.saturating_add(TICK),
            // Time spent by a slow reader does not count.
            Err(RecvTimeoutError::Timeout) if is_writing.load(Ordering::Relaxed) => {}
            Err(RecvTimeoutError::Timeout) => spent = spent.saturating_add(TICK),
        }
        if stopped > GRACE {
            return (None, Err(Error::Stopped.into()));
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

/// Writes the rows of a result, and returns their number.
fn write(
    database: &mut Database,
    query: &mut Query,
    format: QueryFormat,
    screen: &mut Screen,
    is_writing: &AtomicBool,
) -> Result<u64, Failure> {
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
    let (mut written, mut rows) = (Ok(()), 0_u64);
    database.run(query, &mut |row| {
        rows = rows.saturating_add(1);
        is_writing.store(true, Ordering::Relaxed);
        written = writer.row(&Borrowed::new(&table, row));
        is_writing.store(false, Ordering::Relaxed);
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    written?;
    is_writing.store(true, Ordering::Relaxed);
    writer.finish()?;
    screen.out.flush()?;
    Ok(rows)
}
