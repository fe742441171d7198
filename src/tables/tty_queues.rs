//! Table `tty_queues`.

use std::collections::HashMap;

use bstr::BString;

use super::content::Shown;
use super::holding::Holding;
use super::process_open_files::described;
use super::table::table;
use crate::Checkpoint;
use crate::int::u64_of;
use crate::model::ids::FileId;
use crate::model::terminal::Waiting;

table! {
    "tty_queues", key(terminal, position), brief(terminal, path, holders, bytes, text);
    /// Bytes waiting in pseudo-terminals: typed or printed, but not yet read by the other end.
    pub struct TtyQueue {
        /// CRIU's id of the end that would have read the bytes.
        pub terminal: u32,
        /// Position in the image, from 0.
        pub position: u64,
        /// Path of that end: `/dev/ptmx` for a master, `/dev/pts/0` for a slave. Null if it is not open.
        pub path: Option<BString>,
        /// Who holds that end: `1:8` is descriptor 8 of process 1. At most 256 are listed.
        pub holders: Holding,
        /// Number of waiting bytes.
        pub bytes: u64,
        /// Waiting bytes, first 64 KiB.
        pub text: Option<BString>,
        /// The same bytes in hexadecimal.
        pub hex: Option<String>,
        /// SHA-256 of all waiting bytes.
        #[to(ecs("related.hash").related(), timesketch("sha256_hash"))]
        pub sha256: Option<String>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = TtyQueue> + '_ {
    let open = checkpoint.model().files().of_terminals();
    // Thousands of records may be about one end that thousands of processes hold.
    let mut ends: HashMap<u32, End> = HashMap::new();
    checkpoint.terminal_queues().iter().enumerate().map(move |(position, waiting)| {
        let files = || open.get(&waiting.terminal).map_or(&[][..], Vec::as_slice);
        let end = ends.entry(waiting.terminal).or_insert_with(|| End::of(checkpoint, files()));
        row(u64_of(position), waiting, end.clone())
    })
}

/// One end of a pseudo-terminal.
#[derive(Clone)]
struct End {
    path: Option<BString>,
    holders: Holding,
}

impl End {
    fn of(checkpoint: &Checkpoint, files: &[FileId]) -> Self {
        let path = files.iter().find_map(|&id| described(checkpoint.model(), id)?.1);
        End { path: path.map(BString::from), holders: Holding::of_all(checkpoint, files) }
    }
}

fn row(position: u64, waiting: &Waiting, End { path, holders }: End) -> TtyQueue {
    let len = u64_of(waiting.bytes.len());
    let Shown { text, hex, sha256, .. } = Shown::of(&waiting.bytes, len);
    TtyQueue { terminal: waiting.terminal, position, path, holders, bytes: len, text, hex, sha256 }
}
