//! Kinds of namespaces.

use super::{Bits, name_of};

/// `CLONE_NEW*` with the names of `/proc/PID/ns`.
const KINDS: Bits = &[
    (0x80, "time"),
    (0x2_0000, "mnt"),
    (0x200_0000, "cgroup"),
    (0x400_0000, "uts"),
    (0x800_0000, "ipc"),
    (0x1000_0000, "user"),
    (0x2000_0000, "pid"),
    (0x4000_0000, "net"),
];

/// The name of a kind in `/proc/PID/ns` by its clone flag.
pub fn name(clone_flag: u32) -> Option<&'static str> {
    name_of(clone_flag.into(), KINDS)
}
