//! The recorded memory of one task or shared object: runs of bytes, each with its location or the reason why it is
//! missing. Chains of parent dumps are resolved once, so that a reader sees one flat list.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

use bstr::{BStr, BString};

use super::blocks;
use super::pagemap::{Entry, Flags, Pagemap, Stored};
use crate::archive::{Absence, Archive, Contents, Member, Piece};
use crate::images::decode::old_pages;
use crate::images::{Images, Kind};
use crate::int::{u64_of, usize_of};
use crate::limits::Limits;
use crate::model::ids::FileId;
use crate::warning::{Code, Place};

/// Why recorded bytes are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// In a parent dump that is not in this archive.
    InParent,
    /// Left in the frozen process for a lazy-pages server.
    Lazy,
    /// The pages image is missing, or shorter than its pagemap says.
    Truncated,
    /// The pages image is unreadable in the file system.
    Unreadable,
    /// The archive contradicts itself about the bytes, or they cannot be inflated.
    Contradicted,
    /// They were not kept when the archive was inflated.
    NotKept,
}

/// The location of a run's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// In a file, from this offset.
    Raw {
        file: usize,
        offset: u64,
    },
    /// In an LZ4 block that is stored in a file at `offset`; the run begins `skip` bytes into the block.
    Block {
        file: usize,
        offset: u64,
        stored: u64,
        block_bytes: u64,
        skip: u64,
    },
    Lost(Lost),
    /// In a parent dump, at this position in the chain, which does not have them or is missing.
    Earlier {
        layer: usize,
    },
}

impl Origin {
    /// Why the bytes are missing, if they are.
    fn lost(&self) -> Option<Lost> {
        match self {
            Origin::Lost(why) => Some(*why),
            Origin::Earlier { .. } => Some(Lost::InParent),
            Origin::Raw { .. } | Origin::Block { .. } => None,
        }
    }
}

/// A run of an object's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    start: u64,
    len: u64,
    origin: Origin,
}

impl Run {
    fn end(&self) -> u64 {
        self.start.saturating_add(self.len)
    }

    /// The file and offset at which a run of plain bytes would continue.
    fn raw_end(&self) -> Option<(usize, u64)> {
        match self.origin {
            Origin::Raw { file, offset } => Some((file, offset.saturating_add(self.len))),
            Origin::Block { .. } | Origin::Lost(_) | Origin::Earlier { .. } => None,
        }
    }

    /// The part of the run inside a range.
    fn clip(&self, from: u64, to: u64) -> Option<Run> {
        let start = self.start.max(from);
        let len = self.end().min(to).checked_sub(start).filter(|&len| len > 0)?;
        let further = start.saturating_sub(self.start);
        let origin = match self.origin {
            Origin::Raw { file, offset } => Origin::Raw { file, offset: offset.saturating_add(further) },
            Origin::Block { file, offset, stored, block_bytes, skip } => {
                Origin::Block { file, offset, stored, block_bytes, skip: skip.saturating_add(further) }
            }
            lost @ (Origin::Lost(_) | Origin::Earlier { .. }) => lost,
        };
        Some(Run { start, len, origin })
    }
}

/// The memory of one task or shared object, by address or offset. Bytes in no run were never recorded.
#[derive(Clone, Debug, Default)]
pub(super) struct Object {
    runs: Vec<Run>,
    /// What the runs before each one have together.
    sums: OnceLock<Vec<Recorded>>,
}

/// Bytes of a mapping, by where they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// In the archive.
    pub here: u64,
    /// In a parent dump that is not in the archive.
    pub in_parent: u64,
    /// Left in the frozen process.
    pub lazy: u64,
    /// Recorded, but the image is missing, truncated or contradictory.
    pub lost: u64,
}

impl Recorded {
    /// Adds so many bytes that are here or lost.
    pub(super) fn add(&mut self, len: u64, lost: Option<Lost>) {
        let field = match lost {
            None | Some(Lost::NotKept) => &mut self.here,
            Some(Lost::InParent) => &mut self.in_parent,
            Some(Lost::Lazy) => &mut self.lazy,
            Some(Lost::Truncated | Lost::Unreadable | Lost::Contradicted) => &mut self.lost,
        };
        *field = field.saturating_add(len);
    }

    /// Joins each number with that of another.
    pub(super) fn each(self, other: Self, with: impl Fn(u64, u64) -> u64) -> Self {
        Recorded {
            here: with(self.here, other.here),
            in_parent: with(self.in_parent, other.in_parent),
            lazy: with(self.lazy, other.lazy),
            lost: with(self.lost, other.lost),
        }
    }
}

impl Object {
    fn new(runs: Vec<Run>) -> Self {
        Object { runs, sums: OnceLock::new() }
    }

