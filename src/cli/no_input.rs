//! The flags of inputs, for commands that read no archive: accepted as everywhere, but not shown in their help.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches, value_parser};

/// Hides the flags of inputs, which are defined for all commands.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NoInput;

impl Args for NoInput {
    fn augment_args(command: Command) -> Command {
        // Clap does not add a flag of all commands to one that has an argument with the same id.
        command
            .arg(Arg::new("set").long("set").hide(true))
            .arg(
                Arg::new("parent")
                    .long("parent")
                    .value_parser(value_parser!(PathBuf))
                    .action(ArgAction::Append)
                    .hide(true),
            )
            .arg(Arg::new("no_mmap").long("no-mmap").action(ArgAction::SetTrue).hide(true))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for NoInput {
    fn from_arg_matches(_: &ArgMatches) -> Result<Self, Error> {
        Ok(NoInput)
    }

    fn update_from_arg_matches(&mut self, _: &ArgMatches) -> Result<(), Error> {
        Ok(())
    }
}
