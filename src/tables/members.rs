//! Table `members`.

use bstr::BString;
use jiff::Timestamp;

use super::hasher::Hasher;
use super::table::table;
use crate::Checkpoint;
use crate::archive::MemberKind;
use crate::int::u64_of;

table! {
    "members", key(path, position), brief(position, type, mode, size, mtime, path),
    event(Event::state(&["file"], "archive-member").about(Subject::Record).under("member"));
    /// The members of the archive, or the files of the directory, in their order. The table lists the whole archive,
    /// whichever checkpoint is asked for. For a nested archive it lists that archive's members; the first checkpoint
    /// also has the members around it.
    pub struct Member {
        /// Position in the archive, from 0.
        pub position: u64,
        /// Name, as recorded.
        pub path: BString,
        /// `file`, `directory`, `symlink`, `hardlink`, `character`, `block`, `fifo` or `other`.
        pub r#type: &'static str,
        /// Size of the contents in bytes, including holes. Null for a file in a directory that may be listed but not
        /// searched.
        pub size: Option<u64>,
        /// Permissions, four octal digits.
        pub mode: Option<String>,
        /// Owner.
        pub uid: Option<u64>,
        /// Group.
        pub gid: Option<u64>,
        /// Time of the last modification.
        #[to(moment("Content Modification Time"))]
        pub mtime: Option<Timestamp>,
        /// Target of a link.
        pub link: Option<BString>,
        /// Offset of the contents in the uncompressed archive, in bytes. Null in a directory.
        pub offset: Option<u64>,
        /// SHA-256 of the contents, with holes as zeros. Null unless `--hash` is given, for a member without contents,
        /// and if some of them are missing.
        #[to(timesketch("sha256_hash"))]
        pub sha256: Option<String>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = Member> + '_ {
    let archive = checkpoint.archive();
    let is_tar = archive.unpacked_bytes().is_some();
    let mut hasher = Hasher::new(checkpoint);
    archive.members_with(&checkpoint.images().folder, checkpoint.is_first()).map(move |(position, member)| Member {
        position: u64_of(position),
        path: member.name.clone(),
        r#type: member.kind.as_str(),
        size: member.known_size(),
        mode: member.mode.map(|mode| format!("{:04o}", mode & 0o7777)),
        uid: member.uid,
        gid: member.gid,
        mtime: member.mtime,
        link: member.link.clone(),
        offset: is_tar.then_some(member.offset),
        sha256: (member.kind == MemberKind::File)
            .then(|| {
                // The contents of a stream were hashed while they were read.
                let hash = || hasher.hash(&archive.contents(member), &member.path, member.offset);
                member.sha256().map(str::to_owned).or_else(hash)
            })
            .flatten(),
    })
}
