//! Finds the directories of an archive that hold CRIU images, and the kind of each image.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use bstr::{BStr, BString, ByteSlice};

use super::kind::Kind;
use crate::archive::{Archive, Member, MemberKind, folder_of};
use crate::int::usize_of;
use crate::limits::Limits;
use crate::warning::{Code, Place, Warnings};

/// An image set: a directory of images from one dump or pre-dump.
#[derive(Clone, Debug, Default)]
pub struct ImageSet {
    /// Path of the directory; empty for the root.
    pub folder: BString,
    /// Positions of the images in the archive's list of members.
    images: BTreeMap<(Kind, u64), usize>,
    /// Positions of files of unknown kinds.
    others: Vec<usize>,
    /// Target of the `parent` link.
    parent: Option<Parent>,
}

/// The target of a `parent` link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parent {
    /// A directory of the archive, which may or may not hold images.
    Folder(BString),
    /// Outside of the archive; the link's target.
    Outside(BString),
}

impl ImageSet {
    /// The image of a kind with a number in its name (0 for kinds without numbers).
    pub fn find<'a>(&self, archive: &'a Archive, kind: Kind, number: u64) -> Option<&'a Member> {
        archive.members().get(*self.images.get(&(kind, number))?)
    }

    /// All images of a kind, in the order of their numbers.
    pub fn of_kind<'a>(&'a self, archive: &'a Archive, kind: Kind) -> impl Iterator<Item = (u64, &'a Member)> {
        self.images
            .range((kind, 0)..=(kind, u64::MAX))
            .filter_map(|(&(_, number), &i)| Some((number, archive.members().get(i)?)))
    }

    /// All images, by kind and number.
    pub fn images<'a>(&'a self, archive: &'a Archive) -> impl Iterator<Item = (Kind, u64, &'a Member)> {
        self.images.iter().filter_map(|(&(kind, number), &i)| Some((kind, number, archive.members().get(i)?)))
    }

    /// Files among the images whose kind is unknown.
    pub fn others<'a>(&'a self, archive: &'a Archive) -> impl Iterator<Item = &'a Member> {
        self.others.iter().filter_map(|&i| archive.members().get(i))
    }

    /// The target of the `parent` link, if there is one.
    pub fn parent(&self) -> Option<&Parent> {
        self.parent.as_ref()
    }

    /// Whether the set has processes, which only a complete dump has.
    pub(crate) fn has_tasks(&self) -> bool {
        let begins = |kind| self.images.range((kind, 0)..=(kind, u64::MAX)).next().is_some();
        begins(Kind::Pstree) || begins(Kind::Core)
    }

    /// Whether the set has no images, so that there are only the engine's files.
    pub(crate) fn is_empty(&self) -> bool {
        self.images.is_empty()
    }

    /// Whether the set has pages, as a pre-dump has.
    pub(crate) fn has_pages(&self) -> bool {
        self.images.range((Kind::Pagemap, 0)..=(Kind::Pagemap, u64::MAX)).next().is_some()
    }

    /// Whether anything identifies the set as CRIU images.
    fn is_images(&self) -> bool {
        self.has_tasks() || self.images.keys().any(|(kind, _)| kind.magic().is_some() && !is_work(*kind))
    }
}

/// Whether an archive with these members holds a checkpoint: images, or the engine's files of one.
pub(crate) fn holds_checkpoint(members: &[Member]) -> bool {
    let is_image = |member: &Member| {
        member.kind != MemberKind::Directory
            && Kind::from_file_name(member.file_name())
                .is_some_and(|(kind, _)| kind.magic().is_some() && !is_work(kind))
    };
    members.iter().any(is_image) || !engine_roots(members).is_empty()
}

