//! Locks of files.

use std::collections::HashMap;

use super::fdinfo::Descriptor;
use super::ids::{Fd, FileId, Pid};
use super::process::Process;
use super::{Model, Side};
use crate::abi;
use crate::images::proto::FileLockEntry;
use crate::images::{Images, Kind};
use crate::limits::Limits;
use crate::warning::{Code, Place};

/// A lock and a descriptor through which it is held.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Held {
    /// The process.
    pub pid: Pid,
    /// Its descriptor.
    pub fd: Fd,
    /// The open file behind it; `None` if the process has no such descriptor.
    pub file: Option<FileId>,
    /// CRIU recorded the lock for another descriptor of the same open file.
    pub inherited: bool,
    /// The lock.
    pub lock: FileLockEntry,
}

/// The locks of all processes.
#[derive(Debug, Default)]
pub struct FileLocks(Vec<Held>);

impl FileLocks {
    /// They, by process, descriptor and place in the file.
    pub fn iter(&self) -> impl Iterator<Item = &Held> {
        self.0.iter()
    }
}

/// A descriptor and whose it is.
type Holder<'a> = (&'a Process, &'a Descriptor);

/// Who holds which open file.
#[derive(Default)]
struct Holders<'a> {
    of_file: HashMap<FileId, Vec<Holder<'a>>>,
    of_descriptor: HashMap<(Pid, Fd), Holder<'a>>,
    /// The descriptors of somebody cannot be read, which is warned of by itself.
    unreadable: bool,
}

impl<'a> Holders<'a> {
    fn of(model: &'a Model, images: Images<'_>) -> Self {
        let mut holders = Holders::default();
        let mut tables = images.set.of_kind(images.archive, Kind::Fdinfo).map(|(number, _)| number);
        holders.unreadable = tables.any(|number| images.is_unreadable(Kind::Fdinfo, number));
        for process in model.processes() {
            for descriptor in model.descriptors().of(process) {
                let holder = (process, descriptor);
                holders.of_file.entry(descriptor.file).or_default().push(holder);
                holders.of_descriptor.insert((process.pid(), descriptor.fd), holder);
            }
        }
        holders
    }
}

/// Reads the locks of all processes.
pub(crate) fn read(images: Images<'_>, model: &Model, _: &Side<'_>) -> FileLocks {
    let mut recorded = Vec::new();
    images.each::<FileLockEntry>(Kind::FileLocks, 0, |lock, _, place| recorded.push((lock, place())));
    // Before CRIU 1.3 each process had an image of its own.
    for (number, _) in images.set.of_kind(images.archive, Kind::FileLocksPid) {
        let pid = i32::try_from(number).ok();
        images.each::<FileLockEntry>(Kind::FileLocksPid, number, |mut lock, _, place| {
            lock.pid = lock.pid.or(pid);
            recorded.push((lock, place()));
        });
    }
    if recorded.is_empty() {
        return FileLocks::default();
    }
    let holders = Holders::of(model, images);
    let most = crate::int::usize_of(images.limits.records);
    let mut all = Vec::new();
    for (lock, place) in &recorded {
        if all.len() >= most {
            images.warnings.push(&Limits::RECORDS, place.clone(), || {
                format!("locks are held through more than {most} descriptors; the rest is left out")
            });
            break;
        }
        add(*lock, place, &holders, images, &mut all, most);
    }
    // One lock can be recorded for several descriptors of its file: each of them is then not inherited.
    let which = |held: &Held| {
        let FileLockEntry { flag, r#type, start, len, .. } = held.lock;
        (held.pid, held.fd, flag, start, len, r#type)
    };
    all.sort_by_key(|held| (which(held), held.inherited));
    all.dedup_by_key(|held| which(held));
    FileLocks(all)
}

/// Adds a lock for everybody who holds it: of `flock`, of an open file and of a lease, all descriptors of the open file;
/// of a process (POSIX), its own descriptors of it.
fn add(
    lock: FileLockEntry,
    place: &Place,
    holders: &Holders<'_>,
    images: Images<'_>,
    all: &mut Vec<Held>,
    most: usize,
) {
    let (pid, fd) = (Pid(lock.pid().cast_unsigned()), Fd(lock.fd().cast_unsigned()));
    let Some((owner, descriptor)) = holders.of_descriptor.get(&(pid, fd)) else {
        if !holders.unreadable {
            images.warnings.push(Code::FileMissing, place.clone(), || {
                format!("a lock is held through descriptor {fd} of process {pid}, which is not there")
            });
        }
        all.push(Held { pid, fd, file: None, inherited: false, lock });
        return;
    };
    let file = descriptor.file;
    all.push(Held { pid, fd, file: Some(file), inherited: false, lock });
    let of_process = lock.flag() == abi::lock::POSIX;
    for (process, other) in holders.of_file.get(&file).map_or(&[][..], Vec::as_slice) {
        let is_itself = (process.pid(), other.fd) == (pid, fd);
        let is_owner = process.descriptors() == owner.descriptors();
        if !is_itself && (is_owner || !of_process) && all.len() < most {
            all.push(Held { pid: process.pid(), fd: other.fd, file: Some(file), inherited: true, lock });
        }
    }
}
