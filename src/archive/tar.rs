//! Walks over a tar: its members one after the other, in every dialect, from bytes that are read forward once.
//!
//! ```text
//! [ extension header, its data ]*  header  data, padded to 512   …   two blocks of zeros
//! ```
//!
//! Extensions are PAX records (`x` for the next member, `g` for all that follow) and GNU's long names (`L`, `K`).

use std::mem;

use bstr::{BString, ByteSlice};
use jiff::Timestamp;
use tar::EntryType;

use super::absence::Absence;
use super::contents::{Extent, Layout, Location};
use super::header::{BLOCK, Block, Header};
use super::input::Input;
use super::kind::MemberKind;
use super::member::{Member, Trust};
use super::number::number;
use super::path::Cleaned;
use super::pax::{Pax, PaxSparse};
use super::sparse::{self, MapReader, Region};
use crate::int::{u64_of, usize_of};
use crate::limits::Limits;
use crate::warning::{About, Code, Place, Warnings};

/// Zeros after the end mark that are searched for more members (concatenated archives).
const SEARCH_AFTER_END: u64 = 1 << 20;

/// A member, and the layout of the bytes that are next in the input.
#[derive(Debug)]
pub(super) struct Entry {
    /// The member without the layout of its contents.
    pub(super) member: Member,
    /// Regions of the member that are stored one after the other. Gaps between them are holes.
    pub(super) regions: Vec<Region>,
    /// Stored bytes, which the caller consumes. More than the regions have if their map is wrong.
    pub(super) stored: u64,
    /// Whether the map of a sparse member is wrong, so that its contents cannot be placed.
    pub(super) contradicted: bool,
}

impl Entry {
    /// The layout of the contents. `place(stored_at, len, belongs_at)` gives the location of `len` bytes that are
    /// stored at `stored_at` and belong at an offset of the member.
    pub(super) fn layout(&self, mut place: impl FnMut(u64, u64, u64) -> Vec<Extent>) -> Layout {
        if self.contradicted {
            return Layout::run(self.member.size, Location::Absent(Absence::Contradicted));
        }
        let mut extents = Vec::new();
        let mut stored_at = 0_u64;
        for region in &self.regions {
            extents.extend(place(stored_at, region.len, region.at));
            stored_at = stored_at.saturating_add(region.len);
        }
        // There may be very many members, and most have only one extent.
        extents.shrink_to_fit();
        Layout { len: self.member.size, extents }
    }
}

/// Walks over a tar. Between two calls of [`Walker::next`], the caller consumes the entry's `stored` bytes.
#[derive(Debug)]
pub(super) struct Walker<'a> {
    limits: &'a Limits,
    warnings: &'a Warnings,
    global: Pax,
    pending: Extensions,
    members: u64,
    /// Bytes of names and other metadata so far.
    metadata: u64,
    /// Padding of the last member's contents.
    padding: u64,
    /// Whether an end mark has been seen.
    ended: bool,
    /// Whether a header was damaged, so that what follows may be part of another member's contents.
    lost: bool,
    zeros: u64,
    /// The part of a limit on several tars that is left for this one.
    share: Option<Share>,
    /// The part of the share that was too small, which ended the walk.
    stopped: Option<Stopped>,
}

/// The part of a limit on several tars that is left for one of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    pub(super) members: u64,
    /// Bytes of names and other metadata.
    pub(super) metadata: u64,
}

/// The part of a share that was too small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stopped {
    Members,
    Metadata,
}

/// Extensions that belong to the next member.
#[derive(Debug, Default)]
struct Extensions {
    pax: Option<Pax>,
    name: Option<BString>,
    link: Option<BString>,
}

impl<'a> Walker<'a> {
    pub(super) fn new(limits: &'a Limits, warnings: &'a Warnings) -> Self {
        let (global, pending) = (Pax::default(), Extensions::default());
        Walker {
            limits,
            warnings,
            global,
            pending,
            members: 0,
            metadata: 0,
            padding: 0,
            ended: false,
            lost: false,
            zeros: 0,
            share: None,
            stopped: None,
        }
    }

    /// Ends the walk where a share ends. The caller warns of that.
    pub(super) fn with(self, share: Option<Share>) -> Self {
        Walker { share, ..self }
    }

    /// Bytes of names and other metadata so far.
    pub(super) fn metadata(&self) -> u64 {
        self.metadata
    }

    /// The part of its share that was too small, if any.
    pub(super) fn stopped(&self) -> Option<Stopped> {
        self.stopped
    }