/// The directories in which an engine stored a checkpoint, with or without images: its documents next to the image
/// directory or to CRIU's log. Documents alone could belong to any container.
fn engine_roots(members: &[Member]) -> BTreeSet<&[u8]> {
    let files = members.iter().filter(|member| member.kind != MemberKind::Directory);
    let documents: BTreeSet<&[u8]> =
        files.filter(|member| DOCUMENTS.contains(&member.file_name())).map(Member::folder).collect();
    if documents.is_empty() {
        return documents;
    }
    let mut roots = BTreeSet::new();
    for member in members {
        let of_images = |folder: &[u8]| is_image_folder(folder.rsplit_once_str("/").map_or(folder, |(_, last)| last));
        if member.kind == MemberKind::Directory && of_images(&member.path) || member.file_name() == b"dump.log" {
            roots.insert(member.folder());
        }
        if of_images(member.folder()) {
            roots.insert(folder_of(member.folder()));
        }
    }
    roots.retain(|root| documents.contains(root));
    roots
}

/// The two documents that engines write next to the images.
const DOCUMENTS: [&[u8]; 2] = [b"config.dump", b"spec.dump"];

/// Whether a member belongs to the checkpoint that it is next to, and is not an archive with a checkpoint of its own:
/// an image, or the container's files as packed by the engine. `has` tells whether a directory exists.
pub(crate) fn is_part(member: &Member, has: &dyn Fn(&[u8]) -> bool) -> bool {
    let (folder, name) = (member.folder(), member.file_name());
    if Kind::from_file_name(name).is_some() {
        return true;
    }
    let beside = match name {
        b"rootfs-diff.tar" | b"devshm-checkpoint.tar" => folder,
        _ if folder == b"volumes" || folder.ends_with(b"/volumes") => folder_of(folder),
        _ => return false,
    };
    ["checkpoint", "pre-checkpoint"].iter().any(|images| has(&join(BStr::new(beside), images.as_bytes())))
}

/// Whether files of this kind are in the work directory, which may not be the image directory.
fn is_work(kind: Kind) -> bool {
    matches!(kind, Kind::StatsDump | Kind::StatsRestore | Kind::IrmapCache)
}

/// The dumps of an archive: the directories with processes, and all other directories with images.
#[derive(Debug, Default)]
pub(crate) struct Sets {
    /// All directories that hold images, by path.
    pub(crate) all: BTreeMap<BString, Arc<ImageSet>>,
    /// The sets that are checkpoints of their own, in the order of their paths.
    pub(crate) checkpoints: Vec<Arc<ImageSet>>,
    /// The sets by the last part of their directory, each in the order of their paths.
    by_name: HashMap<BString, Vec<Arc<ImageSet>>>,
    /// Those that have no processes, which may be parent dumps.
    pub(crate) without_tasks: Vec<Arc<ImageSet>>,
}

/// Most dumps of a chain that are read: a dump and its parents. Each has to be asked for the pages of all processes.
pub(crate) const MOST_DUMPS: usize = 1000;

