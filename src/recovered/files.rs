//! Finds the recovered files of a checkpoint, and reads their contents.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use bstr::{BStr, BString};
use jiff::Timestamp;

use super::file::{RecoveredFile, RecoveredFrom, Stored};
use crate::abi::device::Device;
use crate::archive::{Contents, Member, MemberKind, NestedArchive, Piece};
use crate::images::proto::{GhostFileEntry, MemfdInodeEntry, Timeval};
use crate::images::{Images, Kind};
use crate::int::u64_of;
use crate::memory::{Content, Ghost, Lost, Memory, Missing, STEP};
use crate::model::file::{File, Remap};
use crate::model::holders::{Holder, Holders};
use crate::model::ids::FileId;
use crate::model::ipc::Segment;
use crate::model::mount::Mount;
use crate::model::{EngineFiles, Model};

/// The recovered files of a checkpoint.
///
/// ```
/// # fn main() -> Result<(), cryoscope::Error> {
/// use std::ops::ControlFlow;
///
/// use cryoscope::Checkpoint;
/// use cryoscope::memory::Content;
///
/// let checkpoint = Checkpoint::open("fixtures/ipc/ipc.tar.zst")?;
/// let recovered = checkpoint.recovered();
/// for file in recovered.iter().filter(|file| file.size.is_some()) {
///     let mut bytes = Vec::new();
///     recovered.each_piece(file, &mut |offset, content| {
///         match content {
///             Content::Bytes(piece) => bytes.extend_from_slice(piece),
///             other => println!("{offset}: {} bytes are a hole, or not here", other.len()),
///         }
///         ControlFlow::Continue(())
///     });
///     println!("{} {:?} {}", file.source.as_str(), file.path, bytes.len());
/// }
/// # Ok(())
/// # }
/// ```
pub struct RecoveredFiles<'c> {
    memory: &'c Memory,
    tars: Vec<NestedArchive<'c>>,
    files: Vec<RecoveredFile>,
}

impl fmt::Debug for RecoveredFiles<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RecoveredFiles").field(&self.files).finish()
    }
}

impl<'c> RecoveredFiles<'c> {
    pub(crate) fn read(
        images: Images<'c>,
        engine_files: &EngineFiles<'c>,
        model: &'c Model,
        memory: &'c Memory,
        holders: &Holders,
    ) -> Self {
        let mut recovered = RecoveredFiles { memory, tars: Vec::new(), files: Vec::new() };
        let mut reader = Reader { images, model, holders, recovered: &mut recovered, tars: HashMap::new() };
        reader.ghosts();
        reader.memfds();
        reader.segments();
        reader.file_systems(engine_files);
        reader.links(engine_files);
        // Stable sort: files of one source keep the order of their numbers, or of their archive.
        recovered.files.sort_by_key(|file| file.source);
        recovered
    }

    /// The files by source, then in the order of their numbers or of their archive.
    pub fn iter(&self) -> impl Iterator<Item = &RecoveredFile> {
        self.files.iter()
    }

