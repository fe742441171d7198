//! ELF core files: a process for debuggers. The kernel writes the same format for a process that crashes.
//!
//! Sources: the kernel's `fs/binfmt_elf.c` (`elf_core_dump`), the ELF specification (gABI, chapter 5), and how gdb
//! reads a core file (`gdb/corelow.c`): first the bytes of segments, then files named by the note `NT_FILE` if it finds
//! them, then zeros for segments without bytes in the file. The kernel writes such segments for unchanged parts of
//! files, too, so gdb shows zeros for code whose file it does not find. Here, unchanged parts are only in `NT_FILE`,
//! and memory that is missing for other reasons is in neither: a debugger reads the right file, or says that it cannot
//! read.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::as_conversions,
        clippy::arithmetic_side_effects
    )
)]

mod aarch64;
mod encode;
mod machine;
mod note;
mod notes;
mod segments;
mod x86;
mod x86_64;

use std::io::{self, Read, Write};

use goblin::elf::header::{ET_CORE, Header};
use goblin::elf::program_header::{PT_LOAD, PT_NOTE, ProgramHeader};
use goblin::elf::section_header::{SHT_NULL, SectionHeader};

use self::encode::{Class, Encoder, too_large};
use self::machine::Machine;
use self::segments::{Segment, Segments};
use crate::Checkpoint;
use crate::int::u64_of;
use crate::memory::{AddressSpace, Content};
use crate::model::process::Process;

/// `e_phnum` of a file with too many program headers for that field: the number is in section header 0.
const PN_XNUM: u16 = 0xffff;
/// Bytes that are read and written at once.
const PART: u64 = 8 << 20;

/// Writes a process as an ELF core file: the registers of its threads, kernel data about the process, and its memory.
///
/// Memory that was never written takes no space in the file (`p_filesz` is less than `p_memsz`). Memory that is missing
/// from the archive has no segment, so that it is not mistaken for zeros. Unchanged parts of files, which CRIU does not
/// store, are named by the note `NT_FILE`: debuggers read them from the files of the container's image (`set sysroot`
/// in gdb). For compressed archives, memory is included only if it was kept ([`Keep::Memory`](crate::memory::Keep)).
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use cryoscope::{Checkpoint, elfcore};
///
/// let checkpoint = Checkpoint::open("fixtures/forms-reference/podman-runc.tar")?;
/// let process = checkpoint.model().processes().first().ok_or("no process")?;
/// let mut core = Vec::new();
/// elfcore::write(&checkpoint, process, &mut core)?;
/// assert!(core.starts_with(b"\x7fELF"));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// If writing fails. `Unsupported` if the machine is not known, or is not x86 or 64-bit Arm. `NotFound` if the process
/// has no memory.
pub fn write(checkpoint: &Checkpoint, process: &Process, out: &mut impl Write) -> io::Result<()> {
    let machine = Machine::of(process, checkpoint.model())?;
    let no_memory = || io::Error::new(io::ErrorKind::NotFound, "the process has no memory in the archive");
    let space = checkpoint.whole_memory().space(process, checkpoint.model()).ok_or_else(no_memory)?;
    let segments = Segments::of(&space);
    let notes = notes::all(machine, checkpoint, process, &space, &segments)?;
    let head = head(machine.class(), machine.number(), &notes, segments.loads(), space.page_size())?;
    out.write_all(&head)?;
    drop(head);
    for segment in segments.loads() {
        memory(&space, segment, out)?;
    }
    out.flush()
}

