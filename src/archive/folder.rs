//! A directory that was opened once. Its entries are looked up from its descriptor, one part of the path at a time, and
//! links are not followed. A link that replaces a file or directory after it was listed cannot lead outside.

use std::fs::Metadata;

use bstr::BString;

use super::identity::Identity;
use super::kind::MemberKind;

#[cfg(unix)]
pub(super) use self::by_descriptor::{Folder, has_no_name};
#[cfg(not(unix))]
pub(super) use self::by_path::Folder;

/// Metadata of an entry of a directory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) kind: MemberKind,
    pub(super) identity: Identity,
    pub(super) mode: Option<u32>,
    pub(super) uid: Option<u64>,
    pub(super) gid: Option<u64>,
}

/// A name in a directory, and its type if the directory stores it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: BString,
    pub(super) kind: Option<MemberKind>,
}

impl From<&Metadata> for Facts {
    fn from(metadata: &Metadata) -> Self {
        let kind = kind(metadata.file_type());
        #[cfg(unix)]
        let (mode, uid, gid) = {
            use std::os::unix::fs::MetadataExt;
            (Some(metadata.mode() & 0o7777), Some(metadata.uid().into()), Some(metadata.gid().into()))
        };
        #[cfg(not(unix))]
        let (mode, uid, gid) = (None, None, None);
        Facts { kind, identity: Identity::from(metadata), mode, uid, gid }
    }
}

/// The type of a file.
pub(super) fn kind(kind: std::fs::FileType) -> MemberKind {
    if kind.is_file() {
        MemberKind::File
    } else if kind.is_dir() {
        MemberKind::Directory
    } else if kind.is_symlink() {
        MemberKind::Symlink
    } else {
        special(kind)
    }
}

