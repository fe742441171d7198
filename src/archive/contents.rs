//! The bytes of a member: where they are, which are holes, and which are missing. Borrowed from the input's map or from
//! what was kept while inflating, and never copied just to be read.

use std::borrow::Cow;

use super::lazy::LazyFile;
use super::map::Map;
use crate::int::{u64_of, usize_of};

/// Bytes read at once by callers that go through all of them.
const PART: u64 = 1 << 20;

/// Why bytes of a member are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// The archive ends before them, or was damaged there.
    Truncated,
    /// The file that holds them could not be read.
    Unreadable,
    /// They were not kept when the archive was inflated.
    NotKept,
    /// They are in the archive, but it contradicts itself about where they belong.
    Contradicted,
}

/// A source of members' bytes.
#[derive(Debug)]
pub(super) enum Backing {
    Map(Map),
    Heap(Vec<u8>),
    File(Box<LazyFile>),
}

impl Backing {
    /// Number of bytes held in this process's own memory.
    pub(super) fn in_memory(&self) -> u64 {
        match self {
            Backing::Heap(bytes) => u64_of(bytes.len()),
            Backing::Map(_) | Backing::File(_) => 0,
        }
    }

    /// Size in bytes; `None` if it cannot be read.
    fn len(&self) -> Option<u64> {
        match self {
            Backing::Map(map) => Some(u64_of(map.len())),
            Backing::Heap(bytes) => Some(u64_of(bytes.len())),
            Backing::File(file) => file.len(),
        }
    }

    /// The bytes of a range up to the first missing one; at least one.
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

    /// Whether reading a range of the map ahead is useful.
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

    /// Fills a buffer with the bytes at an offset by reading. `None` if there is no file to read from; an error if
    /// reading fails.
    fn read(&self, offset: u64, buffer: &mut [u8]) -> Option<Result<(), Absence>> {
        match self {
            Backing::Map(map) => Some(map.copy(usize_of(offset), buffer).map_err(|_| Absence::Truncated)),
            Backing::Heap(_) => None,
            Backing::File(file) => Some(file.read(offset, buffer)),
        }
        .filter(|_| self.can_be_read())
    }
}

/// A run of a member's bytes, and where they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// Offset in the member.
    pub(super) at: u64,
    pub(super) len: u64,
    pub(super) source: Source,
}

impl Extent {
    /// The part of the run between two offsets of the member; `None` if there is none.
    fn clip(&self, from: u64, to: u64) -> Option<Extent> {
        let at = self.at.max(from);
        let end = self.at.saturating_add(self.len).min(to);
        let len = end.checked_sub(at).filter(|&len| len > 0)?;
        Some(Extent { at, len, source: self.source.skip(at.saturating_sub(self.at)) })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// At `offset` in the backing with this number.
    Backing {
        number: usize,
        offset: u64,
    },
    Absent(Absence),
}

impl Source {
    /// The source of the bytes that are `len` further on.
    pub(super) fn skip(self, len: u64) -> Source {
        match self {
            Source::Backing { number, offset } => Source::Backing { number, offset: offset.saturating_add(len) },
            absent @ Source::Absent(_) => absent,
        }
    }
}

/// The location of a member's bytes: extents in order, not overlapping. Gaps between them are holes (zeros).
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    pub(super) len: u64,
    pub(super) extents: Vec<Extent>,
}

impl Layout {
    /// One run without holes.
    pub(super) fn run(len: u64, source: Source) -> Self {
        let extents = if len == 0 { Vec::new() } else { vec![Extent { at: 0, len, source }] };
        Layout { len, extents }
    }

    /// Contents that cannot be read. If not even their length is known, one missing byte stands for all.
    pub(super) fn unreadable(len: Option<u64>) -> Self {
        Layout::run(len.unwrap_or(1), Source::Absent(Absence::Unreadable))
    }

    /// Replaces missing parts by extents; existing parts stay. Both are in order.
    pub(super) fn fill(&mut self, extents: Vec<Extent>) {
        let mut filled: Vec<Extent> = Vec::with_capacity(self.extents.len().saturating_add(extents.len()));
        let mut fillers = extents.into_iter().peekable();
        for extent in std::mem::take(&mut self.extents) {
            let end = extent.at.saturating_add(extent.len);
            if !matches!(extent.source, Source::Absent(_)) {
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

    /// The extents of a range, moved so that `offset` becomes `to`. Anything past the end is truncated.
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
            let source = Source::Absent(Absence::Truncated);
            slice.push(Extent { at: moved(from), len: end.saturating_sub(from), source });
        }
        slice
    }
}

/// The contents at an offset of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Bytes.
    Bytes(&'a [u8]),
    /// This number of zeros that are not stored.
    Hole(u64),
    /// This number of missing bytes.
    Absent(u64, Absence),
}

impl Piece<'_> {
    /// Number of the member's bytes that the piece stands for.
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
    /// Size in bytes, including holes.
    pub fn len(&self) -> u64 {
        self.layout.len
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.layout.len == 0
    }

