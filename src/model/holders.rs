//! Holders of open files: by a descriptor, as the executable, as a directory, or by a mapping.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::ids::{Fd, FileId, Pid};
use super::vma::Status;
use super::{EngineFiles, Model};
use crate::images::Images;

/// The way a process holds a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hold {
    /// By a descriptor.
    Fd(Fd),
    /// As its executable.
    Exe,
    /// As its current directory.
    Cwd,
    /// As its root directory.
    Root,
    /// By a mapping.
    Map,
}

/// A process that holds a file, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Holder {
    /// Process id.
    pub pid: Pid,
    /// The way it holds the file.
    pub hold: Hold,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how: &dyn fmt::Display = match &self.hold {
            Hold::Fd(fd) => fd,
            Hold::Exe => &"exe",
            Hold::Cwd => &"cwd",
            Hold::Root => &"root",
            Hold::Map => &"map",
        };
        write!(f, "{}:{how}", self.pid)
    }
}

/// The holders of all files and System V segments.
#[derive(Debug, Default)]
pub struct Holders {
    files: HashMap<FileId, Arc<[Holder]>>,
    segments: HashMap<u64, Arc<[Holder]>>,
}

impl Holders {
    /// The holders of an open file, by process, descriptors first.
    pub fn of(&self, id: FileId) -> Arc<[Holder]> {
        self.files.get(&id).cloned().unwrap_or_default()
    }

    /// The holders of several open files, each listed once.
    pub fn of_all(&self, ids: impl IntoIterator<Item = FileId>) -> Arc<[Holder]> {
        let mut lists = ids.into_iter().map(|id| self.of(id));
        let (first, second) = (lists.next().unwrap_or_default(), lists.next());
        let Some(second) = second else { return first };
        let mut all: Vec<Holder> = [first, second].into_iter().chain(lists).flat_map(|list| list.to_vec()).collect();
        all.sort_unstable();
        all.dedup();
        all.into()
    }

    /// The holders of a System V segment.
    pub fn of_segment(&self, id: u64) -> Arc<[Holder]> {
        self.segments.get(&id).cloned().unwrap_or_default()
    }
}

/// Reads them.
pub(crate) fn read(_: Images<'_>, model: &Model, _: &EngineFiles<'_>) -> Holders {
    let mut files: HashMap<FileId, Vec<Holder>> = HashMap::new();
    let mut segments: HashMap<u64, Vec<Holder>> = HashMap::new();
    for process in model.processes() {
        let pid = process.pid();
        let mut add = |id: FileId, hold| files.entry(id).or_default().push(Holder { pid, hold });
        for descriptor in model.descriptors().of(process) {
            add(descriptor.file, Hold::Fd(descriptor.fd));
        }
        if let Some(fs) = &process.fs {
            fs.cwd_id.into_iter().for_each(|id| add(FileId(id), Hold::Cwd));
            fs.root_id.into_iter().for_each(|id| add(FileId(id), Hold::Root));
        }
        let Some(mm) = &process.mm else { continue };
        mm.exe().into_iter().for_each(|id| add(id, Hold::Exe));
        for vma in &mm.vmas {
            vma.file().into_iter().for_each(|id| add(id, Hold::Map));
            if let Some(id) = vma.shared_memory().filter(|_| vma.status.contains(Status::SYSVIPC)) {
                segments.entry(id).or_default().push(Holder { pid, hold: Hold::Map });
            }
        }
    }
    Holders { files: sorted(files), segments: sorted(segments) }
}

fn sorted<K: Eq + std::hash::Hash>(holders: HashMap<K, Vec<Holder>>) -> HashMap<K, Arc<[Holder]>> {
    let sorted = holders.into_iter().map(|(key, mut list)| {
        list.sort_unstable();
        list.dedup();
        (key, Arc::from(list))
    });
    sorted.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_reads_as_process_and_how() {
        let text = |hold| Holder { pid: Pid(7), hold }.to_string();
        assert_eq!([text(Hold::Fd(Fd(3))), text(Hold::Exe), text(Hold::Map)], ["7:3", "7:exe", "7:map"]);
    }

    #[test]
    fn holders_of_several_files_are_listed_once() {
        let holder = |pid, fd| Holder { pid: Pid(pid), hold: Hold::Fd(Fd(fd)) };
        let lists = HashMap::from([
            (FileId(1), vec![holder(9, 4), holder(1, 3), holder(1, 3)]),
            (FileId(2), vec![holder(1, 3), holder(2, 5)]),
        ]);
        let holders = Holders { files: sorted(lists), segments: HashMap::new() };
        assert_eq!(*holders.of(FileId(1)), [holder(1, 3), holder(9, 4)]);
        assert_eq!(*holders.of_all([FileId(1), FileId(2), FileId(3)]), [holder(1, 3), holder(2, 5), holder(9, 4)]);
    }
}
