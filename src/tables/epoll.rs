//! Table `epoll`.

use std::borrow::Cow;

use bstr::BString;

use super::process_open_files::{files, link_of};
use super::table::table;
use crate::Checkpoint;
use crate::abi;
use crate::abi::device::Device;
use crate::model::file::File;
use crate::model::ids::{Address, Fd, Pid};

table! {
    "epoll", key(pid, fd, target_fd), brief(pid, fd, target_fd, target_type, target_path, events, data);
    /// What epoll instances wait for, by pid, descriptor and target. Empty instances have no rows here; they are in
    /// `process_open_files`.
    pub struct Epoll {
        /// Process id.
        pub pid: Pid,
        /// Descriptor of the epoll instance.
        pub fd: Fd,
        /// Number of the watched descriptor when it was added.
        pub target_fd: Fd,
        /// What that descriptor refers to now, as `readlink /proc/PID/fd/N` prints it. Null if it is closed or has no
        /// name.
        pub target_path: Option<BString>,
        /// Type of the watched file, as in `process_open_files`.
        pub target_type: Option<&'static str>,
        /// Events that the instance waits for.
        pub events: Option<Vec<Cow<'static, str>>>,
        /// Data that the program attached to the target, often a descriptor or an address.
        pub data: Option<Address>,
        /// Inode of the target. Null before CRIU 3.11.
        #[large("overlayfs and file systems of a network or of a program use all 64 bits")]
        pub inode: Option<u64>,
        /// Device of the target's file system, `major:minor`. Null before CRIU 3.11.
        pub device: Option<String>,
        /// Position in the target, in bytes. Null before CRIU 3.11.
        pub pos: Option<u64>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = Epoll> + '_ {
    let model = checkpoint.model();
    files(model).flat_map(move |(process, descriptor, file)| {
        let File::Eventpoll(entry) = file else { return Vec::new() };
        let mut rows: Vec<Epoll> = entry
            .tfd
            .iter()
            .map(|target| {
                let target_fd = Fd(target.tfd());
                let (target_path, target_type) = link_of(model, process, target_fd).unwrap_or_default();
                Epoll {
                    pid: process.pid(),
                    fd: descriptor.fd,
                    target_fd,
                    target_path,
                    target_type,
                    events: target.events.map(|events| abi::names_of(events.into(), abi::events::EPOLL)),
                    data: target.data.map(Address),
                    inode: target.inode,
                    device: target.dev.map(|dev| Device::from_kernel(dev).to_string()),
                    pos: target.pos,
                }
            })
            .collect();
        rows.sort_by_key(|row| (row.target_fd, row.inode, row.data));
        rows
    })
}
