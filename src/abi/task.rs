//! Masks of task properties: `include/linux/sched.h`, and `personality.h`, `securebits.h` and `membarrier.h` of
//! `include/uapi/linux`.

use std::borrow::Cow;

use super::{Bits, name_or_number};

/// Bits of `task_struct.flags` whose meaning has not changed between kernels.
pub const FLAGS: Bits = &[
    (0x2, "PF_IDLE"),
    (0x4, "PF_EXITING"),
    (0x8, "PF_POSTCOREDUMP"),
    (0x10, "PF_IO_WORKER"),
    (0x20, "PF_WQ_WORKER"),
    (0x40, "PF_FORKNOEXEC"),
    (0x80, "PF_MCE_PROCESS"),
    (0x100, "PF_SUPERPRIV"),
    (0x200, "PF_DUMPCORE"),
    (0x400, "PF_SIGNALED"),
    (0x800, "PF_MEMALLOC"),
    (0x1000, "PF_NPROC_EXCEEDED"),
    (0x2000, "PF_USED_MATH"),
    (0x8000, "PF_NOFREEZE"),
    (0x20_0000, "PF_KTHREAD"),
    (0x40_0000, "PF_RANDOMIZE"),
];

/// Names of a personality: the kind of system, in the low byte, and its quirks.
pub fn personality(number: u32) -> Vec<Cow<'static, str>> {
    const QUIRKS: Bits = &[
        (0x2_0000, "UNAME26"),
        (0x4_0000, "ADDR_NO_RANDOMIZE"),
        (0x8_0000, "FDPIC_FUNCPTRS"),
        (0x10_0000, "MMAP_PAGE_ZERO"),
        (0x20_0000, "ADDR_COMPAT_LAYOUT"),
        (0x40_0000, "READ_IMPLIES_EXEC"),
        (0x80_0000, "ADDR_LIMIT_32BIT"),
        (0x100_0000, "SHORT_INODE"),
        (0x200_0000, "WHOLE_SECONDS"),
        (0x400_0000, "STICKY_TIMEOUTS"),
        (0x800_0000, "ADDR_LIMIT_3GB"),
    ];
    const SYSTEM: u32 = 0xff;
    const LINUX: u32 = 0;
    const LINUX32: u32 = 8;
    let mut names = super::names_of((number & !SYSTEM).into(), QUIRKS);
    match number & SYSTEM {
        LINUX => {}
        LINUX32 => names.insert(0, "PER_LINUX32".into()),
        other => names.insert(0, format!("{other:#x}").into()),
    }
    names
}

/// What capabilities uid 0 gets, and which of these settings are locked.
pub const SECUREBITS: Bits = &[
    (0x1, "SECBIT_NOROOT"),
    (0x2, "SECBIT_NOROOT_LOCKED"),
    (0x4, "SECBIT_NO_SETUID_FIXUP"),
    (0x8, "SECBIT_NO_SETUID_FIXUP_LOCKED"),
    (0x10, "SECBIT_KEEP_CAPS"),
    (0x20, "SECBIT_KEEP_CAPS_LOCKED"),
    (0x40, "SECBIT_NO_CAP_AMBIENT_RAISE"),
    (0x80, "SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED"),
    (0x100, "SECBIT_EXEC_RESTRICT_FILE"),
    (0x200, "SECBIT_EXEC_RESTRICT_FILE_LOCKED"),
    (0x400, "SECBIT_EXEC_DENY_INTERACTIVE"),
    (0x800, "SECBIT_EXEC_DENY_INTERACTIVE_LOCKED"),
];

/// Who may dump the core of a process and inspect it (`PR_GET_DUMPABLE`): `no`, `yes` or `root`.
pub fn dumpable(number: i32) -> Cow<'static, str> {
    match u64::try_from(number) {
        Ok(number) => name_or_number(number, &[(0, "no"), (1, "yes"), (2, "root")]),
        Err(_) => Cow::Owned(number.to_string()),
    }
}

/// Registrations with `membarrier(2)`.
pub const MEMBARRIER: Bits = &[
    (0x4, "MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED"),
    (0x10, "MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED"),
    (0x40, "MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE"),
    (0x100, "MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_dump_a_process() {
        assert_eq!((dumpable(0), dumpable(2), dumpable(-1)), ("no".into(), "root".into(), "-1".into()));
    }

    #[test]
    fn a_personality_is_a_system_and_quirks() {
        assert!(personality(0).is_empty());
        assert_eq!(personality(0x4_0008), ["PER_LINUX32", "ADDR_NO_RANDOMIZE"]);
        assert_eq!(personality(0x8000_0001), ["0x1", "0x80000000"]);
    }
}
