//! Makes files of images that were in memory, so that other tools can read them.
//!
//! What a loader laid out in memory is put back to its places in the file. Data is as the program had it at the time of the
//! dump: pointers are filled in, variables have their values. Nothing is made up: where bytes are missing, headers that lead
//! there are taken out, and there is a table of sections only if all that it names is known.

mod draft;
mod partial;
mod sections;

use goblin::elf::dynamic::{
    DT_FINI, DT_FINI_ARRAY, DT_GNU_HASH, DT_HASH, DT_INIT, DT_INIT_ARRAY, DT_JMPREL, DT_PLTGOT, DT_PREINIT_ARRAY,
    DT_REL, DT_RELA, DT_STRTAB, DT_SYMTAB, DT_VERDEF, DT_VERNEED, DT_VERSYM, Dyn,
};
use goblin::elf::header::Header;
use goblin::elf::program_header::{PT_DYNAMIC, PT_INTERP, PT_NOTE, PT_NULL, ProgramHeader};
use goblin::elf::section_header::SectionHeader;
use scroll::Pwrite as _;

use self::draft::Draft;
pub(crate) use self::partial::{Part, file_of_parts};
use super::{Bytes, Elf, Layout};
use crate::int::{u64_of, usize_of};

/// `DT_RELR`.
const DT_RELR: u64 = 36;
/// Tags of the dynamic section that are addresses.
const POINTERS: [u64; 17] = [
    DT_PLTGOT,
    DT_HASH,
    DT_STRTAB,
    DT_SYMTAB,
    DT_RELA,
    DT_INIT,
    DT_FINI,
    DT_REL,
    DT_JMPREL,
    DT_INIT_ARRAY,
    DT_FINI_ARRAY,
    DT_PREINIT_ARRAY,
    DT_GNU_HASH,
    DT_VERSYM,
    DT_VERNEED,
    DT_VERDEF,
    DT_RELR,
];

/// Nothing had to be made.
pub(crate) const AS_IT_WAS: &str = "as it was in memory";

/// A file that was made of an image.
#[derive(Debug)]
pub(crate) struct Made {
    /// Its bytes. Holes are what is missing.
    pub(crate) bytes: Bytes<'static>,
    /// How it was made.
    pub(crate) how: &'static str,
}

/// The file that an image was, as far as it can be told. `None` if its header is not known.
pub(crate) fn file_of(elf: &Elf<'_>) -> Option<Made> {
    match elf.layout {
        Layout::File => of_file(elf),
        Layout::Loaded(base) => of_memory(elf, base),
    }
}

/// An image that lies as its file does.
fn of_file(elf: &Elf<'_>) -> Option<Made> {
    let end = elf.end().min(elf.bytes.len());
    let mut draft = Draft::of(elf.bytes, end);
    if elf.bytes.get(0, end).is_some() && has_whole_sections(elf, end) {
        return Some(Made { bytes: draft.finish(end), how: AS_IT_WAS });
    }
    without_missing(elf, &mut draft)?;
    Some(Made { bytes: draft.finish(end), how: "without the headers of what is missing" })
}

fn has_whole_sections(elf: &Elf<'_>, end: u64) -> bool {
    let header = &elf.header;
    let len = u64::from(header.e_shnum).saturating_mul(header.e_shentsize.into());
    header.e_shoff == 0 || (!elf.sections.is_empty() && header.e_shoff.saturating_add(len) <= end)
}