    /// Whether an address was recorded, and for how many bytes this holds.
    pub(super) fn recorded(&self, at: u64, most: u64) -> (u64, bool) {
        let end = at.saturating_add(most);
        match self.clip(at, end).next() {
            Some(run) if run.start == at => (run.len, true),
            Some(run) => (run.start.saturating_sub(at), false),
            None => (most, false),
        }
    }

    /// The parts of runs inside a range, in order.
    fn clip(&self, from: u64, to: u64) -> impl Iterator<Item = Run> + '_ {
        let first = self.runs.partition_point(|run| run.end() <= from);
        self.runs.get(first..).unwrap_or_default().iter().map_while(move |run| run.clip(from, to))
    }
}

/// A file that holds pages.
#[derive(Clone, Debug)]
struct PagesFile {
    archive: Arc<Archive>,
    member: usize,
    /// Number of bytes before the archive ends or is damaged.
    size: u64,
    /// Why there are no more bytes.
    cut: Lost,
}

impl PagesFile {
    fn new(archive: &Arc<Archive>, member: usize) -> Self {
        let mut file = PagesFile { archive: Arc::clone(archive), member, size: 0, cut: Lost::Truncated };
        let cut = |contents: Contents<'_>| {
            (contents.cut_at(), if contents.is_unreadable() { Lost::Unreadable } else { Lost::Truncated })
        };
        (file.size, file.cut) = file.contents().map_or((0, Lost::Truncated), cut);
        file
    }

    fn member(&self) -> Option<&Member> {
        self.archive.members().get(self.member)
    }

    fn contents(&self) -> Option<Contents<'_>> {
        self.member().map(|member| self.archive.contents(member))
    }
}

/// The contents at an address of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Here<'a> {
    /// Bytes.
    Bytes(Cow<'a, [u8]>),
    /// This number of zeros that are not stored.
    Zeros(u64),
    /// This number of lost bytes.
    Lost(u64, Lost),
    /// This number of bytes that were never recorded.
    Unrecorded(u64),
}

/// All objects of a dump, and the files that hold their pages.
#[derive(Debug, Default)]
pub(super) struct Objects {
    files: Vec<PagesFile>,
    tasks: HashMap<u32, Object>,
    shared: HashMap<u64, Object>,
    ghosts: HashMap<u64, Object>,
    /// Files of the container's image, by CRIU's ids.
    given: HashMap<u32, Object>,
    /// Whether some pagemap cannot be read.
    unreadable: bool,
    /// Numbers of the pages images that pagemaps of the newest dump name.
    claimed: BTreeSet<u64>,
}

impl Objects {
    /// Whether a pagemap of the newest dump names the pages image with a number.
    pub(super) fn is_claimed(&self, pages_id: u64) -> bool {
        self.claimed.contains(&pages_id)
    }

    /// The paths of the images that hold bytes of tasks, or of shared objects that count.
    pub(super) fn used(&self, counts: impl Fn(u64) -> bool) -> BTreeSet<BString> {
        let shared = self.shared.iter().filter(|(number, _)| counts(**number)).map(|(_, object)| object);
        let objects = self.tasks.values().chain(shared);
        let files = objects.flat_map(|object| &object.runs).filter_map(|run| match run.origin {
            Origin::Raw { file, .. } | Origin::Block { file, .. } => Some(file),
            Origin::Lost(_) | Origin::Earlier { .. } => None,
        });
        let files: BTreeSet<usize> = files.collect();
        files.into_iter().filter_map(|file| self.path(file).cloned()).collect()
    }

    pub(super) fn task(&self, pid: u32) -> Option<&Object> {
        self.tasks.get(&pid)
    }

    pub(super) fn shared(&self, number: u64) -> Option<&Object> {
        self.shared.get(&number)
    }

    /// The contents of a ghost file, by the number of its image.
    pub(super) fn ghost(&self, number: u64) -> Option<&Object> {
        self.ghosts.get(&number)
    }

    /// The contents of a file of the container's image that the user has.
    pub(super) fn given(&self, file: FileId) -> Option<&Object> {
        self.given.get(&file.0)
    }