#[cfg(unix)]
fn special(kind: std::fs::FileType) -> MemberKind {
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
fn special(_: std::fs::FileType) -> MemberKind {
    MemberKind::Other(0)
}

#[cfg(unix)]
mod by_descriptor {
    use std::ffi::CString;
    use std::fs::File;
    use std::io;
    use std::os::fd::OwnedFd;
    use std::path::Path;

    use bstr::{BString, ByteSlice};
    use jiff::Timestamp;
    use rustix::fs::{self, Access, AtFlags, Dir, FileType, Mode, OFlags, Stat};
    use rustix::io::Errno;

    use super::{Entry, Facts};
    use crate::archive::identity::Identity;
    use crate::archive::kind::MemberKind;

    /// A directory, by its descriptor.
    #[derive(Debug)]
    pub(in crate::archive) struct Folder(OwnedFd);

    /// Flags of every descriptor that is opened here. Opening does not wait, even for a pipe without a writer.
    const ALWAYS: OFlags = OFlags::CLOEXEC.union(OFlags::NOCTTY).union(OFlags::NONBLOCK);

    impl Folder {
        /// Opens the directory at a path. Links in the path are followed, because the user chose it.
        pub(in crate::archive) fn open(path: &Path) -> io::Result<Self> {
            Ok(Folder(fs::open(path, ALWAYS | OFlags::DIRECTORY, Mode::empty())?))
        }

        /// Opens a subdirectory.
        pub(in crate::archive) fn inside(&self, name: &[u8]) -> io::Result<Self> {
            let flags = ALWAYS | OFlags::DIRECTORY | OFlags::NOFOLLOW;
            Ok(Folder(fs::openat(&self.0, c_string(name)?, flags, Mode::empty())?))
        }

        /// Its entries without `.` and `..`.
        pub(in crate::archive) fn entries(&self) -> io::Result<Vec<Entry>> {
            let mut entries = Vec::new();
            // Not `Dir::read_from`, which needs permission to search the directory.
            for entry in Dir::new(self.0.try_clone()?)? {
                let entry = entry?;
                let name = entry.file_name().to_bytes();
                if !matches!(name, b"." | b"..") {
                    entries.push(Entry { name: name.into(), kind: kind(entry.file_type()) });
                }
            }
            Ok(entries)
        }

        /// Metadata of an entry. Of a link, not of its target.
        pub(in crate::archive) fn facts(&self, name: &[u8]) -> io::Result<Facts> {
            Ok(facts(&fs::statat(&self.0, c_string(name)?, AtFlags::SYMLINK_NOFOLLOW)?))
        }

        /// Fails if permissions forbid reading an entry. Success is not a promise that it can be read.
        pub(in crate::archive) fn may_read(&self, name: &[u8]) -> io::Result<()> {
            match fs::accessat(&self.0, c_string(name)?, Access::READ_OK, AtFlags::EACCESS) {
                Err(error @ Errno::ACCESS) => Err(error.into()),
                // Any other obstacle shows when it is read.
                _ => Ok(()),
            }
        }

        /// The target of a link.
        pub(in crate::archive) fn link(&self, name: &[u8]) -> io::Result<BString> {
            Ok(fs::readlinkat(&self.0, c_string(name)?, Vec::new())?.into_bytes().into())
        }

        /// Opens a file by its path from here. The caller checks that it is a file.
        pub(in crate::archive) fn file(&self, path: &[u8]) -> io::Result<File> {
            let mut inside = None;
            let mut rest = path;
            while let Some((folder, below)) = rest.split_once_str("/") {
                inside = Some(inside.as_ref().unwrap_or(self).inside(folder)?);
                rest = below;
            }
            let here = inside.as_ref().unwrap_or(self);
            match fs::openat(&here.0, c_string(rest)?, ALWAYS | OFlags::NOFOLLOW, Mode::empty()) {
                Ok(opened) => Ok(File::from(opened)),
                // A link at the end of a path gives another error than one within it.
                Err(Errno::LOOP) => Err(io::ErrorKind::NotADirectory.into()),
                Err(error) => Err(error.into()),
            }
        }

        /// The name of the kernel file system that it is on, if it is on one. Its files are generated when they are
        /// read, have no size, and may be endless.
        pub(in crate::archive) fn is_of_the_kernel(&self) -> Option<&'static str> {
            is_of_the_kernel(&self.0)
        }
    }

    /// The name of the kernel file system that a file is on. `None` if it is on another file system.
    #[cfg(target_os = "linux")]
    pub(in crate::archive) fn is_of_the_kernel(file: impl std::os::fd::AsFd) -> Option<&'static str> {
        /// Source: `include/uapi/linux/magic.h`.
        const KERNELS: &[(u64, &str)] = &[
            (0x9fa0, "proc"),
            (0x6265_6572, "sysfs"),
            (0x6462_6720, "debugfs"),
            (0x7472_6163, "tracefs"),
            (0x7363_6673, "securityfs"),
            (0x0027_e0eb, "cgroup"),
            (0x6367_7270, "cgroup2"),
            (0xcafe_4a11, "bpf"),
            (0x6165_676c, "pstore"),
            (0xde5e_81e4, "efivarfs"),
            (0x6265_6570, "configfs"),
            (0x1cd1, "devpts"),
            (0xf97c_ff8c, "selinuxfs"),
            (0x4249_4e4d, "binfmt_misc"),
            (0x6e73_6673, "nsfs"),
            (0x1980_0202, "mqueue"),
        ];
        let found = number::<u64>(fs::fstatfs(file).ok()?.f_type);
        KERNELS.iter().find(|(magic, _)| *magic == found).map(|(_, name)| *name)
    }

    /// Whether a pipe was not opened by a path, but created open, like those between commands.
    #[cfg(target_os = "linux")]
    pub(in crate::archive) fn has_no_name(pipe: impl std::os::fd::AsFd) -> bool {
        /// Source: `include/uapi/linux/magic.h`.
        const PIPEFS: u64 = 0x5049_5045;
        fs::fstatfs(pipe).is_ok_and(|system| number::<u64>(system.f_type) == PIPEFS)
    }

    #[cfg(not(target_os = "linux"))]
    pub(in crate::archive) fn has_no_name(_: impl std::os::fd::AsFd) -> bool {
        false
    }

    #[cfg(not(target_os = "linux"))]
    pub(in crate::archive) fn is_of_the_kernel(_: impl std::os::fd::AsFd) -> Option<&'static str> {
        None
    }

    fn kind(kind: FileType) -> Option<MemberKind> {
        Some(match kind {
            FileType::RegularFile => MemberKind::File,
            FileType::Directory => MemberKind::Directory,
            FileType::Symlink => MemberKind::Symlink,
            FileType::Fifo => MemberKind::Fifo,
            FileType::CharacterDevice => MemberKind::CharacterDevice,
            FileType::BlockDevice => MemberKind::BlockDevice,
            FileType::Unknown => return None,
            FileType::Socket => MemberKind::Other(0),
        })
    }

    fn facts(stat: &Stat) -> Facts {
        let time = |seconds, nanoseconds| Timestamp::new(seconds, nanoseconds).ok();
        let identity = Identity {
            size: number(stat.st_size),
            modified: time(number(stat.st_mtime), number(stat.st_mtime_nsec)),
            changed: time(number(stat.st_ctime), number(stat.st_ctime_nsec)),
            inode: Some((number(stat.st_dev), number(stat.st_ino))),
        };
        Facts {
            kind: kind(FileType::from_raw_mode(stat.st_mode)).unwrap_or(MemberKind::Other(0)),
            identity,
            mode: Some(number::<u32>(stat.st_mode) & 0o7777),
            uid: Some(stat.st_uid.into()),
            gid: Some(stat.st_gid.into()),
        }
    }

    /// A number of the operating system, whose type differs between systems.
    fn number<T: Default>(n: impl TryInto<T>) -> T {
        n.try_into().unwrap_or_default()
    }

    fn c_string(name: &[u8]) -> io::Result<CString> {
        CString::new(name).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))
    }
}

