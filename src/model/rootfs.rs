//! Changes that the container made to its root file system: `rootfs-diff.tar`, `deleted.files`.
//!
//! Podman and CRI-O put added and changed files into the tar and list deletions in `deleted.files`. containerd's tar is
//! a layer of an OCI image: an empty file `.wh.NAME` means that NAME was deleted, and `.wh..wh..opq` that nothing from
//! the image is left in its directory.

use std::collections::HashSet;

use bstr::{BStr, BString, ByteSlice};

use super::engine::Engine;
use super::tree::{Entry, FileTree};
use super::{EngineFiles, Model};
use crate::archive::{Member, MemberKind, folder_of};
use crate::warning::{Code, Place, Warnings};

/// Prefix of an entry that stands for a deletion, from the specification of OCI image layers.
const WHITEOUT: &[u8] = b".wh.";
/// Whiteout of everything that a directory had in the image.
const OPAQUE: &[u8] = b".wh..wh..opq";
/// Prefix of files that storage drivers keep for themselves.
const OF_DRIVER: &[u8] = b".wh..wh.";

/// What happened to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// The path is new or was changed; engines do not say which.
    AddedOrChanged,
    /// The path was deleted.
    Deleted,
    /// A directory whose contents from the image are all gone.
    Opaque,
}

impl Change {
    /// `added_or_changed`, `deleted` or `opaque`.
    pub fn as_str(self) -> &'static str {
        match self {
            Change::AddedOrChanged => "added_or_changed",
            Change::Deleted => "deleted",
            Change::Opaque => "opaque",
        }
    }
}

/// One change.
#[derive(Clone, Debug)]
pub struct Changed<'r> {
    /// What happened to the path.
    pub change: Change,
    /// The path in the container.
    pub path: BString,
    /// The entry that is there now.
    pub entry: Option<Entry<'r>>,
    /// The member of the archive that records the change.
    pub member: &'r Member,
    /// Offset of the record in the inflated tar.
    pub offset: Option<u64>,
    /// Whether the engine made the change, not the container.
    pub engine_noise: bool,
}

/// The changes to the root file system.
#[derive(Debug)]
pub struct RootfsChanges<'c> {
    tree: Option<FileTree<'c>>,
    deleted: Option<(&'c Member, Vec<BString>)>,
    /// Whether the tar is a layer with whiteouts.
    is_layer: bool,
    /// Mount points and all directories above them.
    mount_points: HashSet<BString>,
}

impl<'c> RootfsChanges<'c> {
    pub(crate) fn read(engine_files: &EngineFiles<'c>, model: &Model) -> Self {
        let tree = engine_files
            .file("rootfs-diff.tar")
            .and_then(|member| FileTree::open(engine_files, member, BString::from("/")));
        let container = model.container();
        // Podman and CRI-O list deletions separately, so a file with such a name is an ordinary file.
        let is_layer = !matches!(container.engine, Some(Engine::Podman | Engine::CriO));
        let mut mount_points = HashSet::new();
        let of_images = model.mounts().iter().map(|mount| mount.path.as_slice());
        for path in of_images.chain(container.mounts.iter().map(|mount| mount.destination.as_bytes())) {
            let mut here = path.trim_end_with(|c| c == '/');
            while !here.is_empty() && mount_points.insert(BString::from(here)) {
                here = folder_of(here);
            }
        }
        RootfsChanges { tree, deleted: deleted(engine_files), is_layer, mount_points }
    }

    /// The tree of new and changed files, if there is one.
    pub(crate) fn tree(&self) -> Option<&FileTree<'c>> {
        self.tree.as_ref()
    }

    /// The changes: the entries of the tar in order, then those listed in `deleted.files`.
    pub fn iter(&self) -> impl Iterator<Item = Changed<'_>> {
        let changed = self.tree.iter().flat_map(|tree| tree.entries().map(|entry| self.of_entry(tree, entry)));
        let deleted = self.deleted.iter().flat_map(|(member, paths)| {
            paths.iter().map(|path| Changed {
                change: Change::Deleted,
                path: path.clone(),
                entry: None,
                member,
                offset: None,
                engine_noise: false,
            })
        });
        changed.chain(deleted)
    }

    fn of_entry<'r>(&'r self, tree: &'r FileTree<'c>, entry: Entry<'r>) -> Changed<'r> {
        let member = entry.member;
        let changed = |change, path, entry, engine_noise| Changed {
            change,
            path,
            entry,
            member: tree.member,
            offset: Some(member.offset),
            engine_noise,
        };
        if self.is_layer {
            let name = member.file_name();
            let folder = BStr::new(member.folder());
            if name == OPAQUE {
                return changed(Change::Opaque, tree.path_of(folder), None, false);
            }
            if let Some(name) = name.strip_prefix(WHITEOUT).filter(|_| !name.starts_with(OF_DRIVER)) {
                let path = bstr::join("/", [folder.as_bytes(), name]);
                return changed(Change::Deleted, tree.path_of(&path), None, false);
            }
            // The form in which overlayfs itself stores a deletion.
            if member.kind == MemberKind::CharacterDevice && member.device == Some((0, 0)) {
                return changed(Change::Deleted, entry.path(), None, false);
            }
        }
        let path = entry.path();
        let noise = self.is_noise(BStr::new(&path), member);
        changed(Change::AddedOrChanged, path, Some(entry), noise)
    }

    /// Whether engines create such an entry in every container: mount points, and files that they mount over.
    fn is_noise(&self, path: &BStr, member: &Member) -> bool {
        match member.kind {
            MemberKind::Directory => self.mount_points.contains(path),
            MemberKind::File if member.size == 0 => {
                self.mount_points.contains(path)
                    || matches!(path.as_bytes(), b"/etc/hostname" | b"/etc/hosts" | b"/etc/resolv.conf")
            }
            MemberKind::Symlink => {
                path == "/etc/mtab" && member.link.as_ref().is_some_and(|link| link == "/proc/mounts")
            }
            MemberKind::File => member.file_name().starts_with(OF_DRIVER) && self.is_layer,
            _ => false,
        }
    }
}

/// The paths that `deleted.files` lists, and the member that it is.
fn deleted<'c>(engine_files: &EngineFiles<'c>) -> Option<(&'c Member, Vec<BString>)> {
    let member = engine_files.file("deleted.files")?;
    // What is wrong with the document as a whole was warned of when the model was read.
    let unheard = Warnings::new(engine_files.limits);
    let document = engine_files.with_warnings(&unheard).document("deleted.files")?;
    let mut paths = Vec::new();
    for (number, value) in document.value.as_array()?.iter().enumerate() {
        match value.as_str() {
            Some(path) if path.starts_with('/') => paths.push(BString::from(path)),
            Some(path) => paths.push(BString::from(format!("/{path}"))),
            None => engine_files.warnings.push(Code::JsonUnexpected, Place::member(&member.path), || {
                format!("element {number} is not a path; left out")
            }),
        }
    }
    Some((member, paths))
}
