//! Lists which process had which internet socket open.
//!
//! ```console
//! $ cargo run --example sockets_of_processes -- fixtures/sockets-udp/sockets-udp.tar.gz
//! ```

use std::error::Error;
use std::io::{Write, stdout};
use std::path::Path;

use cryoscope::Checkpoint;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: sockets_of_processes ARCHIVE")?;
    run(Path::new(&path), &mut stdout().lock())
}

/// Writes a line for each socket.
///
/// # Errors
///
/// If the archive cannot be read, or the output cannot be written.
pub fn run(path: &Path, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let checkpoint = Checkpoint::open(path)?;
    let model = checkpoint.model();
    for socket in checkpoint.rows().process_open_sockets().filter(|socket| socket.family.starts_with("inet")) {
        let name = model.process(socket.pid).and_then(|process| process.name()).unwrap_or_default();
        let end = |address: Option<String>, port: Option<u32>| {
            format!("{}:{}", address.unwrap_or_else(|| "*".to_owned()), port.unwrap_or(0))
        };
        writeln!(
            out,
            "{} {} {} {} {} -> {}",
            socket.pid,
            name.escape_ascii(),
            socket.protocol.unwrap_or_default(),
            socket.state.unwrap_or_default(),
            end(socket.local_address, socket.local_port),
            end(socket.remote_address, socket.remote_port),
        )?;
    }
    // What could not be read is never left out without a word.
    for warning in checkpoint.warnings() {
        writeln!(out, "{}: {warning}", warning.severity().as_str())?;
    }
    Ok(())
}
