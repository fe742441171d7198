//! The bytes of a member: where they are stored, which are holes, and which are missing. They are borrowed from the map of
//! the input or from the bytes kept while inflating, and not copied.

use std::borrow::Cow;

use super::absence::Absence;
use super::lazy::LazyFile;
use super::map::Map;
use crate::int::{u64_of, usize_of};

/// Bytes of one part, for callers that read all contents in order.
const PART: u64 = 1 << 20;

/// Something that holds bytes of members.
#[derive(Debug)]
pub(super) enum Backing {
    Map(Map),
    Heap(Vec<u8>),
    File(Box<LazyFile>),
}

impl Backing {
    /// Bytes that it holds in memory.
    pub(super) fn in_memory(&self) -> u64 {
        match self {
            Backing::Heap(bytes) => u64_of(bytes.len()),
            Backing::Map(_) | Backing::File(_) => 0,
        }
    }

    /// Its size in bytes. `None` if it cannot be read.
    fn len(&self) -> Option<u64> {
        match self {
            Backing::Map(map) => Some(u64_of(map.len())),
            Backing::Heap(bytes) => Some(u64_of(bytes.len())),
            Backing::File(file) => file.len(),
        }
    }

    /// The bytes of a range up to the first that is missing; at least one.
    fn get(&self, offset: u64, len: u64) -> Result<&[u8], Absence> {
        let all: &[u8] = match self {
            Backing::Map(map) => map,
            Backing::Heap(bytes) => bytes,
            Backing::File(file) => return file.get(offset, len),
        };
        let from = usize_of(offset).min(all.len());
        let to = from.saturating_add(usize_of(len)).min(all.len());
        all.get(from..to).filter(|bytes| !bytes.is_empty()).ok_or(Absence::Truncated)
    }

    /// The map, if there is one.
    fn map(&self) -> Option<&Map> {
        match self {
            Backing::Map(map) => Some(map),
            Backing::Heap(_) => None,
            Backing::File(file) => file.map(),
        }
    }

    /// Whether reading a range of its map ahead is worthwhile.
    fn reads_ahead(&self) -> bool {
        match self {
            Backing::Map(_) => true,
            Backing::Heap(_) => false,
            Backing::File(file) => file.is_mapped(),
        }
    }

    /// Whether the bytes can be read from a file.
    fn can_be_read(&self) -> bool {
        match self {
            Backing::Map(map) => map.has_file(),
            Backing::Heap(_) => false,
            Backing::File(file) => file.can_be_read(),
        }
    }

    /// Reads the bytes at an offset into a buffer. `None` if there is no file to read from.
    fn read(&self, offset: u64, buffer: &mut [u8]) -> Option<Result<(), Absence>> {
        match self {
            Backing::Map(map) => Some(map.copy(usize_of(offset), buffer).map_err(|_| Absence::Truncated)),
            Backing::Heap(_) => None,
            Backing::File(file) => Some(file.read(offset, buffer)),
        }
        .filter(|_| self.can_be_read())
    }
}

/// A run of a member's bytes, and where they are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// Offset in the member.
    pub(super) at: u64,
    pub(super) len: u64,
    pub(super) location: Location,
}

impl Extent {
    /// The part between two offsets of the member. `None` if it is empty.
    fn clip(&self, from: u64, to: u64) -> Option<Extent> {
        let at = self.at.max(from);
        let end = self.at.saturating_add(self.len).min(to);
        let len = end.checked_sub(at).filter(|&len| len > 0)?;
        Some(Extent { at, len, location: self.location.skip(at.saturating_sub(self.at)) })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Location {
    /// `offset` in the backing of this number.
    Backing {
        number: usize,
        offset: u64,
    },
    Absent(Absence),
}

impl Location {
    /// The location `len` bytes further on.
    pub(super) fn skip(self, len: u64) -> Location {
        match self {
            Location::Backing { number, offset } => Location::Backing { number, offset: offset.saturating_add(len) },
            absent @ Location::Absent(_) => absent,
        }
    }
}

/// The layout of a member's bytes: extents in order, not overlapping. Gaps between them are holes (zeros).
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    pub(super) len: u64,
    pub(super) extents: Vec<Extent>,
}

impl Layout {
    /// Whether some of the contents were not kept.
    pub(super) fn lacks_contents(&self) -> bool {
        self.extents.iter().any(|extent| extent.location == Location::Absent(Absence::NotKept))
    }

