//! Tables of descriptors: `fdinfo-N.img`.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::file::FileTable;
use super::ids::{Fd, FileId, Pid};
use super::process::Process;
use crate::images::proto::{FdTypes, FdinfoEntry};
use crate::images::{Images, Kind};
use crate::int::u64_of;
use crate::limits::Limits;
use crate::warning::Code;

/// A descriptor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// Number of the descriptor.
    pub fd: Fd,
    /// The open file that it refers to.
    pub file: FileId,
    /// Type of that file; `None` for an unknown number.
    pub fd_type: Option<FdTypes>,
    /// Whether it is closed on exec.
    pub cloexec: bool,
}

/// The tables of all processes. Several processes may share a table.
#[derive(Debug, Default)]
pub struct Descriptors {
    tables: HashMap<u64, Vec<Descriptor>>,
    /// Processes whose descriptors were skipped because too many processes share them.
    without: HashSet<Pid>,
}

impl Descriptors {
    pub(super) fn read(images: Images<'_>, processes: &[Process], files: &FileTable) -> Self {
        let mut tables: HashMap<u64, Vec<Descriptor>> = HashMap::new();
        let mut without = HashSet::new();
        let most = images.limits.shared_descriptors;
        let mut left = most;
        for process in processes {
            let Some(number) = process.descriptors() else { continue };
            if let Some(shared) = tables.get(&number) {
                if let Some(rest) = left.checked_sub(u64_of(shared.len())) {
                    left = rest;
                } else {
                    without.insert(process.pid());
                    images.warnings.push(&Limits::SHARED_DESCRIPTORS, images.place(Kind::Fdinfo, number), || {
                        format!(
                            "processes share more than {most} descriptors; those of process {} were skipped",
                            process.pid()
                        )
                    });
                }
                continue;
            }
            if !images.has(Kind::Fdinfo, number) {
                images.warnings.push(Code::ImageMissing, images.place(Kind::Fdinfo, number), || {
                    format!("living process {} has no table of descriptors; its open files are unknown", process.pid())
                });
            }
            tables.insert(number, table(images, number, files));
        }
        Descriptors { tables, without }
    }

    /// Counts how often each file is open.
    pub(super) fn opens(&self, processes: &[Process]) -> HashMap<FileId, u64> {
        let mut opens: HashMap<FileId, u64> = HashMap::new();
        for descriptor in processes.iter().flat_map(|process| self.of(process)) {
            let count = opens.entry(descriptor.file).or_default();
            *count = count.saturating_add(1);
        }
        opens
    }

    /// The descriptors of a process, by number.
    pub fn of(&self, process: &Process) -> &[Descriptor] {
        let number = process.descriptors().filter(|_| !self.without.contains(&process.pid()));
        number.and_then(|number| self.tables.get(&number)).map_or(&[], Vec::as_slice)
    }
}

fn table(images: Images<'_>, number: u64, files: &FileTable) -> Vec<Descriptor> {
    let mut by_fd: BTreeMap<Fd, Descriptor> = BTreeMap::new();
    images.each::<FdinfoEntry>(Kind::Fdinfo, number, |entry, _, place| {
        let fd_type = entry.r#type.and_then(|t| FdTypes::try_from(t).ok());
        let (fd, file) = (Fd(entry.fd()), FileId(entry.id()));
        if i32::try_from(fd.0).is_err() {
            images.warnings.push(Code::NumberInvalid, place(), || format!("{fd} is not a valid descriptor"));
        }
        match fd_type {
            None => images.warnings.push(Code::FileTypeUnknown, place(), || {
                format!("descriptor {fd} is of unknown type {}", entry.r#type.unwrap_or_default())
            }),
            Some(fd_type) if files.get(fd_type, file).is_none() && !files.is_unreadable() => {
                images.warnings.push(Code::FileMissing, place(), || {
                    format!("descriptor {fd} refers to file {file}, which is not in the table of open files")
                });
            }
            Some(_) => {}
        }
        let descriptor = Descriptor { fd, file, fd_type, cloexec: entry.flags() & 1 != 0 };
        if by_fd.insert(fd, descriptor).is_some() {
            images.warnings.push(Code::RecordDuplicate, place(), || {
                format!("descriptor {fd} is recorded twice; used the last record")
            });
        }
    });
    by_fd.into_values().collect()
}
