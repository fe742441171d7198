//! Searches the memory of all processes for a regular expression.
//!
//! ```console
//! $ cargo run --example regex_over_memory -- fixtures/forms-reference/podman-runc.tar 'container=[a-z]+'
//! ```

use std::error::Error;
use std::io::{Write, stdout};
use std::path::Path;

use cryoscope::Checkpoint;
use cryoscope::memory::{Matcher, Pattern, SearchOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(path), Some(regex)) = (arguments.next(), arguments.next()) else {
        return Err("usage: regex_over_memory ARCHIVE REGEX".into());
    };
    run(Path::new(&path), &regex, &mut stdout().lock())
}

/// Writes a line for each match: the process, the address, and the bytes.
///
/// # Errors
///
/// If the archive cannot be read, or the output cannot be written.
pub fn run(path: &Path, regex: &str, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let checkpoint = Checkpoint::open(path)?;
    let matcher = Matcher::new(&[Pattern::regex(regex, false)])?;
    // The archive may be compressed: pages are read again now, since nobody had asked for them when it was opened.
    let memory = checkpoint.memory();
    let findings = memory.search(&matcher, &SearchOptions::default());
    for found in &findings.found {
        let space = memory.space_of(found.pid).ok_or("a match lies in some process")?;
        let bytes = space.read(found.address, found.len)?;
        writeln!(out, "{} {:#x} {}", found.pid, found.address, bytes.escape_ascii())?;
    }
    if findings.unread > 0 || checkpoint.is_partial() {
        writeln!(out, "partial: {} bytes could not be searched", findings.unread)?;
    }
    Ok(())
}
