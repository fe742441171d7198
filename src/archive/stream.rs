//! Lists a tar that is read as a stream, and keeps the selected bytes in the same pass. Nothing is unpacked.

use std::collections::HashMap;
use std::io::Read;

use bstr::{BString, ByteSlice};

use super::absence::Absence;
use super::contents::{Backing, Extent, Location};
use super::digest::Digest;
use super::input::{End, Input, StreamInput};
use super::kind::MemberKind;
use super::layout;
use super::listing::Folders;
use super::member::Member;
use super::select::{Kept, Select, Selection};
use super::sniff::{PEEK, is_archive};
use super::sparse::Region;
use super::spool::Spool;
use super::tar::{Entry, Share, Stopped, Walker};
use crate::int::{u64_of, usize_of};
use crate::limits::Limits;
use crate::warning::{Code, Place, Warnings};

/// Bytes of small members that are kept although they were not selected: in all, and of each.
const SPARE: u64 = 4 << 20;
const SPARE_EACH: u64 = 64 << 10;

/// The members of a stream, and why it ended.
#[derive(Debug)]
pub(super) struct Streamed {
    pub(super) members: Vec<Member>,
    pub(super) backings: Vec<Backing>,
    /// Size of the stream in bytes.
    pub(super) bytes: u64,
    /// How it ended.
    pub(super) end: End,
    /// Bytes of names and other metadata.
    pub(super) metadata: u64,
    /// Why it stopped early, if its share was too small.
    pub(super) stopped: Option<Stopped>,
}

/// Where the members of a stream belong.
#[derive(Clone, Debug, Default)]
pub(super) struct Below {
    /// Prefix of their names; empty for the archive itself.
    pub(super) root: BString,
    /// Number of the first new backing.
    pub(super) base: usize,
    /// The part of a shared limit, if several tars share one.
    pub(super) share: Option<Share>,
}

/// Reads a tar from a stream.
pub(super) fn read(
    mut input: StreamInput<'_, impl Read>,
    select: &mut dyn Select,
    Below { root, base, share }: Below,
    hash: bool,
    limits: &Limits,
    warnings: &Warnings,
) -> Streamed {
    let mut walker = Walker::new(limits, warnings).with(share);
    let mut kept = InProgress { spool: Spool::new(limits.kept_in_memory, base), whole: HashMap::new() };
    let mut members = Vec::new();
    let mut spare = SPARE;
    let mut holes = limits.hole_bytes;
    let mut folders = Folders::default();
    let mut archives = limits.nested_bytes;
    while let Some(mut entry) = walker.next(&mut input) {
        entry.member.move_below(root.as_bstr());
        folders.add(&entry.member);
        let selection = match entry.member.kind {
            MemberKind::File if layout::is_document(&entry.member.path) && entry.member.size <= limits.json_bytes => {
                Selection::All
            }
            // A member that may hold a checkpoint is opened when all of it is available.
            MemberKind::File
                if entry.stored == entry.member.size
                    && select.may_be_archive(&entry.member, &|folder| folders.has(folder))
                    && is_archive(input.peek(PEEK.min(usize_of(entry.stored)))) =>
            {
                let left = archives.checked_sub(entry.stored);
                archives = left.unwrap_or(archives);
                if left.is_some() {
                    Selection::All
                } else {
                    let limit = limits.nested_bytes;
                    warnings.push(&Limits::NESTED_BYTES, Place::member(&entry.member.path), || {
                        format!("nested archives have more than {limit} bytes in total; this one was not opened")
                    });
                    select.select(&entry.member, &kept)
                }
            }
            MemberKind::File => select.select(&entry.member, &kept),
            _ => Selection::Nothing,
        };
        let selection = match selection {
            // A hard link to it may follow, under a name that is wanted.
            Selection::Nothing if entry.stored <= SPARE_EACH && entry.stored <= spare => {
                spare = spare.saturating_sub(entry.stored);
                Selection::All
            }
            selection => selection,
        };
        let start = input.position();
        let end = start.saturating_add(entry.stored);
        let watched = matches!(selection, Selection::Watched(_));
        let selection = match selection {
            Selection::Watched(ranges) => Selection::Ranges(ranges),
            selection => selection,
        };
        let digest = (hash && entry.member.kind == MemberKind::File).then(|| StoredDigest::new(&entry, holes));
        let mut passing = Passing { input: &mut input, select: watched.then_some(&mut *select), digest };
        kept.take(&mut passing, &mut entry, &selection);
        let rest = end.saturating_sub(passing.position());
        let skipped = passing.skip(rest);
        if let Some(digest) = passing.digest {
            let over;
            (entry.member.sha256, holes, over) = digest.finish(entry.member.size);
            if over {
                let limit = limits.hole_bytes;
                warnings.push(&Limits::HOLE_BYTES, Place::member(&entry.member.path).at(entry.member.offset), || {
                    format!("files have more than {limit} bytes of holes in total; this one was not hashed")
                });
            }
        }
        if skipped < rest {
            walker.cut(&entry.member, rest.saturating_sub(skipped));
        }
        members.push(entry.member);
    }
    let (metadata, stopped) = (walker.metadata(), walker.stopped());
    // Endless zeros, as from a device, are not an archive, so the rest is not waited for. Neither is a skipped rest.
    let (bytes, end) = if stopped.is_some() || members.is_empty() && input.is_unbounded() {
        (input.position(), End::Whole)
    } else {
        input.finish()
    };
    let (backings, failed) = kept.spool.into_backings();
    if let Some(error) = failed {
        warnings.push(Code::MemberUnreadable, Place::archive(), || {
            format!("no room in the temporary directory for inflated data ({error}); set TMPDIR to another directory, or inflate the archive first")
        });
    }
    let mut backings = backings;
    for island in select.islands() {
        let number = base.saturating_add(backings.len());
        let Some(member) = members.iter_mut().rev().find(|member| member.path == island.path) else { continue };
        let extents = island.runs.iter().map(|(at, range)| {
            let location = Location::Backing { number, offset: u64_of(range.start) };
            Extent { at: *at, len: u64_of(range.len()), location }
        });
        member.layout.fill(extents.collect());
        backings.push(Backing::Heap(island.bytes));
    }
    Streamed { members, backings, bytes, end, metadata, stopped }
}

