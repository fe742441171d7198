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
    Own(Vec<Backing>),
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
        let backings = match &self.backings {
            Backings::Outer(backings) => backings,
            Backings::Own(backings) => backings.as_slice(),
        };
        Contents { layout: &member.layout, backings }
    }
}

/// How much the archives within an archive have inflated to; each counts once, however often it is asked for.
#[derive(Debug, Default)]
pub(super) struct Inflated(Mutex<HashMap<BString, u64>>);

impl Inflated {
    /// How much a member may inflate to.
    pub(super) fn left(&self, member: &Member, limit: u64) -> u64 {
        let inflated = self.lock();
        let others = inflated.iter().filter(|(path, _)| **path != member.path).map(|(_, bytes)| *bytes);
        limit.saturating_sub(others.fold(0, u64::saturating_add))
    }

    pub(super) fn add(&self, member: &Member, bytes: u64) {
        self.lock().insert(member.path.clone(), bytes);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<BString, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Archive {
    /// The tar that a member is, by its contents; `None` if it is none.
    pub(crate) fn nested<'a>(&'a self, member: &'a Member, limits: &Limits, warnings: &Warnings) -> Option<Nested<'a>> {
        let contents = self.contents(member);
        let (members, backings) = match sniff(&contents.prefix(u64_of(ENOUGH)).0) {
            Format::Tar => {
                let members = walk::members(&member.layout, &self.backings, limits, warnings);
                (members, Backings::Outer(&self.backings))
            }
            Format::Compressed(compression) => {
                let input = std::io::BufReader::new(ContentsInput::new(contents));
                let decoder = decompress::decoder(compression, input).ok()?;
                let left = self.inflated.left(member, limits.nested_bytes);
                let bound = limits.unpacked(Some(contents.len()));
                let input = StreamInput::new(decoder, bound.min(left), &|| ());
                let streamed = stream::read(input, &mut Everything, Below::default(), false, limits, warnings);
                self.inflated.add(member, streamed.bytes);
                warn_of_end(&streamed.end, &member.path, left < bound, limits, warnings);
                (streamed.members, Backings::Own(streamed.backings))
            }
            Format::Empty | Format::Other(_) | Format::Foreign(_) => return None,
        };
        (!members.is_empty()).then_some(Nested { members, backings })
    }
}

/// Says why the stream of a member ended, if not with it. `together`: the bound was that of all archives within the archive.
pub(super) fn warn_of_end(end: &End, path: &BString, together: bool, limits: &Limits, warnings: &Warnings) {
    match end {
        End::Whole => {}
        End::Damaged(error) => warnings.push(Code::CompressedDamaged, Place::member(path), || {
            format!("the compressed data is damaged or cut ({error}); what was inflated before is used")
        }),
        End::Bound(_) if together => warnings.push(Code::LimitReached, Place::member(path), || {
            let limit = limits.nested_bytes;
            format!("archives in the archive inflate to more than {limit} bytes; the rest is left out, --max-nested raises the limit")
        }),
        End::Bound(bound) => warnings.push(Code::LimitReached, Place::member(path), || {
            format!("more than {bound} bytes inflated; --max-unpacked and --max-ratio raise the limit")
        }),
    }
}
