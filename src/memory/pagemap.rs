//! Pagemaps: which pages of a task or shared object were recorded, and where they are in the pages image.
//!
//! ```text
//! pagemap image = pagemap_head { pages_id }, { pagemap_entry { vaddr, count, flags } }
//! pages image   = the pages of all entries that are present, in the order of the entries
//! ```

use std::ops::Range;

use bitflags::bitflags;

use super::blocks::Blocks;
use crate::images::proto::{PagemapEntry, PagemapHead};
use crate::images::{Image, decode};
use crate::int::u64_of;
use crate::limits::Limits;
use crate::warning::{Code, Place, Warnings};

bitflags! {
    /// Where the pages of an entry are (`pagemap_entry.flags`, since CRIU 3.5).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct Flags: u32 {
        /// In the parent dump.
        const PARENT = 1;
        /// The pages could be restored lazily. Without `PRESENT`, they stayed in the frozen process.
        const LAZY = 2;
        /// In the pages image.
        const PRESENT = 4;
        /// The pages begin at the next page boundary of the image.
        const ALIGNED = 8;

        const _ = !0;
    }
}

/// Location of an entry's pages in the pages image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    /// Plain pages, from this offset.
    Raw(u64),
    /// Pages in LZ4 blocks, from this offset.
    Blocks(u64, Blocks),
    /// No pages.
    Nowhere,
}

/// A run of pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// First address (task) or offset in the object (shared memory).
    pub(super) start: u64,
    /// Size in bytes; never 0, and never past the end of the address space.
    pub(super) len: u64,
    pub(super) flags: Flags,
    pub(super) stored: Stored,
}

impl Entry {
    pub(super) fn end(&self) -> u64 {
        self.start.saturating_add(self.len)
    }
}

/// A pagemap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pagemap {
    pub(super) pages_id: u32,
    /// Entries by address, without overlaps.
    pub(super) entries: Vec<Entry>,
    /// Number of bytes that the pages image must have.
    pub(super) stored_bytes: u64,
}

impl Pagemap {
    /// Reads a pagemap. `None` if it does not name its pages image.
    ///
    /// `address_mask` removes the sign extension that CRIU adds to 32-bit addresses.
    pub(super) fn read(
        image: &Image<'_>,
        page_size: u64,
        address_mask: u64,
        limits: &Limits,
        warnings: &Warnings,
    ) -> Option<Self> {
        let mut records = image.records(limits, warnings);
        let head: Option<PagemapHead> = records.next().and_then(|r| decode(r.message, || image.place_of(&r), warnings));
        let Some(pages_id) = head.and_then(|head| head.pages_id) else {
            warnings.push(Code::ImageEmpty, image.place(), || {
                "the first record does not name a pages image; the pages are not available".to_owned()
            });
            return None;
        };
        let mut builder = Builder { page_size, entries: Vec::new(), offset: 0 };
        for record in records {
            let place = || image.place_of(&record);
            if u64_of(builder.entries.len()) >= limits.pagemap_entries {
                let limit = limits.pagemap_entries;
                warnings.push(&Limits::PAGEMAP_ENTRIES, place(), || {
                    format!("more than {limit} page runs; the rest were skipped")
                });
                break;
            }
            let Some(entry) = decode::<PagemapEntry>(record.message, place, warnings) else { continue };
            if let Err((code, why)) = builder.add(&entry, address_mask) {
                warnings.push(code, place(), || why);
            }
        }
        Some(builder.finish(pages_id, warnings, &image.place()))
    }

    /// The ranges of the pages image that are contiguous in memory too. `None` if not all pages are plain and in
    /// address order.
    pub(super) fn lines(&self) -> Option<Vec<Range<u64>>> {
        let mut lines: Vec<Range<u64>> = Vec::new();
        let mut address = None;
        for entry in &self.entries {
            let at = match entry.stored {
                Stored::Raw(at) if at.checked_add(entry.len).is_some() => at,
                Stored::Nowhere if !entry.flags.contains(Flags::PARENT) => continue,
                _ => return None,
            };
            let end = at.saturating_add(entry.len);
            match lines.last_mut() {
                Some(last) if at < last.end => return None,
                Some(last) if address == Some(entry.start) => {
                    if last.end != at {
                        return None;
                    }
                    last.end = end;
                }
                _ => lines.push(at..end),
            }
            address = Some(entry.end());
        }
        Some(lines)
    }

