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
        /// What `readlink /proc/PID/fd/N` prints; null where the kernel's inode in it is not recorded (namespaces, packet
        /// sockets) or the file is not in the archive's table.
        #[to(ecs("file.path").path(), ocsf("file.path").path())]
        pub path: Option<BString>,
        /// `regular`, `directory`, `character`, `block`, `pipe`, `fifo`, `socket`, `eventfd`, `eventpoll`, `signalfd`,
        /// `timerfd`, `inotify`, `fanotify`, `memfd`, `tty`, `pidfd`, `namespace`, `tun`, `bpf_map`, `path` or `other`; null
        /// where CRIU before 2.4 did not record what a path leads to.
        #[to(ecs("file.type").form(Form::FileType), ocsf("file.type_id").form(Form::FileType))]
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
        #[to(ecs("file.size"), ocsf("file.size"))]
        pub size: Option<u64>,
        /// The file had no name any more.
        #[to(ocsf("file.is_deleted"))]
        pub deleted: Option<bool>,
        /// The mount that its path is on; joins `mounts`.
        pub mount_id: Option<u32>,
        /// Process, process group or thread that gets its signals.
        pub owner_pid: Option<u32>,
        /// Signal that it gets, where it is not `SIGIO`.
        pub owner_signal: Option<Cow<'static, str>>,
        /// What `owner_pid` is: `process`, `group` or `thread`.
        pub owner_type: Option<&'static str>,
        /// User who asked for the signals.
        pub owner_uid: Option<u32>,
        /// Effective user who asked for the signals.
        pub owner_euid: Option<u32>,
        /// CRIU's id of the open file: descriptors with one id share position and flags.
        pub file_id: FileId,
        /// What is particular to the type: an eventfd's counter, a timerfd's settings, an epoll's targets.
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

/// The descriptors of all processes and the files behind them, by pid and number.
pub(super) fn files(model: &Model) -> impl Iterator<Item = (&Process, &Descriptor, &File)> {
    descriptors(model).filter_map(|(process, descriptor)| {
        Some((process, descriptor, model.files().get(descriptor.fd_type?, descriptor.file)?))
    })
}

/// What a descriptor of a process prints as, and its type; `None` if it has none of this number.
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

/// The type of an open file and what its link says, whoever holds it.
pub(super) fn described(model: &Model, id: FileId) -> Option<(Option<&'static str>, Option<Vec<u8>>)> {
    let opened = named(model, id, model.files().any(id)?);
    Some((opened.kind, opened.path.map(|path| path.text)))
}

/// The types of sockets, whose rows are in a table of their own.
pub(super) const SOCKETS: [FdTypes; 4] = [FdTypes::Inetsk, FdTypes::Unixsk, FdTypes::Netlinksk, FdTypes::Packetsk];
