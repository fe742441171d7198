//! The folder of a dataset: made, locked, and rid of what an earlier run has left half.

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
/// The folder of parts that do not bear their names yet.
const UNFINISHED: &str = "unfinished";
/// How often another run may be met that ends at the same moment.
const TRIES: u32 = 16;
/// Other files that are named, and files that are looked at for that.
const NAMED: usize = 20;
/// Numbers of batches of foreign files that are passed over.
const NUMBERS_MOST: u64 = 1_000_000_000_000;
const LOOKED_AT: usize = 4_000_000;

/// The folder of a dataset, which no other run writes to.
#[derive(Debug)]
pub(crate) struct Root {
    path: PathBuf,
    scratch: Scratch,
    quiet: bool,
    /// Held as long as the run writes.
    _lock: File,
}

impl Root {
    /// Makes the folder if it is not there, and locks it. Refuses one that is read, or that another run writes to.
    pub(crate) fn open(path: &Path, tables: &[String], outputs: &Outputs, quiet: bool) -> Result<Self, Failure> {
        let claim = outputs.claim_filled(path, tables.iter().map(String::as_str).chain([FOLDER]))?;
        make_folder(path).map_err(|error| not_made(path, &error))?;
        for name in [FOLDER.to_owned(), format!("{FOLDER}/{UNFINISHED}")].iter().chain(tables) {
            own_folder(&path.join(name))?;
        }
        let unfinished = path.join(FOLDER).join(UNFINISHED);
        make_folder(&unfinished).map_err(|error| not_made(&unfinished, &error))?;
        let lock = lock(path)?;
        // Another run may have taken it away when it ended.
        make_folder(&unfinished).map_err(|error| not_made(&unfinished, &error))?;
        Ok(Root { path: path.to_owned(), scratch: claim.scratch().clone(), quiet, _lock: lock })
    }