/// An image that lies as a loader laid it out.
fn of_memory(elf: &Elf<'_>, base: u64) -> Option<Made> {
    let mut draft = Draft::default();
    let head = u64_of(Header::size(elf.context));
    draft.add(0, elf.bytes.get(0, head)?);
    // Segments of an honest file have no bytes in common, so together they are no longer than the image.
    let mut left = elf.bytes.known();
    for load in elf.loads() {
        let from = load.p_vaddr.checked_sub(base)?;
        let to = from.saturating_add(load.p_filesz);
        for (at, piece) in elf.bytes.pieces() {
            let end = at.saturating_add(u64_of(piece.len()));
            let (start, stop) = (at.max(from), end.min(to));
            let stop = stop.min(start.saturating_add(left));
            if start < stop {
                left = left.saturating_sub(stop.saturating_sub(start));
                let piece = piece.get(usize_of(start.saturating_sub(at))..usize_of(stop.saturating_sub(at)))?;
                draft.add(load.p_offset.saturating_add(start.saturating_sub(from)), piece);
            }
        }
    }
    let end = elf.loads().map(|load| load.p_offset.saturating_add(load.p_filesz)).max().unwrap_or(head);
    // In the file, the program headers stand at their place; a segment has them.
    draft.header(elf, |header| {
        (header.e_shoff, header.e_shnum, header.e_shstrndx, header.e_shentsize) = (0, 0, 0, 0);
    })?;
    addresses_back(elf, &mut draft);
    let bytes = draft.finish(end);
    let file = Elf::read(&bytes)?;
    let mut draft = Draft::of(&bytes, end);
    let Some((end, how)) = with_sections(&file, &mut draft, end) else {
        without_missing(&file, &mut draft)?;
        return Some(Made { bytes: draft.finish(end), how: "put back to its places in the file, without sections" });
    };
    Some(Made { bytes: draft.finish(end), how })
}

/// Turns what the loader made of the pointers of the dynamic section back to what the file has.
fn addresses_back(elf: &Elf<'_>, draft: &mut Draft<'_>) {
    let Some(segment) = elf.segment(PT_DYNAMIC) else { return };
    let size = Dyn::size(elf.context.container);
    let inside = |address: u64| {
        elf.loads().any(|load| (load.p_vaddr..=load.p_vaddr.saturating_add(load.p_memsz)).contains(&address))
    };
    for (number, entry) in elf.dynamic.iter().enumerate() {
        if !POINTERS.contains(&entry.d_tag) || inside(entry.d_val) {
            continue;
        }
        let Layout::Loaded(base) = elf.layout else { return };
        let Some(place) = elf.pointed(entry.d_val) else { continue };
        let mut bytes = vec![0; size];
        let moved = Dyn { d_tag: entry.d_tag, d_val: base.saturating_add(place) };
        if bytes.pwrite_with(moved, 0, elf.context).is_ok() {
            draft.patch(segment.p_offset.saturating_add(u64_of(size.saturating_mul(number))), &bytes);
        }
    }
}

/// Adds a table of sections, if all that it names is known. Returns the new end.
fn with_sections(elf: &Elf<'_>, draft: &mut Draft<'_>, end: u64) -> Option<(u64, &'static str)> {
    let all = sections::of(elf)?;
    let (mut names, mut headers) = (vec![0_u8], Vec::new());
    let at = end.checked_next_multiple_of(8)?;
    let size = SectionHeader::size(elf.context);
    for (name, mut header) in all {
        header.sh_name = if name.is_empty() { 0 } else { names.len() };
        if !name.is_empty() {
            names.extend_from_slice(name.as_bytes());
            names.push(0);
        }
        headers.push(header);
    }
    let names_len = names.len();
    if let Some(last) = headers.last_mut() {
        (last.sh_offset, last.sh_size) = (at, u64_of(names_len));
    }
    let table_at = at.checked_add(u64_of(names_len))?.checked_next_multiple_of(8)?;
    let mut table = vec![0; size.checked_mul(headers.len())?];
    let count = u16::try_from(headers.len()).ok()?;
    for (number, header) in headers.into_iter().enumerate() {
        table.pwrite_with(header, size.checked_mul(number)?, elf.context).ok()?;
    }
    let table_len = u64_of(table.len());
    draft.add(at, names);
    draft.add(table_at, table);
    draft.header(elf, |header| {
        header.e_shoff = table_at;
        header.e_shnum = count;
        header.e_shstrndx = count.saturating_sub(1);
        header.e_shentsize = u16::try_from(size).unwrap_or(0);
    })?;
    Some((table_at.checked_add(table_len)?, "put back to its places in the file, with a new table of sections"))
}

