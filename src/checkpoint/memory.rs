//! Memory for users of the library. Whatever is requested is available, even if the archive must be read again.

use std::collections::BTreeSet;
use std::ops::{ControlFlow, Range};

use super::Checkpoint;
use crate::images::Images;
use crate::memory::{
    AddressSpace, ElsewhereSearch, Findings, FindingsElsewhere, Keep, Layer, Matcher, Memory, Part, SearchOptions,
    StringBlock, StringOptions,
};
use crate::model::ids::Pid;
use crate::model::process::Process;
use crate::warning::Warnings;

/// All addresses of a process.
const ALL: Range<u64> = 0..u64::MAX;

/// The memory of a checkpoint: address spaces, searches, strings. Pages that were not kept when the archive was
/// inflated are read again from its path. If that is not possible, the warning `not_kept` says so.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use cryoscope::Checkpoint;
/// use cryoscope::memory::{Encoding, Matcher, Pattern, SearchOptions};
///
/// let checkpoint = Checkpoint::open("fixtures/forms-reference/podman-runc.tar")?;
/// let matcher = Matcher::new(&[Pattern::text("container=podman", Encoding::Utf8, false)?])?;
/// let findings = checkpoint.memory().search(&matcher, &SearchOptions::default());
/// assert!(!findings.found.is_empty());
/// for found in findings.found {
///     println!("{} {:#x}", found.pid, found.address);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MemoryView<'c> {
    checkpoint: &'c Checkpoint,
}

impl<'c> MemoryView<'c> {
    pub(super) fn new(checkpoint: &'c Checkpoint) -> Self {
        MemoryView { checkpoint }
    }

    /// Page size of the dumped machine in bytes.
    pub fn page_size(self) -> u64 {
        self.checkpoint.kept_memory().page_size()
    }