    /// One run without holes.
    pub(super) fn run(len: u64, location: Location) -> Self {
        let extents = if len == 0 { Vec::new() } else { vec![Extent { at: 0, len, location }] };
        Layout { len, extents }
    }

    /// Contents that cannot be read. If not even the length is known, one absent byte stands for all.
    pub(super) fn unreadable(len: Option<u64>) -> Self {
        Layout::run(len.unwrap_or(1), Location::Absent(Absence::Unreadable))
    }

    /// Replaces absent extents by others, both in order. Extents that are not absent stay.
    pub(super) fn fill(&mut self, extents: Vec<Extent>) {
        let mut filled: Vec<Extent> = Vec::with_capacity(self.extents.len().saturating_add(extents.len()));
        let mut fillers = extents.into_iter().peekable();
        for extent in std::mem::take(&mut self.extents) {
            let end = extent.at.saturating_add(extent.len);
            if !matches!(extent.location, Location::Absent(_)) {
                filled.push(extent);
                continue;
            }
            let mut at = extent.at;
            while let Some(filler) = fillers.peek().filter(|filler| filler.at < end) {
                if let Some(part) = filler.clip(at, end) {
                    filled.extend(extent.clip(at, part.at));
                    at = part.at.saturating_add(part.len);
                    filled.push(part);
                }
                if filler.at.saturating_add(filler.len) > end {
                    break;
                }
                fillers.next();
            }
            filled.extend(extent.clip(at, end));
        }
        self.extents = filled;
    }

    /// The extents of a range, moved so that `offset` becomes `to`. The part beyond the end is truncated.
    pub(super) fn slice(&self, offset: u64, len: u64, to: u64) -> Vec<Extent> {
        let end = offset.saturating_add(len);
        let moved = |at: u64| to.saturating_add(at.saturating_sub(offset));
        let first = self.extents.partition_point(|e| e.at.saturating_add(e.len) <= offset);
        let mut slice: Vec<Extent> = self.extents.iter().skip(first).map_while(|e| e.clip(offset, end)).collect();
        for extent in &mut slice {
            extent.at = moved(extent.at);
        }
        if end > self.len {
            let from = self.len.max(offset);
            let location = Location::Absent(Absence::Truncated);
            slice.push(Extent { at: moved(from), len: end.saturating_sub(from), location });
        }
        slice
    }
}

/// A piece of a member's contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Bytes.
    Bytes(&'a [u8]),
    /// Zeros that are not stored; how many.
    Hole(u64),
    /// Bytes that are missing; how many, and why.
    Absent(u64, Absence),
}

impl Piece<'_> {
    /// Bytes of the member that the piece stands for.
    pub fn len(&self) -> u64 {
        match self {
            Piece::Bytes(bytes) => u64_of(bytes.len()),
            Piece::Hole(len) | Piece::Absent(len, _) => *len,
        }
    }

    /// Whether the piece is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The bytes of one member, to be borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Contents<'a> {
    pub(super) layout: &'a Layout,
    pub(super) backings: &'a [Backing],
}

impl<'a> Contents<'a> {
    /// Size in bytes, holes included.
    pub fn len(&self) -> u64 {
        self.layout.len
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.layout.len == 0
    }

    /// Whether all of them were selected, if the archive was inflated.
    pub(super) fn is_kept(&self) -> bool {
        self.layout.extents.iter().all(|e| e.location != Location::Absent(Absence::NotKept))
    }

