//! Exit codes, which are part of the interface.

use std::process::ExitCode;

/// How a command ended. The worse of two wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// Done as far as the archive allowed; warnings say what is missing.
    Partial = 3,
    /// Could not do it.
    Failed = 2,
}

impl Exit {
    /// What two parts of a command's work come to: a failure counts more than something missing.
    pub(crate) fn and(self, other: Exit) -> Exit {
        let rank = |exit| match exit {
            Exit::Done => 0,
            Exit::Partial => 1,
            Exit::Failed => 2,
        };
        if rank(other) > rank(self) { other } else { self }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 2,
            Exit::Partial => 3,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worse_wins() {
        assert_eq!(Exit::Done.and(Exit::Partial), Exit::Partial);
        assert_eq!(Exit::Failed.and(Exit::Partial), Exit::Failed);
        assert_eq!(Exit::Done.and(Exit::Done), Exit::Done);
    }
}