    /// Whether some bytes exist but cannot be read, because the file system refused or the file was removed meanwhile.
    /// This has a warning of its own, and needs no other.
    pub fn is_unreadable(&self) -> bool {
        let unreadable = |e: &Extent| match e.source {
            Source::Absent(why) => why == Absence::Unreadable,
            Source::Backing { number, offset } => match self.backings.get(number) {
                Some(Backing::File(file)) => file.len().is_none_or(|len| len < offset.saturating_add(e.len)),
                _ => false,
            },
        };
        self.layout.extents.iter().any(unreadable)
    }

    /// The offset of the first byte that is missing because the archive ends or is damaged there; the length if there
    /// is none.
    pub fn cut_at(&self) -> u64 {
        let lost = |e: &&Extent| matches!(e.source, Source::Absent(why) if why != Absence::NotKept);
        let marked = self.layout.extents.iter().find(lost).map(|e| e.at);
        // The last bytes show whether the backing is as long as it must be.
        let short = self.layout.extents.last().and_then(|e| {
            let Source::Backing { number, offset } = e.source else { return None };
            let all = self.backings.get(number).and_then(Backing::len).unwrap_or_default();
            let here = all.saturating_sub(offset).min(e.len);
            (here < e.len).then(|| e.at.saturating_add(here))
        });
        [marked, short].into_iter().flatten().min().unwrap_or(self.layout.len)
    }