    /// Whether some bytes are in the input but cannot be read, because the file system denies it or the file was changed. That
    /// has a warning of its own; callers need not warn of the missing bytes.
    pub fn is_unreadable(&self) -> bool {
        let unreadable = |e: &Extent| match e.location {
            Location::Absent(why) => why == Absence::Unreadable,
            Location::Backing { number, offset } => match self.backings.get(number) {
                Some(Backing::File(file)) => file.len().is_none_or(|len| len < offset.saturating_add(e.len)),
                _ => false,
            },
        };
        self.layout.extents.iter().any(unreadable)
    }

    /// The offset of the first byte that is missing because the archive ends or is damaged there. The length if there is no such
    /// byte.
    pub fn cut_at(&self) -> u64 {
        let lost = |e: &&Extent| matches!(e.location, Location::Absent(why) if why != Absence::NotKept);
        let marked = self.layout.extents.iter().find(lost).map(|e| e.at);
        // The last bytes show whether the backing is as long as it must be.
        let short = self.layout.extents.last().and_then(|e| {
            let Location::Backing { number, offset } = e.location else { return None };
            let all = self.backings.get(number).and_then(Backing::len).unwrap_or_default();
            let here = all.saturating_sub(offset).min(e.len);
            (here < e.len).then(|| e.at.saturating_add(here))
        });
        [marked, short].into_iter().flatten().min().unwrap_or(self.layout.len)
    }

