//! Table `inode_paths`.

use bstr::BString;

use super::table::table;
use crate::Checkpoint;

table! {
    "inode_paths", key(device, inode), brief(device, inode, path),
    event(Event::PLAIN.about(Subject::Record));
    /// Paths that CRIU found for watched inodes, in the order of its cache (`irmap-cache`, written by a pre-dump). The
    /// watches are in `process_open_files.detail`.
    pub struct InodePathRow {
        /// Device of the file system, `major:minor`.
        pub device: String,
        /// The inode number.
        #[large("overlayfs and file systems of a network or of a program use all 64 bits")]
        pub inode: u64,
        /// Path of the inode.
        pub path: BString,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = InodePathRow> + '_ {
    checkpoint.host_paths().paths.iter().map(|found| InodePathRow {
        device: format!("{}:{}", found.device.major, found.device.minor),
        inode: found.inode,
        path: found.path.clone().into(),
    })
}
