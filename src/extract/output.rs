//! The output directory. Nothing outside of it is ever written, and no link that leads out is followed.
//!
//! Every name is made by [`super::name`]. Every file is written without its name and gets it when it is complete. Files
//! have mode 0600 and directories 0700, whatever they had in the container. Devices and named pipes are never created.
//! Links are created only in a view of `/proc`, and only on request; no path of the archive leads through one. Existing
//! directories are used (`--force`); links in their place are refused.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use bstr::BString;
use thiserror::Error as ThisError;

use super::What;
use super::unfinished::{Name, Scratch, Unfinished, is_part};
use crate::archive::Digest;
use crate::error::ErrorKind;
use crate::formats::{Columns, Format, RowWriter, Style};
use crate::int::u64_of;
use crate::limits::Limits;
use crate::tables::{Extracted, Row, Table};

/// Name of the manifest.
pub const MANIFEST: &str = "manifest.ndjson";
/// Name of a file that is being written, before its suffix.
const CURRENT: &str = "current";
/// Maximum number of names that differ only in their number.
const ALIKE: u32 = 10_000;

/// Why extraction stopped.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum ExtractError {
    /// The directory is not empty.
    #[error("{} exists and is not empty; name another directory", .0.display())]
    NotEmpty(PathBuf),
    /// Something else is in its place.
    #[error("{} is not a directory (links are not followed); name another one", .0.display())]
    NotAFolder(PathBuf),
    /// It cannot be written.
    #[error("cannot write {}: {}", .0.display(), .1)]
    Io(PathBuf, #[source] io::Error),
}

impl From<ExtractError> for crate::Error {
    fn from(error: ExtractError) -> Self {
        ErrorKind::Extract(error.into()).into()
    }
}

/// Progress of the work: numbers of files and bytes so far.
pub type Progress<'p> = Box<dyn FnMut(u64, u64) + 'p>;

/// How much of one kind was extracted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Number of files written.
    pub files: u64,
    /// Size of their contents in bytes, including holes.
    pub bytes: u64,
    /// Number of files that are only in the manifest: links, devices, deleted files.
    pub listed: u64,
    /// Number of files with zeros in place of lost bytes.
    pub partial: u64,
    /// Number of files that should have been written, but were not.
    pub left_out: u64,
}

/// The owner of a path of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    File,
    Folder,
}

/// A directory that is being filled.
pub struct Output<'p> {
    root: PathBuf,
    replace: bool,
    links: bool,
    files_left: u64,
    bytes_left: u64,
    holes: u64,
    /// Paths that this run has made, or found, relative to the root.
    taken: HashMap<PathBuf, Taken>,
    manifest: BufWriter<Unfinished>,
    scratch: Scratch,
    counts: HashMap<What, Count>,
    done: (u64, u64),
    over: Over,
    progress: Progress<'p>,
}

/// The limits that were reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Over {
    pub(super) files: bool,
    pub(super) bytes: bool,
    pub(super) holes: bool,
}

impl std::fmt::Debug for Output<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output").field("root", &self.root).finish_non_exhaustive()
    }
}

impl<'p> Output<'p> {
    /// Creates a new directory, or uses an empty one. With `replace`, it may have contents, and files with the same
    /// names are replaced.
    ///
    /// # Errors
    ///
    /// If it is not empty, something else is in its place, or it cannot be created.
    pub fn create(root: &Path, replace: bool, limits: &Limits, progress: Progress<'p>) -> Result<Self, ExtractError> {
        Output::with_scratch(root, replace, limits, progress, Scratch::default())
    }

