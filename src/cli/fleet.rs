//! Many archives at once: which there are, and how they are read side by side while what is said of them comes in the
//! order in which they were named.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read as _, stdin};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread;

use bstr::ByteSlice as _;
use cryoscope::{Checkpoint, ErrorKind};
use globset::Glob;
use sha2::{Digest as _, Sha256};

use super::Failure;
use super::args::{FleetArgs, Global, SourceId};
use super::open::Opener;
use super::screen::complain;

/// Messages of an archive that may wait for those before it.
const WAITING: usize = 16;
/// What tells that a directory is a checkpoint, and not a place where archives are kept.
const SIGNS: [&str; 6] = ["checkpoint", "config.dump", "spec.dump", "oci-layout", "index.json", "manifest.json"];

/// An archive that was named.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) path: PathBuf,
    /// It was found in a directory, where other things may be.
    found: bool,
}

impl Entry {
    /// What was named itself.
    pub(crate) fn named(path: PathBuf) -> Self {
        Entry { path, found: false }
    }

    /// What was found in a directory.
    pub(crate) fn found(path: PathBuf) -> Self {
        Entry { path, found: true }
    }

    /// Its checkpoints; `None` if it was only found and does not look as if it were meant for one.
    pub(crate) fn open(&self, opener: &Opener<'_>) -> Option<Result<Vec<Checkpoint>, cryoscope::Error>> {
        let found = opener.open(&self.path);
        let is_named_so = self.path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("checkpoint-"));
        match &found {
            Err(error)
                if self.found
                    && !is_named_so
                    && matches!(
                        error.kind(),
                        ErrorKind::NotAnArchive(_) | ErrorKind::NoImages(_) | ErrorKind::Empty
                    ) =>
            {
                None
            }
            _ => Some(found),
        }
    }

    /// How it is called in rows.
    pub(crate) fn id(&self, by: Option<SourceId>) -> Result<String, Failure> {
        if by != Some(SourceId::Sha256) || !self.path.is_file() {
            return Ok(self.path.display().to_string());
        }
        let unreadable = |error: io::Error| Failure::Usage(format!("{}: {error}", self.path.display()));
        let mut file = File::open(&self.path).map_err(unreadable)?;
        let mut digest = Sha256::new();
        let mut block = vec![0; 1 << 20];
        loop {
            let read = file.read(&mut block).map_err(unreadable)?;
            if read == 0 {
                break;
            }
            digest.update(&block[..read]);
        }
        Ok(hex(&digest.finalize()))
    }
}

/// Bytes in hexadecimal.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The archives that were named: themselves, in lists, by wildcards and by the directories that hold them.
pub(crate) fn entries(named: &[PathBuf], args: &FleetArgs) -> Result<Vec<Entry>, Failure> {
    let mut paths = named.to_vec();
    paths.extend(args.lists()?.iter().cloned());
    let mut entries = Vec::new();
    for path in paths {
        if path.is_dir() && !is_checkpoint(&path) {
            entries.extend(in_directory(&path)?.into_iter().map(Entry::found));
        } else if path != Path::new("-") && fs::symlink_metadata(&path).is_err() && has_wildcards(&path) {
            entries.extend(matching(&path)?.into_iter().map(Entry::named));
        } else {
            entries.push(Entry::named(path));
        }
    }
    Ok(entries)
}

/// What is read for that: the archives, also those that lists and wildcards name, and the lists.
pub(crate) fn read_by(named: &[PathBuf], args: &FleetArgs) -> Vec<PathBuf> {
    // What cannot be read is said later.
    let listed = args.lists().cloned().unwrap_or_default();
    let paths = named.iter().chain(&listed);
    let meant =
        paths.flat_map(|path| if is_pattern(path) { matching(path).unwrap_or_default() } else { vec![path.clone()] });
    meant.chain(args.files_from.iter().cloned()).collect()
}

/// Whether a path is a pattern: there is nothing of that name, and it has wildcards.
fn is_pattern(path: &Path) -> bool {
    path != Path::new("-") && fs::symlink_metadata(path).is_err() && has_wildcards(path)
}

impl FleetArgs {
    /// The names in lists. They are read once: standard input can be one.
    fn lists(&self) -> Result<&Vec<PathBuf>, Failure> {
        if let Some(names) = self.listed.get() {
            return Ok(names);
        }
        let names = self.files_from.iter().map(|list| listed(list)).collect::<Result<Vec<_>, _>>()?;
        Ok(self.listed.get_or_init(|| names.concat()))
    }
}

/// The lines of a list, or what is ended by NUL in it.
fn listed(list: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |error: io::Error| Failure::Usage(format!("{}: {error}", list.display()));
    let bytes = if list == Path::new("-") {
        let mut bytes = Vec::new();
        stdin().read_to_end(&mut bytes).map_err(unreadable)?;
        bytes
    } else {
        fs::read(list).map_err(unreadable)?
    };
    let end = if bytes.contains(&0) { 0 } else { b'\n' };
    let names =
        bytes.split(|&byte| byte == end).map(|name| if end == 0 { name } else { name.trim_end_with(|c| c == '\r') });
    Ok(names.filter(|name| !name.is_empty()).map(|name| name.to_path_lossy().into_owned()).collect())
}

