//! A file of a directory, opened when its bytes are first wanted, and checked for changes after the directory was
//! listed.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use bstr::BString;

use super::absence::Absence;
use super::copies::{Copied, Copies};
use super::folder::{Facts, Folder};
use super::identity::Identity;
use super::kind::MemberKind;
use super::map::Map;
use crate::int::{u64_of, usize_of};
use crate::warning::Code;

/// Files up to this size are read rather than mapped. A map costs more than it saves, and a process may have only some
/// 65,000 of them.
const READ_BELOW: u64 = 256 << 10;
/// Greatest number of files held open; a process may have about a thousand. Other files are reopened when they are read
/// again.
const HELD_OPEN: u64 = 128;

/// How files are read, and what they share.
#[derive(Debug)]
pub(super) struct Reading {
    /// The directory that files are looked up in; `None` for a single file.
    folder: Option<Folder>,
    /// Whether files may be mapped.
    map: bool,
    /// Bytes that may still be kept in memory.
    in_memory: AtomicU64,
    /// Files that may still be held open.
    held: AtomicU64,
    copies: Copies,
}

impl Reading {
    /// Files of a directory, or single files. At most `in_memory` bytes of them are kept in memory.
    pub(super) fn new(folder: Option<Folder>, map: bool, in_memory: u64) -> Arc<Self> {
        let (in_memory, held) = (AtomicU64::new(in_memory), AtomicU64::new(HELD_OPEN));
        Arc::new(Reading { folder, map, in_memory, held, copies: Copies::default() })
    }

    /// The directory itself.
    pub(super) fn folder(&self) -> Option<&Folder> {
        self.folder.as_ref()
    }
}

/// Takes an amount from a budget, if that much is left.
fn take(left: &AtomicU64, amount: u64) -> bool {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(amount)).is_ok()
}

/// A file of a directory, or a single file.
#[derive(Debug)]
pub(super) struct LazyFile {
    reading: Arc<Reading>,
    /// Path from the directory; for a single file, as given.
    path: PathBuf,
    /// Its identity when the directory was listed.
    listed: Identity,
    opened: OnceLock<Box<Result<Opened, Fault>>>,
}

/// A file that was opened.
#[derive(Debug)]
struct Opened {
    held: Option<File>,
    bytes: Bytes,
    /// The fault found after it was opened.
    later: OnceLock<Fault>,
}

#[derive(Debug)]
enum Bytes {
    Heap(Vec<u8>),
    Map(Map),
    Copied(Copied),
}

/// A file that was changed, or cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// `member_unreadable` or `input_changed`.
    pub(crate) code: Code,
    pub(crate) message: String,
}

impl Fault {
    /// The fault for an error from opening or reading a file.
    pub(super) fn from_io(error: &io::Error) -> Self {
        let changed = |how: &str| Fault { code: Code::InputChanged, message: format!("{how}; {AGAIN}") };
        match error.kind() {
            io::ErrorKind::PermissionDenied => Fault {
                code: Code::MemberUnreadable,
                message: "permission denied; its contents are unknown".to_owned(),
            },
            io::ErrorKind::NotFound => changed("it was removed after the directory was listed"),
            // What a link is said to be where none may be followed.
            io::ErrorKind::NotADirectory => changed(
                "it, or a directory above it, was replaced by a link after the directory was listed; links are not followed",
            ),
            io::ErrorKind::UnexpectedEof => changed("the file became shorter while it was read"),
            _ => Fault { code: Code::MemberUnreadable, message: format!("cannot be read ({error})") },
        }
    }

    fn changed(how: &str) -> Self {
        Fault {
            code: Code::InputChanged,
            message: format!("the file changed while the directory was read: {how}; {AGAIN}"),
        }
    }
}

const AGAIN: &str = "copy the directory and read the copy";

impl LazyFile {
    /// A file found in a directory, by its path from there.
    pub(super) fn new(reading: &Arc<Reading>, path: PathBuf, listed: Identity) -> Self {
        LazyFile { reading: Arc::clone(reading), path, listed, opened: OnceLock::new() }
    }

    /// Its size in bytes, as far as they can be read. Opens it. `None` if it cannot be read.
    pub(super) fn len(&self) -> Option<u64> {
        Some(match &self.opened()?.bytes {
            Bytes::Heap(bytes) => u64_of(bytes.len()),
            Bytes::Map(map) => u64_of(map.len()),
            Bytes::Copied(_) => self.listed.size,
        })
    }

    /// The available bytes of a range.
    pub(super) fn get(&self, offset: u64, len: u64) -> Result<&[u8], Absence> {
        let Some(opened) = self.opened() else { return Err(Absence::Unreadable) };
        let bytes = match &opened.bytes {
            Bytes::Heap(bytes) => range(bytes, offset, len),
            Bytes::Map(map) => range(map, offset, len),
            Bytes::Copied(copied) => {
                let read = |at: u64, buffer: &mut [u8]| self.with_file(opened, |file| read_exact_at(file, buffer, at));
                let failed = |error: io::Error| drop(opened.later.set(Fault::from_io(&error)));
                copied.get(&self.reading.copies, offset, len, read, failed)
            }
        };
        // The file was longer when the directory was listed; this is reported at the end.
        if bytes.is_empty() { Err(Absence::Unreadable) } else { Ok(bytes) }
    }

