//! Files of rules that the user names: a file, or all below a directory whose names end in a certain way. They may be
//! anybody's, so there is an end to everything.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::int::u64_of;

/// Most files of a directory.
const FILES: usize = 20_000;
/// How deep directories are read.
const DEPTH: usize = 16;

/// What was found in a place.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The directory that nothing leads out of, with links resolved.
    pub(super) root: PathBuf,
    /// Files with links resolved, each with the name that messages have for it.
    pub(super) files: Vec<(PathBuf, String)>,
    /// What is wrong: the place and why.
    pub(super) problems: Vec<(String, String)>,
}

impl Found {
    fn problem(mut self, place: &Path, why: &str) -> Self {
        self.problems.push((place.display().to_string(), why.to_owned()));
        self
    }
}

/// Why a file of the user's cannot be read. It is nobody's checkpoint, so only a missing one needs more words than the
/// system's.
pub(super) fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory; check the path".to_owned(),
        _ => error.to_string(),
    }
}

/// Finds the files of rules in a place. Names in a directory must have one of the endings.
pub(super) fn find(path: &Path, endings: &[&str]) -> Found {
    let found = Found::default();
    let real = match fs::canonicalize(path) {
        Ok(real) => real,
        Err(error) => return found.problem(path, &explain(&error)),
    };
    if fs::metadata(&real).is_ok_and(|metadata| metadata.is_dir()) {
        return below(Found { root: real, ..found }, path, endings);
    }
    let root = real.parent().map_or_else(|| real.clone(), Path::to_owned);
    Found { root, files: vec![(real, path.display().to_string())], ..found }
}

fn below(mut found: Found, named: &Path, endings: &[&str]) -> Found {
    let root = found.root.clone();
    let mut folders = vec![(root.clone(), 0_usize)];
    while let Some((folder, depth)) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                found = found.problem(&folder, &error.to_string());
                continue;
            }
        };
        for entry in entries.filter_map(Result::ok) {
            let path = entry.path();
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() && depth < DEPTH {
                folders.push((path, depth.saturating_add(1)));
                continue;
            }
            let is_wanted = |end: &std::ffi::OsStr| endings.iter().any(|known| end.eq_ignore_ascii_case(known));
            if !path.extension().is_some_and(is_wanted) || found.files.len() >= FILES {
                continue;
            }
            let below = path.strip_prefix(&root).unwrap_or(&path);
            let shown = named.join(below);
            // A link may lead out of the directory.
            match fs::canonicalize(&path).ok().filter(|real| real.starts_with(&root)) {
                Some(real) => found.files.push((real, shown.display().to_string())),
                None => found = found.problem(&shown, "it leads out of the directory of the rules, or to nothing"),
            }
        }
    }
    found.files.sort();
    found.files.dedup_by(|a, b| a.0 == b.0);
    if found.files.len() >= FILES {
        return found.problem(named, &format!("it has more than {FILES} files of rules; the rest was skipped"));
    }
    found
}

/// Reads a regular file, up to a limit.
pub(super) fn read(path: &Path, most: u64) -> Result<Vec<u8>, String> {
    let metadata = fs::metadata(path).map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is no regular file".to_owned());
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if u64_of(bytes.len()) > most {
        return Err(format!("it is larger than {most} bytes, which is what may be read of rules"));
    }
    Ok(bytes)
}

/// Problems with rules, as lines. There is an end to them.
#[derive(Debug, Default)]
pub(super) struct Problems {
    all: Vec<String>,
    more: usize,
}

/// Most problems that are listed.
const PROBLEMS: usize = 100;

impl Problems {
    /// Adds a line.
    pub(super) fn push(&mut self, problem: String) {
        if self.all.len() < PROBLEMS {
            self.all.push(problem);
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    /// Adds the problem of a place.
    pub(super) fn add(&mut self, place: &str, why: &str) {
        use crate::escape::escape;
        self.push(format!("{}: {}", escape(place.as_bytes()), escape(why.as_bytes())));
    }

    /// The lines.
    pub(super) fn finish(mut self) -> Vec<String> {
        if self.more > 0 {
            self.all.push(format!("{} more problems are not listed", self.more));
        }
        self.all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_below_a_directory_and_nothing_leads_out_of_it() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join("rules/deep")).unwrap();
        for name in ["rules/b.yml", "rules/deep/a.YML", "rules/c.txt", "out.yml"] {
            fs::write(place.path().join(name), "x").unwrap();
        }
        #[cfg(unix)]
        std::os::unix::fs::symlink("../out.yml", place.path().join("rules/link.yml")).unwrap();
        let found = find(&place.path().join("rules"), &["yml"]);
        let names: Vec<_> = found.files.iter().map(|(_, shown)| shown.rsplit('/').next().unwrap()).collect();
        assert_eq!(names, ["b.yml", "a.YML"]);
        assert_eq!(found.problems.len(), usize::from(cfg!(unix)));
        assert_eq!(
            find(&place.path().join("out.yml"), &["yar"]).files.len(),
            1,
            "a file that is named may have any name"
        );
    }

    #[test]
    fn a_file_that_is_too_large_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("x");
        fs::write(&path, "12345").unwrap();
        assert_eq!(read(&path, 5).unwrap(), b"12345");
        assert!(read(&path, 4).unwrap_err().contains("larger than 4 bytes"));
        assert!(read(place.path(), 4).unwrap_err().contains("regular file"));
    }
}
