//! Files that get their names only when they are complete. Until then each has a temporary name in the same directory,
//! derived from its own, so that the next run finds and overwrites the leftovers of a run that was killed.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tempfile::TempPath;

/// Suffix of unfinished files.
const SUFFIX: &str = ".cryoscope-part";
/// Longest name that file systems accept, in bytes.
const NAME_MOST: usize = 255;
/// Number of tries to create a file while other runs create or finish the same one.
const TRIES: u32 = 16;

/// The unfinished files of a program. Clones share them, so that a signal handler can remove them all.
#[derive(Clone, Debug, Default)]
pub struct Scratch(Arc<Mutex<BTreeSet<PathBuf>>>);

/// While this is held, no unfinished file is created and none gets its name.
#[derive(Debug)]
pub struct Cleared<'s>(#[expect(dead_code, reason = "it is a lock")] MutexGuard<'s, BTreeSet<PathBuf>>);

impl Scratch {
    /// Creates a file that will be named `path`. If it is `private`, only the user may read it; otherwise the umask
    /// decides.
    ///
    /// # Errors
    ///
    /// If it cannot be created, or another run is writing it.
    pub fn create(&self, path: &Path, private: bool) -> io::Result<Unfinished> {
        let part = part_of(path);
        let mut files = self.lock();
        let file = begin(&part, private)?;
        files.insert(part.clone());
        drop(files);
        let path = TempPath::try_from_path(&part)?;
        let id = id_of(&file.metadata()?);
        Ok(Unfinished { file, name: Name { path: Some(path), part, id, scratch: self.clone() } })
    }

    /// Creates a symbolic link with a target. It will be named `path`.
    ///
    /// # Errors
    ///
    /// If it cannot be created.
    #[cfg(unix)]
    pub fn link(&self, path: &Path, text: &OsStr) -> io::Result<Name> {
        let part = part_of(path);
        let mut files = self.lock();
        for _ in 0..TRIES {
            match std::os::unix::fs::symlink(text, &part) {
                Ok(()) => break,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => clear_away(&part)?,
                Err(error) => return Err(error),
            }
        }
        files.insert(part.clone());
        drop(files);
        let path = TempPath::try_from_path(&part)?;
        let id = id_of(&fs::symlink_metadata(&part)?);
        Ok(Name { path: Some(path), part, id, scratch: self.clone() })
    }

    /// Gives several files their names in order, and then runs a final step. [`Scratch::clear`] waits until that is
    /// done. If anything fails, none of them keeps its name.
    ///
    /// # Errors
    ///
    /// If a name cannot be given, usually because it exists, or if the final step fails.
    pub fn give_all(
        &self,
        files: Vec<(Name, PathBuf)>,
        and_then: impl FnOnce() -> io::Result<()>,
    ) -> Result<(), (PathBuf, io::Error)> {
        let mut given: Vec<PathBuf> = Vec::new();
        let mut files = files.into_iter();
        let mut held = self.lock();
        let mut failed = None;
        for (name, path) in files.by_ref() {
            match name.give_held(&path, false, &mut held) {
                Ok(()) => given.push(path),
                Err((error, name)) => {
                    failed = Some((path, error, Some(name)));
                    break;
                }
            }
        }
        if failed.is_none()
            && let Err(error) = and_then()
        {
            failed = Some((given.last().cloned().unwrap_or_default(), error, None));
        }
        let Some((path, error, name)) = failed else { return Ok(()) };
        // The first file describes the others, so it is removed last.
        for path in given.iter().rev() {
            let _ = fs::remove_file(path);
        }
        // Files without their names are dropped, which takes the lock.
        drop(held);
        drop((name, files));
        Err((path, error))
    }

    /// Removes all unfinished files, for a program that is about to end. No file can be begun or finished while the
    /// result is held.
    pub fn clear(&self) -> Cleared<'_> {
        let mut files = self.lock();
        while let Some(part) = files.pop_first() {
            // It may have got its name, or have been removed.
            let _ = fs::remove_file(part);
        }
        Cleared(files)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<PathBuf>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A file that does not have its name yet. Dropping it leaves nothing behind.
#[derive(Debug)]
pub struct Unfinished {
    file: File,
    name: Name,
}

impl Unfinished {
    /// The file to write to.
    pub fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Ends writing. The file has no name yet, but no longer uses a descriptor.
    pub fn close(self) -> Name {
        self.name
    }

    /// Ends writing and gives the file its name.
    ///
    /// # Errors
    ///
    /// As [`Name::give`].
    pub fn finish(self, path: &Path, replace: bool) -> Result<(), (io::Error, Name)> {
        self.name.give(path, replace)
    }
}

impl Write for Unfinished {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A complete file that waits for its name. Dropping it removes the file. It holds no descriptor, for programs that
/// write very many files at once: see [`Name::append`].
/// [`Name::append`].
#[derive(Debug)]
pub struct Name {
    path: Option<TempPath>,
    part: PathBuf,
    id: Id,
    scratch: Scratch,
}

impl Name {
    /// Opens the file again to append to it.
    ///
    /// # Errors
    ///
    /// If it cannot be opened, or has been replaced by another file.
    pub fn append(&self) -> io::Result<File> {
        let file = OpenOptions::new().append(true).open(&self.part)?;
        if id_of(&file.metadata()?) == self.id { Ok(file) } else { Err(busy()) }
    }

