//! Table `memory_sizes`.

use std::collections::BTreeMap;
use std::ops::Range;

use bstr::BString;

use super::process_memory_map::{Mapping, rows_of as mappings_of};
use super::table::table;
use crate::Checkpoint;
use crate::memory::{AddressSpace, Missing, Origin};
use crate::model::ids::{Address, Pid};
use crate::model::process::Process;

table! {
    "memory_sizes", key(pid),
    brief(pid, name, recorded_bytes, heap, stack, anonymous, file, memfd, shared, vdso, file_backed_bytes, lost_bytes);
    /// How much memory of each living process was recorded, by class, and how much was not, by reason. All sizes are in
    /// bytes.
    pub struct MemorySize {
        /// Process id.
        pub pid: Pid,
        /// The process's name.
        pub name: Option<BString>,
        /// Bytes in the archive, all classes together. Memory that processes share counts for each of them.
        pub recorded_bytes: u64,
        /// Recorded bytes of the heap.
        pub heap: u64,
        /// Recorded bytes of the main stack. Stacks of other threads are anonymous memory.
        pub stack: u64,
        /// Recorded bytes of anonymous memory.
        pub anonymous: u64,
        /// Recorded bytes of changed pages of private file mappings, and of deleted files.
        pub file: u64,
        /// Recorded bytes of memfds.
        pub memfd: u64,
        /// Recorded bytes of shared anonymous memory and System V segments.
        pub shared: u64,
        /// Recorded bytes of code that the kernel maps.
        pub vdso: u64,
        /// Recorded bytes of other mappings, or outside any mapping.
        pub other: u64,
        /// Total size of all mappings.
        pub mapped_bytes: u64,
        /// Anonymous memory that was never written to.
        pub untouched_bytes: u64,
        /// Unchanged pages of files, and devices. CRIU does not store them.
        pub file_backed_bytes: u64,
        /// The kernel's own mappings.
        pub kernel_bytes: u64,
        /// Pages in a parent dump that is not available.
        pub parent_bytes: u64,
        /// Pages left in the frozen process for a lazy-pages server.
        pub lazy_bytes: u64,
        /// Pages that were recorded, but whose image is missing, truncated or contradictory.
        pub lost_bytes: u64,
    }
}

/// The class of mappings of a kind.
fn class(kind: &str) -> &'static str {
    match kind {
        "heap" => "heap",
        "stack" => "stack",
        "anonymous" | "aio" => "anonymous",
        "file" => "file",
        "memfd" => "memfd",
        "shared_anonymous" | "sysv" => "shared",
        "vdso" | "vvar" | "vsyscall" => "vdso",
        _ => "other",
    }
}

/// Bytes of the mappings of a class.
#[derive(Debug, Default)]
pub(super) struct Sizes {
    pub(super) mappings: u64,
    pub(super) mapped: u64,
    pub(super) recorded: u64,
    pub(super) untouched: u64,
    pub(super) missing: BTreeMap<Missing, u64>,
}

/// A part of memory, whose sizes are asked for.
#[expect(missing_debug_implementations, reason = "a function has no form")]
pub struct Part<'a> {
    /// Addresses.
    pub range: Range<u64>,
    /// Mappings; `None` for all, and for pages in none.
    pub wants: Option<&'a dyn Fn(&Mapping) -> bool>,
}

impl Part<'_> {
    /// The part of a mapping that belongs to it, if there is one.
    fn of(&self, mapping: Mapping) -> Option<Mapping> {
        let start = Address(mapping.start.0.max(self.range.start));
        let end = Address(mapping.end.0.min(self.range.end));
        let is_wanted = self.wants.is_none_or(|wants| wants(&mapping));
        (is_wanted && start.0 < end.0).then_some(Mapping { start, end, ..mapping })
    }

    /// The same of pages that belong to no mapping that is known.
    fn of_pages(&self, ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
        let clip = |range: Range<u64>| range.start.max(self.range.start)..range.end.min(self.range.end);
        let ranges = ranges.into_iter().filter(|_| self.wants.is_none()).map(clip);
        ranges.filter(|range| !range.is_empty()).collect()
    }
}

/// Everything.
const ALL: Part<'static> = Part { range: 0..u64::MAX, wants: None };

