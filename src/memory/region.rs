//! Parts of each process's memory that are named by what they are, not by address. They are known from a task's layout
//! alone, so that their pages can be kept while an archive is inflated.

use std::ops::Range;

use crate::model::vma::{Status, Vma};

/// The kernel's protection bit for execution (`PROT_EXEC`).
const EXEC: u32 = 4;
/// The kernel's protection bit for writing (`PROT_WRITE`).
const WRITE: u32 = 2;

/// Names of shells, and of busybox, which is one of its programs.
const SHELLS: [&str; 17] = [
    "sh", "bash", "rbash", "dash", "ash", "zsh", "rzsh", "ksh", "rksh", "pdksh", "mksh", "lksh", "yash", "csh", "tcsh",
    "fish", "busybox",
];

/// A name without the mark of a program that is linked statically: `bash` of `bash-static`.
pub(crate) fn without_static(name: &[u8]) -> &[u8] {
    name.strip_suffix(b"-static").or_else(|| name.strip_suffix(b".static")).unwrap_or(name)
}

/// Whether a name is that of a shell or of busybox, maybe with a version: `ksh93`, `zsh-5.9`.
pub(crate) fn is_shell(name: &[u8]) -> bool {
    let name = without_static(name);
    let is_version = |rest: &[u8]| rest.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'));
    SHELLS.iter().any(|shell| name.strip_prefix(shell.as_bytes()).is_some_and(is_version))
}

/// A part of each process's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Region {
    /// Stored pages of mappings that are executable, except the kernel's own.
    Executable,
    /// The first page of each mapping.
    FirstPages,
    /// The used end of each thread's stack: 64 KiB from the stack pointer on.
    Stacks,
    /// Stored pages of file mappings that can be written to: data of programs and libraries, with their tables of
    /// functions.
    FileData,
    /// The heap of processes that are named like a shell.
    ShellHeap,
    /// Memory without a file that adjoins executable memory without a file, at most 1 MiB of each mapping: the other
    /// segments of an image that was loaded by hand.
    BesideCode,
    /// Stored pages of private file mappings that can neither be written to nor executed: what the dynamic loader
    /// changed and then protected.
    Protected,
    /// The code that the kernel maps into each process.
    Vdso,
    /// Where the dynamic loader keeps its list of what it has loaded: memory without a file behind mapped files, other
    /// small parts of it, and the beginning of the heap; at most 1 MiB of each.
    Loader,
}

/// Most stacks of a task. Forged mappings may overlap, so that each holds all stack pointers.
const STACKS: usize = 1 << 14;
/// Bytes of a stack that are read, from the stack pointer on.
pub(crate) const STACK: u64 = 64 << 10;
/// Most bytes of one mapping that belong to a region other than a stack.
const MOST: u64 = 64 << 20;

/// What is known of a task before its pages arrive.
#[derive(Clone, Debug)]
pub(crate) struct Task<'t> {
    /// Its mappings, by address.
    pub(crate) vmas: &'t [Vma],
    /// Its name.
    pub(crate) name: Option<&'t [u8]>,
    /// The heap.
    pub(crate) heap: Range<u64>,
    /// Stack pointers of threads, in order. They may include those of other tasks.
    pub(crate) stacks: &'t [u64],
    /// Bytes of a page.
    pub(crate) page_size: u64,
}

impl Region {
    /// All regions.
    pub const ALL: [Region; 9] = [
        Region::Executable,
        Region::FirstPages,
        Region::Stacks,
        Region::FileData,
        Region::ShellHeap,
        Region::BesideCode,
        Region::Protected,
        Region::Vdso,
        Region::Loader,
    ];

    /// The addresses of the region in a task.
    pub(crate) fn ranges(self, task: &Task<'_>) -> Vec<Range<u64>> {
        let kernels = Status::VVAR | Status::VSYSCALL | Status::VDSO;
        let whole = |vma: &Vma| vma.start.0..vma.end.0.min(vma.start.0.saturating_add(MOST));
        let own = task.vmas.iter().filter(|vma| !vma.status.intersects(kernels));
        match self {
            Region::Executable => own.filter(|vma| vma.prot & EXEC != 0).map(whole).collect(),
            Region::FirstPages => {
                own.map(|vma| vma.start.0..vma.start.0.saturating_add(task.page_size).min(vma.end.0)).collect()
            }
            Region::FileData => own
                .filter(|vma| vma.prot & WRITE != 0 && !vma.is_anonymous() && vma.file().is_some())
                .map(whole)
                .collect(),
            Region::Stacks => own.flat_map(|vma| stacks_in(vma, task.stacks)).take(STACKS).collect(),
            Region::ShellHeap => {
                let is_shell = task.name.is_some_and(is_shell);
                let heap = task.heap.start..task.heap.end.min(task.heap.start.saturating_add(MOST));
                Some(heap).filter(|heap| is_shell && !heap.is_empty()).into_iter().collect()
            }
            Region::BesideCode => beside_code(task.vmas),
            Region::Protected => own
                .filter(|vma| vma.prot & (WRITE | EXEC) == 0 && vma.status.contains(Status::FILE_PRIVATE))
                .map(whole)
                .collect(),
            Region::Loader => loader(task),
            Region::Vdso => task.vmas.iter().filter(|vma| vma.status.contains(Status::VDSO)).map(whole).collect(),
        }
    }
}

