//! Words that are given as a command and are none: the name of a table (`cryoscope processes A`), the path of an archive
//! (`cryoscope a.tar`), or a misspelt command after `help`.

use std::ffi::OsString;
use std::path::Path;

use clap::CommandFactory as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use cryoscope::formats::escape;
use cryoscope::tables::nearest;

use super::args::Cli;
use super::{Failure, table};

/// The suggestion for an unknown command.
pub(super) fn command(error: &clap::Error, arguments: &[OsString]) -> Option<Failure> {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return None;
    }
    let Some(ContextValue::String(name)) = error.get(ContextKind::InvalidSubcommand) else { return None };
    let given: Vec<&OsString> = arguments.iter().skip(1).collect();
    let place = given.iter().position(|argument| *argument == name.as_str())?;
    let after_help = place.checked_sub(1).and_then(|before| given.get(before)).is_some_and(|word| *word == "help");
    let others = given.iter().enumerate().filter(|(number, _)| *number != place).map(|(_, argument)| quoted(argument));
    let others: Vec<String> = others.filter(|other| !matches!(other.as_str(), "help" | "--help" | "-h")).collect();
    let meant = if let Some(table) = table::called(name) {
        of_table(&others, table)
    } else if is_path(name) {
        let is_image = Path::new(name).extension().is_some_and(|end| end == "img");
        let command = if is_image { "decode" } else { "inspect" };
        let path = [quoted(&name.into())];
        [&[command.to_owned()], &path[..], &others].concat().join(" ")
    } else if error.get(ContextKind::SuggestedSubcommand).is_some() {
        return None;
    } else if let Some(command) = after_help.then(|| command_like(name)).flatten() {
        format!("help {command}")
    } else {
        of_table(&others, table::meant(name)?)
    };
    let name = escape(name.as_bytes());
    Some(Failure::Usage(format!("there is no command {name}; did you mean `cryoscope {meant}`?")))
}

/// The command that prints a table, with the other arguments.
fn of_table(others: &[String], table: &str) -> String {
    let others = if others.is_empty() { "ARCHIVE".to_owned() } else { others.join(" ") };
    format!("table {others} {table}")
}

/// Whether a word is the path of an archive, or written like one.
fn is_path(word: &str) -> bool {
    word.contains(['/', '\\', '.', '*']) || word == "-" || Path::new(word).exists()
}

/// The command that a word is like.
fn command_like(word: &str) -> Option<String> {
    let cli = Cli::command();
    nearest(word, cli.get_subcommands().map(clap::Command::get_name)).map(str::to_owned)
}

/// An argument quoted for a shell.
fn quoted(argument: &OsString) -> String {
    let text = argument.to_string_lossy();
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:=,+@%".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.into_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_quoted_for_a_shell() {
        assert_eq!(quoted(&"a-1.tar".into()), "a-1.tar");
        assert_eq!(quoted(&"it's here".into()), r"'it'\''s here'");
        assert_eq!(quoted(&"".into()), "''");
    }
}
