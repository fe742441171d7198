//! Describes an open file by its type: the text of `readlink /proc/PID/fd/N`, flags, position, and facts that only this
//! type has. Source of the link texts: the kernel's file systems, which name their own inodes.

use std::borrow::Cow;

use crate::abi;
use crate::abi::device::Device;
use crate::images::proto::{
    EventpollFileEntry, FanotifyFileEntry, FifoEntry, InotifyFileEntry, MemfdFileEntry, RegFileEntry, TimerfdEntry,
    TtyFileEntry, TtyInfoEntry, TtyType, TunfileEntry,
};
use crate::model::Model;
use crate::model::file::{File, FilePath, FileTable, memfd_path};
use crate::model::ids::FileId;
use crate::tables::value::{Detail, Object};

/// Link texts of files without a name.
const EVENTPOLL: &str = "anon_inode:[eventpoll]";
/// The kernel prints this name without brackets.
const INOTIFY: &str = "anon_inode:inotify";
const FANOTIFY: &str = "anon_inode:[fanotify]";

/// Named facts.
type Details = Vec<(&'static str, Detail)>;

/// The facts about an open file, whatever its type.
#[derive(Default)]
pub(super) struct Opened {
    pub(super) path: Option<FilePath>,
    pub(super) kind: Option<&'static str>,
    pub(super) flags: Option<u32>,
    pub(super) pos: Option<u64>,
    pub(super) size: Option<u64>,
    pub(super) mount_id: Option<i32>,
    pub(super) detail: Details,
}

impl Opened {
    /// A file without a path, whose link text the kernel makes up.
    fn named(kind: &'static str, link: impl Into<Vec<u8>>, flags: Option<u32>) -> Self {
        Opened {
            path: Some(FilePath { text: link.into(), deleted: false }),
            kind: Some(kind),
            flags,
            ..Opened::default()
        }
    }

    /// A socket, named by its inode.
    fn socket(inode: u32, flags: Option<u32>) -> Self {
        Self::named("socket", format!("socket:[{inode}]"), flags)
    }

    fn with(mut self, detail: Details) -> Self {
        self.detail = detail;
        self
    }
}

/// Describes an open file by type, but not what it waits for or watches. Quick, however much that is.
pub(super) fn named(model: &Model, id: FileId, file: &File) -> Opened {
    match file {
        File::Eventpoll(entry) => Opened::named("eventpoll", EVENTPOLL, entry.flags),
        File::Inotify(entry) => Opened::named("inotify", INOTIFY, entry.flags),
        File::Fanotify(entry) => Opened::named("fanotify", FANOTIFY, entry.flags),
        _ => opened(model, id, file),
    }
}

/// Describes an open file by type.
pub(super) fn opened(model: &Model, id: FileId, file: &File) -> Opened {
    let files = model.files();
    match file {
        File::Regular(entry) => regular(files, id, entry),
        File::Pipe(entry) => Opened::named("pipe", format!("pipe:[{}]", entry.pipe_id()), entry.flags),
        File::Fifo(entry) => fifo(files, id, entry),
        File::Inet(entry) => Opened::socket(entry.ino(), entry.flags),
        File::Unix(entry) => Opened::socket(entry.ino(), entry.flags),
        File::Netlink(entry) => Opened::socket(entry.ino(), entry.flags),
        // The inode is not recorded, so the link text is unknown.
        File::Packet(entry) => Opened { kind: Some("socket"), flags: entry.flags, ..Opened::default() },
        File::Eventfd(entry) => Opened::named("eventfd", "anon_inode:[eventfd]", entry.flags)
            .with(vec![("counter", integer(entry.counter()))]),
        File::Eventpoll(entry) => eventpoll(entry),
        File::Signalfd(entry) => Opened::named("signalfd", "anon_inode:[signalfd]", entry.flags)
            .with(vec![("signals", Detail::Mask(entry.sigmask()))]),
        File::Timerfd(entry) => timerfd(entry),
        File::Inotify(entry) => inotify(entry),
        File::Fanotify(entry) => fanotify(entry),
        File::Tty(entry) => terminal(files, id, entry),
        File::Memfd(entry) => memfd(files, entry),
        // The kernel's inode of the namespace is not recorded, so the link text is unknown.
        File::Namespace(entry) => {
            let kind = abi::namespace::name(entry.ns_cflag()).unwrap_or("unknown");
            let detail = vec![("kind", Detail::Text(Cow::Borrowed(kind))), ("namespace", integer(entry.ns_id()))];
            Opened { kind: Some("namespace"), flags: entry.flags, ..Opened::default() }.with(detail)
        }
        File::Tun(entry) => tun(files, id, entry),
        File::External(_) => Opened { kind: Some("other"), ..Opened::default() },
        File::BpfMap(entry) => {
            let detail = vec![
                ("map_id", integer(entry.map_id())),
                ("map_type", integer(entry.map_type())),
                ("name", Detail::Bytes(entry.map_name().to_vec())),
                ("key_size", integer(entry.key_size())),
                ("value_size", integer(entry.value_size())),
                ("max_entries", integer(entry.max_entries())),
            ];
            Opened { pos: entry.pos, ..Opened::named("bpf_map", "anon_inode:bpf-map", entry.flags).with(detail) }
        }
        File::Pidfd(entry) => {
            // For a process that has ended, the kernel reports -1.
            let pid = Some(entry.nspid()).filter(|&pid| pid >= 0);
            // The image has the flags passed to pidfd_open; the file itself is open for reading and writing.
            let flags = entry.flags.map(|flags| flags | abi::open::READ_WRITE);
            Opened::named("pidfd", "anon_inode:[pidfd]", flags)
                .with(pid.map_or_else(Vec::new, |pid| vec![("pid", integer(pid))]))
        }
    }
}

fn regular(files: &FileTable, id: FileId, entry: &RegFileEntry) -> Opened {
    let mut detail = Vec::new();
    if let Some(mode) = entry.mode {
        detail.push(("mode", Detail::Text(Cow::Owned(format!("{:04o}", mode & 0o7777)))));
    }
    if !entry.build_id.is_empty() {
        let words = entry.build_id.iter().map(|word| format!("{:08x}", word.swap_bytes()));
        detail.push(("build_id", Detail::Text(Cow::Owned(words.collect()))));
    }
    if entry.ext() {
        detail.push(("external", Detail::Bool(true)));
    }
    Opened {
        path: files.path(id),
        kind: kind_of_path(entry),
        flags: entry.flags,
        pos: entry.pos,
        size: entry.size,
        mount_id: entry.mnt_id,
        detail,
    }
}

/// The type of the file at a path, from its recorded mode.
fn kind_of_path(entry: &RegFileEntry) -> Option<&'static str> {
    if entry.flags() & abi::open::PATH != 0 {
        return Some("path");
    }
    Some(match entry.mode? & 0o170_000 {
        0o100_000 => "regular",
        0o040_000 => "directory",
        0o020_000 => "character",
        0o060_000 => "block",
        0o010_000 => "fifo",
        0o140_000 => "socket",
        _ => "other",
    })
}

