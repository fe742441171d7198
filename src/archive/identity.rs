//! Tells whether a file is still the one that was opened. A file that changes while it is read is not evidence.

use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

/// What the file system says about a file. Two equal identities mean the same file, not written to in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Size in bytes.
    pub size: u64,
    /// Time of the last change of the contents.
    pub modified: Option<Timestamp>,
    /// Time of the last change of contents or metadata (ctime), which cannot be set back.
    pub changed: Option<Timestamp>,
    /// Device and inode number.
    pub inode: Option<(u64, u64)>,
}

impl Identity {
    /// What the file system says about a path.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be accessed.
    pub fn of(path: &Path) -> io::Result<Self> {
        std::fs::metadata(path).map(|metadata| Identity::from(&metadata))
    }

    /// How a file differs from before; `None` if it does not.
    pub fn differs(&self, now: &Identity) -> Option<String> {
        if self.inode != now.inode {
            return Some("another file replaced it".to_owned());
        }
        if self.size != now.size {
            return Some(format!("its size was {} bytes and is now {}", self.size, now.size));
        }
        (self != now).then(|| "it was written to, or its metadata changed".to_owned())
    }
}

impl From<&Metadata> for Identity {
    fn from(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let (changed, inode) = {
            use std::os::unix::fs::MetadataExt;
            let nanoseconds = i32::try_from(metadata.ctime_nsec()).unwrap_or_default();
            (Timestamp::new(metadata.ctime(), nanoseconds).ok(), Some((metadata.dev(), metadata.ino())))
        };
        #[cfg(not(unix))]
        let (changed, inode) = (None, None);
        let modified = metadata.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
        Identity { size: metadata.len(), modified, changed, inode }
    }
}

/// Watches an input while it is open.
#[derive(Debug)]
pub(super) struct Watch {
    /// The path of the input, which shows a replacement.
    path: Option<PathBuf>,
    file: File,
    before: Identity,
}

impl Watch {
    /// Watches an open file. `None` if it cannot be held open.
    pub(super) fn of(file: &File, path: Option<&Path>, metadata: &Metadata) -> Option<Self> {
        let file = file.try_clone().ok()?;
        Some(Watch { path: path.map(Path::to_owned), file, before: Identity::from(metadata) })
    }

    /// The identity of the input when it was opened.
    pub(super) fn before(&self) -> &Identity {
        &self.before
    }

    /// How the input has changed since.
    pub(super) fn changed(&self) -> Option<String> {
        let now = match &self.path {
            Some(path) => Identity::of(path),
            None => self.file.metadata().map(|metadata| Identity::from(&metadata)),
        };
        let how = match now {
            Ok(now) => self.before.differs(&now)?,
            Err(error) => format!("it can no longer be accessed ({error})"),
        };
        Some(format!("the archive changed while it was read: {how}; copy it and read the copy"))
    }
}