    /// Location of the bytes at `at` in an object: the path of the image and the offset in it, or why they are missing;
    /// and for how many bytes this holds. No page is touched.
    pub(super) fn place(&self, object: &Object, at: u64, most: u64) -> (u64, Result<(&BStr, u64), Lost>) {
        let end = at.saturating_add(most);
        let Some(run) = object.clip(at, end).next().filter(|run| run.start == at) else {
            return (most, Err(Lost::Truncated));
        };
        let path = |file: usize| self.files.get(file).and_then(PagesFile::member).map(|member| BStr::new(&member.path));
        let (file, offset, stored) = match run.origin {
            Origin::Lost(_) | Origin::Earlier { .. } => {
                return (run.len, Err(run.origin.lost().unwrap_or(Lost::Truncated)));
            }
            Origin::Raw { file, offset } => (file, offset, run.len),
            Origin::Block { file, offset, stored, .. } => (file, offset, stored),
        };
        let here = self.size(file).saturating_sub(offset).min(stored);
        match path(file) {
            Some(path) if here == stored => (run.len, Ok((path, offset))),
            // Nothing in a truncated block can be read.
            Some(path) if here > 0 && matches!(run.origin, Origin::Raw { .. }) => (here, Ok((path, offset))),
            _ => (run.len, Err(Lost::Truncated)),
        }
    }

