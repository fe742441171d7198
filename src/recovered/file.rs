//! A recovered file: its metadata and the place of its contents.

use std::sync::Arc;

use bstr::BString;
use jiff::Timestamp;

use crate::abi::device::Device;
use crate::memory::Missing;
use crate::model::holders::Holder;
use crate::model::ids::FileId;

/// The kind of a recovered file, and where CRIU or the engine kept it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecoveredFrom {
    /// A file without any name: `ghost-file-N.img`.
    Ghost,
    /// A deleted name of a file that still had others. CRIU linked it as `link_remap.N` in its file system.
    LinkRemap,
    /// A memfd: pages of shared memory.
    Memfd,
    /// A System V shared memory segment.
    Sysv,
    /// A file of `/dev/shm`: `devshm-checkpoint.tar`.
    Devshm,
    /// A file of an in-memory file system: `tmpfs-dev-N.tar.gz.img`.
    Tmpfs,
}

impl RecoveredFrom {
    /// `ghost`, `link_remap`, `memfd`, `sysv`, `devshm` or `tmpfs`.
    pub fn as_str(self) -> &'static str {
        match self {
            RecoveredFrom::Ghost => "ghost",
            RecoveredFrom::LinkRemap => "link_remap",
            RecoveredFrom::Memfd => "memfd",
            RecoveredFrom::Sysv => "sysv",
            RecoveredFrom::Devshm => "devshm",
            RecoveredFrom::Tmpfs => "tmpfs",
        }
    }
}

/// A recovered file.
#[derive(Clone, Debug)]
pub struct RecoveredFile {
    /// The kind of source.
    pub source: RecoveredFrom,
    /// Path in the container, without ` (deleted)`; `/memfd:NAME` and `/SYSV00001234` as in `/proc`. `None` if unknown:
    /// a ghost that nothing refers to, or a file system that is in no mount table.
    pub path: Option<BString>,
    /// `regular`, `directory`, `symlink`, `character`, `block`, `fifo`, `socket` or `other`.
    pub file_type: &'static str,
    /// Size of the contents in bytes, including holes; `None` if there are none, or if the archive does not say.
    pub size: Option<u64>,
    /// Permission bits.
    pub mode: Option<u32>,
    /// Owner.
    pub uid: Option<u64>,
    /// Group.
    pub gid: Option<u64>,
    /// Time of the last access.
    pub atime: Option<Timestamp>,
    /// Time of the last modification.
    pub mtime: Option<Timestamp>,
    /// Device of the file's file system.
    pub device: Option<Device>,
    /// Inode.
    pub inode: Option<u64>,
    /// Device number, if the file is a device node.
    pub rdev: Option<Device>,
    /// Target of a symbolic link, or the first name of a file that has several.
    pub link: Option<BString>,
    /// CRIU's ids of the file's open files.
    pub files: Arc<[FileId]>,
    /// Holders of the file.
    pub holders: Arc<[Holder]>,
    /// The member of the archive with the contents, even if it is missing.
    pub member: Option<BString>,
    /// Path within the member, if that is a nested archive.
    pub file: Option<BString>,
    pub(super) stored: Stored,
}

impl RecoveredFile {
    /// The reason why all of its contents are missing, if they are.
    pub fn missing(&self) -> Option<Missing> {
        match self.stored {
            Stored::Missing(why) => Some(why),
            _ => None,
        }
    }
}

/// The place of the contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    /// No contents: a directory or a device.
    Nothing,
    /// The ghost image with this number.
    Ghost(u64),
    /// The shared memory with this number.
    Shared(u64),
    /// A member of a nested archive.
    Inner { tar: usize, member: usize },
    /// Missing.
    Missing(Missing),
}