    /// The same for a program that may be terminated while it writes: `scratch` has the unfinished files.
    ///
    /// # Errors
    ///
    /// As [`Output::create`].
    pub fn with_scratch(
        root: &Path,
        replace: bool,
        limits: &Limits,
        progress: Progress<'p>,
        scratch: Scratch,
    ) -> Result<Self, ExtractError> {
        let failed = |error| ExtractError::Io(root.to_owned(), error);
        match make_folder(root) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Output::check(root, replace)?,
            other => other.map_err(failed)?,
        }
        let path = root.join(MANIFEST);
        let manifest = scratch.create(&path, true).map_err(|error| ExtractError::Io(path, error))?;
        Ok(Output {
            root: root.to_owned(),
            replace,
            links: false,
            files_left: limits.extracted_files,
            bytes_left: limits.extracted_bytes,
            holes: limits.hole_bytes,
            taken: HashMap::from([(PathBuf::from(MANIFEST), Taken::File)]),
            manifest: BufWriter::new(manifest),
            scratch,
            counts: HashMap::new(),
            done: (0, 0),
            over: Over::default(),
            progress,
        })
    }

    /// Makes the links in the view of `/proc` symbolic links instead of files that contain the target. The targets come
    /// from the archive and may lead anywhere on this machine. They are never followed here.
    #[cfg(unix)]
    pub fn make_links(&mut self) {
        self.links = true;
    }

    /// Whether links are created.
    pub(super) fn makes_links(&self) -> bool {
        self.links
    }

    /// Checks whether a directory can be used, before a long read begins.
    ///
    /// # Errors
    ///
    /// If it is not empty and nothing may be replaced, or something else is in its place.
    pub fn check(root: &Path, replace: bool) -> Result<(), ExtractError> {
        let failed = |error| ExtractError::Io(root.to_owned(), error);
        match fs::symlink_metadata(root) {
            Ok(there) if !there.is_dir() => Err(ExtractError::NotAFolder(root.to_owned())),
            Ok(_) if !replace && !is_empty(root).map_err(failed)? => Err(ExtractError::NotEmpty(root.to_owned())),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
            _ => Ok(()),
        }
    }

    /// The totals of one kind.
    pub fn count(&self, what: What) -> Count {
        self.counts.get(&what).copied().unwrap_or_default()
    }

    /// The limits that were reached.
    pub(super) fn over(&self) -> Over {
        self.over
    }

    /// Gives the manifest its name.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn finish(mut self) -> Result<(), ExtractError> {
        let path = self.root.join(MANIFEST);
        let failed = |error| ExtractError::Io(path.clone(), error);
        self.manifest.flush().map_err(failed)?;
        let file = self.manifest.into_inner().map_err(|error| failed(error.into_error()))?;
        file.finish(&path, self.replace).map_err(|(error, _)| failed(error))
    }

    /// Limits the number of bytes written from now on.
    pub(super) fn at_most(&mut self, bytes: u64) {
        self.bytes_left = self.bytes_left.min(bytes);
    }

    /// Lists an entry for which no file is created.
    pub(super) fn list(&mut self, what: What, row: &Extracted) -> Result<(), ExtractError> {
        let count = self.counts.entry(what).or_default();
        count.listed = count.listed.saturating_add(1);
        self.note(row)
    }

    /// Lists a file that should have been written, but was not.
    pub(super) fn leave_out(&mut self, what: What, row: Extracted, why: &'static str) -> Result<(), ExtractError> {
        let count = self.counts.entry(what).or_default();
        count.left_out = count.left_out.saturating_add(1);
        self.note(&Extracted { state: "left_out", why: Some(why), ..row })
    }

    /// Creates a directory.
    pub(super) fn folder(&mut self, what: What, parts: &[String], mut row: Extracted) -> Result<(), ExtractError> {
        match self.folders(parts)? {
            Some(folder) => {
                (row.file, row.state) = (Some(text_of(&folder)), "written");
                self.note(&row)
            }
            None => self.leave_out(what, row, TOO_MANY),
        }
    }

    /// Writes a file. `write` writes its contents; their size and hash complete the row.
    pub(super) fn file(
        &mut self,
        what: What,
        parts: &[String],
        mut row: Extracted,
        write: impl FnOnce(&mut Contents<'_>) -> io::Result<()>,
    ) -> Result<(), ExtractError> {
        let Some((name, folders)) = parts.split_last() else { return self.leave_out(what, row, "it has no name") };
        let Some(folder) = self.folders(folders)?.filter(|_| self.files_left > 0) else {
            self.over.files = true;
            return self.leave_out(what, row, TOO_MANY);
        };
        let path = self.root.join(&folder).join(name);
        let failed = |error| ExtractError::Io(path.clone(), error);
        // A single name for unfinished files, so that a killed run leaves at most one of them.
        let mut file = self.scratch.create(&self.root.join(CURRENT), true).map_err(failed)?;
        let mut contents = Contents::new(file.file(), self.bytes_left, self.holes);
        let written = write(&mut contents).and_then(|()| contents.finish());
        if contents.over {
            self.over.bytes = true;
            // Bytes written in vain count, too. Otherwise thousands of files that do not fit would each be written
            // almost completely.
            self.bytes_left = self.bytes_left.saturating_sub(contents.len);
            return self.leave_out(what, row, "beyond the limit on extracted bytes");
        }
        match written {
            // Sparse files may be larger than the file system allows.
            Err(error) if matches!(error.kind(), io::ErrorKind::FileTooLarge | io::ErrorKind::InvalidInput) => {
                return self.leave_out(what, row, "too long for the file system");
            }
            other => other.map_err(failed)?,
        }
        let Contents { len, stored, missing, lost, why, digest, .. } = contents;
        self.over.holes |= digest.is_over();
        let path = self.keep(file.close(), &folder, name)?;
        self.files_left = self.files_left.saturating_sub(1);
        self.bytes_left = self.bytes_left.saturating_sub(stored);
        row.file = Some(text_of(&path));
        row.state = if missing > 0 { "partial" } else { "written" };
        row.why = row.why.or(why);
        row.size = Some(len);
        row.missing_bytes = Some(missing);
        row.sha256 = digest.finish();
        let count = self.counts.entry(what).or_default();
        count.files = count.files.saturating_add(1);
        count.bytes = count.bytes.saturating_add(len);
        count.partial = count.partial.saturating_add(u64::from(lost));
        self.done = (self.done.0.saturating_add(1), self.done.1.saturating_add(stored));
        (self.progress)(self.done.0, self.done.1);
        self.note(&row)
    }

    /// Creates a symbolic link. Its target is not examined.
    #[cfg(unix)]
    pub(super) fn link(
        &mut self,
        what: What,
        parts: &[String],
        mut row: Extracted,
        text: &[u8],
    ) -> Result<(), ExtractError> {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;

        /// `PATH_MAX`, including the terminating NUL.
        const LONGEST: usize = 4096;
        let Some((name, folders)) = parts.split_last() else { return self.leave_out(what, row, "it has no name") };
        if text.is_empty() || text.contains(&0) || text.len() >= LONGEST {
            return self.leave_out(what, row, "not a possible target of a link");
        }
        let Some(folder) = self.folders(folders)?.filter(|_| self.files_left > 0) else {
            self.over.files = true;
            return self.leave_out(what, row, TOO_MANY);
        };
        let whole = self.root.join(&folder);
        let link = self.scratch.link(&whole.join(name), OsStr::from_bytes(text));
        let link = link.map_err(|error| ExtractError::Io(whole.join(name), error))?;
        row.file = Some(text_of(&self.keep(link, &folder, name)?));
        row.state = "written";
        self.files_left = self.files_left.saturating_sub(1);
        let count = self.counts.entry(what).or_default();
        count.files = count.files.saturating_add(1);
        self.note(&row)
    }

    fn note(&mut self, row: &Extracted) -> Result<(), ExtractError> {
        let written = ndjson(&Extracted::TABLE, [row.clone()], &mut self.manifest);
        written.map_err(|error| ExtractError::Io(self.root.join(MANIFEST), error))
    }

    /// Creates nested directories. `None` if there are too many of them. Returns the path from the root.
    fn folders(&mut self, parts: &[String]) -> Result<Option<PathBuf>, ExtractError> {
        let mut here = PathBuf::new();
        for part in parts {
            let mut found = None;
            for name in alike(part) {
                let path = here.join(name);
                match self.taken.get(&path) {
                    Some(Taken::Folder) => found = Some(path),
                    Some(Taken::File) => continue,
                    None if self.files_left == 0 => {
                        self.over.files = true;
                        return Ok(None);
                    }
                    None => found = self.new_folder(&path)?.then_some(path),
                }
                if found.is_some() {
                    break;
                }
            }
            let Some(path) = found else { return Ok(None) };
            here = path;
        }
        Ok(Some(here))
    }

    /// Creates a directory, or uses an existing one. `false` if something else is in its place.
    fn new_folder(&mut self, path: &Path) -> Result<bool, ExtractError> {
        let whole = self.root.join(path);
        let failed = |error| ExtractError::Io(whole.clone(), error);
        match make_folder(&whole) {
            Ok(()) => self.files_left = self.files_left.saturating_sub(1),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let there = fs::symlink_metadata(&whole).map_err(failed)?;
                if there.is_symlink() {
                    return Err(ExtractError::NotAFolder(whole));
                }
                if !there.is_dir() {
                    return Ok(false);
                }
            }
            Err(error) => return Err(failed(error)),
        }
        self.taken.insert(path.to_owned(), Taken::Folder);
        Ok(true)
    }

    /// Gives a file its name, or the next numbered one that is free. A link in its place is replaced, not followed.
    fn keep(&mut self, mut file: Name, folder: &Path, name: &str) -> Result<PathBuf, ExtractError> {
        for name in alike(name) {
            let path = folder.join(name);
            let whole = self.root.join(&path);
            let is_folder = || fs::symlink_metadata(&whole).is_ok_and(|there| there.is_dir());
            if self.taken.contains_key(&path) || self.replace && is_folder() {
                continue;
            }
            match file.give(&whole, self.replace) {
                Ok(()) => {
                    self.taken.insert(path.clone(), Taken::File);
                    return Ok(path);
                }
                // For file systems that ignore case.
                Err((error, again)) if error.kind() == io::ErrorKind::AlreadyExists => file = again,
                Err((error, _)) => return Err(ExtractError::Io(whole, error)),
            }
        }
        let error = io::Error::new(io::ErrorKind::AlreadyExists, "too many files with the same name");
        Err(ExtractError::Io(self.root.join(folder).join(name), error))
    }
}