/// Takes out the headers that lead to missing bytes.
fn without_missing(elf: &Elf<'_>, draft: &mut Draft<'_>) -> Option<()> {
    draft.header(elf, |header| {
        (header.e_shoff, header.e_shnum, header.e_shstrndx, header.e_shentsize) = (0, 0, 0, 0);
    })?;
    let size = ProgramHeader::size(elf.context);
    for (number, segment) in elf.segments.iter().enumerate() {
        let is_read = matches!(segment.p_type, PT_INTERP | PT_NOTE | PT_DYNAMIC);
        let is_known = elf.bytes.get(segment.p_offset, segment.p_filesz).is_some();
        if !is_read || is_known && (segment.p_type != PT_DYNAMIC || has_tables(elf)) {
            continue;
        }
        let mut bytes = vec![0; size];
        let empty = ProgramHeader { p_type: PT_NULL, ..segment.clone() };
        bytes.pwrite_with(empty, 0, elf.context).ok()?;
        draft.patch(elf.header.e_phoff.saturating_add(u64_of(size.saturating_mul(number))), &bytes);
    }
    Some(())
}

/// Whether the tables that the dynamic section names are known.
fn has_tables(elf: &Elf<'_>) -> bool {
    sections::of(elf).is_some()
}

#[cfg(test)]
#[cfg(all(target_os = "linux", target_endian = "little"))]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::abi::arch::Arch;

    /// What `readelf -a` says of a file on standard error. `None` without the program.
    fn readelf(bytes: &Bytes<'_>) -> Option<(String, String)> {
        let file = tempfile::NamedTempFile::new().unwrap();
        let whole = bytes.get(0, bytes.len()).map_or_else(
            || {
                let mut whole = vec![0; usize_of(bytes.len())];
                for (at, piece) in bytes.pieces() {
                    whole[usize_of(at)..][..piece.len()].copy_from_slice(piece);
                }
                whole
            },
            <[u8]>::to_vec,
        );
        std::fs::write(file.path(), whole).unwrap();
        let ran = Command::new("readelf").args(["-a", "-W"]).arg(file.path()).env("LC_ALL", "C").output();
        let Ok(ran) = ran else {
            eprintln!("SKIPPED: readelf is not installed");
            return None;
        };
        assert!(ran.status.success());
        Some((String::from_utf8_lossy(&ran.stdout).into_owned(), String::from_utf8_lossy(&ran.stderr).into_owned()))
    }

    fn program() -> Vec<u8> {
        std::fs::read("/usr/bin/true").or_else(|_| std::fs::read("/bin/true")).unwrap()
    }

    /// A program as a loader lays it out, without its sections; with `at`, the loader has filled in the dynamic section.
    fn loaded(program: &[u8], at: Option<u64>) -> Bytes<'static> {
        let whole = Bytes::whole(program.to_vec());
        let elf = Elf::read(&whole).unwrap();
        let mut bytes = Bytes::default();
        for load in elf.loads() {
            let mut part = program[usize_of(load.p_offset)..][..usize_of(load.p_filesz)].to_vec();
            let dynamic = elf.segment(PT_DYNAMIC).unwrap();
            if let Some(base) = at
                && (load.p_offset..load.p_offset + load.p_filesz).contains(&dynamic.p_offset)
            {
                let from = usize_of(dynamic.p_offset - load.p_offset);
                for (number, entry) in
                    elf.dynamic.iter().enumerate().filter(|(_, entry)| POINTERS.contains(&entry.d_tag))
                {
                    let moved = Dyn { d_tag: entry.d_tag, d_val: entry.d_val + base };
                    part.pwrite_with(moved, from + number * Dyn::size(elf.context.container), elf.context).unwrap();
                }
            }
            part.resize(usize_of(load.p_memsz), 0);
            bytes.push(load.p_vaddr, part.into());
        }
        bytes
    }

    #[test]
    fn what_was_loaded_becomes_a_file_again() {
        let program = program();
        let whole = Bytes::whole(program.clone());
        let original = Elf::read(&whole).unwrap();
        for at in [None, Some(0x7f00_0000_0000)] {
            let bytes = loaded(&program, at);
            let elf = Elf::read_at(&bytes, at).unwrap();
            assert!(matches!(elf.layout, Layout::Loaded(0)), "{:?}", elf.layout);
            assert_eq!((elf.soname(), elf.needed()), (original.soname(), original.needed()));
            let made = file_of(&elf).unwrap();
            assert!(made.how.ends_with("a new table of sections"), "{}", made.how);
            let file = Elf::read(&made.bytes).unwrap();
            assert!(file.faults.is_empty(), "{:?}", file.faults);
            assert_eq!(file.symbols().unwrap().imports, original.symbols().unwrap().imports);
            for load in original.loads().filter(|load| load.p_flags & 2 == 0) {
                // The header says where the new table of sections is.
                let (at, len) = (load.p_offset.max(64), load.p_filesz - 64_u64.saturating_sub(load.p_offset));
                assert!(made.bytes.get(at, len) == whole.get(at, len), "{load:?}");
            }
            if let Some((said, wrong)) = readelf(&made.bytes) {
                assert_eq!(wrong, "");
                assert!(
                    said.contains(".dynsym") && said.contains(".rela.dyn") && said.contains(".init_array"),
                    "{said}"
                );
            }
        }
    }

    #[test]
    fn segments_over_the_same_bytes_are_copied_once() {
        use goblin::container::{Container, Ctx, Endian};
        use scroll::Cwrite as _;

        const LOADS: u64 = 64;
        const LEN: u64 = 1 << 20;
        let context = Ctx::new(Container::Big, Endian::Little);
        let (head, size) = (u64_of(Header::size(context)), u64_of(ProgramHeader::size(context)));
        // The segments name the same part of the file, or each another one.
        for apart in [0, LEN] {
            let mut image = vec![7; usize_of(LEN)];
            let header =
                Header { e_type: 3, e_machine: 62, e_phoff: head, e_phnum: 64, e_shentsize: 0, ..Header::new(context) };
            image.as_mut_slice().cwrite_with(header, 0, context);
            for number in 0..LOADS {
                let load = ProgramHeader {
                    p_type: goblin::elf::program_header::PT_LOAD,
                    p_flags: 5,
                    p_offset: number * apart,
                    p_vaddr: 0,
                    p_filesz: LEN,
                    p_memsz: LEN,
                    ..ProgramHeader::new()
                };
                image.pwrite_with(load, usize_of(head + number * size), context).unwrap();
            }
            let bytes = Bytes::whole(image);
            let elf = Elf::read(&bytes).unwrap();
            let made = of_memory(&elf, 0).unwrap();
            assert!(made.bytes.known() <= LEN + LEN / 2, "{}", made.bytes.known());
        }
    }

    #[test]
    fn what_is_missing_is_not_named() {
        let program = program();
        let mut bytes = Bytes::whole(program.clone()).cut(4096);
        bytes.extend_to(u64_of(program.len()));
        let made = file_of(&Elf::read(&bytes).unwrap()).unwrap();
        assert_eq!(made.how, "without the headers of what is missing");
        if let Some((_, wrong)) = readelf(&made.bytes) {
            assert_eq!(wrong, "");
        }
    }

    #[test]
    fn changed_pages_get_a_header_of_their_own() {
        let mut bytes = Bytes::default();
        bytes.push(0x3000, vec![7; 4096].into());
        let parts = [
            Part { offset: 0x1000, address: 0x1000, len: 0x1000, flags: 5 },
            Part { offset: 0x3000, address: 0x4000, len: 0x2000, flags: 6 },
        ];
        let made = file_of_parts(&bytes, &parts, Some(Arch::X86_64), true).unwrap();
        let elf = Elf::read(&made.bytes).unwrap();
        assert_eq!((elf.loads().count(), elf.kind(), elf.machine()), (2, Some("library"), "x86_64".to_owned()));
        assert_eq!(made.bytes.get(0x3000, 4096).unwrap(), [7; 4096]);
        if let Some((_, wrong)) = readelf(&made.bytes) {
            assert_eq!(wrong, "");
        }
        let mut full = Bytes::default();
        full.push(64, vec![7; 4096].into());
        assert!(file_of_parts(&full, &parts, Some(Arch::X86_64), true).is_none());
    }
}
