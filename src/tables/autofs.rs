//! Table `autofs`.

use super::table::table;
use crate::Checkpoint;

table! {
    "autofs", key(mount_id), brief(mount_id, pgrp, timeout, mode, uid, gid, fd, read_fd);
    /// Automatic mounts of the container (autofs) and who serves them, by mount.
    pub struct Autofs {
        /// Number of the mount; joins `mounts`.
        pub mount_id: u64,
        /// Process group of the daemon that serves it.
        pub pgrp: Option<i32>,
        /// Seconds after which what is not used is unmounted.
        pub timeout: Option<i32>,
        /// `AUTOFS_TYPE_*`: 1 indirect, 2 direct, 4 offset.
        pub mode: Option<i32>,
        /// User who mounted it; null where not recorded.
        pub uid: Option<i32>,
        /// Group who mounted it; null where not recorded.
        pub gid: Option<i32>,
        /// The daemon's descriptor of the pipe, its writing end.
        pub fd: Option<i32>,
        /// The daemon's descriptor of the pipe, its reading end; null where not recorded.
        pub read_fd: Option<i32>,
        /// Least version of the protocol.
        pub minproto: Option<i32>,
        /// Greatest version of the protocol.
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