    /// The next member. `None` at the end, or where the rest is not a tar.
    pub(super) fn next(&mut self, input: &mut impl Input) -> Option<Entry> {
        loop {
            input.skip(mem::take(&mut self.padding));
            let at = input.position();
            if self.share.is_some_and(|share| self.metadata > share.metadata) {
                self.stopped = Some(Stopped::Metadata);
                return None;
            }
            if self.metadata > self.limits.metadata_bytes {
                let limit = self.limits.metadata_bytes;
                self.warn(&Limits::METADATA_BYTES, at, || {
                    format!("more than {limit} bytes of names and attributes; the rest was skipped")
                });
                return None;
            }
            let mut block: Block = [0; BLOCK];
            let filled = input.fill(&mut block);
            if filled < BLOCK {
                if block.iter().any(|&b| b != 0) && !self.lost {
                    let code = if self.ended { Code::TarTrailingData } else { Code::TarTruncated };
                    self.warn(code, at, || format!("the archive ends after {filled} of the {BLOCK} bytes of a header"));
                }
                return None;
            }
            if block == [0; BLOCK] {
                if self.lost {
                    continue;
                }
                self.ended = true;
                self.zeros = self.zeros.saturating_add(u64_of(BLOCK));
                if self.zeros > SEARCH_AFTER_END {
                    return None;
                }
                continue;
            }
            let Some(header) = Header::parse(&block).filter(|h| !self.lost || h.has_magic()) else {
                if self.members == 0 {
                    return None;
                }
                if self.ended {
                    self.warn(Code::TarTrailingData, at, || {
                        "the bytes after the end mark are not a member; skipped".to_owned()
                    });
                    return None;
                }
                self.lose(at, "the checksum of a header is wrong");
                continue;
            };
            if self.ended {
                self.ended = false;
                self.zeros = 0;
                self.warn(Code::TarContinued, at, || {
                    "members follow an end mark: archives were concatenated, and tar reads them only with --ignore-zeros"
                        .to_owned()
                });
            }
            if let Some(entry) = self.entry(&header, at, input) {
                if self.share.is_some_and(|share| self.members >= share.members) {
                    self.stopped = Some(Stopped::Members);
                    return None;
                }
                if self.members == self.limits.members {
                    let limit = self.limits.members;
                    self.warn(&Limits::MEMBERS, at, || format!("more than {limit} members; the rest were skipped"));
                    return None;
                }
                self.members = self.members.saturating_add(1);
                self.padding = padding(entry.stored);
                return Some(entry);
            }
        }
    }

    /// Handles a header: keeps an extension for later, or returns a member.
    fn entry(&mut self, header: &Header<'_>, at: u64, input: &mut impl Input) -> Option<Entry> {
        let entry_type = header.entry_type();
        let Some(size) = header.size().or(self.pending.pax.as_ref().and_then(|pax| pax.size)) else {
            self.lose(at, "the size in a header is not a number");
            return None;
        };
        if let EntryType::XHeader | EntryType::XGlobalHeader | EntryType::GNULongName | EntryType::GNULongLink =
            entry_type
        {
            self.extension(entry_type, size, at, input);
            return None;
        }
        let extensions = mem::take(&mut self.pending);
        let pax = extensions.pax.unwrap_or_else(|| self.global.clone());
        let long = [&extensions.name, &extensions.link].into_iter().flatten().map(|name| u64_of(name.len()));
        self.charge(long.fold(pax.bytes(), u64::saturating_add));
        for record in &pax.invalid {
            self.warn(Code::TarExtensionDamaged, at, || format!("PAX record {record} is not a number; ignored"));
        }
        if pax.size_invalid {
            self.lose(at, "the size in a PAX header is not a number");
            return None;
        }
        let size = pax.size.unwrap_or(size);
        if header.size().is_some_and(|own| own != size && own != 0) {
            self.warn(Code::TarSizeDisagrees, at, || {
                format!(
                    "the header says {} bytes, the PAX header {size}; used the PAX header",
                    header.size().unwrap_or_default()
                )
            });
        }

        let name = pax.sparse.name.clone().or(pax.path).or(extensions.name).unwrap_or_else(|| header.name());
        let mut member = Member::named(name);
        member.kind = kind(entry_type, &member.name);
        member.mode = header.mode();
        member.uid = pax.uid.or_else(|| header.uid());
        member.gid = pax.gid.or_else(|| header.gid());
        member.mtime = pax.mtime.or_else(|| Timestamp::from_second(header.mtime()?).ok());
        member.link = matches!(member.kind, MemberKind::Hardlink | MemberKind::Symlink)
            .then(|| pax.link.or(extensions.link).unwrap_or_else(|| header.link()));
        member.xattrs = pax.xattrs;
        member.device = matches!(member.kind, MemberKind::CharacterDevice | MemberKind::BlockDevice)
            .then(|| header.device())
            .flatten();
        self.check_names(&mut member, at);
        if member.mtime.is_none() {
            self.warn(Code::NumberInvalid, at, || {
                format!("the modification time of {} is not valid; ignored", member.path)
            });
        }

        let has_contents = matches!(member.kind, MemberKind::File | MemberKind::Other(_));
        let stored = if has_contents { size } else { 0 };
        let mut entry = Entry { member, regions: Vec::new(), stored, contradicted: false };
        entry.member.size = stored;
        let sparse = self.sparse(entry_type, header, &pax.sparse, &mut entry, input);
        match sparse {
            Ok(Some((regions, size))) => {
                entry.member.size = size;
                entry.member.is_sparse = true;
                if let Err(why) = sparse::check(&regions, size, entry.stored) {
                    self.contradict(&mut entry, at, why);
                }
                entry.regions = regions;
            }
            Ok(None) => entry.regions = vec![Region { at: 0, len: entry.stored }],
            Err(why) => self.contradict(&mut entry, at, why),
        }
        self.charge(u64_of(size_of_val(entry.regions.as_slice())));
        entry.member.offset = input.position();
        Some(entry)
    }

