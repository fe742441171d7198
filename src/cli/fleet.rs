//! Many archives at once: which there are, and how they are read side by side while what is said of them comes in the
//! order in which they were named.

use std::borrow::Cow;
use std::fs;
use std::io::{self, stdin};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread;

use bstr::{BString, ByteSlice as _, ByteVec as _};
use cryoscope::archive::{read_most, read_small};
use cryoscope::memory::Keep;
use cryoscope::{Checkpoint, ErrorKind, ImageFile, Limits, Options};

use super::Failure;
use super::args::{FleetArgs, Global};
use super::exit::Exit;
use super::open::Opener;
use super::screen::complain;

/// Messages of an archive that may wait for those before it.
const WAITING: usize = 16;
/// Bytes of a list of names.
const LIST_MOST: u64 = 64 << 20;
/// What an unpacked archive or image has, and other folders may have, too.
const SIGNS: [&str; 6] = ["checkpoint", "config.dump", "spec.dump", "oci-layout", "index.json", "manifest.json"];
/// Images that are looked at to tell whether files of that name are.
const IMAGES: usize = 16;

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

    /// Its checkpoints; `None` if it was only found, and plainly is something else. A link to a folder leads anywhere, maybe to all
    /// of this machine: it is not followed unless it was named.
    pub(crate) fn open(&self, opener: &Opener<'_>) -> Option<Result<Vec<Checkpoint>, cryoscope::Error>> {
        if self.found && is_link_to_folder(&self.path) {
            opener.skipped(&self.path);
            return None;
        }
        if self.found
            && let Some(what) = special(&self.path)
        {
            // Who writes to a pipe, or whether anybody does, nobody knows who only named its folder.
            if self.is_called_an_archive() {
                let message = format!("{}: {what}, passed over; to read it, name it itself", self.path.display());
                return Some(Err(ErrorKind::Io(io::Error::other(message)).into()));
            }
            opener.skipped(&self.path);
            return None;
        }
        let found = opener.open(&self.path);
        if self.found && found.as_ref().is_err_and(|error| self.is_something_else(error.kind())) {
            opener.skipped(&self.path);
            return None;
        }
        Some(found)
    }

    /// Whether an error says that it was never meant for a checkpoint.
    fn is_something_else(&self, error: &ErrorKind) -> bool {
        match error {
            // A copy that was interrupted at once has no content that tells.
            ErrorKind::Empty if self.is_called_an_archive() => false,
            _ if self.is_called_a_checkpoint() => false,
            error => error.is_something_else(),
        }
    }

    /// Whether its name is one of an archive.
    fn is_called_an_archive(&self) -> bool {
        let ends = [".tar", ".tgz", ".gz", ".zst", ".xz", ".bz2"];
        self.is_called_a_checkpoint() || ends.iter().any(|end| self.name().ends_with(end))
    }

    /// Whether its name is what engines call checkpoints.
    fn is_called_a_checkpoint(&self) -> bool {
        self.name().starts_with("checkpoint-")
    }

    fn name(&self) -> Cow<'_, str> {
        self.path.file_name().unwrap_or_default().to_string_lossy()
    }

    /// Whether it is standard input.
    pub(crate) fn is_stdin(&self) -> bool {
        self.path == Path::new("-")
    }

    /// Its path, as it was given.
    pub(crate) fn path_name(&self) -> BString {
        Vec::from_path_lossy(&self.path).into_owned().into()
    }

    /// The last part of its path.
    pub(crate) fn file_name(&self) -> BString {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        Vec::from_os_str_lossy(name).into_owned().into()
    }
}

/// The archives that were named: themselves, in lists, by wildcards and by the directories that hold them.
pub(crate) fn entries(named: &[PathBuf], args: &FleetArgs) -> Result<Vec<Entry>, Failure> {
    let mut paths = named.to_vec();
    paths.extend(args.lists()?.iter().cloned());
    entries_of(paths)
}

