//! Decides what to keep of a compressed archive while it is inflated: all images of records and all documents, and the
//! pages that hold arguments and environments.
//!
//! Engines write a task's `mm` and `pagemap` before its pages, so it is known which pages are wanted when they arrive.
//! In other orders, pages are kept whole until the end.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;

use bstr::{BStr, BString, ByteSlice};

use super::arguments;
use super::overlaps::union;
use super::pagemap::Pagemap;
use super::region::{Region, Task as RegionTask};
use super::search::{EarlySearch, Searched, StreamSearch};
use crate::archive::{Island, Kept, Member, Select, Selection};
use crate::images::proto::{CoreEntry, MmEntry, PagemapHead};
use crate::images::{self, Form, Image, Kind, decode, join};
use crate::int::u64_of;
use crate::limits::Limits;
use crate::model::auxv::{self, Auxv};
use crate::model::registers::Registers;
use crate::model::vma::Vma;
use crate::warning::Warnings;

/// Bytes at both ends of CRIU's log that are kept: who wrote it, and how it ended.
const LOG_ENDS: u64 = 64 << 10;
/// Largest log of CRIU that is kept whole, to find the first error in it.
const LOG_WHOLE: u64 = 8 << 20;
/// Bytes at the beginning of tars by which they are recognised.
const TAR_HEAD: u64 = 512;
/// Bytes of shared memory, such as memfds, that rules read.
const SHARED: u64 = 8 << 20;
/// Bytes of small archives of files that are kept in all, so that their members can be counted.
const SMALL: u64 = 4 << 20;
/// Bytes of images that are read in all to find out which pages are wanted. An archive may have thousands of directories
/// whose pages are wanted for thousands of others. Beyond this, pages are kept whole.
const READ: u64 = 4 << 30;
/// Bytes that reading an image costs at least.
const IMAGE: u64 = 1 << 10;
/// Bytes that looking for a range of addresses costs.
const RANGE: u64 = 64;

/// What is kept of an archive that is read as a stream. All of an archive that is mapped is there anyway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// The data of most tables, but no pages: arguments and environments are then unknown.
    Tables,
    /// The data of most tables, with arguments and environments.
    #[default]
    Arguments,
    /// The same, and every file that is not a memory image: changed files, contents of file systems, volumes, logs.
    Files,
    /// The same as [`Keep::Files`], and the parts of memory that rules read: code, stacks, heaps of shells
    /// ([`super::Region`]).
    Evidence,
    /// The data of most tables, and all memory.
    Memory,
    /// All members.
    Everything,
}

impl Keep {
    /// Combines two needs.
    #[must_use]
    pub const fn and(self, other: Keep) -> Keep {
        let files = self.files() || other.files();
        let memory = self.memory() || other.memory();
        match (files, memory) {
            (true, true) => Keep::Everything,
            (true, false) if matches!(self, Keep::Evidence) || matches!(other, Keep::Evidence) => Keep::Evidence,
            (true, false) => Keep::Files,
            (false, true) => Keep::Memory,
            (false, false) if matches!((self, other), (Keep::Tables, Keep::Tables)) => Keep::Tables,
            (false, false) => Keep::Arguments,
        }
    }

    /// Whether everything that another keeps is kept by it.
    pub(crate) const fn covers(self, other: Keep) -> bool {
        let pages = matches!(other, Keep::Tables) || !matches!(self, Keep::Tables);
        let regions = !matches!(other, Keep::Evidence) || matches!(self, Keep::Evidence | Keep::Everything);
        pages && regions && (self.files() || !other.files()) && (self.memory() || !other.memory())
    }

    const fn files(self) -> bool {
        matches!(self, Keep::Files | Keep::Evidence | Keep::Everything)
    }

    const fn memory(self) -> bool {
        matches!(self, Keep::Memory | Keep::Everything)
    }
}

/// Keeps the data of processes, files, sockets and mounts.
#[derive(Debug)]
pub(crate) struct Demand {
    limits: Limits,
    keep: Keep,
    /// Searches pages while they are inflated, so that they need not be kept.
    search: Option<(EarlySearch, StreamSearch)>,
    searched: Option<Searched>,
    /// The `mm` images of tasks, by pid.
    layouts: HashMap<u64, Layouts>,
    /// Directories that have such an image.
    with_layouts: HashSet<BString>,
    /// Layouts that were not asked for their page size yet.
    unasked: Vec<(u64, BString)>,
    /// The page size that some task declares.
    page_size: Option<u64>,
    /// Bytes of images that may still be read.
    left: Cell<u64>,
    /// Pagemaps seen so far, by directory.
    pagemaps: HashMap<BString, Claims>,
    /// Core images seen so far, by directory, if regions of memory are kept.
    cores: HashMap<BString, Cores>,
    /// Bytes that may still be kept of small archives of files, whose members are counted.
    small_left: u64,
    /// What reading them here would warn of is warned of when they are read for good.
    unheard: Warnings,
}

