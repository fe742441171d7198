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

use super::contents::{Absence, Extent, Layout, Source};
use super::header::{BLOCK, Block, Header, number};
use super::input::Input;
use super::member::{Cleaned, Member, MemberKind, Trust};
use super::pax::{Pax, PaxSparse};
use super::sparse::{self, MapReader, Region};
use crate::int::{u64_of, usize_of};
use crate::limits::Limits;
use crate::warning::{About, Code, Place, Warnings};

/// Zeros behind the end mark that are read in search of further members (joined archives).
const SEARCH_AFTER_END: u64 = 1 << 20;

/// A member and what of it is stored next in the input.
#[derive(Debug)]
pub(super) struct Entry {
    /// All but the layout of its contents.
    pub(super) member: Member,
    /// Regions of the member that are stored one after the other; what is between them is a hole.
    pub(super) regions: Vec<Region>,
    /// Bytes that are stored, which the caller consumes. More than the regions have if their map is wrong.
    pub(super) stored: u64,
    /// The map of a sparse member is wrong: its contents cannot be placed.
    pub(super) contradicted: bool,
}

impl Entry {
    /// The layout of the contents, of which `place` says where so many bytes lie that are stored so far on and belong
    /// at an offset of the member: `place(stored_at, len, belongs_at)`.
    pub(super) fn layout(&self, mut place: impl FnMut(u64, u64, u64) -> Vec<Extent>) -> Layout {
        if self.contradicted {
            return Layout::run(self.member.size, Source::Absent(Absence::Contradicted));
        }
        let mut extents = Vec::new();
        let mut stored_at = 0_u64;
        for region in &self.regions {
            extents.extend(place(stored_at, region.len, region.at));
            stored_at = stored_at.saturating_add(region.len);
        }
        // There may be very many members, and most have one.
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
    /// An end mark has been seen.
    ended: bool,
    /// A header was damaged: what follows may be part of another member's contents.
    lost: bool,
    zeros: u64,
    /// What is left for this tar of what several may have together.
    share: Option<Share>,
    /// It ended because its share did.
    stopped: Option<Stopped>,
}

/// What is left for a tar of what several may have together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    pub(super) members: u64,
    /// Bytes of names and other metadata.
    pub(super) metadata: u64,
}

/// Which part of a share was too small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stopped {
    Members,
    Metadata,
}

