//! ELF files by their first bytes: type, machine and build id. Nothing in the bytes is trusted: each number is checked
//! before use.
//!
//! Source: the ELF specification (gABI, chapters 4 and 5); `elf.h` of the GNU C library for the build id.

use data_encoding::HEXLOWER;
use goblin::container::Ctx;
use goblin::elf::Elf;
use goblin::elf::header::{ET_CORE, ET_DYN, ET_EXEC, ET_REL, Header, machine_to_str};
use goblin::elf::note::{NT_GNU_BUILD_ID, NoteDataIterator};
use goblin::elf::program_header::{PT_NOTE, ProgramHeader};

use crate::int::usize_of;

/// The first bytes of an ELF file.
pub(crate) const MAGIC: &[u8; 4] = b"\x7fELF";

/// Longest build id that is accepted, in bytes. Linkers write 8 to 32 bytes.
const BUILD_ID: usize = 64;

/// The headers of an ELF file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ElfFile {
    /// `relocatable`, `executable`, `shared_object` or `core`. `None` for other types.
    pub(crate) file_type: Option<&'static str>,
    /// The machine in the words of `elf.h`, in lower case, such as `x86_64`. A number for an unknown machine. `None`
    /// only in the default.
    pub(crate) machine: Option<String>,
    /// The build id in hexadecimal.
    pub(crate) build_id: Option<String>,
}

impl ElfFile {
    /// Reads the headers from the beginning of a file. `None` if the bytes are not those of an ELF file. A build id
    /// beyond the bytes is not found.
    pub(crate) fn read(head: &[u8]) -> Option<Self> {
        if !head.starts_with(MAGIC) {
            return None;
        }
        let header = Elf::parse_header(head).ok()?;
        let context = Ctx::new(header.container().ok()?, header.endianness().ok()?);
        Some(ElfFile {
            file_type: file_type(header.e_type),
            machine: Some(machine(header.e_machine)),
            build_id: build_id(head, &header, context).map(|id| HEXLOWER.encode(id)),
        })
    }
}

pub(super) fn file_type(number: u16) -> Option<&'static str> {
    Some(match number {
        ET_REL => "relocatable",
        ET_EXEC => "executable",
        ET_DYN => "shared_object",
        ET_CORE => "core",
        _ => return None,
    })
}

pub(super) fn machine(number: u16) -> String {
    match machine_to_str(number) {
        "EM_UNKNOWN" => number.to_string(),
        name => name.to_ascii_lowercase(),
    }
}

/// The build id among the notes of the program headers.
fn build_id<'b>(head: &'b [u8], header: &Header, context: Ctx) -> Option<&'b [u8]> {
    let at = usize_of(header.e_phoff);
    let headers = ProgramHeader::parse(head, at, header.e_phnum.into(), context).ok()?;
    // Segments may all claim the same bytes. Those of an honest file do not overlap, so together they are no longer than it.
    let mut left = head.len();
    headers.iter().filter(|header| header.p_type == PT_NOTE).find_map(|segment| {
        let data = head.get(usize_of(segment.p_offset)..)?;
        let data = data.get(..usize_of(segment.p_filesz).min(left)).unwrap_or(data);
        let data = data.get(..left).unwrap_or(data);
        left = left.saturating_sub(data.len());
        id_of_notes(data, segment.p_align, context)
    })
}

/// The build id among notes, whose parts begin at multiples of an alignment: 8, or else 4.
pub(super) fn id_of_notes(data: &[u8], alignment: u64, context: Ctx) -> Option<&[u8]> {
    let alignment = if alignment == 8 { 8 } else { 4 };
    let notes = NoteDataIterator { data, size: data.len(), offset: 0, ctx: (alignment, context) };
    let is_build_id = |name: &str, number| name == "GNU" && number == NT_GNU_BUILD_ID;
    let note = notes.map_while(Result::ok).find(|note| is_build_id(note.name, note.n_type))?;
    (1..=BUILD_ID).contains(&note.desc.len()).then_some(note.desc)
}

