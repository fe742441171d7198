//! From members to **records**: which files are images of which kind, how their records are framed, and what each
//! contains. This layer does not know how records relate to each other.

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

mod byte_order;
pub mod decode;
pub(crate) mod foreign;
mod framing;
mod kind;
mod message;
#[cfg(test)]
mod oracle;
mod payload;
mod schema;
mod set;
mod span;
mod wire;

/// The messages of CRIU's images, generated from `proto/`. Every field is optional, because one version of CRIU
/// requires what another omits. Text is bytes, because the kernel's names and paths are.
#[allow(
    missing_docs,
    clippy::all,
    clippy::pedantic,
    rustdoc::all,
    reason = "generated: what has no comment in CRIU's schema has none here"
)]
pub mod proto {
    include!(concat!(env!("OUT_DIR"), "/criu.rs"));
}

use std::fmt;

use bstr::ByteSlice;
use prost::{Message, Name};

pub use byte_order::ByteOrder;
pub use framing::{Image, Record};
pub use kind::{Form, Kind, Payload};
pub use set::{ImageSet, Parent};
pub(crate) use set::{MOST_DUMPS, Sets, holds_checkpoint, is_part, join, root_of};
pub use span::Span;

use crate::archive::{Archive, Member, MemberKind};
use crate::limits::Limits;
use crate::warning::{Code, Place, Warnings};

/// Reads the images of one set.
#[derive(Clone, Copy)]
pub(crate) struct Images<'a> {
    pub(crate) archive: &'a Archive,
    pub(crate) set: &'a ImageSet,
    pub(crate) limits: &'a Limits,
    pub(crate) warnings: &'a Warnings,
}

impl fmt::Debug for Images<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Images").field("folder", &self.set.folder).finish_non_exhaustive()
    }
}

impl<'a> Images<'a> {
    /// The file behind an image's name: the member itself, or the one that it links to in the archive.
    pub(crate) fn file(self, member: &'a Member) -> Option<&'a Member> {
        file_of(self.archive, member, self.warnings)
    }

    /// Opens an image. `None` if there is none of this kind and number, or if it is damaged, which is a warning.
    pub(crate) fn open(self, kind: Kind, number: u64) -> Option<Image<'a>> {
        let member = self.set.find(self.archive, kind, number)?;
        let file = self.file(member)?;
        Image::open(kind, &member.path, self.archive.contents(file), self.limits, self.warnings)
    }

    /// Whether there is an image of this kind and number, damaged or not.
    pub(crate) fn has(self, kind: Kind, number: u64) -> bool {
        self.set.find(self.archive, kind, number).is_some()
    }

    /// Whether there is an image of this kind and number that cannot be read. It has a warning of its own: its missing
    /// contents need no other.
    pub(crate) fn is_unreadable(self, kind: Kind, number: u64) -> bool {
        let file = |member: &'a Member| self.archive.resolve(member).ok();
        let file = self.set.find(self.archive, kind, number).and_then(file);
        file.is_some_and(|file| self.archive.contents(file).is_unreadable())
    }

    /// The place of an image, whether it exists or not.
    pub(crate) fn place(self, kind: Kind, number: u64) -> Place {
        let pattern = kind.pattern();
        let name = pattern.replace("%u", &number.to_string()).replace("%x", &format!("{number:x}"));
        Place::member(join(self.set.folder.as_bstr(), name.as_bytes()))
    }

    /// Calls `each` with every decodable record of an image.
    pub(crate) fn each<M: Message + Default + Name>(
        self,
        kind: Kind,
        number: u64,
        mut each: impl FnMut(M, &Record<'_>, &dyn Fn() -> Place),
    ) {
        let Some(image) = self.open(kind, number) else { return };
        for record in image.records(self.limits, self.warnings) {
            let place = || image.place_of(&record);
            if let Some(message) = self.decode::<M>(record.message, place) {
                each(message, &record, &place);
            }
        }
    }

    /// All decodable records of an image.
    pub(crate) fn all<M: Message + Default + Name>(self, kind: Kind, number: u64) -> Vec<M> {
        let mut all = Vec::new();
        self.each(kind, number, |message, _, _| all.push(message));
        all
    }

    /// The one record of an image.
    pub(crate) fn one<M: Message + Default + Name>(self, kind: Kind, number: u64) -> Option<M> {
        self.one_at(kind, number).map(|(message, _)| message)
    }

    /// The one record of an image, and the offset of the bytes after it.
    pub(crate) fn one_at<M: Message + Default + Name>(self, kind: Kind, number: u64) -> Option<(M, u64)> {
        let image = self.open(kind, number)?;
        let mut records = image.records(self.limits, self.warnings);
        let Some(first) = records.next() else {
            self.warnings.push(Code::ImageEmpty, self.place(kind, number), || "the image has no record".to_owned());
            return None;
        };
        let message = self.decode(first.message, || image.place_of(&first));
        let behind = Span::behind((kind, number), &first, 0, 0).offset;
        if let Some(second) = records.next() {
            self.warnings.push(Code::RecordDuplicate, image.place_of(&second), || {
                format!("a {kind} image has only one record; skipped this one")
            });
        }
        Some((message?, behind))
    }

    /// Decodes a record. Faults are warnings.
    pub(crate) fn decode<M: Message + Default + Name>(self, bytes: &[u8], place: impl Fn() -> Place) -> Option<M> {
        decode(bytes, place, self.warnings)
    }
}

/// The file behind an image's name: the member itself, or the one that it links to in the archive. Faults are warnings.
fn file_of<'a>(archive: &'a Archive, member: &'a Member, warnings: &Warnings) -> Option<&'a Member> {
    match archive.resolve(member) {
        Ok(file) if file.kind == MemberKind::File => {
            if !std::ptr::eq(file, member) {
                warnings.push(Code::MemberLinked, Place::member(&member.path), || {
                    format!("a {} to {}, which was read instead", member.kind.as_str(), file.path)
                });
            }
            Some(file)
        }
        Ok(other) => {
            warnings.push(Code::ImageNotAFile, Place::member(&member.path), || {
                format!("not a file (type: {}); skipped", other.kind.as_str())
            });
            None
        }
        Err(link) => {
            warnings.push(Code::MemberLinkBroken, Place::member(&member.path), || {
                let target = link.link.as_ref().map_or(b"".as_bstr(), |l| l.as_bstr());
                format!(
                    "a link to {target}, which is not a file in this archive; links that lead outside are not followed"
                )
            });
            None
        }
    }
}

/// Decodes a record. Faults are warnings.
pub(crate) fn decode<M: Message + Default + Name>(
    bytes: &[u8],
    place: impl Fn() -> Place,
    warnings: &Warnings,
) -> Option<M> {
    match M::decode(bytes) {
        Ok(message) => {
            if let Some(unknown) = wire::first_unknown(M::NAME, bytes) {
                warnings.push(Code::RecordUnknownField, place(), || {
                    format!("field {unknown} of {} is not in the schema; a newer CRIU may have written it", M::NAME)
                });
            }
            Some(message)
        }
        Err(error) => {
            warnings
                .push(Code::RecordDamaged, place(), || format!("not a valid {}: {error}; skipped the record", M::NAME));
            None
        }
    }
}
