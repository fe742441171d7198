//! The marks that an ELF image in memory leaves without its header.

use goblin::container::Ctx;
use goblin::elf::program_header::{PT_LOAD, ProgramHeader};

use crate::int::{u64_of, usize_of};

/// A mark of an ELF image other than its header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Offset of the mark.
    pub(crate) offset: usize,
    /// What it is.
    pub(crate) what: &'static str,
    /// How much it says: three points make an image.
    pub(crate) points: u32,
}

/// The marks of an ELF image in bytes that begin at a page.
pub(crate) fn marks(bytes: &[u8], is_64: bool) -> Vec<Mark> {
    let mut marks = Vec::new();
    let mut add =
        |offset: Option<usize>, what, points| marks.extend(offset.map(|offset| Mark { offset, what, points }));
    add(program_headers(bytes, is_64), "a table of program headers", 2);
    add(dynamic(bytes, is_64), "a dynamic section", 2);
    let find = |needle: &[u8]| memchr::memmem::find(bytes, needle);
    // Versions of symbols stand in a table of strings, between NULs.
    add(find(b"\0GLIBC_2."), "versions of the C library's symbols", 1);
    add(find(b"\0libc.so.6\0").or_else(|| find(b"\0libc.musl-")), "the name of a C library it needs", 1);
    add(find(b"GCC: (").or_else(|| find(b"rustc version ")), "the mark of a compiler", 1);
    add(find(b"/lib64/ld-linux-").or_else(|| find(b"/lib/ld-")), "the path of the dynamic loader", 1);
    add(go_table(bytes), "the table of functions of a Go program", 2);
    add(find(b"\xff Go build ID: \""), "the mark of Go's linker", 1);
    // Programs without a dynamic section have the C library in them, and no name of one.
    add(unwinding(bytes), "a table for unwinding the stack", 2);
    add(linked_library(bytes), "texts of a C library that was linked into it", 2);
    marks
}

/// The offset of a table of program headers: the first describes itself, or loads the file from its beginning.
pub(super) fn program_headers(bytes: &[u8], is_64: bool) -> Option<usize> {
    let (at, size) = if is_64 { (64, 56) } else { (52, 32) };
    let context = Ctx::new(
        if is_64 { goblin::container::Container::Big } else { goblin::container::Container::Little },
        goblin::container::Endian::Little,
    );
    let headers = ProgramHeader::parse(bytes.get(..4096.min(bytes.len()))?, at, 3, context).ok()?;
    let known = |segment: &ProgramHeader| {
        (1..=7).contains(&segment.p_type) || (0x6474_e550..=0x6474_e554).contains(&segment.p_type)
    };
    let is_honest = |segment: &ProgramHeader| {
        known(segment)
            && segment.p_flags & !7 == 0
            && segment.p_memsz >= segment.p_filesz
            && segment.p_filesz < 1 << 32
            && (segment.p_align <= 1 || segment.p_align.is_power_of_two())
    };
    let begins = headers.iter().any(|segment| {
        (segment.p_type == PT_LOAD && segment.p_offset == 0 && segment.p_filesz > u64_of(at))
            || (segment.p_type == 6 && segment.p_offset == u64_of(at) && segment.p_filesz >= u64_of(size))
    });
    (headers.len() == 3 && begins && headers.iter().all(is_honest)).then_some(at)
}

/// The offset of a dynamic section: pairs of tag and value, with the tags of the tables that every one has, up to an
/// empty pair.
fn dynamic(bytes: &[u8], is_64: bool) -> Option<usize> {
    const MOST: usize = 128;
    let word = if is_64 { 8 } else { 4 };
    let number = |at: usize| -> Option<u64> {
        let bytes = bytes.get(at..at.checked_add(word)?)?;
        Some(match bytes {
            [a, b, c, d] => u32::from_le_bytes([*a, *b, *c, *d]).into(),
            _ => u64::from_le_bytes(*bytes.first_chunk::<8>()?),
        })
    };
    let is_tag = |tag: u64| tag <= 37 || (0x6000_0000..=0x7fff_ffff).contains(&tag);
    // A section has DT_STRSZ (10), then DT_SYMENT (11) with the size of a symbol.
    let size = if is_64 { 24_u64 } else { 16 };
    let mut needle = Vec::new();
    if is_64 {
        needle.extend(11_u64.to_le_bytes());
        needle.extend(size.to_le_bytes());
    } else {
        needle.extend(11_u32.to_le_bytes());
        needle.extend(16_u32.to_le_bytes());
    }
    let pair = word.saturating_mul(2);
    memchr::memmem::find_iter(bytes, &needle).take(64).find(|&at| {
        if !at.is_multiple_of(word) {
            return false;
        }
        let mut seen = 0_u32;
        let mut count = 0_u32;
        // Backward to the first pair that is none, then forward to the empty one.
        for step in 1..MOST {
            let Some(place) = at.checked_sub(step.saturating_mul(pair)) else { break };
            match number(place) {
                Some(tag @ 1..) if is_tag(tag) => {
                    seen |= bit(tag);
                    count = count.saturating_add(1);
                }
                _ => break,
            }
        }
        for step in 1..MOST {
            match number(at.saturating_add(step.saturating_mul(pair))) {
                Some(tag @ 1..) if is_tag(tag) => {
                    seen |= bit(tag);
                    count = count.saturating_add(1);
                }
                Some(0) => break,
                _ => return false,
            }
        }
        // DT_STRTAB, DT_SYMTAB, DT_STRSZ.
        count >= 5 && seen & 0b100_0110_0000 == 0b100_0110_0000
    })
}

