//! One recovered file: its metadata, and where its contents are.

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
    /// A file whose name was gone while others were left: CRIU linked it as `link_remap.N` in its file system.
    LinkRemap,
    /// A memfd: pages of shared memory.
    Memfd,
    /// A System V segment.
    Sysv,
    /// A file of `/dev/shm`: `devshm-checkpoint.tar`.
    Devshm,
    /// A file of a file system in memory: `tmpfs-dev-N.tar.gz.img`.
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
    /// What it was.
    pub source: RecoveredFrom,
    /// Its path in the container, without ` (deleted)`; `/memfd:NAME` and `/SYSV00001234` as `/proc` names them. `None` if it
    /// is not known: of a ghost that nothing refers to, of a file system that is in no mount table.
    pub path: Option<BString>,
    /// `regular`, `directory`, `symlink`, `character`, `block`, `fifo`, `socket` or `other`.
    pub file_type: &'static str,
    /// Bytes of its contents, holes included; `None` if it has none, or the archive does not say.
    pub size: Option<u64>,
    /// Permission bits.
    pub mode: Option<u32>,
    /// Owner.
    pub uid: Option<u64>,
    /// Group.
    pub gid: Option<u64>,
    /// Last access.
    pub atime: Option<Timestamp>,
    /// Last modification.
    pub mtime: Option<Timestamp>,
    /// Device of its file system.
    pub device: Option<Device>,
    /// Its inode.
    pub inode: Option<u64>,
    /// The device that it is, if it is one.
    pub rdev: Option<Device>,
    /// Target of a symbolic link; of another name of a file, its first.
    pub link: Option<BString>,
    /// CRIU's ids of it where it is open.
    pub files: Vec<FileId>,
    /// Who holds it.
    pub holders: Arc<[Holder]>,
    /// The member of the archive that has its contents, or would have them.
    pub member: Option<BString>,
    /// Its path in the member, if that is an archive.
    pub file: Option<BString>,
    pub(super) stored: Stored,
}

impl RecoveredFile {
    /// Why all of its contents are missing, if they are.
    pub fn missing(&self) -> Option<Missing> {
        match self.stored {
            Stored::Missing(why) => Some(why),
            _ => None,
        }
    }
}

/// Where the contents are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    /// There are none: a directory, a device.
    Nothing,
    /// A ghost image of this number.
    Ghost(u64),
    /// Shared memory of this number.
    Shared(u64),
    /// A member of a nested archive.
    Inner { tar: usize, member: usize },
    /// Not here.
    Missing(Missing),
}
