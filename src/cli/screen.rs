//! Destinations of output: standard output, with colours and a width on a terminal, or a file. Messages go to standard
//! error.

use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal, Write, stderr, stdout};
use std::path::{Path, PathBuf};

use cryoscope::formats::{Format, escape};
use cryoscope::{Checkpoint, ImageFile, Severity, Warning};

use super::args::{Color, Global};
use super::exit::Exit;
use super::limits::hint;
use super::newfile::{NewFile, Readers, not_written};
use super::record::Record;
use super::stdout::Stdout;
use super::{Failure, Outcome};

/// Number of warnings printed for one archive. All are in the table `warnings`.
const PRINTED: usize = 12;
/// Size of the output buffer, in bytes.
const BUFFER: usize = 64 << 10;

/// The output of a command.
pub(crate) struct Screen {
    /// Where text goes.
    pub(crate) out: BufWriter<Target>,
    /// Columns of the terminal. `None` if there is none.
    pub(crate) width: Option<usize>,
    /// Whether colours are used.
    pub(crate) color: bool,
    record: Record,
}

/// Where text goes.
pub(crate) enum Target {
    /// Standard output, or a named device or pipe.
    Stream(Box<dyn Write + Send>),
    /// A file, which gets its name only when it is complete.
    File(NewFile),
}

/// A named device or pipe. A reader that stops early is an error, as the user named the pipe.
struct Device {
    file: File,
    path: PathBuf,
}

impl Write for Device {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes).map_err(|error| {
            // Only on standard output may a reader stop early without a message.
            let kind = if error.kind() == io::ErrorKind::BrokenPipe { io::ErrorKind::Other } else { error.kind() };
            io::Error::new(kind, format!("{}: {error}", self.path.display()))
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Target::Stream(stream) => stream.write(bytes),
            Target::File(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Target::Stream(stream) => stream.flush(),
            Target::File(file) => file.flush(),
        }
    }
}

impl Target {
    /// The destination that the flags name.
    fn of(global: &Global, readers: Readers) -> Result<Self, Failure> {
        let Some(path) = global.output.as_deref().filter(|path| *path != Path::new("-")) else {
            return Ok(Target::Stream(Box::new(Stdout::new(&global.record))));
        };
        let claim = global.outputs.claim(path)?;
        // Devices and pipes are written to directly.
        if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
            let file = File::options().write(true).open(path).map_err(|error| not_written(path, &error))?;
            return Ok(Target::Stream(Box::new(Device { file, path: path.to_owned() })));
        }
        Ok(Target::File(NewFile::create(&claim, global.force, readers)?))
    }
}

impl Screen {
    /// Opens the output that the flags name. A file is readable only by the user, as it contains data of an archive.
    pub(crate) fn open(global: &Global) -> Result<Self, Failure> {
        Screen::open_for(global, Readers::Owner)
    }

    /// The same, for output that contains no data of an archive.
    pub(crate) fn open_for(global: &Global, readers: Readers) -> Result<Self, Failure> {
        let target = Target::of(global, readers)?;
        let is_terminal = global.output.is_none() && stdout().is_terminal();
        let color = match global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => is_terminal && colors_wanted(),
        };
        let width = global.width.or_else(|| is_terminal.then(terminal_width));
        Ok(Screen { out: BufWriter::with_capacity(BUFFER, target), width, color, record: global.record.clone() })
    }

    /// Standard output, for a command whose `--output` is something else.
    pub(crate) fn on_stdout(global: &Global) -> Self {
        let width = global.width.or_else(|| stdout().is_terminal().then(terminal_width));
        // The manifest may use standard output.
        let is_taken = global.manifest.as_deref() == Some(Path::new("-"));
        let out: Box<dyn Write + Send> =
            if is_taken { Box::new(stderr()) } else { Box::new(Stdout::new(&global.record)) };
        let out = BufWriter::with_capacity(BUFFER, Target::Stream(out));
        Screen { out, width, color: false, record: global.record.clone() }
    }

    /// Completes the output: a file gets its name. The exit of the command is passed through.
    pub(crate) fn finish(mut self, exit: Exit) -> Outcome {
        self.out.flush()?;
        if let Target::File(file) = self.out.into_inner().map_err(io::IntoInnerError::into_error)? {
            self.record.output(&file.finish()?);
        }
        Ok(exit)
    }
}

