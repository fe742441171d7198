//! Mappings of a process: virtual memory areas (VMAs), as `mm_entry.vmas` has them.

use bitflags::bitflags;

use super::ids::{Address, FileId};
use crate::abi;
use crate::abi::arch::Arch;
use crate::images::proto::VmaEntry;

bitflags! {
    /// The kind of mapping that CRIU found (`vma_entry.status`).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Status: u32 {
        /// An ordinary mapping.
        const REGULAR = 1;
        /// `[vsyscall]`, or `[vectors]` on arm.
        const VSYSCALL = 1 << 2;
        /// `[vdso]`.
        const VDSO = 1 << 3;
        /// A mapping that `/proc` called `[heap]`.
        const HEAP = 1 << 5;
        /// A private file mapping.
        const FILE_PRIVATE = 1 << 6;
        /// A shared file mapping.
        const FILE_SHARED = 1 << 7;
        /// Shared anonymous memory.
        const ANON_SHARED = 1 << 8;
        /// Private anonymous memory.
        const ANON_PRIVATE = 1 << 9;
        /// A System V segment; comes with `ANON_SHARED`.
        const SYSVIPC = 1 << 10;
        /// The ring buffer of a packet socket.
        const SOCKET = 1 << 11;
        /// `[vvar]`.
        const VVAR = 1 << 12;
        /// A ring buffer of asynchronous I/O.
        const AIORING = 1 << 13;
        /// The file id belongs to a memfd; comes with `FILE_PRIVATE` or `FILE_SHARED`.
        const MEMFD = 1 << 14;
        /// A shadow stack.
        const SHSTK = 1 << 15;
        /// Guard pages inside another mapping, not a mapping.
        const GUARD = 1 << 16;
        /// A device mapping, handled by a plugin.
        const EXT_PLUGIN = 1 << 27;

        const _ = !0;
    }
}

/// A mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vma {
    /// First address.
    pub start: Address,
    /// Address after the last byte; always above `start`.
    pub end: Address,
    /// Offset in the mapped file or object, in bytes.
    pub offset: u64,
    /// The kind of mapping that CRIU found.
    pub status: Status,
    /// `PROT_*`.
    pub prot: u32,
    /// `MAP_*`.
    pub flags: u32,
    /// Bit n: the advice of value n is in force.
    pub advice: u64,
    /// File id, inode of shared memory or System V id, depending on `status`.
    shmid: u64,
}

impl Vma {
    /// Reads a record. `Err` says why it is not a valid mapping.
    pub(crate) fn from_entry(entry: &VmaEntry) -> Result<Self, String> {
        let (start, end) = (entry.start(), entry.end());
        if end <= start {
            return Err(format!("the mapping from {start:#x} to {end:#x} does not end after it begins; skipped"));
        }
        Ok(Vma {
            start: Address(start),
            end: Address(end),
            offset: entry.pgoff(),
            status: Status::from_bits_retain(entry.status()),
            prot: entry.prot(),
            flags: entry.flags(),
            advice: entry.madv(),
            shmid: entry.shmid(),
        })
    }

    /// Size in bytes.
    pub fn len(&self) -> u64 {
        self.end.0.saturating_sub(self.start.0)
    }

    /// Always false: empty mappings are not recorded.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the mapping contains an address.
    pub fn contains(&self, address: u64) -> bool {
        (self.start.0..self.end.0).contains(&address)
    }

    /// The mapped file: a regular file or device, a memfd with [`Status::MEMFD`], or a socket with [`Status::SOCKET`].
    pub fn file(&self) -> Option<FileId> {
        let mapped = Status::FILE_PRIVATE | Status::FILE_SHARED | Status::SOCKET;
        self.status.intersects(mapped).then(|| u32::try_from(self.shmid).ok().map(FileId)).flatten()
    }

    /// The number of anonymous shared memory or of a System V segment, as in `pagemap-shmem-N.img`.
    pub fn shared_memory(&self) -> Option<u64> {
        self.status.contains(Status::ANON_SHARED).then_some(self.shmid)
    }

    /// The permissions, as `/proc/PID/maps` prints them. Whether the mapping is private or shared is taken from the
    /// flags, because CRIU before 3.15 gives some mappings the status of their neighbour.
    pub fn permissions(&self) -> String {
        let letter = |bit, letter| if self.prot & bit != 0 { letter } else { '-' };
        let shared = if self.flags & abi::mapping::SHARED != 0 { 's' } else { 'p' };
        [letter(1, 'r'), letter(2, 'w'), letter(4, 'x'), shared].iter().collect()
    }

