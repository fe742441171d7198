//! File locks, as CRIU takes them from `/proc/locks` (its `file-lock.h`, and the kernel's `fcntl.h`).

use std::borrow::Cow;

use super::{Bits, name_or_number};

/// Kinds of locks (`file_lock_entry.flag`).
const KINDS: Bits = &[(1, "posix"), (2, "flock"), (4, "ofd"), (8, "lease")];
/// Number of locks that belong to the process that took them, not to the open file description.
pub const POSIX: u32 = 1;
/// The number of leases.
pub const LEASE: u32 = 8;

/// A lease that its holder has been asked to give back.
pub const BREAKING: u32 = 4;
/// A lock that binds every access.
pub const MANDATORY: u32 = 32;

/// The name of a kind.
pub fn kind(flag: u32) -> Cow<'static, str> {
    name_or_number(flag.into(), KINDS)
}

/// What a lock allows: `read`, `write` or `none`. CRIU also writes `F_RDLCK`, `F_WRLCK` and `F_UNLCK` for locks of
/// `flock`, not the numbers passed to `flock`.
pub fn access(number: u32) -> Cow<'static, str> {
    // For a mandatory lock of `flock`, `LOCK_READ` and `LOCK_WRITE` say what others may do.
    const OTHERS: u32 = MANDATORY | 64 | 128;
    name_or_number(u64::from(number & !(BREAKING | OTHERS)), &[(0, "read"), (1, "write"), (2, "none")])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_lock_allows_is_told_without_its_flags() {
        assert_eq!((access(0), access(1), access(2)), ("read".into(), "write".into(), "none".into()));
        assert_eq!(access(BREAKING | 1), "write");
        assert_eq!(access(MANDATORY | 1), "write");
        assert_eq!(access(3), "3");
        assert_eq!((kind(4), kind(3)), ("ofd".into(), "3".into()));
    }
}
