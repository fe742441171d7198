//! Where today's tools are wrong, silent or fall over, a test each that shows the right answer. Their numbers (W14, …) are
//! those of the survey of other tools with which cryoscope began.

mod analyst;
mod declared;
mod decoders;
mod evidence;
mod files;
mod memory;
mod processes;
mod reach;
mod robustness;
mod sockets_and_files;

use cryoscope::{Checkpoint, Code};

use crate::archives::Members;
use crate::fixtures;

/// A small container of two processes, in plain parts.
fn reference() -> Members {
    Members::of(&fixtures::path("forms-reference/podman-runc.tar"))
}

/// The one archive of a case, opened.
fn open(case: &str) -> Checkpoint {
    Checkpoint::open(fixtures::archive_of(case)).unwrap()
}

/// What was warned of, after everything was read.
fn codes(checkpoint: &Checkpoint) -> Vec<Code> {
    checkpoint.read_all();
    checkpoint.warnings().iter().map(|warning| warning.code).collect()
}
