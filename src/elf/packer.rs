//! The packer UPX: its marks, and the shape of what it makes when the marks were changed to hide it.
//!
//! Source: UPX's `src/p_lx_elf.cpp` and `src/stub/src/include/linux.h` (`l_info`, `p_info`, `b_info`).

use goblin::elf::header::Header;
use goblin::elf::program_header::{PF_X, PT_DYNAMIC, ProgramHeader};

use super::{Elf, Layout};
use crate::int::{u64_of, usize_of};

/// Bytes of the loader's header that UPX writes behind the program headers: checksum, magic, size, version, format.
const L_INFO: u64 = 12;
/// Bytes of the program's header behind it: id, size of the program, size of a block.
const P_INFO: u64 = 12;
/// Bits of information in a byte of compressed data, in thousandths, at least.
const DENSE: u64 = 7_200;

/// The packer of an image: `UPX 4.24`, `UPX`, or `UPX (marks removed)`.
pub(crate) fn packer(elf: &Elf<'_>) -> Option<String> {
    if elf.layout != Layout::File || elf.segments.is_empty() {
        return None;
    }
    let at = u64_of(Header::size(elf.context))
        .checked_add(u64_of(ProgramHeader::size(elf.context)).checked_mul(u64_of(elf.segments.len()))?)?;
    let info = elf.bytes.get(at, L_INFO.saturating_add(P_INFO));
    let is_marked = info.is_some_and(|info| info.get(4..8) == Some(b"UPX!"));
    if is_marked {
        return Some(version(elf).unwrap_or_else(|| "UPX".to_owned()));
    }
    let is_shaped = has_shape(elf);
    let has_blocks = info.is_some_and(|info| is_block_list(elf, info, at));
    (is_shaped && (has_blocks || is_dense(elf))).then(|| "UPX (marks removed)".to_owned())
}

/// The version that UPX writes into what it makes: `$Id: UPX 4.24 Copyright`.
fn version(elf: &Elf<'_>) -> Option<String> {
    let at = elf.bytes.find(b"$Id: UPX ")?;
    let text = elf.bytes.get(at.checked_add(9)?, 8)?;
    let number: String =
        text.iter().map(|&byte| char::from(byte)).take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    (!number.is_empty()).then(|| format!("UPX {number}"))
}

/// Whether an image has the shape of what UPX makes: neither sections nor a dynamic section, two or three loaded segments, and
/// it begins in an executable one.
fn has_shape(elf: &Elf<'_>) -> bool {
    let loads = elf.loads().count();
    let entry = elf.header.e_entry;
    let begins = elf.loads().any(|load| {
        load.p_flags & PF_X != 0 && (load.p_vaddr..load.p_vaddr.saturating_add(load.p_filesz)).contains(&entry)
    });
    elf.header.e_shnum == 0
        && elf.segment(PT_DYNAMIC).is_none()
        && (2..=3).contains(&loads)
        && elf.segments.len() <= 5
        && begins
}

/// Whether what lies behind the program headers is the list of compressed blocks, whatever magic number it has.
fn is_block_list(elf: &Elf<'_>, info: &[u8], at: u64) -> bool {
    let number = |bytes: &[u8], from: usize| {
        let word = bytes.get(from..from.saturating_add(4))?.first_chunk::<4>()?;
        Some(if elf.context.le.is_little() { u32::from_le_bytes(*word) } else { u32::from_be_bytes(*word) })
    };
    let block = elf.bytes.get(at.saturating_add(L_INFO).saturating_add(P_INFO), 12);
    let (Some(size), Some(block_size), Some(block)) = (number(info, 16), number(info, 20), block) else { return false };
    let (Some(plain), Some(packed), Some(&method)) = (number(block, 0), number(block, 4), block.get(8)) else {
        return false;
    };
    u64::from(size) > elf.bytes.len().checked_div(2).unwrap_or(0)
        && block_size > 0
        && plain > 0
        && plain <= block_size.max(size)
        && packed > 0
        && packed <= plain
        && (2..=15).contains(&method)
}

