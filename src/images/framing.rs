//! How records are stored in an image. All generations of CRIU are recognised by content:
//!
//! ```text
//! image        = COMMON, OWN, { record [payload] }        CRIU 1.6 and later
//! service file = SERVICE, OWN, { record }                 statistics, caches
//! old image    = OWN, { record [payload] }                before 1.6, and every inventory
//! record       = SIZE, SIZE bytes of protobuf
//! ```
//!
//! Numbers have 32 bits in the byte order of the dumped machine. There is no padding, no checksum and no end mark.

use std::borrow::Cow;

use super::byte_order::{ByteOrder, split_u32};
use super::kind::{Form, Kind, Payload};
use super::payload;
use crate::archive::{Absence, Contents, Stop};
use crate::int::{u64_of, usize_of};
use crate::limits::Limits;
use crate::warning::{About, Code, Place, Warnings};

pub(super) const COMMON: u32 = 0x5456_4319;
pub(super) const SERVICE: u32 = 0x5510_5940;

/// What stands in the place of an image's own magic number, whichever byte order and generation it is of.
pub(super) fn own_magic(bytes: &[u8]) -> Option<u32> {
    let own = |order| {
        let (first, rest) = split_u32(bytes, order)?;
        Some(if matches!(first, COMMON | SERVICE) { split_u32(rest, order)?.0 } else { first })
    };
    let known = |magic: &u32| Kind::from_magic(*magic).is_some();
    own(ByteOrder::Little).filter(known).or_else(|| own(ByteOrder::Big).filter(known))
}

/// An image with valid magic numbers, whose records are read later.
#[derive(Debug)]
pub struct Image<'a> {
    kind: Kind,
    place: Place,
    bytes: Cow<'a, [u8]>,
    /// Offset of the first record.
    start: usize,
    order: ByteOrder,
    payload: Payload,
    stop: Option<Stop>,
}

/// A record of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'i> {
    /// Number of the record in its image, from 0.
    pub number: u64,
    /// Offset of the record's size in the image.
    pub offset: u64,
    /// The protobuf message.
    pub message: &'i [u8],
    /// The bytes that follow the message and belong to the record.
    pub payload: &'i [u8],
}

impl<'a> Image<'a> {
    /// Opens an image of records. Wrong magic numbers are a warning; then there is no image.
    pub(crate) fn open(
        kind: Kind,
        path: &[u8],
        contents: Contents<'a>,
        limits: &Limits,
        warnings: &Warnings,
    ) -> Option<Self> {
        let limit = if contents.piece(0, u64::MAX).is_some_and(|piece| piece.len() == contents.len()) {
            u64::MAX
        } else {
            limits.assembled_bytes
        };
        let (bytes, stop) = contents.prefix(limit);
        if stop == Some(Stop::Limit) {
            warnings.push(&Limits::ASSEMBLED_BYTES, Place::member(path), || {
                let size = contents.len();
                format!("{size} bytes to assemble from pieces exceed the limit of {limit}; the rest was skipped")
            });
        }
        Self::from_bytes(kind, path, bytes, stop, warnings)
    }

    /// Opens an image from its bytes.
    pub(crate) fn from_bytes(
        kind: Kind,
        path: &[u8],
        bytes: Cow<'a, [u8]>,
        stop: Option<Stop>,
        warnings: &Warnings,
    ) -> Option<Self> {
        let Form::Records { magic, payload, .. } = kind.form() else { return None };
        let place = Place::member(path);
        let (start, order) = match magics(&bytes, magic) {
            Ok(found) => found,
            // Unreadable images have a warning of their own.
            Err(Wrong::Short) if stop == Some(Stop::Absent(Absence::Unreadable)) => return None,
            Err(why) => {
                let code = if bytes.is_empty() { Code::ImageEmpty } else { Code::ImageMagic };
                warnings.push(code, place, || why.say(kind, &bytes));
                return None;
            }
        };
        Some(Image { kind, place, bytes, start, order, payload, stop })
    }

    /// Kind of the image.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Byte order of the machine that wrote the image.
    pub fn byte_order(&self) -> ByteOrder {
        self.order
    }

    /// The magic numbers, in order.
    pub fn magics(&self) -> Vec<u32> {
        let head = self.bytes.get(..self.start).unwrap_or_default();
        head.as_chunks::<4>().0.iter().map(|&number| self.order.u32(number)).collect()
    }

    /// Place of the image.
    pub(crate) fn place(&self) -> Place {
        self.place.clone()
    }

    /// Place of a record.
    pub(crate) fn place_of(&self, record: &Record<'_>) -> Place {
        self.place.clone().record(record.number).at(record.offset)
    }

    /// The records, up to the first damaged one, which is a warning.
    pub(crate) fn records<'i>(&'i self, limits: &'i Limits, warnings: &'i Warnings) -> Records<'i> {
        Records { image: self, limits, warnings, next: 0, offset: self.start, chunked: false, ended: false }
    }
}

/// Reads an image's records one after the other.
#[derive(Debug)]
pub(crate) struct Records<'i> {
    image: &'i Image<'i>,
    limits: &'i Limits,
    warnings: &'i Warnings,
    next: u64,
    offset: usize,
    /// Whether the first record of a ghost file said that chunks follow.
    chunked: bool,
    ended: bool,
}

impl<'i> Iterator for Records<'i> {
    type Item = Record<'i>;

    fn next(&mut self) -> Option<Record<'i>> {
        let record = self.read();
        self.ended = record.is_none();
        record
    }
}

