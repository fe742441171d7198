//! `--output-dir` with Parquet: a dataset that grows by batches of archives. Each batch is either complete or absent,
//! even if the run is killed; the next run continues from there. `docs/dataset.md` describes the layout.

mod key;
mod ledger;
mod partition;
mod parts;
mod root;
mod schema;
mod writer;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use bstr::{BStr, BString};
use cryoscope::formats::{Columns, Encoded, Encoder, Style};
use cryoscope::tables::{FAILURES, TableSource};
use cryoscope::{Checkpoint, Limits};

use self::key::{Hashed, Key};
use self::ledger::{Failed, Noted, Shape};
use self::partition::{folder_of, is_short};
use self::parts::{Folder, Table};
use self::root::Root;
use self::writer::{Contents, How, Writer};
use super::args::{DatasetArgs, Global, PartitionBy};
use super::exit::Exit;
use super::fleet::{Entry, Fleet, Gone, Speaker, Stop, in_order};
use super::lead::Lead;
use super::limits::flag;
use super::open::Opener;
use super::rows::{All, Selection, Wanted, keep_for, say_rows};
use super::screen::{Report, complain};
use super::{Failure, Outcome};

/// Archives per batch by default. With more, a killed run would lose more; with fewer, the parts would be small, which
/// engines read slowly.
pub(crate) const BATCH: usize = 1000;

/// Maximum length of the stored message for an archive that could not be read, in bytes.
const MESSAGE_MOST: usize = 4096;

/// The dataset to write.
pub(crate) struct Job<'a> {
    pub(crate) path: &'a std::path::Path,
    pub(crate) fleet: &'a Fleet<'a>,
    pub(crate) sources: &'a [&'static TableSource],
    pub(crate) style: Style,
    pub(crate) threads: Option<usize>,
    /// What the user brought.
    pub(crate) brought: Arc<cryoscope::analysis::Brought>,
    pub(crate) lead: Lead<'a>,
    /// Whether contents are hashed in tables that have a column for it.
    pub(crate) hash: bool,
    pub(crate) args: &'a DatasetArgs,
    pub(crate) global: &'a Global,
}

/// Output for one archive.
enum Said {
    /// It is already in the dataset, or a copy of an earlier one. The value says whether it had failed.
    Known(bool),
    /// It was opened: its name, its path and its identity.
    Opened(BString, BString, Key),
    /// Rows of a table, given by number.
    Rows(usize, Folder, Vec<Encoded>),
    /// A checkpoint is finished.
    Done(Report),
    /// It could not be read.
    Failed(BString, BString, Key, Failure),
    /// Its rows cannot be written.
    Broken(Failure),
    /// The end of the archive.
    End,
}

/// Numbers of archives.
#[derive(Debug, Default)]
struct Tally {
    read: usize,
    known: usize,
    had_failed: usize,
    failed: usize,
    rows: usize,
}

