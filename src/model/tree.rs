//! File trees that an engine stored as tars next to the images: the container's root file system changes and its named
//! volumes.

use std::collections::HashMap;

use bstr::{BString, ByteSlice};

use super::Side;
use super::side::text_of;
use crate::archive::{Contents, Member, MemberKind, Nested};
use crate::warning::{Code, Place, Warnings};

/// Greatest number of links followed from name to name in a tar; writers make one.
const HOPS: usize = 8;

/// A tree of files, in a tar that is a member of the archive.
#[derive(Debug)]
pub struct FileTree<'c> {
    /// The member that is the tar.
    pub member: &'c Member,
    /// Where the tree was mounted in the container.
    pub mount: BString,
    nested: Nested<'c>,
    /// The entry that is used for each path.
    by_path: HashMap<BString, usize>,
}

/// One entry of a tree.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'t> {
    /// The tar's member.
    pub member: &'t Member,
    /// The member with the contents: the entry itself, or the first name of its file. `None` if that first name is
    /// missing.
    pub target: Option<&'t Member>,
    tree: &'t FileTree<'t>,
}

impl<'c> FileTree<'c> {
    /// Opens the tar that a member is; `None` if it is not a tar or was not kept.
    pub(crate) fn open(side: &Side<'c>, member: &'c Member, mount: BString) -> Option<Self> {
        let member = side.archive().resolve(member).ok().filter(|member| member.kind == MemberKind::File)?;
        let nested = side.archive().nested(member, side.limits, side.warnings)?;
        let mut by_path = HashMap::new();
        for (number, inner) in nested.members().iter().enumerate() {
            if by_path.insert(inner.path.clone(), number).is_some() && inner.kind != MemberKind::Directory {
                side.warnings.push(Code::MemberDuplicate, Place::member(&member.path), || {
                    format!("two of its members are named {}; used the last one", inner.path)
                });
            }
        }
        Some(FileTree { member, mount, nested, by_path })
    }

    /// All entries except the root, in the order of the tar.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let counts = |(number, member): &(usize, &Member)| {
            !member.path.is_empty() && self.by_path.get(&member.path) == Some(number)
        };
        let members = self.nested.members().iter().enumerate().filter(counts);
        members.map(|(_, member)| Entry { member, target: self.first_name(member), tree: self })
    }

    /// Converts a path in the tar to one in the container.
    pub fn path_of(&self, path: &[u8]) -> BString {
        let mount = self.mount.strip_suffix(b"/").unwrap_or(&self.mount);
        bstr::concat([mount, b"/", path.strip_prefix(b"/").unwrap_or(path)]).into()
    }

    fn first_name<'t>(&'t self, member: &'t Member) -> Option<&'t Member> {
        let mut here = member;
        for _ in 0..HOPS {
            if here.kind != MemberKind::Hardlink {
                return Some(here);
            }
            let number = self.by_path.get(&cleaned(here.link.as_ref()?))?;
            here = self.nested.members().get(*number)?;
        }
        None
    }
}

impl<'t> Entry<'t> {
    /// Path in the container.
    pub fn path(&self) -> BString {
        self.tree.path_of(&self.member.path)
    }

    /// Type: `regular`, `directory`, `symlink`, `character`, `block`, `fifo` or `other`. A further name of a file has
    /// the file's type.
    pub fn file_type(&self) -> &'static str {
        match self.target.map(|target| target.kind) {
            Some(MemberKind::File) => "regular",
            Some(MemberKind::Hardlink | MemberKind::Other(_)) | None => "other",
            Some(kind) => kind.as_str(),
        }
    }

    /// The contents, if it is a regular file.
    pub fn contents(&self) -> Option<Contents<'t>> {
        let target = self.target.filter(|target| target.kind == MemberKind::File)?;
        Some(self.tree.nested.contents(target))
    }

    /// Whether it is a further name of a file.
    pub fn is_further_name(&self) -> bool {
        self.member.kind == MemberKind::Hardlink
    }
}

/// Converts a name in a tar to a path from its root.
fn cleaned(name: &[u8]) -> BString {
    let parts = name.split_str("/").filter(|part| !part.is_empty() && *part != b".");
    bstr::join("/", parts.collect::<Vec<_>>()).into()
}

/// The named volumes whose contents the engine stored, each with its name: `volumes/NAME.tar`.
pub(crate) fn volumes<'c>(side: &Side<'c>) -> Vec<(BString, FileTree<'c>)> {
    let mounts = mounts_of_volumes(side);
    let mut read: HashMap<&BString, &Member> = HashMap::new();
    side.files_in("volumes")
        .filter(|member| {
            // Each volume has its own tar; a link would read one again and again.
            let Ok(file) = side.archive().resolve(member) else { return true };
            let first = *read.entry(&file.path).or_insert(member);
            if !std::ptr::eq(first, *member) {
                side.warnings.push(Code::MemberLinked, Place::member(&member.path), || {
                    format!("the same file as {}, under which it was read; skipped here", first.path)
                });
            }
            std::ptr::eq(first, *member)
        })
        .filter_map(|member| {
            let name = BString::from(member.file_name().strip_suffix(b".tar")?);
            let mount = mounts.get(name.as_slice()).cloned().unwrap_or_else(|| BString::from("/"));
            Some((name, FileTree::open(side, member, mount)?))
        })
        .collect()
}

/// Where named volumes were mounted, according to Podman's configuration.
fn mounts_of_volumes(side: &Side<'_>) -> HashMap<BString, BString> {
    // Faults of the document were warned about when the model was read.
    let unheard = Warnings::new(side.limits);
    let document = side.with_warnings(&unheard).document("config.dump");
    let volumes = document.as_ref().and_then(|document| document.array(&["namedVolumes"])).unwrap_or_default();
    let text = |volume: &serde_json::Value, key| text_of(volume, key).map(BString::from);
    volumes.iter().filter_map(|volume| Some((text(volume, "volumeName")?, text(volume, "dest")?))).collect()
}
