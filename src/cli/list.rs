//! `cryoscope list`: the checkpoints in a directory.

use std::fs;
use std::path::{Path, PathBuf};

use cryoscope::ErrorKind;

use super::args::{Global, List};
use super::exit::Exit;
use super::screen::complain;
use super::show::{self, Archive};
use super::{Failure, Outcome};

pub(crate) fn run(args: &List, global: &Global) -> Outcome {
    let mut paths = Vec::new();
    let mut parts = Vec::new();
    for directory in &args.directories {
        match entries(directory) {
            Ok(found) => paths.extend(found),
            Err(failure) if args.directories.len() == 1 => return Err(failure),
            Err(failure) => {
                complain(&failure.to_string());
                parts.push(Exit::Failed);
            }
        }
    }
    let mut archives = show::read(&paths, args.threads, args.format, global)?;
    // A directory may hold other things; only what is damaged is worth a word.
    archives.retain(|archive| !is_something_else(archive));
    if archives.is_empty() && parts.is_empty() && !global.quiet {
        let names: Vec<String> = args.directories.iter().map(|directory| directory.display().to_string()).collect();
        complain(&format!("no checkpoints in {}", names.join(", ")));
    }
    parts.push(show::write(&archives, args.format, global)?);
    Ok(Exit::of_all(parts))
}

/// Files and directories in a directory, by name.
fn entries(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let message = |error: std::io::Error| {
        let what = if error.kind() == std::io::ErrorKind::NotFound {
            "no such directory".to_owned()
        } else {
            error.to_string()
        };
        Failure::Usage(format!("{}: {what}; name the directory that holds the checkpoints", directory.display()))
    };
    let entries = fs::read_dir(directory).map_err(message)?;
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.map(|e| e.path())).collect::<Result<_, _>>().map_err(message)?;
    paths.retain(|path| path.is_file() || path.is_dir());
    paths.sort();
    Ok(paths)
}

/// Whether it is no checkpoint and does not look as if it were meant for one.
fn is_something_else(archive: &Archive) -> bool {
    let Err(error) = &archive.lines else { return false };
    let is_named_so = archive.path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("checkpoint-"));
    !is_named_so && matches!(error.kind(), ErrorKind::NotAnArchive(_) | ErrorKind::NoImages(_) | ErrorKind::Empty)
}
