//! The directory of a dataset: creates it, locks it, and removes what an earlier run left unfinished.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use cryoscope::extract::{Scratch, is_unfinished};

use super::ledger::{self, Batch, FOLDER, number_in};
use crate::cli::Failure;
use crate::cli::newfile::make_folder;
use crate::cli::outputs::Outputs;
use crate::cli::screen::complain;

/// The file that is locked while a run writes.
const LOCK: &str = "lock";
/// The directory of parts that do not have their names yet.
const UNFINISHED: &str = "unfinished";
/// Number of tries to lock a directory while other runs end.
const TRIES: u32 = 16;
/// Number of other files that are named, and number of files that are checked for that.
const NAMED: usize = 20;
/// Batch numbers of foreign files are ignored from here on.
const NUMBERS_MOST: u64 = 1_000_000_000_000;
const LOOKED_AT: usize = 4_000_000;

/// The directory of a dataset, locked against other runs.
#[derive(Debug)]
pub(crate) struct Root {
    path: PathBuf,
    scratch: Scratch,
    quiet: bool,
    /// Held while the run writes.
    _lock: File,
}

impl Root {
    /// Creates the directory if needed, and locks it. Refuses an input, and a directory that another run writes to.
    pub(crate) fn open(path: &Path, tables: &[String], outputs: &Outputs, quiet: bool) -> Result<Self, Failure> {
        let claim = outputs.claim_filled(path, tables.iter().map(String::as_str).chain([FOLDER]))?;
        make_folder(path).map_err(|error| not_made(path, &error))?;
        for name in [FOLDER.to_owned(), format!("{FOLDER}/{UNFINISHED}")].iter().chain(tables) {
            own_folder(&path.join(name))?;
        }
        let unfinished = path.join(FOLDER).join(UNFINISHED);
        make_folder(&unfinished).map_err(|error| not_made(&unfinished, &error))?;
        let lock = lock(path)?;
        // Another run may have removed it when it ended.
        make_folder(&unfinished).map_err(|error| not_made(&unfinished, &error))?;
        Ok(Root { path: path.to_owned(), scratch: claim.scratch().clone(), quiet, _lock: lock })
    }