impl Job<'_> {
    /// Reads the new archives and writes their rows.
    pub(crate) fn run(&self) -> Outcome {
        self.lead.check(self.fleet.entries())?;
        let entries = self.sorted();
        self.check_names(&entries)?;
        let tables: Vec<Table> = self.sources.iter().map(|source| self.table(source)).collect();
        let names: BTreeSet<String> = tables.iter().map(|table| table.source.table.name.to_string()).collect();
        let names = names.into_iter().collect();
        let shape = Shape { tables: names, partition: self.args.partition_by, asked: self.asked() };
        let root = Root::open(self.path, &shape.tables, &self.global.outputs, self.global.quiet)?;
        let contents = Contents::read(&root, &tables, &shape, self.how())?;
        let most = self.args.batch.unwrap_or(BATCH);
        let mut writer = Writer::new(&root, &tables, shape, &self.lead, contents, most, &self.global.record);
        let (tally, exit) = self.read_all(&entries, &mut writer)?;
        writer.finish()?;
        if tally.read + tally.known + tally.failed == 0 {
            self.fleet.say_nothing();
        }
        self.print(&tally, writer.written());
        // If all archives were already in the dataset, that is a success.
        Ok(if exit == Exit::No && tally.known > 0 { Exit::Done } else { exit })
    }

    fn table(&self, source: &'static TableSource) -> Table {
        let mut style = self.style.clone();
        // Its columns do not follow those of other tables, which the user may have chosen.
        if source.table.name == FAILURES.table.name {
            style.columns = Columns::All;
        }
        Table { source, style }
    }

    /// The flags that affect the rows of an archive or its name. With other flags, known archives would have other
    /// rows.
    fn asked(&self) -> Vec<String> {
        let set = self.global.set.iter().map(|set| format!("--set {set}"));
        let parents = self.global.parent.iter().map(|path| format!("--parent {}", path.display()));
        // Limits on memory change no row.
        let limits = self.global.limits.limits();
        let bounds =
            limits.values().filter(|(limit, value)| *value != limit.default && **limit != Limits::KEPT_IN_MEMORY);
        let bounds: Vec<String> = bounds.map(|(limit, value)| format!("{} {value}", flag(limit))).collect();
        set.chain(parents).chain(self.lead.asked()).chain(bounds).collect()
    }

    fn how(&self) -> How {
        match (self.args.skip_known, self.global.force) {
            (true, _) => How::Add,
            (false, true) => How::Replace,
            (false, false) => How::New,
        }
    }

    /// The archives sorted by name, so that rows are, too.
    fn sorted(&self) -> Vec<&Entry> {
        let mut entries: Vec<&Entry> = self.fleet.entries().iter().collect();
        entries.sort_by_cached_key(|entry| self.lead.id_of(entry, None));
        entries
    }

    /// Refuses names that cannot become the name of a directory.
    fn check_names(&self, entries: &[&Entry]) -> Result<(), Failure> {
        if self.args.partition_by != Some(PartitionBy::Archive) {
            return Ok(());
        }
        let is_hash = |entry: &Entry| self.lead.is_by_hash() && !entry.path.is_dir();
        let is_long = |entry: &&&Entry| !is_hash(entry) && !is_short(&folder_of(self.lead.id_of(entry, None).as_ref()));
        let is_null = |entry: &&&Entry| {
            let folder = folder_of(self.lead.id_of(entry, None).as_ref());
            !PartitionBy::Archive.is_folder(&folder) || folder == PartitionBy::Archive.unknown()
        };
        if let Some(entry) = entries.iter().find(is_null) {
            return Err(Failure::Usage(format!(
                "{}: the name cannot be used for a directory; choose another with --source-name, or use --source-id sha256",
                entry.path.display()
            )));
        }
        entries.iter().find(is_long).map_or(Ok(()), |entry| {
            Err(Failure::Usage(format!(
                "{}: the name is too long for a directory; shorten it with --source-id name or --source-id sha256",
                entry.path.display()
            )))
        })
    }

    fn read_all(&self, entries: &[&Entry], writer: &mut Writer<'_>) -> Result<(Tally, Exit), Failure> {
        let known = Known::of(writer.contents(), self.args);
        let readers = Readers::new(self, entries.len() > 1);
        let (mut parts, mut tally) = (Vec::new(), Tally::default());
        let mut now = Now::default();
        let work = |number: usize, speaker: &Speaker<Said>| {
            let Some(entry) = entries.get(number) else { return };
            let _ = match self.read(number, entry, &readers, &known, speaker) {
                Ok(()) => speaker.say(Said::End),
                Err(Stop::Failed(failure)) => speaker.say(Said::Broken(failure)),
                Err(Stop::Gone) => Ok(()),
            };
        };
        in_order(entries.len(), self.threads, work, |number, said| -> Result<(), Failure> {
            match said {
                Said::Known(had_failed) => {
                    tally.known += 1;
                    tally.had_failed += usize::from(had_failed);
                }
                Said::Opened(archive, path, key) => {
                    now.is_copy = self.args.skip_known && !now.keys.insert(key.clone());
                    if now.is_copy {
                        tally.known += 1;
                    } else {
                        tally.read += 1;
                        now.noted = Some(Noted { archive, path, key, failed: None });
                    }
                }
                Said::Rows(..) | Said::Done(_) if now.is_copy => {}
                Said::Rows(table, folder, rows) => {
                    tally.rows += rows.len();
                    now.folder.clone_from(&folder);
                    writer.rows(table, &folder, rows)?;
                }
                Said::Done(report) => {
                    let name = entries.get(number).map(|entry| entry.path.display().to_string());
                    parts.push(report.print(&name.unwrap_or_default(), self.global));
                }
                Said::Failed(archive, path, key, failure) => {
                    if self.args.skip_known && !now.keys.insert(key.clone()) {
                        tally.known += 1;
                        tally.had_failed += 1;
                        return Ok(());
                    }
                    tally.failed += 1;
                    complain(&failure.to_string());
                    parts.push(failure.exit());
                    now.noted = Some(Noted { archive, path, key, failed: Some(failed(&failure)) });
                }
                Said::Broken(failure) => return Err(failure),
                Said::End => {
                    let folder = now.folder.take();
                    now.is_copy = false;
                    if let Some(noted) = now.noted.take() {
                        writer.done(noted, &folder)?;
                    }
                }
            }
            Ok(())
        })?;
        Ok((tally, Exit::of_found(parts)))
    }

    /// Reads an archive and sends its rows, unless it is known.
    fn read(
        &self,
        number: usize,
        entry: &Entry,
        readers: &Readers<'_>,
        known: &Known,
        speaker: &Speaker<Said>,
    ) -> Result<(), Stop> {
        let hashed = if self.args.skip_known { Hashed::of(entry) } else { None };
        if let Some(hashed) = &hashed
            && let Some(had_failed) = known.knows(number, &Key::Bytes(hashed.sha256.clone()))
        {
            return Ok(speaker.say(Said::Known(had_failed))?);
        }
        let opener = if hashed.is_some() { &readers.plain } else { &readers.hashing };
        let Some(found) = entry.open(opener) else { return Ok(()) };
        let sha256 = hashed.as_ref().map(|hashed| hashed.sha256.clone());
        let checkpoints = match found {
            Err(error) => {
                let sha256 = sha256.or_else(|| Hashed::of(entry).map(|hashed| hashed.sha256));
                return Ok(self.say_failure(entry, sha256, Failure::Archive(error), speaker)?);
            }
            Ok(checkpoints) => checkpoints,
        };
        if hashed.is_some_and(|hashed| hashed.is_stale(checkpoints.first())) {
            return Ok(self.say_failure(entry, None, changed(entry), speaker)?);
        }
        let own = || checkpoints.first()?.archive().sha256().map(str::to_owned);
        let sha256 = sha256.or_else(own);
        let key = Key::of(sha256.as_deref(), &checkpoints);
        if self.args.skip_known
            && let Some(had_failed) = known.knows(number, &key)
        {
            return Ok(speaker.say(Said::Known(had_failed))?);
        }
        let id = self.lead.id_of(entry, sha256.as_deref());
        speaker.say(Said::Opened(id.clone(), entry.path_name(), key))?;
        checkpoints
            .into_iter()
            .try_for_each(|checkpoint| self.say_checkpoint(&id, sha256.as_deref(), &checkpoint, speaker))
    }

    fn say_checkpoint(
        &self,
        id: &BString,
        sha256: Option<&str>,
        checkpoint: &Checkpoint,
        speaker: &Speaker<Said>,
    ) -> Result<(), Stop> {
        let mut encoder = Encoder::new(self.style.clone());
        encoder.lead(self.lead.values_of(&self.style.lead, id, Some(checkpoint.set_name()), sha256));
        let folder = self.args.partition_by.map(|by| Arc::from(by.folder(BStr::new(id), checkpoint)));
        let wanted = Wanted { filter: &All, selection: &Selection::default(), wide: None, is_wide: false };
        for (number, source) in self.sources.iter().enumerate() {
            say_rows(source, checkpoint, &wanted, &mut encoder, &mut |_, rows| {
                Ok(speaker.say(Said::Rows(number, folder.clone(), rows))?)
            })?;
        }
        // Images that no requested table needs may be damaged, too.
        checkpoint.read_all();
        Ok(speaker.say(Said::Done(Report::of(checkpoint)))?)
    }

    fn say_failure(
        &self,
        entry: &Entry,
        sha256: Option<String>,
        failure: Failure,
        speaker: &Speaker<Said>,
    ) -> Result<(), Gone> {
        let id = self.lead.id_of(entry, sha256.as_deref());
        let path = entry.path_name();
        let key = sha256.map_or_else(|| Key::Path(path.clone()), Key::Bytes);
        speaker.say(Said::Failed(id, path, key, failure))
    }

    /// Prints a summary, if there were several archives.
    fn print(&self, tally: &Tally, batches: usize) {
        let Tally { read, known, had_failed, failed, rows } = tally;
        let all = read + known + failed;
        if self.global.quiet || all == 0 || all == 1 && *known == 0 {
            return;
        }
        let again = if *had_failed > 0 {
            format!(" ({had_failed} of them failed before; --retry-failed reads them again)")
        } else {
            String::new()
        };
        complain(&format!(
            "{all} archives: {read} read, {known} already known{again}, {failed} failed; {rows} rows, batches: {batches}"
        ));
    }
}

