//! Numbers as bytes, little-endian: all machines that cores are written of are.

use std::io;

use super::too_large;
use crate::int::usize_of;

/// How wide the words of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// `ELFCLASS32`.
    Narrow,
    /// `ELFCLASS64`.
    Wide,
}

impl Class {
    /// `e_ident[EI_CLASS]`.
    pub(super) fn number(self) -> u8 {
        self.choose(1, 2)
    }

    pub(super) fn header_size(self) -> u16 {
        self.choose(52, 64)
    }

    pub(super) fn program_header_size(self) -> u16 {
        self.choose(32, 56)
    }

    pub(super) fn section_header_size(self) -> u16 {
        self.choose(40, 64)
    }

    fn choose<T>(self, narrow: T, wide: T) -> T {
        match self {
            Class::Narrow => narrow,
            Class::Wide => wide,
        }
    }
}

/// Bytes that grow.
#[derive(Debug)]
pub(super) struct Encoder {
    class: Class,
    bytes: Vec<u8>,
}

impl Encoder {
    pub(super) fn new(class: Class) -> Self {
        Encoder { class, bytes: Vec::new() }
    }

    pub(super) fn class(&self) -> Class {
        self.class
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn zeros(&mut self, count: u64) {
        self.pad_to(self.bytes.len().saturating_add(usize_of(count)));
    }

    /// Zeros up to a length; what is longer is cut.
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

    /// A word of the file's width.
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

    /// A word of the file's width; of a narrow one the low half.
    pub(super) fn low_word(&mut self, n: u64) {
        match self.class {
            Class::Wide => self.u64(n),
            Class::Narrow => self.u32(low(n)),
        }
    }

    /// Text in a field: cut, so that a NUL ends it.
    pub(super) fn text(&mut self, text: &[u8], len: usize) {
        let end = self.bytes.len().saturating_add(len);
        self.bytes.extend(text.iter().take(len.saturating_sub(1)));
        self.pad_to(end);
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// The low half of a number.
pub(super) fn low(n: u64) -> u32 {
    u32::try_from(n & 0xffff_ffff).unwrap_or_default()
}

/// The low half of a number.
pub(super) fn low16(n: u32) -> u16 {
    u16::try_from(n & 0xffff).unwrap_or_default()
}
