//! `cryoscope list`: the checkpoints in a directory.

use super::Outcome;
use super::args::{Global, List};
use super::exit::Exit;
use super::fleet::{self, Entry};
use super::screen::complain;
use super::show::{Ask, lines};

pub(crate) fn run(args: &List, global: &Global) -> Outcome {
    let mut entries = Vec::new();
    let mut parts = Vec::new();
    for directory in &args.directories {
        match fleet::in_directory(directory) {
            Ok(found) => entries.extend(found.into_iter().map(Entry::found)),
            Err(failure) if args.directories.len() == 1 => return Err(failure),
            Err(failure) => {
                complain(&failure.to_string());
                parts.push(Exit::Failed);
            }
        }
    }
    let ask = Ask { threads: args.threads, format: args.format, documents: args.documents, source_id: None };
    let (exit, tally) = lines(&entries, &ask, global)?;
    if tally.read + tally.failed == 0 && parts.is_empty() && !global.quiet {
        let names: Vec<String> = args.directories.iter().map(|directory| directory.display().to_string()).collect();
        complain(&format!("no checkpoints in {}", names.join(", ")));
    }
    parts.push(exit);
    Ok(Exit::of_all(parts))
}
