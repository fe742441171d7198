//! Trees of files that an engine laid beside the images as a tar: what the container changed in its root file system, and
//! its named volumes.

use std::collections::HashMap;

use bstr::{BString, ByteSlice};

use super::EngineFiles;
use super::engine_files::text_of;
use crate::archive::{Contents, Member, MemberKind, Nested};
use crate::warning::{Code, Place, Warnings};

/// Links from name to name in a tar that are followed; writers make one.
const HOPS: usize = 8;

/// A tree of files, in a tar that is a member of the archive.
#[derive(Debug)]
pub struct FileTree<'c> {
    /// The member that is the tar.
    pub member: &'c Member,
    /// Where the tree was in the container.
    pub mount: BString,
    nested: Nested<'c>,
    /// The entry that counts for each path.
    by_path: HashMap<BString, usize>,
}

/// One entry of a tree.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'t> {
    /// What the tar says of it.
    pub member: &'t Member,
    /// What has its contents: itself, or the first name of its file. `None` of a further name whose first is not there.
    pub target: Option<&'t Member>,
    tree: &'t FileTree<'t>,
}

impl<'c> FileTree<'c> {
    /// Opens the tar that a member is; `None` if it is none, or was not kept.
    pub(crate) fn open(engine_files: &EngineFiles<'c>, member: &'c Member, mount: BString) -> Option<Self> {
        let member = engine_files.archive().resolve(member).ok().filter(|member| member.kind == MemberKind::File)?;
        let nested = engine_files.archive().nested(member, engine_files.limits, engine_files.warnings)?;
        let mut by_path = HashMap::new();
        for (number, inner) in nested.members().iter().enumerate() {
            if by_path.insert(inner.path.clone(), number).is_some() && inner.kind != MemberKind::Directory {
                engine_files.warnings.push(Code::MemberDuplicate, Place::member(&member.path), || {
                    format!("two of its members are named {}; the last counts", inner.path)
                });
            }
        }
        Some(FileTree { member, mount, nested, by_path })
    }

    /// All entries but the root, in the order of the tar.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let counts = |(number, member): &(usize, &Member)| {
            !member.path.is_empty() && self.by_path.get(&member.path) == Some(number)
        };
        let members = self.nested.members().iter().enumerate().filter(counts);
        members.map(|(_, member)| Entry { member, target: self.first_name(member), tree: self })
    }

    /// A path of the tar as one of the container.
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
    /// Its path in the container.
    pub fn path(&self) -> BString {
        self.tree.path_of(&self.member.path)
    }

    /// What it is: `regular`, `directory`, `symlink`, `character`, `block`, `fifo` or `other`. A further name of a file is
    /// what the file is.
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

/// A name of a tar as a path from its root.
fn cleaned(name: &[u8]) -> BString {
    let parts = name.split_str("/").filter(|part| !part.is_empty() && *part != b".");
    bstr::join("/", parts.collect::<Vec<_>>()).into()
}

/// The named volumes whose contents the engine kept, each by its name: `volumes/NAME.tar`.
pub(crate) fn volumes<'c>(engine_files: &EngineFiles<'c>) -> Vec<(BString, FileTree<'c>)> {
    let mounts = mounts_of_volumes(engine_files);
    let mut read: HashMap<&BString, &Member> = HashMap::new();
    engine_files
        .files_in("volumes")
        .filter(|member| {
            // Each volume is a tar of its own; links would have one read again and again.
            let Ok(file) = engine_files.archive().resolve(member) else { return true };
            let first = *read.entry(&file.path).or_insert(member);
            if !std::ptr::eq(first, *member) {
                engine_files.warnings.push(Code::MemberLinked, Place::member(&member.path), || {
                    format!("the same file as {}, where it is read; left out here", first.path)
                });
            }
            std::ptr::eq(first, *member)
        })
        .filter_map(|member| {
            let name = BString::from(member.file_name().strip_suffix(b".tar")?);
            let mount = mounts.get(name.as_slice()).cloned().unwrap_or_else(|| BString::from("/"));
            Some((name, FileTree::open(engine_files, member, mount)?))
        })
        .collect()
}

/// Where named volumes were mounted, as Podman's configuration has it.
fn mounts_of_volumes(engine_files: &EngineFiles<'_>) -> HashMap<BString, BString> {
    // What is wrong with the document was warned of when the model was read.
    let unheard = Warnings::new(engine_files.limits);
    let document = engine_files.with_warnings(&unheard).document("config.dump");
    let volumes = document.as_ref().and_then(|document| document.array(&["namedVolumes"])).unwrap_or_default();
    let text = |volume: &serde_json::Value, key| text_of(volume, key).map(BString::from);
    volumes.iter().filter_map(|volume| Some((text(volume, "volumeName")?, text(volume, "dest")?))).collect()
}
