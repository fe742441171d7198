//! The folder that is written to. Nothing outside of it is ever touched, and nothing in it is followed that leads out.
//!
//! Every name is made by [`super::name`]; every file is written without a name and gets it when it is whole; files are 0600 and
//! folders 0700, whatever they were in the container. Devices and named pipes are not made at all. Links are made only in a view
//! of `/proc`, and only if somebody asks for them; no name of the archive leads through one. Folders that were there before
//! (`--force`) are used, links in their place are refused.

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

/// The name of the manifest.
pub const MANIFEST: &str = "manifest.ndjson";
/// The name of a file that is being written, with a suffix.
const CURRENT: &str = "current";
/// Names that differ in their number only.
const ALIKE: u32 = 10_000;

/// Why nothing more is extracted.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum ExtractError {
    /// The directory has something in it.
    #[error("{} exists and is not empty; name another directory", .0.display())]
    NotEmpty(PathBuf),
    /// Something else is in the place of the directory.
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

/// Progress of the work: files and bytes so far.
pub type Progress<'p> = Box<dyn FnMut(u64, u64) + 'p>;

/// How much of one kind was extracted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Files that were written.
    pub files: u64,
    /// Bytes of their contents, holes included.
    pub bytes: u64,
    /// Files that are only in the manifest: links, devices, deleted files.
    pub listed: u64,
    /// Files with zeros in place of lost bytes.
    pub partial: u64,
    /// Files that should have been written, but were not.
    pub left_out: u64,
}

/// The owner of a path of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    File,
    Folder,
}

/// A folder that is being filled.
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

/// Which limits were hit.
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
    /// A new folder, or an empty one. `replace` also allows one with something in it; files of the same names are replaced.
    ///
    /// # Errors
    ///
    /// If there is something in it, something else in its place, or it cannot be made.
    pub fn create(root: &Path, replace: bool, limits: &Limits, progress: Progress<'p>) -> Result<Self, ExtractError> {
        Output::with_scratch(root, replace, limits, progress, Scratch::default())
    }

    /// The same for a program that may be ended while it writes: what is not finished is in `scratch`.
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

    /// Makes the links of the view of `/proc` symbolic links, where it would make files with their texts. They are texts of the
    /// archive: on this machine they lead anywhere, or nowhere. Nothing here follows them.
    #[cfg(unix)]
    pub fn make_links(&mut self) {
        self.links = true;
    }

    /// Whether links are made.
    pub(super) fn makes_links(&self) -> bool {
        self.links
    }

    /// Whether a folder could be used, before anything is read that takes long.
    ///
    /// # Errors
    ///
    /// If there is something in it and nothing may be replaced, or something else is in its place.
    pub fn check(root: &Path, replace: bool) -> Result<(), ExtractError> {
        let failed = |error| ExtractError::Io(root.to_owned(), error);
        match fs::symlink_metadata(root) {
            Ok(there) if !there.is_dir() => Err(ExtractError::NotAFolder(root.to_owned())),
            Ok(_) if !replace && !is_empty(root).map_err(failed)? => Err(ExtractError::NotEmpty(root.to_owned())),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
            _ => Ok(()),
        }
    }

    /// How much of each kind was extracted.
    pub fn count(&self, what: What) -> Count {
        self.counts.get(&what).copied().unwrap_or_default()
    }

    /// Which limits were hit.
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

    /// No more bytes than these from now on.
    pub(super) fn at_most(&mut self, bytes: u64) {
        self.bytes_left = self.bytes_left.min(bytes);
    }

    /// Lists an entry for which no file is created.
    pub(super) fn list(&mut self, what: What, row: &Extracted) -> Result<(), ExtractError> {
        let count = self.counts.entry(what).or_default();
        count.listed = count.listed.saturating_add(1);
        self.note(row)
    }

    /// Notes something that should have been written, but was not.
    pub(super) fn leave_out(&mut self, what: What, row: Extracted, why: &'static str) -> Result<(), ExtractError> {
        let count = self.counts.entry(what).or_default();
        count.left_out = count.left_out.saturating_add(1);
        self.note(&Extracted { state: "left_out", why: Some(why), ..row })
    }

    /// Makes a folder.
    pub(super) fn folder(&mut self, what: What, parts: &[String], mut row: Extracted) -> Result<(), ExtractError> {
        match self.folders(parts)? {
            Some(folder) => {
                (row.file, row.state) = (Some(text_of(&folder)), "written");
                self.note(&row)
            }
            None => self.leave_out(what, row, TOO_MANY),
        }
    }

    /// Writes a file. `write` writes its contents, whose size and hash complete the row.
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
        // One name for all that is not finished, so that a run that is killed leaves at most one such file.
        let mut file = self.scratch.create(&self.root.join(CURRENT), true).map_err(failed)?;
        let mut contents = Contents::new(file.file(), self.bytes_left, self.holes);
        let written = write(&mut contents).and_then(|()| contents.finish());
        if contents.over {
            self.over.bytes = true;
            // What was written in vain counts: else thousands of files that do not fit are written almost whole.
            self.bytes_left = self.bytes_left.saturating_sub(contents.len);
            return self.leave_out(what, row, "more bytes than are extracted");
        }
        match written {
            // Sparse files may be longer than the file system takes.
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

    /// Makes a symbolic link with a text, which is not looked at.
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

        /// `PATH_MAX`, with the byte that ends a path.
        const LONGEST: usize = 4096;
        let Some((name, folders)) = parts.split_last() else { return self.leave_out(what, row, "it has no name") };
        if text.is_empty() || text.contains(&0) || text.len() >= LONGEST {
            return self.leave_out(what, row, "no link can have this text");
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

    /// Makes folders, each in the one before; `None` if there are too many of them. Returns the path from the root.
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

    /// Makes a folder, or takes one that is there; `false` if there is something else in its place.
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

    /// Gives a file its name, or the next like it that is free. A link in its place is replaced, not followed.
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
                // On file systems that do not tell capitals from small letters.
                Err((error, again)) if error.kind() == io::ErrorKind::AlreadyExists => file = again,
                Err((error, _)) => return Err(ExtractError::Io(whole, error)),
            }
        }
        let error = io::Error::new(io::ErrorKind::AlreadyExists, "too many files of one name");
        Err(ExtractError::Io(self.root.join(folder).join(name), error))
    }
}

const TOO_MANY: &str = "more files than are extracted";

/// A name, and those to take where it is taken.
fn alike(name: &str) -> impl Iterator<Item = String> + '_ {
    std::iter::once(name.to_owned()).chain((2..ALIKE).map(move |number| format!("{name}~{number}")))
}

/// A path of the output for the manifest: with slashes on every system. All of its parts are text of ours.
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

/// Whether a folder is empty, except for unfinished files of a run that was killed.
fn is_empty(folder: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(folder)? {
        if !is_part(&entry?.file_name()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Writes rows, a line each.
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

/// The contents of a file that is being written. Zeros and missing bytes take no room on the disk.
#[derive(Debug)]
pub(super) struct Contents<'f> {
    file: &'f mut File,
    /// Where the file stands.
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

    /// The next bytes. Once there are more than may be extracted, this fails.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        let len = u64_of(bytes.len());
        self.stored = self.stored.saturating_add(len);
        if self.stored > self.bytes_left {
            self.over = true;
            return Err(io::Error::other("more bytes than are extracted"));
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