/// Living processes with the sizes of each class.
pub(super) fn sizes(checkpoint: &Checkpoint) -> impl Iterator<Item = (&Process, BTreeMap<&'static str, Sizes>)> + '_ {
    sizes_of(checkpoint, &ALL)
}

/// The same of a part of memory.
pub(super) fn sizes_of<'c>(
    checkpoint: &'c Checkpoint,
    part: &'c Part<'_>,
) -> impl Iterator<Item = (&'c Process, BTreeMap<&'static str, Sizes>)> + 'c {
    let (model, memory) = (checkpoint.model(), checkpoint.kept_memory());
    let mut processes: Vec<&Process> = model.processes().iter().chain(memory.nameless()).collect();
    processes.sort_by_key(|process| process.pid());
    processes.into_iter().filter_map(move |process| {
        if process.mm.is_none() {
            let ranges = part.of_pages(memory.recorded_ranges(process));
            return Some((process, of_pages(&memory.pages(process, model)?, &ranges)));
        }
        let space = memory.space(process, model)?;
        let mappings = mappings_of(checkpoint, process).filter_map(|mapping| part.of(mapping));
        Some((process, of_process(&space, mappings)))
    })
}

fn of_process(space: &AddressSpace<'_>, mappings: impl Iterator<Item = Mapping>) -> BTreeMap<&'static str, Sizes> {
    let mut classes: BTreeMap<&'static str, Sizes> = BTreeMap::new();
    for mapping in mappings {
        let sizes = classes.entry(class(mapping.kind)).or_default();
        sizes.mappings = sizes.mappings.saturating_add(1);
        sizes.mapped = sizes.mapped.saturating_add(mapping.end.0.saturating_sub(mapping.start.0));
        for run in space.runs(mapping.start.0, mapping.end.0) {
            let field = match run.origin {
                Origin::Recorded { .. } => &mut sizes.recorded,
                Origin::Untouched => &mut sizes.untouched,
                Origin::Given { .. } => sizes.missing.entry(Missing::FileBacked).or_default(),
                Origin::Missing(why) => sizes.missing.entry(why).or_default(),
            };
            *field = field.saturating_add(run.end.saturating_sub(run.start));
        }
    }
    classes
}

/// Without mappings there is one class of what was recorded.
fn of_pages(space: &AddressSpace<'_>, ranges: &[Range<u64>]) -> BTreeMap<&'static str, Sizes> {
    let mut sizes = Sizes::default();
    for run in ranges.iter().flat_map(|range| space.runs(range.start, range.end)) {
        let field = match run.origin {
            Origin::Recorded { .. } => &mut sizes.recorded,
            Origin::Untouched => &mut sizes.untouched,
            Origin::Given { .. } => sizes.missing.entry(Missing::FileBacked).or_default(),
            Origin::Missing(why) => sizes.missing.entry(why).or_default(),
        };
        *field = field.saturating_add(run.end.saturating_sub(run.start));
    }
    BTreeMap::from([("other", sizes)])
}

/// The rows of `memory_sizes`.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = MemorySize> + '_ {
    rows_of(checkpoint, &ALL)
}

impl MemorySize {
    /// The rows of a part of memory.
    pub fn of_part<'c>(checkpoint: &'c Checkpoint, part: &'c Part<'_>) -> impl Iterator<Item = MemorySize> + 'c {
        rows_of(checkpoint, part)
    }
}

fn rows_of<'c>(checkpoint: &'c Checkpoint, part: &'c Part<'_>) -> impl Iterator<Item = MemorySize> + 'c {
    sizes_of(checkpoint, part).map(|(process, classes)| {
        let recorded = |class| classes.get(class).map_or(0, |sizes: &Sizes| sizes.recorded);
        let sum = |field: &dyn Fn(&Sizes) -> u64| classes.values().map(field).fold(0, u64::saturating_add);
        let missing = |why| sum(&|sizes| sizes.missing.get(&why).copied().unwrap_or(0));
        MemorySize {
            pid: process.pid(),
            name: process.name().map(BString::from),
            recorded_bytes: sum(&|sizes| sizes.recorded),
            heap: recorded("heap"),
            stack: recorded("stack"),
            anonymous: recorded("anonymous"),
            file: recorded("file"),
            memfd: recorded("memfd"),
            shared: recorded("shared"),
            vdso: recorded("vdso"),
            other: recorded("other"),
            mapped_bytes: sum(&|sizes| sizes.mapped),
            untouched_bytes: sum(&|sizes| sizes.untouched),
            file_backed_bytes: missing(Missing::FileBacked),
            kernel_bytes: missing(Missing::Kernel),
            parent_bytes: missing(Missing::InParent),
            lazy_bytes: missing(Missing::Lazy),
            lost_bytes: [Missing::Truncated, Missing::Unreadable, Missing::Contradicted, Missing::NotKept]
                .into_iter()
                .map(missing)
                .fold(0, u64::saturating_add),
        }
    })
}