    /// Tasks of which only pages are known, as the dump has no process tree: a pre-dump, or the remainder of a dump.
    pub fn nameless(self) -> &'c [Process] {
        self.checkpoint.kept_memory().nameless()
    }

    /// The ranges of addresses whose pages were stored for this process. Ranges that touch are joined.
    pub fn recorded_ranges(self, process: &Process) -> Vec<Range<u64>> {
        self.checkpoint.kept_memory().recorded_ranges(process)
    }

    /// The address space of a process. `None` for zombies, and if its `mm` image is missing.
    pub fn space(self, process: &'c Process) -> Option<AddressSpace<'c>> {
        self.checkpoint.whole_memory().space(process, self.checkpoint.model())
    }

    /// The address space of the process with a pid. `None` if there is no such process, and as for
    /// [`MemoryView::space`].
    pub fn space_of(self, pid: Pid) -> Option<AddressSpace<'c>> {
        self.space(self.checkpoint.model().process(pid)?)
    }

    /// The address space of a process, or only its pages at their addresses if its mappings are unknown: the `mm` image
    /// is missing or damaged, or the task is one of [`MemoryView::nameless`]. Addresses between such pages read as not
    /// mapped.
    pub fn pages(self, process: &'c Process) -> Option<AddressSpace<'c>> {
        self.checkpoint.whole_memory().pages(process, self.checkpoint.model())
    }

    /// Whether there is anything to read of a process's memory: its mappings, or pages.
    pub fn has_pages(self, process: &Process) -> bool {
        self.checkpoint.kept_memory().pages(process, self.checkpoint.model()).is_some()
    }

    /// Searches the memory of all processes.
    pub fn search(self, matcher: &Matcher, options: &SearchOptions) -> Findings {
        let processes = self.checkpoint.model().processes().iter().chain(self.nameless());
        let all: Vec<_> = processes.map(|process| (process, vec![ALL])).collect();
        self.search_in(&all, matcher, options)
    }

    /// Searches ranges of the memory of processes. Bytes outside the ranges are treated as if they were not there.
    pub fn search_in(
        self,
        wanted: &[(&'c Process, Vec<Range<u64>>)],
        matcher: &Matcher,
        options: &SearchOptions,
    ) -> Findings {
        let is_whole = wanted.iter().all(|(_, ranges)| ranges.as_slice() == std::slice::from_ref(&ALL));
        let model = self.checkpoint.model();
        match &self.checkpoint.shared.searched {
            Some(searched) if searched.answers(matcher, options, is_whole) => {
                self.checkpoint.kept_memory().search(model, wanted, matcher, options)
            }
            _ => self.checkpoint.whole_memory().search(model, wanted, matcher, options),
        }
    }

    /// Searches everything in the archive except the memory of processes: files, queues, documents, logs, and nested
    /// archives. `context` is the number of bytes around a match that are kept with it.
    pub fn search_elsewhere(self, matcher: &Matcher, options: &SearchOptions, context: u64) -> FindingsElsewhere {
        let checkpoint = self.checkpoint;
        let done = checkpoint.kept_memory().images(checkpoint.model());
        let archive = checkpoint.shared.archive_with(Keep::Everything);
        let (limits, warnings) = (checkpoint.limits(), &checkpoint.warnings);
        ElsewhereSearch { archive, matcher, options, context, limits, warnings, done: &done, only: None }.run()
    }

    /// The same in what is kept for rules: everything but the memory of processes.
    pub(crate) fn search_kept_files(
        self,
        matcher: &Matcher,
        options: &SearchOptions,
        context: u64,
    ) -> FindingsElsewhere {
        let checkpoint = self.checkpoint;
        let done = checkpoint.kept_memory().images(checkpoint.model());
        let archive = checkpoint.shared.archive_with(Keep::Evidence);
        let (limits, warnings) = (checkpoint.limits(), &checkpoint.warnings);
        ElsewhereSearch { archive, matcher, options, context, limits, warnings, done: &done, only: None }.run()
    }

    /// Searches pages images that cannot be assigned to addresses, because no pagemap names them, or several do. They
    /// are searched like files. [`MemoryView::search_elsewhere`] finds them, too.
    pub fn search_unattributed(self, matcher: &Matcher, options: &SearchOptions, context: u64) -> FindingsElsewhere {
        let checkpoint = self.checkpoint;
        let only = checkpoint.kept_memory().unattributed();
        if only.is_empty() {
            return FindingsElsewhere::default();
        }
        let archive = checkpoint.shared.archive_with(Keep::Memory);
        let (limits, warnings) = (checkpoint.limits(), &checkpoint.warnings);
        let done = BTreeSet::new();
        ElsewhereSearch { archive, matcher, options, context, limits, warnings, done: &done, only: Some(only) }.run()
    }

    /// Looks for printable text in ranges of the memory of processes. `map` is called for each block of memory, on any
    /// thread; `take` gets what it returned in order, until it has enough.
    pub fn strings<T: Send>(
        self,
        wanted: &[(&'c Process, Vec<Range<u64>>)],
        options: &StringOptions,
        map: impl Fn(&StringBlock<'_>) -> T + Sync,
        take: impl FnMut(T) -> ControlFlow<()>,
    ) {
        self.checkpoint.whole_memory().strings(self.checkpoint.model(), wanted, options, map, take);
    }

    /// Walks through ranges of addresses in order, one process after another: available bytes in parts of at most 64
    /// KiB, and missing ranges. `map` is called for each part, on any thread; `take` gets what it returned in order,
    /// until it has enough.
    pub fn walk<T: Send>(
        self,
        wanted: &[(&'c Process, Vec<Range<u64>>)],
        threads: usize,
        map: impl Fn(Part<'c>) -> T + Sync,
        take: impl FnMut(T) -> ControlFlow<()>,
    ) {
        self.checkpoint.whole_memory().walk(self.checkpoint.model(), wanted, threads, map, take);
    }
}

impl Checkpoint {
    /// Memory as kept when the archive was opened: enough to know which pages exist, and for arguments and
    /// environments.
    pub(crate) fn kept_memory(&self) -> &Memory {
        self.memory.get_or_init(|| self.read_memory(None, &self.warnings))
    }

    /// Memory with all its pages.
    pub(crate) fn whole_memory(&self) -> &Memory {
        self.memory_with(Keep::Memory, &self.whole_memory)
    }

    /// Memory with the pages that rules read.
    pub(crate) fn judged_memory(&self) -> &Memory {
        self.memory_with(Keep::Evidence, &self.judged_memory)
    }

    fn memory_with<'c>(&'c self, need: Keep, slot: &'c std::sync::OnceLock<Memory>) -> &'c Memory {
        let is_here = self.dumps().all(|(shared, _)| {
            let with = shared.archive_with(need);
            std::sync::Arc::ptr_eq(with, &shared.archive)
        });
        if is_here {
            return self.kept_memory();
        }
        slot.get_or_init(|| {
            let unheard = Warnings::new(self.limits());
            let memory = self.read_memory(Some(need), &unheard);
            self.warnings.add_new(unheard.snapshot());
            memory
        })
    }

    /// The memory that was searched, with the bytes of its matches and `context` bytes around them.
    pub(crate) fn searched_memory(&self, matcher: &Matcher, context: u64) -> &Memory {
        match (self.whole_memory.get(), &self.shared.searched) {
            (Some(whole), _) => whole,
            (None, Some(searched)) if searched.has_bytes_of(matcher, context) => self.kept_memory(),
            _ => self.whole_memory(),
        }
    }

    fn read_memory(&self, need: Option<Keep>, warnings: &Warnings) -> Memory {
        let mut layers = Vec::new();
        for (shared, set) in self.dumps() {
            let archive = need.map_or(&shared.archive, |need| shared.archive_with(need));
            layers.extend(shared.sets.chain(set).into_iter().map(|set| {
                let images = Images { archive, set, limits: &shared.limits, warnings };
                Layer { images, archive, candidates: Vec::new() }
            }));
            if let Some(last) = layers.last_mut() {
                last.candidates = shared.sets.candidates(last.images.set);
            }
        }
        let searched = self.shared.searched.clone().filter(|_| need.is_none());
        Memory::read(&layers, self.model(), &self.given, searched)
    }
}
