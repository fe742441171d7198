//! The one way to archives: what the user names becomes a fleet of archives, which are opened and read here for every command.
//! Several are read at once, and what is said of them comes in the order in which they were named.

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

/// Archives that a message names.
const NAMED: usize = 10;

/// The archives that a command reads.
#[derive(Debug)]
pub(crate) struct Fleet<'a> {
    entries: Vec<Entry>,
    /// What was named, of which these are.
    named: &'a [PathBuf],
    global: &'a Global,
    /// An archive that cannot be read is told of in rows, even if it is the only one.
    has_rows_of_failures: bool,
}

/// The checkpoints of an archive, or why there are none.
pub(crate) type Opened = Result<Vec<Checkpoint>, Error>;

/// What came of the archives.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    read: usize,
    failed: usize,
    /// Rows that were written, if rows are what is written.
    pub(crate) rows: Option<usize>,
    parts: Vec<Exit>,
}

/// What a command hears of an archive.
pub(crate) enum Heard<'m, M> {
    /// It has been opened, and has what was asked for.
    Opened,
    /// Something that the command said while it read the archive.
    Part(M),
    /// A checkpoint is done; its warnings are printed next.
    Done,
    /// It could not be read, which is printed next.
    Failed(&'m Failure),
}

/// The same on its way.
enum Said<M> {
    Opened,
    Part(M),
    Done(Report),
    Failed(Failure),
}

/// Says what a command finds in an archive, from the thread that reads it.
pub(crate) struct Voice<'s, M>(&'s Speaker<Said<M>>);

impl<M> Voice<'_, M> {
    /// The archive has been opened, and has what was asked for.
    pub(crate) fn opened(&self) -> Result<(), Gone> {
        self.0.say(Said::Opened)
    }

    /// Something that was found.
    pub(crate) fn part(&self, part: M) -> Result<(), Gone> {
        self.0.say(Said::Part(part))
    }

    /// A checkpoint is done.
    pub(crate) fn done(&self, report: Report) -> Result<(), Gone> {
        self.0.say(Said::Done(report))
    }
}

/// Why an archive is read no further.
pub(crate) enum Stop {
    /// It cannot be.
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
    /// The archives that were named: by their paths, in lists, by wildcards and by the directories that hold them.
    pub(crate) fn resolve(named: &'a [PathBuf], args: &FleetArgs, global: &'a Global) -> Result<Self, Failure> {
        Ok(Fleet::of(entries(named, args)?, named, global))
    }

    /// Archives that were found in what was named.
    pub(crate) fn of(entries: Vec<Entry>, named: &'a [PathBuf], global: &'a Global) -> Self {
        Fleet { entries, named, global, has_rows_of_failures: false }
    }

    /// The same, if archives that cannot be read are told of in rows.
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

    /// The one checkpoint of a command that takes no more. `what` is that command.
    pub(crate) fn one(&self, opener: &Opener<'_>, what: &str) -> Result<(&Entry, Checkpoint), Failure> {
        let (entry, mut checkpoints) = self.one_archive(opener, what)?;
        match (checkpoints.pop(), checkpoints.as_slice()) {
            (Some(only), []) => Ok((entry, only)),
            (last, others) => {
                let names = set_names(others.iter().chain(&last));
                Err(Failure::Usage(format!(
                    "{}: this archive holds several checkpoints, and {what} takes one; choose it with --set: {names}",
                    entry.path.display()
                )))
            }
        }
    }

    /// The one archive of a command that takes no more, with its checkpoints.
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
                    "{what} takes one archive, and these are {}: {}{more}; name one of them",
                    several.len(),
                    names.join(", ")
                )))
            }
        }
    }

    /// Reads the archives, several at once. `read` runs beside others and says what it finds; `take` hears that in the order in which
    /// the archives were named.
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

    /// Opens the archives, `ahead` of them at once, and gives each to `take` in the order in which they were named.
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

    /// Counts an archive that could not be read, and says why. Alone, it is the command's failure.
    pub(crate) fn failed(&self, tally: &mut Tally, failure: Failure) -> Result<(), Failure> {
        if self.is_alone() {
            return Err(failure);
        }
        tally.failed += 1;
        complain_lines(&failure.lines());
        tally.parts.push(failure.exit());
        Ok(())
    }

    /// Says what came of the archives, and tells the exit code that this comes to.
    pub(crate) fn end(&self, tally: Tally) -> Exit {
        if tally.parts.is_empty() {
            return self.say_nothing();
        }
        self.print(&tally);
        Exit::of_found(tally.parts)
    }

    /// Says that there were no checkpoints, and where.
    pub(crate) fn say_nothing(&self) -> Exit {
        if !self.global.quiet {
            complain(&self.nothing().to_string());
        }
        Exit::No
    }

    fn nothing(&self) -> Failure {
        let names: Vec<String> = self.named.iter().map(|path| path.display().to_string()).collect();
        let place = if names.is_empty() { "that list: it names nothing".to_owned() } else { names.join(", ") };
        Failure::Nothing(format!("no checkpoints in {place}"))
    }

    /// Says how many archives were read, if there were several.
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

    /// Prints the warnings of a checkpoint that is done, and counts what they come to.
    pub(crate) fn done(&mut self, entry: &Entry, report: &Report, global: &Global) {
        self.parts.push(report.print(&entry.path.display().to_string(), global));
    }

    /// What the archives that could not be read come to, and those that were read as far as they allowed.
    pub(crate) fn exit(&self) -> Exit {
        Exit::of_found(self.parts.iter().copied())
    }

    /// Whether nothing was read, and nothing failed.
    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }
}
