//! Archives within an archive: `rootfs-diff.tar`, `devshm-checkpoint.tar`, the contents of file systems. Plain ones are
//! looked at where they lie; compressed ones are inflated once, and kept as streams are.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bstr::BString;

use super::contents::{Backing, Contents};
use super::input::{ContentsInput, End, StreamInput};
use super::member::{Member, MemberKind};
use super::select::Everything;
use super::sniff::{ENOUGH, Format, sniff};
use super::stream::Below;
use super::tar::{Share, Stopped};
use super::walk::Walked;
use super::{Archive, decompress, stream, walk};
use crate::int::u64_of;
use crate::limits::Limits;
use crate::warning::{Code, Place, Warnings};

/// A tar that is a member of an archive.
#[derive(Debug)]
pub(crate) struct Nested<'a> {
    members: Vec<Member>,
    backings: Backings<'a>,
}

#[derive(Debug)]
enum Backings<'a> {
    Outer(&'a [Backing]),
    Own(Box<[Backing]>),
}

impl Nested<'_> {
    /// Its files, each with its contents.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&Member, Contents<'_>)> {
        let files = self.members.iter().filter(|member| member.kind == MemberKind::File);
        files.map(|member| (member, self.contents(member)))
    }

    /// All its members, in order.
    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    /// The bytes of one of its members.
    pub(crate) fn contents<'m>(&'m self, member: &'m Member) -> Contents<'m> {
        let backings: &[Backing] = match &self.backings {
            Backings::Outer(backings) => backings,
            Backings::Own(backings) => backings,
        };
        Contents { layout: &member.layout, backings }
    }
}

/// What the archives within an archive have cost; each counts once, however often it is asked for.
#[derive(Debug, Default)]
pub(super) struct Inflated(Mutex<Costs>);

#[derive(Debug, Default)]
struct Costs {
    of: HashMap<BString, Cost>,
    total: Cost,
}

/// What one of them cost, or all of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost {
    /// Bytes that it inflated to.
    pub(super) bytes: u64,
    /// Bytes of it that are kept in memory.
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
    /// What a member may cost.
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
    /// The tar that a member is, by its contents; `None` if it is none.
    pub(crate) fn nested<'a>(&'a self, member: &'a Member, limits: &Limits, warnings: &Warnings) -> Option<Nested<'a>> {
        let contents = self.contents(member);
        let left = self.inflated.left(member, limits);
        let share = Some(Share { members: left.members, metadata: left.metadata });
        let (mut members, backings, cost, stopped) = match sniff(&contents.prefix(u64_of(ENOUGH)).0) {
            Format::Tar => {
                let Walked { members, metadata, stopped } =
                    walk::shared(&member.layout, &self.backings, share, limits, warnings);
                (members, Backings::Outer(&self.backings), Cost { metadata, ..Cost::default() }, stopped)
            }
            Format::Compressed(compression) => {
                let input = std::io::BufReader::new(ContentsInput::new(contents));
                let decoder = decompress::decoder(compression, input).ok()?;
                let bound = limits.unpacked(Some(contents.len()));
                let input = StreamInput::new(decoder, bound.min(left.bytes), &|| ());
                // Of several, those that come first lie in memory.
                let kept = Limits { kept_in_memory: left.in_memory, ..limits.clone() };
                let below = Below { share, ..Below::default() };
                let streamed = stream::read(input, &mut Everything, below, false, &kept, warnings);
                warn_of_end(&streamed.end, &member.path, left.bytes < bound, limits, warnings);
                let in_memory = streamed.backings.iter().map(Backing::in_memory).fold(0, u64::saturating_add);
                let cost = Cost { bytes: streamed.bytes, in_memory, metadata: streamed.metadata, members: 0 };
                (streamed.members, Backings::Own(streamed.backings.into_boxed_slice()), cost, streamed.stopped)
            }
            Format::Empty | Format::Other(_) | Format::Foreign(_) => return None,
        };
        self.inflated.add(member, Cost { members: u64_of(members.len()), ..cost });
        if let Some(stopped) = stopped {
            warn_of_share(stopped, &member.path, limits, warnings);
        }
        // They are kept for as long as whoever asks needs them, and of many small tars what is spare would be much.
        members.shrink_to_fit();
        (!members.is_empty()).then_some(Nested { members, backings })
    }
}

/// Says that a tar was not gone through to its end, because those within the archive have too much together.
fn warn_of_share(stopped: Stopped, path: &BString, limits: &Limits, warnings: &Warnings) {
    let (what, limit) = match stopped {
        Stopped::Members => (format!("{} members", limits.nested_members), &Limits::NESTED_MEMBERS),
        Stopped::Metadata => {
            (format!("{} bytes of names and attributes", limits.metadata_bytes), &Limits::METADATA_BYTES)
        }
    };
    warnings.push(limit, Place::member(path), || {
        format!("the archives in the archive have more than {what} together; the rest is left out")
    });
}

/// Says why the stream of a member ended, if not with it. `together`: the bound was that of all archives within the archive.
pub(super) fn warn_of_end(end: &End, path: &BString, together: bool, limits: &Limits, warnings: &Warnings) {
    match end {
        End::Whole => {}
        End::Damaged(error) => warnings.push(Code::CompressedDamaged, Place::member(path), || {
            format!("the compressed data is damaged or cut ({error}); what was inflated before is used")
        }),
        End::Bound(_) if together => warnings.push(&Limits::NESTED_BYTES, Place::member(path), || {
            let limit = limits.nested_bytes;
            format!("archives in the archive inflate to more than {limit} bytes; the rest is left out")
        }),
        End::Bound(bound) => {
            warnings.push(&Limits::UNPACKED_BYTES, Place::member(path), || format!("more than {bound} bytes inflated"));
        }
    }
}
