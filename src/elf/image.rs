//! Headers of ELF images in memory that are wholly plausible.

use goblin::container::Ctx;
use goblin::elf::Elf;
use goblin::elf::header::{ET_DYN, ET_EXEC, machine_to_str};
use goblin::elf::program_header::{PF_X, PT_INTERP, PT_LOAD, ProgramHeader};

use crate::int::usize_of;

/// The header of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Image {
    /// `a program` or `a library or program`.
    pub(crate) what: &'static str,
    /// The machine: `x86_64`.
    pub(crate) machine: String,
    /// Entry point, as the header has it.
    pub(crate) entry: u64,
    /// The loaded segments, by address.
    pub(crate) loads: Vec<Load>,
    /// Whether it asks for a dynamic loader.
    pub(crate) has_interpreter: bool,
}

/// A loaded segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) offset: u64,
    pub(crate) address: u64,
    pub(crate) file_size: u64,
    pub(crate) memory_size: u64,
    pub(crate) executable: bool,
}

impl Image {
    /// Reads a header from the page that it begins. The whole header must be plausible: the magic number alone occurs
    /// in strings and buffers.
    pub(crate) fn read(page: &[u8]) -> Option<Self> {
        const VERSION: u8 = 1;
        if page.get(6) != Some(&VERSION) {
            return None;
        }
        let header = Elf::parse_header(page).ok()?;
        let what = match header.e_type {
            ET_EXEC => "a program",
            ET_DYN => "a library or a position-independent program",
            _ => return None,
        };
        let machine = machine_to_str(header.e_machine);
        let context = Ctx::new(header.container().ok()?, header.endianness().ok()?);
        let size = ProgramHeader::size(context);
        let end = usize_of(header.e_phoff).checked_add(size.checked_mul(header.e_phnum.into())?)?;
        let is_plausible = header.e_version == 1
            && machine != "EM_UNKNOWN"
            && usize::from(header.e_phentsize) == size
            && (1..=64).contains(&header.e_phnum)
            && end <= page.len();
        if !is_plausible {
            return None;
        }
        let headers = ProgramHeader::parse(page, usize_of(header.e_phoff), header.e_phnum.into(), context).ok()?;
        let mut loads: Vec<Load> = headers
            .iter()
            .filter(|segment| segment.p_type == PT_LOAD)
            .map(|segment| Load {
                offset: segment.p_offset,
                address: segment.p_vaddr,
                file_size: segment.p_filesz,
                memory_size: segment.p_memsz,
                executable: segment.p_flags & PF_X != 0,
            })
            .collect();
        loads.sort_by_key(|load| load.address);
        Some(Image {
            what,
            machine: machine.to_ascii_lowercase(),
            entry: header.e_entry,
            has_interpreter: headers.iter().any(|segment| segment.p_type == PT_INTERP),
            loads,
        })
    }

    /// Bytes that the image takes in memory, or as a file, whichever is more. Bounded, as the numbers are claims.
    pub(crate) fn span(&self) -> u64 {
        const MOST: u64 = 1 << 30;
        let base = self.loads.first().map_or(0, |load| load.address);
        let ends = self.loads.iter().map(|load| {
            let loaded = load.address.saturating_sub(base).saturating_add(load.memory_size);
            loaded.max(load.offset.saturating_add(load.file_size))
        });
        ends.max().unwrap_or(0).clamp(64, MOST)
    }

    /// The segment that an offset of the file belongs to, by whole pages.
    pub(crate) fn segment_at(&self, offset: u64, page: u64) -> Option<&Load> {
        let page = page.max(1);
        self.loads.iter().find(|load| {
            let from = load.offset.saturating_sub(load.offset.checked_rem(page).unwrap_or(0));
            let to = load.offset.saturating_add(load.file_size);
            (from..to.checked_next_multiple_of(page).unwrap_or(u64::MAX)).contains(&offset)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(all(target_os = "linux", target_pointer_width = "64", target_endian = "little"))]
    fn an_image_is_known_by_its_header() {
        let this = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let image = Image::read(&this[..4096]).unwrap();
        assert!(image.loads.iter().any(|load| load.executable) && image.has_interpreter);
        assert!(image.span() >= 4096 && image.segment_at(0, 4096).is_some());
    }

    #[test]
    fn half_a_header_is_none() {
        let mut page = vec![0; 4096];
        page[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        assert_eq!(Image::read(&page), None);
        assert_eq!(Image::read(b"\x7fELF"), None);
        assert_eq!(Image::read(b""), None);
    }
}