    /// Passes the contents of a file to `take`, without gaps from beginning to end, each piece with its offset, until
    /// `take` has enough: bytes in pieces of at most 1 MiB, zeros that are not stored ([`Content::Zeros`],
    /// [`Content::Untouched`]), and missing bytes. A file without contents has no pieces.
    pub fn each_piece(&self, file: &RecoveredFile, take: &mut dyn FnMut(u64, &Content<'_>) -> ControlFlow<()>) {
        // A consumer that has enough ends the walk. This is not an error.
        let _ = self.pieces(file, take);
    }

    /// Offset of the contents of a file in the inflated nested archive that has them. `None` if they are elsewhere.
    pub(crate) fn offset(&self, file: &RecoveredFile) -> Option<u64> {
        match file.stored {
            Stored::Inner { tar, member } => Some(self.tars.get(tar)?.get(member)?.offset),
            _ => None,
        }
    }

    fn pieces(
        &self,
        file: &RecoveredFile,
        take: &mut dyn FnMut(u64, &Content<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let size = file.size.unwrap_or(0);
        match file.stored {
            Stored::Nothing => ControlFlow::Continue(()),
            Stored::Missing(_) if size == 0 => ControlFlow::Continue(()),
            Stored::Missing(why) => take(0, &Content::Missing(size, why)),
            Stored::Ghost(number) => self.memory.ghost_pieces(number, size, take),
            Stored::Shared(number) => self.memory.shared_pieces(number, size, take),
            Stored::Inner { tar, member } => {
                let Some(tar) = self.tars.get(tar) else { return ControlFlow::Continue(()) };
                let Some(member) = tar.get(member) else { return ControlFlow::Continue(()) };
                contents(tar.contents(member), take)
            }
        }
    }
}

/// The pieces of a member of a tar.
fn contents(contents: Contents<'_>, take: &mut dyn FnMut(u64, &Content<'_>) -> ControlFlow<()>) -> ControlFlow<()> {
    let mut at = 0_u64;
    for piece in contents.pieces(0, contents.len()) {
        match piece {
            Piece::Bytes(bytes) => {
                let mut from = at;
                for part in bytes.chunks(STEP) {
                    take(from, &Content::Bytes(part.into()))?;
                    contents.give_back(from, u64_of(part.len()));
                    from = from.saturating_add(u64_of(part.len()));
                }
            }
            Piece::Hole(len) => take(at, &Content::Zeros(len))?,
            Piece::Absent(len, why) => take(at, &Content::Missing(len, Lost::from(why).into()))?,
        }
        at = at.saturating_add(piece.len());
    }
    ControlFlow::Continue(())
}

/// The mount points of whole file systems. The first one of a number counts.
struct Mounts<'c> {
    by_id: HashMap<u32, &'c Mount>,
    by_device: BTreeMap<Device, &'c Mount>,
}

impl<'c> Mounts<'c> {
    fn new(model: &'c Model) -> Self {
        let mut mounts = Mounts { by_id: HashMap::new(), by_device: BTreeMap::new() };
        for mount in model.mounts().iter().filter(|mount| matches!(mount.root.as_slice(), b"/" | b"")) {
            if let Some(id) = mount.id {
                mounts.by_id.entry(id).or_insert(mount);
            }
            if let Some(device) = mount.device {
                mounts.by_device.entry(device).or_insert(mount);
            }
        }
        mounts
    }

    /// The mount point of the file system of an image.
    fn of(&self, kind: Kind, number: u64) -> Option<&'c Mount> {
        let number = u32::try_from(number).ok()?;
        match kind {
            Kind::TmpfsDev => self.by_device.get(&Device::from_kernel(number)).copied(),
            _ => self.by_id.get(&number).copied(),
        }
    }
}

/// Finds the files.
struct Reader<'r, 'c> {
    images: Images<'c>,
    model: &'c Model,
    holders: &'r Holders,
    recovered: &'r mut RecoveredFiles<'c>,
    /// The places of nested archives in the list of them, by path.
    tars: HashMap<&'c BString, usize>,
}