const TOO_MANY: &str = "beyond the limit on extracted files";

/// A name, followed by alternatives in case it is taken.
fn alike(name: &str) -> impl Iterator<Item = String> + '_ {
    std::iter::once(name.to_owned()).chain((2..ALIKE).map(move |number| format!("{name}~{number}")))
}

/// A path of the output for the manifest, with slashes on every system. All of its parts are our own text.
fn text_of(path: &Path) -> BString {
    let parts: Vec<String> = path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    BString::from(parts.join("/"))
}

fn make_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Whether a directory is empty, except for unfinished files of a killed run.
fn is_empty(folder: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(folder)? {
        if !is_part(&entry?.file_name()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Writes rows, one per line.
pub(super) fn ndjson<R: Row>(
    table: &'static Table,
    rows: impl IntoIterator<Item = R>,
    out: &mut impl Write,
) -> io::Result<()> {
    let style =
        Style { format: Format::NDJSON, columns: Columns::All, name_tables: false, lead: Vec::new(), width: None };
    let mut lines = Vec::new();
    let mut writer = RowWriter::new(&mut lines, style);
    writer.begin(table)?;
    rows.into_iter().try_for_each(|row| writer.row(&row))?;
    writer.finish()?;
    out.write_all(&lines)
}

/// The contents of a file that is being written. Zeros and missing bytes take no space on the disk.
#[derive(Debug)]
pub(super) struct Contents<'f> {
    file: &'f mut File,
    /// Current position in the file.
    at: u64,
    len: u64,
    stored: u64,
    missing: u64,
    lost: bool,
    why: Option<&'static str>,
    digest: Digest,
    bytes_left: u64,
    over: bool,
}

impl<'f> Contents<'f> {
    fn new(file: &'f mut File, bytes_left: u64, holes: u64) -> Self {
        let digest = Digest::new(holes);
        Contents { file, at: 0, len: 0, stored: 0, missing: 0, lost: false, why: None, digest, bytes_left, over: false }
    }

    /// Writes the next bytes. Fails if there are more than may be extracted.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        let len = u64_of(bytes.len());
        self.stored = self.stored.saturating_add(len);
        if self.stored > self.bytes_left {
            self.over = true;
            return Err(io::Error::other("beyond the limit on extracted bytes"));
        }
        if self.at != self.len {
            self.file.seek(SeekFrom::Start(self.len))?;
        }
        self.file.write_all(bytes)?;
        self.digest.bytes(bytes);
        self.len = self.len.saturating_add(len);
        self.at = self.len;
        Ok(())
    }

    /// Adds a hole of `len` zeros.
    pub(super) fn hole(&mut self, len: u64) {
        self.digest.hole(len);
        self.len = self.len.saturating_add(len);
    }

    /// Adds `len` missing bytes, and why they are missing. `lost` if they should be in the archive.
    pub(super) fn missing(&mut self, len: u64, lost: bool, why: &'static str) {
        self.digest.missing();
        self.len = self.len.saturating_add(len);
        self.missing = self.missing.saturating_add(len);
        self.lost |= lost;
        self.why.get_or_insert(why);
    }

    fn finish(&mut self) -> io::Result<()> {
        self.file.set_len(self.len)?;
        self.file.flush()
    }
}