    /// Removes the directories again if no batch was written.
    fn leave(&self) {
        let folder = self.ledger();
        if ledger::numbers(&folder).is_ok_and(|numbers| numbers.is_empty()) {
            // A directory with other files in it stays.
            let _ = fs::remove_dir(folder.join(UNFINISHED));
            let _ = fs::remove_file(folder.join(LOCK));
            let _ = fs::remove_dir(&folder);
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The directory of the ledger.
    pub(crate) fn ledger(&self) -> PathBuf {
        self.path.join(FOLDER)
    }

    /// Unfinished files.
    pub(crate) fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// The path of a part until it gets its name.
    pub(crate) fn unfinished(&self, number: u64) -> PathBuf {
        self.path.join(FOLDER).join(UNFINISHED).join(format!("{number:06}.parquet"))
    }

    /// Removes what a killed run left: files without names, and the parts of an uncommitted batch.
    pub(crate) fn clear(&self) -> Result<(), Failure> {
        let folder = self.ledger();
        let mut left = ledger::most();
        for (number, is_done) in ledger::numbers(&folder)? {
            if is_done {
                continue;
            }
            let batch = ledger::read(&folder, number, false, &mut left)?;
            let count = self.take_away(&batch)?;
            self.say(&format!("an earlier run left batch {number} unfinished; removed its files ({count})"));
        }
        let count = self.clear_unfinished()?;
        if count > 0 {
            self.say(&format!("an earlier run left unfinished files; removed them ({count})"));
        }
        Ok(())
    }

    /// Removes the parts of a batch, and then its file.
    pub(crate) fn take_away(&self, batch: &Batch) -> Result<usize, Failure> {
        let mut count = 0;
        for part in &batch.parts {
            count += usize::from(self.remove(&part.path)?);
        }
        let file = self.ledger().join(ledger::file_name(batch.number, false));
        fs::remove_file(&file).map_err(|error| not_removed(&file, &error))?;
        Ok(count)
    }

    /// Removes a part, and its directory if that becomes empty. Links are not followed.
    pub(crate) fn remove(&self, part: &str) -> Result<bool, Failure> {
        let path = self.path.join(part);
        if !self.is_within(part) || fs::symlink_metadata(&path).is_err() {
            return Ok(false);
        }
        fs::remove_file(&path).map_err(|error| not_removed(&path, &error))?;
        if part.matches('/').count() > 1
            && let Some(folder) = path.parent()
        {
            // Fails if anything else is in it, as it should.
            let _ = fs::remove_dir(folder);
        }
        Ok(true)
    }

    /// Whether the directories of a part are real directories, not links that lead elsewhere.
    fn is_within(&self, part: &str) -> bool {
        let mut folder = self.path.clone();
        let names: Vec<&str> = part.split('/').collect();
        let Some((_, folders)) = names.split_last() else { return false };
        folders.iter().all(|name| {
            folder.push(name);
            fs::symlink_metadata(&folder).is_ok_and(|metadata| metadata.is_dir())
        })
    }

    /// Creates the directories of a part.
    pub(crate) fn make_folders(&self, part: &str) -> Result<(), Failure> {
        let mut folder = self.path.clone();
        let names: Vec<&str> = part.split('/').collect();
        let Some((_, folders)) = names.split_last() else { return Ok(()) };
        for name in folders {
            folder.push(name);
            own_folder(&folder)?;
            make_folder(&folder).map_err(|error| not_made(&folder, &error))?;
        }
        Ok(())
    }

    fn clear_unfinished(&self) -> Result<usize, Failure> {
        let folder = self.path.join(FOLDER).join(UNFINISHED);
        let unreadable = |error: io::Error| Failure::Usage(format!("{}: {error}", folder.display()));
        let mut count = 0;
        for entry in fs::read_dir(&folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            if is_unfinished(&entry.file_name()) && entry.file_type().is_ok_and(|kind| !kind.is_dir()) {
                fs::remove_file(entry.path()).map_err(|error| not_removed(&entry.path(), &error))?;
                count += 1;
            }
        }
        Ok(count)
    }

    /// Checks that all parts are as they were written.
    pub(crate) fn check(&self, parts: &BTreeMap<String, u64>) -> Result<(), Failure> {
        for (part, size) in parts {
            let path = self.path.join(part);
            let found = fs::symlink_metadata(&path).ok().filter(|metadata| self.is_within(part) && metadata.is_file());
            let what = match found.map(|metadata| metadata.len()) {
                Some(found) if found == *size => continue,
                Some(found) => format!("has {found} bytes, but was written with {size}"),
                None => "is missing".to_owned(),
            };
            return Err(Failure::Usage(format!(
                "{} {what}; the dataset is not complete, and nothing was written: restore the file, name another directory, or \
                 replace this one with --force",
                path.display()
            )));
        }
        Ok(())
    }

    /// Prints which files do not belong to the dataset. Returns the greatest batch number in their names, which is not
    /// used again.
    pub(crate) fn say_others(&self, parts: &BTreeMap<String, u64>, tables: &[String]) -> u64 {
        let (mut others, mut left) = (Others::default(), LOOKED_AT);
        let tables: HashSet<&str> = tables.iter().map(String::as_str).collect();
        for (name, is_folder) in in_folder(&self.path, &mut left) {
            if name == FOLDER {
                continue;
            }
            if !is_folder || !tables.contains(name.as_str()) {
                others.add(self, &name, false);
                continue;
            }
            self.others_in(&name, parts, &mut others, &mut left);
        }
        others.end(self, left == 0);
        others.greatest
    }

    /// The same for the directory of a table.
    fn others_in(&self, table: &str, parts: &BTreeMap<String, u64>, others: &mut Others, left: &mut usize) {
        for (name, is_folder) in in_folder(&self.path.join(table), left) {
            let path = format!("{table}/{name}");
            if !is_folder {
                if !parts.contains_key(&path) {
                    others.add(self, &path, true);
                }
                continue;
            }
            let prefix = format!("{path}/");
            let has_own = parts.range(prefix.clone()..).next().is_some_and(|(part, _)| part.starts_with(&prefix));
            if !has_own {
                // Empty directories do no harm.
                if in_folder(&self.path.join(&path), left).is_empty() {
                    continue;
                }
                others.add(self, &path, true);
                continue;
            }
            for (name, _) in in_folder(&self.path.join(&path), left) {
                let path = format!("{prefix}{name}");
                if !parts.contains_key(&path) {
                    others.add(self, &path, true);
                }
            }
        }
    }

    /// Prints a message about the dataset.
    pub(crate) fn say(&self, message: &str) {
        if !self.quiet {
            complain(&format!("{}: {message}", self.path.display()));
        }
    }

    /// Syncs everything written to the directory to disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        return Ok(rustix::fs::syncfs(File::open(&self.path)?)?);
        // Without a sync, the files are as safe as any others.
        #[cfg(not(target_os = "linux"))]
        Ok(())
    }

    /// Syncs the list of files of the ledger to disk.
    pub(crate) fn sync_ledger(&self) -> io::Result<()> {
        #[cfg(unix)]
        File::open(self.ledger())?.sync_all()?;
        Ok(())
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Files that do not belong to the dataset.
#[derive(Default)]
struct Others {
    count: usize,
    greatest: u64,
}

impl Others {
    fn add(&mut self, root: &Root, path: &str, is_in_table: bool) {
        self.count += 1;
        let name = path.rsplit('/').next().unwrap_or_default();
        if is_in_table {
            // A number that is never reached takes no place.
            let number = number_in(name).filter(|number| *number < NUMBERS_MOST);
            self.greatest = self.greatest.max(number.unwrap_or(0));
        }
        if self.count > NAMED {
            return;
        }
        let is_read = is_in_table && !name.starts_with(['.', '_']);
        let read = if is_read { "; reading the whole directory includes it" } else { "" };
        root.say(&format!("{path} does not belong to the dataset and was left alone{read}"));
    }

    fn end(&self, root: &Root, is_cut: bool) {
        if self.count > NAMED {
            root.say(&format!("{} more files and directories do not belong to the dataset", self.count - NAMED));
        }
        if is_cut {
            root.say(&format!("more than {LOOKED_AT} files; the rest were not checked"));
        }
    }
}

/// The sorted names in a directory, and whether they are directories. `left` bounds their number.
fn in_folder(folder: &Path, left: &mut usize) -> Vec<(String, bool)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().take(*left);
    let mut names: Vec<(String, bool)> = entries
        .map(|entry| {
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            (entry.file_name().to_string_lossy().into_owned(), is_folder)
        })
        .collect();
    *left = left.saturating_sub(names.len());
    names.sort();
    names
}

/// Refuses a file or link where the dataset needs a directory.
fn own_folder(path: &Path) -> Result<(), Failure> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if !metadata.is_dir() => {
            let what = if metadata.is_symlink() { "a link" } else { "not a directory" };
            let path = path.display();
            Err(Failure::Usage(format!(
                "{path} is {what}, but the dataset needs a directory there; name another directory"
            )))
        }
        _ => Ok(()),
    }
}

