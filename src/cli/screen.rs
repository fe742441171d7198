//! Where output goes: standard output or a file, with colours and a width if it is a terminal; and messages, which go to
//! standard error.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write, stderr, stdout};
use std::path::Path;

use cryoscope::formats::escape;
use cryoscope::{Checkpoint, Severity};

use super::args::{Color, Global};
use super::exit::Exit;

/// Warnings that are printed for one archive; all are in the table `warnings`.
const PRINTED: usize = 12;

/// Output of a command.
pub(crate) struct Screen {
    /// Where text goes.
    pub(crate) out: BufWriter<Box<dyn Write>>,
    /// Columns of the terminal; `None` if there is none.
    pub(crate) width: Option<usize>,
    /// Whether colours are used.
    pub(crate) color: bool,
}

impl Screen {
    /// Opens the output that the flags ask for.
    pub(crate) fn open(global: &Global) -> io::Result<Self> {
        let to_file = global.output.as_deref().filter(|path| *path != Path::new("-"));
        let out: Box<dyn Write> = match to_file {
            Some(path) => Box::new(File::create(path)?),
            None => Box::new(stdout().lock()),
        };
        let is_terminal = to_file.is_none() && stdout().is_terminal();
        let width = is_terminal.then(|| terminal_size::terminal_size().map_or(80, |(width, _)| width.0.into()));
        let color = match global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => is_terminal && colors_wanted(),
        };
        Ok(Screen { out: BufWriter::with_capacity(64 << 10, out), width, color })
    }
}

/// Whether the environment wants colours (<https://no-color.org>).
fn colors_wanted() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !is_set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Prints a message on standard error.
pub(crate) fn complain(message: &str) {
    // Whoever closed standard error does not want to hear.
    let _ = writeln!(stderr(), "cryoscope: {}", escape(message.as_bytes()));
}

/// Prints the warnings of a checkpoint, and tells the exit code that they come to.
pub(crate) fn report(checkpoint: &Checkpoint, archive: &str, global: &Global) -> Exit {
    let exit = if checkpoint.is_partial() { Exit::Partial } else { Exit::Done };
    let least = if global.verbose { Severity::Note } else { Severity::Warning };
    if global.quiet {
        return exit;
    }
    let warnings: Vec<_> = checkpoint.warnings().into_iter().filter(|w| w.severity() >= least).collect();
    for warning in warnings.iter().take(if global.verbose { usize::MAX } else { PRINTED }) {
        complain(&format!("{}: {archive}: {warning}", warning.severity().as_str()));
    }
    if warnings.len() > PRINTED && !global.verbose {
        let more = warnings.len().saturating_sub(PRINTED);
        complain(&format!("{archive}: {more} more warnings; `cryoscope table {archive} warnings` lists all"));
    }
    exit
}