/// The `mm` images of the tasks with one pid.
#[derive(Debug, Default)]
struct Layouts {
    /// Directories whose image was inflated but not examined yet.
    new: Vec<BString>,
    /// The addresses whose pages are wanted, by page size and by the mask of page addresses.
    wanted: BTreeMap<(u64, u64), BTreeSet<(u64, u64)>>,
    /// Whether an image could not be read, so that any page may be wanted.
    unknown: bool,
}

/// Which pagemaps of a directory claim which pages image.
#[derive(Debug, Default)]
struct Claims {
    /// Pagemaps that were inflated but not examined yet.
    new: Vec<(Kind, u64)>,
    by_pages: HashMap<u64, Vec<(Kind, u64)>>,
    /// Whether a pagemap could not be read, so that it may claim any pages.
    unknown: bool,
}

/// The core images of a directory.
#[derive(Debug, Default)]
struct Cores {
    /// Images that were inflated but not examined yet, by the number of their thread.
    new: Vec<u64>,
    /// Stack pointers of all threads, in order.
    stacks: Vec<u64>,
    /// Names of tasks.
    names: HashMap<u64, Vec<u8>>,
}

impl Demand {
    pub(crate) fn new(limits: &Limits, keep: Keep, search: Option<&EarlySearch>) -> Self {
        let unheard = Warnings::new(limits);
        let search = search
            .filter(|early| early.is_possible())
            .map(|early| (early.clone(), StreamSearch::new(early, limits.kept_in_memory)));
        Demand {
            limits: limits.clone(),
            keep,
            search,
            searched: None,
            layouts: HashMap::new(),
            with_layouts: HashSet::new(),
            unasked: Vec::new(),
            page_size: None,
            left: Cell::new(READ),
            pagemaps: HashMap::new(),
            cores: HashMap::new(),
            small_left: SMALL,
            unheard,
        }
    }

    /// The wanted parts of a pages image; `None` if unknown.
    fn of_pages(&mut self, folder: &BStr, pages_id: u64, kept: &dyn Kept) -> Option<Vec<Range<u64>>> {
        self.look_at_new(folder, kept);
        self.look_at_cores(kept);
        let page_size = self.page_size_of(kept);
        let claims = self.pagemaps.get(folder).filter(|claims| !claims.unknown)?;
        let mut ranges = Vec::new();
        for (kind, number) in claims.by_pages.get(&pages_id)?.clone() {
            match kind {
                Kind::Pagemap => ranges.extend(self.of_task(folder, number, kept)?),
                _ => ranges.extend(self.of_shared(folder, number, page_size, kept)),
            }
            // What could not be read may be wanted.
            if self.left.get() == 0 {
                return None;
            }
        }
        Some(union(ranges))
    }

    /// What the search found during inflation.
    pub(crate) fn into_searched(self) -> Option<Searched> {
        self.searched
    }

    /// Begins to search a pages image, if it can be searched during inflation. Returns what must be kept of it all the
    /// same.
    fn search_pages(&mut self, member: &Member, pages_id: u64, kept: &dyn Kept) -> Option<Vec<Range<u64>>> {
        let edge = self.search.as_ref()?.0.edge();
        let folder = BStr::new(member.folder());
        // A directory without layouts is an earlier dump. A later dump may need any of its pages.
        if !self.with_layouts.contains(folder) {
            return None;
        }
        let mut ranges = self.of_pages(folder, pages_id, kept)?;
        let claims = self.pagemaps.get(folder)?;
        let [(kind, number)] = claims.by_pages.get(&pages_id)?.as_slice() else { return None };
        let name = kind.pattern().replace("%u", &number.to_string());
        let image = self.image(*kind, &join(folder, name.as_bytes()), kept)?;
        let page_size = self.page_size_of(kept)?;
        let lines = Pagemap::read(&image, page_size, u64::MAX, &self.limits, &self.unheard)?.lines()?;
        let ends = |line: &Range<u64>| {
            [
                line.start..line.start.saturating_add(edge).min(line.end),
                line.end.saturating_sub(edge).max(line.start)..line.end,
            ]
        };
        ranges.extend(lines.iter().flat_map(ends));
        self.search.as_mut()?.1.begin(&member.path, lines);
        Some(union(ranges))
    }