fn lock(root: &Path) -> Result<File, Failure> {
    let path = root.join(FOLDER).join(LOCK);
    if fs::symlink_metadata(&path).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(Failure::Usage(format!("{} is not a regular file; remove it", path.display())));
    }
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let busy = || {
        let root = root.display();
        Failure::Usage(format!("another run is writing to {root}; wait for it, or name another directory"))
    };
    for _ in 0..TRIES {
        let file = options.open(&path).map_err(|error| not_made(&path, &error))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(busy()),
            // On a file system without locks, go on without one.
            Ok(()) | Err(TryLockError::Error(_)) if is_at(&file, &path) => return Ok(file),
            // A run that has just ended removed it.
            _ => make_folder(&root.join(FOLDER).join(UNFINISHED)).map_err(|error| not_made(&path, &error))?,
        }
    }
    Err(busy())
}

/// Whether an open file is still the one at its path.
fn is_at(file: &File, path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let id = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        file.metadata().is_ok_and(|ours| fs::symlink_metadata(path).is_ok_and(|there| id(there) == id(ours)))
    }
    #[cfg(not(unix))]
    {
        let _ = (file, path);
        true
    }
}

fn not_made(path: &Path, error: &io::Error) -> Failure {
    Failure::Usage(format!("cannot create {}: {error}", path.display()))
}

fn not_removed(path: &Path, error: &io::Error) -> Failure {
    Failure::Usage(format!("cannot remove {}: {error}", path.display()))
}