/// The archive that is being taken.
#[derive(Default)]
struct Now {
    /// Identities of the archives of this run.
    keys: HashSet<Key>,
    noted: Option<Noted>,
    folder: Folder,
    /// Whether an earlier one was the same.
    is_copy: bool,
}

/// How archives are opened. Those whose hash is known are not hashed again.
struct Readers<'a> {
    plain: Opener<'a>,
    hashing: Opener<'a>,
}

impl<'a> Readers<'a> {
    fn new(job: &Job<'a>, several: bool) -> Self {
        let keep = keep_for(job.sources, job.style.format, &job.brought);
        let keep = if job.hash { keep.and(cryoscope::memory::Keep::Everything) } else { keep };
        let plain =
            Opener::new(job.global, keep).bringing(&job.brought).hashing(job.hash).naming_stdin(job.lead.name());
        let plain = if several { plain.without_progress() } else { plain };
        Readers { hashing: plain.clone().hashing_archive(true), plain }
    }
}

/// Archives that need not be read.
struct Known {
    /// Archives in the dataset before the run, and whether they had failed.
    there: HashMap<Key, bool>,
    /// Archives that threads have begun, by number.
    begun: Mutex<HashMap<Key, usize>>,
}

impl Known {
    fn of(contents: &Contents, args: &DatasetArgs) -> Self {
        let there = contents.keys().filter(|(_, had_failed)| !(args.retry_failed && *had_failed));
        Known { there: there.map(|(key, had_failed)| (key.clone(), had_failed)).collect(), begun: Mutex::default() }
    }

    /// Whether an archive is known (in the dataset, or the same as an earlier one that was begun), and whether it had
    /// failed.
    fn knows(&self, number: usize, key: &Key) -> Option<bool> {
        if let Some(had_failed) = self.there.get(key) {
            return Some(*had_failed);
        }
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let first = begun.entry(key.clone()).or_insert(number);
        if *first < number {
            return Some(false);
        }
        *first = number;
        None
    }
}

fn changed(entry: &Entry) -> Failure {
    Failure::Usage(format!(
        "{}: the file changed between hashing and reading; copy it and read the copy",
        entry.path.display()
    ))
}

/// The content of the row for a failure.
pub(crate) fn failed(failure: &Failure) -> Failed {
    let (code, mut message) = failure.row();
    // The message may repeat much of the archive.
    message.truncate(message.floor_char_boundary(MESSAGE_MOST));
    Failed { code: code.to_owned(), message }
}

#[cfg(test)]
mod tests {
    use cryoscope::formats::{Columns, Format, Style};

    /// The style of the parts.
    pub(crate) fn style() -> Style {
        let lead = ["archive", "set"].map(str::to_owned).into();
        Style { format: Format::PARQUET, columns: Columns::All, name_tables: false, lead, width: None }
    }
}
