//! An unpacked archive, or a directory of images: its files as members. Nothing outside the directory is read, and no
//! link is followed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bstr::{BString, ByteSlice, ByteVec};

use super::contents::{Backing, Layout, Location};
use super::folder::{Entry, Facts, Folder};
use super::kind::MemberKind;
use super::lazy::{Fault, LazyFile, Reading};
use super::map::Map;
use super::member::Member;
use crate::int::u64_of;
use crate::limits::Limits;
use crate::warning::{Code, Place, Warnings};

/// Greatest nesting depth of directories.
const DEPTH: usize = 64;

/// Lists a directory. Files are opened when their contents are first needed, and mapped if `map` allows it.
///
/// # Errors
///
/// Fails if the directory itself cannot be listed.
pub(super) fn read(
    root: Folder,
    map: bool,
    limits: &Limits,
    warnings: &Warnings,
) -> io::Result<(Vec<Member>, Vec<Backing>)> {
    let reading = Reading::new(Some(root), map, limits.kept_in_memory);
    let mut listing =
        Lister { limits, warnings, reading: &reading, members: Vec::new(), backings: Vec::new(), full: false };
    if let Some(root) = reading.folder() {
        listing.folder(root, &BString::default(), 0)?;
    }
    Ok((listing.members, listing.backings))
}

/// A single file, as the only member of a directory.
///
/// # Errors
///
/// Fails if there is no such file.
pub(super) fn one(path: &Path, map: bool, limits: &Limits) -> io::Result<(Vec<Member>, Vec<Backing>)> {
    let facts = Facts::from(&fs::metadata(path)?);
    let file_name = path.file_name().map(Vec::from_os_str_lossy).unwrap_or_default();
    let mut member = Member::named(file_name.into_owned().into());
    describe(&mut member, &facts);
    member.layout = Layout::run(member.size, Location::Backing { number: 0, offset: 0 });
    let reading = Reading::new(None, map, limits.kept_in_memory);
    Ok((vec![member], vec![Backing::File(Box::new(LazyFile::new(&reading, path.to_owned(), facts.identity)))]))
}

/// A temporary file without a name, as the only member of a directory.
///
/// # Errors
///
/// Fails if it cannot be mapped.
pub(super) fn unlinked(file: fs::File) -> io::Result<(Vec<Member>, Vec<Backing>)> {
    let mut member = Member::named("contents".into());
    describe(&mut member, &Facts::from(&file.metadata()?));
    member.layout = Layout::run(member.size, Location::Backing { number: 0, offset: 0 });
    // What is empty cannot be mapped.
    let backing = if member.size == 0 { Backing::Heap(Vec::new()) } else { Backing::Map(Map::keeping(file)?) };
    Ok((vec![member], vec![backing]))
}

struct Lister<'a> {
    limits: &'a Limits,
    warnings: &'a Warnings,
    reading: &'a Arc<Reading>,
    members: Vec<Member>,
    backings: Vec<Backing>,
    full: bool,
}

impl Lister<'_> {
    fn folder(&mut self, folder: &Folder, prefix: &BString, depth: usize) -> io::Result<()> {
        let mut entries = folder.entries()?;
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        for entry in entries {
            if u64_of(self.members.len()) >= self.limits.members {
                if !self.full {
                    self.full = true;
                    let limit = self.limits.members;
                    self.warnings.push(&Limits::MEMBERS, Place::archive(), || {
                        format!("more than {limit} files; the rest were skipped")
                    });
                }
                return Ok(());
            }
            let mut name = prefix.clone();
            name.extend_from_slice(&entry.name);
            match folder.facts(&entry.name) {
                Ok(facts) => self.entry(folder, &entry.name, name, &facts, depth),
                Err(error) => self.only_a_name(&entry, name, &error),
            }
        }
        Ok(())
    }

    fn entry(&mut self, folder: &Folder, entry: &BString, mut name: BString, facts: &Facts, depth: usize) {
        let mut member = Member::named(name.clone());
        describe(&mut member, facts);
        match member.kind {
            MemberKind::Symlink => member.link = folder.link(entry).ok(),
            MemberKind::File => member.layout = self.layout(folder, entry, &name, facts),
            _ => {}
        }
        let is_folder = member.kind == MemberKind::Directory;
        self.members.push(member);
        if !is_folder {
            return;
        }
        name.push(b'/');
        if depth >= DEPTH {
            self.warnings.push(Code::LimitReached, Place::member(&name), || {
                format!("directories are nested more than {DEPTH} deep; the contents of this one were skipped")
            });
            return;
        }
        let inside = folder.inside(entry).and_then(|inside| match inside.is_of_the_kernel() {
            Some(kernel) => {
                Err(io::Error::other(format!("the kernel's {kernel}, whose files are generated when they are read")))
            }
            None => self.folder(&inside, &name, depth.saturating_add(1)),
        });
        if let Err(error) = inside {
            self.unreadable(&name, &error);
        }
    }

    /// The location of a file's bytes.
    fn layout(&mut self, folder: &Folder, entry: &BString, name: &BString, facts: &Facts) -> Layout {
        let size = facts.identity.size;
        if let Err(error) = folder.may_read(entry) {
            self.unreadable(name, &error);
            return Layout::unreadable(Some(size));
        }
        // A name that is not a valid path here cannot be opened either.
        let Some(path) = path_of(name) else { return Layout::unreadable(Some(size)) };
        let location = Location::Backing { number: self.backings.len(), offset: 0 };
        self.backings.push(Backing::File(Box::new(LazyFile::new(self.reading, path, facts.identity))));
        Layout::run(size, location)
    }

    /// Lists a name about which the file system says nothing more, as in a directory without search permission.
    fn only_a_name(&mut self, entry: &Entry, name: BString, error: &io::Error) {
        if error.kind() == io::ErrorKind::NotFound {
            self.unreadable(&name, error);
            return;
        }
        let denied = error.kind() == io::ErrorKind::PermissionDenied;
        self.warnings.push(Code::MemberUnreadable, Place::member(&name), || {
            if denied {
                "permission denied: its directory can be listed but not searched (no x bit), so only its name is known"
                    .to_owned()
            } else {
                format!("only the name is known ({error})")
            }
        });
        let mut member = Member::named(name);
        member.in_folder = true;
        // A file of unknown kind may be an image.
        member.kind = entry.kind.unwrap_or(MemberKind::File);
        if member.kind == MemberKind::File {
            member.layout = Layout::unreadable(None);
        }
        self.members.push(member);
    }

    fn unreadable(&self, name: &BString, error: &io::Error) {
        let fault = Fault::from_io(error);
        self.warnings.push(fault.code, Place::member(name), || fault.message);
    }
}

fn describe(member: &mut Member, facts: &Facts) {
    member.kind = facts.kind;
    member.size = if facts.kind == MemberKind::File { facts.identity.size } else { 0 };
    (member.mtime, member.in_folder) = (facts.identity.modified, true);
    (member.mode, member.uid, member.gid) = (facts.mode, facts.uid, facts.gid);
}

fn path_of(name: &BString) -> Option<PathBuf> {
    name.to_path().ok().map(Path::to_owned)
}
