//! Open files of every type, and the table that descriptors, mappings, executables and directories refer to.

use std::collections::HashMap;

use super::ids::FileId;
use crate::images::proto::{
    BpfmapFileEntry, EventfdFileEntry, EventpollFileEntry, EventpollTfdEntry, ExtFileEntry, FanotifyFileEntry,
    FanotifyMarkEntry, FdTypes, FifoEntry, FileEntry, FownEntry, InetSkEntry, InotifyFileEntry, InotifyWdEntry,
    MemfdFileEntry, MemfdInodeEntry, NetlinkSkEntry, NsFileEntry, PacketSockEntry, PidfdEntry, PipeEntry, RegFileEntry,
    RemapFilePathEntry, RemapType, SignalfdEntry, TimerfdEntry, TtyFileEntry, TtyInfoEntry, TunfileEntry, UnixSkEntry,
};
use crate::images::{Images, Kind};
use crate::int::{u64_of, usize_of};
use crate::limits::Limits;
use crate::warning::{Code, Place};

/// Defines [`File`]: variant, CRIU's type, the message, the field of `file_entry` that holds it, and the image that
/// held it before CRIU 3.4.
macro_rules! files {
    ($($(#[doc = $doc:literal])+ $variant:ident = $fd_type:ident, $message:ident, $field:ident, $split:ident;)+) => {
        /// An open file (open file description), as recorded.
        #[derive(Clone, Debug)]
        #[non_exhaustive]
        pub enum File { $($(#[doc = $doc])+ $variant(Box<$message>),)+ }

        impl File {
            /// All types.
            const TYPES: &[FdTypes] = &[$(FdTypes::$fd_type),+];

            /// CRIU's type of the file, as in `fdinfo_entry.type`.
            pub fn fd_type(&self) -> FdTypes {
                match self { $(File::$variant(_) => FdTypes::$fd_type,)+ }
            }

            /// Takes the file from a record of `files.img`; `None` if the record has no message of its type.
            fn from_entry(entry: FileEntry) -> Option<Self> {
                match entry.r#type() {
                    $(FdTypes::$fd_type => entry.$field.map(|m| File::$variant(Box::new(m))),)+
                    _ => None,
                }
            }

            /// The images that held each type of file before `files.img` existed.
            const SPLIT: &[Kind] = &[$(Kind::$split),+];

            /// Visits the files in the images that existed before `files.img`, for every type.
            fn each_split(images: Images<'_>, mut each: impl FnMut(u32, File, Place)) {
                $(if Kind::$split != Kind::Files && images.has(Kind::$split, 0) {
                    images.each::<$message>(Kind::$split, 0, |m, _, place| {
                        each(m.id(), File::$variant(Box::new(m)), place());
                    });
                })+
            }
        }
    };
}

files! {
    /// A file with a path: regular, directory, device.
    Regular = Reg, RegFileEntry, reg, RegFiles;
    /// One end of a pipe.
    Pipe = Pipe, PipeEntry, pipe, Pipes;
    /// A named pipe.
    Fifo = Fifo, FifoEntry, fifo, Fifo;
    /// An IPv4 or IPv6 socket.
    Inet = Inetsk, InetSkEntry, isk, InetSk;
    /// A unix socket.
    Unix = Unixsk, UnixSkEntry, usk, UnixSk;
    /// An eventfd.
    Eventfd = Eventfd, EventfdFileEntry, efd, Eventfd;
    /// An epoll instance.
    Eventpoll = Eventpoll, EventpollFileEntry, epfd, Eventpoll;
    /// An inotify instance.
    Inotify = Inotify, InotifyFileEntry, ify, Inotify;
    /// A signalfd.
    Signalfd = Signalfd, SignalfdEntry, sgfd, Signalfd;
    /// A packet socket.
    Packet = Packetsk, PacketSockEntry, psk, PacketSk;
    /// A terminal.
    Tty = Tty, TtyFileEntry, tty, Tty;
    /// A fanotify group.
    Fanotify = Fanotify, FanotifyFileEntry, ffy, Fanotify;
    /// A netlink socket.
    Netlink = Netlinksk, NetlinkSkEntry, nlsk, NetlinkSk;
    /// A namespace held open.
    Namespace = Ns, NsFileEntry, nsf, NsFiles;
    /// A TUN or TAP device.
    Tun = Tunf, TunfileEntry, tunf, Tunfile;
    /// A file that a plugin of CRIU handles.
    External = Ext, ExtFileEntry, ext, ExtFiles;
    /// A timerfd.
    Timerfd = Timerfd, TimerfdEntry, tfd, Timerfd;
    /// A memfd.
    Memfd = Memfd, MemfdFileEntry, memfd, Files;
    /// A BPF map.
    BpfMap = Bpfmap, BpfmapFileEntry, bpf, BpfmapFile;
    /// A process, held by a descriptor.
    Pidfd = Pidfd, PidfdEntry, pidfd, Pidfd;
}

impl File {
    /// Owner of the file's signals.
    pub fn owner(&self) -> Option<&FownEntry> {
        match self {
            File::Regular(f) => f.fown.as_ref(),
            File::Pipe(f) => f.fown.as_ref(),
            File::Inet(f) => f.fown.as_ref(),
            File::Unix(f) => f.fown.as_ref(),
            File::Eventfd(f) => f.fown.as_ref(),
            File::Eventpoll(f) => f.fown.as_ref(),
            File::Inotify(f) => f.fown.as_ref(),
            File::Signalfd(f) => f.fown.as_ref(),
            File::Packet(f) => f.fown.as_ref(),
            File::Tty(f) => f.fown.as_ref(),
            File::Fanotify(f) => f.fown.as_ref(),
            File::Netlink(f) => f.fown.as_ref(),
            File::External(f) => f.fown.as_ref(),
            File::Timerfd(f) => f.fown.as_ref(),
            File::Memfd(f) => f.fown.as_ref(),
            File::BpfMap(f) => f.fown.as_ref(),
            File::Pidfd(f) => f.fown.as_ref(),
            File::Fifo(_) | File::Namespace(_) | File::Tun(_) => None,
        }
    }
}

impl File {
    /// The filter of a socket: one classic BPF instruction in each word. `None` for other files.
    pub fn filter(&self) -> Option<&[u64]> {
        let options = match self {
            File::Inet(f) => f.opts.as_ref(),
            File::Unix(f) => f.opts.as_ref(),
            File::Netlink(f) => f.opts.as_ref(),
            File::Packet(f) => f.opts.as_ref(),
            _ => None,
        };
        Some(options?.so_filter.as_slice())
    }
}

impl File {
    /// Number of targets that the file waits for or watches.
    fn targets(&self) -> u64 {
        u64_of(match self {
            File::Eventpoll(entry) => entry.tfd.len(),
            File::Inotify(entry) => entry.wd.len(),
            File::Fanotify(entry) => entry.mark.len(),
            _ => 0,
        })
    }

    /// Keeps only the first `most` targets.
    fn keep_targets(&mut self, most: usize) {
        match self {
            File::Eventpoll(entry) => entry.tfd.truncate(most),
            File::Inotify(entry) => entry.wd.truncate(most),
            File::Fanotify(entry) => entry.mark.truncate(most),
            _ => {}
        }
    }
}

/// Why a file no longer has its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remap {
    /// Another name was linked for the dump: the file with this id.
    Linked(FileId),
    /// The file had no name. Its contents are in the ghost image with this number.
    Ghost(u64),
    /// The file was a path in `/proc` of this process, which had ended.
    Procfs(u32),
}

impl Remap {
    /// Whether the kernel marks the file as ` (deleted)`.
    pub fn is_deleted(self) -> bool {
        !matches!(self, Remap::Procfs(_))
    }
}

/// A path as `/proc` prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePath {
    /// The path, followed by ` (deleted)` if the kernel adds that.
    pub text: Vec<u8>,
    /// Whether the file had no name when it was dumped.
    pub deleted: bool,
}

/// All open files of a dump.
#[derive(Debug, Default)]
pub struct FileTable {
    files: HashMap<(FdTypes, FileId), File>,
    remaps: HashMap<FileId, Remap>,
    memfds: HashMap<u64, MemfdInodeEntry>,
    terminals: HashMap<u32, TtyInfoEntry>,
    /// Whether images of the table could not be read, so that missing files may be in them.
    unreadable: bool,
}

impl FileTable {
    /// Reads `files.img`, or the images by type that CRIU before 3.4 wrote.
    pub(super) fn read(images: Images<'_>) -> Self {
        let mut table = FileTable::default();
        let has_split = Kind::RegFiles;
        let of_table = [Kind::Files, Kind::Memfd].into_iter().chain(File::SPLIT.iter().copied());
        table.unreadable = of_table.into_iter().any(|kind| images.is_unreadable(kind, 0));
        if images.has(Kind::Files, 0) {
            images.each::<FileEntry>(Kind::Files, 0, |entry, _, place| table.add_entry(entry, &place(), images));
        } else if !images.has(has_split, 0) && images.set.of_kind(images.archive, Kind::Fdinfo).next().is_some() {
            images.warnings.push(Code::ImageMissing, images.place(Kind::Files, 0), || {
                "the table of open files is missing; files of descriptors, mappings and executables are unknown"
                    .to_owned()
            });
        }
        let mut split = Vec::new();
        File::each_split(images, |id, file, place| split.push((id, file, place)));
        for (id, file, place) in split {
            table.add(FileId(id), file, &place, images);
        }
        table.add_watches(images);
        table.add_remaps(images);
        images.each::<MemfdInodeEntry>(Kind::Memfd, 0, |mut entry, _, place| {
            cut_name(&mut entry.name, &place(), images);
            table.memfds.insert(entry.inode_id(), entry);
        });
        images.each::<TtyInfoEntry>(Kind::TtyInfo, 0, |entry, _, _| {
            table.terminals.insert(entry.id(), entry);
        });
        table
    }

    fn add_entry(&mut self, entry: FileEntry, place: &Place, images: Images<'_>) {
        let (id, number) = (FileId(entry.id()), entry.r#type.unwrap_or_default());
        let known = FdTypes::try_from(number).is_ok();
        match File::from_entry(entry) {
            Some(file) => self.add(id, file, place, images),
            None => images.warnings.push(Code::FileTypeUnknown, place.clone(), || {
                let what = if known { "but its details are missing" } else { "which is unknown" };
                format!("file {id} has type {number}, {what}")
            }),
        }
    }

    fn add(&mut self, id: FileId, mut file: File, place: &Place, images: Images<'_>) {
        if let File::Regular(entry) = &mut file {
            cut_name(&mut entry.name, place, images);
        }
        // TUN descriptors have two records with the same id, the path and the device, so the key includes the type.
        if self.files.insert((file.fd_type(), id), file).is_some() {
            images.warnings.push(Code::RecordDuplicate, place.clone(), || {
                format!("file {id} is recorded twice; used the last record")
            });
        }
    }

    /// Targets of epoll, inotify and fanotify had their own images before CRIU 1.4.
    fn add_watches(&mut self, images: Images<'_>) {
        images.each::<EventpollTfdEntry>(Kind::EventpollTfd, 0, |entry, _, _| {
            if let Some(File::Eventpoll(file)) = self.files.get_mut(&(FdTypes::Eventpoll, FileId(entry.id()))) {
                file.tfd.push(entry);
            }
        });
        images.each::<InotifyWdEntry>(Kind::InotifyWd, 0, |entry, _, _| {
            if let Some(File::Inotify(file)) = self.files.get_mut(&(FdTypes::Inotify, FileId(entry.id()))) {
                file.wd.push(entry);
            }
        });
        images.each::<FanotifyMarkEntry>(Kind::FanotifyMark, 0, |entry, _, _| {
            if let Some(File::Fanotify(file)) = self.files.get_mut(&(FdTypes::Fanotify, FileId(entry.id()))) {
                file.mark.push(entry);
            }
        });
    }

    /// Cuts lists of targets that are long and belong to files that are open many times, because each descriptor
    /// repeats the list.
    pub(super) fn bound_targets(&mut self, opens: &HashMap<FileId, u64>, images: Images<'_>) {
        let most = images.limits.shared_descriptors;
        let mut left = most;
        let mut keys: Vec<_> = self.files.keys().copied().collect();
        keys.sort_unstable_by_key(|&(fd_type, id)| (i32::from(fd_type), id));
        for key in keys {
            let (Some(file), (fd_type, id)) = (self.files.get_mut(&key), key) else { continue };
            let (opens, len) = (opens.get(&id).copied().unwrap_or(0).saturating_sub(1), file.targets());
            if let Some(rest) = left.checked_sub(opens.saturating_mul(len)) {
                left = rest;
                continue;
            }
            let kept = left.checked_div(opens).unwrap_or(0);
            left = left.saturating_sub(opens.saturating_mul(kept));
            file.keep_targets(usize_of(kept));
            let (kind, number) = if images.has(Kind::Files, 0) { (Kind::Files, 0) } else { (Kind::Fdinfo, 0) };
            images.warnings.push(&Limits::SHARED_DESCRIPTORS, images.place(kind, number), || {
                format!(
                    "file {id} ({fd_type:?}) watches {len} targets and is open {opens} more times; with it, shared targets exceed {most}; the rest were skipped"
                )
            });
        }
    }

    fn add_remaps(&mut self, images: Images<'_>) {
        /// Before remap types existed, this bit of the id meant a ghost file.
        const GHOST: u32 = 1 << 31;
        images.each::<RemapFilePathEntry>(Kind::RemapFpath, 0, |entry, _, place| {
            let id = entry.remap_id();
            let remap = match entry.remap_type {
                None if id & GHOST != 0 => Remap::Ghost((id & !GHOST).into()),
                None => Remap::Linked(FileId(id)),
                Some(number) => match RemapType::try_from(number) {
                    Ok(RemapType::Linked) => Remap::Linked(FileId(id)),
                    Ok(RemapType::Ghost) => Remap::Ghost(id.into()),
                    Ok(RemapType::Procfs) => Remap::Procfs(id),
                    Err(_) => {
                        images.warnings.push(Code::FileTypeUnknown, place(), || {
                            format!("file {} has an unknown remap type ({number})", entry.orig_id())
                        });
                        return;
                    }
                },
            };
            let original = FileId(entry.orig_id());
            if !self.unreadable && !self.files.contains_key(&(FdTypes::Reg, original)) {
                images.warnings.push(Code::FileMissing, place(), || {
                    format!("unlinked file {original} is not in the table of open files")
                });
            }
            match remap {
                Remap::Ghost(ghost) if !images.has(Kind::GhostFile, ghost) => {
                    images.warnings.push(Code::ImageMissing, images.place(Kind::GhostFile, ghost), || {
                        format!("the contents of deleted file {original} are missing")
                    });
                }
                Remap::Linked(link) if !self.unreadable && !self.files.contains_key(&(FdTypes::Reg, link)) => {
                    images.warnings.push(Code::FileMissing, place(), || {
                        format!("link {link}, which stands for file {original}, is not in the table of open files")
                    });
                }
                _ => {}
            }
            self.remaps.insert(original, remap);
        });
    }

    /// Whether part of the table could not be read, so that it may have files that are not found.
    pub(super) fn is_unreadable(&self) -> bool {
        self.unreadable
    }

    /// The file with a type and id.
    pub fn get(&self, fd_type: FdTypes, id: FileId) -> Option<&File> {
        self.files.get(&(fd_type, id))
    }

    /// The file with an id, whatever its type. If a device and its path share the id, the device.
    pub fn any(&self, id: FileId) -> Option<&File> {
        File::TYPES.iter().rev().find_map(|&fd_type| self.get(fd_type, id))
    }

    /// All files, by type and id.
    pub fn iter(&self) -> impl Iterator<Item = (FileId, &File)> {
        let mut keys: Vec<_> = self.files.keys().copied().collect();
        keys.sort_unstable_by_key(|&(fd_type, id)| (i32::from(fd_type), id));
        keys.into_iter().filter_map(|key| Some((key.1, self.files.get(&key)?)))
    }

    /// The record of a file that has a path.
    pub fn regular(&self, id: FileId) -> Option<&RegFileEntry> {
        match self.get(FdTypes::Reg, id)? {
            File::Regular(entry) => Some(entry),
            _ => None,
        }
    }

    /// Why a file no longer has its name; `None` if it has one.
    pub fn remap(&self, id: FileId) -> Option<Remap> {
        self.remaps.get(&id).copied()
    }

    /// Files that no longer have their names.
    pub fn remaps(&self) -> impl Iterator<Item = (FileId, Remap)> {
        let mut all: Vec<_> = self.remaps.iter().map(|(&id, &remap)| (id, remap)).collect();
        all.sort_unstable_by_key(|(id, _)| *id);
        all.into_iter()
    }

    /// The memory object of a memfd or of shared anonymous memory.
    pub fn memfd(&self, file: &MemfdFileEntry) -> Option<&MemfdInodeEntry> {
        self.memfds.get(&file.inode_id().into())
    }

    /// The memory object of a mapped memfd.
    pub fn memfd_of(&self, id: FileId) -> Option<&MemfdInodeEntry> {
        match self.get(FdTypes::Memfd, id)? {
            File::Memfd(file) => self.memfd(file),
            _ => None,
        }
    }

    /// All memory objects of memfds and shared anonymous memory.
    pub fn memfds(&self) -> impl Iterator<Item = &MemfdInodeEntry> {
        self.memfds.values()
    }

    /// The terminal of an open terminal file.
    pub fn terminal(&self, file: &TtyFileEntry) -> Option<&TtyInfoEntry> {
        self.terminals.get(&file.tty_info_id())
    }

    /// All terminals, by CRIU's id.
    pub fn terminals(&self) -> impl Iterator<Item = &TtyInfoEntry> {
        let mut all: Vec<_> = self.terminals.iter().collect();
        all.sort_unstable_by_key(|(id, _)| **id);
        all.into_iter().map(|(_, info)| info)
    }

    /// The open files of each terminal, by CRIU's id of the terminal.
    pub(crate) fn of_terminals(&self) -> HashMap<u32, Vec<FileId>> {
        let mut open: HashMap<u32, Vec<FileId>> = HashMap::new();
        for (id, file) in self.iter() {
            if let File::Tty(entry) = file {
                open.entry(entry.tty_info_id()).or_default().push(id);
            }
        }
        open
    }

    /// The path of a file or memfd, as `/proc/PID/exe`, `cwd` and `fd` print it.
    pub fn path(&self, id: FileId) -> Option<FilePath> {
        const DELETED: &[u8] = b" (deleted)";
        let Some(regular) = self.regular(id) else {
            // A program that runs from a memfd has no other path.
            return self.memfd_of(id).map(|inode| FilePath { text: memfd_path(inode), deleted: true });
        };
        let mut text = regular.name.clone()?;
        let remap = self.remap(id).filter(|remap| remap.is_deleted());
        // CRIU cuts off the mark, but version 3.15 left it on files that had other names.
        let marked = matches!(remap, Some(Remap::Linked(_))) && text.ends_with(DELETED);
        if remap.is_some() && !marked {
            text.extend_from_slice(DELETED);
        }
        Some(FilePath { text, deleted: remap.is_some() })
    }
}

/// Cuts a name that is longer than possible. Otherwise it would be repeated wherever the file is open or mapped.
fn cut_name(name: &mut Option<Vec<u8>>, place: &Place, images: Images<'_>) {
    let most = images.limits.path_bytes;
    if let Some(name) = name.as_mut().filter(|name| u64_of(name.len()) > most) {
        images
            .warnings
            .push(&Limits::PATH_BYTES, place.clone(), || format!("a name of {} bytes was cut to {most}", name.len()));
        name.truncate(usize_of(most));
    }
}

/// The name of a memfd, as `/proc` prints it. A name that begins with a slash belongs to shared anonymous memory or
/// huge pages, not to a memfd.
pub fn memfd_path(inode: &MemfdInodeEntry) -> Vec<u8> {
    let name = inode.name();
    let prefix: &[u8] = if name.starts_with(b"/") { b"" } else { b"/memfd:" };
    [prefix, name, b" (deleted)"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, remap: Option<Remap>) -> Option<FilePath> {
        let mut table = FileTable::default();
        let entry = RegFileEntry { id: Some(3), name: Some(name.into()), ..Default::default() };
        table.files.insert((FdTypes::Reg, FileId(3)), File::Regular(Box::new(entry)));
        table.remaps.extend(remap.map(|remap| (FileId(3), remap)));
        table.path(FileId(3))
    }

    #[test]
    fn deleted_files_are_marked_once() {
        let text = |name, remap| String::from_utf8(table(name, remap).unwrap().text).unwrap();
        assert_eq!(text("/a", None), "/a");
        assert_eq!(text("/a", Some(Remap::Ghost(1))), "/a (deleted)");
        assert_eq!(text("/a", Some(Remap::Linked(FileId(4)))), "/a (deleted)");
        assert_eq!(text("/proc/7/x", Some(Remap::Procfs(7))), "/proc/7/x");
        assert_eq!(text("/a (deleted)", Some(Remap::Linked(FileId(4)))), "/a (deleted)", "as CRIU 3.15 wrote it");
        assert_eq!(text("/a (deleted)", Some(Remap::Ghost(1))), "/a (deleted) (deleted)", "so it was called");
        assert_eq!(text("/a (deleted)", None), "/a (deleted)");
    }

    #[test]
    fn memfds_and_shared_memory_print_differently() {
        let path = |name: &str| memfd_path(&MemfdInodeEntry { name: Some(name.into()), ..Default::default() });
        assert_eq!(path("stage"), b"/memfd:stage (deleted)");
        assert_eq!(path("/dev/zero"), b"/dev/zero (deleted)");
    }
}