#[cfg(unix)]
pub(super) use self::by_descriptor::is_of_the_kernel;

#[cfg(not(unix))]
mod by_path {
    use std::fs::{self, File};
    use std::io;
    use std::path::{Path, PathBuf};

    use bstr::{BString, ByteSlice, ByteVec};

    use super::{Entry, Facts};

    /// A directory, by its path, because nothing better is available here. Links are checked for before a file is
    /// opened.
    #[derive(Debug)]
    pub(in crate::archive) struct Folder(PathBuf);

    impl Folder {
        pub(in crate::archive) fn open(path: &Path) -> io::Result<Self> {
            fs::read_dir(path).map(|_| Folder(path.to_owned()))
        }

        pub(in crate::archive) fn inside(&self, name: &[u8]) -> io::Result<Self> {
            let path = self.path(name)?;
            if !fs::symlink_metadata(&path)?.is_dir() {
                return Err(io::ErrorKind::NotADirectory.into());
            }
            Folder::open(&path)
        }

        pub(in crate::archive) fn entries(&self) -> io::Result<Vec<Entry>> {
            let entry = |entry: fs::DirEntry| {
                let name = Vec::from_os_str_lossy(&entry.file_name()).into_owned().into();
                Entry { name, kind: entry.file_type().ok().map(super::kind) }
            };
            fs::read_dir(&self.0)?.map(|found| found.map(entry)).collect()
        }

        pub(in crate::archive) fn facts(&self, name: &[u8]) -> io::Result<Facts> {
            Ok(Facts::from(&fs::symlink_metadata(self.path(name)?)?))
        }

        pub(in crate::archive) fn may_read(&self, _: &[u8]) -> io::Result<()> {
            Ok(())
        }

        pub(in crate::archive) fn link(&self, name: &[u8]) -> io::Result<BString> {
            Ok(Vec::from_path_lossy(&fs::read_link(self.path(name)?)?).into_owned().into())
        }

        pub(in crate::archive) fn file(&self, path: &[u8]) -> io::Result<File> {
            let mut here = self.0.clone();
            for part in path.split_str("/") {
                here.push(part.to_os_str().map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?);
                if fs::symlink_metadata(&here)?.is_symlink() {
                    return Err(io::ErrorKind::NotADirectory.into());
                }
            }
            File::open(here)
        }

        pub(in crate::archive) fn is_of_the_kernel(&self) -> Option<&'static str> {
            None
        }

        fn path(&self, name: &[u8]) -> io::Result<PathBuf> {
            Ok(self.0.join(name.to_path().map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?))
        }
    }
}
