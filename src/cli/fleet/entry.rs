//! An archive that was named, or found in a directory.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bstr::{BString, ByteVec as _};
use cryoscope::{Checkpoint, ErrorKind};

use crate::cli::open::Opener;

/// An archive to read.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) path: PathBuf,
    /// Whether it was found in a directory, which may also hold other files.
    pub(super) found: bool,
}

impl Entry {
    /// An archive that was named directly.
    pub(crate) fn named(path: PathBuf) -> Self {
        Entry { path, found: false }
    }

    /// An archive that was found in a directory.
    pub(crate) fn found(path: PathBuf) -> Self {
        Entry { path, found: true }
    }

    /// Opens its checkpoints. `None` if it was only found and is clearly something else. A link to a directory may lead
    /// anywhere, even to the whole machine, so it is followed only if it was named.
    pub(crate) fn open(&self, opener: &Opener<'_>) -> Option<Result<Vec<Checkpoint>, cryoscope::Error>> {
        if self.found && is_link_to_folder(&self.path) {
            opener.skipped(&self.path);
            return None;
        }
        if self.found
            && let Some(what) = special(&self.path)
        {
            // A named pipe that was only found may have no writer, and opening it would block.
            if self.is_called_an_archive() {
                let message = format!("{}: {what}, skipped; to read it, name it directly", self.path.display());
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

    /// Whether an error says that the file was never a checkpoint.
    fn is_something_else(&self, error: &ErrorKind) -> bool {
        match error {
            // A copy interrupted at the start has no content to go by.
            ErrorKind::Empty if self.is_called_an_archive() => false,
            _ if self.is_called_a_checkpoint() => false,
            error => error.is_something_else(),
        }
    }

    /// Whether its name is that of an archive.
    pub(super) fn is_called_an_archive(&self) -> bool {
        let ends = [".tar", ".tgz", ".gz", ".zst", ".xz", ".bz2"];
        self.is_called_a_checkpoint() || ends.iter().any(|end| self.name().ends_with(end))
    }

    /// Whether its name is one that engines give to checkpoints.
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

    /// Its path as given.
    pub(crate) fn path_name(&self) -> BString {
        Vec::from_path_lossy(&self.path).into_owned().into()
    }

    /// The last part of its path.
    pub(crate) fn file_name(&self) -> BString {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        Vec::from_os_str_lossy(name).into_owned().into()
    }
}

/// The kind of a special file, or of a link to one. `None` for files, directories, and paths that cannot be examined:
/// opening those reports why.
pub(super) fn special(path: &Path) -> Option<&'static str> {
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

pub(super) fn is_link_to_folder(path: &Path) -> bool {
    path.is_symlink() && path.is_dir()
}