fn terminal_width() -> usize {
    terminal_size::terminal_size().map_or(80, |(width, _)| width.0.into())
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Whether the environment allows colours (<https://no-color.org>).
fn colors_wanted() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !is_set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Refuses to write binary data to a terminal.
pub(crate) fn refuse_terminal() -> Result<(), Failure> {
    if stdout().is_terminal() {
        let message = "refusing to write binary data to the terminal; redirect it, or name a file";
        return Err(Failure::Usage(message.to_owned()));
    }
    Ok(())
}

/// Refuses binary formats whose output would go to a terminal.
pub(crate) fn refuse_terminal_of(format: Format, global: &Global) -> Result<(), Failure> {
    if format.is_one_table() && global.output.is_none() { refuse_terminal() } else { Ok(()) }
}

/// Prints a message on standard error.
pub(crate) fn complain(message: &str) {
    // If standard error is closed, there is nowhere to report it.
    let _ = writeln!(stderr(), "cryoscope: {}", escape(message.as_bytes()));
}

/// Prints a note on standard error, unless `--quiet` was given.
pub(crate) fn note(message: &str, global: &Global) {
    if !global.quiet {
        complain(message);
    }
}

/// Prints a message of several lines.
pub(crate) fn complain_lines(lines: &[String]) {
    let mut text = "cryoscope: ".to_owned();
    for line in lines {
        text.push_str(&escape(line.as_bytes()));
        text.push('\n');
    }
    let _ = stderr().write_all(text.as_bytes());
}

/// Arranges names in columns, for the width of the terminal that messages go to, or for 80 columns.
pub(crate) fn in_columns(names: &[&str]) -> Vec<String> {
    let width = if stderr().is_terminal() { terminal_width() } else { 80 };
    columns_of(names, width)
}

/// The same for a given width, filled column by column.
fn columns_of(names: &[&str], width: usize) -> Vec<String> {
    const INDENT: usize = 2;
    let longest = names.iter().map(|name| name.len()).max().unwrap_or(0).saturating_add(2);
    let across = (width.saturating_sub(INDENT) / longest.max(1)).max(1);
    let down = names.len().div_ceil(across);
    let line = |row: usize| {
        let cells = names.iter().skip(row).step_by(down.max(1)).map(|name| format!("{name:longest$}"));
        format!("{:INDENT$}{}", "", cells.collect::<String>()).trim_end().to_owned()
    };
    (0..down).map(line).collect()
}

/// The warnings about a checkpoint. Complete when everything requested has been read.
pub(crate) struct Report {
    partial: bool,
    warnings: Vec<Warning>,
}

impl Report {
    /// The warnings so far.
    pub(crate) fn of(checkpoint: &Checkpoint) -> Self {
        Report { partial: checkpoint.is_partial(), warnings: checkpoint.warnings() }
    }

    /// The warnings about an image.
    pub(crate) fn of_image(image: &ImageFile) -> Self {
        Report { partial: image.is_partial(), warnings: image.warnings() }
    }

    /// Prints the warnings and returns the resulting exit code.
    pub(crate) fn print(&self, archive: &str, global: &Global) -> Exit {
        global.record.warnings(archive, &self.warnings);
        let exit = if self.partial { Exit::Partial } else { Exit::Done };
        let least = if global.verbose { Severity::Note } else { Severity::Warning };
        if global.quiet {
            return exit;
        }
        let printed = if global.verbose { usize::MAX } else { PRINTED };
        let mut left = 0_usize;
        for (number, warning) in self.warnings.iter().filter(|w| w.severity() >= least).enumerate() {
            if number < printed {
                complain(&format!("{}: {archive}: {warning}{}", warning.severity().as_str(), hint(warning.limit)));
            } else {
                left = left.saturating_add(1);
            }
        }
        if left > 0 {
            complain(&format!("{archive}: {left} more warnings; `cryoscope table {archive} warnings` lists all"));
        }
        exit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_columns_of_the_width() {
        let names = ["alpha", "b", "c", "d", "epsilon"];
        assert_eq!(columns_of(&names, 24), ["  alpha    d", "  b        epsilon", "  c"]);
        assert_eq!(columns_of(&names, 3).len(), 5);
        assert_eq!(columns_of(&names, 80), ["  alpha    b        c        d        epsilon"]);
        assert!(columns_of(&[], 80).is_empty());
    }
}
