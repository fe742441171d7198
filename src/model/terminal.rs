//! Bytes that waited in pseudo terminals: `tty-data.img`.

use super::{Model, Side};
use crate::images::proto::TtyDataEntry;
use crate::images::{Images, Kind};

/// Bytes that one end of a pseudo terminal had not read yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The number of the end's record in `tty-info.img`.
    pub terminal: u32,
    /// They.
    pub bytes: Vec<u8>,
}

/// Reads them, in the order of the image.
pub(crate) fn read(images: Images<'_>, _: &Model, _: &Side<'_>) -> Vec<Waiting> {
    let entries = images.all::<TtyDataEntry>(Kind::TtyData, 0);
    entries
        .into_iter()
        .map(|entry| Waiting { terminal: entry.tty_id(), bytes: entry.data.unwrap_or_default() })
        .collect()
}