/// A file whose path has a record of its own, with the same id before CRIU 3.6.
fn beside(files: &FileTable, named_by: Option<u32>, id: FileId) -> Opened {
    let id = named_by.map_or(id, FileId);
    let regular = files.regular(id);
    Opened {
        path: files.path(id),
        flags: regular.and_then(|r| r.flags),
        mount_id: regular.and_then(|r| r.mnt_id),
        ..Opened::default()
    }
}

fn fifo(files: &FileTable, id: FileId, entry: &FifoEntry) -> Opened {
    let detail = vec![("pipe_id", integer(entry.pipe_id()))];
    Opened { kind: Some("fifo"), ..beside(files, entry.regf_id, id) }.with(detail)
}

fn tun(files: &FileTable, id: FileId, entry: &TunfileEntry) -> Opened {
    let interface = entry.netdev.clone().map(|name| ("interface", Detail::Bytes(name)));
    Opened { kind: Some("tun"), ..beside(files, None, id) }.with(interface.into_iter().collect())
}

fn terminal(files: &FileTable, id: FileId, entry: &TtyFileEntry) -> Opened {
    let info = files.terminal(entry);
    let beside = beside(files, entry.regf_id, id);
    let by_number = || Some(FilePath { text: terminal_path(info?)?.into_bytes(), deleted: false });
    let path = beside.path.or_else(by_number);
    let detail = info.map_or_else(Vec::new, |info| {
        let mut detail = vec![("device", device(Device::from_stat(info.rdev())))];
        let numbers = [("session", info.sid()), ("foreground_group", info.pgrp())];
        detail.extend(numbers.iter().filter(|(_, n)| *n != 0).map(|&(name, n)| (name, integer(n))));
        if let Some(size) = &info.winsize {
            detail.push(("rows", integer(size.ws_row())));
            detail.push(("columns", integer(size.ws_col())));
        }
        detail
    });
    Opened { path, kind: Some("tty"), flags: entry.flags, mount_id: beside.mount_id, detail, ..Opened::default() }
}

/// The path of a terminal, derived from its kind, for image sets that did not record it.
pub(in crate::tables) fn terminal_path(info: &TtyInfoEntry) -> Option<String> {
    let device = Device::from_stat(info.rdev());
    match (info.r#type(), &info.pty) {
        (TtyType::Pty, Some(pty)) if matches!(device.major, 136..=143) => Some(format!("/dev/pts/{}", pty.index())),
        (TtyType::Pty, _) => Some("/dev/ptmx".to_owned()),
        (TtyType::Console, _) => Some("/dev/console".to_owned()),
        (TtyType::Vt, _) => Some(format!("/dev/tty{}", device.minor)),
        (TtyType::Ctty, _) => Some("/dev/tty".to_owned()),
        _ => None,
    }
}

