//! Reasons why bytes of a member cannot be read.

/// Why bytes of a member are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// The archive ends before them, or is damaged there.
    Truncated,
    /// The file that holds them cannot be read.
    Unreadable,
    /// They were not selected when the archive was inflated.
    NotKept,
    /// The archive has them, but contradicts itself about where they belong.
    Contradicted,
}