impl Sets {
    /// Finds the sets of an archive.
    pub(crate) fn of(archive: &Archive, limits: &Limits, warnings: &Warnings) -> Self {
        let mut linked = Linked { left: limits.linked_bytes, limits, warnings };
        let mut all: BTreeMap<BString, ImageSet> = BTreeMap::new();
        for (i, member) in archive.members().iter().enumerate() {
            let name = member.file_name();
            let counts = archive.find(&member.path).is_some_and(|m| std::ptr::eq(m, member));
            if !counts || member.kind == MemberKind::Directory && Kind::from_file_name(name).is_none() {
                continue;
            }
            let set = all.entry(member.folder().into()).or_default();
            if name == b"parent" && member.kind == MemberKind::Symlink {
                set.parent = parent(archive, member);
            } else if let Some((kind, number)) = Kind::from_file_name(name) {
                if linked.allow(archive, kind, member) {
                    set.images.insert((kind, number), i);
                }
            } else {
                set.others.push(i);
            }
        }
        for (folder, set) in &mut all {
            set.folder = folder.clone();
        }
        all.retain(|_, set| set.is_images());

        let parents: BTreeSet<BString> = all
            .values()
            .filter_map(|set| match &set.parent {
                Some(Parent::Folder(folder)) if *folder != set.folder => Some(folder.clone()),
                _ => None,
            })
            .collect();
        let is_whole = |set: &ImageSet| set.has_tasks() && !parents.contains(&set.folder);
        let whole: BTreeSet<BString> = all.values().filter(|set| is_whole(set)).map(|set| set.folder.clone()).collect();
        // Without any processes there may still be a pre-dump to show, or the rest of a dump.
        let is_shown = |set: &ImageSet| whole.is_empty() || whole.contains(&set.folder);
        let all: BTreeMap<BString, Arc<ImageSet>> =
            all.into_iter().map(|(folder, set)| (folder, Arc::new(set))).collect();
        let mut checkpoints: Vec<_> = all.values().filter(|set| is_shown(set)).cloned().collect();
        checkpoints.extend(without_images(archive, &all, &checkpoints));
        checkpoints.sort_by(|a, b| a.folder.cmp(&b.folder));
        let mut named = parents;
        named.extend(checkpoints.iter().map(|set| set.folder.clone()));
        for folder in all.keys().filter(|folder| !named.contains(*folder)) {
            warnings.push(Code::ImageOrphaned, Place::member(folder), || {
                "these images have no process, and no dump in this archive names them as its parent dump; not shown, but `decode` reads them"
                    .to_owned()
            });
        }
        let most = limits.checkpoints;
        if let Some(first) = checkpoints.get(usize_of(most)) {
            warnings.push(&Limits::CHECKPOINTS, Place::member(&first.folder), || {
                format!("more than {most} checkpoints; skipped this and the following ones")
            });
            checkpoints.truncate(usize_of(most));
        }
        let mut by_name: HashMap<BString, Vec<Arc<ImageSet>>> = HashMap::new();
        for (folder, set) in all.iter().filter(|(folder, _)| !folder.is_empty()) {
            by_name.entry(last_part(folder).into()).or_default().push(Arc::clone(set));
        }
        let without_tasks = all.values().filter(|set| !set.has_tasks()).cloned().collect();
        Sets { all, checkpoints, by_name, without_tasks }
    }
}

/// The engine's files of containers whose images are elsewhere or have no processes: one set for each, empty if there
/// are no images at all.
fn without_images(
    archive: &Archive,
    all: &BTreeMap<BString, Arc<ImageSet>>,
    shown: &[Arc<ImageSet>],
) -> Vec<Arc<ImageSet>> {
    let known: BTreeSet<&[u8]> = shown.iter().map(|set| root_of(&set.folder)).collect();
    let left = engine_roots(archive.members()).into_iter().filter(|root| !known.contains(root));
    left.map(|root| {
        let folder = join(BStr::new(root), b"checkpoint");
        let there = all.get(&folder).cloned();
        there.unwrap_or_else(|| Arc::new(ImageSet { folder, ..ImageSet::default() }))
    })
    .collect()
}

/// Bounds the total size of images that are links, which are stored once but read for each link.
struct Linked<'a> {
    left: u64,
    limits: &'a Limits,
    warnings: &'a Warnings,
}

impl Linked<'_> {
    /// Whether an image is not a link, or a link that may still be read.
    fn allow(&mut self, archive: &Archive, kind: Kind, member: &Member) -> bool {
        if matches!(
            kind,
            Kind::Pages | Kind::PagesFramed | Kind::ShmPagesOld | Kind::AmdgpuPages | Kind::AmdgpuDrmPages
        ) {
            return true;
        }
        let Some(file) = archive.resolve(member).ok().filter(|file| !std::ptr::eq(*file, member)) else { return true };
        if let Some(left) = self.left.checked_sub(file.size) {
            self.left = left;
            return true;
        }
        let most = self.limits.linked_bytes;
        self.warnings.push(&Limits::LINKED_BYTES, Place::member(&member.path), || {
            format!("a link to {}; skipped, because images that are links exceed {most} bytes in total", file.path)
        });
        false
    }
}

