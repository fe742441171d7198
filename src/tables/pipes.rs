//! Table `pipes`.

use bstr::BString;

use super::content::{Shown, shown};
use super::holding::Holding;
use super::table::table;
use crate::Checkpoint;
use crate::model::pipe::Pipe;

table! {
    "pipes", key(kind, inode), brief(kind, inode, readers, writers, bytes, text, path);
    /// Pipes and named pipes that were open, and the bytes that waited in them: pipes first, each kind by inode.
    pub struct PipeRow {
        /// `pipe` or `fifo`.
        pub kind: &'static str,
        /// Its inode, as in `pipe:[…]`.
        pub inode: u32,
        /// Path of a named pipe, with ` (deleted)` where the kernel adds that.
        pub path: Option<BString>,
        /// Who holds an end to read from: `1:8` is descriptor 8 of process 1. At most 256.
        pub readers: Holding,
        /// Who holds an end to write to. At most 256.
        pub writers: Holding,
        /// Bytes that fit into it; null where not recorded.
        pub capacity: Option<u32>,
        /// Bytes that waited in it; null where that is not known, because no end to read from was in the container.
        pub bytes: Option<u64>,
        /// They; at most the first 64 KiB.
        pub text: Option<BString>,
        /// The same in hexadecimal.
        pub hex: Option<String>,
        /// SHA-256 of all; null where some are not in the archive.
        #[to(ecs("related.hash").related(), timesketch("sha256_hash"))]
        pub sha256: Option<String>,
        /// Bytes that waited but are not in the archive, because it is cut.
        pub missing_bytes: Option<u64>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = PipeRow> + '_ {
    checkpoint.pipe_table().iter().map(move |(named, inode, pipe)| row(checkpoint, named, inode, pipe))
}

fn row(checkpoint: &Checkpoint, named: bool, inode: u32, pipe: &Pipe) -> PipeRow {
    let Shown { text, hex, sha256, missing } =
        pipe.waiting.map(|waiting| shown(checkpoint, waiting)).unwrap_or_default();
    PipeRow {
        kind: if named { "fifo" } else { "pipe" },
        inode,
        path: pipe.path.clone().map(BString::from),
        readers: Holding::of_all(checkpoint, &pipe.readers),
        writers: Holding::of_all(checkpoint, &pipe.writers),
        capacity: pipe.capacity,
        bytes: pipe.waiting.map(|waiting| waiting.len),
        text,
        hex,
        sha256,
        missing_bytes: missing,
    }
}
