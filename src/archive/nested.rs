//! Nested archives: tars that are members of an archive, such as `rootfs-diff.tar`, `devshm-checkpoint.tar`, volumes,
//! and the contents of tmpfs file systems. Uncompressed ones are read in place. Compressed ones are inflated once and
//! kept, like streams.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use bstr::{BStr, BString, ByteSlice};

use super::contents::{Backing, Contents};
use super::input::{ContentsInput, End, StreamInput};
use super::kind::MemberKind;
use super::member::Member;
use super::path::Cleaned;
use super::select::{Everything, Select};
use super::sniff::{ENOUGH, Format, sniff};
use super::stream::{Below, Streamed};
use super::tar::{Share, Stopped};
use super::walk::Walked;
use super::{Archive, decompress, stream, walk};
use crate::int::u64_of;
use crate::limits::Limits;
use crate::warning::{About, Code, Place, Warnings};

/// Maximum number of hard links that are followed. GNU tar writes one.
const HOPS: usize = 8;
/// Maximum number of layers of compression.
const COMPRESSIONS: usize = 4;

/// A nested archive: a tar that is a member of the archive.
#[derive(Debug)]
pub(crate) struct NestedArchive<'a> {
    member: &'a Member,
    members: Vec<Member>,
    backings: Backings<'a>,
    /// The member in use for each path, by number. Filled on first use.
    by_path: OnceLock<HashMap<BString, usize>>,
}

#[derive(Debug)]
enum Backings<'a> {
    Outer(&'a [Backing]),
    Own(Box<[Backing]>),
}

impl<'a> NestedArchive<'a> {
    /// The member that is the nested archive.
    pub(crate) fn member(&self) -> &'a Member {
        self.member
    }

    /// The files, each with its contents.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&Member, Contents<'_>)> {
        let files = self.members.iter().filter(|member| member.kind == MemberKind::File);
        files.map(|member| (member, self.contents(member)))
    }

    /// The members without the root, in order, each with its number. Of several members with the same path, only the
    /// last is used.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (usize, &Member)> {
        let counts = |(number, member): &(usize, &Member)| {
            !member.path.is_empty() && self.by_path().get(&member.path) == Some(number)
        };
        self.members.iter().enumerate().filter(counts)
    }

    /// The member with a number.
    pub(crate) fn get(&self, number: usize) -> Option<&Member> {
        self.members.get(number)
    }

    /// The number of the member in use for a path.
    pub(crate) fn find(&self, path: &[u8]) -> Option<usize> {
        self.by_path().get(&Cleaned::new(path).path).copied()
    }

    /// The number of the member that holds the contents of another: that member itself, or the target of its hard link.
    /// `None` if the target is not in the archive.
    pub(crate) fn first_name(&self, mut number: usize) -> Option<usize> {
        for _ in 0..HOPS {
            let member = self.get(number)?;
            if member.kind != MemberKind::Hardlink {
                return Some(number);
            }
            number = self.find(member.link.as_ref()?)?;
        }
        None
    }

    /// The bytes of a member.
    pub(crate) fn contents<'m>(&'m self, member: &'m Member) -> Contents<'m> {
        let backings: &[Backing] = match &self.backings {
            Backings::Outer(backings) => backings,
            Backings::Own(backings) => backings,
        };
        Contents { layout: &member.layout, backings }
    }

    fn by_path(&self) -> &HashMap<BString, usize> {
        let pairs = || self.members.iter().enumerate().map(|(number, member)| (member.path.clone(), number));
        self.by_path.get_or_init(|| pairs().collect())
    }

    /// Warns of several members with the same path.
    fn check_names(&self, warnings: &Warnings) {
        for (number, member) in self.members.iter().enumerate() {
            if self.by_path().get(&member.path) != Some(&number) && member.kind != MemberKind::Directory {
                warnings.push(Code::MemberDuplicate, Place::member(&self.member.path), || {
                    format!("two members are named {}; the last was used", member.path)
                });
            }
        }
    }
}

/// Resources used by the nested archives of an archive. Each counts once, however often it is opened.
#[derive(Debug, Default)]
pub(super) struct Inflated(Mutex<Costs>);

#[derive(Debug, Default)]
struct Costs {
    of: HashMap<BString, Cost>,
    total: Cost,
}

/// Resources used by one nested archive, or by all.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost {
    /// Bytes that were inflated.
    pub(super) bytes: u64,
    /// Bytes that are kept in memory.
    pub(super) in_memory: u64,
    pub(super) members: u64,
    /// Bytes of names and other metadata.
    pub(super) metadata: u64,
}

