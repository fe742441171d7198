//! Table `dumped`: the index of a dump of memory.

use bstr::BString;

use super::process_memory_map::Mapping;
use super::table::table;
use crate::memory::{AddressSpace, Origin};
use crate::model::ids::{Address, Pid};

table! {
    "dumped", key(file, offset), brief(file, offset, length, pid, address, state, why, permissions, kind, path);
    /// What a memory dump contains: one row for each run of bytes with one origin.
    pub struct DumpedRun {
        /// The file of the dump.
        pub file: BString,
        /// Offset in the file, in bytes.
        pub offset: u64,
        /// Length in bytes.
        pub length: u64,
        /// Process id.
        pub pid: Pid,
        /// Address of the first byte.
        pub address: Address,
        /// `recorded`, `untouched` (zeros: the page was never written to), `given` (of the container's image, as
        /// `--root` gave it) or `missing` (the file has zeros in place of unknown bytes).
        pub state: &'static str,
        /// Why the bytes are missing. Null if they are not.
        pub why: Option<&'static str>,
        /// Permissions of the mapping, as `maps` prints them.
        pub permissions: Option<String>,
        /// The kind of the mapping, as in `process_memory_map`.
        pub kind: Option<&'static str>,
        /// Path of the mapping, as `maps` prints it.
        pub path: Option<BString>,
        /// The member of the archive that the bytes come from.
        pub image: Option<BString>,
        /// Offset of the bytes in the member. For compressed pages, the offset of their block.
        pub image_offset: Option<u64>,
    }
}

/// The rows for a range of addresses written to a file at an offset.
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
            Origin::Given { .. } => ("given", None),
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
