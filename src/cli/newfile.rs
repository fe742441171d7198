//! A file that bears its name only when it is whole.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempPath};

use super::Failure;

/// A new file, without its name yet. Dropped, it leaves nothing behind.
pub(crate) struct NewFile {
    file: NamedTempFile,
    path: PathBuf,
    replace: bool,
}

impl NewFile {
    /// Begins a file. Refuses one that exists, unless it is to be replaced.
    pub(crate) fn create(path: &Path, replace: bool) -> Result<Self, Failure> {
        if !replace && fs::symlink_metadata(path).is_ok() {
            let path = path.display();
            return Err(Failure::Usage(format!("{path} exists; --force replaces it, or name another file")));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !folder.is_dir() {
            let folder = folder.display();
            return Err(Failure::Usage(format!("cannot write {}: there is no folder {folder}", path.display())));
        }
        let file = in_folder(folder).map_err(|error| not_written(path, &error))?;
        Ok(NewFile { file, path: path.to_owned(), replace })
    }

    /// The file, to be written.
    pub(crate) fn file(&mut self) -> &mut File {
        self.file.as_file_mut()
    }

    /// Ends it. It has no name yet, but takes no descriptor any more.
    pub(crate) fn close(self) -> Whole {
        Whole { file: self.file.into_temp_path(), path: self.path, replace: self.replace }
    }

    /// Gives it its name, and returns that.
    pub(crate) fn finish(self) -> Result<PathBuf, Failure> {
        self.close().finish()
    }
}

/// A file that is whole, without its name yet. Dropped, it leaves nothing behind.
pub(crate) struct Whole {
    file: TempPath,
    path: PathBuf,
    replace: bool,
}

impl Whole {
    /// Gives it its name, and returns that.
    pub(crate) fn finish(self) -> Result<PathBuf, Failure> {
        let Whole { file, path, replace } = self;
        let kept = if replace { file.persist(&path) } else { file.persist_noclobber(&path) };
        match kept {
            Ok(()) => Ok(path),
            Err(error) => Err(not_written(&path, &error.error)),
        }
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.as_file_mut().write(bytes);
        written.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", self.path.display())))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_file_mut().flush()
    }
}

/// A file that others may read as far as the user's mask lets them.
fn in_folder(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// Why a file was not written.
pub(crate) fn not_written(path: &Path, error: &io::Error) -> Failure {
    Failure::Usage(format!("cannot write {}: {error}", path.display()))
}
