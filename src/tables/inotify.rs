//! Table `inotify`.

use std::borrow::Cow;

use bstr::BString;

use super::process_open_files::files;
use super::table::table;
use crate::Checkpoint;
use crate::abi;
use crate::abi::device::Device;
use crate::model::file::File;
use crate::model::ids::{Fd, Pid};

table! {
    "inotify", key(pid, fd, wd), brief(pid, fd, wd, path, events, inode, device);
    /// What inotify instances watch, by pid, descriptor and watch. Instances without a watch have no rows here; they
    /// are in `process_open_files`.
    pub struct Inotify {
        /// Process id.
        pub pid: Pid,
        /// Descriptor of the inotify instance.
        pub fd: Fd,
        /// Number of the watch, as events report it.
        pub wd: Option<u32>,
        /// Path that is watched. Null if CRIU did not look for it, because the file system finds the file by its
        /// handle.
        pub path: Option<BString>,
        /// Events that the watch is for.
        pub events: Option<Vec<Cow<'static, str>>>,
        /// Inode that is watched.
        #[large("overlayfs and file systems of a network or of a program use all 64 bits")]
        pub inode: Option<u64>,
        /// Device of the inode's file system, `major:minor`.
        pub device: Option<String>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = Inotify> + '_ {
    files(checkpoint.model()).flat_map(|(process, descriptor, file)| {
        let File::Inotify(entry) = file else { return Vec::new() };
        let watch = |watch: &crate::images::proto::InotifyWdEntry| Inotify {
            pid: process.pid(),
            fd: descriptor.fd,
            wd: watch.wd,
            path: watch.f_handle.as_ref().and_then(|handle| handle.path.clone()).map(BString::from),
            events: watch.mask.map(|mask| abi::names_of(mask.into(), abi::events::INOTIFY)),
            inode: watch.i_ino,
            device: watch.s_dev.map(|dev| Device::from_kernel(dev).to_string()),
        };
        let mut rows: Vec<Inotify> = entry.wd.iter().map(watch).collect();
        rows.sort_by_key(|row| row.wd);
        rows
    })
}