    /// Counts bytes of metadata that are kept in memory.
    fn charge(&mut self, bytes: u64) {
        self.metadata = self.metadata.saturating_add(bytes);
    }

    fn contradict(&self, entry: &mut Entry, at: u64, why: &'static str) {
        entry.contradicted = true;
        self.warn(Code::TarSparseDamaged, at, || {
            format!("the sparse member {} cannot be assembled: {why}", entry.member.path)
        });
    }

    /// The map of a sparse member and its size. `None` for an ordinary member. Consumes the map if it is in the input.
    fn sparse(
        &self,
        entry_type: EntryType,
        header: &Header<'_>,
        pax: &PaxSparse,
        entry: &mut Entry,
        input: &mut impl Input,
    ) -> Result<Option<(Vec<Region>, u64)>, &'static str> {
        if entry_type == EntryType::GNUSparse {
            return gnu_sparse(header, input, self.limits.header_bytes).map(Some);
        }
        let Some(size) = pax.size else { return Ok(None) };
        if !pax.in_contents {
            return Ok(pax.regions.clone().map(|regions| (regions, size)));
        }
        let mut map = MapReader::default();
        let mut block: Block = [0; BLOCK];
        let mut left = entry.stored.min(self.limits.header_bytes);
        while let Some(rest) = left.checked_sub(u64_of(BLOCK)) {
            left = rest;
            if input.fill(&mut block) < BLOCK {
                break;
            }
            entry.stored = entry.stored.saturating_sub(u64_of(BLOCK));
            if let Some(regions) = map.feed(&block)? {
                return Ok(Some((regions, size)));
            }
        }
        Err("the map has no end, or exceeds the limit")
    }

    /// Reads an extension header's data.
    fn extension(&mut self, entry_type: EntryType, size: u64, at: u64, input: &mut impl Input) {
        self.padding = padding(size);
        let limit = self.limits.header_bytes;
        if size > limit {
            self.warn(&Limits::HEADER_BYTES, at, || {
                format!("skipped an extended header of {size} bytes, which exceeds the limit of {limit}")
            });
            input.skip(size);
            return;
        }
        let mut data = vec![0; usize_of(size)];
        let filled = input.fill(&mut data);
        data.truncate(filled);
        match entry_type {
            EntryType::GNULongName => self.pending.name = Some(until_nul(&data)),
            EntryType::GNULongLink => self.pending.link = Some(until_nul(&data)),
            _ => {
                let is_global = entry_type == EntryType::XGlobalHeader;
                let mut pax = if is_global { mem::take(&mut self.global) } else { self.global.clone() };
                self.charge(pax.bytes());
                if let Err(offset) = pax.read(&data) {
                    self.warn(Code::TarExtensionDamaged, at, || {
                        format!("PAX records are damaged from byte {offset} of {size}; the records before it were used")
                    });
                }
                if is_global {
                    self.global = pax;
                } else {
                    self.pending.pax = Some(pax);
                }
            }
        }
    }

    /// Warns that the input ended before a member's contents did.
    pub(super) fn cut(&self, member: &Member, missing: u64) {
        // The last two blocks of a nested tar are zeros, whatever else it holds.
        const END_MARK: u64 = 1024;
        let place = Place::member(&member.path);
        if missing <= END_MARK && missing.is_multiple_of(u64_of(BLOCK)) && member.path.ends_with(b".tar") {
            self.warnings.push(Code::TarEndMissing, place, || {
                format!("the archive ends {missing} bytes early, in the end mark of this nested archive")
            });
        } else {
            self.warnings.push(Code::TarTruncated, place, || {
                format!("the archive ends {missing} bytes before the end of the member")
            });
        }
    }

    fn check_names(&self, member: &mut Member, at: u64) {
        let cleaned = Cleaned::new(&member.name);
        if cleaned.absolute {
            self.warn(Code::MemberNameUnsafe, at, || {
                format!("{} is an absolute path; read as {}", member.name, member.path)
            });
        }
        if cleaned.outside {
            self.warn(Code::MemberNameUnsafe, at, || {
                format!("{} points outside the archive; listed, but not used", member.name)
            });
        } else if cleaned.dotted {
            self.warn(Code::MemberNameUnsafe, at, || format!("{} contains `..`; read as {}", member.name, member.path));
        }
        if self.lost {
            member.trust = member.trust.min(Trust::Recovered);
        }
    }

    /// Notes that a header was damaged. The walk goes on at the next block that is a header beyond doubt.
    fn lose(&mut self, at: u64, why: &'static str) {
        if !self.lost {
            self.warn(Code::TarHeaderDamaged, at, || {
                format!("{why}; skipped to the next header; members after the damage never replace those before it")
            });
        }
        self.lost = true;
        self.pending = Extensions::default();
    }

    fn warn(&self, about: impl Into<About>, at: u64, message: impl FnOnce() -> String) {
        self.warnings.push(about, Place::archive().at(at), message);
    }
}

