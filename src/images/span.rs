//! Bytes that follow a record, remembered by their place, so that they are read only when needed.

use std::borrow::Cow;

use super::framing::Record;
use super::{Images, Kind};
use crate::archive::{MemberKind, Piece};
use crate::int::{u64_of, usize_of};

/// Bytes of an image that belong to one of its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The image's kind and the number in its name.
    pub image: (Kind, u64),
    /// Offset of the bytes in the image.
    pub offset: u64,
    /// The number of bytes that should be there. The image may end earlier.
    pub len: u64,
}

impl Span {
    /// `len` bytes, from `skip` bytes after the message of a record.
    pub(crate) fn behind(image: (Kind, u64), record: &Record<'_>, skip: u64, len: u64) -> Self {
        let message = u64_of(record.message.len());
        let offset = record.offset.saturating_add(4).saturating_add(message).saturating_add(skip);
        Span { image, offset, len }
    }
}

impl<'a> Images<'a> {
    /// The bytes of a span up to the first missing one, borrowed if they are in one piece. Bytes that must be assembled
    /// are bounded by the limit on such images.
    pub(crate) fn bytes_of(self, span: Span) -> Cow<'a, [u8]> {
        let (kind, number) = span.image;
        let member = self.set.find(self.archive, kind, number).and_then(|member| self.archive.resolve(member).ok());
        let Some(member) = member.filter(|member| member.kind == MemberKind::File) else { return Cow::default() };
        let contents = self.archive.contents(member);
        let mut all: Cow<'a, [u8]> = Cow::default();
        for piece in contents.pieces(span.offset, span.len) {
            let room = usize_of(self.limits.assembled_bytes).saturating_sub(all.len());
            match piece {
                Piece::Bytes(bytes) if all.is_empty() => all = Cow::Borrowed(bytes),
                Piece::Bytes(bytes) => all.to_mut().extend_from_slice(bytes.get(..room).unwrap_or(bytes)),
                Piece::Hole(len) => {
                    let len = usize_of(len).min(room).saturating_add(all.len());
                    all.to_mut().resize(len, 0);
                }
                Piece::Absent(..) => break,
            }
        }
        all
    }
}