    /// The recorded ranges inside a range, and whether they are lost. Truncated pages images are recognised by their
    /// size, without touching them.
    pub(super) fn spans<'o>(
        &'o self,
        object: &'o Object,
        from: u64,
        to: u64,
    ) -> impl Iterator<Item = (u64, u64, Option<Lost>)> + 'o {
        object.clip(from, to).flat_map(|run| self.parts(&run))
    }

    /// The parts of a run that are here and that are lost.
    fn parts(&self, run: &Run) -> impl Iterator<Item = (u64, u64, Option<Lost>)> + use<> {
        let whole = |lost| [Some((run.start, run.end(), lost)), None];
        let parts = match run.origin {
            Origin::Lost(_) | Origin::Earlier { .. } => whole(run.origin.lost()),
            Origin::Raw { file, offset } => {
                let len = self.size(file).saturating_sub(offset).min(run.len);
                let cut = run.start.saturating_add(len);
                let here = (len > 0).then_some((run.start, cut, None));
                [here, (len < run.len).then_some((cut, run.end(), Some(self.cut(file))))]
            }
            Origin::Block { file, offset, stored, .. } => {
                let cut = self.size(file) < offset.saturating_add(stored);
                whole(cut.then_some(self.cut(file)))
            }
        };
        parts.into_iter().flatten()
    }

    /// How much of a range was recorded. A thousand mappings may show an object of a thousand runs, so the runs inside the
    /// range are summed up beforehand.
    pub(super) fn recorded(&self, object: &Object, from: u64, to: u64) -> Recorded {
        let add = |mut sum: Recorded, (from, to, lost): (u64, u64, Option<Lost>)| {
            sum.add(to.saturating_sub(from), lost);
            sum
        };
        let first = object.runs.partition_point(|run| run.end() <= from);
        let last = object.runs.partition_point(|run| run.start < to).saturating_sub(1);
        let (Some(first_run), Some(last_run)) =
            (object.runs.get(first), object.runs.get(last).filter(|_| first < last))
        else {
            return self.spans(object, from, to).fold(Recorded::default(), add);
        };
        let sums = object.sums.get_or_init(|| {
            let mut sum = Recorded::default();
            let before = |run: &Run| {
                let before = sum;
                sum = self.parts(run).fold(sum, add);
                before
            };
            object.runs.iter().map(before).collect()
        });
        let before = |place: usize| sums.get(place).copied().unwrap_or_default();
        let between = before(last).each(before(first.saturating_add(1)), u64::saturating_sub);
        let ends = [first_run.clip(from, to), last_run.clip(from, to)];
        ends.iter().flatten().flat_map(|run| self.parts(run)).fold(between, add)
    }

    /// The bytes of an object that should be in a parent dump but are missing: the dump of the chain, and the number of
    /// bytes.
    pub(super) fn earlier(object: &Object) -> impl Iterator<Item = (usize, u64)> + '_ {
        object.runs.iter().filter_map(|run| match run.origin {
            Origin::Earlier { layer } => Some((layer, run.len)),
            _ => None,
        })
    }

    /// The path of the image that a file is.
    fn path(&self, file: usize) -> Option<&BString> {
        self.files.get(file)?.member().map(|member| &member.path)
    }

    /// Number of bytes in a file before the archive ends.
    fn size(&self, file: usize) -> u64 {
        self.files.get(file).map_or(0, |file| file.size)
    }

    /// Whether some pagemap cannot be read.
    pub(super) fn has_unreadable(&self) -> bool {
        self.unreadable
    }

    /// Why a file has no more bytes.
    fn cut(&self, file: usize) -> Lost {
        self.files.get(file).map_or(Lost::Truncated, |file| file.cut)
    }

    /// The contents at `at` in an object, at most `most` bytes.
    pub(super) fn read<'a>(&'a self, object: &Object, at: u64, most: u64) -> Here<'a> {
        let to = at.saturating_add(most);
        let Some(run) = object.clip(at, to).next() else { return Here::Unrecorded(to.saturating_sub(at)) };
        if run.start > at {
            return Here::Unrecorded(run.start.saturating_sub(at));
        }
        match run.origin {
            Origin::Lost(_) | Origin::Earlier { .. } => {
                Here::Lost(run.len, run.origin.lost().unwrap_or(Lost::Truncated))
            }
            Origin::Raw { file, offset } => self.raw(file, offset, run.len),
            Origin::Block { file, offset, stored, block_bytes, skip } => {
                let lost = Here::Lost(run.len, Lost::Contradicted);
                let bytes = match self.whole(file, offset, stored) {
                    Ok(bytes) => bytes,
                    Err(why) => return Here::Lost(run.len, why),
                };
                let Some(block) = blocks::inflate(&bytes, block_bytes) else { return lost };
                let range = usize_of(skip)..usize_of(skip.saturating_add(run.len));
                block.get(range).map_or(lost, |part| Here::Bytes(Cow::Owned(part.to_vec())))
            }
        }
    }

    /// The bytes of a range of an object that is recorded throughout; `None` if some of it cannot be read after all.
    /// Borrowed if they are in one piece.
    pub(super) fn slice<'a>(&'a self, object: &Object, from: u64, to: u64) -> Option<Cow<'a, [u8]>> {
        let len = to.saturating_sub(from);
        let mut all = Cow::Borrowed(&[][..]);
        let mut at = from;
        while at < to {
            let got = match self.read(object, at, to.saturating_sub(at)) {
                Here::Bytes(bytes) if u64_of(bytes.len()) == len => return Some(bytes),
                Here::Bytes(bytes) => {
                    all.to_mut().extend_from_slice(&bytes);
                    u64_of(bytes.len())
                }
                Here::Zeros(zeros) => {
                    let len = all.len().saturating_add(usize_of(zeros));
                    all.to_mut().resize(len, 0);
                    zeros
                }
                Here::Lost(..) | Here::Unrecorded(_) => return None,
            };
            at = at.saturating_add(got.max(1));
        }
        Some(all)
    }

    /// Fills a buffer with the bytes from an address, read from the archive's file and not through its map; `false` if
    /// some of them must be read with [`Objects::slice`].
    pub(super) fn copy(&self, object: &Object, from: u64, buffer: &mut [u8]) -> bool {
        let to = from.saturating_add(u64_of(buffer.len()));
        let place = |address: u64| usize_of(address.saturating_sub(from));
        let mut at = from;
        for run in object.clip(from, to) {
            let Origin::Raw { file, offset } = run.origin else { return false };
            let contents = self.files.get(file).and_then(PagesFile::contents);
            let part = buffer.get_mut(place(run.start)..place(run.end()));
            let copied = contents.zip(part).is_some_and(|(contents, part)| contents.copy(offset, part));
            if !copied || run.start != at {
                return false;
            }
            at = run.end();
        }
        at == to
    }

    /// Tells the kernel which bytes of an object will be read next.
    pub(super) fn will_read(&self, object: &Object, from: u64, to: u64) {
        self.each_raw(object, from, to, |contents, offset, len| contents.will_read(offset, len));
    }

    /// Releases to the kernel what was read of an object.
    pub(super) fn give_back(&self, object: &Object, from: u64, to: u64) {
        self.each_raw(object, from, to, |contents, offset, len| contents.give_back(offset, len));
    }

    fn each_raw(&self, object: &Object, from: u64, to: u64, each: impl Fn(Contents<'_>, u64, u64)) {
        for run in object.clip(from, to) {
            let (file, offset, len) = match run.origin {
                Origin::Raw { file, offset } => (file, offset, run.len),
                Origin::Block { file, offset, stored, .. } => (file, offset, stored),
                Origin::Lost(_) | Origin::Earlier { .. } => continue,
            };
            if let Some(contents) = self.files.get(file).and_then(PagesFile::contents) {
                each(contents, offset, len);
            }
        }
    }

    fn raw(&self, file: usize, offset: u64, len: u64) -> Here<'_> {
        let contents = self.files.get(file).and_then(PagesFile::contents);
        match contents.and_then(|contents| contents.piece(offset, len)) {
            Some(Piece::Bytes(bytes)) => Here::Bytes(Cow::Borrowed(bytes)),
            Some(Piece::Hole(len)) => Here::Zeros(len),
            Some(Piece::Absent(len, why)) => Here::Lost(len, why.into()),
            None => Here::Lost(len, Lost::Truncated),
        }
    }

    /// `len` bytes of a file, in one piece.
    fn whole(&self, file: usize, offset: u64, len: u64) -> Result<Cow<'_, [u8]>, Lost> {
        let contents = self.files.get(file).and_then(PagesFile::contents).ok_or(Lost::Truncated)?;
        let mut all = Cow::Borrowed(&[][..]);
        for piece in contents.pieces(offset, len) {
            match piece {
                Piece::Bytes(bytes) if u64_of(bytes.len()) == len => return Ok(Cow::Borrowed(bytes)),
                Piece::Bytes(bytes) => all.to_mut().extend_from_slice(bytes),
                Piece::Hole(zeros) => {
                    let len = all.len().saturating_add(usize_of(zeros));
                    all.to_mut().resize(len, 0);
                }
                Piece::Absent(_, why) => return Err(why.into()),
            }
        }
        if u64_of(all.len()) == len { Ok(all) } else { Err(Lost::Truncated) }
    }
}

