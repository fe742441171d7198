//! A file while it is made.

use std::borrow::Cow;

use goblin::elf::header::Header;
use scroll::Cwrite as _;

use crate::elf::{Bytes, Elf};
use crate::int::{u64_of, usize_of};

/// Pieces of a file, in any order. They are copied only when the file is finished, and each place of it once: headers may
/// name the same bytes many times.
#[derive(Debug, Default)]
pub(super) struct Draft<'b> {
    pieces: Vec<(u64, Cow<'b, [u8]>)>,
    patches: Vec<(u64, Vec<u8>)>,
}

impl<'b> Draft<'b> {
    /// The known bytes of an image up to an end.
    pub(super) fn of(bytes: &'b Bytes<'_>, end: u64) -> Self {
        let mut draft = Draft::default();
        for (at, piece) in bytes.pieces().take_while(|(at, _)| *at < end) {
            let rest = usize_of(end.saturating_sub(at)).min(piece.len());
            draft.add(at, piece.get(..rest).unwrap_or_default());
        }
        draft
    }

    /// Adds bytes.
    pub(super) fn add(&mut self, at: u64, bytes: impl Into<Cow<'b, [u8]>>) {
        let bytes = bytes.into();
        if !bytes.is_empty() {
            self.pieces.push((at, bytes));
        }
    }

    /// Overwrites bytes that were added.
    pub(super) fn patch(&mut self, at: u64, bytes: &[u8]) {
        self.patches.push((at, bytes.to_vec()));
    }

    /// Changes the header.
    pub(super) fn header(&mut self, elf: &Elf<'_>, change: impl FnOnce(&mut Header)) -> Option<()> {
        let size = Header::size(elf.context);
        let mut bytes = elf.bytes.get(0, u64_of(size))?.to_vec();
        let mut header = elf.header;
        change(&mut header);
        bytes.as_mut_slice().cwrite_with(header, 0, elf.context);
        self.patch(0, &bytes);
        Some(())
    }

    /// The bytes, up to an end. Of pieces that overlap, the first counts.
    pub(super) fn finish(mut self, end: u64) -> Bytes<'static> {
        self.pieces.sort_by_key(|(at, _)| *at);
        let (mut bytes, mut known) = (Bytes::default(), 0_u64);
        for (at, piece) in self.pieces {
            let skip = usize_of(known.saturating_sub(at)).min(piece.len());
            let (from, rest) = (at.saturating_add(u64_of(skip)), piece.get(skip..).unwrap_or_default());
            let mut rest = rest.get(..usize_of(end.saturating_sub(from)).min(rest.len())).unwrap_or_default().to_vec();
            for (place, patch) in &self.patches {
                for (number, byte) in patch.iter().enumerate() {
                    let place = place.saturating_add(u64_of(number)).checked_sub(from).map(usize_of);
                    if let Some(old) = place.and_then(|place| rest.get_mut(place)) {
                        *old = *byte;
                    }
                }
            }
            known = known.max(from.saturating_add(u64_of(rest.len())));
            bytes.push(from, rest.into());
        }
        bytes.extend_to(end);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_sorted_patched_and_cut() {
        let mut draft = Draft::default();
        draft.add(8, &b"ijkl"[..]);
        draft.add(0, &b"abcd"[..]);
        draft.add(2, &b"CDef"[..]);
        draft.patch(3, b"XY");
        let bytes = draft.finish(10);
        let pieces: Vec<(u64, &[u8])> = bytes.pieces().collect();
        assert_eq!(pieces, [(0, &b"abcXYf"[..]), (8, b"ij")]);
        assert_eq!(bytes.len(), 10);
    }
}