#[cfg(test)]
mod tests {
    use goblin::container::{Container, Endian};
    use goblin::elf::header::{EM_386, EM_AARCH64, EM_S390, EM_X86_64};
    use proptest::collection::vec;
    use proptest::prelude::*;
    use scroll::{Cwrite as _, Pwrite as _};

    use super::*;

    /// The beginning of a file with one segment of notes.
    fn file(container: Container, endian: Endian, e_type: u16, e_machine: u16, notes: &[u8]) -> Vec<u8> {
        let context = Ctx::new(container, endian);
        let (header_size, segment_size) = (Header::size(context), ProgramHeader::size(context));
        let mut bytes = vec![0; header_size + segment_size];
        let e_phoff = header_size as u64;
        let header = Header { e_type, e_machine, e_phoff, e_phnum: 1, ..Header::new(context) };
        bytes.as_mut_slice().cwrite_with(header, 0, context);
        let (p_offset, p_filesz) = (bytes.len() as u64, notes.len() as u64);
        let segment = ProgramHeader { p_type: PT_NOTE, p_offset, p_filesz, p_align: 4, ..ProgramHeader::new() };
        bytes.pwrite_with(segment, header_size, context).unwrap();
        bytes.extend(notes);
        bytes
    }

    fn note(endian: Endian, number: u32, name: &[u8], desc: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let len = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap();
        for number in [len(name), len(desc), number] {
            bytes.extend(if endian == Endian::Little { number.to_le_bytes() } else { number.to_be_bytes() });
        }
        for part in [name, desc] {
            bytes.extend(part);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        bytes
    }

    #[test]
    fn every_class_and_byte_order_is_read() {
        for (container, endian, e_machine, name) in [
            (Container::Big, Endian::Little, EM_X86_64, "x86_64"),
            (Container::Big, Endian::Little, EM_AARCH64, "aarch64"),
            (Container::Little, Endian::Little, EM_386, "386"),
            (Container::Big, Endian::Big, EM_S390, "s390"),
            (Container::Little, Endian::Big, 60_000, "60000"),
        ] {
            let other = note(endian, 1, b"GNU\0", &[0; 16]);
            let notes = [other, note(endian, NT_GNU_BUILD_ID, b"GNU\0", b"\xab\x01\xff")].concat();
            let read = ElfFile::read(&file(container, endian, ET_DYN, e_machine, &notes)).unwrap();
            let build_id = Some("ab01ff".to_owned());
            let expected = ElfFile { file_type: Some("shared_object"), machine: Some(name.to_owned()), build_id };
            assert_eq!(read, expected);
        }
    }

    /// Linkers of today give the segment with the property note an alignment of 8, and some put the build id behind it.
    #[test]
    fn notes_begin_at_multiples_of_what_their_segment_says() {
        let context = Ctx::new(Container::Big, Endian::Little);
        let mut notes = note(Endian::Little, 5, b"GNU\0", &[0; 12]);
        notes.resize(notes.len().next_multiple_of(8), 0);
        notes.extend(note(Endian::Little, NT_GNU_BUILD_ID, b"GNU\0", b"\xab\x01\xff\x02"));
        let mut bytes = file(Container::Big, Endian::Little, ET_DYN, EM_X86_64, &notes);
        let p_offset = (Header::size(context) + ProgramHeader::size(context)) as u64;
        let p_filesz = notes.len() as u64;
        let segment = ProgramHeader { p_type: PT_NOTE, p_offset, p_filesz, p_align: 8, ..ProgramHeader::new() };
        bytes.pwrite_with(segment, Header::size(context), context).unwrap();
        assert_eq!(ElfFile::read(&bytes).unwrap().build_id.as_deref(), Some("ab01ff02"));
        let whole = crate::elf::Bytes::whole(&*bytes);
        assert_eq!(crate::elf::Elf::read(&whole).unwrap().build_id().as_deref(), Some("ab01ff02"));
    }

    #[test]
    fn types_have_names() {
        let read = |number| ElfFile::read(&file(Container::Big, Endian::Little, number, EM_X86_64, &[])).unwrap();
        let types = [0, 1, 2, 3, 4, 0xfe00].map(|number| read(number).file_type);
        assert_eq!(types, [None, Some("relocatable"), Some("executable"), Some("shared_object"), Some("core"), None]);
        assert_eq!(read(ET_EXEC).build_id, None);
    }

    #[test]
    fn only_a_build_id_of_gnu_counts() {
        let build_id = |notes: &[u8]| {
            ElfFile::read(&file(Container::Big, Endian::Little, ET_DYN, EM_X86_64, notes)).unwrap().build_id
        };
        let note = |number, name, desc| note(Endian::Little, number, name, desc);
        assert_eq!(build_id(&note(NT_GNU_BUILD_ID, b"Go\0\0", b"id")), None);
        assert_eq!(build_id(&note(NT_GNU_BUILD_ID, b"GNU\0", &[])), None);
        assert_eq!(build_id(&note(NT_GNU_BUILD_ID, b"GNU\0", &[1; 65])), None);
        assert_eq!(build_id(&note(NT_GNU_BUILD_ID, b"GNU\0", &[1; 64])), Some("01".repeat(64)));
    }

    /// A thousand segments that claim the same notes cost no more than one. The last one has the build id, and is not reached.
    #[test]
    fn segments_over_the_same_bytes_are_read_once() {
        let context = Ctx::new(Container::Big, Endian::Little);
        let segment = ProgramHeader::size(context);
        let empty = note(Endian::Little, 1, b"", b"");
        let notes = empty.repeat(20_000);
        let mut head = file(Container::Big, Endian::Little, ET_DYN, EM_X86_64, &notes);
        let e_phoff = head.len() as u64;
        let p_filesz = head.len() as u64;
        for _ in 0..1000 {
            let at = head.len();
            head.resize(at + segment, 0);
            let claim = ProgramHeader { p_type: PT_NOTE, p_offset: 0, p_filesz, p_align: 4, ..ProgramHeader::new() };
            head.pwrite_with(claim, at, context).unwrap();
        }
        let header = Header { e_type: ET_DYN, e_machine: EM_X86_64, e_phoff, e_phnum: 1000, ..Header::new(context) };
        head.as_mut_slice().cwrite_with(header, 0, context);
        assert_eq!(ElfFile::read(&head).unwrap().build_id, None);
    }

    #[test]
    fn what_is_not_elf_or_is_cut_is_nothing() {
        let whole = file(Container::Big, Endian::Little, ET_EXEC, EM_X86_64, &note(Endian::Little, 3, b"GNU\0", b"id"));
        assert_eq!(ElfFile::read(b"#!/bin/sh"), None);
        assert_eq!(ElfFile::read(&whole[..63]), None);
        // The program headers are beyond the end.
        assert_eq!(ElfFile::read(&whole[..64]).unwrap().build_id, None);
        assert!(ElfFile::read(&whole).unwrap().build_id.is_some());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 4_000, ..ProptestConfig::default() })]

        /// Forged headers cost nothing and give no answer.
        #[test]
        fn hostile_headers_never_panic(
            wide in any::<bool>(), big in any::<bool>(), cut in 0_usize..200,
            changes in vec((0_usize..160, prop_oneof![Just(0_u8), Just(0xff), Just(0x80), any::<u8>()]), 0..24),
        ) {
            let container = if wide { Container::Big } else { Container::Little };
            let endian = if big { Endian::Big } else { Endian::Little };
            let mut bytes = file(container, endian, ET_DYN, EM_X86_64, &note(endian, NT_GNU_BUILD_ID, b"GNU\0", &[7; 20]));
            for (at, byte) in changes {
                if let Some(place) = bytes.get_mut(at + 4) {
                    *place = byte;
                }
            }
            bytes.truncate(bytes.len().saturating_sub(cut / 2));
            if let Some(read) = ElfFile::read(&bytes) {
                prop_assert!(read.build_id.is_none_or(|id| id.len() <= 2 * BUILD_ID));
            }
        }
    }
}