/// Whether the segment where the program begins is compressed data.
fn is_dense(elf: &Elf<'_>) -> bool {
    const MOST: usize = 1 << 20;
    const FEWEST: usize = 4096;
    let Some(load) = elf.loads().filter(|load| load.p_flags & PF_X != 0).max_by_key(|load| load.p_filesz) else {
        return false;
    };
    let bytes = elf.bytes.from(load.p_offset);
    let bytes = bytes.get(..usize_of(load.p_filesz).min(MOST).min(bytes.len())).unwrap_or_default();
    bytes.len() >= FEWEST && millibits(bytes) >= DENSE
}

/// The entropy of bytes: thousandths of bits a byte.
fn millibits(bytes: &[u8]) -> u64 {
    let mut counts = [0_u32; 256];
    for &byte in bytes {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count = count.saturating_add(1);
        }
    }
    let all = f64::from(u32::try_from(bytes.len()).unwrap_or(u32::MAX).max(1));
    let bits = counts.iter().filter(|count| **count > 0).map(|&count| {
        let part = f64::from(count) / all;
        -part * part.log2()
    });
    let bits: f64 = bits.sum();
    // Between 0 and 8.
    (0..=8000_u32).rev().find(|&number| f64::from(number) <= bits * 1000.0).map_or(0, u64::from)
}

#[cfg(test)]
mod tests {
    use goblin::container::{Container, Ctx, Endian};
    use goblin::elf::header::{EM_X86_64, ET_EXEC};
    use goblin::elf::program_header::PT_LOAD;
    use scroll::{Cwrite as _, Pwrite as _};

    use super::*;
    use crate::elf::Bytes;

    /// A file as UPX makes it, with this magic number.
    fn packed(magic: [u8; 4], sizes: [u32; 2]) -> Vec<u8> {
        let context = Ctx::new(Container::Big, Endian::Little);
        let mut bytes = vec![0; 64 + 2 * 56];
        let header = Header {
            e_type: ET_EXEC,
            e_machine: EM_X86_64,
            e_phoff: 64,
            e_phnum: 2,
            e_phentsize: 56,
            e_entry: 0x40_8000,
            ..Header::new(context)
        };
        bytes.as_mut_slice().cwrite_with(header, 0, context);
        let load = |p_vaddr, p_flags, p_filesz| ProgramHeader {
            p_type: PT_LOAD,
            p_flags,
            p_vaddr,
            p_filesz,
            p_memsz: 0x9000,
            ..ProgramHeader::new()
        };
        bytes.pwrite_with(load(0x40_0000, 5, 0x9000), 64, context).unwrap();
        bytes.pwrite_with(load(0x50_0000, 6, 0), 64 + 56, context).unwrap();
        bytes.extend(7_u32.to_le_bytes());
        bytes.extend(magic);
        bytes.extend([0, 1, 13, 22]);
        bytes.extend([0_u32, sizes[0], sizes[1], 0x8000, 0x4000].iter().flat_map(|word| word.to_le_bytes()));
        bytes.extend([8, 0, 0, 0]);
        let mut seed = 1_u32;
        bytes.resize_with(0x9000, || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            seed.to_be_bytes()[0]
        });
        bytes
    }

    fn of(bytes: Vec<u8>) -> Option<String> {
        let bytes = Bytes::whole(bytes);
        packer(&Elf::read(&bytes).unwrap())
    }

    #[test]
    fn upx_is_known_by_its_mark_and_without_it() {
        assert_eq!(of(packed(*b"UPX!", [0x1_0000, 0x1_0000])).as_deref(), Some("UPX"));
        let mut named = packed(*b"UPX!", [0x1_0000, 0x1_0000]);
        named[0x8000..0x8011].copy_from_slice(b"$Id: UPX 4.24 Cop");
        assert_eq!(of(named).as_deref(), Some("UPX 4.24"));
        assert_eq!(of(packed(*b"\0\x01\x02\x03", [0x1_0000, 0x1_0000])).as_deref(), Some("UPX (marks removed)"));
        // With the sizes removed, too, the shape and the density of the data are left.
        assert_eq!(of(packed(*b"ABCD", [0, 0])).as_deref(), Some("UPX (marks removed)"));
    }

    #[test]
    fn small_programs_without_sections_are_not_packed() {
        let mut plain = packed(*b"ABCD", [0, 0]);
        plain[200..].fill(0x90);
        assert_eq!(of(plain), None);
    }

    #[test]
    fn entropy_is_between_nothing_and_a_byte() {
        assert_eq!((millibits(&[7; 4096]), millibits(b"")), (0, 0));
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(millibits(&all), 8000);
    }
}
