//! Reads lists of indicators. What a file is follows from its contents.

mod csv;
mod json;
mod misp;
mod pattern;
mod plain;
mod stix;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::index::{About, Builder, Parts};
use super::warninglists::Silencer;
use super::{Indicators, List};
use crate::analysis::rule_files::explain;

/// Largest file that is read.
const FILE: u64 = 4 << 30;
/// Largest warninglist.
const WARNINGLIST: u64 = 256 << 20;
/// Files of a directory.
const FILES: usize = 100_000;
/// Bytes by which a file is recognised.
const HEAD: usize = 64 << 10;
/// Reasons that are counted apart.
const REASONS: usize = 64;

/// Why a list cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong, with the line if it is known, and what to do.
    pub why: String,
}

impl fmt::Display for ListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.why)
    }
}

impl std::error::Error for ListError {}

/// Reads lists.
#[derive(Debug)]
pub struct Loader {
    pub(super) builder: Builder,
    pub(super) lists: Vec<List>,
    pub(super) silencer: Silencer,
    /// Whether everything is used: what a MISP event does not mark for detection, and what is too general.
    all: bool,
    is_full: bool,
}

impl Loader {
    /// Creates a loader with the shipped lists of what is too general. With `all`, these are not used, and attributes of MISP
    /// that are not marked for detection are.
    pub fn new(all: bool) -> Self {
        let silencer = if all { Silencer::default() } else { Silencer::shipped() };
        Loader { builder: Builder::default(), lists: Vec::new(), silencer, all, is_full: false }
    }

    /// Reads a file, or the files of a directory.
    ///
    /// # Errors
    ///
    /// Names the file, and the line if it is known. A line that cannot be used is no error: [`List::not_used`] counts it.
    pub fn add(&mut self, path: &Path) -> Result<(), ListError> {
        let wrong = |error: &io::Error| ListError { file: path.to_owned(), why: explain(error) };
        if path.is_dir() {
            let feed = path.join("manifest.json");
            if feed.is_file() {
                return self.add_file(&feed);
            }
            let files = files_of(path, &["csv", "ioc", "json", "stix", "txt"]).map_err(|error| wrong(&error))?;
            if files.is_empty() {
                let why = "the directory has no files that end in .txt, .csv, .json, .stix or .ioc".to_owned();
                return Err(ListError { file: path.to_owned(), why });
            }
            return files.iter().try_for_each(|file| self.add_file(file));
        }
        self.add_file(path)
    }

    fn add_file(&mut self, path: &Path) -> Result<(), ListError> {
        let wrong = |why: String| ListError { file: path.to_owned(), why };
        let file = fs::File::open(path).map_err(|error| wrong(explain(&error)))?;
        if file.metadata().is_ok_and(|data| data.len() > FILE) {
            return Err(wrong(format!("it is larger than {} GiB; split it", FILE >> 30)));
        }
        self.read(path, file.take(FILE)).map_err(wrong)
    }

