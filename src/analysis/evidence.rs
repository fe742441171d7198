//! The evidence of a finding: rows, bytes and JSON values that another tool can go to and see the same.

use bstr::BString;

use super::Facts;
use super::facts::{ChangedFile, Place};
use crate::memory::Origin;
use crate::model::ids::Pid;

/// Most bytes that a piece of evidence shows.
pub const BYTES_MOST: usize = 64;

/// A value of a column in evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fact {
    /// A number.
    Number(i128),
    /// Text or bytes from the archive, or our own words.
    Text(BString),
    /// An address.
    Address(u64),
}

impl From<&str> for Fact {
    fn from(text: &str) -> Self {
        Fact::Text(text.into())
    }
}

impl From<String> for Fact {
    fn from(text: String) -> Self {
        Fact::Text(text.into())
    }
}

impl From<&BString> for Fact {
    fn from(text: &BString) -> Self {
        Fact::Text(text.clone())
    }
}

impl From<BString> for Fact {
    fn from(text: BString) -> Self {
        Fact::Text(text)
    }
}

macro_rules! numbers {
    ($($number:ty),+) => {
        $(impl From<$number> for Fact {
            fn from(number: $number) -> Self {
                Fact::Number(number.into())
            }
        })+
    };
}
numbers!(u8, u16, u32, u64, i32, i64);

impl From<Pid> for Fact {
    fn from(pid: Pid) -> Self {
        Fact::Number(pid.0.into())
    }
}