    /// The page size that some task declares. Each is asked once.
    fn page_size_of(&mut self, kept: &dyn Kept) -> Option<u64> {
        while self.page_size.is_none()
            && let Some((pid, folder)) = self.unasked.pop()
        {
            self.page_size = self.layout(BStr::new(&folder), pid, kept).and_then(|mm| page_size(&mm));
        }
        self.page_size
    }

    /// The layout of a task.
    fn layout(&self, folder: &BStr, pid: u64, kept: &dyn Kept) -> Option<MmEntry> {
        let image = self.image(Kind::Mm, &join(folder, format!("mm-{pid}.img").as_bytes()), kept)?;
        let record = image.records(&self.limits, &self.unheard).next()?;
        decode(record.message, || image.place(), &self.unheard)
    }

    /// Reads which pages are claimed by the pagemaps that arrived since the last pages.
    fn look_at_new(&mut self, folder: &BStr, kept: &dyn Kept) {
        let Some(mut claims) = self.pagemaps.remove(folder) else { return };
        for (kind, number) in std::mem::take(&mut claims.new) {
            let name = kind.pattern().replace("%u", &number.to_string());
            let image = self.image(kind, &join(folder, name.as_bytes()), kept);
            let head = image.as_ref().and_then(|image| {
                let first = image.records(&self.limits, &self.unheard).next()?;
                decode::<PagemapHead>(first.message, || image.place(), &self.unheard)?.pages_id
            });
            match head {
                Some(pages_id) => claims.by_pages.entry(pages_id.into()).or_default().push((kind, number)),
                None => claims.unknown = true,
            }
        }
        self.pagemaps.insert(folder.into(), claims);
    }

    fn image<'k>(&self, kind: Kind, path: &[u8], kept: &'k dyn Kept) -> Option<Image<'k>> {
        let bytes = kept.bytes(path)?;
        self.spend(u64_of(bytes.len()).max(IMAGE))?;
        Image::from_bytes(kind, path, Cow::Borrowed(bytes), None, &self.unheard)
    }

    /// Takes bytes from those that may still be read. `None` if there are no more.
    fn spend(&self, bytes: u64) -> Option<()> {
        let left = self.left.get().saturating_sub(bytes);
        self.left.set(left);
        (left > 0).then_some(())
    }

    /// The first page of shared memory, which tells whether it is an ELF file.
    fn of_shared(&self, folder: &BStr, number: u64, page_size: Option<u64>, kept: &dyn Kept) -> Vec<Range<u64>> {
        let first = || {
            let page_size = page_size?;
            let path = join(folder, format!("pagemap-shmem-{number}.img").as_bytes());
            let pagemap = self.image(Kind::ShmemPagemap, &path, kept)?;
            let map = Pagemap::read(&pagemap, page_size, u64::MAX, &self.limits, &self.unheard)?;
            let len = if self.keep.covers(Keep::Evidence) { SHARED } else { page_size };
            Some(map.stored(0, len))
        };
        first().into_iter().flatten().collect()
    }

    /// The parts of a task's pages that hold its arguments and environment, and the first pages of what may be ELF files.
    fn of_task(&mut self, folder: &BStr, pid: u64, kept: &dyn Kept) -> Option<Vec<Range<u64>>> {
        self.look_at_layouts(pid, kept);
        // A pre-dump has no layouts; those of the following dump apply.
        let layouts = self.layouts.get(&pid).filter(|layouts| !layouts.unknown)?;
        let path = join(folder, format!("pagemap-{pid}.img").as_bytes());
        let mut ranges = Vec::new();
        for (&(page_size, mask), wanted) in &layouts.wanted {
            let pagemap = self.image(Kind::Pagemap, &path, kept)?;
            let map = Pagemap::read(&pagemap, page_size, mask, &self.limits, &self.unheard)?;
            self.spend(u64_of(wanted.len()).saturating_mul(RANGE))?;
            let wanted = union(wanted.iter().map(|&(start, end)| start..end));
            ranges.extend(wanted.into_iter().flat_map(|range| map.stored(range.start, range.end)));
        }
        Some(ranges)
    }

    /// Reads the stack pointers and names in core images that arrived since the last pages.
    fn look_at_cores(&mut self, kept: &dyn Kept) {
        for (folder, mut cores) in std::mem::take(&mut self.cores) {
            for number in std::mem::take(&mut cores.new) {
                let name = Kind::Core.pattern().replace("%u", &number.to_string());
                let Some(image) = self.image(Kind::Core, &join(folder.as_bstr(), name.as_bytes()), kept) else {
                    continue;
                };
                let Some(first) = image.records(&self.limits, &self.unheard).next() else { continue };
                let Some(core) = decode::<CoreEntry>(first.message, || image.place(), &self.unheard) else { continue };
                cores.stacks.extend(
                    Registers::from_core(&core).and_then(|registers| registers.stack_pointer).map(|pointer| pointer.0),
                );
                cores.names.extend(core.tc.and_then(|task| task.comm).map(|name| (number, name)));
            }
            cores.stacks.sort_unstable();
            cores.stacks.dedup();
            self.cores.insert(folder, cores);
        }
    }

    /// The regions of a task that rules read, if they are kept.
    fn regions(&self, folder: &BStr, pid: u64, mm: &MmEntry, vmas: &[Vma], page_size: u64) -> Vec<Range<u64>> {
        if !self.keep.covers(Keep::Evidence) {
            return Vec::new();
        }
        let cores = self.cores.get(folder);
        let task = RegionTask {
            vmas,
            name: cores.and_then(|cores| cores.names.get(&pid)).map(Vec::as_slice),
            heap: mm.mm_start_brk()..mm.mm_brk(),
            stacks: cores.map_or(&[], |cores| &cores.stacks),
            page_size,
        };
        Region::ALL.into_iter().flat_map(|region| region.ranges(&task)).collect()
    }

    /// Reads which addresses are wanted by the layouts of a task that arrived since the last look.
    fn look_at_layouts(&mut self, pid: u64, kept: &dyn Kept) {
        let Some(mut layouts) = self.layouts.remove(&pid) else { return };
        for folder in std::mem::take(&mut layouts.new) {
            let mm = self.layout(BStr::new(&folder), pid, kept);
            let Some((mm, page_size)) = mm.and_then(|mm| page_size(&mm).map(|size| (mm, size))) else {
                layouts.unknown = true;
                continue;
            };
            let of_text = arguments::addresses(&mm, page_size, self.limits.argument_bytes);
            let vmas: Vec<Vma> = mm.vmas.iter().filter_map(|entry| Vma::from_entry(entry).ok()).collect();
            let heads = vmas.iter().filter(|vma| vma.may_begin_elf());
            let heads = heads.map(|vma| (vma.start.0, vma.start.0.saturating_add(page_size)));
            let regions = self.regions(BStr::new(&folder), pid, &mm, &vmas, page_size);
            let wanted = layouts.wanted.entry((page_size, address_mask(&mm))).or_default();
            wanted.extend(of_text.into_iter().chain(regions).map(|range| (range.start, range.end)).chain(heads));
        }
        self.layouts.insert(pid, layouts);
    }
}

