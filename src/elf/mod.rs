//! ELF images: headers, symbols, and the marks of packers and compilers, from bytes that may have holes. Nothing in the
//! bytes is trusted: each number is checked before use, and every list is bounded. Any layer may use it.
//!
//! An image lies in one of two ways: as its file does, or as a loader lays its segments out in memory. [`Elf`] reads
//! both. Sources: the ELF specification (gABI, chapters 4 and 5) and `elf.h` of the GNU C library.

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

mod ability;
mod build;
mod bytes;
mod dynamic;
mod go;
mod head;
mod image;
mod marks;
mod needs;
mod packer;
mod read;
mod rust;
mod slots;
mod symbols;
mod wiped;

pub(crate) use self::ability::abilities;
pub(crate) use self::build::{AS_IT_WAS, Made, Part, file_of, file_of_parts};
pub(crate) use self::bytes::Bytes;
pub(crate) use self::go::GoBuild;
pub(crate) use self::head::{ElfFile, MAGIC};
pub(crate) use self::image::Image;
pub(crate) use self::marks::{Mark, marks};
pub(crate) use self::packer::packer;
pub(crate) use self::read::{Elf, Layout};
pub(crate) use self::rust::crates;
pub(crate) use self::slots::Offered;
pub(crate) use self::symbols::Symbols;
pub(crate) use self::wiped::{rebuilt_header, segments_at};
