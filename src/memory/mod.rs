//! Address spaces: the contents of a process's memory that are in the archive, and the reasons why others are not.
//!
//! It joins pagemaps and pages of a dump and its parents with the mappings of the [model](crate::model), searches them,
//! and says while an archive is inflated which bytes to keep. It knows nothing about rows. Programs get at it through
//! [`MemoryView`](crate::MemoryView).

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

mod arguments;
mod blocks;
mod demand;
mod earlier;
mod fingerprint;
mod ghost;
mod history;
mod leftover;
mod lines;
mod object;
mod overlaps;
mod pagemap;
mod parallel;
mod region;
mod search;
mod space;
mod stored;
mod strings;
mod variables;
mod view;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

pub use arguments::Text;
use bstr::{BString, ByteSlice as _};
pub(crate) use demand::Demand;
pub use demand::Keep;
pub use fingerprint::{Fingerprint, PageRun};
pub(crate) use ghost::Ghost;
pub use history::TypedLine;
pub(crate) use object::{GivenFile, Layer};
pub use object::{Lost, Recorded};
pub(crate) use overlaps::{Overlaps, union};
pub use region::Region;
pub(crate) use region::{STACK, is_shell, without_static};
pub use search::{
    EarlySearch, Elsewhere, Encoding, Findings, FindingsElsewhere, Found, Matcher, Pattern, PatternError,
    SearchOptions, Sieve,
};
pub(crate) use search::{ElsewhereSearch, SIEVED_ALL, SIEVED_EACH, Searched};
pub use space::AddressSpace;
pub(crate) use stored::STEP;
pub use strings::{StringAt, StringBlock, StringOptions};
pub use variables::ShellVariable;
pub use view::{Content, Missing, MissingError, Origin, Run};
pub use walk::{Part, PartContent};

use self::lines::Lines;
use self::object::{Object, Objects, Reader, Wanted};
use crate::images::{Images, Kind};
use crate::limits::Limits;
use crate::model::Model;
use crate::model::ids::Pid;
use crate::model::process::{Mm, Process};
use crate::warning::{Code, Place};

/// The memory of all processes of a dump.
#[derive(Debug)]
pub(crate) struct Memory {
    objects: Objects,
    /// Ghost files, by the numbers of their images.
    ghosts: BTreeMap<u64, Ghost>,
    page_size: u64,
    /// Results of a search during inflation.
    searched: Option<Arc<Searched>>,
    /// The layout of a process whose layout is unknown: no mappings.
    unknown: Mm,
    /// Tasks with pages in a dump without a process tree.
    nameless: Vec<Process>,
    /// Pages images none of whose bytes belong to an address.
    unattributed: BTreeSet<BString>,
}