/// The page size that a task declares, whatever the width of its words.
fn page_size(mm: &MmEntry) -> Option<u64> {
    let possible = |size: &u64| matches!(size, 4096 | 16384 | 65536);
    let told = |compat| Auxv::from_words(&mm.mm_saved_auxv, compat).get(auxv::PAGE_SIZE).filter(possible);
    told(false).or_else(|| told(true))
}

/// The mask of a task's page addresses, because a 32-bit CRIU sign-extends them. The machine is known only when the
/// whole set is, but by now it is known that all of the task's layout has 32 bits.
fn address_mask(mm: &MmEntry) -> u64 {
    let ends = [mm.mm_arg_end(), mm.mm_env_end(), mm.mm_start_stack()];
    let short = u64::from(u32::MAX);
    if ends.into_iter().all(|end| end <= short) { short } else { u64::MAX }
}

impl Demand {
    /// Whether a small archive of files is kept, so that its members can be counted.
    fn is_counted(&mut self, member: &Member) -> bool {
        let is_one = matches!(Kind::from_file_name(member.file_name()), Some((Kind::TmpfsDev | Kind::TmpfsOld, _)))
            || matches!(member.file_name(), b"rootfs-diff.tar" | b"devshm-checkpoint.tar");
        let left = self.small_left.checked_sub(member.size).filter(|_| is_one && self.keep != Keep::Tables);
        self.small_left = left.unwrap_or(self.small_left);
        left.is_some()
    }

    /// Remembers an image by which pages will be understood.
    fn note(&mut self, kind: Kind, number: u64, folder: &BStr) -> Selection {
        if kind == Kind::Mm {
            self.layouts.entry(number).or_default().new.push(folder.into());
            self.with_layouts.insert(folder.into());
            self.unasked.push((number, folder.into()));
        } else {
            self.pagemaps.entry(folder.into()).or_default().new.push((kind, number));
        }
        Selection::All
    }
}

impl Select for Demand {
    fn wants(&self, members: &[Member]) -> bool {
        images::holds_checkpoint(members)
    }