impl<'i> Records<'i> {
    fn read(&mut self) -> Option<Record<'i>> {
        let rest = self.image.bytes.get(self.offset..).filter(|rest| !rest.is_empty() && !self.ended)?;
        if self.next >= self.limits.records {
            let limit = self.limits.records;
            self.warn(&Limits::RECORDS, || format!("more than {limit} records; the rest were skipped"));
            return None;
        }
        let Some((size, rest)) = split_u32(rest, self.image.order) else {
            let left = rest.len();
            self.warn(Code::ImageTruncated, || format!("{left} bytes follow the last record{}", self.why_cut()));
            return None;
        };
        let Some((message, after)) = rest.split_at_checked(usize_of(size.into())) else {
            let left = rest.len();
            self.warn(Code::ImageTruncated, || {
                format!("a record declares {size} bytes, but only {left} are left{}", self.why_cut())
            });
            return None;
        };
        if u64::from(size) > self.limits.record_bytes {
            let limit = self.limits.record_bytes;
            self.warn(&Limits::RECORD_BYTES, || {
                format!("a record of {size} bytes exceeds the limit of {limit}; skipped this and all later records")
            });
            return None;
        }
        let len = payload::len(self.image.payload, message, after, self.image.order, &mut self.chunked);
        let Some((payload, _)) = len.ok().and_then(|len| after.split_at_checked(usize_of(len))) else {
            let left = after.len();
            self.warn(Code::ImageTruncated, || match len {
                Ok(len) => format!("{len} bytes must follow the record, but only {left} are left{}", self.why_cut()),
                Err(why) => format!("cannot tell what follows the record: {why}"),
            });
            // The message itself is complete.
            let record = Record { number: self.next, offset: u64_of(self.offset), message, payload: after };
            self.offset = self.image.bytes.len();
            return Some(record);
        };
        let record = Record { number: self.next, offset: u64_of(self.offset), message, payload };
        self.next = self.next.saturating_add(1);
        self.offset = self.offset.saturating_add(4).saturating_add(message.len()).saturating_add(payload.len());
        Some(record)
    }

    fn why_cut(&self) -> &'static str {
        match self.image.stop {
            Some(Stop::Limit) => " within the limit for sparse images",
            Some(Stop::Absent(_)) => " before the archive ends or is damaged",
            None => "",
        }
    }

    fn warn(&self, about: impl Into<About>, message: impl FnOnce() -> String) {
        let about @ About { code, .. } = about.into();
        // Unreadable images have a warning of their own.
        if code == Code::ImageTruncated && self.image.stop == Some(Stop::Absent(Absence::Unreadable)) {
            return;
        }
        let place = self.image.place.clone().record(self.next).at(u64_of(self.offset));
        self.warnings.push(about, place, message);
    }
}

/// A fault of an image's magic numbers.
enum Wrong {
    /// The image ends before them.
    Short,
    /// This number is in the place of its own magic number.
    Magic(u32),
}

impl Wrong {
    fn say(&self, kind: Kind, bytes: &[u8]) -> String {
        match self {
            Wrong::Short if bytes.is_empty() => format!("the file is empty, not a {kind} image"),
            Wrong::Short => format!("{} bytes are too short for the magic numbers of a {kind} image", bytes.len()),
            Wrong::Magic(number) => match Kind::from_magic(*number) {
                Some(other) => format!("the name says {kind}, but the magic number says {other}; skipped"),
                None => format!("{number:#010x} is not the magic number of {kind}; skipped"),
            },
        }
    }
}

/// The offset of the first record and the byte order, from the magic numbers.
fn magics(bytes: &[u8], own: u32) -> Result<(usize, ByteOrder), Wrong> {
    let (first, rest) = split_u32(bytes, ByteOrder::Little).ok_or(Wrong::Short)?;
    let order = match first {
        COMMON | SERVICE => ByteOrder::Little,
        _ if first == own => return Ok((4, ByteOrder::Little)),
        _ if first.swap_bytes() == own => return Ok((4, ByteOrder::Big)),
        _ if matches!(first.swap_bytes(), COMMON | SERVICE) => ByteOrder::Big,
        _ => return Err(Wrong::Magic(first)),
    };
    let (second, _) = split_u32(rest, order).ok_or(Wrong::Short)?;
    if second == own { Ok((8, order)) } else { Err(Wrong::Magic(second)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PSTREE: u32 = 0x5027_3030;

    fn le(numbers: &[u32]) -> Vec<u8> {
        numbers.iter().flat_map(|n| n.to_le_bytes()).collect()
    }

    #[test]
    fn every_generation_is_told_by_content() {
        assert!(matches!(magics(&le(&[COMMON, PSTREE]), PSTREE), Ok((8, ByteOrder::Little))));
        assert!(matches!(magics(&le(&[SERVICE, PSTREE]), PSTREE), Ok((8, ByteOrder::Little))));
        assert!(matches!(magics(&le(&[PSTREE]), PSTREE), Ok((4, ByteOrder::Little))));
        let big: Vec<u8> = [COMMON, PSTREE].iter().flat_map(|n| n.to_be_bytes()).collect();
        assert!(matches!(magics(&big, PSTREE), Ok((8, ByteOrder::Big))));
        assert!(matches!(magics(&big[4..], PSTREE), Ok((4, ByteOrder::Big))));
    }

    #[test]
    fn wrong_magics_say_what_was_found() {
        let say = |bytes: &[u8]| magics(bytes, PSTREE).err().unwrap().say(Kind::Pstree, bytes);
        assert_eq!(say(&[]), "the file is empty, not a PSTREE image");
        assert_eq!(say(&[1, 2, 3]), "3 bytes are too short for the magic numbers of a PSTREE image");
        assert_eq!(say(&[0; 8]), "0x00000000 is not the magic number of PSTREE; skipped");
        assert_eq!(
            say(&le(&[COMMON, 0x5608_4025])),
            "the name says PSTREE, but the magic number says PAGEMAP; skipped"
        );
    }
}
