//! The command: from arguments to calls of the library, and to an exit code. One command a file; nothing here knows more
//! than the library's public API.

mod args;
mod core;
#[cfg(feature = "parquet")]
mod dataset;
mod decode;
mod describe;
mod evidence;
mod exit;
mod extract;
mod fleet;
mod inputs;
mod inspect;
mod lead;
mod limits;
mod list;
mod memparse;
mod newfile;
mod open;
mod outputs;
mod processes;
#[cfg(feature = "query")]
mod query;
mod rows;
mod screen;
mod show;
mod signals;
mod sizes;
mod stdout;
mod table;
mod table_file;
mod waiting;
mod wildcard;

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind as ClapKind;
use cryoscope::ErrorKind;
use cryoscope::formats::escape;

use self::args::{Cli, Command};
use self::exit::Exit;

/// Why a command could not do its work.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The archive.
    Archive(cryoscope::Error),
    /// The output.
    Output(io::Error),
    /// What was asked for.
    Usage(String),
    /// It would be written onto what is read, or twice to one file.
    Clash(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Archive(error) => write!(f, "{error}{}", limits::hint(error.limit())),
            Failure::Output(error) => write!(f, "cannot write the output: {error}"),
            Failure::Usage(message) | Failure::Clash(message) => f.write_str(message),
        }
    }
}

impl Failure {
    /// The exit code that it comes to. A folder in which there is no checkpoint is one where nothing was found.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
            Failure::Archive(error)
                if matches!(error.kind(), ErrorKind::NoImages(_)) && error.archive().is_some_and(Path::is_dir) =>
            {
                Exit::No
            }
            _ => Exit::Failed,
        }
    }
}

impl Failure {
    /// What the table `failures` says of an archive: a word, and the message without the archive's name.
    pub(crate) fn row(&self) -> (&'static str, String) {
        match self {
            Failure::Archive(error) => {
                (error.kind().code(), format!("{}{}", error.kind(), limits::hint(error.limit())))
            }
            other => ("other", other.to_string()),
        }
    }
}

impl From<cryoscope::Error> for Failure {
    fn from(error: cryoscope::Error) -> Self {
        Failure::Archive(error)
    }
}

impl From<cryoscope::extract::ExtractError> for Failure {
    fn from(error: cryoscope::extract::ExtractError) -> Self {
        Failure::Usage(error.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Output(error)
    }
}

/// How a command ended.
pub(crate) type Outcome = Result<Exit, Failure>;

/// Runs the command that the arguments name.
pub(crate) fn main() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().collect();
    match Cli::try_parse_from(&arguments) {
        Ok(cli) => {
            let outcome = evidence::recorded(&cli, || run(&cli));
            cli.global.outputs.abandon();
            ended(outcome)
        }
        Err(error) => ended(explained(&error, &arguments)),
    }
}

/// Prints help, or what is wrong with the arguments.
fn explained(error: &clap::Error, arguments: &[OsString]) -> Outcome {
    if matches!(error.kind(), ClapKind::DisplayHelp | ClapKind::DisplayVersion) {
        stdout::check()?;
        error.print()?;
        return Ok(Exit::Done);
    }
    // Messages have the arguments in them. What could move the cursor or begin a line of its own is said by its code: wrong is
    // the same then, as no such code is the name of a flag or a value.
    let escaped: Vec<OsString> =
        arguments.iter().map(|argument| escape(argument.as_encoded_bytes()).into_owned().into()).collect();
    if escaped == arguments {
        error.print()?;
        return Ok(Exit::Failed);
    }
    match Cli::try_parse_from(escaped) {
        Err(same) if same.kind() == error.kind() => same.print()?,
        _ => screen::complain(&error.render().to_string()),
    }
    Ok(Exit::Failed)
}

/// What a command came to; of what went wrong there is a message.
fn ended(outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => {
            let exit = failure.exit();
            // Whoever has read enough wants no message.
            if exit != Exit::Done {
                screen::complain(&failure.to_string());
            }
            exit.into()
        }
    }
}

/// Runs a command.
fn run(cli: &Cli) -> Outcome {
    match &cli.command {
        Command::Show(args) => show::run(args, &cli.global),
        Command::List(args) => list::run(args, &cli.global),
        Command::Inspect(args) => inspect::run(args, &cli.global),
        Command::Memparse(args) => memparse::run(args, &cli.global),
        Command::Core(args) => core::run(args, &cli.global),
        Command::Table(args) => table::run(args, &cli.global),
        Command::Decode(args) => decode::run(args, &cli.global),
        Command::Extract(args) => extract::run(args, &cli.global),
        Command::Schema(args) => describe::schema_of(args, &cli.global),
        Command::Completions(args) => describe::completions(args, &cli.global),
        Command::Man => describe::man(&cli.global),
        #[cfg(feature = "query")]
        Command::Query(args) => query::run(args, &cli.global),
    }
}