/// Extensions that wait for their member.
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

    /// Ends where a share does. Whoever gave it says so.
    pub(super) fn with(self, share: Option<Share>) -> Self {
        Walker { share, ..self }
    }

    /// Bytes of names and other metadata so far.
    pub(super) fn metadata(&self) -> u64 {
        self.metadata
    }

    /// Which part of its share was too small, if one was.
    pub(super) fn stopped(&self) -> Option<Stopped> {
        self.stopped
    }

    /// The next member; `None` at the end, or where the rest is no tar.
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
                    format!("more than {limit} bytes of names and attributes; the rest is left out")
                });
                return None;
            }
            let mut block: Block = [0; BLOCK];
            let filled = input.fill(&mut block);
            if filled < BLOCK {
                if block.iter().any(|&b| b != 0) && !self.lost {
                    let code = if self.ended { Code::TarTrailingData } else { Code::TarTruncated };
                    self.warn(code, at, || format!("the archive ends {filled} bytes into a header of {BLOCK}"));
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
            let Some(header) = Header::of(&block).filter(|h| !self.lost || h.has_magic()) else {
                if self.members == 0 {
                    return None;
                }
                if self.ended {
                    self.warn(Code::TarTrailingData, at, || {
                        "bytes that are no member follow the end mark; they are left out".to_owned()
                    });
                    return None;
                }
                self.lose(at, "the check sum of a header is wrong");
                continue;
            };
            if self.ended {
                self.ended = false;
                self.zeros = 0;
                self.warn(Code::TarContinued, at, || {
                    "members follow an end mark: archives were joined, and tar reads them only with --ignore-zeros"
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
                    self.warn(&Limits::MEMBERS, at, || format!("more than {limit} members; the rest is left out"));
                    return None;
                }
                self.members = self.members.saturating_add(1);
                self.padding = padding(entry.stored);
                return Some(entry);
            }
        }
    }

    /// Handles a header: an extension is kept for later, a member returned.
    fn entry(&mut self, header: &Header<'_>, at: u64, input: &mut impl Input) -> Option<Entry> {
        let flag = header.type_flag();
        let Some(size) = header.size().or(self.pending.pax.as_ref().and_then(|pax| pax.size)) else {
            self.lose(at, "the size in a header is not a number");
            return None;
        };
        if let b'x' | b'g' | b'L' | b'K' = flag {
            self.extension(flag, size, at, input);
            return None;
        }
        let extensions = mem::take(&mut self.pending);
        let pax = extensions.pax.unwrap_or_else(|| self.global.clone());
        let long = [&extensions.name, &extensions.link].into_iter().flatten().map(|name| u64_of(name.len()));
        self.charge(long.fold(pax.bytes(), u64::saturating_add));
        for record in &pax.invalid {
            self.warn(Code::TarExtensionDamaged, at, || format!("PAX record {record} is no number"));
        }
        if pax.size_invalid {
            self.lose(at, "the size in a PAX header is not a number");
            return None;
        }
        let size = pax.size.unwrap_or(size);
        if header.size().is_some_and(|own| own != size && own != 0) {
            self.warn(Code::TarSizeDisagrees, at, || {
                format!(
                    "the header says {} bytes, its PAX header {size}; PAX counts",
                    header.size().unwrap_or_default()
                )
            });
        }

        let name = pax.sparse.name.clone().or(pax.path).or(extensions.name).unwrap_or_else(|| header.name());
        let mut member = Member::named(name);
        member.kind = kind(flag, &member.name);
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
            self.warn(Code::NumberInvalid, at, || format!("the time of {} cannot be", member.path));
        }

        let has_contents = matches!(member.kind, MemberKind::File | MemberKind::Other(_));
        let stored = if has_contents { size } else { 0 };
        let mut entry = Entry { member, regions: Vec::new(), stored, contradicted: false };
        entry.member.size = stored;
        let sparse = self.sparse(flag, header, &pax.sparse, &mut entry, input);
        match sparse {
            Ok(Some((regions, size))) => {
                entry.member.size = size;
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

    /// Counts what has to be remembered beside the contents.
    fn charge(&mut self, bytes: u64) {
        self.metadata = self.metadata.saturating_add(bytes);
    }

    fn contradict(&self, entry: &mut Entry, at: u64, why: &'static str) {
        entry.contradicted = true;
        self.warn(Code::TarSparseDamaged, at, || {
            format!("the sparse member {} cannot be put together: {why}", entry.member.path)
        });
    }

    /// The map of a sparse member and its size; `None` of an ordinary one. Consumes what the map takes of the input.
    fn sparse(
        &self,
        flag: u8,
        header: &Header<'_>,
        pax: &PaxSparse,
        entry: &mut Entry,
        input: &mut impl Input,
    ) -> Result<Option<(Vec<Region>, u64)>, &'static str> {
        if flag == b'S' {
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
        Err("its map does not end, or is longer than the limit for extended headers")
    }

    /// Reads an extension header's data.
    fn extension(&mut self, flag: u8, size: u64, at: u64, input: &mut impl Input) {
        self.padding = padding(size);
        let limit = self.limits.header_bytes;
        if size > limit {
            self.warn(&Limits::HEADER_BYTES, at, || {
                format!("an extended header of {size} bytes is left out; the limit is {limit}")
            });
            input.skip(size);
            return;
        }
        let mut data = vec![0; usize_of(size)];
        let filled = input.fill(&mut data);
        data.truncate(filled);
        match flag {
            b'L' => self.pending.name = Some(until_nul(&data)),
            b'K' => self.pending.link = Some(until_nul(&data)),
            _ => {
                let mut pax = if flag == b'g' { mem::take(&mut self.global) } else { self.global.clone() };
                self.charge(pax.bytes());
                if let Err(offset) = pax.read(&data) {
                    self.warn(Code::TarExtensionDamaged, at, || {
                        format!("PAX records are damaged from byte {offset} of {size} on; what stands before counts")
                    });
                }
                if flag == b'g' {
                    self.global = pax;
                } else {
                    self.pending.pax = Some(pax);
                }
            }
        }
    }

    /// Notes that the input ended before a member's contents did.
    pub(super) fn cut(&self, member: &Member, missing: u64) {
        // The last two blocks of a tar within the tar are zeros, whatever else it holds.
        const END_MARK: u64 = 1024;
        let place = Place::member(&member.path);
        if missing <= END_MARK && missing.is_multiple_of(u64_of(BLOCK)) && member.path.ends_with(b".tar") {
            self.warnings.push(Code::TarEndMissing, place, || {
                format!("the archive ends {missing} bytes early, in the zeros that end the tar within")
            });
        } else {
            self.warnings
                .push(Code::TarTruncated, place, || format!("the archive ends {missing} bytes before the member does"));
        }
    }

    fn check_names(&self, member: &mut Member, at: u64) {
        let cleaned = Cleaned::of(&member.name);
        if cleaned.absolute {
            self.warn(Code::MemberNameUnsafe, at, || {
                format!("{} is an absolute name; read as {}", member.name, member.path)
            });
        }
        if cleaned.outside {
            self.warn(Code::MemberNameUnsafe, at, || {
                format!("{} leads out of the archive; listed, not used", member.name)
            });
        } else if cleaned.dotted {
            self.warn(Code::MemberNameUnsafe, at, || format!("{} has `..`; read as {}", member.name, member.path));
        }
        if self.lost {
            member.trust = member.trust.min(Trust::Recovered);
        }
    }

    /// Notes that the walk has lost its way; it goes on at the next block that is a header beyond doubt.
    fn lose(&mut self, at: u64, why: &'static str) {
        if !self.lost {
            self.warn(Code::TarHeaderDamaged, at, || {
                format!("{why}; reading goes on at the next header, and what it finds never replaces what was before")
            });
        }
        self.lost = true;
        self.pending = Extensions::default();
    }

    fn warn(&self, about: impl Into<About>, at: u64, message: impl FnOnce() -> String) {
        self.warnings.push(about, Place::archive().at(at), message);
    }
}

/// The map of an old GNU sparse member: four regions in its header, more in blocks behind it.
fn gnu_sparse(header: &Header<'_>, input: &mut impl Input, most: u64) -> Result<(Vec<Region>, u64), &'static str> {
    const NO_MAP: &str = "its map is not a list of numbers";
    let fields = header.gnu_sparse();
    let (map, rest) = fields.split_at_checked(96).ok_or(NO_MAP)?;
    let (&extended, size) = rest.split_first().ok_or(NO_MAP)?;
    let size = number(size).and_then(|n| u64::try_from(n).ok()).ok_or("its size is not a number")?;
    let mut regions = Region::gnu(map).ok_or(NO_MAP)?;
    let mut more = extended != 0;
    let mut left = most;
    while more {
        left = left.checked_sub(u64_of(BLOCK)).ok_or("its map is longer than the limit for extended headers")?;
        let mut block: Block = [0; BLOCK];
        if input.fill(&mut block) < BLOCK {
            return Err("its map does not end");
        }
        let (map, rest) = block.split_at_checked(504).ok_or(NO_MAP)?;
        regions.extend(Region::gnu(map).ok_or(NO_MAP)?);
        more = rest.first().is_some_and(|&b| b != 0);
    }
    Ok((regions, size))
}

fn kind(flag: u8, name: &[u8]) -> MemberKind {
    match flag {
        // In v7 tars directories have no type of their own.
        b'0' | b'\0' | b'7' if name.ends_with(b"/") => MemberKind::Directory,
        b'0' | b'\0' | b'7' | b'S' => MemberKind::File,
        b'1' => MemberKind::Hardlink,
        b'2' => MemberKind::Symlink,
        b'3' => MemberKind::CharacterDevice,
        b'4' => MemberKind::BlockDevice,
        b'5' | b'D' => MemberKind::Directory,
        b'6' => MemberKind::Fifo,
        other => MemberKind::Other(other),
    }
}

fn until_nul(data: &[u8]) -> BString {
    data.split_once_str("\0").map_or(data, |(text, _)| text).into()
}

fn padding(size: u64) -> u64 {
    size.checked_next_multiple_of(u64_of(BLOCK)).map_or(0, |padded| padded.saturating_sub(size))
}
