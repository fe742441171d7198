//! The identity of a file: whether it is still the file that was opened, and was not written to. Evidence that changes
//! while it is read is not evidence.

use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

/// The file system's metadata of a file. If two are equal, they are of the same file, which was not written to in
/// between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Size in bytes.
    pub size: u64,
    /// Time of the last change of the contents.
    pub modified: Option<Timestamp>,
    /// Last change of the contents or the metadata (ctime), which cannot be set back.
    pub changed: Option<Timestamp>,
    /// Device and inode number.
    pub inode: Option<(u64, u64)>,
}

impl Identity {
    /// Reads the identity of the file at a path.
    ///
    /// # Errors
    ///
    /// If its metadata cannot be read.
    pub fn read(path: &Path) -> io::Result<Self> {
        std::fs::metadata(path).map(|metadata| Identity::from(&metadata))
    }

    /// How a file differs from what it was. `None` if it does not.
    pub fn differs(&self, now: &Identity) -> Option<String> {
        if self.inode != now.inode {
            return Some("another file has taken its place".to_owned());
        }
        if self.size != now.size {
            return Some(format!("its size was {} bytes and is now {}", self.size, now.size));
        }
        (self != now).then(|| "it was written to, or its metadata was changed".to_owned())
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
    /// Its path, where a replacement would show.
    path: Option<PathBuf>,
    file: File,
    before: Identity,
}

impl Watch {
    /// Watches over a file that has been opened. `None` if it cannot be held open.
    pub(super) fn start(file: &File, path: Option<&Path>, metadata: &Metadata) -> Option<Self> {
        let file = file.try_clone().ok()?;
        Some(Watch { path: path.map(Path::to_owned), file, before: Identity::from(metadata) })
    }

    /// The identity when it was opened.
    pub(super) fn before(&self) -> &Identity {
        &self.before
    }

    /// How the input has changed since.
    pub(super) fn changed(&self) -> Option<String> {
        let now = match &self.path {
            Some(path) => Identity::read(path),
            None => self.file.metadata().map(|metadata| Identity::from(&metadata)),
        };
        let how = match now {
            Ok(now) => self.before.differs(&now)?,
            Err(error) => format!("its metadata can no longer be read ({error})"),
        };
        Some(format!("the archive changed while it was read: {how}; copy it and read the copy"))
    }
}