    /// The longest piece that begins at `offset` and has at most `most` bytes. `None` at or beyond the end.
    ///
    /// The cost is a binary search over the member's extents; ordinary members have one.
    pub fn piece(&self, offset: u64, most: u64) -> Option<Piece<'a>> {
        let left = self.layout.len.checked_sub(offset).filter(|&n| n > 0)?.min(most);
        let after = self.layout.extents.partition_point(|e| e.at <= offset);
        let hole_end = self.layout.extents.get(after).map_or(self.layout.len, |e| e.at);
        let here = after.checked_sub(1).and_then(|i| self.layout.extents.get(i));
        let Some((extent, inside)) = here.and_then(|e| Some((e, offset.checked_sub(e.at).filter(|&n| n < e.len)?)))
        else {
            return Some(Piece::Hole(left.min(hole_end.saturating_sub(offset))));
        };
        let len = left.min(extent.len.saturating_sub(inside));
        match extent.location {
            Location::Absent(why) => Some(Piece::Absent(len, why)),
            Location::Backing { number, offset } => {
                let offset = offset.saturating_add(inside);
                let got = self.backings.get(number).map_or(Err(Absence::Truncated), |backing| backing.get(offset, len));
                Some(got.map_or_else(|why| Piece::Absent(len, why), Piece::Bytes))
            }
        }
    }

    /// The pieces of a range up to the end, in order and without gaps.
    pub fn pieces(&self, offset: u64, len: u64) -> impl Iterator<Item = Piece<'a>> + use<'a> {
        let contents = *self;
        let end = offset.saturating_add(len);
        let mut at = offset;
        std::iter::from_fn(move || {
            let piece = contents.piece(at, end.checked_sub(at).filter(|&n| n > 0)?)?;
            at = at.saturating_add(piece.len());
            Some(piece)
        })
    }

    /// Reads a range ahead if it is mapped. For callers that read all of it.
    pub fn will_read(&self, offset: u64, len: u64) {
        self.each_mapped(offset, len, Backing::reads_ahead, Map::will_read);
    }

    /// Returns the pages of a range to the kernel if it is mapped. They can be read again.
    pub fn give_back(&self, offset: u64, len: u64) {
        self.each_mapped(offset, len, |_| true, Map::give_back);
    }

    fn each_mapped(&self, offset: u64, len: u64, which: fn(&Backing) -> bool, each: impl Fn(&Map, usize, usize)) {
        let end = offset.saturating_add(len);
        let first = self.layout.extents.partition_point(|e| e.at.saturating_add(e.len) <= offset);
        let extents = self.layout.extents.get(first..).unwrap_or_default();
        for extent in extents.iter().map_while(|extent| extent.clip(offset, end)) {
            if let Location::Backing { number, offset } = extent.location
                && let Some(map) = self.backings.get(number).filter(|backing| which(backing)).and_then(Backing::map)
            {
                let from = usize_of(offset).min(map.len());
                let to = from.saturating_add(usize_of(extent.len)).min(map.len());
                if from < to {
                    each(map, from, to.saturating_sub(from));
                }
            }
        }
    }

    /// Reads a range into a buffer. `false` if the range is not one run of a file that can be read. For callers that read
    /// everything once: a copy costs less than the pages of a map.
    pub(crate) fn copy(&self, offset: u64, buffer: &mut [u8]) -> bool {
        let end = offset.saturating_add(u64_of(buffer.len()));
        let after = self.layout.extents.partition_point(|e| e.at <= offset);
        let extent = after.checked_sub(1).and_then(|i| self.layout.extents.get(i)).and_then(|e| e.clip(offset, end));
        let Some(Extent { at, len, location: Location::Backing { number, offset: from } }) = extent else {
            return false;
        };
        let backing = self.backings.get(number).filter(|_| at == offset && len == u64_of(buffer.len()));
        backing.and_then(|backing| backing.read(from, buffer)).is_some_and(|read| read.is_ok())
    }

    /// Passes all contents to `each` once, in order and in parts. A hole is one part. Bytes are read where possible, which
    /// costs a copy but no page of a map, and is safe if the file shrinks. Pages of maps are returned to the kernel.
    ///
    /// # Errors
    ///
    /// Fails if `each` fails, which ends it.
    pub(crate) fn once<E>(&self, mut each: impl FnMut(Piece<'_>) -> Result<(), E>) -> Result<(), E> {
        let mut buffer = Vec::new();
        let mut at = 0_u64;
        while let Some((len, location)) = self.run(at) {
            let end = at.saturating_add(len);
            while at < end {
                let left = end.saturating_sub(at);
                let most = left.min(PART);
                let piece = match self.read(location, at, most, &mut buffer) {
                    Some(Ok(())) => Piece::Bytes(&buffer),
                    Some(Err(why)) => Piece::Absent(left, why),
                    None => match self.piece(at, left) {
                        Some(Piece::Bytes(bytes)) => Piece::Bytes(bytes.get(..usize_of(PART)).unwrap_or(bytes)),
                        Some(piece) => piece,
                        None => return Ok(()),
                    },
                };
                each(piece)?;
                if location.is_some() {
                    self.give_back(at, piece.len());
                }
                at = at.saturating_add(piece.len());
            }
        }
        Ok(())
    }

    /// The run at an offset: how many bytes of it follow, and its backing and the offset in that, if it has one.
    fn run(&self, offset: u64) -> Option<(u64, Option<(usize, u64)>)> {
        let piece_end = |len: u64| self.layout.len.saturating_sub(offset).min(len);
        let left = self.layout.len.checked_sub(offset).filter(|&n| n > 0)?;
        let after = self.layout.extents.partition_point(|e| e.at <= offset);
        let here = after.checked_sub(1).and_then(|i| self.layout.extents.get(i)).and_then(|e| e.clip(offset, u64::MAX));
        let next = self.layout.extents.get(after).map_or(left, |e| e.at.saturating_sub(offset));
        Some(match here {
            Some(Extent { len, location: Location::Backing { number, offset: from }, .. }) => {
                // As offset of the contents' own beginning, so that any later offset can be told from it.
                (piece_end(len), Some((number, from.wrapping_sub(offset))))
            }
            Some(extent) => (piece_end(extent.len), None),
            None => (piece_end(next), None),
        })
    }

    /// Reads `most` bytes at an offset of a run into a buffer. `None` if the run has no file to read from.
    fn read(
        &self,
        location: Option<(usize, u64)>,
        offset: u64,
        most: u64,
        buffer: &mut Vec<u8>,
    ) -> Option<Result<(), Absence>> {
        let (number, base) = location?;
        let backing = self.backings.get(number).filter(|backing| backing.can_be_read())?;
        buffer.resize(usize_of(most), 0);
        backing.read(base.wrapping_add(offset), buffer)
    }

    /// The bytes of a range. `None` if some of them are missing. Borrowed if they are one piece.
    pub fn slice(&self, from: u64, to: u64) -> Option<Cow<'a, [u8]>> {
        let len = to.saturating_sub(from);
        let mut all = Cow::Borrowed(&[][..]);
        for piece in self.pieces(from, len) {
            match piece {
                Piece::Bytes(bytes) if u64_of(bytes.len()) == len => return Some(Cow::Borrowed(bytes)),
                Piece::Bytes(bytes) => all.to_mut().extend_from_slice(bytes),
                Piece::Hole(zeros) => {
                    let len = all.len().saturating_add(usize_of(zeros));
                    all.to_mut().resize(len, 0);
                }
                Piece::Absent(..) => return None,
            }
        }
        (u64_of(all.len()) == len).then_some(all)
    }

    /// All bytes from the beginning up to the first that is missing, or up to `limit`, and the reason if they are not all
    /// bytes. Borrowed if they are one piece.
    pub fn prefix(&self, limit: u64) -> (Cow<'a, [u8]>, Option<Stop>) {
        let wanted = self.len().min(limit);
        let over = (self.len() > limit).then_some(Stop::Limit);
        if let Some(Piece::Bytes(bytes)) = self.piece(0, wanted)
            && u64_of(bytes.len()) == wanted
        {
            return (Cow::Borrowed(bytes), over);
        }
        let mut all = Vec::new();
        for piece in self.pieces(0, wanted) {
            match piece {
                Piece::Bytes(bytes) => all.extend_from_slice(bytes),
                Piece::Hole(len) => all.resize(all.len().saturating_add(usize_of(len)), 0),
                Piece::Absent(_, why) => return (Cow::Owned(all), Some(Stop::Absent(why))),
            }
        }
        (Cow::Owned(all), over)
    }
}

