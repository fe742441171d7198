//! Members by path: of a whole archive, or of a nested one.

use std::collections::{BTreeSet, HashMap};

use bstr::{BStr, BString};

use super::kind::MemberKind;
use super::member::{Member, Trust};
use super::path::Cleaned;
use crate::warning::{Code, Place, Warnings};

/// Greatest number of links followed from member to member.
const HOPS: usize = 16;

/// Members, and the one that is used for each path.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) members: Vec<Member>,
    by_path: HashMap<BString, usize>,
}

impl Listing {
    /// Finds the member that counts for each path, and reports where others have the same.
    pub(super) fn new(members: Vec<Member>, warnings: &Warnings) -> Self {
        let mut by_path: HashMap<BString, usize> = HashMap::new();
        for (i, member) in members.iter().enumerate() {
            if member.path.is_empty() || member.trust == Trust::Outside {
                continue;
            }
            let Some(before) = by_path.get(&member.path).copied() else {
                by_path.insert(member.path.clone(), i);
                continue;
            };
            let Some(other) = members.get(before) else { continue };
            let wins = member.trust >= other.trust;
            // Many tools list directories again.
            if member.kind != MemberKind::Directory || other.kind != MemberKind::Directory {
                warnings.push(Code::MemberDuplicate, Place::member(&member.path).at(member.offset), || {
                    let (used, ignored) = if wins { (i, before) } else { (before, i) };
                    format!("two members have this name; used member {used}, ignored member {ignored}")
                });
            }
            if wins {
                by_path.insert(member.path.clone(), i);
            }
        }
        Listing { members, by_path }
    }

    /// Members that are never looked up by path.
    pub(super) fn unsorted(members: Vec<Member>) -> Self {
        Listing { members, by_path: HashMap::new() }
    }

    /// The member that is used for a path: the last with that name, as in tar.
    pub(super) fn find(&self, path: &[u8]) -> Option<&Member> {
        self.by_path.get(BStr::new(path)).and_then(|&i| self.members.get(i))
    }

    /// The position of a member in the list of members. `None` if another member counts for its path.
    pub(super) fn number_of(&self, member: &Member) -> Option<usize> {
        let number = self.by_path.get(&member.path).copied()?;
        self.members.get(number).is_some_and(|m| std::ptr::eq(m, member)).then_some(number)
    }

    /// Follows links from member to member, only inside the archive.
    ///
    /// # Errors
    ///
    /// The last link of the chain, if its target is not in the archive or the links form a loop.
    pub(super) fn resolve<'a>(&'a self, member: &'a Member) -> Result<&'a Member, &'a Member> {
        let mut here = member;
        for _ in 0..HOPS {
            let is_link = matches!(here.kind, MemberKind::Symlink | MemberKind::Hardlink);
            let Some(link) = here.link.as_ref().filter(|_| is_link) else { return Ok(here) };
            let target = match here.kind {
                MemberKind::Symlink if link.starts_with(b"/") => return Err(here),
                MemberKind::Symlink => BString::from(bstr::join("/", [here.folder(), link.as_slice()])),
                _ => link.clone(),
            };
            let cleaned = Cleaned::new(&target);
            here = self.find(&cleaned.path).filter(|_| !cleaned.outside).ok_or(here)?;
        }
        Err(here)
    }

    /// The regular file at a path, following links if there are any.
    pub(super) fn file(&self, path: &[u8]) -> Option<&Member> {
        self.find(path).and_then(|member| self.resolve(member).ok()).filter(|member| member.kind == MemberKind::File)
    }

    /// The directories that members are in, whether they are members themselves or only parts of paths.
    pub(super) fn folders(&self) -> Folders {
        let mut folders = Folders::default();
        for member in &self.members {
            folders.add(member);
        }
        folders
    }
}

/// Directories that members are in. Directories around those are not listed, because a name may have half a million of
/// them.
#[derive(Debug, Default)]
pub(super) struct Folders(BTreeSet<BString>);

impl Folders {
    /// Adds the directory that contains a member, and the member itself if it is a directory.
    pub(super) fn add(&mut self, member: &Member) {
        if member.kind == MemberKind::Directory && !self.0.contains(&member.path) {
            self.0.insert(member.path.clone());
        }
        if !self.0.contains(BStr::new(member.folder())) {
            self.0.insert(member.folder().into());
        }
    }

    /// Whether there is a directory with this path that is a member or contains one.
    pub(super) fn has(&self, path: &[u8]) -> bool {
        self.0.contains(BStr::new(path))
    }

    /// Whether anything is in or below a directory with this path.
    pub(super) fn leads_through(&self, path: &[u8]) -> bool {
        let below = BString::from(bstr::concat([path, b"/"]));
        self.has(path) || self.0.range::<BString, _>(&below..).next().is_some_and(|next| next.starts_with(&below))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_also_those_that_only_stand_in_paths() {
        let mut folders = Folders::default();
        folders.add(&Member::named("a/b/c".into()));
        assert!(folders.has(b"a/b") && !folders.has(b"a/b/c"));
        assert!(folders.leads_through(b"a") && !folders.leads_through(b"a/b/c") && !folders.leads_through(b"b"));
    }
}