    /// Whether its bytes must be read from the file, because they are not in memory. Opens it.
    pub(super) fn can_be_read(&self) -> bool {
        self.opened().is_some_and(|opened| !matches!(opened.bytes, Bytes::Heap(_)))
    }

    /// Fills a buffer with the bytes at an offset by reading the file.
    pub(super) fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), Absence> {
        let Some(opened) = self.opened() else { return Err(Absence::Unreadable) };
        self.with_file(opened, |file| read_exact_at(file, buffer, offset)).map_err(|error| {
            let _ = opened.later.set(Fault::from_io(&error));
            Absence::Unreadable
        })
    }

    /// The map that the bytes are borrowed from, if there is one already.
    pub(super) fn map(&self) -> Option<&Map> {
        match &self.opened.get()?.as_ref().as_ref().ok()?.bytes {
            Bytes::Heap(_) => None,
            Bytes::Map(map) => Some(map),
            Bytes::Copied(copied) => Some(copied.map()),
        }
    }

    /// Whether advice to read ahead is useful. It is not for a copy, which is made by reading.
    pub(super) fn is_mapped(&self) -> bool {
        self.opened.get().is_some_and(|opened| matches!(**opened, Ok(Opened { bytes: Bytes::Map(_), .. })))
    }

    /// The fault of the file if it was opened: it could not be read, or was changed after the directory was listed.
    pub(super) fn fault(&self) -> Option<Fault> {
        let opened = match self.opened.get()?.as_ref() {
            Ok(opened) => opened,
            Err(fault) => return Some(fault.clone()),
        };
        match self.facts_now() {
            Ok(now) if now.kind != MemberKind::File => {
                Some(Fault::changed(&format!("it is now a {}", now.kind.as_str())))
            }
            Ok(now) => self.listed.differs(&now.identity).map(|how| Fault::changed(&how)),
            Err(error) => Some(Fault::changed(&format!("its metadata can no longer be read ({error})"))),
        }
        .or_else(|| opened.later.get().cloned())
    }

    fn opened(&self) -> Option<&Opened> {
        self.opened.get_or_init(|| Box::new(self.open())).as_ref().as_ref().ok()
    }

    fn open(&self) -> Result<Opened, Fault> {
        let file = self.open_again()?;
        let size = self.listed.size;
        let read = |error: io::Error| Fault::from_io(&error);
        if size < READ_BELOW && take(&self.reading.in_memory, size) {
            let mut bytes = Vec::with_capacity(usize_of(size));
            file.take(size).read_to_end(&mut bytes).map_err(read)?;
            return Ok(Opened { held: None, bytes: Bytes::Heap(bytes), later: OnceLock::new() });
        }
        let map = if self.reading.map { Map::whole(&file).ok() } else { None };
        let bytes = match map {
            Some(map) => Bytes::Map(map),
            None => Bytes::Copied(self.reading.copies.reserve(size).map_err(|error| Fault {
                code: Code::MemberUnreadable,
                message: format!("no room for a copy of the file in the temporary directory ({error}); set TMPDIR to another directory"),
            })?),
        };
        let held = take(&self.reading.held, 1).then_some(file);
        Ok(Opened { held, bytes, later: OnceLock::new() })
    }

    /// Opens the file that was listed, and no other.
    fn open_again(&self) -> Result<File, Fault> {
        let opened = match &self.reading.folder {
            Some(folder) => folder.file(self.path.as_os_str().as_encoded_bytes()),
            None => File::open(&self.path),
        };
        let facts = opened.and_then(|file| Ok((Facts::from(&file.metadata()?), file)));
        let (now, file) = facts.map_err(|error| Fault::from_io(&error))?;
        if now.kind != MemberKind::File {
            return Err(Fault::changed(&format!("it is now a {}", now.kind.as_str())));
        }
        if now.identity.inode != self.listed.inode {
            return Err(Fault::changed("another file has taken its place, and was not read"));
        }
        Ok(file)
    }

    fn with_file<T>(&self, opened: &Opened, act: impl FnOnce(&File) -> io::Result<T>) -> io::Result<T> {
        match &opened.held {
            Some(file) => act(file),
            None => act(&self.open_again().map_err(|fault| io::Error::other(fault.message))?),
        }
    }

    fn facts_now(&self) -> io::Result<Facts> {
        match &self.reading.folder {
            Some(folder) => folder.facts(self.path.as_os_str().as_encoded_bytes()),
            None => Ok(Facts::from(&std::fs::metadata(&self.path)?)),
        }
    }

    /// The name of the member.
    pub(super) fn name(&self) -> BString {
        match self.reading.folder {
            Some(_) => self.path.as_os_str().as_encoded_bytes().into(),
            None => Path::file_name(&self.path).unwrap_or_default().as_encoded_bytes().into(),
        }
    }
}

fn range(bytes: &[u8], offset: u64, len: u64) -> &[u8] {
    let from = usize_of(offset).min(bytes.len());
    let to = from.saturating_add(usize_of(len)).min(bytes.len());
    bytes.get(from..to).unwrap_or_default()
}

#[cfg(unix)]
fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

#[cfg(not(unix))]
fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    use std::io::{Seek, SeekFrom};
    // The handle has its own position, which nothing else moves meanwhile.
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut file = file;
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(buffer)
}
