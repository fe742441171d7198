//! Divides an address space into segments, with or without bytes in the file.

use std::ops::Range;

use crate::memory::{AddressSpace, Content, Missing};
use crate::model::vma::Vma;

/// A program header for memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// `p_vaddr`.
    pub(super) address: u64,
    /// `p_filesz`.
    pub(super) file: u64,
    /// `p_memsz`.
    pub(super) memory: u64,
    /// `PF_*`.
    pub(super) flags: u32,
}

/// The memory in a core file.
#[derive(Debug, Default)]
pub(super) struct Segments {
    loads: Vec<Segment>,
    mapped: Vec<Range<u64>>,
}

/// Minimum length of zeros that take no space in the core file. Shorter ones are written, as each gap costs a program
/// header.
const LONG: u64 = 1 << 20;

/// How a part of a mapping is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Bytes in the file.
    Bytes,
    /// Zeros that take no space in the file.
    Zeros,
    /// Contents of a file: missing here, but a debugger may find them.
    OfFile,
    /// Missing. It must not look like anything else.
    Lost,
}

impl Segments {
    /// The segments of an address space. Compressed pages are inflated to see whether they can be.
    pub(super) fn of(space: &AddressSpace<'_>) -> Self {
        let mut segments = Segments::default();
        // Overlapping mappings are a sign of damage. A core file must not have them.
        let mut after = 0;
        for vma in &space.mm().vmas {
            let start = vma.start.0.max(after);
            if start < vma.end.0 {
                segments.add(space, vma, start);
                after = vma.end.0;
            }
        }
        segments
    }

    fn add(&mut self, space: &AddressSpace<'_>, vma: &Vma, start: u64) {
        let flags = flags(vma.prot);
        let mut last = Part::Lost;
        for (address, content) in space.pieces(start, vma.end.0) {
            let end = vma.end.0.min(address.saturating_add(content.len()));
            for (part, range) in parts(&content, address..end, space.page_size()) {
                if !range.is_empty() {
                    self.part(last, part, &range, flags, start);
                    last = part;
                }
            }
        }
    }

    /// Adds a part that follows another. `start` is the start of their mapping.
    fn part(&mut self, last: Part, part: Part, range: &Range<u64>, flags: u32, start: u64) {
        let (address, len) = (range.start, range.end.saturating_sub(range.start));
        match part {
            Part::OfFile | Part::Lost => {}
            // Bytes may follow bytes, and zeros may follow both.
            Part::Bytes if last == Part::Bytes => self.grow(len, len),
            Part::Zeros if matches!(last, Part::Bytes | Part::Zeros) => self.grow(0, len),
            Part::Bytes => self.loads.push(Segment { address, file: len, memory: len, flags }),
            Part::Zeros => self.loads.push(Segment { address, file: 0, memory: len, flags }),
        }
        if part != Part::Lost {
            self.map(address, len, start);
        }
    }

    fn grow(&mut self, file: u64, memory: u64) {
        if let Some(last) = self.loads.last_mut() {
            last.file = last.file.saturating_add(file);
            last.memory = last.memory.saturating_add(memory);
        }
    }

    /// Adds a range that equals the file behind it, is stored, or is zeros. `start` is the start of its mapping.
    fn map(&mut self, address: u64, len: u64, start: u64) {
        let end = address.saturating_add(len);
        match self.mapped.last_mut() {
            Some(last) if last.end == address && address != start => last.end = end,
            _ => self.mapped.push(address..end),
        }
    }

    /// The segments, sorted by address.
    pub(super) fn loads(&self) -> &[Segment] {
        &self.loads
    }

    /// The parts of a mapping for which a file is named. The kernel names it for the whole mapping, even beyond the end
    /// of the file, or if it is `/dev/zero`. Only changed parts that are lost are skipped: without bytes in the core
    /// file, a debugger would read the file, whose bytes are different.
    pub(super) fn mapped(&self, from: u64, to: u64) -> &[Range<u64>] {
        let first = self.mapped.partition_point(|range| range.start < from);
        let end = self.mapped.partition_point(|range| range.start < to);
        self.mapped.get(first..end).unwrap_or_default()
    }
}

/// Divides a piece of memory into parts. Holes of sparse members may begin and end anywhere, segments only at pages.
fn parts(content: &Content<'_>, range: Range<u64>, page_size: u64) -> [(Part, Range<u64>); 3] {
    let whole = |part| [(part, range.clone()), (part, 0..0), (part, 0..0)];
    match content {
        Content::Bytes(_) => whole(Part::Bytes),
        Content::Untouched(_) => whole(Part::Zeros),
        Content::Missing(_, Missing::FileBacked) => whole(Part::OfFile),
        Content::Missing(..) => whole(Part::Lost),
        Content::Zeros(_) => {
            let from = range.start.checked_next_multiple_of(page_size.max(1)).unwrap_or(range.end);
            let to = range.end.saturating_sub(range.end.checked_rem(page_size).unwrap_or_default());
            if to.saturating_sub(from) < LONG {
                return whole(Part::Bytes);
            }
            [(Part::Bytes, range.start..from), (Part::Zeros, from..to), (Part::Bytes, to..range.end)]
        }
    }
}

/// `PF_X` 1, `PF_W` 2, `PF_R` 4 of `PROT_READ` 1, `PROT_WRITE` 2, `PROT_EXEC` 4.
fn flags(prot: u32) -> u32 {
    (prot & 1) << 2 | prot & 2 | (prot & 4) >> 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_holes_are_written_and_long_ones_are_not() {
        let short = parts(&Content::Zeros(0x3000), 0x1200..0x4200, 0x1000);
        assert_eq!(short[0], (Part::Bytes, 0x1200..0x4200));
        let long = parts(&Content::Zeros(0x20_0000), 0x1200..0x20_1200, 0x1000);
        let expected =
            [(Part::Bytes, 0x1200..0x2000), (Part::Zeros, 0x2000..0x20_1000), (Part::Bytes, 0x20_1000..0x20_1200)];
        assert_eq!(long, expected);
    }

    #[test]
    fn permissions_have_other_bits_than_protection() {
        assert_eq!((flags(1), flags(2), flags(4), flags(3), flags(5)), (4, 2, 1, 6, 5));
    }
}