fn eventpoll(entry: &EventpollFileEntry) -> Opened {
    let targets = entry.tfd.iter().map(|target| {
        Detail::Object(Object(vec![
            ("fd", integer(target.tfd())),
            ("events", names(target.events().into(), abi::events::EPOLL)),
            ("data", Detail::Address(target.data())),
        ]))
    });
    Opened::named("eventpoll", EVENTPOLL, entry.flags).with(vec![("targets", Detail::List(targets.collect()))])
}

fn timerfd(entry: &TimerfdEntry) -> Opened {
    Opened::named("timerfd", "anon_inode:[timerfd]", entry.flags).with(vec![
        ("clock", Detail::Text(abi::clock::name(entry.clockid()))),
        ("expirations", integer(entry.ticks())),
        ("settime_flags", integer(entry.settime_flags())),
        ("next_ns", nanoseconds(entry.vsec(), entry.vnsec())),
        ("interval_ns", nanoseconds(entry.isec(), entry.insec())),
    ])
}

fn inotify(entry: &InotifyFileEntry) -> Opened {
    let watches = entry.wd.iter().map(|watch| {
        let mut detail = vec![
            ("wd", integer(watch.wd())),
            ("inode", integer(watch.i_ino())),
            ("device", device(Device::from_kernel(watch.s_dev()))),
            ("events", names(watch.mask().into(), abi::events::INOTIFY)),
        ];
        let path = watch.f_handle.as_ref().and_then(|handle| handle.path.clone());
        detail.extend(path.map(|path| ("path", Detail::Bytes(path))));
        Detail::Object(Object(detail))
    });
    Opened::named("inotify", INOTIFY, entry.flags).with(vec![("watches", Detail::List(watches.collect()))])
}

fn fanotify(entry: &FanotifyFileEntry) -> Opened {
    let marks = entry.mark.iter().map(|mark| {
        let mut detail = vec![("events", names(mark.mask().into(), abi::events::FANOTIFY))];
        detail.extend(mark.ie.as_ref().map(|inode| ("inode", integer(inode.i_ino()))));
        if let Some(mount) = &mark.me {
            detail.push(("mount_id", integer(mount.mnt_id())));
            detail.extend(mount.path.clone().map(|path| ("path", Detail::Bytes(path))));
        }
        Detail::Object(Object(detail))
    });
    Opened::named("fanotify", FANOTIFY, entry.flags).with(vec![("marks", Detail::List(marks.collect()))])
}

fn memfd(files: &FileTable, entry: &MemfdFileEntry) -> Opened {
    let opened = Opened { kind: Some("memfd"), flags: entry.flags, pos: entry.pos, ..Opened::default() };
    let Some(inode) = files.memfd(entry) else { return opened };
    let detail =
        vec![("seals", names(inode.seals().into(), abi::mapping::SEALS)), ("shared_id", integer(inode.shmid()))];
    let mut detail = detail;
    let owners = [("uid", inode.uid), ("gid", inode.gid)];
    detail.extend(owners.into_iter().filter_map(|(name, id)| Some((name, integer(id?)))));
    let mode = inode.mode.map(|mode| ("mode", Detail::Text(Cow::Owned(format!("{:04o}", mode & 0o7777)))));
    detail.extend(mode);
    let path = Some(FilePath { text: memfd_path(inode), deleted: true });
    Opened { path, size: inode.size, ..opened }.with(detail)
}

fn integer(number: impl Into<i128>) -> Detail {
    Detail::Integer(number.into())
}

fn nanoseconds(seconds: u64, nanoseconds: u64) -> Detail {
    Detail::Integer(i128::from(seconds).saturating_mul(1_000_000_000).saturating_add(nanoseconds.into()))
}

fn device(device: Device) -> Detail {
    Detail::Text(Cow::Owned(format!("{}:{}", device.major, device.minor)))
}

fn names(mask: u64, bits: &[(u64, &'static str)]) -> Detail {
    Detail::List(abi::names_of(mask, bits).into_iter().map(Detail::Text).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_of_old_sets_are_named_by_what_they_are() {
        let info = |tty_type: TtyType, rdev| TtyInfoEntry {
            r#type: Some(tty_type.into()),
            rdev: Some(rdev),
            pty: Some(crate::images::proto::TtyPtyEntry { index: Some(3) }),
            ..Default::default()
        };
        assert_eq!(terminal_path(&info(TtyType::Pty, 0x8803)).unwrap(), "/dev/pts/3");
        assert_eq!(terminal_path(&info(TtyType::Pty, 0x502)).unwrap(), "/dev/ptmx");
        assert_eq!(terminal_path(&info(TtyType::Vt, 0x401)).unwrap(), "/dev/tty1");
        assert_eq!(terminal_path(&info(TtyType::Serial, 0x440)), None);
    }
}
