//! What files are by their first bytes, whatever their names say.

use super::{ChangedFile, FileFacts};
use crate::elf::ElfFile;

/// Bytes of a file that are looked at.
const HEAD: u64 = 4096;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A program, a library or a module for the kernel.
    Elf,
    /// A script with a line that names its interpreter.
    Script,
    /// A packed file, with the name of the format.
    Archive(&'static str),
    /// A database or a dump of one, with the name of the format.
    Database(&'static str),
    /// Something else.
    Other,
    /// It has bytes, but they are not in the archive.
    Unread,
    /// It is empty or no regular file.
    Nothing,
}

impl Kind {
    /// Judges the first bytes of a file.
    pub fn of(head: &[u8]) -> Self {
        const ARCHIVES: [(&[u8], &str); 10] = [
            (b"PK\x03\x04", "zip"),
            (b"\x1f\x8b\x08", "gzip"),
            (b"BZh", "bzip2"),
            (b"\xfd7zXZ\0", "xz"),
            (b"\x28\xb5\x2f\xfd", "zstd"),
            (b"7z\xbc\xaf\x27\x1c", "7z"),
            (b"Rar!\x1a\x07", "rar"),
            (b"age-encryption.org/", "age"),
            (b"-----BEGIN PGP MESSAGE", "PGP"),
            (b"\x04\x22\x4d\x18", "lz4"),
        ];
        const DATABASES: [(&[u8], &str); 5] = [
            (b"SQLite format 3\0", "SQLite"),
            (b"-- MySQL dump", "dump of MySQL"),
            (b"-- MariaDB dump", "dump of MariaDB"),
            (b"--\n-- PostgreSQL database dump", "dump of PostgreSQL"),
            (b"PGDMP", "dump of PostgreSQL"),
        ];
        let named = |table: &[(&[u8], &'static str)]| {
            table.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, name)| *name)
        };
        if ElfFile::read(head).is_some() {
            Kind::Elf
        } else if is_script(head) {
            Kind::Script
        } else if let Some(name) = named(&ARCHIVES) {
            Kind::Archive(name)
        } else if head.get(257..262) == Some(b"ustar") {
            Kind::Archive("tar")
        } else if let Some(name) = named(&DATABASES) {
            Kind::Database(name)
        } else {
            Kind::Other
        }
    }

    /// Whether it can be run: a program or a script.
    pub fn is_code(self) -> bool {
        matches!(self, Kind::Elf | Kind::Script)
    }

    /// For a sentence: `an ELF file`.
    pub fn words(self) -> &'static str {
        match self {
            Kind::Elf => "an ELF file",
            Kind::Script => "a script",
            Kind::Archive(_) => "a packed file",
            Kind::Database(_) => "a database",
            Kind::Other | Kind::Unread | Kind::Nothing => "a file",
        }
    }
}

/// Whether a file names its interpreter, as in `#!/bin/sh`.
fn is_script(head: &[u8]) -> bool {
    let rest = head.strip_prefix(b"#!").map(<[u8]>::trim_ascii_start);
    rest.is_some_and(|rest| rest.starts_with(b"/"))
}

/// The kinds of all changed and recovered files.
#[derive(Debug)]
pub struct Kinds(Vec<Kind>);

impl Kinds {
    pub(super) fn read(files: &FileFacts<'_>) -> Self {
        Kinds(files.all().iter().map(|file| kind(files, file)).collect())
    }

    /// All, in the order of [`FileFacts::all`].
    pub fn all(&self) -> &[Kind] {
        &self.0
    }
}

fn kind(files: &FileFacts<'_>, file: &ChangedFile) -> Kind {
    if file.file_type != "regular" || file.size == 0 {
        return Kind::Nothing;
    }
    let head = files.head(file, HEAD);
    if head.is_empty() { Kind::Unread } else { Kind::of(&head) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_by_the_first_bytes() {
        assert_eq!(Kind::of(b"#!/bin/sh\n"), Kind::Script);
        assert_eq!(Kind::of(b"#! /usr/bin/env python3\n"), Kind::Script);
        assert_eq!(Kind::of(b"#!not a path"), Kind::Other);
        assert_eq!(Kind::of(b"PK\x03\x04more"), Kind::Archive("zip"));
        assert_eq!(Kind::of(b"SQLite format 3\0"), Kind::Database("SQLite"));
        assert_eq!(Kind::of(b"\x7fELF but no header"), Kind::Other);
        let program = std::fs::read("/proc/self/exe").unwrap_or_default();
        assert!(program.is_empty() || Kind::of(program.get(..4096).unwrap_or_default()) == Kind::Elf);
    }
}
