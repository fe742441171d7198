//! The container as it was: records and engine documents, joined into processes, files, sockets and mounts. This layer
//! knows nothing about rows and screens.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::as_conversions,
        clippy::arithmetic_side_effects
    )
)]

pub mod auxv;
pub mod bpf;
pub mod bpf_map;
pub mod cgroup;
pub mod container;
pub mod credentials;
pub mod declared;
mod document;
pub(crate) mod dump_log;
pub mod engine;
mod engine_files;
pub mod fdinfo;
pub mod file;
pub mod holders;
pub mod host;
pub mod host_paths;
pub mod ids;
pub mod ipc;
pub mod kubelet;
pub mod lock;
pub mod log;
pub mod lsm;
pub mod mount;
pub mod namespaces;
pub(crate) mod netlink;
pub mod netns;
mod network;
pub mod pipe;
pub mod process;
pub mod pstree;
pub mod registers;
pub mod rlimit;
pub mod rootfs;
pub mod seccomp;
pub mod shown;
pub mod siginfo;
pub mod signal;
pub mod socket;
mod statistics;
pub mod sysctl;
pub mod terminal;
pub mod timer;
pub mod tree;
pub mod vma;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use self::container::Container;
pub(crate) use self::engine_files::{EngineFiles, LOGS_OF_CONTAINER};
use self::fdinfo::Descriptors;
use self::file::{File, FileTable};
use self::ids::{FileId, Pid};
use self::ipc::Segment;
use self::mount::Mount;
use self::process::Process;
use self::socket::{Queues, Socket};
use crate::abi::arch::Arch;
use crate::images::proto::{DumpStatsEntry, InventoryEntry, UsernsEntry};
use crate::images::{ByteOrder, Images, Kind};
use crate::warning::{Code, Place};

/// Newest known image version: 1.2.
const NEWEST_VERSION: u32 = 3;

/// Everything that was dumped, except the contents of memory and files.
#[derive(Debug)]
pub struct Model {
    inventory: Option<InventoryEntry>,
    processes: Vec<Process>,
    /// Places of processes, by pid.
    by_pid: HashMap<Pid, usize>,
    arch: Option<Arch>,
    entered: HashSet<Pid>,
    files: FileTable,
    descriptors: Descriptors,
    queues: Queues,
    mounts: Vec<Mount>,
    segments: BTreeMap<u64, Segment>,
    container: Container,
    statistics: Option<DumpStatsEntry>,
    page_size: u64,
    byte_order: ByteOrder,
    holders: HashMap<FileId, Arc<[Pid]>>,
    has_gpu_images: bool,
}

impl Model {
    /// Reads a dump. `file_name` is the archive's own, if it has one.
    pub(crate) fn read(images: Images<'_>, engine_files: &EngineFiles<'_>, file_name: Option<&str>) -> Self {
        let inventory = inventory(images);
        let mut processes = process::read(images, inventory.as_ref());
        seccomp::note_shared(images, &mut processes);
        process::note_orphans(images, &processes);
        let mut files = FileTable::read(images);
        let descriptors = Descriptors::read(images, &processes, &files);
        files.bound_targets(&descriptors.opens(&processes), images);
        let order = inventory_order(images);
        let closed = inventory.as_ref().is_some_and(InventoryEntry::tcp_close);
        let queues = Queues::read(images, order, closed);
        let page_size = process::page_size(&processes, images);
        let mut model = Model {
            by_pid: process::by_pid(&processes),
            arch: processes.iter().find_map(Process::arch),
            entered: process::entered(&processes),
            queues,
            mounts: mount::read(images, user_namespace(images).as_ref()),
            segments: ipc::segments(images),
            container: container::read(images, engine_files, &processes, file_name, order),
            statistics: statistics::read(images, engine_files),
            page_size,
            byte_order: order,
            holders: HashMap::new(),
            has_gpu_images: [Kind::AmdgpuKfd, Kind::AmdgpuRender]
                .iter()
                .any(|&kind| images.set.of_kind(images.archive, kind).next().is_some()),
            inventory,
            processes,
            files,
            descriptors,
        };
        model.holders = model.holders();
        model.check(images, engine_files);
        model
    }

