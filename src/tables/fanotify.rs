//! Table `fanotify`.

use std::borrow::Cow;

use bstr::BString;

use super::process_open_files::files;
use super::table::table;
use crate::Checkpoint;
use crate::abi;
use crate::abi::device::Device;
use crate::images::proto::{FanotifyFileEntry, FanotifyMarkEntry, MarkType};
use crate::model::file::File;
use crate::model::ids::{Fd, Pid};

table! {
    "fanotify", key(pid, fd, mark), brief(pid, fd, mark, type, path, inode, mount_id, events);
    /// What fanotify groups watch: one row for each mark, by pid and descriptor, in the order of the image. A group
    /// without marks has one row.
    pub struct Fanotify {
        /// Process id.
        pub pid: Pid,
        /// Descriptor of the fanotify group.
        pub fd: Fd,
        /// Position of the mark in the image, from 0. Null for a group without marks; then all later columns except
        /// those about the group's setup are null too.
        pub mark: Option<u32>,
        /// Kind of object that is marked: `inode` or `mount`.
        pub r#type: Option<&'static str>,
        /// Path of the marked mount. Null before CRIU 3.1.
        pub path: Option<BString>,
        /// Inode that is marked. Null for a mount.
        #[large("overlayfs and file systems of a network or of a program use all 64 bits")]
        pub inode: Option<u64>,
        /// Device of the inode's file system, `major:minor`.
        pub device: Option<String>,
        /// Mount that is marked; joins `mounts`.
        pub mount_id: Option<u32>,
        /// Events that the mark watches for.
        pub events: Option<Vec<Cow<'static, str>>>,
        /// Events that the mark ignores.
        pub ignored_events: Option<Vec<Cow<'static, str>>>,
        /// Flags of the mark.
        pub mark_flags: Option<Vec<Cow<'static, str>>>,
        /// How the group was set up: its class and what its events report. With `FAN_CLASS_CONTENT` and
        /// `FAN_CLASS_PRE_CONTENT`, the group can refuse other programs access to files.
        pub group_flags: Option<Vec<Cow<'static, str>>>,
        /// Open flags of the descriptors that are delivered with events.
        pub event_flags: Option<Vec<Cow<'static, str>>>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = Fanotify> + '_ {
    files(checkpoint.model()).flat_map(|(process, descriptor, file)| {
        let File::Fanotify(entry) = file else { return Vec::new() };
        let group = Fanotify {
            pid: process.pid(),
            fd: descriptor.fd,
            event_flags: entry.evflags.map(|flags| abi::open::names(flags, process.arch())),
            ..group(entry)
        };
        if entry.mark.is_empty() {
            return vec![group];
        }
        (0..).zip(&entry.mark).map(|(number, mark)| marked(group.clone(), number, mark)).collect()
    })
}

fn group(entry: &FanotifyFileEntry) -> Fanotify {
    Fanotify {
        pid: Pid::default(),
        fd: Fd::default(),
        mark: None,
        r#type: None,
        path: None,
        inode: None,
        device: None,
        mount_id: None,
        events: None,
        ignored_events: None,
        mark_flags: None,
        group_flags: entry.faflags.map(|flags| abi::names_of(flags.into(), abi::events::FANOTIFY_GROUP)),
        event_flags: None,
    }
}

fn marked(group: Fanotify, number: u32, mark: &FanotifyMarkEntry) -> Fanotify {
    let events = |mask: u32| abi::names_of(mask.into(), abi::events::FANOTIFY);
    let (inode, mount) = (mark.ie.as_ref(), mark.me.as_ref());
    let mark_type = mark.r#type.and_then(|number| MarkType::try_from(number).ok());
    Fanotify {
        mark: Some(number),
        r#type: mark_type.map(|mark_type| match mark_type {
            MarkType::Inode => "inode",
            MarkType::Mount => "mount",
        }),
        path: mount.and_then(|mount| mount.path.clone()).map(BString::from),
        inode: inode.and_then(|inode| inode.i_ino),
        device: inode.and(mark.s_dev).map(|dev| Device::from_kernel(dev).to_string()),
        mount_id: mount.and_then(|mount| mount.mnt_id),
        events: mark.mask.map(events),
        ignored_events: mark.ignored_mask.map(events),
        mark_flags: mark.mflags.map(|flags| abi::names_of(flags.into(), abi::events::FANOTIFY_MARK)),
        ..group
    }
}
