//! A file that gets its name only when it is complete.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use cryoscope::extract::{Name, Unfinished};

use super::Failure;
use super::outputs::Claim;

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Only the user, as it contains data of an archive, which holds all memory.
    Owner,
    /// Everyone whom the user's umask allows.
    Anybody,
}

/// A new file without a name. Dropping it leaves nothing behind.
pub(crate) struct NewFile {
    file: Unfinished,
    path: PathBuf,
    replace: bool,
}

impl NewFile {
    /// Creates a file. Refuses an existing one, unless it may be replaced.
    pub(crate) fn create(claim: &Claim, replace: bool, readers: Readers) -> Result<Self, Failure> {
        let path = claim.path();
        if !replace && fs::symlink_metadata(path).is_ok() {
            let path = path.display();
            return Err(Failure::Usage(format!("{path} exists; replace it with --force, or name another file")));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !folder.is_dir() {
            let folder = folder.display();
            return Err(Failure::Usage(format!(
                "cannot write {}: the directory {folder} does not exist",
                path.display()
            )));
        }
        let file =
            claim.scratch().create(path, readers == Readers::Owner).map_err(|error| not_written(path, &error))?;
        Ok(NewFile { file, path: path.to_owned(), replace })
    }

    /// The file to write to.
    pub(crate) fn file(&mut self) -> &mut File {
        self.file.file()
    }

    /// Completes the file. It still has no name, but no longer uses a descriptor.
    pub(crate) fn close(self) -> Whole {
        Whole { file: self.file.close(), path: self.path, replace: self.replace }
    }

    /// Gives the file its name and returns the path.
    pub(crate) fn finish(self) -> Result<PathBuf, Failure> {
        self.close().finish()
    }
}

/// A complete file without a name. Dropping it leaves nothing behind.
pub(crate) struct Whole {
    file: Name,
    path: PathBuf,
    replace: bool,
}

impl Whole {
    /// Gives the file its name and returns the path.
    pub(crate) fn finish(self) -> Result<PathBuf, Failure> {
        let Whole { file, path, replace } = self;
        match file.give(&path, replace) {
            Ok(()) => Ok(path),
            Err((error, _)) => Err(not_written(&path, &error)),
        }
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes);
        written.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", self.path.display())))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Creates a missing directory and its parents, readable only by the user, as its files are.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path)
}

/// Why a file was not written.
pub(crate) fn not_written(path: &Path, error: &io::Error) -> Failure {
    Failure::Usage(format!("cannot write {}: {error}", path.display()))
}