    /// Offsets in the pages image of the bytes of an address range, in order.
    pub(super) fn stored(&self, from: u64, to: u64) -> Vec<Range<u64>> {
        let first = self.entries.partition_point(|entry| entry.end() <= from);
        let mut ranges = Vec::new();
        for entry in self.entries.iter().skip(first).take_while(|entry| entry.start < to) {
            let (start, end) = (from.max(entry.start), to.min(entry.end()));
            let (inside, inside_end) = (start.saturating_sub(entry.start), end.saturating_sub(entry.start));
            match &entry.stored {
                Stored::Nowhere => {}
                Stored::Raw(at) => ranges.push(at.saturating_add(inside)..at.saturating_add(inside_end)),
                Stored::Blocks(at, blocks) => {
                    let mut here = inside;
                    while let Some((begin, stored_at, stored)) = blocks.at(here).filter(|_| here < inside_end) {
                        let at = at.saturating_add(stored_at);
                        ranges.push(at..at.saturating_add(stored));
                        here = begin.saturating_add(blocks.block_bytes);
                    }
                }
            }
        }
        ranges
    }
}

/// Entries in the order of the image, which is their order in the pages image.
struct Builder {
    page_size: u64,
    entries: Vec<Entry>,
    offset: u64,
}

impl Builder {
    fn add(&mut self, entry: &PagemapEntry, address_mask: u64) -> Result<(), (Code, String)> {
        let invalid = |why: String| Err((Code::PagemapInvalid, why));
        // CRIU 4.2 and later write 0 to the old field.
        let pages = entry.nr_pages.unwrap_or_else(|| entry.compat_nr_pages().into());
        let mut flags = match entry.flags {
            _ if entry.in_parent() => Flags::PARENT,
            None => Flags::PRESENT,
            Some(bits) => Flags::from_bits_retain(bits),
        };
        let start = entry.vaddr() & address_mask;
        if pages == 0 {
            return Ok(());
        }
        let Some(len) = pages.checked_mul(self.page_size).filter(|len| start.checked_add(*len).is_some()) else {
            self.offset = u64::MAX;
            return invalid(format!(
                "{pages} pages from {start:#x} run past the end of the address space; these and all later pages are not available"
            ));
        };
        if flags.contains(Flags::PARENT) {
            flags.remove(Flags::PRESENT);
        }
        let stored =
            if flags.contains(Flags::PRESENT) { self.store(entry, flags, pages, len) } else { Ok(Stored::Nowhere) };
        let (stored, result) = match stored {
            Ok(stored) => (stored, Ok(())),
            Err(why) => (Stored::Nowhere, Err((Code::PagesCompressed, why))),
        };
        if start & self.page_size.wrapping_sub(1) != 0 {
            return invalid(format!("{start:#x} is not the address of a page of {} bytes; skipped", self.page_size));
        }
        self.entries.push(Entry { start, len, flags, stored });
        result
    }

    /// Location of a present entry's pages; advances past them.
    fn store(&mut self, entry: &PagemapEntry, flags: Flags, pages: u64, len: u64) -> Result<Stored, String> {
        if flags.contains(Flags::ALIGNED) {
            self.offset = self.offset.checked_next_multiple_of(self.page_size).unwrap_or(u64::MAX);
        }
        let at = self.offset;
        if entry.compressed_size.is_none() && entry.region_pages.is_none() {
            self.offset = at.saturating_add(len);
            return Ok(Stored::Raw(at));
        }
        if let Some(blocks) = Blocks::from_entry(entry, pages, self.page_size) {
            self.offset = at.saturating_add(blocks.stored_bytes());
            return Ok(Stored::Blocks(at, blocks));
        }
        self.offset = u64::MAX;
        Err("the compressed pages have an unknown layout; these and all later pages are not available".to_owned())
    }

