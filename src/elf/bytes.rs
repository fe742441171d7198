//! Bytes of an image, with holes where some are not known.

use std::borrow::Cow;

use crate::int::{u64_of, usize_of};

/// Bytes by their place in the image. Pieces that touch are one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bytes<'b> {
    pieces: Vec<(u64, Cow<'b, [u8]>)>,
    len: u64,
}

impl<'b> Bytes<'b> {
    /// All bytes of an image.
    pub(crate) fn whole(bytes: impl Into<Cow<'b, [u8]>>) -> Self {
        let bytes = bytes.into();
        Bytes { len: u64_of(bytes.len()), pieces: vec![(0, bytes)] }
    }

    /// Adds bytes at a place behind all others.
    pub(crate) fn push(&mut self, at: u64, bytes: Cow<'b, [u8]>) {
        if bytes.is_empty() {
            return;
        }
        self.len = self.len.max(at.saturating_add(u64_of(bytes.len())));
        match self.pieces.last_mut().filter(|(from, last)| from.saturating_add(u64_of(last.len())) == at) {
            Some((_, last)) => last.to_mut().extend_from_slice(&bytes),
            None => self.pieces.push((at, bytes)),
        }
    }

    /// Says that the image is at least this long.
    pub(crate) fn extend_to(&mut self, len: u64) {
        self.len = self.len.max(len);
    }

    /// The first bytes of the image.
    pub(crate) fn cut(mut self, len: u64) -> Self {
        self.pieces.retain(|(at, _)| *at < len);
        if let Some((at, last)) = self.pieces.last_mut() {
            let room = usize_of(len.saturating_sub(*at));
            match last {
                Cow::Borrowed(bytes) => *last = Cow::Borrowed(bytes.get(..room.min(bytes.len())).unwrap_or_default()),
                Cow::Owned(bytes) => bytes.truncate(room),
            }
        }
        self.len = self.len.min(len);
        self
    }

    /// Length of the image, with holes.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Bytes that are known.
    pub(crate) fn known(&self) -> u64 {
        self.pieces.iter().map(|(_, bytes)| u64_of(bytes.len())).fold(0, u64::saturating_add)
    }

    /// The bytes from a place up to the next hole.
    pub(crate) fn from(&self, at: u64) -> &[u8] {
        let after = self.pieces.partition_point(|(from, _)| *from <= at);
        let piece = after.checked_sub(1).and_then(|place| self.pieces.get(place));
        piece.and_then(|(from, bytes)| bytes.get(usize_of(at.saturating_sub(*from))..)).unwrap_or_default()
    }

    /// Bytes of a range. `None` if one of them is not known.
    pub(crate) fn get(&self, at: u64, len: u64) -> Option<&[u8]> {
        self.from(at).get(..usize_of(len))
    }

    /// The text at a place up to its NUL, at most 4 KiB.
    pub(crate) fn text(&self, at: u64) -> Option<&[u8]> {
        const LONGEST: usize = 4096;
        let bytes = self.from(at);
        let bytes = bytes.get(..LONGEST.min(bytes.len()))?;
        bytes.get(..memchr::memchr(0, bytes)?)
    }

    /// The pieces, in order.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.pieces.iter().map(|(at, bytes)| (*at, &**bytes))
    }

    /// The first place of some bytes.
    pub(crate) fn find(&self, needle: &[u8]) -> Option<u64> {
        self.pieces().find_map(|(at, bytes)| Some(at.saturating_add(u64_of(memchr::memmem::find(bytes, needle)?))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_touch_are_one_piece_and_holes_are_none() {
        let mut bytes = Bytes::default();
        bytes.push(4, Cow::Borrowed(b"ab"));
        bytes.push(6, Cow::Borrowed(b"c\0"));
        bytes.push(16, Cow::Borrowed(b"d"));
        assert_eq!((bytes.len(), bytes.known(), bytes.pieces().count()), (17, 5, 2));
        assert_eq!((bytes.get(5, 2), bytes.get(7, 2), bytes.get(0, 1)), (Some(&b"bc"[..]), None, None));
        assert_eq!((bytes.text(4), bytes.text(16)), (Some(&b"abc"[..]), None));
        let cut = bytes.clone().cut(6);
        assert_eq!((cut.len(), cut.known(), cut.get(4, 2)), (6, 2, Some(&b"ab"[..])));
        assert_eq!((bytes.find(b"bc"), bytes.find(b"d"), bytes.find(b"x")), (Some(5), Some(16), None));
    }
}
