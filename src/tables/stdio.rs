//! Table `stdio`.

use bstr::BString;

use super::table::table;
use crate::Checkpoint;
use crate::model::ids::Fd;

table! {
    "stdio", key(fd), brief(fd, path);
    /// What standard input, output and error of the container's first process were on the host, as the runtime noted it
    /// (`descriptors.json` of runc and crun).
    pub struct Stdio {
        /// Descriptor: 0, 1 or 2.
        pub fd: Fd,
        /// What `readlink` of `/proc/PID/fd/N` said on the host: `/dev/null`, `pipe:[17876]`.
        pub path: BString,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = Stdio> + '_ {
    let links = checkpoint.side().stdio();
    (0..).zip(links).map(|(fd, path)| Stdio { fd: Fd(fd), path })
}
