//! What tables are made from, and the values of their rows.

use crate::Checkpoint;
use crate::analysis::facts::FileFacts;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::query) enum Cell {
    /// Unknown.
    Null,
    /// A number.
    Number(i64),
    /// Text.
    Text(Vec<u8>),
}

impl From<u64> for Cell {
    fn from(number: u64) -> Self {
        i64::try_from(number).map_or_else(|_| Cell::Text(number.to_string().into_bytes()), Cell::Number)
    }
}

impl From<Option<u64>> for Cell {
    fn from(number: Option<u64>) -> Self {
        number.map_or(Cell::Null, Cell::from)
    }
}

impl From<&[u8]> for Cell {
    fn from(text: &[u8]) -> Self {
        Cell::Text(text.to_vec())
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Cell::Text(text.as_bytes().to_vec())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Cell::Text(text.into_bytes())
    }
}

/// What rows are made from.
pub(in crate::query) struct Given<'c> {
    pub(super) checkpoint: &'c Checkpoint,
    pub(super) files: FileFacts<'c>,
}

impl<'c> Given<'c> {
    /// Reads the files of a checkpoint.
    pub(in crate::query) fn of(checkpoint: &'c Checkpoint) -> Self {
        Given { checkpoint, files: FileFacts::of(checkpoint) }
    }
}

/// Takes a row, and says whether it wants more.
pub(in crate::query) type Take<'t> = dyn FnMut(Vec<Cell>) -> bool + 't;
