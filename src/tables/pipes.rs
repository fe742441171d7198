//! Table `pipes`.

use bstr::BString;

use super::content::{Shown, shown};
use super::holding::Holding;
use super::table::table;
use crate::Checkpoint;
use crate::model::pipe::Pipe;

table! {
    "pipes", key(kind, inode), brief(kind, inode, readers, writers, bytes, text, path);
    /// Open pipes and named pipes, and the bytes waiting in them: pipes before named pipes, each by inode.
    pub struct PipeRow {
        /// Kind: `pipe` or `fifo` (named pipe).
        pub kind: &'static str,
        /// Inode, as in `pipe:[…]`.
        pub inode: u32,
        /// Path of a named pipe, with ` (deleted)` if the kernel adds that.
        pub path: Option<BString>,
        /// Who holds a read end: `1:8` is descriptor 8 of process 1. At most 256 are listed.
        pub readers: Holding,
        /// Who holds a write end. At most 256 are listed.
        pub writers: Holding,
        /// Capacity in bytes. Null if not recorded.
        pub capacity: Option<u32>,
        /// Number of waiting bytes. Null if unknown, because no read end was in the container.
        pub bytes: Option<u64>,
        /// Waiting bytes, first 64 KiB.
        pub text: Option<BString>,
        /// The same bytes in hexadecimal.
        pub hex: Option<String>,
        /// SHA-256 of all waiting bytes. Null if some are not in the archive.
        #[to(ecs("related.hash").related(), timesketch("sha256_hash"))]
        pub sha256: Option<String>,
        /// Waiting bytes that are missing because the archive is truncated.
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
