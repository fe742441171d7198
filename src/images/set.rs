//! Which folders of an archive hold CRIU images, and what each image is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bstr::{BStr, BString, ByteSlice};

use super::kind::Kind;
use crate::archive::{Archive, Member, MemberKind, folder_of};
use crate::int::usize_of;
use crate::limits::Limits;
use crate::warning::{Code, Place, Warnings};

/// A folder of images: one dump or pre-dump.
#[derive(Clone, Debug, Default)]
pub struct ImageSet {
    /// Path of the folder; empty at the root.
    pub folder: BString,
    /// Places of the images in the archive's list of members.
    images: BTreeMap<(Kind, u64), usize>,
    /// Files of no known kind.
    others: Vec<usize>,
    /// Where its `parent` link leads, in the archive.
    parent: Option<Parent>,
}

/// Where a `parent` link leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parent {
    /// To this folder of the archive, which may or may not hold images.
    Folder(BString),
    /// Out of the archive; the link's target.
    Outside(BString),
}

impl ImageSet {
    /// The image of a kind with a number in its name (0 for kinds without).
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

    /// Files among the images that are of no known kind.
    pub fn others<'a>(&'a self, archive: &'a Archive) -> impl Iterator<Item = &'a Member> {
        self.others.iter().filter_map(|&i| archive.members().get(i))
    }

    /// Where its `parent` link leads, if it has one.
    pub fn parent(&self) -> Option<&Parent> {
        self.parent.as_ref()
    }

    /// Whether it has what only a whole dump has: processes.
    pub(crate) fn has_tasks(&self) -> bool {
        let begins = |kind| self.images.range((kind, 0)..=(kind, u64::MAX)).next().is_some();
        begins(Kind::Pstree) || begins(Kind::Core)
    }

    /// Whether there is anything by which to know it as images of CRIU.
    fn is_images(&self) -> bool {
        self.has_tasks() || self.images.keys().any(|(kind, _)| kind.magic().is_some() && !is_work(*kind))
    }
}

/// Whether files of this kind lie in the work directory, which may be another folder than the images'.
fn is_work(kind: Kind) -> bool {
    matches!(kind, Kind::StatsDump | Kind::StatsRestore | Kind::IrmapCache)
}

/// The dumps of an archive: the folders with processes, and whatever folders of images there are.
#[derive(Debug, Default)]
pub(crate) struct Sets {
    /// All folders that hold images, by path.
    pub(crate) all: BTreeMap<BString, Arc<ImageSet>>,
    /// Those that are a checkpoint of their own, in the order of their paths.
    pub(crate) checkpoints: Vec<Arc<ImageSet>>,
}

impl Sets {
    /// Looks through an archive.
    pub(crate) fn of(archive: &Archive, limits: &Limits, warnings: &Warnings) -> Self {
        let mut linked = Linked { left: limits.linked_bytes, limits, warnings };
        let mut all: BTreeMap<BString, ImageSet> = BTreeMap::new();
        for (i, member) in archive.members().iter().enumerate() {
            let name = member.file_name();
            let counts = archive.find(&member.path).is_some_and(|m| std::ptr::eq(m, member));
            if !counts || member.kind == MemberKind::Directory && Kind::of(name).is_none() {
                continue;
            }
            let set = all.entry(member.folder().into()).or_default();
            if name == b"parent" && member.kind == MemberKind::Symlink {
                set.parent = parent(archive, member);
            } else if let Some((kind, number)) = Kind::of(name) {
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

        let parents: BTreeSet<&BString> = all
            .values()
            .filter_map(|set| match &set.parent {
                Some(Parent::Folder(folder)) if *folder != set.folder => Some(folder),
                _ => None,
            })
            .collect();
        let is_whole = |set: &ImageSet| set.has_tasks() && !parents.contains(&set.folder);
        let whole: BTreeSet<BString> = all.values().filter(|set| is_whole(set)).map(|set| set.folder.clone()).collect();
        // Without any process there is still a pre-dump to show, or what is left of a dump.
        let is_shown = |set: &ImageSet| whole.is_empty() || whole.contains(&set.folder);
        let all: BTreeMap<BString, Arc<ImageSet>> =
            all.into_iter().map(|(folder, set)| (folder, Arc::new(set))).collect();
        let mut checkpoints: Vec<_> = all.values().filter(|set| is_shown(set)).cloned().collect();
        let most = limits.checkpoints;
        if let Some(first) = checkpoints.get(usize_of(most)) {
            warnings.push(Code::LimitReached, Place::member(&first.folder), || {
                format!(
                    "one of more than {most} checkpoints; this and the others are left out, --max-checkpoints raises the limit"
                )
            });
            checkpoints.truncate(usize_of(most));
        }
        Sets { all, checkpoints }
    }
}

/// Bounds what images that are links make of what is stored once.
struct Linked<'a> {
    left: u64,
    limits: &'a Limits,
    warnings: &'a Warnings,
}

impl Linked<'_> {
    /// Whether an image is no link, or one that may still be read.
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
        self.warnings.push(Code::LimitReached, Place::member(&member.path), || {
            format!(
                "a link to {}, and images that are links have more than {most} bytes; left out, --max-linked raises the limit",
                file.path
            )
        });
        false
    }
}

impl Sets {
    /// A dump and those before it, by their `parent` links, the newest first. A link that leads out of the archive or in a
    /// circle ends the chain, which matters only if pages are said to be there.
    pub(crate) fn chain<'a>(&'a self, newest: &'a ImageSet) -> Vec<&'a ImageSet> {
        let mut chain = vec![newest];
        let mut seen = BTreeSet::from([&newest.folder]);
        let mut here = newest;
        while let Some(next) = self.before(here).filter(|set| seen.insert(&set.folder)) {
            chain.push(next);
            here = next;
        }
        chain
    }
}

impl Sets {
    /// The dump before one: in the folder that its link leads to. Engines rewrite the link and move folders, so where that is
    /// not here, it is the only other one whose folder has the name that the link ends with.
    fn before(&self, set: &ImageSet) -> Option<&ImageSet> {
        let link = set.parent()?;
        if let Parent::Folder(folder) = link
            && let Some(next) = self.all.get(folder)
        {
            return Some(next);
        }
        // Every container has a `checkpoint`: another one's must not be taken for this one's.
        let is_other = |other: &&Arc<ImageSet>| {
            other.folder != set.folder && !(other.has_tasks() && last_part(&other.folder) == last_part(&set.folder))
        };
        let mut of_name = self.all.values().filter(is_other).filter(|other| link.ends_with(&other.folder));
        of_name.next().filter(|_| of_name.next().is_none()).map(|next| &**next)
    }
}

impl Parent {
    /// Whether the last part of the link's target is that of a folder.
    pub(crate) fn ends_with(&self, folder: &BString) -> bool {
        let (Parent::Folder(target) | Parent::Outside(target)) = self;
        !folder.is_empty() && last_part(target) == last_part(folder)
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

/// The root of the archive that a folder of images belongs to: the folder above where the images lie in `checkpoint/`
/// or `pre-checkpoint/`, as engines lay them out; else the folder itself.
pub(crate) fn root_of(folder: &[u8]) -> &[u8] {
    let last = folder.rsplit_once_str("/").map_or(folder, |(_, last)| last);
    if last == b"checkpoint" || last == b"pre-checkpoint" { folder_of(folder) } else { folder }
}

/// A path below a folder.
pub(crate) fn join(folder: &BStr, name: &[u8]) -> BString {
    if folder.is_empty() { name.into() } else { bstr::join("/", [folder.as_bytes(), name]).into() }
}