    /// Gives the file its name. A link in its place is replaced, not followed.
    ///
    /// # Errors
    ///
    /// If that fails, usually because a file exists that must not be replaced. The file can then be given another name.
    pub fn give(self, path: &Path, replace: bool) -> Result<(), (io::Error, Name)> {
        let scratch = self.scratch.clone();
        let mut files = scratch.lock();
        let given = self.give_held(path, replace, &mut files);
        drop(files);
        given
    }

    /// The same, with the lock on unfinished files held.
    fn give_held(mut self, path: &Path, replace: bool, files: &mut BTreeSet<PathBuf>) -> Result<(), (io::Error, Name)> {
        let Some(part) = self.path.take() else { return Ok(()) };
        // Once it is closed, another run may treat it as a leftover.
        let is_ours = fs::symlink_metadata(&self.part).is_ok_and(|there| id_of(&there) == self.id);
        if !is_ours {
            files.remove(&self.part);
            // The file there is not ours, so it is not removed.
            let _ = part.keep();
            return Err((busy(), self));
        }
        let kept = if replace { part.persist(path) } else { part.persist_noclobber(path) };
        let Err(error) = kept else {
            files.remove(&self.part);
            return Ok(());
        };
        self.path = Some(error.path);
        Err((error.error, self))
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        if let Some(part) = self.path.take() {
            let mut files = self.scratch.lock();
            drop(part);
            files.remove(&self.part);
        }
    }
}

/// The temporary name of a file.
fn part_of(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default();
    let mut part = OsString::from(".");
    part.push(name);
    part.push(SUFFIX);
    if part.len() > NAME_MOST {
        part = OsString::from(format!(".{:016x}{SUFFIX}", hash_of(name)));
    }
    path.with_file_name(part)
}

/// Whether a name is that of an unfinished file.
pub fn is_unfinished(name: &OsStr) -> bool {
    is_part(name)
}

pub(super) fn is_part(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(b".") && name.ends_with(SUFFIX.as_bytes())
}

/// Equal names have equal hashes.
fn hash_of(name: &OsStr) -> u64 {
    // FNV-1a. Whoever can write to the directory gains nothing from two names with the same hash.
    name.as_encoded_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Creates the file, and locks it while it is written. A leftover of an earlier run is overwritten.
fn begin(part: &Path, private: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, if private { 0o600 } else { 0o666 });
    for _ in 0..TRIES {
        match options.open(part) {
            Ok(file) => {
                if hold(&file)? && is_at(&file, part) {
                    return Ok(file);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => clear_away(part)?,
            Err(error) => return Err(error),
        }
    }
    Err(busy())
}

/// Removes the leftover of a run that has ended.
fn clear_away(part: &Path) -> io::Result<()> {
    match fs::symlink_metadata(part) {
        // A link is removed, not followed.
        Ok(there) if there.is_file() && !hold(&File::open(part)?)? => return Err(busy()),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    }
    match fs::remove_file(part) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Locks a file. `false` if another process has locked it. File systems without locks count as locked.
fn hold(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Interrupted => Err(error),
        Ok(()) | Err(TryLockError::Error(_)) => Ok(true),
    }
}

/// Whether a file is still where it was created: another run may have treated it as a leftover.
fn is_at(file: &File, path: &Path) -> bool {
    matches!((file.metadata(), fs::symlink_metadata(path)), (Ok(ours), Ok(there)) if id_of(&ours) == id_of(&there))
}

#[cfg(unix)]
type Id = (u64, u64);
#[cfg(not(unix))]
type Id = ();

/// The identity of a file: device and inode.
#[cfg(unix)]
fn id_of(metadata: &fs::Metadata) -> Id {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn id_of(_: &fs::Metadata) -> Id {}

fn busy() -> io::Error {
    io::Error::new(io::ErrorKind::ResourceBusy, "another run is writing it; wait for it, or name another file")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[cfg(unix)]
    #[test]
    fn a_link_gets_its_name_and_is_never_followed() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("exe");
        std::os::unix::fs::symlink("left/behind", part_of(&path)).unwrap();
        let link = Scratch::default().link(&path, OsStr::new("/bin/true")).unwrap();
        link.give(&path, false).unwrap();
        assert_eq!((names(home.path()), fs::read_link(&path).unwrap()), (vec!["exe".to_owned()], "/bin/true".into()));
        let again = Scratch::default().link(&path, OsStr::new("other")).unwrap();
        assert!(again.give(&path, false).is_err());
        assert_eq!(names(home.path()), ["exe"]);
    }

    #[test]
    fn what_was_left_behind_is_overwritten() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("rows");
        // As after SIGKILL: the file exists without a holder.
        fs::write(part_of(&path), "half of something that is longer than what comes").unwrap();
        let mut file = Scratch::default().create(&path, true).unwrap();
        file.write_all(b"whole").unwrap();
        file.finish(&path, false).unwrap();
        assert_eq!((fs::read(&path).unwrap().as_slice(), names(home.path())), (&b"whole"[..], vec!["rows".to_owned()]));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_the_place_of_an_unfinished_file_is_not_followed() {
        let home = tempfile::tempdir().unwrap();
        let (path, evidence) = (home.path().join("rows"), home.path().join("evidence"));
        fs::write(&evidence, "as it was").unwrap();
        std::os::unix::fs::symlink(&evidence, part_of(&path)).unwrap();
        let mut file = Scratch::default().create(&path, true).unwrap();
        file.write_all(b"rows").unwrap();
        file.finish(&path, false).unwrap();
        assert_eq!(fs::read(&evidence).unwrap(), b"as it was");
    }

    #[test]
    fn two_runs_do_not_write_one_file() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("rows");
        let first = Scratch::default().create(&path, true).unwrap();
        let error = Scratch::default().create(&path, true).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ResourceBusy, "{error}");
        drop(first);
        assert!(names(home.path()).is_empty());
        assert!(Scratch::default().create(&path, true).is_ok());
    }

    #[test]
    fn all_are_taken_away_at_once_and_none_comes_after() {
        let home = tempfile::tempdir().unwrap();
        let scratch = Scratch::default();
        let files: Vec<Unfinished> =
            ["a", "b"].iter().map(|name| scratch.create(&home.path().join(name), true).unwrap()).collect();
        let other = scratch.clone();
        let (path, cleared) = (home.path().join("late"), scratch.clear());
        let late = std::thread::spawn(move || other.create(&path, true).is_ok());
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert!(names(home.path()).is_empty() && !late.is_finished(), "it waits for the end that comes");
        drop(cleared);
        assert!(late.join().unwrap());
        for file in files {
            assert!(file.finish(&home.path().join("x"), false).is_err(), "it is gone");
        }
    }

    #[test]
    fn a_file_that_was_closed_is_written_on() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("rows");
        let mut file = Scratch::default().create(&path, true).unwrap();
        file.write_all(b"one ").unwrap();
        let name = file.close();
        name.append().unwrap().write_all(b"two").unwrap();
        // Nothing is written to a file that someone else put in its place.
        let part = part_of(&path);
        fs::rename(&part, home.path().join("moved")).unwrap();
        fs::write(&part, "theirs").unwrap();
        assert!(name.append().is_err());
        assert_eq!(fs::read(&part).unwrap(), b"theirs");
        assert_eq!(fs::read(home.path().join("moved")).unwrap(), b"one two");
    }

