//! Signals: names and sets.

use std::borrow::Cow;

use super::arch::Arch;

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

/// Mips numbers its signals as IRIX did.
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

/// The first real-time signal that programs see; the two below are libc's own.
const RT_MIN: u32 = 34;
const RT_MAX: u32 = 64;

/// The name of a signal as `kill -l` has it: `SIGTERM`, `SIGRTMIN+2`; the number where there is no name.
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

/// The bit of a signal in a mask: bit n-1 is signal n. No bit for numbers that a mask of 64 bits does not have.
pub fn bit(number: u32) -> u64 {
    number.checked_sub(1).and_then(|n| 1_u64.checked_shl(n)).unwrap_or(0)
}

/// Who gets the signals of a file: `process`, `group` or `thread`. Source: `F_OWNER_*` of `fcntl(F_GETOWN_EX)` in
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
    fn bits_count_from_one() {
        assert_eq!((bit(1), bit(64), bit(0), bit(65)), (1, 1 << 63, 0, 0));
    }
}
