//! Facts about files: what changed, what was deleted, and whether a path is of the image.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::OnceLock;

use bstr::{BStr, BString, ByteSlice};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::archive::Piece;
use crate::int::{u64_of, usize_of};
use crate::memory::Content;
use crate::model::rootfs::{Change, RootfsChanges};
use crate::recovered::RecoveredFiles;
use crate::{Checkpoint, RootImage};

/// Largest file that is hashed.
const HASHED_MOST: u64 = 64 << 20;
/// Bytes of all files that are compared with those of the image.
const COMPARED: u64 = 2 << 30;

/// A file of the root file system, a volume, a file system in memory, or a deleted file, with its contents.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ChangedFile {
    /// Path in the container.
    pub path: BString,
    /// Where it is.
    pub place: Place,
    /// `regular`, `directory`, `symlink`, `character`, `block`, `fifo` or `other`.
    pub file_type: &'static str,
    /// Size in bytes.
    pub size: u64,
    /// Permission bits, with set-id bits.
    pub mode: u32,
    /// Owner.
    pub uid: Option<u64>,
    /// Group.
    pub gid: Option<u64>,
    /// Time of the last change.
    pub mtime: Option<Timestamp>,
    /// Target of a symbolic link.
    pub link: Option<BString>,
    /// Member of the archive that has the contents or the nested archive.
    pub member: Option<BString>,
    /// Offset of the contents in that member, if they are in one piece.
    pub offset: Option<u64>,
    /// Whether it is no change: the engine made it, or the image that the user brought has the same file.
    pub engine_noise: bool,
    /// Whether it has the attribute of file capabilities.
    pub has_capabilities: bool,
    /// Device numbers of a device node.
    pub device: Option<(u32, u32)>,
    /// Extended attributes.
    pub xattrs: Vec<(BString, BString)>,
    /// Name of its volume.
    pub volume: Option<BString>,
    /// Whether the image that the user brought has a file with these contents at its path. `None` if that is not known.
    pub is_same_as_image: Option<bool>,
    source: Source,
}

/// Hashes of a file in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digests {
    /// MD5.
    pub md5: String,
    /// SHA-1.
    pub sha1: String,
    /// SHA-256.
    pub sha256: String,
}

/// Where a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// Added to or changed in the root file system.
    Rootfs,
    /// Deleted from the root file system.
    Deleted,
    /// In a named volume.
    Volume,
    /// In a file system in memory, `/dev/shm` included.
    Tmpfs,
    /// Deleted, but still open or mapped: CRIU kept the contents.
    Ghost,
    /// A memfd.
    Memfd,
    /// A System V segment.
    Sysv,
}

impl Place {
    /// For a sentence: `in the changes to the root file system`.
    pub fn words(self) -> &'static str {
        match self {
            Place::Rootfs => "among the changes to the root file system",
            Place::Deleted => "deleted from the root file system",
            Place::Volume => "in a volume",
            Place::Tmpfs => "in a file system in memory",
            Place::Ghost => "deleted, but still in use",
            Place::Memfd => "a file that exists only in memory",
            Place::Sysv => "in a System V segment",
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Source {
    None,
    Rootfs(usize),
    Volume(usize, usize),
    Recovered(usize),
}

/// Changed and recovered files.
pub struct FileFacts<'c> {
    all: Vec<ChangedFile>,
    by_path: HashMap<BString, Vec<usize>>,
    rootfs: RootfsChanges<'c>,
    volumes: Vec<(BString, crate::model::tree::FileTree<'c>)>,
    recovered: RecoveredFiles<'c>,
    /// Mount points, except the root.
    mounts: HashSet<BString>,
    /// Times of changed files in seconds, in order, by the directory that they are in.
    times: OnceLock<HashMap<BString, Vec<i64>>>,
}

impl std::fmt::Debug for FileFacts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileFacts").field("files", &self.all.len()).finish_non_exhaustive()
    }
}

