//! Table `autofs`.

use super::table::table;
use crate::Checkpoint;

table! {
    "autofs", key(mount_id), brief(mount_id, pgrp, timeout, mode, uid, gid, fd, read_fd);
    /// Automatic mounts (autofs) in the container and the daemons that serve them, by mount.
    pub struct Autofs {
        /// The kernel's number of the mount; joins `mounts`.
        pub mount_id: u64,
        /// Process group of the daemon that serves the mount.
        pub pgrp: Option<i32>,
        /// Seconds after which an unused mount is unmounted.
        pub timeout: Option<i32>,
        /// `AUTOFS_TYPE_*`: 1 indirect, 2 direct, 4 offset.
        pub mode: Option<i32>,
        /// User who mounted it. Null if not recorded.
        pub uid: Option<i32>,
        /// Group that mounted it. Null if not recorded.
        pub gid: Option<i32>,
        /// The daemon's descriptor for the write end of the pipe.
        pub fd: Option<i32>,
        /// The daemon's descriptor for the read end of the pipe. Null if not recorded.
        pub read_fd: Option<i32>,
        /// Lowest protocol version supported.
        pub minproto: Option<i32>,
        /// Highest protocol version supported.
        pub maxproto: Option<i32>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = Autofs> + '_ {
    checkpoint.host().automounts.iter().map(|(mount_id, mount)| Autofs {
        mount_id: *mount_id,
        pgrp: mount.pgrp,
        timeout: mount.timeout,
        mode: mount.mode,
        uid: mount.uid,
        gid: mount.gid,
        fd: mount.fd,
        read_fd: mount.read_fd,
        minproto: mount.minproto,
        maxproto: mount.maxproto,
    })
}