    /// The longest piece that begins at `offset` and has at most `most` bytes; `None` past the end.
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
        match extent.source {
            Source::Absent(why) => Some(Piece::Absent(len, why)),
            Source::Backing { number, offset } => {
                let offset = offset.saturating_add(inside);
                let got = self.backings.get(number).map_or(Err(Absence::Truncated), |backing| backing.get(offset, len));
                Some(got.map_or_else(|why| Piece::Absent(len, why), Piece::Bytes))
            }
        }
    }

    /// The pieces of a range, in order and without a gap, up to the end.
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

    /// Reads a range ahead if it is mapped, for callers that will read all of it.
    pub fn will_read(&self, offset: u64, len: u64) {
        self.each_mapped(offset, len, Backing::reads_ahead, Map::will_read);
    }

    /// Releases the pages of a range to the kernel if it is mapped. They can be read again.
    pub fn give_back(&self, offset: u64, len: u64) {
        self.each_mapped(offset, len, |_| true, Map::give_back);
    }

    fn each_mapped(&self, offset: u64, len: u64, which: fn(&Backing) -> bool, each: impl Fn(&Map, usize, usize)) {
        let end = offset.saturating_add(len);
        let first = self.layout.extents.partition_point(|e| e.at.saturating_add(e.len) <= offset);
        let extents = self.layout.extents.get(first..).unwrap_or_default();
        for extent in extents.iter().map_while(|extent| extent.clip(offset, end)) {
            if let Source::Backing { number, offset } = extent.source
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

    /// Fills a buffer with the bytes of a range that is in one piece in a readable file; `false` otherwise. For callers
    /// that go through everything once: a copy costs less than mapped pages.
    pub(crate) fn copy(&self, offset: u64, buffer: &mut [u8]) -> bool {
        let end = offset.saturating_add(u64_of(buffer.len()));
        let after = self.layout.extents.partition_point(|e| e.at <= offset);
        let extent = after.checked_sub(1).and_then(|i| self.layout.extents.get(i)).and_then(|e| e.clip(offset, end));
        let Some(Extent { at, len, source: Source::Backing { number, offset: from } }) = extent else { return false };
        let backing = self.backings.get(number).filter(|_| at == offset && len == u64_of(buffer.len()));
        backing.and_then(|backing| backing.read(from, buffer)).is_some_and(|read| read.is_ok())
    }

    /// Goes through all bytes once, in order and in parts; each hole is one part. Bytes are read if possible, which
    /// costs a copy but no mapped page and cannot be cut short by a file that shrinks. Mapped pages are released.
    ///
    /// # Errors
    ///
    /// Fails if `each` fails, which ends it.
    pub(crate) fn once<E>(&self, mut each: impl FnMut(Piece<'_>) -> Result<(), E>) -> Result<(), E> {
        let mut buffer = Vec::new();
        let mut at = 0_u64;
        while let Some((len, source)) = self.run(at) {
            let end = at.saturating_add(len);
            while at < end {
                let left = end.saturating_sub(at);
                let most = left.min(PART);
                let piece = match self.read(source, at, most, &mut buffer) {
                    Some(Ok(())) => Piece::Bytes(&buffer),
                    Some(Err(why)) => Piece::Absent(left, why),
                    None => match self.piece(at, left) {
                        Some(Piece::Bytes(bytes)) => Piece::Bytes(bytes.get(..usize_of(PART)).unwrap_or(bytes)),
                        Some(piece) => piece,
                        None => return Ok(()),
                    },
                };
                each(piece)?;
                if source.is_some() {
                    self.give_back(at, piece.len());
                }
                at = at.saturating_add(piece.len());
            }
        }
        Ok(())
    }

    /// The run that contains an offset: how many bytes of it follow, and in which backing and where they begin, if in
    /// one.
    fn run(&self, offset: u64) -> Option<(u64, Option<(usize, u64)>)> {
        let piece_end = |len: u64| self.layout.len.saturating_sub(offset).min(len);
        let left = self.layout.len.checked_sub(offset).filter(|&n| n > 0)?;
        let after = self.layout.extents.partition_point(|e| e.at <= offset);
        let here = after.checked_sub(1).and_then(|i| self.layout.extents.get(i)).and_then(|e| e.clip(offset, u64::MAX));
        let next = self.layout.extents.get(after).map_or(left, |e| e.at.saturating_sub(offset));
        Some(match here {
            Some(Extent { len, source: Source::Backing { number, offset: from }, .. }) => {
                // Relative to the beginning of the contents, so that any later offset can be derived.
                (piece_end(len), Some((number, from.wrapping_sub(offset))))
            }
            Some(extent) => (piece_end(extent.len), None),
            None => (piece_end(next), None),
        })
    }

    /// Reads `most` bytes at an offset of a run into a buffer; `None` if the run is not read from a file.
    fn read(
        &self,
        source: Option<(usize, u64)>,
        offset: u64,
        most: u64,
        buffer: &mut Vec<u8>,
    ) -> Option<Result<(), Absence>> {
        let (number, base) = source?;
        let backing = self.backings.get(number).filter(|backing| backing.can_be_read())?;
        buffer.resize(usize_of(most), 0);
        backing.read(base.wrapping_add(offset), buffer)
    }

    /// The bytes of a range; `None` if some are missing. Borrowed if they are in one piece.
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

    /// All bytes from the beginning up to the first missing one, or up to `limit`, and what stopped it, if anything
    /// did. Borrowed if they are in one piece.
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
            Extent { at: 2, len: 3, source: Source::Backing { number: 0, offset: 1 } },
            Extent { at: 8, len: 2, source: Source::Absent(Absence::Truncated) },
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
        assert_eq!(slice[0].source, Source::Backing { number: 0, offset: 2 });
        assert_eq!(at_and_len(slice), [(100, 2), (105, 1)]);
        assert_eq!(at_and_len(layout.slice(11, 5, 0)), [(1, 4)]);
        assert_eq!(at_and_len(layout.slice(20, 5, 0)), [(0, 5)]);
        assert_eq!(at_and_len(layout.slice(5, 3, 0)), []);
    }

    #[test]
    fn what_is_absent_can_be_filled() {
        let absent = |at, len| Extent { at, len, source: Source::Absent(Absence::NotKept) };
        let here = |at, len, number| Extent { at, len, source: Source::Backing { number, offset: 0 } };
        let mut layout = Layout { len: 20, extents: vec![absent(0, 8), here(8, 2, 0), absent(10, 10)] };
        layout.fill(vec![here(2, 3, 1), here(6, 8, 2), here(18, 2, 3)]);
        let parts: Vec<_> = layout.extents.iter().map(|e| (e.at, e.len, e.source)).collect();
        let not = Source::Absent(Absence::NotKept);
        let at = |number, offset| Source::Backing { number, offset };
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
        let backings = [Backing::Map(Map::with(file).unwrap()), Backing::Heap(b"abcdef".to_vec())];
        let extent = |at, number| Extent { at, len: 4, source: Source::Backing { number, offset: 1 } };
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
        let layout = Layout::run(6, Source::Backing { number: 0, offset: 0 });
        let backings = [Backing::Heap(b"abcdef".to_vec())];
        let contents = Contents { layout: &layout, backings: &backings };
        assert!(matches!(contents.prefix(100), (Cow::Borrowed(b"abcdef"), None)));
    }

    #[test]
    fn a_backing_shorter_than_its_extent_is_truncated_not_zero() {
        let layout = Layout::run(9, Source::Backing { number: 0, offset: 0 });
        let backings = [Backing::Heap(b"abcdef".to_vec())];
        let contents = Contents { layout: &layout, backings: &backings };
        let pieces: Vec<_> = contents.pieces(0, 9).collect();
        assert_eq!(pieces, [Piece::Bytes(b"abcdef"), Piece::Absent(3, Absence::Truncated)]);
    }
}
