//! The command: turns arguments into calls of the library and an exit code. One file per command. Only the library's
//! public API is used.

mod args;
mod brought;
mod condition;
mod core;
#[cfg(feature = "parquet")]
mod dataset;
mod decode;
mod describe;
mod evidence;
mod exit;
mod extract;
mod failure;
mod field;
mod fleet;
mod inputs;
mod inspect;
mod iocs;
mod lead;
mod limits;
mod list;
mod memparse;
mod misspelt;
mod newfile;
mod no_input;
mod open;
mod outputs;
mod processes;
mod progress;
#[cfg(feature = "query")]
mod query;
mod record;
mod rows;
mod scan;
mod screen;
mod show;
mod shown;
mod signals;
mod sizes;
mod sorter;
mod stdout;
mod table;
mod table_file;
mod text_file;
mod waiting;
mod wide;
mod wildcard;

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind as ClapKind;
use cryoscope::formats::escape;

use self::args::{Cli, Command};
use self::exit::Exit;
pub(crate) use self::failure::{Failure, Outcome};

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
    if let Some(failure) = misspelt::command(error, arguments) {
        return Err(failure);
    }
    // Messages contain the arguments. Control characters in them are escaped. An argument that has some is wrong either
    // way, as no name of a flag or value contains them.
    let escaped: Vec<OsString> =
        arguments.iter().map(|argument| escape(argument.as_encoded_bytes()).into_owned().into()).collect();
    if escaped == arguments {
        error.print()?;
        return Ok(Exit::Failed);
    }
    match Cli::try_parse_from(escaped) {
        Err(same) if same.kind() == error.kind() => same.print()?,
        _ => screen::complain(&format!("{}; try --help", error.kind().as_str().unwrap_or("the arguments are wrong"))),
    }
    Ok(Exit::Failed)
}

/// Prints the message of a failed command and returns the exit code.
fn ended(outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => {
            let exit = failure.exit();
            // A reader that closed the pipe needs no message.
            if exit != Exit::Done {
                screen::complain_lines(&failure.lines());
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
        Command::Scan(args) => scan::run(args, &cli.global),
        Command::Iocs(args) => iocs::run(args, &cli.global),
        Command::Memparse(args) => memparse::run(args, &cli.global),
        Command::Core(args) => core::run(args, &cli.global),
        Command::Table(args) => table::run(args, &cli.global),
        Command::Decode(args) => decode::run(args, &cli.global),
        Command::Extract(args) => extract::run(args, &cli.global),
        Command::Schema(args) => describe::schema_of(args, &cli.global),
        Command::Completions(args) => describe::completions(args, &cli.global),
        Command::Man(_) => describe::man(&cli.global),
        #[cfg(feature = "query")]
        Command::Query(args) => query::run(args, &cli.global),
    }
}
