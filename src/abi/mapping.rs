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
/// What is no property worth a name: shared, private, fixed, anonymous, and the size of huge pages.
pub const NOT_SHOWN: u32 = 0x1 | 0x2 | 0x10 | 0x20 | 0xfc00_0000;
/// The same on mips, where anonymous is 0x800.
pub const NOT_SHOWN_MIPS: u32 = 0x1 | 0x2 | 0x10 | 0x800 | 0xfc00_0000;

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
