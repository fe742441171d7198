//! An unpacked archive, or a directory of images: its files as members. Nothing outside it is looked at, and no link is
//! followed.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use bstr::{BString, ByteVec};
use jiff::Timestamp;

use super::contents::{Backing, Layout, LazyFile, Source};
use super::member::{Member, MemberKind};
use crate::int::u64_of;
use crate::limits::Limits;
use crate::warning::{Code, Place, Warnings};

/// Folders in folders that are looked into.
const DEPTH: usize = 64;

/// Lists a directory. Files are opened when their contents are first wanted.
///
/// # Errors
///
/// If the directory itself cannot be listed.
pub(super) fn read(root: &Path, limits: &Limits, warnings: &Warnings) -> io::Result<(Vec<Member>, Vec<Backing>)> {
    let mut listing = Listing { limits, warnings, members: Vec::new(), backings: Vec::new(), full: false };
    listing.folder(root, &BString::default(), 0)?;
    Ok((listing.members, listing.backings))
}

/// A single file as the one member of a directory.
///
/// # Errors
///
/// If there is no such file.
pub(super) fn one(path: &Path) -> io::Result<(Vec<Member>, Vec<Backing>)> {
    let metadata = fs::metadata(path)?;
    let file_name = path.file_name().map(Vec::from_os_str_lossy).unwrap_or_default();
    let mut member = Member::named(file_name.into_owned().into());
    describe(&mut member, &metadata, path);
    member.layout = Layout::run(metadata.len(), Source::Backing { number: 0, offset: 0 });
    Ok((vec![member], vec![Backing::File(LazyFile::new(path.to_owned()))]))
}

struct Listing<'a> {
    limits: &'a Limits,
    warnings: &'a Warnings,
    members: Vec<Member>,
    backings: Vec<Backing>,
    full: bool,
}

impl Listing<'_> {
    fn folder(&mut self, folder: &Path, prefix: &BString, depth: usize) -> io::Result<()> {
        let mut entries: Vec<(BString, PathBuf)> = fs::read_dir(folder)?
            .map(|entry| entry.map(|e| (Vec::from_os_str_lossy(&e.file_name()).into_owned().into(), e.path())))
            .collect::<io::Result<_>>()?;
        entries.sort();
        for (file_name, path) in entries {
            if u64_of(self.members.len()) >= self.limits.members {
                if !self.full {
                    self.full = true;
                    let limit = self.limits.members;
                    self.warnings.push(Code::LimitReached, Place::archive(), || {
                        format!("more than {limit} files; the rest is left out, --max-members raises the limit")
                    });
                }
                return Ok(());
            }
            let mut name = prefix.clone();
            name.extend_from_slice(&file_name);
            let metadata = match fs::symlink_metadata(&path) {
                Ok(metadata) => metadata,
                Err(error) => {
                    self.unreadable(&name, &error);
                    continue;
                }
            };
            let mut member = Member::named(name.clone());
            describe(&mut member, &metadata, &path);
            if member.kind == MemberKind::File {
                let source = Source::Backing { number: self.backings.len(), offset: 0 };
                member.layout = Layout::run(metadata.len(), source);
                self.backings.push(Backing::File(LazyFile::new(path.clone())));
            }
            self.members.push(member);
            if metadata.is_dir() {
                name.push(b'/');
                let inside = if depth < DEPTH { self.folder(&path, &name, depth.saturating_add(1)) } else { Ok(()) };
                if let Err(error) = inside {
                    self.unreadable(&name, &error);
                }
            }
        }
        Ok(())
    }

    fn unreadable(&self, name: &BString, error: &io::Error) {
        self.warnings.push(Code::MemberUnreadable, Place::member(name), || error.to_string());
    }
}

fn describe(member: &mut Member, metadata: &Metadata, path: &Path) {
    let kind = metadata.file_type();
    member.kind = if kind.is_file() {
        MemberKind::File
    } else if kind.is_dir() {
        MemberKind::Directory
    } else if kind.is_symlink() {
        MemberKind::Symlink
    } else {
        special(kind)
    };
    member.size = if kind.is_file() { metadata.len() } else { 0 };
    member.mtime = metadata.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
    if kind.is_symlink() {
        member.link = fs::read_link(path).ok().map(|target| Vec::from_path_lossy(&target).into_owned().into());
    }
    owner(member, metadata);
}

#[cfg(unix)]
fn special(kind: fs::FileType) -> MemberKind {
    use std::os::unix::fs::FileTypeExt;
    if kind.is_fifo() {
        MemberKind::Fifo
    } else if kind.is_char_device() {
        MemberKind::CharacterDevice
    } else if kind.is_block_device() {
        MemberKind::BlockDevice
    } else {
        MemberKind::Other(0)
    }
}

#[cfg(not(unix))]
fn special(_: fs::FileType) -> MemberKind {
    MemberKind::Other(0)
}

#[cfg(unix)]
fn owner(member: &mut Member, metadata: &Metadata) {
    use std::os::unix::fs::MetadataExt;
    member.mode = Some(metadata.mode() & 0o7777);
    member.uid = Some(metadata.uid().into());
    member.gid = Some(metadata.gid().into());
}

#[cfg(not(unix))]
fn owner(_: &mut Member, _: &Metadata) {}