    /// Names of the mapping's properties, from the flags, the advice and the status.
    pub fn properties(&self, arch: Option<Arch>) -> Vec<String> {
        let (bits, hidden) = match arch {
            Some(Arch::Mips) => (abi::mapping::FLAGS_MIPS, abi::mapping::NOT_SHOWN_MIPS),
            Some(Arch::Ppc64) => (abi::mapping::FLAGS_PPC64, abi::mapping::NOT_SHOWN),
            _ => (abi::mapping::FLAGS, abi::mapping::NOT_SHOWN),
        };
        let flags = abi::names_of(u64::from(self.flags & !hidden), bits);
        let advice = abi::names_of(self.advice, abi::mapping::ADVICE);
        let shadow_stack = self.status.contains(Status::SHSTK).then_some("shadow_stack".into());
        let plugin = self.status.contains(Status::EXT_PLUGIN).then_some("device_plugin".into());
        flags.into_iter().chain(advice).chain(shadow_stack).chain(plugin).map(String::from).collect()
    }

    /// Whether the mapping uses huge pages.
    pub fn is_huge(&self, arch: Option<Arch>) -> bool {
        let bit = if arch == Some(Arch::Mips) { abi::mapping::HUGETLB_MIPS } else { abi::mapping::HUGETLB };
        self.flags & bit != 0
    }

    /// Whether the first page can be that of an ELF file: the start of a file, or executable anonymous memory. The vDSO is
    /// an ELF file too, but the same one in every process.
    pub(crate) fn may_begin_elf(&self) -> bool {
        let of_file = self.status.intersects(Status::FILE_PRIVATE | Status::FILE_SHARED) && self.offset == 0;
        of_file || self.is_anonymous() && self.prot & 4 != 0 && !self.status.contains(Status::VDSO)
    }

    /// Whether no file backs the mapping, which is what `/proc/PID/cmdline` and `environ` are read from.
    pub fn is_anonymous(&self) -> bool {
        let other = Status::FILE_PRIVATE | Status::FILE_SHARED | Status::ANON_SHARED | Status::SOCKET | Status::AIORING;
        self.status.contains(Status::ANON_PRIVATE) && !self.status.intersects(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vma(status: u32, prot: u32, flags: u32) -> Vma {
        let entry = VmaEntry {
            start: Some(0x1000),
            end: Some(0x3000),
            status: Some(status),
            prot: Some(prot),
            flags: Some(flags),
            shmid: Some(7),
            ..Default::default()
        };
        Vma::from_entry(&entry).unwrap()
    }

    #[test]
    fn permissions_are_those_of_maps() {
        assert_eq!(vma(0x41, 5, 2).permissions(), "r-xp");
        assert_eq!(vma(0x81, 3, 1).permissions(), "rw-s");
        assert_eq!(vma(0x81, 0, 2).permissions(), "---p", "the flags count, not the status");
    }

    #[test]
    fn what_shmid_means_follows_from_the_status() {
        assert_eq!((vma(0x41, 0, 2).file(), vma(0x41, 0, 2).shared_memory()), (Some(FileId(7)), None));
        assert_eq!((vma(0x101, 0, 1).file(), vma(0x101, 0, 1).shared_memory()), (None, Some(7)));
        assert_eq!((vma(0x201, 0, 2).file(), vma(0x201, 0, 2).shared_memory()), (None, None));
    }

    #[test]
    fn programs_begin_where_files_do_or_where_memory_is_executable() {
        let may = |status, prot| vma(status, prot, 2).may_begin_elf();
        assert!(may(0x41, 1) && may(0x4081, 1) && may(0x201, 5));
        assert!(!may(0x201, 3) && !may(0x209, 5) && !may(0x101, 7));
        let later = Vma { offset: 0x1000, ..vma(0x41, 5, 2) };
        assert!(!later.may_begin_elf());
    }

    #[test]
    fn a_backward_area_is_refused() {
        let entry = VmaEntry { start: Some(0x3000), end: Some(0x1000), ..Default::default() };
        assert!(Vma::from_entry(&entry).is_err());
    }

    #[test]
    fn properties_have_names() {
        let mut vma = vma(0x201, 3, 0x122);
        vma.advice = 1 << 16;
        assert_eq!(vma.properties(Some(Arch::X86_64)), ["growsdown", "dontdump"]);
        assert!(vma.is_anonymous());
    }
}