    /// The inventory of the dump.
    pub fn inventory(&self) -> Option<&InventoryEntry> {
        self.inventory.as_ref()
    }

    /// CRIU plugins that took part in the dump; `None` if CRIU is too old to record them.
    pub fn plugins(&self) -> Option<Vec<Vec<u8>>> {
        let recorded = self.inventory.as_ref().and_then(|inventory| inventory.plugins_entry.as_ref());
        match recorded {
            Some(entry) => Some(entry.plugins.clone()),
            // Older plugins left their own images.
            None => self.has_gpu_images.then(|| vec![b"amdgpu_plugin".to_vec()]),
        }
    }

    /// All processes, in tree order.
    pub fn processes(&self) -> &[Process] {
        &self.processes
    }

    /// The process with a pid.
    pub fn process(&self, pid: Pid) -> Option<&Process> {
        self.processes.get(*self.by_pid.get(&pid)?)
    }

    /// Whether a process was brought into the container by `exec`.
    pub fn entered(&self, process: &Process) -> bool {
        self.entered.contains(&process.pid())
    }

    /// All open files.
    pub fn files(&self) -> &FileTable {
        &self.files
    }

    /// Descriptors of all processes.
    pub fn descriptors(&self) -> &Descriptors {
        &self.descriptors
    }

    /// The socket that an open file is.
    pub fn socket(&self, id: FileId, file: &File) -> Option<Socket> {
        self.queues.socket(id, file)
    }

    /// Connections and packets, with their waiting bytes.
    pub fn queues(&self) -> &Queues {
        &self.queues
    }

    /// The processes that hold an open file, by pid. The list is shared, because rows of thousands of processes with
    /// shared sockets would otherwise hold thousands of long lists.
    pub fn holders_of(&self, id: FileId) -> Arc<[Pid]> {
        self.holders.get(&id).cloned().unwrap_or_default()
    }

    /// Mounts of all mount namespaces.
    pub fn mounts(&self) -> &[Mount] {
        &self.mounts
    }

    /// System V segments.
    pub fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.segments.values()
    }

    /// The System V segment with an id.
    pub fn segment(&self, id: u64) -> Option<&Segment> {
        self.segments.get(&id)
    }

    /// The container as a whole.
    pub fn container(&self) -> &Container {
        &self.container
    }

    /// Statistics of the dump.
    pub fn statistics(&self) -> Option<&DumpStatsEntry> {
        self.statistics.as_ref()
    }

    /// The architecture of the first process that has one.
    pub fn arch(&self) -> Option<Arch> {
        self.arch
    }

    /// Page size of the dumped machine, in bytes.
    pub fn page_size(&self) -> u64 {
        self.page_size
    }

    /// The byte order of the dumped machine.
    pub fn byte_order(&self) -> ByteOrder {
        self.byte_order
    }

    fn holders(&self) -> HashMap<FileId, Arc<[Pid]>> {
        let mut holders: HashMap<FileId, Vec<Pid>> = HashMap::new();
        for process in &self.processes {
            for descriptor in self.descriptors.of(process) {
                let pids = holders.entry(descriptor.file).or_default();
                if pids.last() != Some(&process.pid()) {
                    pids.push(process.pid());
                }
            }
        }
        let sorted = holders.into_iter().map(|(id, mut pids)| {
            pids.sort_unstable();
            pids.dedup();
            (id, Arc::from(pids))
        });
        sorted.collect()
    }

    /// Consistency checks that cost nothing: what images say of each other.
    fn check(&self, images: Images<'_>, engine_files: &EngineFiles<'_>) {
        for process in &self.processes {
            let pid = u64::from(process.pid().0);
            let missing = |kind, what: &str, id: FileId| {
                if self.files.is_unreadable() {
                    return;
                }
                images.warnings.push(Code::FileMissing, images.place(kind, pid), || {
                    format!("{what} refers to file {id}, which is not in the table of open files")
                });
            };
            if let Some(mm) = &process.mm {
                if let Some(exe) = mm.exe().filter(|&exe| self.files.path(exe).is_none()) {
                    missing(Kind::Mm, "the executable", exe);
                }
                for vma in &mm.vmas {
                    let Some(id) = vma.file() else { continue };
                    let known = self.files.regular(id).is_some()
                        || self.files.memfd_of(id).is_some()
                        || vma.status.contains(vma::Status::SOCKET);
                    if !known {
                        missing(Kind::Mm, &format!("the mapping at {}", vma.start), id);
                    }
                }
            }
            if let Some(fs) = &process.fs {
                for (what, id) in [("the current directory", fs.cwd_id), ("the root directory", fs.root_id)] {
                    if let Some(id) = id.map(FileId).filter(|&id| self.files.regular(id).is_none()) {
                        missing(Kind::Fs, what, id);
                    }
                }
            }
        }
        let place = images.place(Kind::Files, 0);
        for (_, file) in self.files.iter() {
            if let File::Inet(entry) = file {
                socket::check(entry, &place, images);
            }
        }
        for member in images.set.others(images.archive) {
            if member.path.ends_with(b".img") {
                images.warnings.push(Code::ImageUnknown, Place::member(&member.path), || {
                    "the image is of an unknown kind; a newer CRIU may have written it".to_owned()
                });
            }
        }
        check_engine_files(engine_files);
        dump_log::check(images, engine_files);
    }
}