/// The same without lists.
pub(crate) fn entries_of(paths: Vec<PathBuf>) -> Result<Vec<Entry>, Failure> {
    let mut entries = Vec::new();
    for path in paths {
        if path != Path::new("-") && path.is_dir() {
            // What cannot be listed is opened, which tells why.
            entries.extend(in_folder(&path).unwrap_or_else(|_| vec![Entry::named(path)]));
        } else if is_pattern(&path) {
            let found = matching(&path)?;
            if found.is_empty() {
                complain(&format!("{}: nothing matches", path.display()));
            }
            // Special files were not meant by name.
            entries.extend(found.into_iter().map(|path| Entry { found: special(&path).is_some(), path }));
        } else {
            entries.push(Entry::named(path));
        }
    }
    Ok(entries)
}

/// Says that there were no checkpoints, and where.
pub(crate) fn none_in<'p>(places: impl IntoIterator<Item = &'p Path>, global: &Global) -> Exit {
    if !global.quiet {
        let names: Vec<String> = places.into_iter().map(|path| path.display().to_string()).collect();
        let place = if names.is_empty() { "that list: it names nothing".to_owned() } else { names.join(", ") };
        complain(&format!("no checkpoints in {place}"));
    }
    Exit::No
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
    let unreadable = |error: io::Error| {
        let name = if list == Path::new("-") { "standard input".into() } else { list.display().to_string() };
        Failure::Usage(format!("cannot read names of archives from {name}: {error}"))
    };
    let bytes = if list == Path::new("-") { read_most(stdin(), LIST_MOST) } else { read_small(list, LIST_MOST) };
    let bytes = bytes.map_err(unreadable)?;
    let end = if bytes.contains(&0) { 0 } else { b'\n' };
    let names =
        bytes.split(|&byte| byte == end).map(|name| if end == 0 { name } else { name.trim_end_with(|c| c == '\r') });
    Ok(names.filter(|name| !name.is_empty()).map(|name| name.to_path_lossy().into_owned()).collect())
}

/// What is to be opened of a folder: the folder itself if it is an unpacked checkpoint, else what is in it and, one level down, in
/// its folders. What a file is called hides nothing that lies beside it.
pub(crate) fn in_folder(folder: &Path) -> Result<Vec<Entry>, Failure> {
    // Neither, which is said when it is opened.
    if cryoscope::archive::kernel_file_system(folder).is_some() {
        return Ok(vec![Entry::named(folder.to_owned())]);
    }
    let paths = in_directory(folder)?;
    // What may be listed but not searched cannot be told; opening it says so.
    let denied = |path: &PathBuf| path.metadata().is_err_and(|e| e.kind() == io::ErrorKind::PermissionDenied);
    if has_images(folder) || paths.iter().any(denied) {
        return Ok(vec![Entry::named(folder.to_owned())]);
    }
    let (folders, files): (Vec<&PathBuf>, Vec<&PathBuf>) = paths.iter().partition(|path| path.is_dir());
    // Unpacked archives side by side are one with several checkpoints.
    let is_passed_over = |path: &PathBuf| special(path).is_some() && !Entry::found(path.clone()).is_called_an_archive();
    let (with_images, others): (Vec<&PathBuf>, Vec<&PathBuf>) = folders.iter().partition(|folder| has_images(folder));
    let are_side_by_side = others.is_empty() && files.iter().all(|path| is_passed_over(path));
    // So is a bundle of runc or crun, or what is left of one: images, CRIU's work directory, and the bundle's documents.
    let is_bundle = with_images.len() == 1
        && others.iter().all(|folder| is_work_folder(folder))
        && files.iter().all(|path| is_passed_over(path) || is_of_bundle(path));
    if !with_images.is_empty() && (are_side_by_side || is_bundle) {
        return Ok(vec![Entry::named(folder.to_owned())]);
    }
    if SIGNS.iter().any(|name| folder.join(name).exists()) {
        // What lies in a file or a folder of it is named by its path. What does not is the folder's own: an unpacked archive,
        // an image.
        let is_inside = |set: &[u8]| {
            let first = set.split_once_str("/").map_or(set, |(first, _)| first);
            paths.iter().any(|path| path.file_name().is_some_and(|name| name.as_encoded_bytes() == first))
        };
        let opened = Options::new().keep(Keep::Tables).open(folder);
        let is_own = match &opened {
            Ok(checkpoints) => checkpoints.iter().any(|checkpoint| !is_inside(checkpoint.set_name())),
            // An image without a checkpoint says so itself.
            Err(error) => matches!(error.kind(), ErrorKind::Oci(_)),
        };
        if is_own {
            return Ok(vec![Entry::named(folder.to_owned())]);
        }
    }
    let mut entries = Vec::new();
    for path in &paths {
        let is_looked_into = path.is_dir() && !is_link_to_folder(path) && !has_images(path);
        let below = if is_looked_into { in_directory(path).ok() } else { None };
        match below {
            Some(below) if !SIGNS.iter().any(|name| path.join(name).exists()) => {
                entries.extend(below.into_iter().map(Entry::found));
            }
            _ => entries.push(Entry::found(path.clone())),
        }
    }
    Ok(entries)
}