impl<'c> FileFacts<'c> {
    pub(in crate::analysis) fn read(checkpoint: &'c Checkpoint) -> Self {
        let rootfs = checkpoint.rootfs();
        let volumes = checkpoint.volumes();
        let recovered = checkpoint.judged_recovered();
        let mounts = checkpoint.model().mounts().iter().map(|mount| BString::from(mount.path.as_slice()));
        let mounts = mounts.filter(|path| path != "/" && !path.is_empty()).collect();
        let mut all = Vec::new();
        for changed in rootfs.iter() {
            let deleted = matches!(changed.change, Change::Deleted | Change::Opaque);
            let member = changed.entry.and_then(|entry| entry.target);
            all.push(ChangedFile {
                path: changed.path.clone(),
                place: if deleted { Place::Deleted } else { Place::Rootfs },
                file_type: changed.entry.map_or("other", |entry| entry.file_type()),
                size: member.map_or(0, |member| member.size),
                mode: member.and_then(|member| member.mode).unwrap_or(0),
                uid: member.and_then(|member| member.uid),
                gid: member.and_then(|member| member.gid),
                mtime: member.and_then(|member| member.mtime),
                link: changed.entry.and_then(|entry| entry.member.link.clone()),
                member: Some(changed.member.path.clone()),
                offset: member.map(|member| member.offset),
                engine_noise: changed.engine_noise,
                has_capabilities: member.is_some_and(has_capabilities),
                device: member.and_then(|member| member.device),
                xattrs: member.map(|member| member.xattrs.clone()).unwrap_or_default(),
                volume: None,
                is_same_as_image: None,
                source: changed.entry.map_or(Source::None, |entry| Source::Rootfs(entry.number)),
            });
        }
        for (number, (name, tree)) in volumes.iter().enumerate() {
            for entry in tree.entries() {
                let member = entry.target;
                all.push(ChangedFile {
                    path: entry.path(),
                    place: Place::Volume,
                    file_type: entry.file_type(),
                    size: member.map_or(0, |member| member.size),
                    mode: member.and_then(|member| member.mode).unwrap_or(0),
                    uid: member.and_then(|member| member.uid),
                    gid: member.and_then(|member| member.gid),
                    mtime: member.and_then(|member| member.mtime),
                    link: entry.member.link.clone(),
                    member: Some(tree.member.path.clone()),
                    offset: member.map(|member| member.offset),
                    engine_noise: false,
                    has_capabilities: member.is_some_and(has_capabilities),
                    device: member.and_then(|member| member.device),
                    xattrs: member.map(|member| member.xattrs.clone()).unwrap_or_default(),
                    volume: Some(name.clone()),
                    is_same_as_image: None,
                    source: Source::Volume(number, entry.number),
                });
            }
        }
        for (number, file) in recovered.iter().enumerate() {
            use crate::recovered::RecoveredFrom::{Devshm, Ghost, LinkRemap, Memfd, Sysv, Tmpfs};
            all.push(ChangedFile {
                path: file.path.clone().unwrap_or_default(),
                place: match file.source {
                    Ghost | LinkRemap => Place::Ghost,
                    Memfd => Place::Memfd,
                    Sysv => Place::Sysv,
                    Devshm | Tmpfs => Place::Tmpfs,
                },
                file_type: file.file_type,
                size: file.size.unwrap_or(0),
                mode: file.mode.unwrap_or(0),
                uid: file.uid,
                gid: file.gid,
                mtime: file.mtime,
                link: file.link.clone(),
                member: file.member.clone(),
                offset: recovered.offset(file),
                engine_noise: false,
                has_capabilities: false,
                device: file.rdev.map(|device| (device.major, device.minor)),
                xattrs: Vec::new(),
                volume: None,
                is_same_as_image: None,
                source: Source::Recovered(number),
            });
        }
        let mut by_path: HashMap<BString, Vec<usize>> = HashMap::new();
        for (place, file) in all.iter().enumerate() {
            by_path.entry(file.path.clone()).or_default().push(place);
        }
        FileFacts { all, by_path, rootfs, volumes, recovered, mounts, times: OnceLock::new() }
    }

