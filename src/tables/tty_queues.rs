//! Table `tty_queues`.

use std::collections::HashMap;

use bstr::BString;

use super::content::Shown;
use super::holding::Holding;
use super::process_open_files::described;
use super::table::table;
use crate::Checkpoint;
use crate::int::u64_of;
use crate::model::file::File;
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
    let mut open: HashMap<u32, Vec<FileId>> = HashMap::new();
    for (id, file) in checkpoint.model().files().iter() {
        if let File::Tty(entry) = file {
            open.entry(entry.tty_info_id()).or_default().push(id);
        }
    }
    checkpoint.terminal_queues().iter().enumerate().map(move |(position, waiting)| {
        let files = open.get(&waiting.terminal).map_or(&[][..], Vec::as_slice);
        row(checkpoint, u64_of(position), waiting, files)
    })
}

fn row(checkpoint: &Checkpoint, position: u64, waiting: &Waiting, files: &[FileId]) -> TtyQueue {
    let path = files.iter().find_map(|&id| described(checkpoint.model(), id)?.1);
    let len = u64_of(waiting.bytes.len());
    let Shown { text, hex, sha256, .. } = Shown::of(&waiting.bytes, len);
    TtyQueue {
        terminal: waiting.terminal,
        position,
        path: path.map(BString::from),
        holders: Holding::of_all(checkpoint, files),
        bytes: len,
        text,
        hex,
        sha256,
    }
}