/// A piece of evidence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Evidence {
    /// `row`, `bytes` or `json`.
    pub kind: &'static str,
    /// The table of a row.
    pub table: Option<&'static str>,
    /// The key columns of the row, with their values.
    pub key: Vec<(&'static str, Fact)>,
    /// The columns of the row that the rule used, with their values.
    pub columns: Vec<(&'static str, Fact)>,
    /// The member of the archive that has the bytes or the JSON document.
    pub member: Option<BString>,
    /// Offset of the bytes in the inflated member.
    pub member_offset: Option<u64>,
    /// Offset of the bytes in the inflated tar.
    pub archive_offset: Option<u64>,
    /// The process that the bytes belong to.
    pub pid: Option<Pid>,
    /// Address of the bytes.
    pub address: Option<u64>,
    /// Number of bytes that the evidence is about. More than are shown, if it is a whole region.
    pub length: Option<u64>,
    /// The first bytes.
    pub bytes: Vec<u8>,
    /// Text: the line of a file, a decoded command, a listing.
    pub text: Option<BString>,
    /// SHA-256 of the whole region or file, in hexadecimal.
    pub sha256: Option<String>,
    /// A pointer into a JSON document: `/process/capabilities/effective`.
    pub json_pointer: Option<String>,
    /// What it shows, in our own words.
    pub note: Option<String>,
}

impl Evidence {
    /// A row of a table, given by its key columns.
    pub fn row(table: &'static str, key: impl IntoIterator<Item = (&'static str, Fact)>) -> Self {
        Evidence { kind: "row", table: Some(table), key: key.into_iter().collect(), ..Evidence::default() }
    }

    /// The row of a file, with the columns that nearly all rules use, and the hash of its contents.
    pub(super) fn changed_file(facts: &Facts<'_>, file: &ChangedFile) -> Evidence {
        let path = ("path", Fact::Text(file.path.clone()));
        let row = match file.place {
            Place::Rootfs => Evidence::row("rootfs_changes", [path, ("change", "added_or_changed".into())]),
            Place::Deleted => return Evidence::row("rootfs_changes", [path, ("change", "deleted".into())]),
            Place::Volume => {
                Evidence::row("volume_files", [("volume", file.volume.clone().unwrap_or_default().into()), path])
            }
            Place::Tmpfs | Place::Ghost | Place::Memfd | Place::Sysv => {
                let member = file.member.as_ref().map(|member| ("member", Fact::from(member)));
                Evidence::row("recovered_files", member.into_iter().chain([path]))
            }
        };
        row.with("type", Some(file.file_type))
            .with("mode", Some(format!("{:04o}", file.mode & 0o7777)))
            .with("uid", file.uid)
            .with("size", Some(file.size))
            .with("mtime", file.mtime.map(|time| time.to_string()))
            .with("link", file.link.as_ref())
            .with_sha256(facts.files().sha256(file))
    }

    /// The row of a process.
    pub fn process(pid: Pid) -> Self {
        Evidence::row("processes", [("pid", pid.into())])
    }

    /// The row of a descriptor.
    pub fn descriptor(pid: Pid, fd: impl Into<Fact>) -> Self {
        Evidence::row("process_open_files", [("pid", pid.into()), ("fd", fd.into())])
    }

    /// The row of a mapping.
    pub fn mapping(pid: Pid, start: u64) -> Self {
        Evidence::row("process_memory_map", [("pid", pid.into()), ("start", Fact::Address(start))])
    }

    /// Bytes of a process's memory. At most [`BYTES_MOST`] are shown; `length` is what they stand for.
    pub fn memory(facts: &Facts<'_>, pid: Pid, address: u64, length: u64) -> Self {
        let mut evidence = Evidence {
            kind: "bytes",
            pid: Some(pid),
            address: Some(address),
            length: Some(length),
            ..Evidence::default()
        };
        let Some(space) = facts.space(pid) else { return evidence };
        let shown = length.min(crate::int::u64_of(BYTES_MOST));
        if let Some(run) = space.runs(address, address.saturating_add(shown)).next()
            && let Origin::Recorded { image, offset, .. } = run.origin
        {
            evidence.member = Some(image.into());
            evidence.member_offset = Some(offset);
            evidence.archive_offset = facts.archive_offset(image, offset);
            let most = shown.min(run.end.saturating_sub(address));
            let of_hit = || facts.space_of_hits(pid)?.read(address, most).ok();
            if let Some(bytes) = space.read(address, most).ok().or_else(of_hit) {
                evidence.bytes = bytes.into_owned();
            }
        }
        evidence
    }

    /// Bytes of a file in the archive. `bytes` begin at the offset; at most [`BYTES_MOST`] are shown.
    pub fn file(facts: &Facts<'_>, member: &[u8], offset: u64, bytes: &[u8]) -> Self {
        Evidence {
            kind: "bytes",
            member: Some(member.into()),
            member_offset: Some(offset),
            archive_offset: facts.archive_offset(member, offset),
            length: Some(crate::int::u64_of(bytes.len())),
            bytes: bytes.iter().copied().take(BYTES_MOST).collect(),
            ..Evidence::default()
        }
    }

    /// A value of a JSON document.
    pub fn json(member: impl Into<BString>, pointer: impl Into<String>, value: impl Into<BString>) -> Self {
        Evidence {
            kind: "json",
            member: Some(member.into()),
            json_pointer: Some(pointer.into()),
            text: Some(value.into()),
            ..Evidence::default()
        }
    }

    /// The value of a column that the rule used.
    pub fn column(&self, name: &str) -> Option<&Fact> {
        self.columns.iter().find(|(column, _)| *column == name).map(|(_, value)| value)
    }

    /// Adds a column that the rule used. Unknown values are left out.
    #[must_use]
    pub fn with(mut self, column: &'static str, value: Option<impl Into<Fact>>) -> Self {
        self.columns.extend(value.map(|value| (column, value.into())));
        self
    }

    /// Adds text: a line, a decoded command, a listing.
    #[must_use]
    pub fn with_text(self, text: impl Into<BString>) -> Self {
        Evidence { text: Some(text.into()), ..self }
    }

    /// Adds the SHA-256 of the whole region or file.
    #[must_use]
    pub fn with_sha256(self, sha256: Option<String>) -> Self {
        Evidence { sha256, ..self }
    }

    /// Adds what it shows.
    #[must_use]
    pub fn with_note(self, note: impl Into<String>) -> Self {
        Evidence { note: Some(note.into()), ..self }
    }
}