    #[test]
    fn files_get_their_names_together_or_not_at_all() {
        let home = tempfile::tempdir().unwrap();
        let scratch = Scratch::default();
        let make = || -> Vec<(Name, PathBuf)> {
            let file = |name: &str| {
                let path = home.path().join(name);
                (scratch.create(&path, true).unwrap().close(), path)
            };
            ["a", "b", "c"].map(file).into()
        };
        let refused = scratch.give_all(make(), || Err(io::Error::other("full"))).unwrap_err();
        assert_eq!((refused.1.to_string(), names(home.path()).len()), ("full".to_owned(), 0));
        // One of them belongs to someone else.
        fs::write(home.path().join("b"), "theirs").unwrap();
        let (path, error) = scratch.give_all(make(), || panic!("nothing is done")).unwrap_err();
        assert_eq!((path.file_name().unwrap(), error.kind()), (OsStr::new("b"), io::ErrorKind::AlreadyExists));
        assert_eq!(
            (names(home.path()), fs::read(home.path().join("b")).unwrap()),
            (vec!["b".to_owned()], b"theirs".to_vec())
        );
        fs::remove_file(home.path().join("b")).unwrap();
        // The program's end waits.
        let (other, seen) = (scratch.clone(), home.path().to_owned());
        let mut waits = None;
        let given = scratch.give_all(make(), || {
            waits = Some(std::thread::spawn(move || {
                drop(other.clear());
                names(&seen)
            }));
            std::thread::sleep(std::time::Duration::from_millis(20));
            Ok(())
        });
        assert!(given.is_ok());
        assert_eq!(waits.unwrap().join().unwrap(), ["a", "b", "c"]);
    }

    #[test]
    fn long_names_have_short_ones_until_they_are_whole() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("n".repeat(NAME_MOST));
        Scratch::default().create(&path, true).unwrap().finish(&path, false).unwrap();
        assert_eq!(names(home.path()), ["n".repeat(NAME_MOST)]);
    }
}
