//! Mounts: file systems and flags.

use super::{Bits, name_of};

/// `mnt_entry.fstype` where the type has no number: its name is in `fsname`.
pub const AUTO: u32 = 16;

const FILE_SYSTEMS: Bits = &[
    (1, "proc"),
    (2, "sysfs"),
    (3, "devtmpfs"),
    (4, "binfmt_misc"),
    (5, "tmpfs"),
    (6, "devpts"),
    (7, "simfs"),
    (8, "pstore"),
    (9, "securityfs"),
    (10, "fusectl"),
    (11, "debugfs"),
    (12, "cgroup"),
    (13, "aufs"),
    (14, "mqueue"),
    (15, "fuse"),
    (17, "overlay"),
    (18, "autofs"),
    (19, "tracefs"),
    (20, "rpc_pipefs"),
    (21, "nfs"),
    (22, "nfs4"),
    (23, "cgroup2"),
];

/// CRIU's number of devpts.
pub const DEVPTS: u32 = 6;
/// CRIU's number of cgroup and cgroup2.
pub const CGROUP: [u32; 2] = [12, 23];

/// The name of a file system by CRIU's number; `None` for 0, which stands for every type that CRIU has no number for.
pub fn file_system(number: u32) -> Option<&'static str> {
    name_of(number.into(), FILE_SYSTEMS)
}

/// `MS_RDONLY`.
pub const READ_ONLY: u32 = 0x1;
/// `MS_UNBINDABLE`.
pub const UNBINDABLE: u32 = 0x2_0000;

/// Flags of a mount that mountinfo prints, in its order. Source: the kernel's `fs/proc_namespace.c`, `show_mnt_opts`.
pub const OPTIONS: Bits = &[
    (0x2, "nosuid"),
    (0x4, "nodev"),
    (0x8, "noexec"),
    (0x400, "noatime"),
    (0x800, "nodiratime"),
    (0x20_0000, "relatime"),
    (0x100, "nosymfollow"),
];

/// Flags of a file system that mountinfo prints. Source: the same, `show_sb_opts`.
pub const SUPER_OPTIONS: Bits = &[(0x10, "sync"), (0x80, "dirsync"), (0x40, "mand"), (0x200_0000, "lazytime")];