impl<'c> Reader<'_, 'c> {
    /// Ghost files: those that something refers to, then the remaining ghost images.
    fn ghosts(&mut self) {
        let mut by_number: HashMap<u64, Vec<FileId>> = HashMap::new();
        for (id, remap) in self.model.files().remaps() {
            if let Remap::Ghost(number) = remap {
                by_number.entry(number).or_default().push(id);
            }
        }
        let mut numbers: Vec<u64> = self.recovered.memory.ghosts().chain(by_number.keys().copied()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        for number in numbers {
            let files = by_number.remove(&number).unwrap_or_default();
            let ghost = self.recovered.memory.ghost(number);
            let file = self.ghost(number, ghost, files);
            self.recovered.files.push(file);
        }
    }

    fn ghost(&self, number: u64, ghost: Option<&Ghost>, files: Vec<FileId>) -> RecoveredFile {
        let mut file = Self::file(RecoveredFrom::Ghost, self.opened(files));
        let Some(ghost) = ghost else {
            // The image is missing or unreadable; only the facts about the open file are known.
            file.stored = Stored::Missing(Missing::Truncated);
            file.size = self.size_of(&file.files);
            return file;
        };
        let head: &GhostFileEntry = &ghost.head;
        file.file_type = type_of(head.mode());
        file.size = ghost.size;
        file.stored = if ghost.size.is_some() { Stored::Ghost(number) } else { Stored::Nothing };
        file.mode = head.mode.map(|mode| mode & 0o7777);
        (file.uid, file.gid) = (head.uid.map(u64::from), head.gid.map(u64::from));
        (file.atime, file.mtime) = (time(head.atim.as_ref()), time(head.mtim.as_ref()));
        (file.device, file.inode) = (head.dev.map(Device::from_kernel), head.ino);
        file.rdev = head.rdev.filter(|&rdev| rdev != 0).map(Device::from_stat);
        file.link = head.symlnk_target.clone().filter(|target| !target.is_empty()).map(BString::from);
        file.member = Some(ghost.member.clone());
        file
    }

    fn memfds(&mut self) {
        let mut by_inode: HashMap<u64, Vec<FileId>> = HashMap::new();
        for (id, file) in self.model.files().iter() {
            if let File::Memfd(entry) = file {
                by_inode.entry(entry.inode_id().into()).or_default().push(id);
            }
        }
        // Names with a slash belong to shared anonymous memory and huge pages.
        let mut inodes: Vec<&MemfdInodeEntry> =
            self.model.files().memfds().filter(|inode| !inode.name().starts_with(b"/")).collect();
        inodes.sort_by_key(|inode| inode.inode_id());
        for inode in inodes {
            let files = by_inode.remove(&inode.inode_id()).unwrap_or_default();
            let mut file = Self::file(RecoveredFrom::Memfd, self.opened(files));
            file.path = Some([b"/memfd:", inode.name()].concat().into());
            file.size = inode.size;
            file.stored = Stored::Shared(inode.shmid().into());
            file.mode = inode.mode.map(|mode| mode & 0o7777);
            (file.uid, file.gid) = (inode.uid.map(u64::from), inode.gid.map(u64::from));
            file.member = self.pagemap(inode.shmid().into());
            self.recovered.files.push(file);
        }
    }

    fn segments(&mut self) {
        for segment in self.model.segments() {
            let mut file = Self::file(RecoveredFrom::Sysv, Opened::default());
            let Segment { id, key, .. } = *segment;
            file.path = Some(format!("/SYSV{key:08x}").into());
            file.size = Some(segment.size);
            file.stored = Stored::Shared(id.into());
            file.mode = segment.owner.mode;
            (file.uid, file.gid) = (segment.owner.uid.map(u64::from), segment.owner.gid.map(u64::from));
            file.inode = Some(id.into());
            file.holders = self.holders.of_segment(id.into());
            let in_image = || {
                let images = self.images;
                images.set.find(images.archive, Kind::IpcnsShm, segment.namespace).map(|member| member.path.clone())
            };
            file.member = if segment.embedded.is_some() { in_image() } else { self.pagemap(id.into()) };
            self.recovered.files.push(file);
        }
    }

    /// The pagemap of shared memory, which gives the place of its pages.
    fn pagemap(&self, number: u64) -> Option<BString> {
        let images = self.images;
        images.set.find(images.archive, Kind::ShmemPagemap, number).map(|member| member.path.clone())
    }

    /// `/dev/shm` as kept by the engine, and in-memory file systems as kept by CRIU.
    fn file_systems(&mut self, engine_files: &EngineFiles<'c>) {
        let open = self.open_paths();
        if let Some(tar) = engine_files.file("devshm-checkpoint.tar").and_then(|member| self.tar(member)) {
            self.members_of(tar, RecoveredFrom::Devshm, Some(b"/dev/shm"), None, &open);
        }
        let mounts = Mounts::new(self.model);
        for kind in [Kind::TmpfsDev, Kind::TmpfsOld] {
            for (number, member) in self.images.set.of_kind(self.images.archive, kind) {
                let mount = mounts.of(kind, number);
                let device = match kind {
                    Kind::TmpfsDev => u32::try_from(number).ok().map(Device::from_kernel),
                    _ => mount.and_then(|mount| mount.device),
                };
                if let Some(tar) = self.tar(member) {
                    let path = mount.map(|mount| mount.path.as_slice());
                    self.members_of(tar, RecoveredFrom::Tmpfs, path, device, &open);
                }
            }
        }
    }

    /// Opens a nested archive and returns its number. `None` if it is not a tar, or was not kept.
    fn tar(&mut self, member: &'c Member) -> Option<usize> {
        let images = self.images;
        let path = &images.archive.resolve(member).ok()?.path;
        if let Some(&known) = self.tars.get(path) {
            return Some(known);
        }
        let place = self.recovered.tars.len();
        let tar = images.archive.nested_tree(member, images.limits, images.warnings)?;
        // It may be listed by another name of the same file.
        self.tars.insert(&tar.member().path, place);
        self.recovered.tars.push(tar);
        Some(place)
    }

    /// Everything in a file system except its root directory.
    fn members_of(
        &mut self,
        tar: usize,
        source: RecoveredFrom,
        mount: Option<&[u8]>,
        device: Option<Device>,
        open: &HashMap<&[u8], Opened>,
    ) {
        let Some(archive) = self.recovered.tars.get(tar) else { return };
        let mut files = Vec::new();
        for (number, member) in archive.entries() {
            let path = mount.map(|mount| below(mount, &member.path));
            let opened = path.as_ref().and_then(|path| open.get(path.as_slice())).cloned().unwrap_or_default();
            let mut file = Self::file(source, opened);
            let first = archive.first_name(number);
            let target = first.and_then(|first| Some((first, archive.get(first)?)));
            match target {
                Some((first, target)) => {
                    file.file_type = target.kind.file_type();
                    if target.kind == MemberKind::File {
                        file.size = Some(target.size);
                        file.stored = Stored::Inner { tar, member: first };
                    }
                }
                // A further name of a file that is not in the tar.
                None => file.stored = Stored::Missing(Missing::Truncated),
            }
            file.path = path;
            (file.mode, file.uid, file.gid, file.mtime) = (member.mode, member.uid, member.gid, member.mtime);
            file.link.clone_from(&member.link);
            file.device = device;
            (file.member, file.file) = (Some(archive.member().path.clone()), Some(member.path.clone()));
            files.push(file);
        }
        self.recovered.files.append(&mut files);
    }

    /// Deleted names of files that still had others. CRIU linked them in their own file system, so they are found in
    /// the parts of it that are in the archive.
    fn links(&mut self, engine_files: &EngineFiles<'c>) {
        let mut by_link: Vec<(FileId, Vec<FileId>)> = Vec::new();
        let mut places: HashMap<FileId, usize> = HashMap::new();
        for (id, remap) in self.model.files().remaps() {
            let Remap::Linked(link) = remap else { continue };
            let place = *places.entry(link).or_insert(by_link.len());
            match by_link.get_mut(place) {
                Some((_, files)) => files.push(id),
                None => by_link.push((link, vec![id])),
            }
        }
        if by_link.is_empty() {
            return;
        }
        let rootfs = engine_files.file("rootfs-diff.tar").and_then(|member| self.tar(member));
        let in_memory = self.in_memory();
        for (link, files) in by_link {
            let mut file = Self::file(RecoveredFrom::LinkRemap, self.opened(files));
            file.file_type = self.model.files().regular(link).and_then(|entry| entry.mode).map_or("regular", type_of);
            file.size = self.size_of(&file.files);
            file.stored = Stored::Missing(Missing::FileBacked);
            let name = self.model.files().regular(link).and_then(|entry| entry.name.as_deref());
            if let Some(name) = name {
                self.find_link(name, &in_memory, rootfs, &mut file);
            }
            self.recovered.files.push(file);
        }
    }

    /// The places of the files of file systems in memory, by path. The first one of a path counts.
    fn in_memory(&self) -> HashMap<BString, usize> {
        let all = self.recovered.files.iter().enumerate().rev();
        let all = all.filter(|(_, file)| matches!(file.source, RecoveredFrom::Devshm | RecoveredFrom::Tmpfs));
        all.filter_map(|(place, file)| Some((file.path.clone()?, place))).collect()
    }

    /// Searches the available file systems for one of CRIU's links.
    fn find_link(
        &self,
        name: &[u8],
        in_memory: &HashMap<BString, usize>,
        rootfs: Option<usize>,
        file: &mut RecoveredFile,
    ) {
        let in_memory = in_memory.get(BStr::new(name)).and_then(|&place| self.recovered.files.get(place));
        if let Some(other) = in_memory {
            let found = other.clone();
            let (path, files, holders) = (file.path.take(), Arc::clone(&file.files), Arc::clone(&file.holders));
            *file = RecoveredFile { source: RecoveredFrom::LinkRemap, path, files, holders, ..found };
            return;
        }
        let Some(number) = rootfs else { return };
        let Some(tar) = self.recovered.tars.get(number) else { return };
        let first = tar.find(name).and_then(|named| tar.first_name(named));
        let Some(member) = first.and_then(|first| tar.get(first)) else { return };
        (file.mode, file.uid, file.gid, file.mtime) = (member.mode, member.uid, member.gid, member.mtime);
        (file.member, file.file) = (Some(tar.member().path.clone()), Some(member.path.clone()));
        if let (Some(member_number), MemberKind::File) = (first, member.kind) {
            file.size = Some(member.size);
            file.stored = Stored::Inner { tar: number, member: member_number };
        }
    }

    /// A file of which only the open files are known.
    fn file(source: RecoveredFrom, Opened { name, files, holders }: Opened) -> RecoveredFile {
        RecoveredFile {
            source,
            path: name,
            file_type: "regular",
            size: None,
            mode: None,
            uid: None,
            gid: None,
            atime: None,
            mtime: None,
            device: None,
            inode: None,
            rdev: None,
            link: None,
            holders,
            files,
            member: None,
            file: None,
            stored: Stored::Nothing,
        }
    }

    /// What is known of the open files of one file.
    fn opened(&self, files: Vec<FileId>) -> Opened {
        let name = |id: &FileId| Some(BString::from(self.model.files().regular(*id)?.name.clone()?));
        Opened {
            name: files.iter().find_map(name),
            holders: self.holders.of_all(files.iter().copied()),
            files: files.into(),
        }
    }

    /// The file size that CRIU saw.
    fn size_of(&self, files: &[FileId]) -> Option<u64> {
        files.iter().find_map(|&id| self.model.files().regular(id)?.size)
    }

    /// Open files that still had their names, by path.
    fn open_paths(&self) -> HashMap<&'c [u8], Opened> {
        let mut open: HashMap<&[u8], Vec<FileId>> = HashMap::new();
        for (id, file) in self.model.files().iter() {
            if let File::Regular(entry) = file
                && self.model.files().remap(id).is_none()
                && let Some(name) = entry.name.as_deref()
            {
                open.entry(name).or_default().push(id);
            }
        }
        open.into_iter().map(|(name, files)| (name, self.opened(files))).collect()
    }
}

/// The open files of one file. Thousands of file systems may have a file of the same path, so the lists are shared.
#[derive(Clone, Default)]
struct Opened {
    name: Option<BString>,
    files: Arc<[FileId]>,
    holders: Arc<[Holder]>,
}

/// A path below a mount point.
fn below(mount: &[u8], path: &[u8]) -> BString {
    bstr::concat([mount.strip_suffix(b"/").unwrap_or(mount), b"/", path]).into()
}

/// The file type for a mode.
fn type_of(mode: u32) -> &'static str {
    match mode & 0o170_000 {
        0o100_000 => "regular",
        0o040_000 => "directory",
        0o120_000 => "symlink",
        0o020_000 => "character",
        0o060_000 => "block",
        0o010_000 => "fifo",
        0o140_000 => "socket",
        _ => "other",
    }
}

/// Converts seconds and microseconds to a time.
fn time(time: Option<&Timeval>) -> Option<Timestamp> {
    let time = time?;
    let seconds = i64::try_from(time.tv_sec()).ok()?;
    let nanoseconds = i32::try_from(time.tv_usec()).ok()?.checked_mul(1000)?;
    Timestamp::new(seconds, nanoseconds).ok()
}
