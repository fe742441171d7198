//! Bytes waiting in pseudo-terminals: `tty-data.img`, which CRIU has written since 2.3.

use super::{EngineFiles, Model};
use crate::images::proto::TtyDataEntry;
use crate::images::{Images, Kind};

/// Bytes that one end of a pseudo-terminal had not read yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Number of that end's record in `tty-info.img`.
    pub terminal: u32,
    /// The waiting bytes.
    pub bytes: Vec<u8>,
}

/// Bytes waiting in pseudo-terminals, in the order of the image.
#[derive(Clone, Debug, Default)]
pub struct TerminalQueues(Vec<Waiting>);

impl TerminalQueues {
    /// All waiting bytes.
    pub fn iter(&self) -> impl Iterator<Item = &Waiting> {
        self.0.iter()
    }

    /// The bytes waiting for one end, by the number of its record in `tty-info.img`.
    pub fn of(&self, terminal: u32) -> impl Iterator<Item = &Waiting> {
        self.iter().filter(move |waiting| waiting.terminal == terminal)
    }
}

/// Reads it.
pub(crate) fn read(images: Images<'_>, _: &Model, _: &EngineFiles<'_>) -> TerminalQueues {
    let entries = images.all::<TtyDataEntry>(Kind::TtyData, 0);
    let waiting = |entry: TtyDataEntry| Waiting { terminal: entry.tty_id(), bytes: entry.data.unwrap_or_default() };
    TerminalQueues(entries.into_iter().map(waiting).collect())
}