/// Why [`Contents::prefix`] does not have all bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The member is longer than the limit.
    Limit,
    /// The next bytes are missing.
    Absent(Absence),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (Layout, Vec<Backing>) {
        let extents = vec![
            Extent { at: 2, len: 3, location: Location::Backing { number: 0, offset: 1 } },
            Extent { at: 8, len: 2, location: Location::Absent(Absence::Truncated) },
        ];
        (Layout { len: 12, extents }, vec![Backing::Heap(b"abcdef".to_vec())])
    }

    #[test]
    fn pieces_are_bytes_holes_and_absences_in_order() {
        let (layout, backings) = sample();
        let contents = Contents { layout: &layout, backings: &backings };
        let pieces: Vec<_> = contents.pieces(0, 100).collect();
        let expected = [
            Piece::Hole(2),
            Piece::Bytes(b"bcd"),
            Piece::Hole(3),
            Piece::Absent(2, Absence::Truncated),
            Piece::Hole(2),
        ];
        assert_eq!(pieces, expected);
        assert_eq!(contents.pieces(3, 3).collect::<Vec<_>>(), [Piece::Bytes(b"cd"), Piece::Hole(1)]);
        assert_eq!(contents.piece(12, 1), None);
    }

    #[test]
    fn a_prefix_stops_at_the_first_byte_that_is_not_here() {
        let (layout, backings) = sample();
        let contents = Contents { layout: &layout, backings: &backings };
        let (bytes, stop) = contents.prefix(100);
        assert_eq!(&*bytes, b"\0\0bcd\0\0\0");
        assert_eq!(stop, Some(Stop::Absent(Absence::Truncated)));
        assert_eq!(contents.prefix(4), (Cow::Owned(b"\0\0bc".to_vec()), Some(Stop::Limit)));
    }

    #[test]
    fn a_slice_keeps_holes_and_says_what_is_cut() {
        let (layout, _) = sample();
        let at_and_len = |slice: Vec<Extent>| slice.iter().map(|e| (e.at, e.len)).collect::<Vec<_>>();
        let slice = layout.slice(3, 6, 100);
        assert_eq!(slice[0].location, Location::Backing { number: 0, offset: 2 });
        assert_eq!(at_and_len(slice), [(100, 2), (105, 1)]);
        assert_eq!(at_and_len(layout.slice(11, 5, 0)), [(1, 4)]);
        assert_eq!(at_and_len(layout.slice(20, 5, 0)), [(0, 5)]);
        assert_eq!(at_and_len(layout.slice(5, 3, 0)), []);
    }

    #[test]
    fn what_is_absent_can_be_filled() {
        let absent = |at, len| Extent { at, len, location: Location::Absent(Absence::NotKept) };
        let here = |at, len, number| Extent { at, len, location: Location::Backing { number, offset: 0 } };
        let mut layout = Layout { len: 20, extents: vec![absent(0, 8), here(8, 2, 0), absent(10, 10)] };
        layout.fill(vec![here(2, 3, 1), here(6, 8, 2), here(18, 2, 3)]);
        let parts: Vec<_> = layout.extents.iter().map(|e| (e.at, e.len, e.location)).collect();
        let not = Location::Absent(Absence::NotKept);
        let at = |number, offset| Location::Backing { number, offset };
        let expected = [
            (0, 2, not),
            (2, 3, at(1, 0)),
            (5, 1, not),
            (6, 2, at(2, 0)),
            (8, 2, at(0, 0)),
            (10, 4, at(2, 4)),
            (14, 4, not),
            (18, 2, at(3, 0)),
        ];
        assert_eq!(parts, expected);
    }

    #[test]
    fn what_lies_in_one_piece_of_a_file_can_be_copied() {
        let mut file = tempfile::tempfile().unwrap();
        std::io::Write::write_all(&mut file, b"abcdef").unwrap();
        let backings = [Backing::Map(Map::keeping(file).unwrap()), Backing::Heap(b"abcdef".to_vec())];
        let extent = |at, number| Extent { at, len: 4, location: Location::Backing { number, offset: 1 } };
        let layout = Layout { len: 14, extents: vec![extent(0, 0), extent(4, 1), extent(10, 0)] };
        let contents = Contents { layout: &layout, backings: &backings };
        let copied = |offset| {
            let mut buffer = [0; 3];
            contents.copy(offset, &mut buffer).then_some(buffer)
        };
        assert_eq!(copied(1), Some(*b"cde"));
        assert_eq!(copied(2), None, "it goes on in another backing");
        assert_eq!(copied(4), None, "no file");
        assert_eq!(copied(7), None, "a hole");
        assert_eq!(copied(11), Some(*b"cde"));
        assert_eq!(copied(12), None, "behind the end");
    }

    #[test]
    fn one_run_is_borrowed() {
        let layout = Layout::run(6, Location::Backing { number: 0, offset: 0 });
        let backings = [Backing::Heap(b"abcdef".to_vec())];
        let contents = Contents { layout: &layout, backings: &backings };
        assert!(matches!(contents.prefix(100), (Cow::Borrowed(b"abcdef"), None)));
    }

    #[test]
    fn a_backing_shorter_than_its_extent_is_truncated_not_zero() {
        let layout = Layout::run(9, Location::Backing { number: 0, offset: 0 });
        let backings = [Backing::Heap(b"abcdef".to_vec())];
        let contents = Contents { layout: &layout, backings: &backings };
        let pieces: Vec<_> = contents.pieces(0, 9).collect();
        assert_eq!(pieces, [Piece::Bytes(b"abcdef"), Piece::Absent(3, Absence::Truncated)]);
    }
}