    fn finish(self, pages_id: u32, warnings: &Warnings, place: &Place) -> Pagemap {
        let (mut entries, stored_bytes) = (self.entries, self.offset);
        let warn = |why: String| warnings.push(Code::PagemapInvalid, place.clone(), || why);
        if !entries.is_sorted_by_key(|e| e.start) {
            warn("the entries are not in address order, as CRIU writes them".to_owned());
            entries.sort_by_key(|e| e.start);
        }
        let mut end = 0;
        entries.retain(|entry| {
            let overlaps = entry.start < end;
            if overlaps {
                warn(format!("two entries overlap at {:#x}; pages of the first are used", entry.start));
            } else {
                end = entry.end();
            }
            !overlaps
        });
        Pagemap { pages_id, entries, stored_bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(vaddr: u64, old: Option<u32>, new: Option<u64>, flags: Option<u32>) -> PagemapEntry {
        PagemapEntry { vaddr: Some(vaddr), compat_nr_pages: old, nr_pages: new, flags, ..Default::default() }
    }

    type Row = (u64, u64, u32, Stored);

    fn build(entries: &[PagemapEntry]) -> (Vec<Row>, u64, usize) {
        let mut builder = Builder { page_size: 4096, entries: Vec::new(), offset: 0 };
        let errors = entries.iter().filter(|e| builder.add(e, u64::MAX).is_err()).count();
        let rows = builder.entries.iter().map(|e| (e.start, e.len, e.flags.bits(), e.stored.clone())).collect();
        (rows, builder.offset, errors)
    }

    #[test]
    fn page_counts_of_both_generations() {
        let (rows, ..) = build(&[entry(0x1000, Some(2), None, Some(4)), entry(0x8000, Some(0), Some(3), Some(4))]);
        assert_eq!(rows, [(0x1000, 8192, 4, Stored::Raw(0)), (0x8000, 12288, 4, Stored::Raw(8192))]);
    }

    #[test]
    fn lines_are_what_lies_together_in_memory_and_in_the_image() {
        let lines = |entries: &[PagemapEntry]| {
            let mut builder = Builder { page_size: 4096, entries: Vec::new(), offset: 0 };
            assert!(entries.iter().all(|e| builder.add(e, u64::MAX).is_ok()));
            let limits = Limits::default();
            builder.finish(1, &Warnings::new(&limits), &Place::archive()).lines()
        };
        let present = |vaddr| entry(vaddr, Some(1), None, Some(4));
        let expected = [0..0x2000, 0x2000..0x3000];
        assert_eq!(lines(&[present(0x1000), present(0x2000), present(0x8000)]).unwrap(), expected);
        assert_eq!(lines(&[present(0x1000), entry(0x2000, Some(1), None, Some(1))]), None, "a part is in the parent");
        assert_eq!(lines(&[present(0x2000), present(0x1000)]), None, "not in order");
    }

    #[test]
    fn only_present_entries_take_up_room() {
        let mut old_parent = entry(0x9000, Some(5), None, None);
        old_parent.in_parent = Some(true);
        let (rows, stored, _) = build(&[
            entry(0x1000, Some(1), None, Some(1)),
            entry(0x2000, Some(1), None, Some(2)),
            entry(0x3000, Some(1), None, Some(6)),
            old_parent,
            entry(0xf000, Some(1), None, None),
        ]);
        let stored_at: Vec<_> = rows.iter().map(|r| r.3.clone()).collect();
        let expected = [Stored::Nowhere, Stored::Nowhere, Stored::Raw(0), Stored::Nowhere, Stored::Raw(4096)];
        assert_eq!((stored_at.as_slice(), stored), (&expected[..], 8192));
    }

    #[test]
    fn impossible_counts_are_refused_and_nothing_behind_them_is_guessed() {
        let (rows, stored, errors) = build(&[
            entry(0x1000, None, Some(1 << 60), Some(4)),
            entry(0x2000, Some(1), None, Some(4)),
            entry(u64::MAX - 0xfff, None, Some(2), Some(4)),
        ]);
        assert_eq!((stored, errors), (u64::MAX, 2));
        assert_eq!(rows, [(0x2000, 4096, 4, Stored::Raw(u64::MAX))]);
    }
}
