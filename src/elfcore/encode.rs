//! Numbers and headers as bytes. They are little-endian, as are all supported machines.

use std::io;

use goblin::container::{Container, Ctx};
use goblin::elf::header::Header;
use goblin::elf::program_header::ProgramHeader;
use goblin::elf::section_header::SectionHeader;
use scroll::{Cwrite as _, Endian, Pwrite as _};

use crate::int::usize_of;

/// Word size of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// `ELFCLASS32`.
    Narrow,
    /// `ELFCLASS64`.
    Wide,
}

impl Class {
    /// The context that goblin needs to write a header.
    pub(super) fn context(self) -> Ctx {
        let container = match self {
            Class::Narrow => Container::Little,
            Class::Wide => Container::Big,
        };
        Ctx::new(container, Endian::Little)
    }

    /// Checks that numbers fit the word size of the file. Goblin would truncate them.
    ///
    /// # Errors
    ///
    /// If a number does not fit.
    fn check(self, words: &[u64]) -> io::Result<()> {
        let fits = |&word: &u64| self == Class::Wide || u32::try_from(word).is_ok();
        if words.iter().all(fits) { Ok(()) } else { Err(too_large()) }
    }
}

/// A growing buffer.
#[derive(Debug)]
pub(super) struct Encoder {
    class: Class,
    bytes: Vec<u8>,
}

impl Encoder {
    pub(super) fn new(class: Class) -> Self {
        Encoder { class, bytes: Vec::new() }
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn zeros(&mut self, count: u64) {
        self.pad_to(self.bytes.len().saturating_add(usize_of(count)));
    }

    /// Pads with zeros to a length, or truncates to it.
    pub(super) fn pad_to(&mut self, len: usize) {
        self.bytes.resize(len, 0);
    }

    pub(super) fn u16(&mut self, n: u16) {
        self.bytes(&n.to_le_bytes());
    }

    pub(super) fn u32(&mut self, n: u32) {
        self.bytes(&n.to_le_bytes());
    }

    pub(super) fn u64(&mut self, n: u64) {
        self.bytes(&n.to_le_bytes());
    }

    /// Writes the ELF header.
    ///
    /// # Errors
    ///
    /// If a number does not fit.
    pub(super) fn header(&mut self, header: Header) -> io::Result<()> {
        self.class.check(&[header.e_entry, header.e_phoff, header.e_shoff])?;
        let (at, context) = (self.grow(Header::size(self.class.context())), self.class.context());
        self.bytes.as_mut_slice().cwrite_with(header, at, context);
        Ok(())
    }

    /// Writes a program header.
    ///
    /// # Errors
    ///
    /// If a number does not fit.
    pub(super) fn program_header(&mut self, header: ProgramHeader) -> io::Result<()> {
        let ProgramHeader { p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_align, .. } = header;
        self.class.check(&[p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_align])?;
        let (at, context) = (self.grow(ProgramHeader::size(self.class.context())), self.class.context());
        self.bytes.pwrite_with(header, at, context).map(drop).map_err(io::Error::other)
    }

    /// Writes a section header.
    ///
    /// # Errors
    ///
    /// If a number does not fit.
    pub(super) fn section_header(&mut self, header: SectionHeader) -> io::Result<()> {
        let SectionHeader { sh_flags, sh_addr, sh_offset, sh_size, sh_addralign, sh_entsize, .. } = header;
        self.class.check(&[sh_flags, sh_addr, sh_offset, sh_size, sh_addralign, sh_entsize])?;
        let (at, context) = (self.grow(SectionHeader::size(self.class.context())), self.class.context());
        self.bytes.pwrite_with(header, at, context).map(drop).map_err(io::Error::other)
    }

    /// Extends the buffer, and returns where the new part begins.
    fn grow(&mut self, len: usize) -> usize {
        let at = self.bytes.len();
        self.pad_to(at.saturating_add(len));
        at
    }

    /// Writes a word of the file's word size.
    ///
    /// # Errors
    ///
    /// If it does not fit.
    pub(super) fn word(&mut self, n: u64) -> io::Result<()> {
        match self.class {
            Class::Wide => self.u64(n),
            Class::Narrow => self.u32(u32::try_from(n).map_err(|_| too_large())?),
        }
        Ok(())
    }

    /// Writes a word of the file's word size. For narrow files, only the low half.
    pub(super) fn low_word(&mut self, n: u64) {
        match self.class {
            Class::Wide => self.u64(n),
            Class::Narrow => self.u32(low(n)),
        }
    }

    /// Writes text into a field, truncated so that it ends with a NUL.
    pub(super) fn text(&mut self, text: &[u8], len: usize) {
        let end = self.bytes.len().saturating_add(len);
        self.bytes.extend(text.iter().take(len.saturating_sub(1)));
        self.pad_to(end);
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// The error for a number that is too large for its field.
pub(super) fn too_large() -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, "too large for a core file of this machine")
}

/// The low half of a number.
pub(super) fn low(n: u64) -> u32 {
    u32::try_from(n & 0xffff_ffff).unwrap_or_default()
}

/// The low half of a number.
pub(super) fn low16(n: u32) -> u16 {
    u16::try_from(n & 0xffff).unwrap_or_default()
}