    /// Compares changed files with those of an image. Those that were touched, but have the contents that they have in the
    /// image, are no change. Permissions that give rights are one even so. What differs proves something only if the image is
    /// that of the container, as `is_it` says.
    pub(super) fn compare(&mut self, image: &RootImage, is_it: bool) {
        const RIGHTS: u32 = 0o6002;
        let mut left = COMPARED;
        let mut compared = Vec::new();
        for (number, file) in self.all.iter().enumerate() {
            if file.place != Place::Rootfs || file.file_type != "regular" || file.size > HASHED_MOST {
                continue;
            }
            if image.size(&file.path) != Some(file.size) {
                compared.push((number, false));
                continue;
            }
            let Some(rest) = left.checked_sub(file.size) else { break };
            left = rest;
            let Some(bytes) = image.read(&file.path, file.size) else { continue };
            compared.push((number, self.has_contents(file, &bytes)));
        }
        for (number, is_same) in compared {
            if let Some(file) = self.all.get_mut(number) {
                file.is_same_as_image = Some(is_same).filter(|is_same| *is_same || is_it);
                file.engine_noise |= is_same && file.mode & RIGHTS == 0 && !file.has_capabilities;
            }
        }
    }

    /// Whether a file has these contents.
    fn has_contents(&self, file: &ChangedFile, bytes: &[u8]) -> bool {
        let mut rest = bytes;
        self.each_piece(file, &mut |piece| {
            let next = match piece {
                Part::Bytes(piece) => rest.strip_prefix(piece),
                Part::Zeros(len) => rest
                    .split_at_checked(usize_of(len))
                    .filter(|(zeros, _)| zeros.iter().all(|byte| *byte == 0))
                    .map(|(_, rest)| rest),
                Part::Missing => None,
            };
            match next {
                Some(next) => {
                    rest = next;
                    ControlFlow::Continue(())
                }
                None => ControlFlow::Break(()),
            }
        });
        rest.is_empty() && u64_of(bytes.len()) == file.size
    }

    /// All of them.
    pub fn all(&self) -> &[ChangedFile] {
        &self.all
    }

    /// The files with a path.
    pub fn at(&self, path: &[u8]) -> impl Iterator<Item = &ChangedFile> {
        self.by_path.get(path.as_bstr()).into_iter().flatten().filter_map(|&place| self.all.get(place))
    }

    /// Whether a path was added to or changed in the root file system.
    pub fn is_changed(&self, path: &[u8]) -> bool {
        self.at(path).any(|file| file.place == Place::Rootfs && !file.engine_noise)
    }

    /// Whether a path is in the image: it has not changed, or was only touched, and nothing is mounted over it.
    pub fn is_in_image(&self, path: &[u8]) -> bool {
        let is_other = |file: &ChangedFile| file.place != Place::Ghost && file.is_same_as_image != Some(true);
        path.starts_with(b"/") && !self.at(path).any(is_other) && self.mount_of(path).is_none()
    }

    /// Number of files of a directory itself among the changes that were last written before a time.
    pub fn older_in(&self, folder: &[u8], before: Timestamp) -> usize {
        let times = self.times.get_or_init(|| {
            let mut times: HashMap<BString, Vec<i64>> = HashMap::new();
            let changed =
                |file: &&ChangedFile| file.place == Place::Rootfs && file.file_type == "regular" && !file.engine_noise;
            for file in self.all.iter().filter(changed) {
                let Some(mtime) = file.mtime else { continue };
                times.entry(parent(&file.path).into()).or_default().push(mtime.as_second());
            }
            for times in times.values_mut() {
                times.sort_unstable();
            }
            times
        });
        times.get(folder.as_bstr()).map_or(0, |times| times.partition_point(|time| *time < before.as_second()))
    }

    /// The mount point that a path is below, except the root.
    pub fn mount_of(&self, path: &[u8]) -> Option<&BStr> {
        let mut here = path.as_bstr();
        while !here.is_empty() {
            if let Some(mount) = self.mounts.get(here) {
                return Some(mount.as_bstr());
            }
            here = here.get(..here.rfind_byte(b'/').unwrap_or(0))?.as_bstr();
        }
        None
    }