/// The map of an old GNU sparse member: four regions in its header, more in the blocks after it.
fn gnu_sparse(header: &Header<'_>, input: &mut impl Input, most: u64) -> Result<(Vec<Region>, u64), &'static str> {
    const NO_MAP: &str = "the map is not a list of numbers";
    let fields = header.gnu_sparse();
    let (map, rest) = fields.split_at_checked(96).ok_or(NO_MAP)?;
    let (&extended, size) = rest.split_first().ok_or(NO_MAP)?;
    let size = number(size).and_then(|n| u64::try_from(n).ok()).ok_or("the size is not a number")?;
    let mut regions = Region::gnu(map).ok_or(NO_MAP)?;
    let mut more = extended != 0;
    let mut left = most;
    while more {
        left = left.checked_sub(u64_of(BLOCK)).ok_or("the map exceeds the limit")?;
        let mut block: Block = [0; BLOCK];
        if input.fill(&mut block) < BLOCK {
            return Err("the map does not end");
        }
        let (map, rest) = block.split_at_checked(504).ok_or(NO_MAP)?;
        regions.extend(Region::gnu(map).ok_or(NO_MAP)?);
        more = rest.first().is_some_and(|&b| b != 0);
    }
    Ok((regions, size))
}

fn kind(entry_type: EntryType, name: &[u8]) -> MemberKind {
    match entry_type {
        // In v7 tars directories have no type of their own.
        EntryType::Regular | EntryType::Continuous if name.ends_with(b"/") => MemberKind::Directory,
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => MemberKind::File,
        EntryType::Link => MemberKind::Hardlink,
        EntryType::Symlink => MemberKind::Symlink,
        EntryType::Char => MemberKind::CharacterDevice,
        EntryType::Block => MemberKind::BlockDevice,
        EntryType::Directory => MemberKind::Directory,
        EntryType::Fifo => MemberKind::Fifo,
        other => match other.as_byte() {
            // A directory of an incremental backup of GNU tar, with a list of names as contents.
            b'D' => MemberKind::Directory,
            flag => MemberKind::Other(flag),
        },
    }
}

fn until_nul(data: &[u8]) -> BString {
    data.split_once_str("\0").map_or(data, |(text, _)| text).into()
}

fn padding(size: u64) -> u64 {
    size.checked_next_multiple_of(u64_of(BLOCK)).map_or(0, |padded| padded.saturating_sub(size))
}
