//! Table `rootfs_changes`.

use std::collections::HashMap;

use bstr::BString;
use jiff::Timestamp;

use super::attributes::{self, Attributes};
use super::hasher::Hasher;
use super::holding::Holding;
use super::table::table;
use crate::Checkpoint;
use crate::model::file::File;
use crate::model::ids::FileId;
use crate::model::rootfs::{Change, Changed};
use crate::model::tree::Entry;

const SET_USER: u32 = 0o4000;
const SET_GROUP: u32 = 0o2000;

table! {
    "rootfs_changes", key(path, change), brief(change, type, mode, size, path),
    event(Event::state(&["file"], "rootfs-diff").about(Subject::File).under("change"));
    /// Changes that the container made to its root file system, from `rootfs-diff.tar` and `deleted.files`: the entries
    /// of the tar in order, then the deletions. A file that is not listed may have changed too: Podman and CRI-O omit
    /// changed files if the host does not have a file at the same path.
    pub struct RootfsChange {
        /// Path in the container.
        #[to(ecs("file.path").path(), ocsf("file.path").path())]
        pub path: BString,
        /// `added_or_changed` (engines do not say which; containerd also lists the directories above a change),
        /// `deleted`, or `opaque`: a directory whose contents from the image are all gone.
        #[to(ecs("event.type").form(Form::ChangeType))]
        pub change: &'static str,
        /// Type: `regular`, `directory`, `symlink`, `character`, `block`, `fifo` or `other`. Null for a deletion.
        #[to(ecs("file.type").form(Form::FileType), ocsf("file.type_id").form(Form::FileType))]
        pub r#type: Option<&'static str>,
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
        /// Whether the file runs as its owner, whoever starts it.
        pub setuid: Option<bool>,
        /// Whether the file runs as its group, whoever starts it.
        pub setgid: Option<bool>,
        /// Capabilities that the file gives to whoever runs it, as `getcap` prints them: `cap_net_raw+ep`.
        pub capabilities: Option<String>,
        /// Extended attributes: text as it is, capabilities as in the column of that name, other values in hexadecimal
        /// after `0x`. At most 256 attributes of at most 4096 bytes each.
        pub xattrs: Option<Attributes>,
        /// Whether engines create such an entry in every container, such as mount points and `/etc/mtab`.
        pub engine_noise: bool,
        /// Who held the file: `1:8` is descriptor 8 of process 1, `1:exe` ran it, `1:map` mapped it. For a deleted
        /// path, the holders of the file that was there. At most 256 are listed.
        pub open_by: Holding,
        /// The member of the archive that records the change.
        pub member: BString,
        /// Offset of the contents in the inflated tar, in bytes. Null for entries of `deleted.files`.
        pub offset: Option<u64>,
        /// SHA-256 of the contents, with holes as zeros. Null unless `--hash` is given, for an entry without contents,
        /// and if some of them are missing.
        #[to(ecs("file.hash.sha256"), ocsf("file.hashes").form(Form::Sha256), timesketch("sha256_hash"))]
        pub sha256: Option<String>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = RootfsChange> + '_ {
    let changes = checkpoint.rootfs();
    let open = OpenPaths::of(checkpoint);
    let mut hasher = Hasher::new(checkpoint);
    let rows: Vec<RootfsChange> = changes.iter().map(|changed| row(&changed, &open, &mut hasher)).collect();
    rows.into_iter()
}

fn row(changed: &Changed<'_>, open: &OpenPaths<'_>, hasher: &mut Hasher<'_>) -> RootfsChange {
    let entry = changed.entry.as_ref();
    let member = entry.map(|entry| entry.member);
    let contents = entry.and_then(Entry::contents);
    let is_regular = contents.is_some();
    let has = |bit: u32| Some(member?.mode? & bit != 0).filter(|_| is_regular);
    RootfsChange {
        change: changed.change.as_str(),
        r#type: entry.map(Entry::file_type),
        size: contents.map(|contents| contents.len()),
        mode: member.and_then(|member| member.mode).map(|mode| format!("{:04o}", mode & 0o7777)),
        uid: member.and_then(|member| member.uid),
        gid: member.and_then(|member| member.gid),
        mtime: member.and_then(|member| member.mtime),
        link: member.and_then(|member| member.link.clone()),
        device: member.and_then(|member| member.device).map(|(major, minor)| format!("{major}:{minor}")),
        setuid: has(SET_USER),
        setgid: has(SET_GROUP),
        capabilities: member.and_then(|member| attributes::capabilities(&member.xattrs)),
        xattrs: member.filter(|member| !member.xattrs.is_empty()).map(|member| Attributes::of(&member.xattrs)),
        engine_noise: changed.engine_noise,
        open_by: open.holders(&changed.path, changed.change),
        member: changed.member.path.clone(),
        offset: changed.offset,
        sha256: contents
            .and_then(|contents| hasher.hash(&contents, &changed.member.path, changed.offset.unwrap_or_default())),
        path: changed.path.clone(),
    }
}

/// Open files by path.
pub(crate) struct OpenPaths<'c> {
    /// Files that still had their names.
    named: HashMap<&'c [u8], Opened>,
    /// Files that had been deleted.
    deleted: HashMap<&'c [u8], Opened>,
}

/// The open files at one path, and who holds them. Thousands of volumes may have a file of the same path.
#[derive(Default)]
struct Opened {
    files: Vec<FileId>,
    holders: Holding,
}

impl<'c> OpenPaths<'c> {
    pub(crate) fn of(checkpoint: &'c Checkpoint) -> Self {
        let files = checkpoint.model().files();
        let mut open = OpenPaths { named: HashMap::new(), deleted: HashMap::new() };
        for (id, file) in files.iter() {
            if let File::Regular(entry) = file
                && let Some(name) = entry.name.as_deref()
            {
                let paths = if files.remap(id).is_some() { &mut open.deleted } else { &mut open.named };
                paths.entry(name).or_default().files.push(id);
            }
        }
        for opened in open.named.values_mut().chain(open.deleted.values_mut()) {
            opened.holders = Holding::of_all(checkpoint, &opened.files);
        }
        open
    }

    /// Holders of the file that is, or was, at a path.
    pub(super) fn holders(&self, path: &[u8], change: Change) -> Holding {
        self.at(path, change).map(|opened| opened.holders.clone()).unwrap_or_default()
    }

    /// Open files that are, or were, at a path.
    pub(crate) fn files(&self, path: &[u8], change: Change) -> &[FileId] {
        self.at(path, change).map_or(&[], |opened| &opened.files)
    }

    fn at(&self, path: &[u8], change: Change) -> Option<&Opened> {
        if change == Change::Deleted { self.deleted.get(path) } else { self.named.get(path) }
    }
}