impl From<Absence> for Lost {
    fn from(why: Absence) -> Self {
        match why {
            Absence::Truncated => Lost::Truncated,
            Absence::Unreadable => Lost::Unreadable,
            Absence::NotKept => Lost::NotKept,
            Absence::Contradicted => Lost::Contradicted,
        }
    }
}

/// One dump of a chain: its images, and the archive that holds them.
#[derive(Clone, Debug)]
pub(crate) struct Layer<'a> {
    pub(crate) images: Images<'a>,
    pub(crate) archive: &'a Arc<Archive>,
    /// Directories of possible parent dumps, if the chain ends in this archive.
    pub(crate) candidates: Vec<&'a BString>,
}

/// A file of the container's image, which the user has beside the archive.
#[derive(Clone, Debug)]
pub(crate) struct GivenFile {
    /// CRIU's id of the mapped file.
    pub(crate) file: FileId,
    /// An archive whose first member has the contents.
    pub(crate) archive: Arc<Archive>,
    /// Where they begin in it.
    pub(crate) offset: u64,
    /// Their length.
    pub(crate) len: u64,
}

/// The tasks and shared objects to read.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) pids: Vec<u32>,
    pub(super) shared: Vec<u64>,
}

/// Reads all pagemaps of a chain of dumps, newest first.
pub(super) struct Reader<'a> {
    layers: &'a [Layer<'a>],
    page_size: u64,
    address_mask: u64,
    objects: Objects,
    /// Bytes of holes that may still be read as memory.
    holes: u64,
}

