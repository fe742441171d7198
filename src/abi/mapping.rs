//! Memory mappings: flags and advice.

use super::Bits;

/// `MAP_SHARED`.
pub const SHARED: u32 = 0x1;
/// `MAP_HUGETLB`.
pub const HUGETLB: u32 = 0x4_0000;
/// The same on mips.
pub const HUGETLB_MIPS: u32 = 0x8_0000;
/// `MAP_LOCKED`, `MAP_NORESERVE`, `MAP_HUGETLB`, `MAP_DROPPABLE`, …
pub const FLAGS: Bits = &[
    (0x8, "droppable"),
    (0x100, "growsdown"),
    (0x800, "denywrite"),
    (0x1000, "executable"),
    (0x2000, "locked"),
    (0x4000, "noreserve"),
    (0x8000, "populate"),
    (0x1_0000, "nonblock"),
    (0x2_0000, "stack"),
    (0x4_0000, "hugetlb"),
];
/// The same on power.
pub const FLAGS_PPC64: Bits = &[
    (0x8, "droppable"),
    (0x40, "noreserve"),
    (0x80, "locked"),
    (0x100, "growsdown"),
    (0x800, "denywrite"),
    (0x1000, "executable"),
    (0x8000, "populate"),
    (0x1_0000, "nonblock"),
    (0x2_0000, "stack"),
    (0x4_0000, "hugetlb"),
];
/// The same on mips.
pub const FLAGS_MIPS: Bits = &[
    (0x8, "droppable"),
    (0x400, "noreserve"),
    (0x1000, "growsdown"),
    (0x2000, "denywrite"),
    (0x4000, "executable"),
    (0x8000, "locked"),
    (0x1_0000, "populate"),
    (0x2_0000, "nonblock"),
    (0x4_0000, "stack"),
    (0x8_0000, "hugetlb"),
];
/// Flags without a name of their own: shared, private, fixed, anonymous, and the huge page size.
pub const NOT_SHOWN: u32 = 0x1 | 0x2 | 0x10 | 0x20 | 0xfc00_0000;
/// The same on mips, where anonymous is 0x800.
pub const NOT_SHOWN_MIPS: u32 = 0x1 | 0x2 | 0x10 | 0x800 | 0xfc00_0000;

/// `PROT_*` (`asm-generic/mman-common.h`).
pub const PROTECTION: Bits = &[(0x1, "PROT_READ"), (0x2, "PROT_WRITE"), (0x4, "PROT_EXEC")];
/// Flags that are not worth a name in a table of mappings.
pub const OTHER_FLAGS: Bits = &[(0x1, "shared"), (0x2, "private"), (0x10, "fixed"), (0x20, "anonymous")];
/// The same on mips.
pub const OTHER_FLAGS_MIPS: Bits = &[(0x1, "shared"), (0x2, "private"), (0x10, "fixed"), (0x800, "anonymous")];

/// What CRIU recorded about a mapping: `vma_entry.status`.
pub const STATUS: Bits = &[
    (0x1, "VMA_AREA_REGULAR"),
    (0x2, "VMA_AREA_STACK"),
    (0x4, "VMA_AREA_VSYSCALL"),
    (0x8, "VMA_AREA_VDSO"),
    (0x10, "VMA_FORCE_READ"),
    (0x20, "VMA_AREA_HEAP"),
    (0x40, "VMA_FILE_PRIVATE"),
    (0x80, "VMA_FILE_SHARED"),
    (0x100, "VMA_ANON_SHARED"),
    (0x200, "VMA_ANON_PRIVATE"),
    (0x400, "VMA_AREA_SYSVIPC"),
    (0x800, "VMA_AREA_SOCKET"),
    (0x1000, "VMA_AREA_VVAR"),
    (0x2000, "VMA_AREA_AIORING"),
    (0x4000, "VMA_AREA_MEMFD"),
    (0x8000, "VMA_AREA_SHSTK"),
    (0x1_0000, "VMA_AREA_GUARD"),
    (0x2_0000, "VMA_AREA_UPROBES"),
    (0x800_0000, "VMA_EXT_PLUGIN"),
    (0x1000_0000, "VMA_CLOSE"),
    (0x2000_0000, "VMA_NO_PROT_WRITE"),
    (0x4000_0000, "VMA_PREMMAPED"),
    (0x8000_0000, "VMA_UNSUPP"),
];

/// Where the pages of a pagemap entry are: `pagemap_entry.flags`.
pub const PAGEMAP: Bits = &[(0x1, "PE_PARENT"), (0x2, "PE_LAZY"), (0x4, "PE_PRESENT"), (0x8, "PE_PAYLOAD_ALIGNED")];

/// Advice of madvise(2), by value: bit n of `vma_entry.madv` is value n.
pub const ADVICE: Bits = &[
    (1 << 1, "random"),
    (1 << 2, "sequential"),
    (1 << 10, "dontfork"),
    (1 << 12, "mergeable"),
    (1 << 14, "hugepage"),
    (1 << 15, "nohugepage"),
    (1 << 16, "dontdump"),
    (1 << 18, "wipeonfork"),
];

/// Seals of a memfd.
pub const SEALS: Bits =
    &[(0x1, "seal"), (0x2, "shrink"), (0x4, "grow"), (0x8, "write"), (0x10, "future_write"), (0x20, "exec")];
