//! Table `host_descriptors`.

use super::table::table;
use crate::Checkpoint;
use crate::int::u64_of;

table! {
    "host_descriptors", key(fd), brief(fd, path);
    /// What standard input, output and error of the first process were on the host, as runc or crun recorded them next
    /// to the images (`descriptors.json`).
    pub struct HostDescriptor {
        /// The descriptor: 0, 1, 2.
        pub fd: u64,
        /// What `readlink /proc/PID/fd/N` printed for it. Empty if the recorded value is not text.
        pub path: String,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = HostDescriptor> + '_ {
    let descriptors = checkpoint.host_paths().descriptors.iter().enumerate();
    descriptors.map(|(fd, path)| HostDescriptor { fd: u64_of(fd), path: path.clone() })
}
