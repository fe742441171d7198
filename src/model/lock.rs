//! File locks.

use std::collections::HashMap;

use super::fdinfo::Descriptor;
use super::ids::{Fd, FileId, Pid};
use super::process::Process;
use super::{EngineFiles, Model};
use crate::abi;
use crate::images::proto::FileLockEntry;
use crate::images::{Images, Kind};
use crate::limits::Limits;
use crate::warning::{Code, Place};

/// A lock and a descriptor that holds it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Held {
    /// The process.
    pub pid: Pid,
    /// The descriptor.
    pub fd: Fd,
    /// The open file of the descriptor; `None` if the process has no such descriptor.
    pub file: Option<FileId>,
    /// Whether CRIU recorded the lock for another descriptor of the same open file description.
    pub inherited: bool,
    /// The lock.
    pub lock: FileLockEntry,
}

/// The locks of all processes.
#[derive(Debug, Default)]
pub struct FileLocks(Vec<Held>);

impl FileLocks {
    /// The locks, by process, descriptor and position in the file.
    pub fn iter(&self) -> impl Iterator<Item = &Held> {
        self.0.iter()
    }
}

/// A descriptor and its process.
type Holder<'a> = (&'a Process, &'a Descriptor);

/// Index of the holders of each open file.
#[derive(Default)]
struct Holders<'a> {
    of_file: HashMap<FileId, Vec<Holder<'a>>>,
    /// Those of one file that share a table of descriptors.
    of_owner: HashMap<(FileId, Option<u64>), Vec<Holder<'a>>>,
    of_descriptor: HashMap<(Pid, Fd), Holder<'a>>,
    /// Whether the descriptors of some process could not be read, which has a warning of its own.
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
                holders.of_owner.entry((descriptor.file, process.descriptors())).or_default().push(holder);
                holders.of_descriptor.insert((process.pid(), descriptor.fd), holder);
            }
        }
        holders
    }
}

/// Reads the locks of all processes.
pub(crate) fn read(images: Images<'_>, model: &Model, _: &EngineFiles<'_>) -> FileLocks {
    let mut recorded = Vec::new();
    images.each::<FileLockEntry>(Kind::FileLocks, 0, |lock, _, place| recorded.push((lock, place())));
    // Before CRIU 1.3 each process had its own image.
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
                format!("locks are held through more than {most} descriptors; the rest were skipped")
            });
            break;
        }
        add(*lock, place, &holders, images, &mut all, most);
    }
    // A lock can be recorded for several descriptors of its file. None of these is inherited.
    let which = |held: &Held| {
        let FileLockEntry { flag, r#type, start, len, .. } = held.lock;
        (held.pid, held.fd, flag, start, len, r#type)
    };
    all.sort_by_key(|held| (which(held), held.inherited));
    all.dedup_by_key(|held| which(held));
    FileLocks(all)
}

/// Adds a lock for every holder. `flock`, open file description locks and leases belong to all descriptors of the open
/// file description; POSIX locks belong to one process's own descriptors of it.
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
                format!("a lock is held by descriptor {fd} of process {pid}, which does not exist")
            });
        }
        all.push(Held { pid, fd, file: None, inherited: false, lock });
        return;
    };
    let file = descriptor.file;
    all.push(Held { pid, fd, file: Some(file), inherited: false, lock });
    let of_process = lock.flag() == abi::lock::POSIX;
    let others =
        if of_process { holders.of_owner.get(&(file, owner.descriptors())) } else { holders.of_file.get(&file) };
    for (process, other) in others.map_or(&[][..], Vec::as_slice) {
        let is_itself = (process.pid(), other.fd) == (pid, fd);
        if !is_itself && all.len() < most {
            all.push(Held { pid: process.pid(), fd: other.fd, file: Some(file), inherited: true, lock });
        }
    }
}
