//! Table `process_open_files`.

use std::borrow::Cow;

use bstr::BString;

use super::table::table;
use super::value::{Detail, Object};
use crate::Checkpoint;
use crate::abi;
use crate::abi::device::Device;
use crate::images::proto::{FdTypes, RegFileEntry, TtyFileEntry, TtyInfoEntry, TtyType};
use crate::model::Model;
use crate::model::fdinfo::Descriptor;
use crate::model::file::{File, FilePath, memfd_path};
use crate::model::ids::{Fd, FileId, Pid};
use crate::model::process::Process;

table! {
    "process_open_files", key(pid, fd), brief(pid, fd, type, flags, cloexec, pos, path);
    /// Descriptors of the living processes, by pid and number.
    pub struct OpenFile {
        /// Process id.
        pub pid: Pid,
        /// Number of the descriptor.
        pub fd: Fd,
        /// What `readlink /proc/PID/fd/N` prints; null where the kernel's inode in it is not recorded (namespaces, packet
        /// sockets) or the file is not in the archive's table.
        pub path: Option<BString>,
        /// `regular`, `directory`, `character`, `block`, `pipe`, `fifo`, `socket`, `eventfd`, `eventpoll`, `signalfd`,
        /// `timerfd`, `inotify`, `fanotify`, `memfd`, `tty`, `pidfd`, `namespace`, `tun`, `bpf_map`, `path` or `other`; null
        /// where CRIU before 2.4 did not record what a path leads to.
        pub r#type: Option<&'static str>,
        /// Open flags in octal, as `/proc/PID/fdinfo` prints them, without `O_CLOEXEC`.
        pub flags: Option<String>,
        /// Names of the open flags.
        pub flag_names: Option<Vec<Cow<'static, str>>>,
        /// Closed on exec.
        pub cloexec: bool,
        /// Position in the file, in bytes, where there is one.
        pub pos: Option<u64>,
        /// Bytes of the file, where recorded.
        pub size: Option<u64>,
        /// The file had no name any more.
        pub deleted: Option<bool>,
        /// The mount that its path is on; joins `mounts`.
        pub mount_id: Option<u32>,
        /// Process that gets its signals.
        pub owner_pid: Option<u32>,
        /// Signal that it gets, where it is not `SIGIO`.
        pub owner_signal: Option<Cow<'static, str>>,
        /// CRIU's id of the open file: descriptors with one id share position and flags.
        pub file_id: FileId,
        /// What is particular to the type: an eventfd's counter, a timerfd's settings, an epoll's targets.
        pub detail: Option<Object>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = OpenFile> + '_ {
    let model = checkpoint.model();
    let mut processes: Vec<&Process> = model.processes().iter().collect();
    processes.sort_by_key(|process| process.pid());
    processes.into_iter().flat_map(move |process| {
        model.descriptors().of(process).iter().map(move |descriptor| row(model, process, descriptor))
    })
}

fn row(model: &Model, process: &Process, descriptor: &Descriptor) -> OpenFile {
    let files = model.files();
    let arch = process.arch();
    let file = descriptor.fd_type.and_then(|fd_type| files.get(fd_type, descriptor.file));
    let opened = file.map(|file| opened(model, descriptor.file, file)).unwrap_or_default();
    let owner = file.and_then(File::owner).filter(|owner| owner.pid() != 0);
    OpenFile {
        pid: process.pid(),
        fd: descriptor.fd,
        deleted: opened.path.as_ref().map(|path| path.deleted),
        path: opened.path.map(|path| BString::from(path.text)),
        r#type: opened.kind,
        flags: opened.flags.map(|flags| format!("0{:o}", flags & !abi::open::CLOEXEC)),
        flag_names: opened.flags.map(|flags| abi::open::names(flags & !abi::open::CLOEXEC, arch)),
        cloexec: descriptor.cloexec,
        pos: opened.pos,
        size: opened.size,
        mount_id: opened.mount_id.and_then(|id| u32::try_from(id).ok()),
        owner_pid: owner.map(|owner| owner.pid()),
        owner_signal: owner.filter(|o| o.signum() != 0).map(|o| abi::signal::name(o.signum(), arch)),
        file_id: descriptor.file,
        detail: (!opened.detail.is_empty()).then_some(Object(opened.detail)),
    }
}

/// What can be said of an open file, whatever its type.
#[derive(Default)]
struct Opened {
    path: Option<FilePath>,
    kind: Option<&'static str>,
    flags: Option<u32>,
    pos: Option<u64>,
    size: Option<u64>,
    mount_id: Option<i32>,
    detail: Vec<(&'static str, Detail)>,
}

impl Opened {
    /// A file without a path: the kernel makes up what the link says.
    fn named(kind: &'static str, link: impl Into<Vec<u8>>, flags: Option<u32>) -> Self {
        Opened { path: Some(FilePath { text: link.into(), deleted: false }), kind: Some(kind), flags, ..Opened::default() }
    }

    fn with(mut self, detail: Vec<(&'static str, Detail)>) -> Self {
        self.detail = detail;
        self
    }
}

/// An open file by its type. Source of the links: the kernel's `fs/` and `kernel/`, where each file system names its inodes.
fn opened(model: &Model, id: FileId, file: &File) -> Opened {
    let files = model.files();
    match file {
        File::Regular(entry) => Opened {
            path: files.path(id),
            kind: kind_of_path(entry),
            flags: entry.flags,
            pos: entry.pos,
            size: entry.size,
            mount_id: entry.mnt_id,
            detail: regular_detail(entry),
        },
        File::Pipe(entry) => Opened::named("pipe", format!("pipe:[{}]", entry.pipe_id()), entry.flags),
        File::Fifo(entry) => {
            // Before 3.6, the record of the path has the same id.
            let named_by = entry.regf_id.map_or(id, FileId);
            let regular = files.regular(named_by);
            Opened {
                path: files.path(named_by),
                kind: Some("fifo"),
                flags: regular.and_then(|r| r.flags),
                mount_id: regular.and_then(|r| r.mnt_id),
                detail: vec![("pipe_id", integer(entry.pipe_id()))],
                ..Opened::default()
            }
        }
        File::Inet(entry) => Opened::named("socket", format!("socket:[{}]", entry.ino()), entry.flags),
        File::Unix(entry) => Opened::named("socket", format!("socket:[{}]", entry.ino()), entry.flags),
        File::Netlink(entry) => Opened::named("socket", format!("socket:[{}]", entry.ino()), entry.flags),
        File::Packet(entry) => Opened { kind: Some("socket"), flags: entry.flags, ..Opened::default() },
        File::Eventfd(entry) => Opened::named("eventfd", "anon_inode:[eventfd]", entry.flags)
            .with(vec![("counter", integer(entry.counter()))]),
        File::Eventpoll(entry) => {
            let targets = entry.tfd.iter().map(|target| {
                Detail::Object(Object(vec![
                    ("fd", integer(target.tfd())),
                    ("events", names(target.events().into(), abi::events::EPOLL)),
                    ("data", Detail::Address(target.data())),
                ]))
            });
            Opened::named("eventpoll", "anon_inode:[eventpoll]", entry.flags)
                .with(vec![("targets", Detail::List(targets.collect()))])
        }
        File::Signalfd(entry) => Opened::named("signalfd", "anon_inode:[signalfd]", entry.flags)
            .with(vec![("signals", Detail::Mask(entry.sigmask()))]),
        File::Timerfd(entry) => Opened::named("timerfd", "anon_inode:[timerfd]", entry.flags).with(vec![
            ("clock", Detail::Text(abi::clock::name(entry.clockid()))),
            ("expirations", integer(entry.ticks())),
            ("settime_flags", integer(entry.settime_flags())),
            ("next_ns", nanoseconds(entry.vsec(), entry.vnsec())),
            ("interval_ns", nanoseconds(entry.isec(), entry.insec())),
        ]),
        // Without brackets: the kernel names it so.
        File::Inotify(entry) => {
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
            Opened::named("inotify", "anon_inode:inotify", entry.flags)
                .with(vec![("watches", Detail::List(watches.collect()))])
        }
        File::Fanotify(entry) => {
            let marks = entry.mark.iter().map(|mark| {
                let mut detail = vec![("events", names(mark.mask().into(), abi::events::FANOTIFY))];
                detail.extend(mark.ie.as_ref().map(|inode| ("inode", integer(inode.i_ino()))));
                if let Some(mount) = &mark.me {
                    detail.push(("mount_id", integer(mount.mnt_id())));
                    detail.extend(mount.path.clone().map(|path| ("path", Detail::Bytes(path))));
                }
                Detail::Object(Object(detail))
            });
            Opened::named("fanotify", "anon_inode:[fanotify]", entry.flags)
                .with(vec![("marks", Detail::List(marks.collect()))])
        }
        File::Tty(entry) => terminal(model, id, entry),
        File::Memfd(entry) => {
            let inode = files.memfd(entry);
            Opened {
                path: inode.map(|inode| FilePath { text: memfd_path(inode), deleted: true }),
                kind: Some("memfd"),
                flags: entry.flags,
                pos: entry.pos,
                size: inode.map(|inode| inode.size()),
                mount_id: None,
                detail: inode.map_or_else(Vec::new, |inode| {
                    vec![
                        ("seals", names(inode.seals().into(), abi::mapping::SEALS)),
                        ("shared_id", integer(inode.shmid())),
                    ]
                }),
            }
        }
        // The kernel's inode of the namespace is not recorded, and so is the link's text.
        File::Namespace(entry) => {
            let kind = abi::namespace::name(entry.ns_cflag()).unwrap_or("unknown");
            let detail =
                vec![("kind", Detail::Text(Cow::Borrowed(kind))), ("namespace", integer(entry.ns_id()))];
            Opened { kind: Some("namespace"), flags: entry.flags, ..Opened::default() }.with(detail)
        }
        // A record of a path has the same id.
        File::Tun(entry) => {
            let regular = files.regular(id);
            Opened {
                path: files.path(id),
                kind: Some("tun"),
                flags: regular.and_then(|r| r.flags),
                mount_id: regular.and_then(|r| r.mnt_id),
                detail: entry.netdev.clone().map_or_else(Vec::new, |name| vec![("interface", Detail::Bytes(name))]),
                ..Opened::default()
            }
        }
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
            // Of a process that has ended, the kernel tells -1.
            let pid = Some(entry.nspid()).filter(|&pid| pid >= 0);
            // The image has the flags of pidfd_open; the file itself is open for reading and writing.
            let flags = entry.flags.map(|flags| flags | abi::open::READ_WRITE);
            Opened::named("pidfd", "anon_inode:[pidfd]", flags)
                .with(pid.map_or_else(Vec::new, |pid| vec![("pid", Detail::Integer(pid.into()))]))
        }
    }
}

/// What a path leads to, by the mode that was recorded.
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

fn regular_detail(entry: &RegFileEntry) -> Vec<(&'static str, Detail)> {
    let mut detail = Vec::new();
    if let Some(mode) = entry.mode {
        detail.push(("mode", Detail::Text(Cow::Owned(format!("{:04o}", mode & 0o7777)))));
    }
    if !entry.build_id.is_empty() {
        let bytes = entry.build_id.iter().flat_map(|word| word.to_le_bytes());
        let text: String = bytes.map(|b| format!("{b:02x}")).collect();
        detail.push(("build_id", Detail::Text(Cow::Owned(text))));
    }
    if entry.ext() {
        detail.push(("external", Detail::Bool(true)));
    }
    detail
}

fn terminal(model: &Model, id: FileId, entry: &TtyFileEntry) -> Opened {
    let files = model.files();
    let info = files.terminal(entry);
    // Before 3.6, the record of the path has the same id.
    let named_by = entry.regf_id.map_or(id, FileId);
    let path = files.path(named_by).or_else(|| {
        info.and_then(terminal_path).map(|text| FilePath { text: text.into_bytes(), deleted: false })
    });
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
    Opened {
        path,
        kind: Some("tty"),
        flags: entry.flags,
        mount_id: files.regular(named_by).and_then(|r| r.mnt_id),
        detail,
        ..Opened::default()
    }
}

/// The path of a terminal by what it is, for sets that did not record it.
fn terminal_path(info: &TtyInfoEntry) -> Option<String> {
    let minor = Device::from_stat(info.rdev()).minor;
    match info.r#type() {
        TtyType::Pty => Some(match (&info.pty, Device::from_stat(info.rdev()).major) {
            (Some(pty), 136..=143) => format!("/dev/pts/{}", pty.index()),
            _ => "/dev/ptmx".to_owned(),
        }),
        TtyType::Console => Some("/dev/console".to_owned()),
        TtyType::Vt => Some(format!("/dev/tty{minor}")),
        TtyType::Ctty => Some("/dev/tty".to_owned()),
        _ => None,
    }
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

/// The types of sockets, whose rows are in a table of their own.
pub(super) const SOCKETS: [FdTypes; 4] = [FdTypes::Inetsk, FdTypes::Unixsk, FdTypes::Netlinksk, FdTypes::Packetsk];
