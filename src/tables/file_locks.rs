//! Table `file_locks`.

use std::borrow::Cow;

use bstr::BString;

use super::table::table;
use crate::Checkpoint;
use crate::abi;
use crate::model::Model;
use crate::model::ids::{Fd, FileId, Pid};
use crate::model::lock::Held;

table! {
    "file_locks", key(pid, fd, kind, start), brief(pid, fd, kind, type, start, end, inherited, path),
    event(Event::state(&["file"], "file-lock").about(Subject::File));
    /// File locks, as the `lock:` lines of `/proc/PID/fdinfo/FD` print them: one row for each descriptor that holds a
    /// lock, by pid, descriptor and position.
    pub struct FileLock {
        /// Process id.
        pub pid: Pid,
        /// The descriptor; joins `process_open_files`.
        pub fd: Fd,
        /// The file, as in `process_open_files.path`. Null if the process has no such descriptor.
        #[to(ecs("file.path").path(), ocsf("file.path").path())]
        pub path: Option<BString>,
        /// Kind of lock: `posix` (`fcntl`, held by a process), `flock`, `ofd` (`fcntl`, held by an open file
        /// description) or `lease`.
        pub kind: Option<Cow<'static, str>>,
        /// `read` (shared), `write` (exclusive) or `none`.
        pub r#type: Option<Cow<'static, str>>,
        /// First locked byte; 0 for `flock` and leases, which cover the whole file.
        pub start: Option<i64>,
        /// Last locked byte. Null if the lock reaches to the end of the file, even if the file grows.
        pub end: Option<i64>,
        /// Number of locked bytes; 0 if the lock reaches to the end of the file.
        pub length: Option<i64>,
        /// Whether the lock was recorded for another descriptor of the same open file description. This descriptor was
        /// inherited, duplicated or sent.
        pub inherited: bool,
        /// Whether a lease is being broken because another process waits for it. Null for other kinds.
        pub breaking: Option<bool>,
        /// Whether the lock is mandatory: it binds every access, not only programs that ask for locks.
        pub mandatory: Option<bool>,
        /// CRIU's id of the open file; joins `process_open_files`. Null if the process has no such descriptor.
        pub file_id: Option<FileId>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = FileLock> + '_ {
    let model = checkpoint.model();
    checkpoint.file_locks().iter().map(move |held| row(model, held))
}

fn row(model: &Model, held: &Held) -> FileLock {
    let Held { pid, fd, file, inherited, lock } = *held;
    let path = file.and_then(|file| model.files().path(file));
    let last = |len: i64| lock.start().checked_add(len)?.checked_sub(1);
    FileLock {
        pid,
        fd,
        path: path.map(|path| BString::from(path.text)),
        kind: lock.flag.map(abi::lock::kind),
        r#type: lock.r#type.map(abi::lock::access),
        start: lock.start,
        end: lock.len.filter(|&len| len != 0).and_then(last),
        length: lock.len,
        inherited,
        breaking: lock
            .r#type
            .filter(|_| lock.flag() == abi::lock::LEASE)
            .map(|number| number & abi::lock::BREAKING != 0),
        mandatory: lock.r#type.map(|number| number & abi::lock::MANDATORY != 0),
        file_id: file,
    }
}
