//! Makes a file of the changed pages of a mapped file, whose header is not in the archive: with a header that says where each
//! part was mapped.

use goblin::container::{Container, Ctx, Endian};
use goblin::elf::header::{ET_DYN, Header};
use goblin::elf::program_header::{PT_LOAD, ProgramHeader};
use scroll::{Cwrite as _, Pwrite as _};

use super::Made;
use crate::abi::arch::Arch;
use crate::elf::Bytes;
use crate::elf::wiped::machine;
use crate::int::{u64_of, usize_of};

/// A mapped part of a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    /// Offset in the file.
    pub(crate) offset: u64,
    /// Distance of its address from that of the first byte of the file.
    pub(crate) address: u64,
    /// Length.
    pub(crate) len: u64,
    /// Permissions as a program header has them: 4 to read, 2 to write, 1 to execute.
    pub(crate) flags: u32,
}

/// The file. `None` if there is no place for a header.
pub(crate) fn file_of_parts(bytes: &Bytes<'_>, parts: &[Part], arch: Option<Arch>, is_64: bool) -> Option<Made> {
    let endian = if arch == Some(Arch::S390) { Endian::Big } else { Endian::Little };
    let context = Ctx::new(if is_64 { Container::Big } else { Container::Little }, endian);
    let (head, size) = (Header::size(context), ProgramHeader::size(context));
    let len = size.checked_mul(parts.len())?.checked_add(head)?;
    let first = bytes.pieces().next().map_or(u64::MAX, |(at, _)| at);
    if u64_of(len) > first {
        return None;
    }
    let header = Header {
        e_type: ET_DYN,
        e_machine: machine(arch, is_64)?,
        e_phoff: u64_of(head),
        e_phnum: u16::try_from(parts.len()).ok()?,
        e_shentsize: 0,
        ..Header::new(context)
    };
    let mut front = vec![0; len];
    front.as_mut_slice().cwrite_with(header, 0, context);
    let end = bytes.pieces().last().map_or(0, |(at, piece)| at.saturating_add(u64_of(piece.len())));
    for (number, part) in parts.iter().enumerate() {
        let segment = ProgramHeader {
            p_type: PT_LOAD,
            p_flags: part.flags,
            p_offset: part.offset,
            p_vaddr: part.address,
            p_paddr: part.address,
            // What is behind the last known byte is not in the file.
            p_filesz: part.len.min(end.saturating_sub(part.offset)),
            p_memsz: part.len,
            p_align: 4096,
        };
        front.pwrite_with(segment, head.checked_add(size.checked_mul(number)?)?, context).ok()?;
    }
    let mut all = Bytes::default();
    all.push(0, front.into());
    for (at, piece) in bytes.pieces() {
        all.push(at, piece.to_vec().into());
    }
    debug_assert_eq!(usize_of(all.len()), usize_of(end.max(all.len())));
    Some(Made { bytes: all, how: "changed pages only, with a header of where they were mapped" })
}