/// What a special file is, or a link to one; `None` of files, folders, and what cannot be looked at: opening that tells why.
fn special(path: &Path) -> Option<&'static str> {
    let kind = fs::metadata(path).ok()?.file_type();
    if kind.is_file() || kind.is_dir() {
        return None;
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        if kind.is_fifo() {
            return Some("a named pipe");
        }
        if kind.is_socket() {
            return Some("a socket");
        }
        if kind.is_block_device() || kind.is_char_device() {
            return Some("a device");
        }
    }
    Some("a special file")
}

fn is_link_to_folder(path: &Path) -> bool {
    path.is_symlink() && path.is_dir()
}

/// Whether a folder is an unpacked archive or a set of images: it holds some, or its folder for them does.
fn has_images(folder: &Path) -> bool {
    let limits = Limits::default();
    [folder.to_owned(), folder.join("checkpoint")].iter().any(|folder| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let named = entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "img"));
        // Those that have a magic number of their own come first: of pages there may be many.
        let is_pages =
            |path: &PathBuf| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"pages-"));
        let (pages, others): (Vec<PathBuf>, Vec<PathBuf>) = named.partition(is_pages);
        let mut images = others.iter().chain(&pages).filter(|path| path.is_file()).take(IMAGES);
        images.any(|path| ImageFile::open(path, &limits).is_ok_and(|image| image.is_some()))
    })
}

/// Whether a folder is CRIU's work directory, which may lie beside that of the images: there are statistics of the dump or
/// its log, and nothing that CRIU does not write there.
fn is_work_folder(folder: &Path) -> bool {
    let names: Vec<_> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name()).take(IMAGES).collect();
    !names.is_empty() && names.iter().all(|name| is_work_file(name.as_encoded_bytes()))
}

/// Whether a file is one that CRIU writes to its work directory.
fn is_work_file(name: &[u8]) -> bool {
    name.ends_with(b".log") || matches!(name, b"stats-dump" | b"stats-restore" | b"irmap-cache" | b"criu.pidfile")
}

/// Whether a file is one that lies beside the folder of the images in a bundle.
fn is_of_bundle(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    is_work_file(name) || matches!(name, b"config.json" | b"state.json")
}

/// What is in a directory, by name.
pub(crate) fn in_directory(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let message = |error: io::Error| {
        let what =
            if error.kind() == io::ErrorKind::NotFound { "no such directory".to_owned() } else { error.to_string() };
        Failure::Usage(format!("{}: {what}; name the directory that holds the checkpoints", directory.display()))
    };
    let entries = fs::read_dir(directory).map_err(message)?;
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.map(|e| e.path())).collect::<Result<_, _>>().map_err(message)?;
    paths.sort();
    Ok(paths)
}

fn has_wildcards(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().contains(['*', '?', '[']))
}

/// What a wildcard in the last part of a path means; shells mostly have replaced it already.
fn matching(pattern: &Path) -> Result<Vec<PathBuf>, Failure> {
    let name = pattern.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let glob = super::wildcard::one(&name, true)?;
    let folder = pattern.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut paths = in_directory(folder.unwrap_or(Path::new(".")))?;
    paths.retain(|path| path.file_name().is_some_and(|name| glob.is_match(name)));
    if folder.is_none() {
        paths = paths.iter().filter_map(|path| Some(PathBuf::from(path.file_name()?))).collect();
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
