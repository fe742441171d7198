//! Resolves the names given by the user: paths, directories, wildcards, and lists of names.

use std::fs;
use std::io::{self, stdin};
use std::path::{Path, PathBuf};

use bstr::ByteSlice as _;
use cryoscope::archive::{read_most, read_small};

use super::entry::{Entry, special};
use super::folder::{in_directory, in_folder};
use crate::cli::args::FleetArgs;
use crate::cli::screen::complain;
use crate::cli::{Failure, wildcard};

/// Maximum size of a list of names in bytes.
const LIST_MOST: u64 = 64 << 20;

/// The archives behind the names: named directly, in lists, by wildcards, and by directories that hold them.
pub(super) fn entries(named: &[PathBuf], args: &FleetArgs) -> Result<Vec<Entry>, Failure> {
    let mut paths = named.to_vec();
    paths.extend(args.lists()?.iter().cloned());
    entries_of(paths)
}

/// The same without lists.
fn entries_of(paths: Vec<PathBuf>) -> Result<Vec<Entry>, Failure> {
    let mut entries = Vec::new();
    for path in paths {
        if path != Path::new("-") && path.is_dir() {
            // A directory that cannot be listed is opened, which reports the error.
            entries.extend(in_folder(&path).unwrap_or_else(|_| vec![Entry::named(path)]));
        } else if is_pattern(&path) {
            let found = matching(&path)?;
            if found.is_empty() {
                complain(&format!("{}: no file matches", path.display()));
            }
            // A special file that matches a wildcard was not named directly.
            entries.extend(found.into_iter().map(|path| Entry { found: special(&path).is_some(), path }));
        } else {
            entries.push(Entry::named(path));
        }
    }
    Ok(entries)
}

/// The files that are read: the archives, including those from lists and wildcards, and the lists.
pub(crate) fn read_by(named: &[PathBuf], args: &FleetArgs) -> Vec<PathBuf> {
    // A list that cannot be read is reported later.
    let listed = args.lists().cloned().unwrap_or_default();
    let paths = named.iter().chain(&listed);
    let meant =
        paths.flat_map(|path| if is_pattern(path) { matching(path).unwrap_or_default() } else { vec![path.clone()] });
    meant.chain(args.files_from.iter().cloned()).collect()
}

/// Whether a path is a pattern: it has wildcards, and no file has that name.
fn is_pattern(path: &Path) -> bool {
    path != Path::new("-") && fs::symlink_metadata(path).is_err() && has_wildcards(path)
}

impl FleetArgs {
    /// The names in lists, read once, as standard input can be one.
    pub(crate) fn lists(&self) -> Result<&Vec<PathBuf>, Failure> {
        if let Some(names) = self.listed.get() {
            return Ok(names);
        }
        let names = self.files_from.iter().map(|list| listed(list)).collect::<Result<Vec<_>, _>>()?;
        Ok(self.listed.get_or_init(|| names.concat()))
    }
}

/// The names in a list: lines, or items that end with NUL.
fn listed(list: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |error: io::Error| {
        let name = if list == Path::new("-") { "standard input".into() } else { list.display().to_string() };
        Failure::Usage(format!("cannot read names of archives from {name}: {error}"))
    };
    let bytes = if list == Path::new("-") { read_most(stdin(), LIST_MOST) } else { read_small(list, LIST_MOST) };
    let bytes = bytes.map_err(unreadable)?;
    let end = if bytes.contains(&0) { 0 } else { b'\n' };
    let names =
        bytes.split(|&byte| byte == end).map(|name| if end == 0 { name } else { name.trim_end_with(|c| c == '\r') });
    Ok(names.filter(|name| !name.is_empty()).map(|name| name.to_path_lossy().into_owned()).collect())
}

fn has_wildcards(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().contains(['*', '?', '[']))
}

/// The paths that match a wildcard in the last part of a path. Shells have usually expanded it already.
fn matching(pattern: &Path) -> Result<Vec<PathBuf>, Failure> {
    let name = pattern.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let glob = wildcard::one(&name, true)?;
    let folder = pattern.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut paths = in_directory(folder.unwrap_or(Path::new(".")))?;
    paths.retain(|path| path.file_name().is_some_and(|name| glob.is_match(name.as_encoded_bytes())));
    if folder.is_none() {
        paths = paths.iter().filter_map(|path| Some(PathBuf::from(path.file_name()?))).collect();
    }
    Ok(paths)
}
