//! Table `dumped`: the index of a dump of memory.

use bstr::BString;

use super::process_memory_map::Mapping;
use super::table::table;
use crate::memory::{AddressSpace, Origin};
use crate::model::ids::{Address, Pid};

table! {
    "dumped", key(file, offset), brief(file, offset, length, pid, address, state, why, permissions, kind, path);
    /// What lies where in a dump of memory: a row for each run of one origin.
    pub struct DumpedRun {
        /// The file of the dump.
        pub file: BString,
        /// Offset in the file.
        pub offset: u64,
        /// Bytes.
        pub length: u64,
        /// Process id.
        pub pid: Pid,
        /// Address of the first byte.
        pub address: Address,
        /// `recorded`, `untouched` (zeros that nobody ever wrote to) or `missing` (the file has zeros there that say nothing).
        pub state: &'static str,
        /// Why it is missing.
        pub why: Option<&'static str>,
        /// Permissions of the mapping, as `maps` prints them.
        pub permissions: Option<String>,
        /// The kind of the mapping, as in `process_memory_map`.
        pub kind: Option<&'static str>,
        /// What `maps` prints as the mapping's path.
        pub path: Option<BString>,
        /// The member of the archive that the bytes are from.
        pub image: Option<BString>,
        /// Their offset in the member; of compressed pages, that of their block.
        pub image_offset: Option<u64>,
    }
}

/// The rows for a range of addresses that was written to a file from an offset on.
pub fn dumped<'r>(
    file: &'r str,
    offset: u64,
    space: &AddressSpace<'r>,
    pid: Pid,
    range: &std::ops::Range<u64>,
    mapping: Option<&'r Mapping>,
) -> impl Iterator<Item = DumpedRun> + use<'r> {
    let start = range.start;
    space.runs(range.start, range.end).map(move |run| {
        let (state, why) = match run.origin {
            Origin::Recorded { .. } => ("recorded", None),
            Origin::Untouched => ("untouched", None),
            Origin::Missing(why) => ("missing", Some(why.as_str())),
        };
        let (image, image_offset) = match run.origin {
            Origin::Recorded { image, offset, .. } => (Some(image.to_owned()), Some(offset)),
            _ => (None, None),
        };
        DumpedRun {
            file: file.into(),
            offset: offset.saturating_add(run.start.saturating_sub(start)),
            length: run.end.saturating_sub(run.start),
            pid,
            address: Address(run.start),
            state,
            why,
            permissions: mapping.map(|mapping| mapping.permissions.clone()),
            kind: mapping.map(|mapping| mapping.kind),
            path: mapping.map(|mapping| mapping.path.clone()).filter(|path| !path.is_empty()),
            image,
            image_offset,
        }
    })
}
