//! The only way to open archives: the names given by the user become a fleet of archives, which are opened and read
//! here for every command. Several are read at once, and their output comes in the order in which they were named.

mod entry;
mod folder;
mod names;
mod order;

use std::path::PathBuf;

use cryoscope::{Checkpoint, Error};
use rayon::prelude::*;

use self::names::entries;
use super::Failure;
use super::args::{FleetArgs, Global};
use super::exit::Exit;
use super::open::{Opener, set_names};
use super::screen::{Report, complain, complain_lines};

pub(crate) use self::entry::Entry;
pub(crate) use self::folder::in_folder;
pub(crate) use self::names::read_by;
pub(crate) use self::order::{Gone, Speaker, in_order};

/// Number of archives that a message lists.
const NAMED: usize = 10;

/// The archives that a command reads.
#[derive(Debug)]
pub(crate) struct Fleet<'a> {
    entries: Vec<Entry>,
    /// The names they came from.
    named: &'a [PathBuf],
    global: &'a Global,
    /// Whether an archive that cannot be read becomes a row, even if it is the only one.
    has_rows_of_failures: bool,
}

/// The checkpoints of an archive, or the error.
pub(crate) type Opened = Result<Vec<Checkpoint>, Error>;

/// Totals of the run.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    read: usize,
    failed: usize,
    /// Number of rows written, for commands that write rows.
    pub(crate) rows: Option<usize>,
    parts: Vec<Exit>,
}

/// An event of an archive, as the command receives it.
pub(crate) enum Heard<'m, M> {
    /// It was opened and has the requested processes.
    Opened,
    /// Output of the command from reading the archive.
    Part(M),
    /// A checkpoint is finished. Its warnings are printed next.
    Done,
    /// It could not be read. The error is printed next.
    Failed(&'m Failure),
}

/// The same event on its way.
enum Said<M> {
    Opened,
    Part(M),
    Done(Report),
    Failed(Failure),
}

/// Sends the results from an archive, from the thread that reads it.
pub(crate) struct Voice<'s, M>(&'s Speaker<Said<M>>);

impl<M> Voice<'_, M> {
    /// The archive was opened and has the requested processes.
    pub(crate) fn opened(&self) -> Result<(), Gone> {
        self.0.say(Said::Opened)
    }

    /// Sends a result.
    pub(crate) fn part(&self, part: M) -> Result<(), Gone> {
        self.0.say(Said::Part(part))
    }

    /// A checkpoint is finished.
    pub(crate) fn done(&self, report: Report) -> Result<(), Gone> {
        self.0.say(Said::Done(report))
    }
}

/// Why reading an archive stopped.
pub(crate) enum Stop {
    /// It cannot be read.
    Failed(Failure),
    /// The command has ended.
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

impl<'a> Fleet<'a> {
    /// Resolves the named archives: paths, lists, wildcards, and directories that hold archives.
    pub(crate) fn resolve(named: &'a [PathBuf], args: &FleetArgs, global: &'a Global) -> Result<Self, Failure> {
        Ok(Fleet::of(entries(named, args)?, named, global))
    }

    /// A fleet of archives that were found under the given names.
    pub(crate) fn of(entries: Vec<Entry>, named: &'a [PathBuf], global: &'a Global) -> Self {
        Fleet { entries, named, global, has_rows_of_failures: false }
    }

    /// Sets whether archives that cannot be read become rows.
    pub(crate) fn with_rows_of_failures(mut self, has_rows: bool) -> Self {
        self.has_rows_of_failures = has_rows;
        self
    }

    /// The archives.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Whether there are several archives.
    pub(crate) fn is_several(&self) -> bool {
        self.entries.len() > 1
    }

    /// The checkpoint for a command that takes only one. `what` names the command.
    pub(crate) fn one(&self, opener: &Opener<'_>, what: &str) -> Result<(&Entry, Checkpoint), Failure> {
        let (entry, mut checkpoints) = self.one_archive(opener, what)?;
        match (checkpoints.pop(), checkpoints.as_slice()) {
            (Some(only), []) => Ok((entry, only)),
            (last, others) => {
                let names = set_names(others.iter().chain(&last));
                Err(Failure::Usage(format!(
                    "{}: the archive holds several checkpoints, but {what} takes one; choose it with --set: {names}",
                    entry.path.display()
                )))
            }
        }
    }

    /// The archive for a command that takes only one, with its checkpoints.
    pub(crate) fn one_archive(&self, opener: &Opener<'_>, what: &str) -> Result<(&Entry, Vec<Checkpoint>), Failure> {
        match self.entries.as_slice() {
            [] => Err(self.nothing()),
            [entry] => match entry.open(opener) {
                Some(checkpoints) => Ok((entry, checkpoints?)),
                None => Err(self.nothing()),
            },
            several => {
                let names: Vec<String> =
                    several.iter().take(NAMED).map(|entry| entry.path.display().to_string()).collect();
                let more = if several.len() > NAMED { ", …" } else { "" };
                Err(Failure::Usage(format!(
                    "{what} takes one archive, but {} are given: {}{more}; name one of them",
                    several.len(),
                    names.join(", ")
                )))
            }
        }
    }