    /// The first bytes of a file. Empty if it has no contents, or if they are not in the archive.
    pub fn head(&self, file: &ChangedFile, most: u64) -> Cow<'_, [u8]> {
        let mut bytes = Vec::new();
        let most = usize_of(most);
        self.each_piece(file, &mut |piece| {
            let left = most.saturating_sub(bytes.len());
            match piece {
                Part::Bytes(piece) => bytes.extend_from_slice(piece.get(..left.min(piece.len())).unwrap_or_default()),
                Part::Zeros(len) => bytes.resize(bytes.len().saturating_add(usize_of(len).min(left)), 0),
                Part::Missing => return ControlFlow::Break(()),
            }
            if bytes.len() >= most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        Cow::Owned(bytes)
    }

    /// SHA-256 of a file in hexadecimal. `None` if not all of it is in the archive, or if it is larger than 64 MiB.
    pub fn sha256(&self, file: &ChangedFile) -> Option<String> {
        let mut hash = Sha256::new();
        self.hash(file, &mut |bytes| hash.update(bytes))?;
        Some(data_encoding::HEXLOWER.encode(&hash.finalize()))
    }

    /// All hashes of a file by which lists know files. `None` as for [`FileFacts::sha256`].
    pub fn digests(&self, file: &ChangedFile) -> Option<Digests> {
        let (mut md5, mut sha1, mut sha256) = (md5::Md5::new(), sha1::Sha1::new(), Sha256::new());
        self.hash(file, &mut |bytes| {
            md5.update(bytes);
            sha1.update(bytes);
            sha256.update(bytes);
        })?;
        let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
        Some(Digests { md5: hex(&md5.finalize()), sha1: hex(&sha1.finalize()), sha256: hex(&sha256.finalize()) })
    }

    /// TLSH of a file, as lists write it: `T1…`. `None` as for [`FileFacts::sha256`], and if the file is too short or too
    /// uniform.
    pub fn tlsh(&self, file: &ChangedFile) -> Option<String> {
        let mut hash = tlsh2::TlshDefaultBuilder::new();
        self.hash(file, &mut |bytes| hash.update(bytes))?;
        Some(String::from_utf8_lossy(&hash.build()?.hash()).into_owned())
    }

    /// Passes all bytes of a file to a hash. `None` if some are not in the archive, or if it is large.
    fn hash(&self, file: &ChangedFile, update: &mut dyn FnMut(&[u8])) -> Option<()> {
        let mut len: u64 = 0;
        if file.file_type != "regular" || file.size > HASHED_MOST {
            return None;
        }
        self.each_piece(file, &mut |piece| {
            match piece {
                Part::Bytes(piece) => {
                    update(piece);
                    len = len.saturating_add(u64_of(piece.len()));
                }
                Part::Zeros(zeros) => {
                    let zeros = zeros.min(HASHED_MOST);
                    update(&vec![0; usize_of(zeros)]);
                    len = len.saturating_add(zeros);
                }
                Part::Missing => return ControlFlow::Break(()),
            }
            if len > HASHED_MOST { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        (len == file.size).then_some(())
    }

    /// Passes the contents of a file to `take`, from the beginning.
    fn each_piece(&self, file: &ChangedFile, take: &mut dyn FnMut(Part<'_>) -> ControlFlow<()>) {
        match file.source {
            Source::None => {}
            Source::Recovered(number) => {
                let Some(file) = self.recovered.iter().nth(number) else { return };
                self.recovered.each_piece(file, &mut |_, content| match content {
                    Content::Bytes(piece) => take(Part::Bytes(piece)),
                    Content::Zeros(len) | Content::Untouched(len) => take(Part::Zeros(*len)),
                    Content::Missing(..) => take(Part::Missing),
                });
            }
            Source::Rootfs(number) => {
                pieces_of(self.rootfs.tree().and_then(|tree| tree.entry(number)?.contents()), take);
            }
            Source::Volume(volume, number) => {
                let tree = self.volumes.get(volume).map(|(_, tree)| tree);
                pieces_of(tree.and_then(|tree| tree.entry(number)?.contents()), take);
            }
        }
    }

    /// The files of a checkpoint.
    pub fn of(checkpoint: &'c Checkpoint) -> Self {
        FileFacts::read(checkpoint)
    }

    /// The whole contents of a regular file, zeros in holes included. `None` if some of them are not in the archive, or
    /// if there are more than `most` bytes.
    pub fn whole(&self, file: &ChangedFile, most: u64) -> Option<Vec<u8>> {
        if file.file_type != "regular" || file.size > most {
            return None;
        }
        let (mut bytes, mut is_whole) = (Vec::new(), true);
        let most = usize_of(file.size);
        self.each_piece(file, &mut |piece| {
            let left = most.saturating_sub(bytes.len());
            match piece {
                Part::Bytes(piece) => bytes.extend_from_slice(piece.get(..left.min(piece.len())).unwrap_or_default()),
                Part::Zeros(len) => bytes.resize(bytes.len().saturating_add(usize_of(len).min(left)), 0),
                Part::Missing => {
                    is_whole = false;
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        });
        (is_whole && bytes.len() == most).then_some(bytes)
    }

    /// Whether the archive says how the root file system differs from the image.
    pub fn has_rootfs(&self) -> bool {
        self.rootfs.tree().is_some()
    }
}

/// The directory that a path is in, without the slash at its end.
fn parent(path: &[u8]) -> &[u8] {
    path.rfind_byte(b'/').and_then(|at| path.get(..at)).unwrap_or_default()
}

/// A part of a file.
enum Part<'p> {
    Bytes(&'p [u8]),
    Zeros(u64),
    Missing,
}

fn has_capabilities(member: &crate::archive::Member) -> bool {
    member.xattrs.iter().any(|(name, _)| name == "security.capability")
}

fn pieces_of(contents: Option<crate::archive::Contents<'_>>, take: &mut dyn FnMut(Part<'_>) -> ControlFlow<()>) {
    let Some(contents) = contents else { return };
    for piece in contents.pieces(0, contents.len()) {
        let flow = match piece {
            Piece::Bytes(bytes) => take(Part::Bytes(bytes)),
            Piece::Hole(len) => take(Part::Zeros(len)),
            Piece::Absent(..) => take(Part::Missing),
        };
        if flow.is_break() {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;

    #[test]
    fn what_was_only_touched_is_of_the_image() {
        let checkpoint = Checkpoint::open("fixtures/rootfs-diff/rootfs-diff.tar.zst").unwrap();
        let mut files = FileFacts::read(&checkpoint);
        let is_plain = |file: &&ChangedFile| {
            file.place == Place::Rootfs && file.file_type == "regular" && !file.engine_noise && file.size > 0
        };
        let mut changed = files.all().iter().filter(is_plain).filter(|file| files.mount_of(&file.path).is_none());
        let (same, other) = (changed.next().unwrap().clone(), changed.next().unwrap().clone());
        let root = tempfile::tempdir().unwrap();
        for (file, bytes) in [(&same, files.whole(&same, 1 << 20).unwrap()), (&other, vec![b'?'; usize_of(other.size)])]
        {
            let place = root.path().join(file.path.to_str().unwrap().trim_start_matches('/'));
            std::fs::create_dir_all(place.parent().unwrap()).unwrap();
            std::fs::write(place, bytes).unwrap();
        }
        let image = RootImage::open(root.path(), &Limits::default()).unwrap();
        assert!(!files.is_in_image(&same.path));
        files.compare(&image, true);
        let state = |path: &BString| files.at(path).next().unwrap().is_same_as_image;
        assert_eq!((state(&same.path), state(&other.path)), (Some(true), Some(false)));
        assert!(files.is_in_image(&same.path) && !files.is_in_image(&other.path));
    }
}
