//! Table `process_memory_map`.

use bstr::BString;

use super::table::table;
use crate::Checkpoint;
use crate::elf::ElfFile;
use crate::memory::{AddressSpace, Content};
use crate::model::Model;
use crate::model::file::memfd_path;
use crate::model::ids::{Address, Pid};
use crate::model::process::{Mm, Process};
use crate::model::vma::{Status, Vma};

table! {
    "process_memory_map", key(pid, start), brief(pid, start, end, permissions, recorded_bytes, kind, path),
    event(Event::state(&["process"], "memory-map").about(Subject::Module).under("memory"));
    /// Mappings, as `/proc/PID/maps` prints them, and how much of each the archive recorded; by pid and address.
    pub struct Mapping {
        /// Process id.
        pub pid: Pid,
        /// First address.
        #[to(ocsf("module.base_address"))]
        pub start: Address,
        /// Address after the last byte.
        pub end: Address,
        /// Permissions, as `maps` prints them: `r-xp`.
        pub permissions: String,
        /// Offset in the mapped file or object, in bytes; 0 for anonymous memory.
        pub offset: u64,
        /// Device of the mapped file, `major:minor` in hexadecimal; `00:00` for anonymous memory. Null if not recorded.
        pub device: Option<&'static str>,
        /// Inode of the mapped file or shared memory; 0 for anonymous memory. Null if not recorded.
        #[large("overlayfs and file systems of a network or of a program use all 64 bits")]
        pub inode: Option<u64>,
        /// Last column of `maps`: a path, `[heap]`, `[stack]`, …. Empty for anonymous memory.
        #[to(ecs("file.path").path(), ocsf("module.file.path").path())]
        pub path: BString,
        /// Whether the path is a name that the kernel made up, such as `[heap]`.
        pub pseudo: bool,
        /// Kind of the mapping: `heap`, `stack`, `anonymous`, `file`, `memfd`, `shared_anonymous`, `sysv`, `vdso`,
        /// `vvar`, `vsyscall`, `socket`, `aio` or `other`.
        pub kind: &'static str,
        /// Bytes of the mapping that are in this archive. Only changed pages of private file mappings are recorded.
        pub recorded_bytes: u64,
        /// Bytes of the mapping in a parent dump that is not in this archive.
        pub parent_bytes: u64,
        /// Bytes of the mapping that stayed in the frozen process for a lazy-pages server.
        pub lazy_bytes: u64,
        /// Flags of the mapping: `growsdown`, `locked`, `dontfork`, …
        pub flags: Vec<String>,
        /// Id of the shared memory. Mappings with equal ids share the same memory. Null if the memory is not shared.
        pub shared_id: Option<u64>,
        /// Type of the ELF file that the mapping begins with: `relocatable`, `executable`, `shared_object` (a library or a
        /// position-independent program) or `core`. Null if it is not an ELF file, or if its first page is not in the archive:
        /// CRIU leaves unchanged pages of files to the files. Only the beginnings of files, and anonymous memory that may be
        /// executed, are looked at.
        #[to(ecs("file.elf.header.type"))]
        pub elf_type: Option<&'static str>,
        /// Machine of that ELF file, such as `x86_64`.
        #[to(ecs("file.elf.architecture"))]
        pub elf_machine: Option<String>,
        /// Build id of that ELF file, in hexadecimal. Null if its first page has none.
        pub build_id: Option<String>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = Mapping> + '_ {
    let model = checkpoint.model();
    let mut processes: Vec<&Process> = model.processes().iter().collect();
    processes.sort_by_key(|process| process.pid());
    processes.into_iter().flat_map(move |process| rows_of(checkpoint, process))
}

/// The rows of one process, by address.
pub(crate) fn rows_of<'c>(checkpoint: &'c Checkpoint, process: &'c Process) -> impl Iterator<Item = Mapping> + 'c {
    let model = checkpoint.model();
    let space = checkpoint.kept_memory().space(process, model);
    let vmas = process.mm.as_ref().map_or(&[][..], |mm| &mm.vmas);
    vmas.iter().filter_map(move |vma| Some(row(model, process, space.as_ref()?, vma)))
}

fn row(model: &Model, process: &Process, space: &AddressSpace<'_>, vma: &Vma) -> Mapping {
    let mm = space.mm();
    let recorded = space.recorded(vma);
    let (kind, path) = kind_and_path(model, mm, vma);
    let anonymous = matches!(kind, "heap" | "stack" | "anonymous" | "vdso" | "vvar" | "vsyscall");
    let shared_id = space.shared_object(vma);
    let elf = elf_file(space, vma).unwrap_or_default();
    Mapping {
        pid: process.pid(),
        start: vma.start,
        end: vma.end,
        permissions: vma.permissions(),
        offset: if anonymous { 0 } else { vma.offset },
        device: anonymous.then_some("00:00"),
        inode: if anonymous { Some(0) } else { shared_id },
        pseudo: path.starts_with(b"["),
        path: path.into(),
        kind,
        recorded_bytes: recorded.here,
        parent_bytes: recorded.in_parent,
        lazy_bytes: recorded.lazy,
        flags: vma.properties(process.arch()),
        shared_id,
        elf_type: elf.file_type,
        elf_machine: elf.machine,
        build_id: elf.build_id,
    }
}

/// The ELF file that a mapping begins with. Its first page is only looked at if it can be one.
fn elf_file(space: &AddressSpace<'_>, vma: &Vma) -> Option<ElfFile> {
    if !vma.may_begin_elf() {
        return None;
    }
    match space.at(vma.start.0, space.page_size().min(vma.len())) {
        Content::Bytes(page) => ElfFile::read(&page),
        _ => None,
    }
}

/// The kind of a mapping and its name. It follows the kernel's `fs/proc/task_mmu.c`, with the facts that CRIU kept.
pub(super) fn kind_and_path(model: &Model, mm: &Mm, vma: &Vma) -> (&'static str, Vec<u8>) {
    const ZERO: &[u8] = b"/dev/zero (deleted)";
    const HUGE: &[u8] = b"/anon_hugepage (deleted)";
    let files = model.files();
    let status = vma.status;
    let is_huge = vma.is_huge(model.arch());
    if status.intersects(Status::FILE_PRIVATE | Status::FILE_SHARED) {
        let Some(id) = vma.file() else { return ("file", Vec::new()) };
        if status.contains(Status::MEMFD) {
            let Some(inode) = files.memfd_of(id) else { return ("memfd", Vec::new()) };
            let kind = if inode.name().starts_with(b"/") { "shared_anonymous" } else { "memfd" };
            return (kind, memfd_path(inode));
        }
        return ("file", files.path(id).map(|path| path.text).unwrap_or_default());
    }
    if status.contains(Status::SOCKET) {
        // The inode of a packet socket is not recorded.
        return ("socket", b"socket:[?]".to_vec());
    }
    if status.contains(Status::SYSVIPC) {
        let key = vma.shared_memory().and_then(|id| model.segment(id)).map_or(0, |segment| segment.key);
        return ("sysv", format!("/SYSV{key:08x} (deleted)").into_bytes());
    }
    if status.contains(Status::ANON_SHARED) {
        return ("shared_anonymous", if is_huge { HUGE } else { ZERO }.to_vec());
    }
    let named = [
        (Status::AIORING, "aio", "/[aio] (deleted)"),
        (Status::VSYSCALL, "vsyscall", "[vsyscall]"),
        (Status::VDSO, "vdso", "[vdso]"),
        (Status::VVAR, "vvar", "[vvar]"),
    ];
    if let Some((_, kind, name)) = named.iter().find(|(bit, ..)| status.contains(*bit)) {
        return (kind, name.as_bytes().to_vec());
    }
    if !status.contains(Status::ANON_PRIVATE) {
        return ("other", Vec::new());
    }
    if is_huge {
        ("anonymous", HUGE.to_vec())
    } else if mm.is_heap(vma) {
        ("heap", b"[heap]".to_vec())
    } else if mm.is_stack(vma) {
        ("stack", b"[stack]".to_vec())
    } else {
        ("anonymous", Vec::new())
    }
}
