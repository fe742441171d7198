//! The memory of a process as YARA rules see it: recorded pages with their addresses.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use bstr::{BStr, ByteSlice};

use super::super::yara::Regions;
use crate::int::usize_of;
use crate::memory::{AddressSpace, Content, Origin};
use crate::model::file::FileTable;
use crate::model::ids::FileId;
use crate::model::process::Process;
use crate::model::vma::Status;

/// Largest part of memory that is copied together from several places of an image.
const JOINED_MOST: u64 = 16 << 20;
/// Largest part of memory that is scanned in one piece. Of compressed pages, each thread has a copy of one.
const PART_MOST: u64 = 256 << 20;

/// The recorded parts of an address space.
#[derive(Debug)]
pub(super) struct Space<'t> {
    pub(super) memory: AddressSpace<'t>,
    pub(super) ranges: &'t [Range<u64>],
    /// Where the file of the program itself is mapped.
    pub(super) program: &'t [Range<u64>],
}

impl Space<'_> {
    /// Whether an address is in the program of the process: what it is, and no data that it has read.
    pub(super) fn is_of_program(&self, at: u64) -> bool {
        self.program.iter().any(|range| range.contains(&at))
    }

    /// The bytes of a range, as far as they are there.
    pub(super) fn read(&self, range: Range<u64>) -> Vec<u8> {
        let mut all = Vec::new();
        for (_, content) in self.memory.pieces(range.start, range.end) {
            if let Content::Bytes(bytes) = content {
                all.extend_from_slice(&bytes);
            }
        }
        all
    }
}

impl Regions for Space<'_> {
    fn ranges(&self) -> &[Range<u64>] {
        self.ranges
    }

    fn bytes(&self, number: usize) -> Option<Cow<'_, [u8]>> {
        let range = self.ranges.get(number)?;
        let len = usize_of(range.end.saturating_sub(range.start));
        let mut all: Cow<'_, [u8]> = Cow::Borrowed(&[]);
        for (_, content) in self.memory.pieces(range.start, range.end) {
            match content {
                Content::Bytes(bytes) if bytes.len() == len => return Some(bytes),
                Content::Bytes(bytes) => all.to_mut().extend_from_slice(&bytes),
                Content::Zeros(zeros) | Content::Untouched(zeros) => {
                    let end = all.len().saturating_add(usize_of(zeros));
                    all.to_mut().resize(end, 0);
                }
                Content::Missing(..) => return None,
            }
        }
        Some(all)
    }
}

/// The parts of memory that are scanned for a process, and whether there were too many bytes: its recorded pages, mapping by
/// mapping. Left out are the page that CRIU changes in each process, contents of deleted files, which are scanned as
/// files, and shared memory that was scanned for another process.
pub(super) fn regions_of(
    space: &AddressSpace<'_>,
    process: &Process,
    seen: &mut HashSet<(u64, u64, u64)>,
    most: u64,
) -> (Vec<Range<u64>>, bool) {
    let mappings: Vec<(u64, u64, Option<u64>, u64)> = match &process.mm {
        Some(mm) => {
            let shared = |vma| space.shared_object(vma);
            mm.vmas.iter().map(|vma| (vma.start.0, vma.end.0, shared(vma), vma.offset)).collect()
        }
        None => vec![(0, u64::MAX, None, 0)],
    };
    let of_criu = process
        .mm
        .iter()
        .flat_map(|mm| &mm.vmas)
        .find(|vma| vma.permissions().contains('x') && !vma.status.contains(Status::VSYSCALL));
    let of_criu = of_criu.map(|vma| vma.start.0..vma.start.0.saturating_add(space.page_size()));
    let (mut regions, mut left): (Vec<Range<u64>>, u64) = (Vec::new(), most);
    for (start, end, object, offset) in mappings {
        let is_first = object.is_none_or(|object| seen.insert((object, offset, end.saturating_sub(start))));
        let mut last: Option<Range<u64>> = None;
        for run in space.runs(start, end) {
            let Origin::Recorded { image, shared, .. } = run.origin else { continue };
            if shared.is_some() && !is_first || is_ghost(image) {
                continue;
            }
            for range in without(run.start..run.end, of_criu.as_ref()) {
                for part in parts(range) {
                    let len = part.end.saturating_sub(part.start);
                    let Some(rest) = left.checked_sub(len) else {
                        regions.extend(last);
                        return (regions, true);
                    };
                    left = rest;
                    match &mut last {
                        Some(open) if open.end == part.start && part.end.saturating_sub(open.start) <= JOINED_MOST => {
                            open.end = part.end;
                        }
                        open => regions.extend(open.replace(part)),
                    }
                }
            }
        }
        regions.extend(last);
    }
    (regions, false)
}

/// Where the file that a process runs is mapped. Mappings may have a record of the file of their own.
pub(super) fn program_of(files: &FileTable, process: &Process) -> Vec<Range<u64>> {
    let Some((mm, exe)) = process.mm.as_ref().and_then(|mm| Some((mm, mm.exe()?))) else { return Vec::new() };
    let name = files.regular(exe).and_then(|file| file.name.as_ref());
    let is_program =
        |id: FileId| id == exe || name.is_some() && files.regular(id).and_then(|file| file.name.as_ref()) == name;
    let of_file =
        mm.vmas.iter().filter(|vma| !vma.status.contains(Status::SOCKET) && vma.file().is_some_and(is_program));
    of_file.map(|vma| vma.start.0..vma.end.0).collect()
}

/// Whether an image is that of a deleted file.
fn is_ghost(image: &BStr) -> bool {
    image.rsplit_str("/").next().unwrap_or_default().starts_with(b"ghost-file")
}

/// A range without another.
fn without(range: Range<u64>, hole: Option<&Range<u64>>) -> impl Iterator<Item = Range<u64>> {
    let hole = hole.cloned().unwrap_or(0..0);
    let before = range.start..range.end.min(hole.start.max(range.start));
    let after = range.start.max(hole.end.min(range.end))..range.end;
    let parts = if hole.is_empty() { [range, 0..0] } else { [before, after] };
    parts.into_iter().filter(|part| !part.is_empty())
}

/// A range in parts that are not too large.
fn parts(range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let mut at = range.start;
    std::iter::from_fn(move || {
        let end = range.end.min(at.saturating_add(PART_MOST));
        let part = at..end;
        at = end;
        (!part.is_empty()).then_some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_cut_out_of_a_range() {
        let cut = |hole: Option<Range<u64>>| -> Vec<(u64, u64)> {
            without(0x1000..0x5000, hole.as_ref()).map(|part| (part.start, part.end)).collect()
        };
        assert_eq!(cut(Some(0x1000..0x2000)), [(0x2000, 0x5000)]);
        assert_eq!(cut(Some(0x2000..0x3000)), [(0x1000, 0x2000), (0x3000, 0x5000)]);
        assert_eq!(cut(Some(0x4000..0x5000)), [(0x1000, 0x4000)]);
        assert_eq!(cut(Some(0x9000..0xa000)), [(0x1000, 0x5000)]);
        assert_eq!(cut(Some(0..0x1000)), [(0x1000, 0x5000)]);
        assert_eq!(cut(None), [(0x1000, 0x5000)]);
        assert_eq!(cut(Some(0..0x9000)), []);
    }

    #[test]
    fn long_ranges_are_cut() {
        let cut: Vec<_> = parts(0..PART_MOST * 2 + 5).collect();
        assert_eq!(cut, [0..PART_MOST, PART_MOST..PART_MOST * 2, PART_MOST * 2..PART_MOST * 2 + 5]);
    }
}