/// Everything before memory: ELF header, program headers, notes, and zeros up to the next page.
fn head(class: Class, machine: u16, notes: &[u8], loads: &[Segment], page_size: u64) -> io::Result<Vec<u8>> {
    let number = u64_of(loads.len()).saturating_add(1);
    let number = u32::try_from(number).map_err(|_| too_large())?;
    let extended = number >= u32::from(PN_XNUM);
    let context = class.context();
    let headers_at = u64_of(Header::size(context));
    let headers_len = u64::from(number).saturating_mul(u64_of(ProgramHeader::size(context)));
    let headers_end = headers_at.saturating_add(headers_len);
    let section_size = if extended { Header::new(context).e_shentsize } else { 0 };
    let notes_at = headers_end.saturating_add(section_size.into());
    let notes_end = notes_at.saturating_add(u64_of(notes.len()));
    let data_at = notes_end.checked_next_multiple_of(page_size.max(1)).ok_or_else(too_large)?;

    let mut out = Encoder::new(class);
    out.header(Header {
        e_type: ET_CORE,
        e_machine: machine,
        e_phoff: headers_at,
        e_phnum: u16::try_from(number).ok().filter(|_| !extended).unwrap_or(PN_XNUM),
        e_shoff: if extended { headers_end } else { 0 },
        e_shentsize: section_size,
        e_shnum: extended.into(),
        ..Header::new(class.context())
    })?;

    let note = Segment { address: 0, file: u64_of(notes.len()), memory: 0, flags: 0 };
    program_header(&mut out, PT_NOTE, &note, notes_at, 4)?;
    let mut at = data_at;
    for load in loads {
        let aligned = load.address.checked_rem(page_size) == at.checked_rem(page_size);
        program_header(&mut out, PT_LOAD, load, at, if aligned { page_size } else { 1 })?;
        at = at.checked_add(load.file).ok_or_else(too_large)?;
    }
    if extended {
        // `sh_info` holds the number of program headers, `sh_size` that of section headers.
        out.section_header(SectionHeader {
            sh_type: SHT_NULL,
            sh_flags: 0,
            sh_size: 1,
            sh_info: number,
            sh_addralign: 0,
            ..SectionHeader::new()
        })?;
    }
    out.bytes(notes);
    out.zeros(data_at.saturating_sub(notes_end));
    Ok(out.finish())
}

fn program_header(out: &mut Encoder, kind: u32, segment: &Segment, offset: u64, align: u64) -> io::Result<()> {
    out.program_header(ProgramHeader {
        p_type: kind,
        p_flags: segment.flags,
        p_offset: offset,
        p_vaddr: segment.address,
        p_paddr: 0,
        p_filesz: segment.file,
        p_memsz: segment.memory,
        p_align: align,
    })
}

/// Writes the bytes of a segment.
fn memory(space: &AddressSpace<'_>, segment: &Segment, out: &mut impl Write) -> io::Result<()> {
    let end = segment.address.saturating_add(segment.file);
    let mut at = segment.address;
    while at < end {
        let to = end.min(at.saturating_add(PART));
        for (address, content) in space.pieces(at, to) {
            match content {
                Content::Bytes(bytes) => out.write_all(&bytes)?,
                Content::Zeros(len) => io::copy(&mut io::repeat(0).take(len), out).map(drop)?,
                // The segments were built from the same pieces.
                _ => return Err(io::Error::other(format!("memory at {address:#x} has changed while it was read"))),
            }
        }
        space.give_back(at, to);
        at = to;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a little-endian number from a header.
    fn number(bytes: &[u8], at: usize, len: usize) -> u64 {
        bytes[at..at + len].iter().rev().fold(0, |n, &byte| n << 8 | u64::from(byte))
    }

    fn loads(count: u64) -> Vec<Segment> {
        let load = |n| Segment { address: 0x1000 * n, file: 0x1000, memory: 0x1000, flags: 4 };
        (1..=count).map(load).collect()
    }

    #[test]
    fn up_to_65534_program_headers_are_told_by_the_elf_header() {
        let head = head(Class::Wide, 62, &[0; 12], &loads(65533), 4096).unwrap();
        assert_eq!((number(&head, 56, 2), number(&head, 40, 8), number(&head, 60, 2)), (65534, 0, 0));
        assert_eq!(head.len() % 4096, 0);
    }

    #[test]
    fn more_program_headers_are_told_by_section_header_0() {
        for (class, shoff, phnum, info) in [(Class::Wide, (40, 8), 56, 44), (Class::Narrow, (32, 4), 44, 28)] {
            let head = head(class, 62, &[0; 12], &loads(65534), 4096).unwrap();
            assert_eq!(number(&head, phnum, 2), 0xffff);
            let section = usize::try_from(number(&head, shoff.0, shoff.1)).unwrap();
            let all = Header::size(class.context()) + 65535 * ProgramHeader::size(class.context());
            assert_eq!(section, all, "right behind the program headers");
            assert_eq!(number(&head, section + info, 4), 65535);
            assert_eq!(number(&head, phnum + 4, 2), 1, "one section header");
        }
    }

    #[test]
    fn what_does_not_fit_32_bits_is_refused() {
        let load = Segment { address: 1 << 32, file: 0, memory: 0x1000, flags: 4 };
        assert!(head(Class::Narrow, 3, &[], &[load], 4096).is_err());
    }
}