    /// Reads a list from a reader. Its name is that of a file, next to which a feed of MISP has its events.
    ///
    /// # Errors
    ///
    /// As [`Loader::add`].
    pub fn read(&mut self, path: &Path, reader: impl Read) -> Result<(), String> {
        let mut reader = BufReader::with_capacity(HEAD, reader);
        let head = head_of(&mut reader).map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&head);
        let text = text.trim_start_matches('\u{feff}').trim_start();
        let is_csv = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("csv"));
        self.lists.push(List { file: path.to_owned(), format: "text", used: 0, not_used: BTreeMap::new() });
        let format = match text.chars().next() {
            Some('{' | '[') if json::is_json(text) => json::read(self, path, reader)?,
            Some('<') => {
                return Err(
                    "XML, such as OpenIOC, is not read; convert it to STIX 2.1 or to one indicator a line".to_owned()
                );
            }
            _ if is_csv || csv::is_csv(text) => csv::read(self, reader)?,
            _ => plain::read(self, reader)?,
        };
        if let Some(list) = self.lists.last_mut() {
            list.format = format;
        }
        Ok(())
    }

    /// Reads lists of what is too general, in the format of MISP's warninglists: the `.json` files of a directory, and those in
    /// its directories. Returns how many were read, and what is wrong with others.
    ///
    /// # Errors
    ///
    /// If the directory cannot be read or has no such files.
    pub fn add_warninglists(&mut self, directory: &Path) -> Result<(usize, Vec<ListError>), ListError> {
        let wrong = |error: &io::Error| ListError { file: directory.to_owned(), why: explain(error) };
        let mut files = files_of(directory, &["json"]).map_err(|error| wrong(&error))?;
        let deep = directory.join("lists");
        for folder in [directory.to_owned(), deep] {
            for inner in folders_of(&folder) {
                files.extend(files_of(&inner, &["json"]).unwrap_or_default());
            }
        }
        let (mut count, mut bad) = (0_usize, Vec::new());
        for file in &files {
            let text = text_of(file);
            match text.and_then(|text| self.silencer.add(&text)) {
                Ok(_) => count = count.saturating_add(1),
                Err(why) => bad.push(ListError { file: file.clone(), why }),
            }
        }
        if count == 0 && bad.is_empty() {
            let why = "there are no .json files in it; give the directory `lists` of MISP's warninglists".to_owned();
            return Err(ListError { file: directory.to_owned(), why });
        }
        Ok((count, bad))
    }

    /// Compiles what was read.
    pub fn finish(self) -> Indicators {
        let index = Arc::new(self.builder.finish(&self.silencer));
        Indicators::new(index, self.lists)
    }

    /// Number of the current list.
    fn list(&self) -> u32 {
        u32::try_from(self.lists.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    /// Adds an indicator to the current list.
    fn indicator(&mut self, about: About, alternatives: &[Parts], place: impl FnOnce() -> String) {
        let before = self.builder.abouts().len();
        let added = self.builder.add(about, alternatives);
        if self.builder.abouts().len() > before
            && let Some(list) = self.lists.last_mut()
        {
            list.used = list.used.saturating_add(1);
        }
        let wrong = added.err().unwrap_or_default();
        if wrong.is_empty() {
            return;
        }
        let place = place();
        for why in wrong {
            self.is_full |= why.contains("the rest is not used");
            self.not_used(&why, || place.clone());
        }
    }

    /// Counts what cannot be used, and notes where the first is.
    fn not_used(&mut self, why: &str, place: impl FnOnce() -> String) {
        let Some(list) = self.lists.last_mut() else { return };
        if let Some((count, _)) = list.not_used.get_mut(why) {
            *count = count.saturating_add(1);
        } else if list.not_used.len() < REASONS {
            list.not_used.insert(why.to_owned(), (1, place()));
        }
    }
}

/// The beginning of a reader, which is left where it is.
fn head_of(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    Ok(reader.fill_buf()?.to_vec())
}

fn text_of(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    let read = file.take(WARNINGLIST).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if crate::int::u64_of(read) >= WARNINGLIST {
        return Err(format!("it is larger than {} MiB", WARNINGLIST >> 20));
    }
    Ok(text)
}

/// The files of a directory with one of these ends, by name.
fn files_of(directory: &Path, ends: &[&str]) -> io::Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(directory)?.take(FILES).filter_map(|entry| Some(entry.ok()?.path())).collect();
    let has_end = |path: &PathBuf| {
        path.extension()
            .and_then(|end| end.to_str())
            .is_some_and(|end| ends.contains(&end.to_ascii_lowercase().as_str()))
    };
    files.retain(|path| path.is_file() && has_end(path));
    files.sort_unstable();
    Ok(files)
}

fn folders_of(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().take(FILES);
    let mut folders: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_dir()).collect();
    folders.sort_unstable();
    folders
}
