//! Table `volume_files`.

use bstr::BString;
use jiff::Timestamp;

use super::attributes::{self, Attributes};
use super::hasher::Hasher;
use super::holding::Holding;
use super::rootfs_changes::OpenPaths;
use super::table::table;
use crate::Checkpoint;
use crate::model::rootfs::Change;
use crate::model::tree::Entry;

table! {
    "volume_files", key(volume, path), brief(volume, type, mode, size, mtime, path),
    event(Event::state(&["file"], "volume-file").about(Subject::File).under("volume"));
    /// Files in the container's named volumes, if the engine stored them (Podman: `volumes/NAME.tar`), in the order of
    /// the tars.
    pub struct VolumeFile {
        /// Name of the volume.
        pub volume: BString,
        /// Path in the container. If the archive does not say where the volume was mounted, the path from the root of
        /// the volume.
        #[to(ecs("file.path").path(), ocsf("file.path").path())]
        pub path: BString,
        /// Type: `regular`, `directory`, `symlink`, `character`, `block`, `fifo` or `other`.
        #[to(ecs("file.type").form(Form::FileType), ocsf("file.type_id").form(Form::FileType))]
        pub r#type: &'static str,
        /// Size of the contents in bytes, including holes. Null if there are none.
        #[to(ecs("file.size"), ocsf("file.size"))]
        pub size: Option<u64>,
        /// Permissions, four octal digits.
        #[to(ecs("file.mode"), ocsf("file.attributes").form(Form::Octal))]
        pub mode: Option<String>,
        /// Owner, as numbered on the host if the container had a user namespace.
        #[to(ecs("file.uid").text(), ocsf("file.owner.uid").text())]
        pub uid: Option<u64>,
        /// Group, as numbered on the host if the container had a user namespace.
        #[to(ecs("file.gid").text())]
        pub gid: Option<u64>,
        /// Time of the last modification.
        #[to(ecs("file.mtime"), ocsf("file.modified_time").form(Form::Millis), moment("Content Modification Time"))]
        pub mtime: Option<Timestamp>,
        /// Target of a symbolic link, or the first name in the tar of a file that has several.
        #[to(ecs("file.target_path"))]
        pub link: Option<BString>,
        /// Device number of a device node, `major:minor`.
        pub device: Option<String>,
        /// Capabilities that the file gives to whoever runs it, as `getcap` prints them.
        pub capabilities: Option<String>,
        /// Extended attributes, as in `rootfs_changes`.
        pub xattrs: Option<Attributes>,
        /// Who held the file, as in `rootfs_changes`. At most 256 are listed.
        pub open_by: Holding,
        /// The member of the archive that has the file.
        pub member: BString,
        /// Offset of the contents in the inflated tar, in bytes.
        pub offset: u64,
        /// SHA-256 of the contents, with holes as zeros. Null unless `--hash` is given, for an entry without contents,
        /// and if some of them are missing.
        #[to(ecs("file.hash.sha256"), ocsf("file.hashes").form(Form::Sha256), timesketch("sha256_hash"))]
        pub sha256: Option<String>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = VolumeFile> + '_ {
    let open = OpenPaths::of(checkpoint);
    let mut hasher = Hasher::new(checkpoint);
    let mut rows = Vec::new();
    for (volume, tree) in &checkpoint.volumes() {
        rows.extend(tree.entries().map(|entry| row(volume, &tree.member.path, &entry, &open, &mut hasher)));
    }
    rows.into_iter()
}

fn row(
    volume: &BString,
    tar: &BString,
    entry: &Entry<'_>,
    open: &OpenPaths<'_>,
    hasher: &mut Hasher<'_>,
) -> VolumeFile {
    let (member, contents, path) = (entry.member, entry.contents(), entry.path());
    VolumeFile {
        volume: volume.clone(),
        r#type: entry.file_type(),
        size: contents.map(|contents| contents.len()),
        mode: member.mode.map(|mode| format!("{:04o}", mode & 0o7777)),
        uid: member.uid,
        gid: member.gid,
        mtime: member.mtime,
        link: member.link.clone(),
        device: member.device.map(|(major, minor)| format!("{major}:{minor}")),
        capabilities: attributes::capabilities(&member.xattrs),
        xattrs: (!member.xattrs.is_empty()).then(|| Attributes::of(&member.xattrs)),
        open_by: open.holders(&path, Change::AddedOrChanged),
        member: tar.clone(),
        offset: member.offset,
        sha256: contents.and_then(|contents| hasher.hash(&contents, tar, member.offset)),
        path,
    }
}