/// An input whose bytes are watched as they are read, including skipped ones.
struct Passing<'w, I> {
    input: &'w mut I,
    select: Option<&'w mut dyn Select>,
    digest: Option<StoredDigest>,
}

impl<I: Input> Input for Passing<'_, I> {
    fn position(&self) -> u64 {
        self.input.position()
    }

    fn chunk(&mut self, most: usize) -> &[u8] {
        let chunk = self.input.chunk(most);
        if let Some(select) = &mut self.select {
            select.watch(chunk);
        }
        if let Some(digest) = &mut self.digest {
            digest.take(chunk);
        }
        chunk
    }
}

/// The hash of a member's contents, of which only the regions are stored.
#[derive(Debug)]
struct StoredDigest {
    digest: Digest,
    /// Remaining regions, the next one last.
    regions: Vec<Region>,
    /// Number of bytes hashed so far.
    at: u64,
}

impl StoredDigest {
    fn new(entry: &Entry, holes: u64) -> Self {
        let mut digest = Digest::new(holes);
        if entry.contradicted {
            digest.missing();
        }
        let regions = entry.regions.iter().rev().filter(|region| region.len > 0).copied().collect();
        StoredDigest { digest, regions, at: 0 }
    }

    fn take(&mut self, mut bytes: &[u8]) {
        while let Some(region) = self.regions.last_mut().filter(|_| !bytes.is_empty()) {
            self.digest.hole(region.at.saturating_sub(self.at));
            let (here, rest) = bytes.split_at(bytes.len().min(usize_of(region.len)));
            self.digest.bytes(here);
            self.at = region.at.saturating_add(u64_of(here.len()));
            (region.at, region.len) = (self.at, region.len.saturating_sub(u64_of(here.len())));
            if region.len == 0 {
                self.regions.pop();
            }
            bytes = rest;
        }
    }

    /// The hash of contents of `size` bytes, the bytes of holes that may still be hashed, and whether there were too many.
    fn finish(mut self, size: u64) -> (Option<String>, u64, bool) {
        if self.regions.is_empty() {
            self.digest.hole(size.saturating_sub(self.at));
        } else {
            self.digest.missing();
        }
        (self.digest.clone().finish(), self.digest.holes_left(), self.digest.is_over())
    }
}

/// Bytes kept so far.
#[derive(Debug)]
struct InProgress {
    spool: Spool,
    /// Locations of members that were kept whole and in one piece.
    whole: HashMap<BString, Extent>,
}

impl InProgress {
    /// Keeps the selected parts of a member's contents and lays them out.
    fn take(&mut self, input: &mut impl Input, entry: &mut Entry, selection: &Selection) {
        let (start, size) = (input.position(), entry.member.size);
        let layout = match selection {
            Selection::Nothing => entry.layout(|_, len, at| absent(at, len)),
            Selection::All => entry.layout(|_, len, at| self.spool.keep(input, len, at)),
            Selection::Ranges(ranges) | Selection::Watched(ranges) => entry.layout(|stored_at, len, at| {
                let mut extents = Vec::new();
                let (mut from, end) = (at, at.saturating_add(len));
                for range in ranges {
                    let (first, last) = (range.start.clamp(from, end), range.end.clamp(from, end));
                    if first == last {
                        continue;
                    }
                    extents.extend(absent(from, first.saturating_sub(from)));
                    let target = start.saturating_add(stored_at).saturating_add(first.saturating_sub(at));
                    input.skip(target.saturating_sub(input.position()));
                    extents.extend(self.spool.keep(input, last.saturating_sub(first), first));
                    from = last;
                }
                let target = start.saturating_add(stored_at).saturating_add(len);
                input.skip(target.saturating_sub(input.position()));
                extents.extend(absent(from, end.saturating_sub(from)));
                extents
            }),
        };
        if let [extent] = layout.extents.as_slice()
            && (extent.at, extent.len) == (0, size)
        {
            self.whole.insert(entry.member.path.clone(), extent.clone());
        } else {
            self.whole.remove(&entry.member.path);
        }
        entry.member.layout = layout;
    }
}

impl Kept for InProgress {
    fn bytes(&self, path: &[u8]) -> Option<&[u8]> {
        let extent = self.whole.get(bstr::BStr::new(path))?;
        self.spool.bytes(extent.location, extent.len)
    }
}

fn absent(at: u64, len: u64) -> Vec<Extent> {
    if len == 0 { Vec::new() } else { vec![Extent { at, len, location: Location::Absent(Absence::NotKept) }] }
}