/// The pagemaps of one dump, and the pages image of each.
#[derive(Default)]
struct LayerMaps {
    maps: HashMap<(Kind, u64), Pagemap>,
    /// Files by number; an error if the image is missing, or claimed by pagemaps that it does not fit.
    files: HashMap<(Kind, u64), Result<usize, Lost>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(layers: &'a [Layer<'a>], page_size: u64, address_mask: u64) -> Self {
        // Zeros that a stream really had are not kept, but were paid for.
        let paid =
            |layer: &Layer<'_>| layer.archive.unpacked_bytes().filter(|_| !layer.archive.compression().is_empty());
        let paid = layers.iter().filter_map(paid).fold(0, u64::saturating_add);
        let limit = layers.first().map_or(0, |layer| layer.images.limits.hole_bytes);
        Reader { layers, page_size, address_mask, objects: Objects::default(), holes: limit.saturating_add(paid) }
    }

    pub(super) fn read(mut self, wanted: &Wanted) -> Objects {
        let keys: Vec<(Kind, u64)> = (wanted.pids.iter().map(|&pid| (Kind::Pagemap, pid.into())))
            .chain(wanted.shared.iter().map(|&number| (Kind::ShmemPagemap, number)))
            .collect();
        let layers = self.layers;
        let unreadable =
            |&(kind, number): &(Kind, u64)| layers.first()?.images.is_unreadable(kind, number).then_some(());
        self.objects.unreadable = keys.iter().any(|key| unreadable(key).is_some());
        let places: HashMap<(Kind, u64), usize> = keys.iter().copied().zip(0..).collect();
        let maps: Vec<LayerMaps> = layers.iter().map(|layer| self.layer(layer, &keys, &places)).collect();
        for &(kind, number) in &keys {
            let object = if maps.first().is_some_and(|layer| layer.maps.contains_key(&(kind, number))) {
                Object::new(runs(&maps, (kind, number)))
            } else if let Some(object) = layers.first().and_then(|layer| self.old_pages(layer, kind, number)) {
                object
            } else {
                continue;
            };
            match u32::try_from(number) {
                Ok(pid) if kind == Kind::Pagemap => drop(self.objects.tasks.insert(pid, object)),
                _ => drop(self.objects.shared.insert(number, object)),
            }
        }
        self.objects
    }

    /// The pages of a task or object as CRIU wrote them before pagemaps existed: each after its address. `None` if
    /// there are none, or if there is a pagemap.
    fn old_pages(&mut self, layer: &Layer<'_>, kind: Kind, number: u64) -> Option<Object> {
        let images = layer.images;
        let of_pages = if kind == Kind::Pagemap { Kind::Pages } else { Kind::ShmPagesOld };
        let member = images.set.find(images.archive, of_pages, number).filter(|_| !images.has(kind, number))?;
        let file = images.file(member)?;
        let Some(Piece::Bytes(bytes)) = images.archive.contents(file).piece(0, u64::MAX) else { return None };
        let mut pages = old_pages(bytes)?;
        let place = images.archive.number_of(file)?;
        self.objects.files.push(PagesFile::new(layer.archive, place));
        let file = self.objects.files.len().saturating_sub(1);
        let mut runs: Vec<Run> = Vec::new();
        while let Some((start, offset, page)) = pages.page() {
            let start = start & self.address_mask;
            runs.push(Run { start, len: u64_of(page.len()), origin: Origin::Raw { file, offset } });
        }
        runs.sort_by_key(|run| run.start);
        let mut end = 0;
        runs.retain(|run| {
            let is_behind = run.start >= end && run.start.checked_add(run.len).is_some();
            if is_behind {
                end = run.end();
            } else {
                images.warnings.push(Code::PagemapInvalid, images.place(of_pages, number), || {
                    format!("the page at {:#x} overlaps another; skipped", run.start)
                });
            }
            is_behind
        });
        Some(Object::new(runs))
    }

    /// The pagemaps of one dump. If several claim one pages image, its size decides which one it belongs to: CRIU 3.4
    /// gave some the number of another's.
    fn layer(&mut self, layer: &Layer<'_>, keys: &[(Kind, u64)], places: &HashMap<(Kind, u64), usize>) -> LayerMaps {
        let images = layer.images;
        let mut result = LayerMaps::default();
        let mut claims: HashMap<u32, Vec<(Kind, u64)>> = HashMap::new();
        // Those that this dump has. One of a thousand dumps may have one of a hundred thousand.
        let here = |kind| images.set.of_kind(images.archive, kind).map(move |(number, _)| (kind, number));
        let here = [Kind::Pagemap, Kind::ShmemPagemap].into_iter().flat_map(here);
        let mut here: Vec<usize> = here.filter_map(|key| places.get(&key).copied()).collect();
        here.sort_unstable();
        for &(kind, number) in here.into_iter().filter_map(|place| keys.get(place)) {
            let map = images.open(kind, number).and_then(|image| {
                Pagemap::read(&image, self.page_size, self.address_mask, images.limits, images.warnings)
            });
            let Some(map) = map else { continue };
            claims.entry(map.pages_id).or_default().push((kind, number));
            result.maps.insert((kind, number), map);
        }
        let mut claims: Vec<_> = claims.into_iter().collect();
        claims.sort_unstable();
        if self.layers.first().is_some_and(|newest| std::ptr::eq(newest, layer)) {
            self.objects.claimed = claims.iter().map(|(pages_id, _)| u64::from(*pages_id)).collect();
        }
        for (pages_id, claimants) in claims {
            let needed = |key: &(Kind, u64)| result.maps.get(key).map_or(0, |map| map.stored_bytes);
            let wanting: Vec<_> = claimants.iter().copied().filter(|key| needed(key) > 0).collect();
            let sizes: Vec<u64> = wanting.iter().map(needed).collect();
            let file = self.pages_file(layer, pages_id, &sizes);
            let size = file.as_ref().ok().map(|&file| self.objects.size(file));
            let fitting: Vec<_> = wanting.iter().filter(|key| Some(needed(key)) == size).collect();
            let sole = if wanting.len() > 1 {
                images.warnings.push(Code::PagesShared, images.place(Kind::Pages, pages_id.into()), || {
                    let names: Vec<String> =
                        wanting.iter().map(|&(kind, number)| images.place(kind, number).to_string()).collect();
                    let verdict = match fitting.as_slice() {
                        [(kind, number)] => format!("the size fits {}", images.place(*kind, *number)),
                        _ => "the size fits none or several of them, so the pages were not used".to_owned(),
                    };
                    format!("{} claim the same pages; {verdict}", names.join(" and "))
                });
                match fitting.as_slice() {
                    [one] => Some(**one),
                    _ => None,
                }
            } else {
                wanting.first().copied()
            };
            for key in wanting {
                let file = if Some(key) == sole { file } else { Err(Lost::Contradicted) };
                // Unreadable images have a warning of their own.
                if let (Ok(file), Some(size)) = (file, size)
                    && self.objects.cut(file) != Lost::Unreadable
                {
                    let place = self.objects.path(file).map_or_else(Place::archive, Place::member);
                    Self::compare(images, place, needed(&key), size);
                }
                result.files.insert(key, file);
            }
        }
        result
    }

    /// The pages image with a number, plain or in LZ4 frames. If both exist, the one whose size fits is used.
    fn pages_file(&mut self, layer: &Layer<'_>, pages_id: u32, sizes: &[u64]) -> Result<usize, Lost> {
        let images = layer.images;
        let find = |kind| images.set.find(images.archive, kind, pages_id.into());
        if let Some(framed) = find(Kind::PagesFramed) {
            let Some(plain) = find(Kind::Pages) else { return self.framed(layer, framed) };
            let both = (self.plain(layer, plain), self.framed(layer, framed));
            let fits =
                |file: &Result<usize, Lost>| file.as_ref().is_ok_and(|&file| sizes.contains(&self.objects.size(file)));
            let (used, left, file) =
                if fits(&both.0) || !fits(&both.1) { (plain, framed, both.0) } else { (framed, plain, both.1) };
            images.warnings.push(Code::ImageOrphaned, Place::member(&left.path), || {
                format!("{} has the same pages and was used; ignored this one", used.path)
            });
            return file;
        }
        let Some(member) = find(Kind::Pages) else {
            images.warnings.push(Code::ImageMissing, images.place(Kind::Pages, pages_id.into()), || {
                "the pages image that a pagemap names is missing; the contents of that memory are unknown".to_owned()
            });
            return Err(Lost::Truncated);
        };
        self.plain(layer, member)
    }

    /// A plain pages image.
    fn plain(&mut self, layer: &Layer<'_>, member: &Member) -> Result<usize, Lost> {
        let file = layer.images.file(member).ok_or(Lost::Truncated)?;
        let number = layer.images.archive.number_of(file).ok_or(Lost::Truncated)?;
        Ok(self.add_file(PagesFile::new(layer.archive, number), layer.images))
    }

    /// A pages image in LZ4 frames.
    fn framed(&mut self, layer: &Layer<'_>, member: &Member) -> Result<usize, Lost> {
        let images = layer.images;
        let file = images.file(member).ok_or(Lost::Truncated)?;
        let inflated = images.archive.unframed(file, images.limits, images.warnings).ok_or(Lost::NotKept)?;
        Ok(self.add_file(PagesFile::new(&Arc::new(inflated), 0), images))
    }

    /// Adds a file. Holes beyond the limit are treated as if the file ended there, because a sparse member of a few
    /// bytes may claim more zeros than can be read.
    fn add_file(&mut self, mut file: PagesFile, images: Images<'_>) -> usize {
        let mut at = 0_u64;
        let pieces = file.contents().into_iter().flat_map(|contents| contents.pieces(0, contents.len()));
        let mut cut = None;
        for piece in pieces {
            if let Piece::Hole(len) = piece {
                let Some(left) = self.holes.checked_sub(len) else {
                    cut = Some(at.saturating_add(self.holes));
                    self.holes = 0;
                    break;
                };
                self.holes = left;
            }
            at = at.saturating_add(piece.len());
        }
        if let Some(cut) = cut.filter(|&cut| cut < file.size) {
            let place = file.member().map_or_else(Place::archive, |member| Place::member(&member.path));
            images.warnings.push(&Limits::HOLE_BYTES, place, || {
                format!("pages images have more than {} bytes of holes; the rest was skipped", images.limits.hole_bytes)
            });
            file.size = cut;
        }
        self.objects.files.push(file);
        self.objects.files.len().saturating_sub(1)
    }

    fn compare(images: Images<'_>, place: Place, needed: u64, size: u64) {
        if size < needed {
            images.warnings.push(Code::PagesShort, place, || {
                format!("the image has {size} bytes, but its pagemap needs {needed}; the rest is not available")
            });
        } else if size > needed {
            images.warnings.push(Code::PagesLong, place, || {
                format!(
                    "the image has {size} bytes, but its pagemap needs only {needed}; the rest belongs to no address"
                )
            });
        }
    }

    /// Adds the contents of a ghost file: pieces of its image, each with its offset in the file.
    pub(super) fn add_ghost(&mut self, layer: &Layer<'_>, number: u64, member: &Member, pieces: &[(u64, u64, u64)]) {
        let Some(place) = layer.archive.number_of(member) else { return };
        self.objects.files.push(PagesFile::new(layer.archive, place));
        let file = self.objects.files.len().saturating_sub(1);
        let run = |&(start, len, offset): &(u64, u64, u64)| Run { start, len, origin: Origin::Raw { file, offset } };
        self.objects.ghosts.insert(number, Object::new(pieces.iter().map(run).collect()));
    }

    /// Adds a file of the container's image.
    pub(super) fn add_given(&mut self, given: &GivenFile) {
        self.objects.files.push(PagesFile::new(&given.archive, 0));
        let file = self.objects.files.len().saturating_sub(1);
        let run = Run { start: 0, len: given.len, origin: Origin::Raw { file, offset: given.offset } };
        self.objects.given.insert(given.file.0, Object::new(vec![run]));
    }

    /// Adds an object whose bytes are in one piece in an image, after a record.
    pub(super) fn add_embedded(&mut self, layer: &Layer<'_>, number: u64, member: &Member, offset: u64, len: u64) {
        let Some(place) = layer.archive.number_of(member) else { return };
        self.objects.files.push(PagesFile::new(layer.archive, place));
        let file = self.objects.files.len().saturating_sub(1);
        let run = Run { start: 0, len, origin: Origin::Raw { file, offset } };
        self.objects.shared.insert(number, Object::new(vec![run]));
    }
}