impl Sets {
    /// A dump and its parent dumps, by their `parent` links, newest first. A link that leads out of the archive or in a
    /// circle ends the chain, as do too many dumps. That matters only if pages should be there.
    pub(crate) fn chain<'a>(&'a self, newest: &'a ImageSet) -> Vec<&'a ImageSet> {
        let mut chain = vec![newest];
        let mut seen = BTreeSet::from([&newest.folder]);
        let mut here = newest;
        while chain.len() < MOST_DUMPS
            && let Some(next) = self.before(here).filter(|set| seen.insert(&set.folder))
        {
            chain.push(next);
            here = next;
        }
        chain
    }
}

impl Sets {
    /// The parent dump: in the directory that the link leads to. Engines rewrite the link and move directories, so if
    /// that directory is missing, the parent is the only other set whose directory has the name at the end of the link.
    fn before(&self, set: &ImageSet) -> Option<&ImageSet> {
        let link = set.parent()?;
        if let Parent::Folder(folder) = link
            && let Some(next) = self.all.get(folder)
        {
            return Some(next);
        }
        let mut of_name = self.of_name(set, link);
        of_name.next().filter(|_| of_name.next().is_none())
    }

    /// The sets whose directory has the name at the end of a link.
    pub(crate) fn named_by(&self, link: &Parent) -> &[Arc<ImageSet>] {
        self.by_name.get(BStr::new(link.last_part())).map_or(&[], Vec::as_slice)
    }

    /// The other sets whose directory has the name at the end of a link.
    fn of_name<'a>(&'a self, set: &ImageSet, link: &Parent) -> impl Iterator<Item = &'a ImageSet> {
        // Every container has a `checkpoint`; one container's must not be taken for another's.
        let is_other = |other: &&Arc<ImageSet>| {
            other.folder != set.folder && !(other.has_tasks() && last_part(&other.folder) == last_part(&set.folder))
        };
        self.named_by(link).iter().filter(is_other).map(|other| &**other)
    }

    /// The dumps that may be a dump's parent, if it is unknown: those with the link's name or, without a link, all that
    /// have pages but no processes.
    pub(crate) fn candidates<'a>(&'a self, set: &'a ImageSet) -> Vec<&'a BString> {
        if let Some(link) = set.parent() {
            return self.of_name(set, link).map(|other| &other.folder).collect();
        }
        let is_earlier = |other: &&Arc<ImageSet>| other.folder != set.folder && other.has_pages() && !other.has_tasks();
        self.all.values().filter(is_earlier).map(|other| &other.folder).collect()
    }
}

impl Parent {
    /// The name at the end of the link's target.
    fn last_part(&self) -> &[u8] {
        let (Parent::Folder(target) | Parent::Outside(target)) = self;
        last_part(target)
    }
}

fn last_part(path: &BString) -> &[u8] {
    path.rsplit(|&byte| byte == b'/').find(|part| !part.is_empty()).unwrap_or_default()
}

fn parent(archive: &Archive, link: &Member) -> Option<Parent> {
    let target = link.link.as_ref()?;
    Some(match archive.folder_of_link(link) {
        Some(folder) => Parent::Folder(folder),
        None => Parent::Outside(target.clone()),
    })
}

/// The root of the archive that an image directory belongs to: the directory above `checkpoint/` or `pre-checkpoint/`,
/// as engines store images, or else the directory itself.
pub(crate) fn root_of(folder: &[u8]) -> &[u8] {
    let last = folder.rsplit_once_str("/").map_or(folder, |(_, last)| last);
    if is_image_folder(last) { folder_of(folder) } else { folder }
}

/// Whether engines store images in directories with this name.
fn is_image_folder(name: &[u8]) -> bool {
    name == b"checkpoint" || name == b"pre-checkpoint"
}

/// Joins a directory and a name.
pub(crate) fn join(folder: &BStr, name: &[u8]) -> BString {
    if folder.is_empty() { name.into() } else { bstr::join("/", [folder.as_bytes(), name]).into() }
}