    /// Reads the archives, several at once. `read` runs in parallel and sends results; `take` receives them in the
    /// order in which the archives were named.
    pub(crate) fn read<M: Send>(
        &self,
        opener: &Opener<'_>,
        threads: Option<usize>,
        read: impl Fn(&Entry, Vec<Checkpoint>, &Voice<'_, M>) -> Result<(), Stop> + Sync,
        mut take: impl FnMut(&Entry, Heard<'_, M>) -> Result<(), Failure>,
    ) -> Result<Tally, Failure> {
        let opener = self.opener(opener);
        let work = |number: usize, speaker: &Speaker<Said<M>>| {
            let Some(entry) = self.entries.get(number) else { return };
            let Some(found) = entry.open(&opener) else { return };
            let read = |checkpoints| read(entry, checkpoints, &Voice(speaker));
            if let Err(Stop::Failed(failure)) = found.map_err(|error| Stop::Failed(error.into())).and_then(read) {
                let _ = speaker.say(Said::Failed(failure));
            }
        };
        let mut tally = Tally::default();
        in_order(self.entries.len(), threads, work, |number, said| -> Result<(), Failure> {
            let Some(entry) = self.entries.get(number) else { return Ok(()) };
            match said {
                Said::Opened => {
                    tally.read += 1;
                    take(entry, Heard::Opened)
                }
                Said::Part(part) => take(entry, Heard::Part(part)),
                Said::Done(report) => {
                    take(entry, Heard::Done)?;
                    tally.done(entry, &report, self.global);
                    Ok(())
                }
                Said::Failed(failure) => {
                    if !self.is_alone() {
                        take(entry, Heard::Failed(&failure))?;
                    }
                    self.failed(&mut tally, failure)
                }
            }
        })?;
        Ok(tally)
    }

    /// Opens the archives, `ahead` of them at once, and passes each to `take` in the order in which they were named.
    pub(crate) fn each(
        &self,
        opener: &Opener<'_>,
        ahead: usize,
        take: &mut dyn FnMut(&Entry, Opened) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let opener = self.opener(opener);
        for some in self.entries.chunks(ahead.max(1)) {
            if let [entry] = some {
                entry.open(&opener).map_or(Ok(()), |opened| take(entry, opened))?;
                continue;
            }
            let together: Vec<Option<Opened>> = some.par_iter().map(|entry| entry.open(&opener)).collect();
            for (entry, opened) in some.iter().zip(together) {
                opened.map_or(Ok(()), |opened| take(entry, opened))?;
            }
        }
        Ok(())
    }

    /// Counts an archive that could not be read, and prints the error. If it is the only archive, the command fails.
    pub(crate) fn failed(&self, tally: &mut Tally, failure: Failure) -> Result<(), Failure> {
        if self.is_alone() {
            return Err(failure);
        }
        tally.failed += 1;
        complain_lines(&failure.lines());
        tally.parts.push(failure.exit());
        Ok(())
    }

    /// Prints the totals and returns the exit code.
    pub(crate) fn end(&self, tally: Tally) -> Exit {
        if tally.parts.is_empty() {
            return self.say_nothing();
        }
        self.print(&tally);
        Exit::of_found(tally.parts)
    }

    /// Prints that there were no checkpoints, and where.
    pub(crate) fn say_nothing(&self) -> Exit {
        if !self.global.quiet {
            complain(&self.nothing().to_string());
        }
        Exit::No
    }

    fn nothing(&self) -> Failure {
        let names: Vec<String> = self.named.iter().map(|path| path.display().to_string()).collect();
        let place = if names.is_empty() { "the list: it is empty".to_owned() } else { names.join(", ") };
        Failure::Nothing(format!("no checkpoints in {place}"))
    }

    /// Prints how many archives were read, if there were several.
    fn print(&self, tally: &Tally) {
        if self.global.quiet || !self.is_several() {
            return;
        }
        let Tally { read, failed, rows, .. } = tally;
        let rows = rows.map_or_else(String::new, |rows| format!("; {rows} rows"));
        complain(&format!("{} archives: {read} read, {failed} failed{rows}", read + failed));
    }

    fn is_alone(&self) -> bool {
        !self.is_several() && !self.has_rows_of_failures
    }

    fn opener<'o>(&self, opener: &Opener<'o>) -> Opener<'o> {
        if self.is_several() { opener.clone().without_progress() } else { opener.clone() }
    }
}

impl Tally {
    /// Counts an archive that was read.
    pub(crate) fn opened(&mut self) {
        self.read += 1;
    }

    /// Prints the warnings of a finished checkpoint and counts its exit code.
    pub(crate) fn done(&mut self, entry: &Entry, report: &Report, global: &Global) {
        self.parts.push(report.print(&entry.path.display().to_string(), global));
    }

    /// The exit code from failed archives and from those that were read.
    pub(crate) fn exit(&self) -> Exit {
        Exit::of_found(self.parts.iter().copied())
    }

    /// Whether no archive was read and none failed.
    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }
}