/// The runs of an object in the newest dump, with its parent dumps' runs filled in.
fn runs(layers: &[LayerMaps], key: (Kind, u64)) -> Vec<Run> {
    // Starts with the oldest dump, so that each dump resolves what it leaves to its parent.
    let mut below: Option<Object> = None;
    // A dump without a pagemap of it ends the chain.
    let maps: Vec<(&LayerMaps, &Pagemap)> =
        layers.iter().map_while(|layer| Some((layer, layer.maps.get(&key)?))).collect();
    for (number, (layer, map)) in maps.into_iter().enumerate().rev() {
        let file = layer.files.get(&key).copied().unwrap_or(Err(Lost::Truncated));
        let mut runs = Vec::with_capacity(map.entries.len());
        for entry in &map.entries {
            resolve(entry, &file, (number.saturating_add(1), below.as_ref()), &mut runs);
        }
        below = Some(Object::new(merged(runs)));
    }
    below.map(|object| object.runs).unwrap_or_default()
}

/// Merges runs that continue each other in memory and in the file. CRIU splits runs wherever a flag of a page changes.
fn merged(runs: Vec<Run>) -> Vec<Run> {
    let mut merged: Vec<Run> = Vec::with_capacity(runs.len());
    for run in runs {
        match (merged.last_mut(), run.origin) {
            (Some(last), Origin::Raw { file, offset })
                if last.end() == run.start && last.raw_end() == Some((file, offset)) =>
            {
                last.len = last.len.saturating_add(run.len);
            }
            (Some(last), Origin::Lost(_) | Origin::Earlier { .. })
                if last.end() == run.start && last.origin == run.origin =>
            {
                last.len = last.len.saturating_add(run.len);
            }
            _ => merged.push(run),
        }
    }
    merged
}

