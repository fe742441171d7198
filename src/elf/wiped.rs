//! Rebuilds the header of an image in memory that was overwritten, from the table of segments behind it.

use goblin::container::{Container, Ctx, Endian};
use goblin::elf::header::{ET_DYN, ET_EXEC, Header};
use goblin::elf::program_header::{PF_X, PT_LOAD, PT_PHDR, ProgramHeader};
use goblin::elf::section_header::{SHT_NOBITS, SHT_NULL, SHT_STRTAB, SectionHeader};
use scroll::{Cwrite as _, Pread as _};

use super::marks::program_headers;
use super::{Bytes, Elf};
use crate::abi::arch::Arch;
use crate::int::{u64_of, usize_of};

/// Most segments of an image without a header.
const SEGMENTS: usize = 32;
/// Most sections that are looked for.
const SECTIONS: usize = 4096;

/// How many bytes the segments take whose table lies behind where the header of a page should be. `None` if there is no such
/// table.
pub(crate) fn segments_at(page: &[u8], is_64: bool) -> Option<u64> {
    const MOST: u64 = 1 << 30;
    // Most pages are told apart by these bytes.
    let first = page.get(if is_64 { 64..68 } else { 52..56 })?;
    if first.iter().all(|&byte| byte == 0) || first.get(1..3) != Some(&[0, 0]) {
        return None;
    }
    program_headers(page, is_64)?;
    let segments = segments(page, context(is_64, Endian::Little));
    let loads = || segments.iter().filter(|segment| segment.p_type == PT_LOAD);
    let base = loads().map(|load| load.p_vaddr.saturating_sub(load.p_offset)).min()?;
    let ends = loads().map(|load| {
        let loaded = load.p_vaddr.saturating_sub(base).saturating_add(load.p_memsz);
        loaded.max(load.p_offset.saturating_add(load.p_filesz))
    });
    Some(ends.max()?.clamp(64, MOST))
}

fn context(is_64: bool, endian: Endian) -> Ctx {
    Ctx::new(if is_64 { Container::Big } else { Container::Little }, endian)
}

/// The segments in the table behind the place of the header.
fn segments(head: &[u8], context: Ctx) -> Vec<ProgramHeader> {
    let (at, size) = (Header::size(context), ProgramHeader::size(context).max(1));
    let table = head.get(at..).unwrap_or_default();
    let read = |part: &[u8]| part.pread_with::<ProgramHeader>(0, context).ok();
    let is_honest = |segment: &ProgramHeader| {
        ((1..=7).contains(&segment.p_type) || (0x6474_e550..=0x6474_e554).contains(&segment.p_type))
            && segment.p_flags & !7 == 0
            && (segment.p_align <= 1 || segment.p_align.is_power_of_two())
    };
    let all: Vec<ProgramHeader> =
        table.chunks_exact(size).map_while(read).take_while(is_honest).take(SEGMENTS).collect();
    // The table may describe itself, with its size.
    let told = all.iter().find(|segment| segment.p_type == PT_PHDR).map(|segment| usize_of(segment.p_filesz));
    let count = told.and_then(|told| told.checked_div(size)).unwrap_or(all.len());
    all.into_iter().take(count).collect()
}

/// The header that an image must have had. The entry point and the table of sections are found where that is possible; of an
/// image that lies as its file does, the header is then what it was.
pub(crate) fn rebuilt_header(bytes: &Bytes<'_>, arch: Option<Arch>, is_64: bool) -> Option<Vec<u8>> {
    let endian = if arch == Some(Arch::S390) { Endian::Big } else { Endian::Little };
    let context = context(is_64, endian);
    let size = Header::size(context);
    let all = segments(bytes.from(0), context);
    let first = all.iter().filter(|segment| segment.p_type == PT_LOAD).map(|load| load.p_vaddr).min()?;
    let mut header = Header {
        e_type: if first == 0 { ET_DYN } else { ET_EXEC },
        e_machine: machine(arch, is_64)?,
        e_phoff: u64_of(size),
        e_phnum: u16::try_from(all.len()).ok()?,
        e_shentsize: 0,
        ..Header::new(context)
    };
    let write = |header: Header| {
        let mut head = vec![0; size];
        head.as_mut_slice().cwrite_with(header, 0, context);
        head
    };
    // With a first header, the image tells how it lies.
    let image = with_head(bytes, &write(header));
    let elf = Elf::read(&image)?;
    header.e_entry = entry(&elf, arch).unwrap_or(0);
    if elf.layout == super::Layout::File
        && let Some((at, count, names)) = sections(&elf)
    {
        header.e_shoff = at;
        header.e_shnum = count;
        header.e_shstrndx = names;
        header.e_shentsize = u16::try_from(SectionHeader::size(context)).ok()?;
    }
    Some(write(header))
}

