//! Reads an archive from standard input, in any form, and prints what it is and what the container changed.
//!
//! ```console
//! $ cargo run --example archive_from_reader < fixtures/rootfs-diff/rootfs-diff.tar.zst
//! ```

use std::error::Error;
use std::io::{Read, Write, stdin, stdout};

use cryoscope::{Checkpoint, Limits, Options};

fn main() -> Result<(), Box<dyn Error>> {
    run(stdin(), &mut stdout().lock())
}

/// Writes a line for the checkpoint, and one for each changed path.
///
/// # Errors
///
/// If the archive cannot be read, or the output cannot be written.
pub fn run(reader: impl Read + Send, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    // Anybody may have made the archive: bounds are usual ones, and can be set.
    let mut limits = Limits::default();
    limits.unpacked_bytes = 16 << 30;
    let checkpoints: Vec<Checkpoint> = Options::new().limits(limits).open_reader(reader)?;
    for checkpoint in checkpoints {
        let container = checkpoint.rows().container();
        let name = container.name.as_deref().unwrap_or("unknown");
        writeln!(out, "{name}: {} processes, dump {}", checkpoint.model().processes().len(), checkpoint.identity())?;
        for change in checkpoint.rows().rootfs_changes() {
            writeln!(out, "{} {}", change.change, change.path)?;
        }
        checkpoint.read_all();
        for warning in checkpoint.warnings() {
            writeln!(out, "{}: {warning}", warning.severity().as_str())?;
        }
    }
    Ok(())
}