/// The runs of an entry. `parent` is the parent dump: its position in the chain and its contents.
fn resolve(entry: &Entry, file: &Result<usize, Lost>, (layer, parent): (usize, Option<&Object>), runs: &mut Vec<Run>) {
    let whole = |origin| Run { start: entry.start, len: entry.len, origin };
    if entry.flags.contains(Flags::PARENT) {
        let mut at = entry.start;
        for run in parent.iter().flat_map(|parent| parent.clip(entry.start, entry.end())) {
            if run.start > at {
                let len = run.start.saturating_sub(at);
                runs.push(Run { start: at, len, origin: Origin::Earlier { layer } });
            }
            at = run.end();
            runs.push(run);
        }
        if at < entry.end() {
            let len = entry.end().saturating_sub(at);
            runs.push(Run { start: at, len, origin: Origin::Earlier { layer } });
        }
        return;
    }
    match (&entry.stored, file) {
        (Stored::Raw(offset), Ok(file)) => runs.push(whole(Origin::Raw { file: *file, offset: *offset })),
        (Stored::Blocks(offset, blocks), Ok(file)) => {
            let mut at = 0;
            while let Some((begin, stored_at, stored)) = blocks.at(at).filter(|_| at < entry.len) {
                let block_bytes = blocks.block_bytes.min(entry.len.saturating_sub(begin));
                let offset = offset.saturating_add(stored_at);
                let origin = Origin::Block { file: *file, offset, stored, block_bytes, skip: 0 };
                runs.push(Run { start: entry.start.saturating_add(begin), len: block_bytes, origin });
                at = begin.saturating_add(block_bytes);
            }
        }
        (Stored::Nowhere, _) if entry.flags.contains(Flags::PRESENT) => {
            runs.push(whole(Origin::Lost(Lost::Contradicted)));
        }
        (Stored::Nowhere, _) => runs.push(whole(Origin::Lost(Lost::Lazy))),
        (_, Err(why)) => runs.push(whole(Origin::Lost(*why))),
    }
}