/// An image with another header.
fn with_head(bytes: &Bytes<'_>, head: &[u8]) -> Bytes<'static> {
    let mut all = Bytes::default();
    all.push(0, head.to_vec().into());
    for (at, piece) in bytes.pieces() {
        let skip = usize_of(u64_of(head.len()).saturating_sub(at));
        let rest = piece.get(skip.min(piece.len())..).unwrap_or_default();
        all.push(at.saturating_add(u64_of(skip)), rest.to_vec().into());
    }
    all.extend_to(bytes.len());
    all
}

pub(super) fn machine(arch: Option<Arch>, is_64: bool) -> Option<u16> {
    use goblin::elf::header::{EM_386, EM_AARCH64, EM_ARM, EM_MIPS, EM_PPC64, EM_RISCV, EM_S390, EM_X86_64};
    const EM_LOONGARCH: u16 = 258;
    Some(match arch? {
        Arch::X86_64 if is_64 => EM_X86_64,
        Arch::X86_64 => EM_386,
        Arch::Arm => EM_ARM,
        Arch::Aarch64 => EM_AARCH64,
        Arch::Ppc64 => EM_PPC64,
        Arch::S390 => EM_S390,
        Arch::Mips => EM_MIPS,
        Arch::Riscv64 => EM_RISCV,
        Arch::Loongarch64 => EM_LOONGARCH,
    })
}

/// Where a program begins: the code there clears the frame pointer, and takes the arguments from the stack.
fn entry(elf: &Elf<'_>, arch: Option<Arch>) -> Option<u64> {
    /// Marks for indirect branches, which may stand first.
    const LANDINGS: [&[u8]; 3] = [b"\xf3\x0f\x1e\xfa", b"\xf3\x0f\x1e\xfb", b"\x5f\x24\x03\xd5"];
    let starts: &[&[u8]] = match arch? {
        // glibc, then musl.
        Arch::X86_64 => &[
            b"\x31\xed\x49\x89\xd1\x5e\x48\x89\xe2\x48\x83\xe4\xf0",
            b"\x48\x31\xed\x48\x89\xe7\x48\x8d\x35",
            b"\x31\xed\x5e\x89\xe1\x83\xe4\xf0\x50\x54\x52",
        ],
        Arch::Aarch64 => {
            &[b"\x1d\x00\x80\xd2\x1e\x00\x80\xd2\xe5\x03\x00\xaa", b"\x1d\x00\x80\xd2\x1e\x00\x80\xd2\xe0\x03\x00\x91"]
        }
        _ => &[],
    };
    for load in elf.loads().filter(|load| load.p_flags & PF_X != 0) {
        let place = elf.place_of(load)?;
        let code = elf.bytes.from(place);
        let code = code.get(..usize_of(load.p_filesz).min(code.len()))?;
        let found = starts.iter().find_map(|start| memchr::memmem::find(code, start));
        if let Some(at) = found {
            let landing = at.checked_sub(4).and_then(|before| code.get(before..at));
            let at = if landing.is_some_and(|landing| LANDINGS.contains(&landing)) { at.saturating_sub(4) } else { at };
            return load.p_vaddr.checked_add(u64_of(at));
        }
    }
    None
}

/// The table of sections behind the segments of a file: its place, the number of sections, and which has their names.
fn sections(elf: &Elf<'_>) -> Option<(u64, u16, u16)> {
    let size = SectionHeader::size(elf.context);
    let step = u64::from(elf.bits()).checked_div(8)?;
    let end = elf.loads().map(|load| load.p_offset.saturating_add(load.p_filesz)).max()?;
    let mut at = end.checked_next_multiple_of(step)?;
    let last = elf.bytes.len().saturating_sub(u64_of(size));
    while at < last {
        // The first header is empty; the next begins with a name.
        let two = elf.bytes.from(at);
        let (first, rest) = two.split_at_checked(size)?;
        if first.iter().all(|&byte| byte == 0)
            && rest.get(..4).is_some_and(|name| name.iter().any(|&byte| byte != 0))
            && let Some(found) = table(elf, at, rest)
        {
            return Some(found);
        }
        at = at.checked_add(step)?;
    }
    None
}

fn table(elf: &Elf<'_>, at: u64, rest: &[u8]) -> Option<(u64, u16, u16)> {
    let size = SectionHeader::size(elf.context).max(1);
    let read = |part: &[u8]| part.pread_with::<SectionHeader>(0, elf.context).ok();
    let is_honest = |section: &SectionHeader| {
        let is_known = section.sh_type != SHT_NULL && (section.sh_type < 0x20 || section.sh_type >= 0x6000_0000);
        let inside = section.sh_type == SHT_NOBITS || section.sh_offset.saturating_add(section.sh_size) <= at;
        is_known && inside && (section.sh_addralign <= 1 || section.sh_addralign.is_power_of_two())
    };
    let all: Vec<SectionHeader> =
        rest.chunks_exact(size).map_while(read).take_while(is_honest).take(SECTIONS).collect();
    let is_names = |section: &SectionHeader| {
        section.sh_type == SHT_STRTAB
            && elf.bytes.text(section.sh_offset.saturating_add(u64_of(section.sh_name))) == Some(b".shstrtab")
    };
    let names = all.iter().position(is_names)?;
    Some((at, u16::try_from(all.len().checked_add(1)?).ok()?, u16::try_from(names.checked_add(1)?).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    fn a_wiped_header_becomes_what_it_was() {
        let program = std::fs::read("/bin/true").or_else(|_| std::fs::read("/usr/bin/true")).unwrap();
        let mut wiped = program.clone();
        wiped[..64].fill(0);
        // In memory, zeros follow up to the next page.
        wiped.resize(wiped.len().next_multiple_of(4096), 0);
        assert!(segments_at(&wiped[..4096], true).is_some());
        let header = rebuilt_header(&Bytes::whole(wiped), Some(Arch::X86_64), true).unwrap();
        assert_eq!(header, program[..64]);
    }

    #[test]
    fn pages_of_other_things_have_no_segments() {
        assert_eq!(segments_at(&[0; 4096], true), None);
        assert_eq!(segments_at(&[6; 4096], true), None);
        assert_eq!(segments_at(b"", true), None);
        let words: Vec<u8> = (0..1024_u32).flat_map(u32::to_le_bytes).collect();
        assert_eq!(segments_at(&words, true), None);
    }
}