impl Memory {
    /// Reads which pages were recorded, through the chain of dumps, newest first. The pages themselves are not touched.
    /// `given` are files of the container's image, for what the archive lacks.
    pub(crate) fn read(
        layers: &[Layer<'_>],
        model: &Model,
        given: &[GivenFile],
        searched: Option<Arc<Searched>>,
    ) -> Self {
        let address_mask =
            if model.arch().is_some_and(crate::abi::arch::Arch::is_32_bit) { 0xffff_ffff } else { u64::MAX };
        let page_size = model.page_size();
        let mut memory = Memory {
            objects: Objects::default(),
            ghosts: BTreeMap::new(),
            page_size,
            searched,
            unknown: Mm::default(),
            nameless: Vec::new(),
            unattributed: BTreeSet::new(),
        };
        let Some(newest) = layers.first() else { return memory };
        memory.nameless = nameless(newest.images, model);
        let wanted = wanted(newest.images, model, &memory.nameless);
        let mut reader = Reader::new(layers, page_size, address_mask);
        for segment in model.segments().filter(|s| !newest.images.has(Kind::ShmemPagemap, s.id.into())) {
            if let Some((offset, len)) = segment.embedded
                && let Some(member) = newest.images.set.find(newest.images.archive, Kind::IpcnsShm, segment.namespace)
            {
                reader.add_embedded(newest, segment.id.into(), member, offset, len);
            }
        }
        memory.ghosts = ghost::add(&mut reader, newest);
        for file in given {
            reader.add_given(file);
        }
        memory.objects = reader.read(&wanted);
        memory.check(layers, newest.images, model, &wanted);
        memory.unattributed = leftover::note(&memory, newest.images, model, &wanted);
        memory
    }

    /// Bytes of a page on the dumped machine.
    pub(crate) fn page_size(&self) -> u64 {
        self.page_size
    }

    /// The address space of a process; `None` of zombies and where its image is missing.
    pub(crate) fn space<'a>(&'a self, process: &'a Process, model: &'a Model) -> Option<AddressSpace<'a>> {
        let mm = process.mm.as_ref()?;
        Some(AddressSpace {
            pid: process.pid(),
            memory: self,
            mm,
            files: model.files(),
            own: self.objects.task(process.pid().0),
        })
    }

    /// The same also of a process whose layout is missing or damaged, and of [`Memory::nameless`] tasks: their pages at their
    /// addresses, without mappings. What lies between is not known and reads as not mapped.
    pub(crate) fn pages<'a>(&'a self, process: &'a Process, model: &'a Model) -> Option<AddressSpace<'a>> {
        if let Some(space) = self.space(process, model) {
            return Some(space);
        }
        let own = Some(self.objects.task(process.pid().0)?);
        Some(AddressSpace { pid: process.pid(), memory: self, mm: &self.unknown, files: model.files(), own })
    }

    /// The ranges of addresses of which a process's own pages were recorded; those that touch are one.
    pub(crate) fn recorded_ranges(&self, process: &Process) -> Vec<Range<u64>> {
        let mut ranges: Vec<Range<u64>> = Vec::new();
        let object = self.objects.task(process.pid().0);
        for (from, to, _) in object.into_iter().flat_map(|object| self.objects.spans(object, 0, u64::MAX)) {
            match ranges.last_mut() {
                Some(last) if last.end == from => last.end = to,
                _ => ranges.push(from..to),
            }
        }
        ranges
    }

    /// Tasks of which only pages are known, because the dump has no process tree: a pre-dump, or what is left of a dump.
    pub(crate) fn nameless(&self) -> &[Process] {
        &self.nameless
    }

    /// The process with a pid, or the nameless task.
    pub(crate) fn process<'a>(&'a self, pid: Pid, model: &'a Model) -> Option<&'a Process> {
        model.process(pid).or_else(|| {
            // By pid, as images are.
            let place = self.nameless.binary_search_by_key(&pid, Process::pid).ok()?;
            self.nameless.get(place)
        })
    }

    /// The pages images none of whose bytes belong to an address: no pagemap names them, or several do.
    pub(crate) fn unattributed(&self) -> &BTreeSet<BString> {
        &self.unattributed
    }

    /// Searches the memory of processes, each in the ranges of addresses that are wanted of it, in order and without
    /// overlaps: bytes outside them are as if they were not there. All of a process is `0..u64::MAX`.
    pub(crate) fn search(
        &self,
        model: &Model,
        wanted: &[(&Process, Vec<Range<u64>>)],
        matcher: &Matcher,
        options: &SearchOptions,
    ) -> Findings {
        search::run(&self.lines(model, wanted), matcher, options, self.searched.as_deref())
    }

    /// Looks for printable text, in the same ranges as [`Memory::search`]. `map` is called for each block of memory, on any
    /// thread; `take` gets what it returned in order, until it has enough.
    pub(crate) fn strings<T: Send>(
        &self,
        model: &Model,
        wanted: &[(&Process, Vec<Range<u64>>)],
        options: &StringOptions,
        map: impl Fn(&StringBlock<'_>) -> T + Sync,
        take: impl FnMut(T) -> ControlFlow<()>,
    ) {
        strings::run(&self.lines(model, wanted), options, map, take);
    }

    /// The pages images with the memory of processes.
    pub(crate) fn images(&self, model: &Model) -> BTreeSet<BString> {
        let tasks = model.processes().iter().chain(&self.nameless);
        let spaces = tasks.filter_map(|process| self.pages(process, model));
        let runs = spaces.flat_map(|space| space.runs(0, u64::MAX));
        let images = runs.filter_map(|run| match run.origin {
            Origin::Recorded { image, .. } => Some(image.to_owned()),
            Origin::Untouched | Origin::Given { .. } | Origin::Missing(_) => None,
        });
        // Ghost files and images of segments hold more than their mapped parts.
        images
            .filter(|path| {
                matches!(
                    Kind::from_file_name(path.rsplit_once_str("/").map_or(path.as_slice(), |(_, name)| name)),
                    Some((Kind::Pages | Kind::PagesFramed, _))
                )
            })
            .collect()
    }

    /// Walks through ranges of addresses in their order, those of one process after those of another: what is here in parts
    /// of at most 64 KiB, and what is not. `map` is called for each part, on any thread; `take` gets what it returned in
    /// order, until it has enough.
    pub(crate) fn walk<'a, T: Send>(
        &'a self,
        model: &'a Model,
        wanted: &[(&'a Process, Vec<Range<u64>>)],
        threads: usize,
        map: impl Fn(Part<'a>) -> T + Sync,
        take: impl FnMut(T) -> ControlFlow<()>,
    ) {
        walk::run(&self.spaces(model, wanted), threads, map, take);
    }

    /// The lines of processes.
    fn lines<'a>(&'a self, model: &'a Model, wanted: &[(&'a Process, Vec<Range<u64>>)]) -> Lines<'a> {
        Lines::of(&self.objects, &self.spaces(model, wanted))
    }

    fn spaces<'a>(
        &'a self,
        model: &'a Model,
        wanted: &[(&'a Process, Vec<Range<u64>>)],
    ) -> Vec<(Pid, AddressSpace<'a>, Vec<Range<u64>>)> {
        let space = |(process, ranges): &(&'a Process, _)| {
            Some((process.pid(), self.pages(process, model)?, Vec::clone(ranges)))
        };
        wanted.iter().filter_map(space).collect()
    }

    /// Warns about missing memory, and about pages that contradict the mappings.
    fn check(&self, layers: &[Layer<'_>], images: Images<'_>, model: &Model, wanted: &Wanted) {
        let mut lost = Tally::default();
        earlier::note_found(layers);
        let without = |process: &&Process| process.mm.is_none();
        for process in model.processes().iter().filter(without).chain(&self.nameless) {
            if let Some(own) = self.objects.task(process.pid().0) {
                lost.add_all(&self.objects, own);
            }
        }
        for process in model.processes() {
            let Some(mm) = &process.mm else { continue };
            let pid = process.pid();
            let Some(own) = self.objects.task(pid.0) else {
                if !images.has(Kind::Pagemap, pid.0.into()) {
                    images.warnings.push(Code::ImageMissing, images.place(Kind::Pagemap, pid.0.into()), || {
                        format!("living process {pid} has no pagemap; the contents of its memory are unknown")
                    });
                }
                continue;
            };
            if let Some(space) = self.space(process, model) {
                check_arguments(&space, process, images);
            }
            lost.add_all(&self.objects, own);
            for (from, to, _) in self.objects.spans(own, 0, u64::MAX) {
                let mut at = from;
                while let Some(vma) = mm.vma_at(at).filter(|_| at < to) {
                    at = vma.end.0;
                }
                if at < to {
                    images.warnings.push(Code::PagemapInvalid, images.place(Kind::Pagemap, pid.0.into()), || {
                        format!("pages at {at:#x} belong to no mapping")
                    });
                }
            }
        }
        for &number in &wanted.shared {
            let Some(object) = self.objects.shared(number) else { continue };
            lost.add_all(&self.objects, object);
        }
        lost.report(layers, images, self.page_size);
    }
}

/// Warns if arguments or environment are in memory that is missing, or are longer than the limit.
fn check_arguments(space: &AddressSpace<'_>, process: &Process, images: Images<'_>) {
    let (limit, entry, pid) = (images.limits.argument_bytes, &space.mm().entry, process.pid());
    let arguments = ("arguments", space.cmdline(limit), entry.mm_arg_start()..entry.mm_arg_end());
    let variables = ("variables", space.environ(limit), entry.mm_env_start()..entry.mm_env_end());
    for (what, text, area) in [arguments, variables] {
        if text.is_whole() {
            continue;
        }
        let place = images.place(Kind::Mm, pid.0.into());
        let len = area.end.saturating_sub(area.start);
        if len > limit {
            images.warnings.push(&Limits::ARGUMENT_BYTES, place, || {
                format!("process {pid}: {what} of {len} bytes exceed the limit of {limit}; skipped")
            });
        } else {
            images.warnings.push(Code::ArgumentsUnavailable, place, || {
                format!("process {pid}: {what} are in memory that is not in the archive")
            });
        }
    }
}

/// Tasks with pages in a dump without a process tree. If there is a tree, tasks that are not in it are left over from
/// another dump.
fn nameless(images: Images<'_>, model: &Model) -> Vec<Process> {
    if images.has(Kind::Pstree, 0) {
        return Vec::new();
    }
    let known: BTreeSet<u32> = model.processes().iter().map(|process| process.pid().0).collect();
    let numbers = images.set.of_kind(images.archive, Kind::Pagemap).filter_map(|(number, _)| number.try_into().ok());
    numbers.filter(|number| !known.contains(number)).map(|number| Process::unknown(Pid(number))).collect()
}

/// The tasks and shared objects of a dump.
fn wanted(images: Images<'_>, model: &Model, nameless: &[Process]) -> Wanted {
    let has_pages = |process: &&Process| !process.is_zombie() && images.has(Kind::Pagemap, process.pid().0.into());
    let alive = model.processes().iter().filter(|process| process.mm.is_some() || has_pages(process)).chain(nameless);
    let mut shared: BTreeSet<u64> = model.segments().map(|segment| segment.id.into()).collect();
    shared.extend(model.files().memfds().filter(|inode| inode.size() > 0).map(|inode| u64::from(inode.shmid())));
    for process in alive.clone() {
        let vmas = process.mm.as_ref().map_or(&[][..], |mm| &mm.vmas);
        shared.extend(vmas.iter().filter_map(crate::model::vma::Vma::shared_memory));
    }
    if !images.has(Kind::Pstree, 0) && model.processes().is_empty() {
        // Nothing says which process they belong to, but whether they are complete can be checked.
        shared.extend(images.set.of_kind(images.archive, Kind::ShmemPagemap).map(|(number, _)| number));
    }
    Wanted { pids: alive.map(|process| process.pid().0).collect(), shared: shared.into_iter().collect() }
}

/// Bytes that were recorded but are missing.
#[derive(Debug, Default)]
struct Tally {
    /// Missing bytes, by the position in the chain of the dump that should have them.
    earlier: BTreeMap<usize, u64>,
    lazy: u64,
}

impl Tally {
    fn add_all(&mut self, objects: &Objects, object: &Object) {
        for (layer, len) in Objects::earlier(object) {
            let bytes = self.earlier.entry(layer).or_default();
            *bytes = bytes.saturating_add(len);
        }
        for (from, to, why) in objects.spans(object, 0, u64::MAX) {
            self.add(why, to.saturating_sub(from));
        }
    }

    fn add(&mut self, why: Option<Lost>, len: u64) {
        match why {
            Some(Lost::Lazy) => self.lazy = self.lazy.saturating_add(len),
            // Warned about when the pages image was opened.
            Some(Lost::InParent | Lost::Truncated | Lost::Unreadable | Lost::Contradicted | Lost::NotKept) | None => {}
        }
    }

    fn report(&self, layers: &[Layer<'_>], images: Images<'_>, page_size: u64) {
        earlier::warn(layers, &self.earlier, page_size);
        let pages = |bytes: u64| bytes.checked_div(page_size).unwrap_or_default();
        if self.lazy > 0 {
            images.warnings.push(Code::PagesLazy, Place::member(&images.set.folder), || {
                let count = pages(self.lazy);
                format!("{count} pages stayed in the frozen processes for a lazy-pages server; they are not available")
            });
        }
    }
}
