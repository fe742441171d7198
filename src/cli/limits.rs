//! The flags that set limits: one for each limit of the library, with its name.

use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches, value_parser};
use cryoscope::{Limit, Limits};

/// Limits on what an archive may use.
#[derive(Clone, Debug, Default)]
pub(crate) struct LimitArgs(Limits);

impl LimitArgs {
    pub(crate) fn limits(&self) -> Limits {
        self.0.clone()
    }
}

/// The flag that sets a limit.
pub(crate) fn flag(limit: &Limit) -> String {
    format!("--max-{}", limit.name)
}

/// What to do about a limit that was reached.
pub(crate) fn hint(limit: Option<&Limit>) -> String {
    limit.map(|limit| format!("; raise the limit with {}", flag(limit))).unwrap_or_default()
}

/// A number as shown in help texts: with a unit, if it is in bytes.
fn shown(limit: &Limit) -> String {
    const UNITS: [(u32, &str); 4] = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    let whole = UNITS.iter().find(|(bits, _)| limit.default.is_multiple_of(1 << bits));
    match whole {
        Some((bits, unit)) if is_of_bytes(limit) => format!("{} {unit}", limit.default >> bits),
        _ => limit.default.to_string(),
    }
}

fn is_of_bytes(limit: &Limit) -> bool {
    limit.field.contains("bytes") || limit.field.contains("memory")
}

fn argument(limit: &'static Limit) -> Arg {
    let doc = limit.doc.split_whitespace().collect::<Vec<_>>().join(" ");
    // Clap needs names that live as long as the program. There are a few dozen, made once.
    let name: &'static str = format!("max-{}", limit.name).leak();
    Arg::new(name)
        .long(name)
        .value_name(if is_of_bytes(limit) { "BYTES" } else { "N" })
        .value_parser(value_parser!(u64))
        .global(true)
        .hide_short_help(true)
        .help_heading("Limits")
        .help(format!("{} (default: {})", doc.trim_end_matches('.'), shown(limit)))
}

impl Args for LimitArgs {
    fn augment_args(command: Command) -> Command {
        command.args(Limits::ALL.iter().map(argument))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for LimitArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut limits = LimitArgs::default();
        limits.update_from_arg_matches(matches)?;
        Ok(limits)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        for limit in Limits::ALL {
            if let Some(&value) = matches.get_one::<u64>(&format!("max-{}", limit.name)) {
                self.0.set(limit, value);
            }
        }
        Ok(())
    }
}