/// Whether a directory is an unpacked archive or holds images, not archives.
fn is_checkpoint(directory: &Path) -> bool {
    if SIGNS.iter().any(|name| directory.join(name).exists()) {
        return true;
    }
    let Ok(entries) = fs::read_dir(directory) else { return true };
    let mut only_directories = true;
    for entry in entries.flatten() {
        if entry.path().extension().is_some_and(|extension| extension == "img") {
            return true;
        }
        only_directories &= entry.path().is_dir();
    }
    // Unpacked archives side by side are one with several checkpoints.
    only_directories
}

/// Files and directories in a directory, by name.
pub(crate) fn in_directory(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let message = |error: io::Error| {
        let what =
            if error.kind() == io::ErrorKind::NotFound { "no such directory".to_owned() } else { error.to_string() };
        Failure::Usage(format!("{}: {what}; name the directory that holds the checkpoints", directory.display()))
    };
    let entries = fs::read_dir(directory).map_err(message)?;
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.map(|e| e.path())).collect::<Result<_, _>>().map_err(message)?;
    paths.retain(|path| path.is_file() || path.is_dir());
    paths.sort();
    Ok(paths)
}

fn has_wildcards(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().contains(['*', '?', '[']))
}

/// What a wildcard in the last part of a path means; shells mostly have replaced it already.
fn matching(pattern: &Path) -> Result<Vec<PathBuf>, Failure> {
    let name = pattern.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let wrong = |error: globset::Error| Failure::Usage(format!("{}: {error}", pattern.display()));
    let glob = Glob::new(&name).map_err(wrong)?.compile_matcher();
    let folder = pattern.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut paths = in_directory(folder.unwrap_or(Path::new(".")))?;
    paths.retain(|path| path.file_name().is_some_and(|name| glob.is_match(name)));
    if folder.is_none() {
        paths = paths.iter().filter_map(|path| Some(PathBuf::from(path.file_name()?))).collect();
    }
    if paths.is_empty() {
        return Err(Failure::Usage(format!("{}: nothing matches", pattern.display())));
    }
    Ok(paths)
}

/// What came of many archives.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) read: usize,
    pub(crate) failed: usize,
    pub(crate) rows: Option<usize>,
}

impl Tally {
    /// Says it, if there were several archives.
    pub(crate) fn print(&self, entries: &[Entry], global: &Global) {
        if global.quiet || entries.len() < 2 {
            return;
        }
        let Tally { read, failed, rows } = self;
        let rows = rows.map_or_else(String::new, |rows| format!("; {rows} rows"));
        complain(&format!("{} archives: {read} read, {failed} failed{rows}", read + failed));
    }
}

/// Says something of an archive; it waits if much was said already and those before it are not done.
pub(crate) struct Speaker<M>(SyncSender<M>);

/// Nobody listens any more.
pub(crate) struct Gone;

impl<M> Speaker<M> {
    pub(crate) fn say(&self, message: M) -> Result<(), Gone> {
        self.0.send(message).map_err(|_| Gone)
    }
}

/// Does some work for each of `count` things, several at once, and takes what is said of them in their order. What waits
/// is bounded: memory does not grow with their number.
pub(crate) fn in_order<M: Send, E>(
    count: usize,
    threads: Option<usize>,
    work: impl Fn(usize, &Speaker<M>) + Sync,
    mut take: impl FnMut(usize, M) -> Result<(), E>,
) -> Result<(), E> {
    let all = || thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = threads.unwrap_or_else(all).clamp(1, count.max(1));
    let (line, waiting) = channel::<Receiver<M>>();
    let next = Mutex::new(0);
    let stopped = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..threads {
            let (line, next, stopped, work) = (line.clone(), &next, &stopped, &work);
            scope.spawn(move || {
                loop {
                    let (number, speaker) = {
                        // What is taken first stands first in line.
                        let mut next = next.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                        let (speaker, listener) = sync_channel(WAITING);
                        if *next == count || stopped.load(Ordering::Relaxed) || line.send(listener).is_err() {
                            return;
                        }
                        *next += 1;
                        (*next - 1, Speaker(speaker))
                    };
                    work(number, &speaker);
                }
            });
        }
        drop(line);
        let taken = waiting
            .iter()
            .enumerate()
            .try_for_each(|(number, listener)| listener.iter().try_for_each(|message| take(number, message)));
        stopped.store(true, Ordering::Relaxed);
        // Whoever still speaks hears that nobody listens.
        drop(waiting);
        taken
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_comes_in_order_and_waits_its_turn() {
        for threads in [1, 2, 7] {
            let mut heard = Vec::new();
            let work = |number: usize, speaker: &Speaker<usize>| {
                // The first are the slowest, and each says more than may wait.
                thread::sleep(std::time::Duration::from_millis(10_u64.saturating_sub(number as u64)));
                (0..2 * WAITING).for_each(|i| {
                    let _ = speaker.say(number * 100 + i);
                });
            };
            let taken: Result<(), ()> = in_order(12, Some(threads), work, |number, message| {
                assert_eq!(number, message / 100);
                heard.push(message);
                Ok(())
            });
            assert_eq!(taken, Ok(()));
            assert_eq!(heard.len(), 12 * 2 * WAITING);
            assert!(heard.is_sorted());
        }
    }

    #[test]
    fn nobody_waits_for_who_has_gone() {
        let work = |_: usize, speaker: &Speaker<usize>| while speaker.say(1).is_ok() {};
        assert_eq!(in_order(5, Some(2), work, |_, _| Err("enough")), Err("enough"));
        assert_eq!(in_order(0, None, work, |_, _| Err("none")), Ok(()));
    }
}