impl Cost {
    fn each(self, other: Cost, with: impl Fn(u64, u64) -> u64) -> Cost {
        Cost {
            bytes: with(self.bytes, other.bytes),
            in_memory: with(self.in_memory, other.in_memory),
            members: with(self.members, other.members),
            metadata: with(self.metadata, other.metadata),
        }
    }
}

impl Inflated {
    /// Resources that a member may use.
    pub(super) fn left(&self, member: &Member, limits: &Limits) -> Cost {
        let costs = self.lock();
        let own = costs.of.get(&member.path).copied().unwrap_or_default();
        let all = Cost {
            bytes: limits.nested_bytes,
            in_memory: limits.kept_in_memory,
            members: limits.nested_members,
            metadata: limits.metadata_bytes,
        };
        all.each(costs.total.each(own, u64::saturating_sub), u64::saturating_sub)
    }

    pub(super) fn add(&self, member: &Member, cost: Cost) {
        let mut costs = self.lock();
        let before = costs.of.insert(member.path.clone(), cost).unwrap_or_default();
        costs.total = costs.total.each(before, u64::saturating_sub).each(cost, u64::saturating_add);
    }

    fn lock(&self) -> MutexGuard<'_, Costs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Archive {
    /// Opens the nested archive that a member is, or that a link leads to, as a tree of files: several members with the
    /// same path cause a warning. `None` if it is not a tar, or was not kept.
    pub(crate) fn nested_tree<'a>(
        &'a self,
        member: &'a Member,
        limits: &Limits,
        warnings: &Warnings,
    ) -> Option<NestedArchive<'a>> {
        let member = self.resolve(member).ok().filter(|member| member.kind == MemberKind::File)?;
        if !self.contents(member).is_kept() {
            return None;
        }
        let nested = self.nested(member, limits, warnings);
        if nested.is_none() && is_something_else(self.contents(member)) {
            warnings.push(Code::TarHeaderDamaged, Place::member(&member.path), || {
                "not a tar archive, so its files are unknown".to_owned()
            });
        }
        let nested = nested?;
        nested.check_names(warnings);
        Some(nested)
    }

    /// Opens the nested archive that a member is, according to its contents. `None` if it is not a tar, or was not
    /// kept.
    pub(crate) fn nested<'a>(
        &'a self,
        member: &'a Member,
        limits: &Limits,
        warnings: &Warnings,
    ) -> Option<NestedArchive<'a>> {
        let left = self.inflated.left(member, limits);
        // Of several, the first ones are kept in memory.
        let kept = Limits { kept_in_memory: left.in_memory, ..limits.clone() };
        let share = Some(Share { members: left.members, metadata: left.metadata });
        let reading = Reading {
            select: &mut Everything,
            below: Below { share, ..Below::default() },
            place: member.path.as_bstr(),
            hash: false,
            left: left.bytes,
            limits: &kept,
            warnings,
        };
        let Streamed { mut members, backings, bytes, metadata, stopped, .. } = reading.tar(member, &self.backings)?;
        let in_memory = backings.iter().map(Backing::in_memory).fold(0, u64::saturating_add);
        self.inflated.add(member, Cost { bytes, in_memory, metadata, members: u64_of(members.len()) });
        if let Some(stopped) = stopped {
            warn_of_share(stopped, &member.path, limits, warnings);
        }
        // They are kept as long as the caller needs them, and the unused space of many small tars would add up.
        members.shrink_to_fit();
        let backings =
            if backings.is_empty() { Backings::Outer(&self.backings) } else { Backings::Own(backings.into()) };
        (!members.is_empty()).then(|| NestedArchive { member, members, backings, by_path: OnceLock::new() })
    }
}

/// How to read a tar that is a member.
pub(super) struct Reading<'r> {
    /// Decides what is kept of a compressed tar.
    pub(super) select: &'r mut dyn Select,
    /// Where its members belong.
    pub(super) below: Below,
    /// The path in the archive, which warnings get as a prefix.
    pub(super) place: &'r BStr,
    /// Whether its members are hashed.
    pub(super) hash: bool,
    /// Bytes that it may inflate to, in addition to the limits for a single tar.
    pub(super) left: u64,
    pub(super) limits: &'r Limits,
    pub(super) warnings: &'r Warnings,
}

