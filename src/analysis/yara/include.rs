//! Reads files of rules and what they include. An include never leaves the folder that the user named, and there is an
//! end to them.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::analysis::rule_files::read;
use crate::int::u64_of;

/// Largest file.
const FILE_MOST: u64 = 32 << 20;
/// Most bytes of all files, each counted as often as it is included.
const ALL_MOST: u64 = 256 << 20;
/// How deep files include others.
const DEPTH: u8 = 16;
/// Most includes.
const INCLUDES: usize = 20_000;
/// What names of includes begin with in texts that the compiler gets, before the number of the file.
const MARK: &str = "@";

/// A file of rules.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// Where it is, or why it cannot be included.
    pub(super) path: Result<PathBuf, String>,
    /// As messages name it.
    pub(super) shown: String,
    /// The folder that its includes must be in.
    root: PathBuf,
    depth: u8,
}

/// All files that were named, by number.
#[derive(Debug, Default)]
pub(super) struct Sources {
    all: Vec<Source>,
    read: u64,
    /// Files that another one includes.
    pub(super) included: HashSet<PathBuf>,
}

impl Sources {
    /// Adds a file that the user named, or that is in such a folder. Returns its number.
    pub(super) fn add(&mut self, path: PathBuf, shown: String, root: &Path) -> usize {
        self.push(Source { path: Ok(path), shown, root: root.to_owned(), depth: 0 })
    }

    fn push(&mut self, source: Source) -> usize {
        self.all.push(source);
        self.all.len().saturating_sub(1)
    }

    /// A file.
    pub(super) fn get(&self, number: usize) -> Option<&Source> {
        self.all.get(number)
    }

    /// The text that makes the compiler ask for a file.
    pub(super) fn stub(number: usize) -> String {
        format!("include \"{MARK}{number}\"\n")
    }

    /// The text of an include, by the name that the compiler has for it.
    pub(super) fn text(&mut self, name: &str) -> Result<String, String> {
        let number = name.strip_prefix(MARK).and_then(|number| number.parse::<usize>().ok());
        let Some(source) = number.and_then(|number| self.all.get(number)).cloned() else {
            return Err("write each include on a line of its own".to_owned());
        };
        let path = source.path.clone()?;
        let bytes = read(&path, ALL_MOST.saturating_sub(self.read).min(FILE_MOST))?;
        self.read = self.read.saturating_add(u64_of(bytes.len()));
        Ok(self.with_numbers(&String::from_utf8_lossy(&bytes), &source, &path))
    }

    /// Reads a file only to learn what it includes.
    pub(super) fn note_includes(&mut self, number: usize) -> Result<(), String> {
        let Some(source) = self.all.get(number).cloned() else { return Ok(()) };
        let path = source.path?;
        let bytes = read(&path, FILE_MOST)?;
        for (_, name, _) in String::from_utf8_lossy(&bytes).lines().filter_map(include_of) {
            self.included.extend(resolve(name, &path, &source.root).ok().filter(|included| *included != path));
        }
        Ok(())
    }

    /// Replaces the names of includes by numbers of files, so that it is known whose they are.
    fn with_numbers(&mut self, text: &str, source: &Source, path: &Path) -> String {
        let mut out = String::with_capacity(text.len());
        for line in text.split_inclusive('\n') {
            match include_of(line) {
                Some((before, name, after)) => {
                    let number = self.include(name, source, path);
                    out.push_str(before);
                    out.push_str(MARK);
                    out.push_str(&number.to_string());
                    out.push_str(after);
                }
                None => out.push_str(line),
            }
        }
        out
    }

    fn include(&mut self, name: &str, by: &Source, by_path: &Path) -> usize {
        let depth = by.depth.saturating_add(1);
        let path = if self.all.len() >= INCLUDES {
            Err(format!("there are more than {INCLUDES} includes"))
        } else if depth > DEPTH {
            Err(format!("files include each other more than {DEPTH} deep"))
        } else {
            resolve(name, by_path, &by.root)
        };
        if let Ok(path) = &path {
            self.included.insert(path.clone());
        }
        let shown = path.as_ref().map_or_else(|_| name.to_owned(), |path| path.display().to_string());
        self.push(Source { path, shown, root: by.root.clone(), depth })
    }
}

/// The parts of a line that includes a file: before the name, the name, after it.
fn include_of(line: &str) -> Option<(&str, &str, &str)> {
    let rest = line.trim_start_matches('\u{feff}').trim_start().strip_prefix("include")?;
    let rest = rest.trim_start().strip_prefix('"')?;
    let (name, _) = rest.split_once('"')?;
    let before = line.split_at_checked(line.len().checked_sub(rest.len())?)?.0;
    let after = rest.strip_prefix(name)?;
    Some((before, name, after))
}

/// The file that an include names, if it is below the folder that the user named.
fn resolve(name: &str, by: &Path, root: &Path) -> Result<PathBuf, String> {
    let folder = by.parent().unwrap_or(root);
    let path = fs::canonicalize(folder.join(name)).map_err(|error| error.to_string())?;
    if !path.starts_with(root) {
        return Err(format!("it is outside of {}, the folder of the rules", root.display()));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn includes_are_found_on_lines_of_their_own() {
        assert_eq!(include_of("include \"a/b.yar\"\n"), Some(("include \"", "a/b.yar", "\"\n")));
        assert_eq!(include_of("  include\t\"x\" // why"), Some(("  include\t\"", "x", "\" // why")));
        assert_eq!(include_of("\u{feff}include \"x\""), Some(("\u{feff}include \"", "x", "\"")));
        assert_eq!(include_of("// include \"x\""), None);
        assert_eq!(include_of("includes = \"x\""), None);
    }
}