/// The offset of a table for unwinding (`.eh_frame_hdr`): its header, and entries of code and of description that are
/// sorted by code. Linkers make it; compilers that write code as a program runs do not.
fn unwinding(bytes: &[u8]) -> Option<usize> {
    /// Version 1; the pointer relative to itself, the number, and the entries relative to the table, of four bytes each.
    const HEADER: &[u8] = b"\x01\x1b\x03\x3b";
    const FEWEST: u32 = 4;
    const MOST: u32 = 1 << 20;
    const LOOKED_AT: usize = 64;
    let number = |at: usize| Some(i32::from_le_bytes(*bytes.get(at..)?.first_chunk::<4>()?));
    memchr::memmem::find_iter(bytes, HEADER).take(64).find(|&at| {
        let Some(count) = number(at.saturating_add(8)).and_then(|count| u32::try_from(count).ok()) else {
            return false;
        };
        if !at.is_multiple_of(4) || !(FEWEST..=MOST).contains(&count) {
            return false;
        }
        let entries = usize_of(count.into()).min(LOOKED_AT);
        let from = at.saturating_add(12);
        let all: Option<Vec<(i32, i32)>> = (0..entries)
            .map(|entry| {
                let here = from.saturating_add(entry.saturating_mul(8));
                Some((number(here)?, number(here.saturating_add(4))?))
            })
            .collect();
        // Descriptions follow the table.
        let end = 12_u32.saturating_add(count.saturating_mul(8));
        let is_description = |place: i32| u32::try_from(place).is_ok_and(|place| place >= end && place < 1 << 28);
        all.is_some_and(|all| {
            all.is_sorted_by(|(one, _), (other, _)| one < other) && all.iter().all(|(_, place)| is_description(*place))
        })
    })
}

/// The offset of texts that only the C library has, if several kinds of them are there.
fn linked_library(bytes: &[u8]) -> Option<usize> {
    const TEXTS: [&[u8]; 6] = [
        b"FATAL: kernel too old",
        b"malloc(): corrupted top size",
        b"free(): invalid pointer",
        b"*** %s ***: terminated",
        b"/usr/lib/locale/locale-archive",
        b"libc-start.h",
    ];
    let mut found = TEXTS.iter().filter_map(|text| memchr::memmem::find(bytes, text));
    let first = found.next()?;
    found.next().and(found.next()).map(|_| first)
}

fn bit(tag: u64) -> u32 {
    u32::try_from(tag).ok().and_then(|tag| 1_u32.checked_shl(tag)).unwrap_or(0)
}

/// The offset of the table of functions that each Go program has.
fn go_table(bytes: &[u8]) -> Option<usize> {
    const MAGICS: [&[u8]; 3] = [b"\xf1\xff\xff\xff\0\0", b"\xf0\xff\xff\xff\0\0", b"\xfb\xff\xff\xff\0\0"];
    MAGICS.iter().find_map(|magic| {
        memchr::memmem::find_iter(bytes, magic).take(64).find(|&at| {
            let rest = bytes.get(at.saturating_add(6)..).unwrap_or_default();
            matches!(rest, [1 | 2 | 4, 4 | 8, ..])
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elf::Image;

    #[test]
    #[cfg(all(target_os = "linux", target_pointer_width = "64", target_endian = "little"))]
    fn an_image_without_its_header_is_known_by_its_marks() {
        let this = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let mut wiped = this[..this.len().min(32 << 20)].to_vec();
        wiped[..64].fill(0);
        assert!(Image::read(&wiped[..4096]).is_none());
        assert!(marks(&wiped, true).iter().map(|mark| mark.points).sum::<u32>() >= 4, "{:?}", marks(&wiped, true));
    }

    #[test]
    fn a_static_image_has_a_table_for_unwinding_and_texts_of_its_c_library() {
        let table = |entries: &[(i32, i32)]| {
            let mut bytes = vec![0; 64];
            bytes.extend(b"\x01\x1b\x03\x3b");
            bytes.extend(100_i32.to_le_bytes());
            bytes.extend(i32::try_from(entries.len()).unwrap().to_le_bytes());
            bytes.extend(entries.iter().flat_map(|(code, place)| [code.to_le_bytes(), place.to_le_bytes()]).flatten());
            bytes.extend([0; 64]);
            bytes
        };
        let sorted = [(-4096, 60), (-4000, 90), (-3900, 140), (-64, 200)];
        let mut image = table(&sorted);
        assert_eq!(unwinding(&image), Some(64));
        image.extend(b"\0FATAL: kernel too old\n\0free(): invalid pointer\0*** %s ***: terminated\n\0");
        assert!(marks(&image, true).iter().map(|mark| mark.points).sum::<u32>() >= 4, "{:?}", marks(&image, true));
        // Not sorted, too few, and descriptions that are no offsets.
        assert_eq!(unwinding(&table(&[(-4096, 60), (-5000, 90), (-3900, 140), (-64, 200)])), None);
        assert_eq!(unwinding(&table(&sorted[..2])), None);
        assert_eq!(unwinding(&table(&[(-4096, -60), (-4000, 90), (-3900, 140), (-64, 200)])), None);
        assert_eq!(unwinding(&image[..100]), None);
    }

    #[test]
    fn text_and_code_have_no_marks() {
        let text = b"This program needs libc.so.6 and GLIBC_2.34. ".repeat(100);
        assert!(marks(&text, true).is_empty(), "{:?}", marks(&text, true));
        assert!(marks(&[0x90; 4096], true).is_empty() && marks(&[0; 4096], true).is_empty());
        let pairs: Vec<u8> = (0..512_u64).flat_map(|number| [number % 40, 24]).flat_map(u64::to_le_bytes).collect();
        assert_eq!(dynamic(&pairs, true), None);
    }
}