impl Reading<'_> {
    /// Reads the tar that a member is, plain or compressed. A plain tar has no backings of its own. `None` if it is not
    /// a tar.
    pub(super) fn tar(self, member: &Member, backings: &[Backing]) -> Option<Streamed> {
        let Reading { select, below, place, hash, left, limits, warnings } = self;
        let contents = Contents { layout: &member.layout, backings };
        let format = sniff(&contents.prefix(u64_of(ENOUGH)).0);
        let heard = Warnings::new(limits);
        let streamed = match format {
            Format::Tar => {
                let Walked { mut members, metadata, stopped } =
                    walk::shared(&member.layout, backings, below.share, limits, &heard);
                for member in &mut members {
                    member.move_below(below.root.as_bstr());
                }
                Streamed { members, backings: Vec::new(), bytes: 0, end: End::Whole, metadata, stopped }
            }
            Format::Compressed(_) => {
                let bound = limits.unpacked(Some(contents.len()));
                let inflated = match inflated(contents) {
                    Ok(inflated) => inflated.ok()?,
                    Err(error) => {
                        warn_of_end(&End::Damaged(error), &member.path, false, limits, warnings);
                        return None;
                    }
                };
                let input = StreamInput::new(inflated, bound.min(left), &|| ());
                let streamed = stream::read(input, select, below, hash, limits, &heard);
                warn_of_end(&streamed.end, &member.path, left < bound, limits, warnings);
                streamed
            }
            Format::Empty | Format::Other(_) | Format::Foreign(_) => return None,
        };
        // The tar only knows places within itself.
        for warning in heard.snapshot() {
            let place = warning.place.below(place);
            warnings.push(About { code: warning.code, limit: warning.limit }, place, || warning.message);
        }
        Some(streamed)
    }
}

/// Whether contents are neither a tar nor empty, however often they were compressed. Damage is not told apart.
fn is_something_else(contents: Contents<'_>) -> bool {
    match sniff(&contents.prefix(u64_of(ENOUGH)).0) {
        Format::Tar | Format::Empty => false,
        Format::Compressed(_) => matches!(inflated(contents), Ok(Err(Format::Other(_) | Format::Foreign(_)))),
        Format::Other(_) | Format::Foreign(_) => true,
    }
}

/// A stream of inflated bytes.
type InflatedStream<'c> = Box<dyn BufRead + Send + 'c>;

/// The tar that compressed contents inflate to, however often they were compressed, or what they are instead.
fn inflated<'c>(contents: Contents<'c>) -> io::Result<Result<InflatedStream<'c>, Format>> {
    let mut input: InflatedStream<'c> = Box::new(BufReader::new(ContentsInput::new(contents)));
    for _ in 0..=COMPRESSIONS {
        let mut head = Vec::new();
        let failed = (&mut input).take(u64_of(ENOUGH)).read_to_end(&mut head).err();
        let format = sniff(&head);
        let whole = Cursor::new(head).chain(input);
        input = match (format, failed) {
            (Format::Tar, _) => return Ok(Ok(Box::new(whole))),
            (Format::Compressed(inner), _) => Box::new(BufReader::new(decompress::decoder(inner, whole)?)),
            (_, Some(error)) => return Err(error),
            (other, None) => return Ok(Err(other)),
        };
    }
    Err(io::Error::other(format!("compressed more than {} times", COMPRESSIONS.saturating_add(1))))
}

/// Warns that a tar was not read to its end, because the nested archives are too large in total.
fn warn_of_share(stopped: Stopped, path: &BString, limits: &Limits, warnings: &Warnings) {
    let (what, limit) = match stopped {
        Stopped::Members => (format!("{} members", limits.nested_members), &Limits::NESTED_MEMBERS),
        Stopped::Metadata => {
            (format!("{} bytes of names and attributes", limits.metadata_bytes), &Limits::METADATA_BYTES)
        }
    };
    warnings.push(limit, Place::member(path), || {
        format!("nested archives have more than {what} in total; the rest was skipped")
    });
}

/// Warns why the stream of a member ended early. `together` is set if the limit was that of all nested archives.
fn warn_of_end(end: &End, path: &BString, together: bool, limits: &Limits, warnings: &Warnings) {
    match end {
        End::Whole => {}
        End::Damaged(error) => warnings.push(Code::CompressedDamaged, Place::member(path), || {
            format!("the compressed data is damaged or truncated ({error}); the bytes inflated before that were used")
        }),
        End::Bound(_) if together => warnings.push(&Limits::NESTED_BYTES, Place::member(path), || {
            let limit = limits.nested_bytes;
            format!("nested archives inflate to more than {limit} bytes in total; the rest was skipped")
        }),
        End::Bound(bound) => {
            warnings.push(&Limits::UNPACKED_BYTES, Place::member(path), || format!("more than {bound} bytes inflated"));
        }
    }
}
