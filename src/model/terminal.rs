//! What waits in terminals: `tty-data.img`, which CRIU writes since 2.3.

use std::collections::BTreeMap;

use super::{Model, Side};
use crate::images::proto::TtyDataEntry;
use crate::images::{Images, Kind};

/// Bytes that waited in terminals, by CRIU's id of the terminal.
#[derive(Debug, Default)]
pub struct TerminalData(BTreeMap<u32, Vec<u8>>);

impl TerminalData {
    /// The bytes of one; `None` if none are recorded.
    pub fn of(&self, id: u32) -> Option<&[u8]> {
        self.0.get(&id).map(Vec::as_slice)
    }
}

/// Reads what waits in terminals.
pub(crate) fn read(images: Images<'_>, _model: &Model, _side: &Side<'_>) -> TerminalData {
    let mut data = TerminalData::default();
    images.each::<TtyDataEntry>(Kind::TtyData, 0, |entry, _, _| {
        data.0.entry(entry.tty_id()).or_default().extend_from_slice(entry.data());
    });
    data
}
