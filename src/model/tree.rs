//! Trees of files that an engine stored as a tar next to the images: changes of the root file system, and named volumes.

use std::collections::HashMap;

use bstr::BString;

use super::EngineFiles;
use super::engine_files::text_of;
use crate::archive::{Contents, Member, MemberKind, NestedArchive};
use crate::warning::{Code, Place, Warnings};

/// A tree of files in a nested archive.
#[derive(Debug)]
pub struct FileTree<'c> {
    /// The member that is the tar.
    pub member: &'c Member,
    /// Where the tree was mounted in the container.
    pub mount: BString,
    nested: NestedArchive<'c>,
}

/// One entry of a tree.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'t> {
    /// The member of the tar.
    pub member: &'t Member,
    /// The member that has its contents: itself, or the target of a hard link. `None` if the target is not in the tar.
    pub target: Option<&'t Member>,
    /// Number of the entry in its tree.
    pub number: usize,
    tree: &'t FileTree<'t>,
}

impl<'c> FileTree<'c> {
    /// Opens the tar that a member is. `None` if it is not one, or was not kept.
    pub(crate) fn open(files: &EngineFiles<'c>, member: &'c Member, mount: BString) -> Option<Self> {
        let nested = files.archive().nested_tree(member, files.limits, files.warnings)?;
        Some(FileTree { member: nested.member(), mount, nested })
    }

    /// All entries except the root, in the order of the tar.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let target = |number| self.nested.first_name(number).and_then(|first| self.nested.get(first));
        self.nested.entries().map(move |(number, member)| Entry { member, target: target(number), number, tree: self })
    }

    /// The entry with a number, as in [`Entry::number`].
    pub(crate) fn entry(&self, number: usize) -> Option<Entry<'_>> {
        let member = self.nested.get(number)?;
        let target = self.nested.first_name(number).and_then(|first| self.nested.get(first));
        Some(Entry { member, target, number, tree: self })
    }

    /// Converts a path in the tar to one in the container.
    pub fn path_of(&self, path: &[u8]) -> BString {
        let mount = self.mount.strip_suffix(b"/").unwrap_or(&self.mount);
        bstr::concat([mount, b"/", path.strip_prefix(b"/").unwrap_or(path)]).into()
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
        self.target.map_or("other", |target| target.kind.file_type())
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
                    format!("the same file as {}; read there, left out here", first.path)
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