/// Files beside the images that later questions need: whether they are what their names say.
fn check_engine_files(engine_files: &EngineFiles<'_>) {
    if let Some(document) = engine_files.document("deleted.files")
        && !document.value.is_array()
        && !document.value.is_null()
    {
        document.unexpected("the document", "an array of paths", &document.value);
    }
    engine_files.check_rootfs_diff();
    engine_files.check_documents();
    engine_files.check_files();
}

fn inventory(images: Images<'_>) -> Option<InventoryEntry> {
    if !images.has(Kind::Inventory, 0) {
        // Pre-dumps of CRIU before 3.15 have no inventory.
        if images.set.has_tasks() {
            images.warnings.push(Code::ImageMissing, images.place(Kind::Inventory, 0), || {
                "the inventory, which CRIU writes last, is missing; the dump did not finish or is incomplete".to_owned()
            });
        }
        return None;
    }
    let entry: InventoryEntry = images.one(Kind::Inventory, 0)?;
    if entry.img_version() > NEWEST_VERSION {
        images.warnings.push(Code::ImageVersion, images.place(Kind::Inventory, 0), || {
            format!("the image version is {}; known versions end at {NEWEST_VERSION}", entry.img_version())
        });
    }
    Some(entry)
}

/// The byte order of the dumped machine, from the inventory's magic number.
fn inventory_order(images: Images<'_>) -> ByteOrder {
    let inventory = images.open(Kind::Inventory, 0).map(|image| image.byte_order());
    let tree = || images.open(Kind::Pstree, 0).map(|image| image.byte_order());
    inventory.or_else(tree).unwrap_or_default()
}

/// Most extents that the kernel allows in a map of user or group ids.
const EXTENTS: usize = 340;

/// The user namespace of the dump; there is at most one.
fn user_namespace(images: Images<'_>) -> Option<UsernsEntry> {
    let number = images.set.of_kind(images.archive, Kind::Userns).map(|(number, _)| number).next()?;
    let mut entry: UsernsEntry = images.one(Kind::Userns, number)?;
    for map in [&mut entry.uid_map, &mut entry.gid_map] {
        if map.len() > EXTENTS {
            images.warnings.push(Code::NumberInvalid, images.place(Kind::Userns, number), || {
                format!(
                    "a map of {} extents exceeds the kernel's maximum of {EXTENTS}; the rest were skipped",
                    map.len()
                )
            });
            map.truncate(EXTENTS);
        }
    }
    Some(entry)
}
