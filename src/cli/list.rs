//! `cryoscope list`: the checkpoints in a directory.

use super::Outcome;
use super::args::{Global, List};
use super::exit::Exit;
use super::fleet::{Fleet, in_folder};
use super::screen::complain;
use super::show::{Ask, lines};

pub(crate) fn run(args: &List, global: &Global) -> Outcome {
    let mut entries = Vec::new();
    let mut parts = Vec::new();
    for directory in &args.directories {
        match in_folder(directory) {
            Ok(found) => entries.extend(found),
            Err(failure) if args.directories.len() == 1 => return Err(failure),
            Err(failure) => {
                complain(&failure.to_string());
                parts.push(Exit::Failed);
            }
        }
    }
    let ask =
        Ask { threads: args.threads, format: args.format, documents: args.documents.clone(), source: &args.source };
    let fleet = Fleet::of(entries, &args.directories, global);
    let tally = lines(&fleet, &ask, global)?;
    if tally.is_empty() && parts.is_empty() {
        return Ok(fleet.say_nothing());
    }
    parts.push(tally.exit());
    Ok(Exit::of_found(parts))
}
