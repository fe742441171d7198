//! Bytes waiting in pseudo-terminals: `tty-data.img`, which CRIU has written since 2.3.

use std::collections::HashMap;

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
pub struct TerminalQueues {
    all: Vec<Waiting>,
    /// Positions of the waiting bytes of each end.
    of: HashMap<u32, Vec<usize>>,
}

impl TerminalQueues {
    /// All waiting bytes.
    pub fn iter(&self) -> impl Iterator<Item = &Waiting> {
        self.all.iter()
    }

    /// The bytes waiting for one end, by the number of its record in `tty-info.img`.
    pub fn of(&self, terminal: u32) -> impl Iterator<Item = &Waiting> {
        self.of.get(&terminal).into_iter().flatten().filter_map(|&position| self.all.get(position))
    }
}

/// Reads it.
pub(crate) fn read(images: Images<'_>, _: &Model, _: &EngineFiles<'_>) -> TerminalQueues {
    let entries = images.all::<TtyDataEntry>(Kind::TtyData, 0);
    let waiting = |entry: TtyDataEntry| Waiting { terminal: entry.tty_id(), bytes: entry.data.unwrap_or_default() };
    let mut queues = TerminalQueues::default();
    for (position, waiting) in entries.into_iter().map(waiting).enumerate() {
        queues.of.entry(waiting.terminal).or_default().push(position);
        queues.all.push(waiting);
    }
    queues
}