    /// Leaves nothing behind where no batch was written.
    fn leave(&self) {
        let folder = self.ledger();
        if ledger::numbers(&folder).is_ok_and(|numbers| numbers.is_empty()) {
            // What somebody else has put there keeps the folders.
            let _ = fs::remove_dir(folder.join(UNFINISHED));
            let _ = fs::remove_file(folder.join(LOCK));
            let _ = fs::remove_dir(&folder);
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of the ledger.
    pub(crate) fn ledger(&self) -> PathBuf {
        self.path.join(FOLDER)
    }

    /// What is not finished yet.
    pub(crate) fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// Where a part is until it gets its name.
    pub(crate) fn unfinished(&self, number: u64) -> PathBuf {
        self.path.join(FOLDER).join(UNFINISHED).join(format!("{number:06}.parquet"))
    }

    /// Takes away what a run has left that was killed: files without names, and the parts of a batch that was begun.
    pub(crate) fn clear(&self) -> Result<(), Failure> {
        let folder = self.ledger();
        let mut left = ledger::most();
        for (number, is_done) in ledger::numbers(&folder)? {
            if is_done {
                continue;
            }
            let batch = ledger::read(&folder, number, false, &mut left)?;
            let count = self.take_away(&batch)?;
            self.say(&format!("an earlier run has left batch {number} half; its files ({count}) are taken away"));
        }
        let count = self.clear_unfinished()?;
        if count > 0 {
            self.say(&format!("an earlier run has left files that it did not finish ({count}); they are taken away"));
        }
        Ok(())
    }

    /// Takes the parts of a batch away, and then its file.
    pub(crate) fn take_away(&self, batch: &Batch) -> Result<usize, Failure> {
        let mut count = 0;
        for part in &batch.parts {
            count += usize::from(self.remove(&part.path)?);
        }
        let file = self.ledger().join(ledger::file_name(batch.number, false));
        fs::remove_file(&file).map_err(|error| not_removed(&file, &error))?;
        Ok(count)
    }

    /// Takes a part away, and its folder if that is left empty. Links are not followed.
    pub(crate) fn remove(&self, part: &str) -> Result<bool, Failure> {
        let path = self.path.join(part);
        if !self.is_within(part) || fs::symlink_metadata(&path).is_err() {
            return Ok(false);
        }
        fs::remove_file(&path).map_err(|error| not_removed(&path, &error))?;
        if part.matches('/').count() > 1
            && let Some(folder) = path.parent()
        {
            // It goes only if nothing else is in it.
            let _ = fs::remove_dir(folder);
        }
        Ok(true)
    }

    /// Whether the folders of a part are folders, and no links that lead elsewhere.
    fn is_within(&self, part: &str) -> bool {
        let mut folder = self.path.clone();
        let names: Vec<&str> = part.split('/').collect();
        let Some((_, folders)) = names.split_last() else { return false };
        folders.iter().all(|name| {
            folder.push(name);
            fs::symlink_metadata(&folder).is_ok_and(|metadata| metadata.is_dir())
        })
    }

    /// Makes the folders of a part.
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

    /// Whether all parts are as they were written.
    pub(crate) fn check(&self, parts: &BTreeMap<String, u64>) -> Result<(), Failure> {
        for (part, size) in parts {
            let path = self.path.join(part);
            let found = fs::symlink_metadata(&path).ok().filter(|metadata| self.is_within(part) && metadata.is_file());
            let what = match found.map(|metadata| metadata.len()) {
                Some(found) if found == *size => continue,
                Some(found) => format!("has {found} bytes, and had {size} when it was written"),
                None => "is gone".to_owned(),
            };
            return Err(Failure::Usage(format!(
                "{} {what}; the dataset is not whole, and nothing was written: bring the file back, name another directory, or let \
                 --force write this one anew",
                path.display()
            )));
        }
        Ok(())
    }

    /// Says which files are none of the dataset, and gives the greatest number of a batch that their names have, which is not given
    /// again.
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

    /// The same of a table's folder.
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
                // Folders that are left empty are in nobody's way.
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

    /// Says something of the dataset.
    pub(crate) fn say(&self, message: &str) {
        if !self.quiet {
            complain(&format!("{}: {message}", self.path.display()));
        }
    }

    /// Writes all to the disk that was written to the folder.
    pub(crate) fn sync(&self) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        return Ok(rustix::fs::syncfs(File::open(&self.path)?)?);
        // What was written is as safe as other files are.
        #[cfg(not(target_os = "linux"))]
        Ok(())
    }

    /// Writes to the disk which files the ledger has.
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

/// Files that are none of the dataset.
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
            // A number that nobody ever comes to takes no place.
            let number = number_in(name).filter(|number| *number < NUMBERS_MOST);
            self.greatest = self.greatest.max(number.unwrap_or(0));
        }
        if self.count > NAMED {
            return;
        }
        let is_read = is_in_table && !name.starts_with(['.', '_']);
        let read = if is_read { "; who reads the whole folder reads it, too" } else { "" };
        root.say(&format!("{path} is no part of the dataset, and stays as it is{read}"));
    }

    fn end(&self, root: &Root, is_cut: bool) {
        if self.count > NAMED {
            root.say(&format!("{} more files and folders are no part of the dataset", self.count - NAMED));
        }
        if is_cut {
            root.say(&format!("it has more than {LOOKED_AT} files; the others were not looked at"));
        }
    }
}

/// Names in a folder, in order, and whether they are those of folders; as far as they may still be looked at.
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

/// Refuses what bears the name of a folder of the dataset and is none.
fn own_folder(path: &Path) -> Result<(), Failure> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if !metadata.is_dir() => {
            let what = if metadata.is_symlink() { "a link" } else { "no folder" };
            let path = path.display();
            Err(Failure::Usage(format!(
                "{path} is {what}, and the dataset needs a folder of that name; name another directory"
            )))
        }
        _ => Ok(()),
    }
}

fn lock(root: &Path) -> Result<File, Failure> {
    let path = root.join(FOLDER).join(LOCK);
    if fs::symlink_metadata(&path).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(Failure::Usage(format!("{} is no file; take it away", path.display())));
    }
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let busy = || {
        let root = root.display();
        Failure::Usage(format!("another run writes to {root} right now; wait for it, or name another directory"))
    };
    for _ in 0..TRIES {
        let file = options.open(&path).map_err(|error| not_made(&path, &error))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(busy()),
            // Where nothing can be locked, nobody is asked.
            Ok(()) | Err(TryLockError::Error(_)) if is_at(&file, &path) => return Ok(file),
            // A run that has just ended took it away.
            _ => make_folder(&root.join(FOLDER).join(UNFINISHED)).map_err(|error| not_made(&path, &error))?,
        }
    }
    Err(busy())
}

/// Whether a file is still the one of its name.
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
    Failure::Usage(format!("cannot make {}: {error}", path.display()))
}

fn not_removed(path: &Path, error: &io::Error) -> Failure {
    Failure::Usage(format!("cannot take {} away: {error}", path.display()))
}
