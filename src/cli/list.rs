//! `cryoscope list`: the checkpoints in a directory.

use std::path::PathBuf;

use super::Outcome;
use super::args::{Global, List};
use super::exit::Exit;
use super::fleet;
use super::screen::complain;
use super::show::{Ask, lines};

pub(crate) fn run(args: &List, global: &Global) -> Outcome {
    let mut entries = Vec::new();
    let mut parts = Vec::new();
    for directory in &args.directories {
        match fleet::in_folder(directory) {
            Ok(found) => entries.extend(found),
            Err(failure) if args.directories.len() == 1 => return Err(failure),
            Err(failure) => {
                complain(&failure.to_string());
                parts.push(Exit::Failed);
            }
        }
    }
    let ask = Ask { threads: args.threads, format: args.format, documents: args.documents.clone(), source_id: None };
    let (exit, tally) = lines(&entries, &ask, global)?;
    if tally.read + tally.failed == 0 && parts.is_empty() {
        return Ok(fleet::none_in(args.directories.iter().map(PathBuf::as_path), global));
    }
    parts.push(exit);
    Ok(Exit::of_found(parts))
}
