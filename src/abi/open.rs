//! Open flags, as in `/proc/PID/fdinfo` and `fcntl(F_GETFL)`.

use std::borrow::Cow;

use super::arch::Arch;
use super::{Bits, names_of};

/// `O_CLOEXEC`, everywhere except on alpha, parisc and sparc. It belongs to the descriptor, not to the open file
/// description.
pub const CLOEXEC: u32 = 0o2_000_000;
/// `O_PATH`, everywhere except on alpha, parisc and sparc.
pub const PATH: u32 = 0o10_000_000;
/// Access mode: 0 read, 1 write, 2 both.
pub const ACCESS: u32 = 3;
/// Write only.
pub const WRITE_ONLY: u32 = 1;
/// Read and write.
pub const READ_WRITE: u32 = 2;

const COMMON: Bits = &[
    (0o100, "O_CREAT"),
    (0o200, "O_EXCL"),
    (0o400, "O_NOCTTY"),
    (0o1000, "O_TRUNC"),
    (0o2000, "O_APPEND"),
    (0o4000, "O_NONBLOCK"),
    // O_SYNC includes O_DSYNC.
    (0o4_010_000, "O_SYNC"),
    (0o10_000, "O_DSYNC"),
    (0o20_000, "O_ASYNC"),
    (0o40_000, "O_DIRECT"),
    (0o100_000, "O_LARGEFILE"),
    // O_TMPFILE includes O_DIRECTORY.
    (0o20_200_000, "O_TMPFILE"),
    (0o200_000, "O_DIRECTORY"),
    (0o400_000, "O_NOFOLLOW"),
    (0o1_000_000, "O_NOATIME"),
    (0o2_000_000, "O_CLOEXEC"),
    (0o10_000_000, "O_PATH"),
];

/// arm, aarch64 and power swap four of them.
const ARM_AND_POWER: Bits = &[
    (0o100, "O_CREAT"),
    (0o200, "O_EXCL"),
    (0o400, "O_NOCTTY"),
    (0o1000, "O_TRUNC"),
    (0o2000, "O_APPEND"),
    (0o4000, "O_NONBLOCK"),
    (0o4_010_000, "O_SYNC"),
    (0o10_000, "O_DSYNC"),
    (0o20_000, "O_ASYNC"),
    (0o20_040_000, "O_TMPFILE"),
    (0o40_000, "O_DIRECTORY"),
    (0o100_000, "O_NOFOLLOW"),
    (0o200_000, "O_DIRECT"),
    (0o400_000, "O_LARGEFILE"),
    (0o1_000_000, "O_NOATIME"),
    (0o2_000_000, "O_CLOEXEC"),
    (0o10_000_000, "O_PATH"),
];

const MIPS: Bits = &[
    (0x8, "O_APPEND"),
    (0x4010, "O_SYNC"),
    (0x10, "O_DSYNC"),
    (0x80, "O_NONBLOCK"),
    (0x100, "O_CREAT"),
    (0x200, "O_TRUNC"),
    (0x400, "O_EXCL"),
    (0x800, "O_NOCTTY"),
    (0x1000, "O_ASYNC"),
    (0x2000, "O_LARGEFILE"),
    (0x8000, "O_DIRECT"),
    (0o20_200_000, "O_TMPFILE"),
    (0o200_000, "O_DIRECTORY"),
    (0o400_000, "O_NOFOLLOW"),
    (0o1_000_000, "O_NOATIME"),
    (0o2_000_000, "O_CLOEXEC"),
    (0o10_000_000, "O_PATH"),
];

/// Names of open flags, access mode first.
pub fn names(flags: u32, arch: Option<Arch>) -> Vec<Cow<'static, str>> {
    let bits = match arch {
        Some(Arch::Arm | Arch::Aarch64 | Arch::Ppc64) => ARM_AND_POWER,
        Some(Arch::Mips) => MIPS,
        _ => COMMON,
    };
    let access = match flags & ACCESS {
        0 => "O_RDONLY",
        WRITE_ONLY => "O_WRONLY",
        READ_WRITE => "O_RDWR",
        _ => "O_ACCMODE",
    };
    let mut names = vec![Cow::Borrowed(access)];
    names.extend(names_of(u64::from(flags & !ACCESS), bits));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_named_by_architecture() {
        assert_eq!(names(0o100_002, None), ["O_RDWR", "O_LARGEFILE"]);
        assert_eq!(names(0o200_000, Some(Arch::X86_64)), ["O_RDONLY", "O_DIRECTORY"]);
        assert_eq!(names(0o200_000, Some(Arch::Aarch64)), ["O_RDONLY", "O_DIRECT"]);
        assert_eq!(names(0x2088, Some(Arch::Mips)), ["O_RDONLY", "O_APPEND", "O_NONBLOCK", "O_LARGEFILE"]);
        assert_eq!(names(0o4_010_001, None), ["O_WRONLY", "O_SYNC"]);
    }
}
