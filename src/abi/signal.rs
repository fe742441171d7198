//! Signals: names and sets.

use std::borrow::Cow;

use super::arch::Arch;
use super::{Bits, name_or_number, names_of};

const NAMES: [&str; 31] = [
    "SIGHUP",
    "SIGINT",
    "SIGQUIT",
    "SIGILL",
    "SIGTRAP",
    "SIGABRT",
    "SIGBUS",
    "SIGFPE",
    "SIGKILL",
    "SIGUSR1",
    "SIGSEGV",
    "SIGUSR2",
    "SIGPIPE",
    "SIGALRM",
    "SIGTERM",
    "SIGSTKFLT",
    "SIGCHLD",
    "SIGCONT",
    "SIGSTOP",
    "SIGTSTP",
    "SIGTTIN",
    "SIGTTOU",
    "SIGURG",
    "SIGXCPU",
    "SIGXFSZ",
    "SIGVTALRM",
    "SIGPROF",
    "SIGWINCH",
    "SIGIO",
    "SIGPWR",
    "SIGSYS",
];

/// mips numbers its signals as IRIX did.
const MIPS: [&str; 31] = [
    "SIGHUP",
    "SIGINT",
    "SIGQUIT",
    "SIGILL",
    "SIGTRAP",
    "SIGABRT",
    "SIGEMT",
    "SIGFPE",
    "SIGKILL",
    "SIGBUS",
    "SIGSEGV",
    "SIGSYS",
    "SIGPIPE",
    "SIGALRM",
    "SIGTERM",
    "SIGUSR1",
    "SIGUSR2",
    "SIGCHLD",
    "SIGPWR",
    "SIGWINCH",
    "SIGURG",
    "SIGIO",
    "SIGSTOP",
    "SIGTSTP",
    "SIGCONT",
    "SIGTTIN",
    "SIGTTOU",
    "SIGVTALRM",
    "SIGPROF",
    "SIGXCPU",
    "SIGXFSZ",
];

/// The first real-time signal that programs see. The two below it belong to libc.
const RT_MIN: u32 = 34;
const RT_MAX: u32 = 64;

/// The name of a signal, as `kill -l` prints it: `SIGTERM`, `SIGRTMIN+2`; the number if it has no name.
pub fn name(number: u32, arch: Option<Arch>) -> Cow<'static, str> {
    let names = if arch == Some(Arch::Mips) { &MIPS } else { &NAMES };
    let plain = usize::try_from(number).ok().and_then(|n| n.checked_sub(1)).and_then(|i| names.get(i));
    match (plain, number) {
        (Some(name), _) => Cow::Borrowed(name),
        (None, RT_MIN) => Cow::Borrowed("SIGRTMIN"),
        (None, RT_MAX) if arch != Some(Arch::Mips) => Cow::Borrowed("SIGRTMAX"),
        (None, RT_MIN..=RT_MAX) => Cow::Owned(format!("SIGRTMIN+{}", number.saturating_sub(RT_MIN))),
        _ => Cow::Owned(number.to_string()),
    }
}

/// The signals whose actions cannot be changed: `SIGKILL` and `SIGSTOP`.
pub fn is_fixed(number: u32, arch: Option<Arch>) -> bool {
    let stop = if arch == Some(Arch::Mips) { 23 } else { 19 };
    number == 9 || number == stop
}

/// Names of the flags of an action (`SA_*`).
pub fn action_flags(flags: u64, arch: Option<Arch>) -> Vec<Cow<'static, str>> {
    const GENERIC: Bits = &[
        (0x1, "SA_NOCLDSTOP"),
        (0x2, "SA_NOCLDWAIT"),
        (0x4, "SA_SIGINFO"),
        (0x400, "SA_UNSUPPORTED"),
        (0x800, "SA_EXPOSE_TAGBITS"),
        (0x200_0000, "SA_THIRTYTWO"),
        (0x400_0000, "SA_RESTORER"),
        (0x800_0000, "SA_ONSTACK"),
        (0x1000_0000, "SA_RESTART"),
        (0x4000_0000, "SA_NODEFER"),
        (0x8000_0000, "SA_RESETHAND"),
    ];
    const MIPS: Bits = &[
        (0x1, "SA_NOCLDSTOP"),
        (0x8, "SA_SIGINFO"),
        (0x400, "SA_UNSUPPORTED"),
        (0x800, "SA_EXPOSE_TAGBITS"),
        (0x1_0000, "SA_NOCLDWAIT"),
        (0x800_0000, "SA_ONSTACK"),
        (0x1000_0000, "SA_RESTART"),
        (0x4000_0000, "SA_NODEFER"),
        (0x8000_0000, "SA_RESETHAND"),
    ];
    names_of(flags, if arch == Some(Arch::Mips) { MIPS } else { GENERIC })
}

/// Flags of an alternate signal stack: a handler runs on it, there is none, or none while a handler runs.
pub const STACK_FLAGS: Bits = &[(0x1, "SS_ONSTACK"), (0x2, "SS_DISABLE"), (0x8000_0000, "SS_AUTODISARM")];

/// How a timer reports that it expired (`SIGEV_*`): `signal`, `none`, `thread`, `thread_id`.
pub fn notification(number: u32) -> Cow<'static, str> {
    name_or_number(number.into(), &[(0, "signal"), (1, "none"), (2, "thread"), (4, "thread_id")])
}

/// The bit of a signal in a mask: bit n-1 is signal n. Numbers outside a 64-bit mask have no bit.
pub fn bit(number: u32) -> u64 {
    number.checked_sub(1).and_then(|n| 1_u64.checked_shl(n)).unwrap_or(0)
}

/// What gets the signals of a file: `process`, `group` or `thread`. Source: `F_OWNER_*` of `fcntl(F_GETOWN_EX)` in
/// `include/uapi/asm-generic/fcntl.h`.
pub fn receiver(pid_type: u32) -> Option<&'static str> {
    super::name_of(pid_type.into(), &[(0, "thread"), (1, "process"), (2, "group")])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_architecture_of_the_dump() {
        assert_eq!(name(9, None), "SIGKILL");
        assert_eq!(name(10, Some(Arch::X86_64)), "SIGUSR1");
        assert_eq!(name(10, Some(Arch::Mips)), "SIGBUS");
        assert_eq!(
            (name(34, None), name(36, None), name(64, None)),
            ("SIGRTMIN".into(), "SIGRTMIN+2".into(), "SIGRTMAX".into())
        );
        assert_eq!((name(0, None), name(32, None), name(99, None)), ("0".into(), "32".into(), "99".into()));
    }

    #[test]
    fn flags_of_actions_follow_the_architecture() {
        assert_eq!(action_flags(0x1000_0004, None), ["SA_SIGINFO", "SA_RESTART"]);
        assert_eq!(action_flags(0x1_0008, Some(Arch::Mips)), ["SA_SIGINFO", "SA_NOCLDWAIT"]);
        assert_eq!(action_flags(1 << 40, None), ["0x10000000000"]);
    }

    #[test]
    fn nobody_catches_kill_and_stop() {
        let fixed = |arch| (1..=64).filter(|&n| is_fixed(n, arch)).collect::<Vec<_>>();
        assert_eq!(fixed(None), [9, 19]);
        assert_eq!(fixed(Some(Arch::Mips)), [9, 23]);
    }

    #[test]
    fn bits_count_from_one() {
        assert_eq!((bit(1), bit(64), bit(0), bit(65)), (1, 1 << 63, 0, 0));
    }
}