    fn may_be_archive(&self, member: &Member, has: &dyn Fn(&[u8]) -> bool) -> bool {
        !images::is_part(member, has)
    }

    fn watch(&mut self, bytes: &[u8]) {
        if let Some((_, search)) = &mut self.search {
            search.watch(bytes);
        }
    }

    fn islands(&mut self) -> Vec<Island> {
        let Some((_, search)) = self.search.take() else { return Vec::new() };
        let (searched, islands) = search.finish();
        self.searched = Some(searched);
        islands
    }

    fn select(&mut self, member: &Member, kept: &dyn Kept) -> Selection {
        let folder = BStr::new(member.folder());
        let Some((kind, number)) = Kind::from_file_name(member.file_name()) else {
            return if self.keep.files() || self.is_counted(member) {
                Selection::All
            } else {
                of_file(member, &self.limits)
            };
        };
        match kind {
            Kind::Pages if self.keep.memory() => {
                self.search_pages(member, number, kept).map_or(Selection::All, Selection::Watched)
            }
            Kind::Pages if self.keep == Keep::Evidence && self.search.is_some() => {
                self.search_pages(member, number, kept).map_or(Selection::All, Selection::Watched)
            }
            Kind::Core if self.keep.covers(Keep::Evidence) => {
                self.cores.entry(folder.into()).or_default().new.push(number);
                Selection::All
            }
            Kind::Mm | Kind::Pagemap | Kind::ShmemPagemap => self.note(kind, number, folder),
            _ if self.keep == Keep::Everything => Selection::All,
            Kind::ShmPagesOld if self.keep == Keep::Evidence => Selection::All,
            Kind::Pages | Kind::PagesFramed if self.keep == Keep::Tables => Selection::Nothing,
            // Which parts are wanted is known only after inflation.
            Kind::PagesFramed => Selection::All,
            Kind::ShmPagesOld if self.keep.memory() => Selection::All,
            Kind::TmpfsDev | Kind::TmpfsOld if self.keep.files() || self.is_counted(member) => Selection::All,
            Kind::Pages => self.of_pages(folder, number, kept).map_or(Selection::All, Selection::Ranges),
            // Contents of file systems and devices, and pages from before pagemaps existed.
            Kind::TmpfsDev | Kind::TmpfsOld | Kind::AmdgpuPages | Kind::AmdgpuDrmPages | Kind::ShmPagesOld => {
                Selection::Nothing
            }
            _ => match kind.form() {
                Form::Records { .. } | Form::Plugin(_) => Selection::All,
                Form::Raw | Form::Text => Selection::head(self.limits.assembled_bytes),
            },
        }
    }
}

/// What is wanted of a file that is not an image.
fn of_file(member: &Member, limits: &Limits) -> Selection {
    match member.file_name() {
        b"config.dump" | b"spec.dump" | b"network.status" | b"status" | b"status.dump" | b"bind.mounts"
        | b"deleted.files" | b"config.json" | b"config.v2.json" | b"hostconfig.json" => {
            if member.size <= limits.json_bytes { Selection::All } else { Selection::Nothing }
        }
        b"dump.log" | b"criu-dump.log" | b"pre-dump.log" if member.size <= LOG_WHOLE => Selection::All,
        b"dump.log" | b"criu-dump.log" | b"pre-dump.log" => {
            Selection::Ranges(vec![0..LOG_ENDS, member.size.saturating_sub(LOG_ENDS)..member.size])
        }
        // The head identifies the file; `checkpoint.img` is gVisor's.
        b"rootfs-diff.tar" | b"checkpoint.img" => Selection::head(TAR_HEAD),
        _ => Selection::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_add_up() {
        assert_eq!(Keep::Files.and(Keep::Memory), Keep::Everything);
        assert_eq!(Keep::Tables.and(Keep::Arguments), Keep::Arguments);
        assert_eq!(Keep::Tables.and(Keep::Tables), Keep::Tables);
        assert_eq!(Keep::Memory.and(Keep::Tables), Keep::Memory);
        assert_eq!(Keep::Evidence.and(Keep::Memory), Keep::Everything);
        assert_eq!(Keep::Files.and(Keep::Evidence), Keep::Evidence);
        assert_eq!(Keep::Everything.and(Keep::Tables), Keep::Everything);
    }

    #[test]
    fn what_is_kept_covers_what_it_adds_up_to() {
        let all = [Keep::Tables, Keep::Arguments, Keep::Files, Keep::Evidence, Keep::Memory, Keep::Everything];
        for one in all {
            for other in all {
                assert_eq!(one.covers(other), one.and(other) == one, "{one:?} {other:?}");
            }
        }
    }
}
