//! Table `process_open_files`.

mod opened;

use std::borrow::Cow;

use bstr::BString;

pub(super) use self::opened::terminal_path;
use self::opened::{named, opened};
use super::table::table;
use super::value::Object;
use crate::Checkpoint;
use crate::abi;
use crate::images::proto::{FdTypes, FownEntry};
use crate::model::Model;
use crate::model::fdinfo::Descriptor;
use crate::model::file::File;
use crate::model::ids::{Fd, FileId, Pid};
use crate::model::process::Process;

table! {
    "process_open_files", key(pid, fd), brief(pid, fd, type, flags, cloexec, pos, path),
    event(Event::state(&["file"], "file-open").about(Subject::File).under("fd"));
    /// Descriptors of the living processes, by pid and number.
    pub struct OpenFile {
        /// Process id.
        pub pid: Pid,
        /// Number of the descriptor.
        pub fd: Fd,
        /// Path, as `readlink /proc/PID/fd/N` prints it. Null if the kernel's inode in it is not recorded (namespaces,
        /// packet sockets), or if the file is not in the archive's file table.
        #[to(ecs("file.path").path(), ocsf("file.path").path())]
        pub path: Option<BString>,
        /// Type: `regular`, `directory`, `character`, `block`, `pipe`, `fifo`, `socket`, `eventfd`, `eventpoll`,
        /// `signalfd`, `timerfd`, `inotify`, `fanotify`, `memfd`, `tty`, `pidfd`, `namespace`, `tun`, `bpf_map`, `path`
        /// or `other`. Null if CRIU before 2.4 did not record the type of a path.
        #[to(ecs("file.type").form(Form::FileType), ocsf("file.type_id").form(Form::FileType))]
        pub r#type: Option<&'static str>,
        /// Open flags in octal, as `/proc/PID/fdinfo` prints them, without `O_CLOEXEC`.
        pub flags: Option<String>,
        /// Names of the flags.
        pub flag_names: Option<Vec<Cow<'static, str>>>,
        /// Whether the descriptor is closed on exec.
        pub cloexec: bool,
        /// Position in the file, in bytes. Null if the file has none.
        pub pos: Option<u64>,
        /// Size of the file in bytes. Null if not recorded.
        #[to(ecs("file.size"), ocsf("file.size"))]
        pub size: Option<u64>,
        /// Whether the file had been deleted.
        #[to(ocsf("file.is_deleted"))]
        pub deleted: Option<bool>,
        /// Mount that the path is on; joins `mounts`.
        pub mount_id: Option<u32>,
        /// Process, process group or thread that gets the file's signals.
        pub owner_pid: Option<u32>,
        /// Signal that it gets, if it is not `SIGIO`.
        pub owner_signal: Option<Cow<'static, str>>,
        /// Kind of `owner_pid`: `process`, `group` or `thread`.
        pub owner_type: Option<&'static str>,
        /// User id of who asked for the signals.
        pub owner_uid: Option<u32>,
        /// Effective user id of who asked for the signals.
        pub owner_euid: Option<u32>,
        /// CRIU's id of the open file. Descriptors with the same id share position and flags.
        pub file_id: FileId,
        /// Facts that only this type has, such as an eventfd's counter, a timerfd's settings or an epoll's targets.
        pub detail: Option<Object>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = OpenFile> + '_ {
    let model = checkpoint.model();
    descriptors(model).map(|(process, descriptor)| row(model, process, descriptor))
}

/// The descriptors of all processes, by pid and number.
fn descriptors(model: &Model) -> impl Iterator<Item = (&Process, &Descriptor)> {
    let mut processes: Vec<&Process> = model.processes().iter().collect();
    processes.sort_by_key(|process| process.pid());
    processes
        .into_iter()
        .flat_map(|process| model.descriptors().of(process).iter().map(move |descriptor| (process, descriptor)))
}

/// The descriptors of all processes and their files, by pid and number.
pub(super) fn files(model: &Model) -> impl Iterator<Item = (&Process, &Descriptor, &File)> {
    descriptors(model).filter_map(|(process, descriptor)| {
        Some((process, descriptor, model.files().get(descriptor.fd_type?, descriptor.file)?))
    })
}

/// The path and type of a process's descriptor; `None` if the process has no such descriptor.
pub(super) fn link_of(model: &Model, process: &Process, fd: Fd) -> Option<(Option<BString>, Option<&'static str>)> {
    let descriptors = model.descriptors().of(process);
    let descriptor = descriptors.get(descriptors.binary_search_by_key(&fd, |descriptor| descriptor.fd).ok()?)?;
    let file = model.files().get(descriptor.fd_type?, descriptor.file)?;
    let opened = named(model, descriptor.file, file);
    Some((opened.path.map(|path| BString::from(path.text)), opened.kind))
}

/// The rows of one process, by number.
pub(crate) fn rows_of<'m>(model: &'m Model, process: &'m Process) -> impl Iterator<Item = OpenFile> + 'm {
    model.descriptors().of(process).iter().map(move |descriptor| row(model, process, descriptor))
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
        owner_pid: owner.map(FownEntry::pid),
        owner_signal: owner.filter(|o| o.signum() != 0).map(|o| abi::signal::name(o.signum(), arch)),
        owner_type: owner.and_then(|owner| abi::signal::receiver(owner.pid_type())),
        owner_uid: owner.and_then(|owner| owner.uid),
        owner_euid: owner.and_then(|owner| owner.euid),
        file_id: descriptor.file,
        detail: (!opened.detail.is_empty()).then_some(Object(opened.detail)),
    }
}

/// The type and path of an open file, whoever holds it.
pub(super) fn described(model: &Model, id: FileId) -> Option<(Option<&'static str>, Option<Vec<u8>>)> {
    let opened = named(model, id, model.files().any(id)?);
    Some((opened.kind, opened.path.map(|path| path.text)))
}

/// Socket types, whose rows are in another table.
pub(super) const SOCKETS: [FdTypes; 4] = [FdTypes::Inetsk, FdTypes::Unixsk, FdTypes::Netlinksk, FdTypes::Packetsk];
