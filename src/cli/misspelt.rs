//! Commands that do not exist, but are the name of a table: `cryoscope processes A`.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use cryoscope::formats::escape;

use super::{Failure, table};

/// The suggestion for an unknown command that is the name of a table.
pub(super) fn command(error: &clap::Error, arguments: &[OsString]) -> Option<Failure> {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return None;
    }
    let Some(ContextValue::String(name)) = error.get(ContextKind::InvalidSubcommand) else { return None };
    let has_similar = error.get(ContextKind::SuggestedSubcommand).is_some();
    let table = table::called(name).or_else(|| table::meant(name).filter(|_| !has_similar))?;
    // The same arguments, with the table instead of the command.
    let mut others: Vec<String> = arguments.iter().skip(1).map(quoted).collect();
    let place = arguments.iter().skip(1).position(|argument| argument == name.as_str())?;
    others.remove(place);
    others.retain(|argument| !matches!(argument.as_str(), "help" | "--help" | "-h"));
    if others.is_empty() {
        others.push("ARCHIVE".to_owned());
    }
    let others = others.join(" ");
    Some(Failure::Usage(format!(
        "there is no command {}; did you mean `cryoscope table {others} {table}`?",
        escape(name.as_bytes())
    )))
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
