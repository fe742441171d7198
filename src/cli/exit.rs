//! Exit codes. They are part of the interface.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done,
    /// Done, but nothing was found.
    No,
    /// Done as far as the archive allowed; warnings say what is missing.
    Partial,
    /// Failed.
    Failed,
}

impl Exit {
    /// Combines two parts of a command's work: failed only if both failed. A part that found nothing does not change
    /// the result of the other.
    pub(crate) fn and(self, other: Exit) -> Exit {
        match (self, other) {
            (Exit::No, one) | (one, Exit::No) => one,
            (one, other) if one == other => one,
            _ => Exit::Partial,
        }
    }

    /// Combines all parts. Without any part, nothing was found.
    pub(crate) fn of_found(parts: impl IntoIterator<Item = Exit>) -> Exit {
        parts.into_iter().fold(Exit::No, Exit::and)
    }

    /// Combines all parts of a command's work.
    pub(crate) fn of_all(parts: impl IntoIterator<Item = Exit>) -> Exit {
        parts.into_iter().reduce(Exit::and).unwrap_or(Exit::Done)
    }
}

impl Exit {
    /// The number that the caller sees.
    pub(crate) fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::No => 1,
            Exit::Failed => 2,
            Exit::Partial => 3,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_failed_among_others_is_partial() {
        assert_eq!(Exit::of_all([Exit::Done, Exit::Failed]), Exit::Partial);
        assert_eq!(Exit::of_all([Exit::Failed, Exit::Failed]), Exit::Failed);
        assert_eq!(Exit::of_all([Exit::Done, Exit::Partial]), Exit::Partial);
        assert_eq!(Exit::of_all([Exit::Done]), Exit::Done);
        assert_eq!(Exit::of_all([]), Exit::Done);
        assert_eq!(Exit::of_found([]), Exit::No);
        assert_eq!(Exit::of_found([Exit::No, Exit::Done]), Exit::Done);
        assert_eq!(Exit::of_found([Exit::No, Exit::Failed]), Exit::Failed);
        assert_eq!(Exit::of_found([Exit::No, Exit::No]), Exit::No);
    }
}