/// Memory in which the dynamic loader keeps its list. Until the C library is there, it asks for a page or two at a time; later
/// it takes memory of the heap.
fn loader(task: &Task<'_>) -> Vec<Range<u64>> {
    const LONGEST: u64 = 1 << 20;
    const SMALL: u64 = 128 << 10;
    let is_own = |vma: &&Vma| vma.is_anonymous() && vma.prot & WRITE != 0 && vma.prot & EXEC == 0;
    let is_small = |vma: &&Vma| vma.len() <= SMALL;
    let small = task.vmas.iter().filter(is_own).filter(is_small).map(|vma| vma.start.0..vma.end.0);
    let heap = task.heap.start..task.heap.end.min(task.heap.start.saturating_add(LONGEST));
    small.chain(Some(heap).filter(|heap| !heap.is_empty())).take(STACKS).collect()
}

/// Anonymous mappings that touch executable anonymous memory, directly or by others that do.
fn beside_code(vmas: &[Vma]) -> Vec<Range<u64>> {
    /// Most mappings in a row.
    const REACH: usize = 4;
    const LONGEST: u64 = 1 << 20;
    let is_own = |vma: &Vma| vma.is_anonymous() && !vma.status.intersects(Status::VDSO | Status::VVAR);
    let is_code = |vma: &Vma| is_own(vma) && vma.prot & EXEC != 0;
    let mut found = Vec::new();
    for (place, vma) in vmas.iter().enumerate().filter(|(_, vma)| is_own(vma) && vma.prot & EXEC == 0) {
        let after = vmas.get(place.saturating_add(1)..).unwrap_or_default().iter().take(REACH);
        let before = vmas.get(..place).unwrap_or_default().iter().rev().take(REACH);
        let mut end = vma.end.0;
        let reaches_after = after
            .take_while(|next| {
                let touches = is_own(next) && next.start.0 == end;
                end = next.end.0;
                touches
            })
            .any(is_code);
        let mut start = vma.start.0;
        let reaches_before = before
            .take_while(|last| {
                let touches = is_own(last) && last.end.0 == start;
                start = last.start.0;
                touches
            })
            .any(is_code);
        if reaches_after || reaches_before {
            found.push(vma.start.0..vma.end.0.min(vma.start.0.saturating_add(LONGEST)));
        }
    }
    found
}

/// The used ends of the stacks whose pointers lie in a mapping.
fn stacks_in<'t>(vma: &'t Vma, pointers: &'t [u64]) -> impl Iterator<Item = Range<u64>> + 't {
    let from = pointers.partition_point(|&pointer| pointer < vma.start.0);
    let inside = pointers.get(from..).unwrap_or_default().iter().take_while(move |&&pointer| pointer < vma.end.0);
    inside.map(|&pointer| pointer..pointer.saturating_add(STACK).min(vma.end.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::proto::VmaEntry;

    #[test]
    fn forged_mappings_do_not_multiply_stacks() {
        let pointers: Vec<u64> = (1..2_000).map(|number| number << 20).collect();
        let whole = VmaEntry {
            start: Some(0),
            end: Some(1 << 40),
            status: Some(Status::ANON_PRIVATE.bits()),
            prot: Some(3),
            ..VmaEntry::default()
        };
        let whole = Vma::from_entry(&whole).unwrap();
        let vmas = vec![whole; 2_000];
        let task = Task { vmas: &vmas, name: None, heap: 0..0, stacks: &pointers, page_size: 4096 };
        assert_eq!(Region::Stacks.ranges(&task).len(), STACKS);
        let task = Task { vmas: vmas.get(..1).unwrap(), ..task };
        let stacks = Region::Stacks.ranges(&task);
        assert_eq!((stacks.len(), stacks.first()), (1_999, Some(&((1 << 20)..(1 << 20) + STACK))));
    }
}
