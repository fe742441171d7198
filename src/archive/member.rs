//! One member of an archive, or one file of a directory: its name and metadata.

use bstr::{BStr, BString, ByteSlice};
use jiff::Timestamp;

use super::contents::{Layout, Location};
use super::kind::MemberKind;
use super::path::{Cleaned, below, folder_of};

/// How trustworthy a member's path is. If two members have the same path, a less trustworthy one never replaces the
/// other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trust {
    /// The path leads out of the archive: listed but never used.
    Outside,
    /// Found after a damaged header, so it may be part of another member's contents.
    Recovered,
    /// The path contains `..`.
    Dotted,
    /// An ordinary member.
    Plain,
}

/// A member of an archive or a file of a directory.
#[derive(Clone, Debug)]
pub struct Member {
    /// The name as the archive has it.
    pub name: BString,
    /// The path from the root of the archive: without `./`, leading `/`, `.` and repeated slashes, and with `..`
    /// resolved.
    pub path: BString,
    /// The kind of member.
    pub kind: MemberKind,
    /// Size of the contents in bytes, including holes.
    pub size: u64,
    /// Permission bits.
    pub mode: Option<u32>,
    /// Owner.
    pub uid: Option<u64>,
    /// Group.
    pub gid: Option<u64>,
    /// Time of the last modification, as precise as the archive has it; `None` if it is missing or not valid.
    pub mtime: Option<Timestamp>,
    /// Target of a link, as recorded.
    pub link: Option<BString>,
    /// Extended attributes.
    pub xattrs: Vec<(BString, BString)>,
    /// Major and minor device numbers; only for members of a tar.
    pub device: Option<(u32, u32)>,
    /// Whether the time is that of a file in a directory.
    pub(super) in_folder: bool,
    /// Whether the contents are stored in pieces, as a sparse member.
    pub(super) is_sparse: bool,
    /// Offset of the contents in the uncompressed archive, in bytes; 0 in a directory.
    pub offset: u64,
    pub(super) trust: Trust,
    pub(super) layout: Layout,
    /// The hash of the contents, if it was computed while they were read.
    pub(super) sha256: Option<String>,
}

impl Member {
    /// A member of which only the name is known.
    pub(super) fn named(name: BString) -> Self {
        let cleaned = Cleaned::new(&name);
        let trust = match (cleaned.outside, cleaned.dotted) {
            (true, _) => Trust::Outside,
            (false, true) => Trust::Dotted,
            (false, false) => Trust::Plain,
        };
        Member {
            name,
            path: cleaned.path,
            kind: MemberKind::File,
            size: 0,
            mode: None,
            uid: None,
            gid: None,
            mtime: None,
            link: None,
            xattrs: Vec::new(),
            device: None,
            in_folder: false,
            is_sparse: false,
            offset: 0,
            trust,
            layout: Layout::default(),
            sha256: None,
        }
    }

    /// A file of `len` bytes, all from one backing.
    pub(super) fn from_bytes(name: BString, len: u64, number: usize) -> Self {
        let layout = Layout::run(len, Location::Backing { number, offset: 0 });
        Member { size: len, layout, ..Member::named(name) }
    }

    /// Renames the member.
    pub(super) fn rename(&mut self, name: BString) {
        self.path = Cleaned::new(&name).path;
        self.name = name;
    }

    /// Moves the member of a nested archive below a directory, together with the target of a hard link.
    pub(super) fn move_below(&mut self, root: &BStr) {
        if root.is_empty() {
            return;
        }
        let moved = |name: &BString| BString::from(bstr::join("/", [root.as_bytes(), name.as_bytes()]));
        self.rename(moved(&self.name));
        if self.kind == MemberKind::Hardlink {
            self.link = self.link.as_ref().map(moved);
        }
    }

    /// Moves the member from below one directory to below another that contains it.
    pub(super) fn move_up(&mut self, from: &BStr, to: &BStr) {
        let moved = |name: &BString| {
            let rest = name.strip_prefix(from.as_bytes()).and_then(|rest| rest.strip_prefix(b"/"));
            rest.map_or_else(|| name.clone(), |rest| below(to, rest))
        };
        self.rename(moved(&self.name));
        if self.kind == MemberKind::Hardlink {
            self.link = self.link.as_ref().map(moved);
        }
    }

    /// The last component of the path.
    pub fn file_name(&self) -> &[u8] {
        self.path.rsplit_once_str("/").map_or(self.path.as_slice(), |(_, name)| name)
    }

    /// SHA-256 of the contents in hexadecimal, with holes as zeros, if it was computed while the archive was inflated.
    pub fn sha256(&self) -> Option<&str> {
        self.sha256.as_deref()
    }

    /// Time of the last modification, as recorded in an archive; `None` for a file in a directory, whose time may be
    /// that of a copy.
    pub fn recorded_mtime(&self) -> Option<Timestamp> {
        self.mtime.filter(|_| !self.in_folder)
    }

    /// Whether the member is a file in a directory, not in a tar.
    pub(crate) fn is_in_folder(&self) -> bool {
        self.in_folder
    }

    /// Size of the contents in bytes; `None` if unknown, as for a file in a directory without search permission.
    pub fn known_size(&self) -> Option<u64> {
        // In that case, one unreadable byte stands for all.
        (self.size > 0 || self.layout.len == 0).then_some(self.size)
    }

    /// The path without its last component; empty at the root.
    pub fn folder(&self) -> &[u8] {
        folder_of(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_leads_outside_is_never_used() {
        assert_eq!(Member::named("checkpoint/../../etc/passwd".into()).trust, Trust::Outside);
        assert_eq!(Member::named("x/../a".into()).trust, Trust::Dotted);
    }

    #[test]
    fn a_path_splits_into_folder_and_file_name() {
        let member = Member::named("./a/b/c".into());
        assert_eq!((member.folder(), member.file_name()), (&b"a/b"[..], &b"c"[..]));
        let member = Member::named("c".into());
        assert_eq!((member.folder(), member.file_name()), (&b""[..], &b"c"[..]));
    }
}
