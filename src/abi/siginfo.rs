//! `siginfo_t`: the data of a signal. The layouts are those of the kernel's `include/uapi/asm-generic/siginfo.h`, and
//! of `arch/mips/include/uapi/asm/siginfo.h` where mips differs. The kernel's `siginfo_layout()` decides which one a
//! signal has.

use std::borrow::Cow;

use super::arch::Arch;
use super::signal;

/// Names of codes. The kernel's own codes are above 0, except `SI_USER`. Those that processes can make up are below.
type Codes = &'static [(i32, &'static str)];

const ANY: Codes = &[
    (0, "SI_USER"),
    (0x80, "SI_KERNEL"),
    (-1, "SI_QUEUE"),
    (-2, "SI_TIMER"),
    (-3, "SI_MESGQ"),
    (-4, "SI_ASYNCIO"),
    (-5, "SI_SIGIO"),
    (-6, "SI_TKILL"),
    (-7, "SI_DETHREAD"),
    (-60, "SI_ASYNCNL"),
];
/// Codes in which mips differs from [`ANY`].
const ANY_ON_MIPS: Codes = &[(-2, "SI_ASYNCIO"), (-3, "SI_TIMER"), (-4, "SI_MESGQ")];
const ILL: Codes = &[
    (1, "ILL_ILLOPC"),
    (2, "ILL_ILLOPN"),
    (3, "ILL_ILLADR"),
    (4, "ILL_ILLTRP"),
    (5, "ILL_PRVOPC"),
    (6, "ILL_PRVREG"),
    (7, "ILL_COPROC"),
    (8, "ILL_BADSTK"),
    (9, "ILL_BADIADDR"),
];
const FPE: Codes = &[
    (1, "FPE_INTDIV"),
    (2, "FPE_INTOVF"),
    (3, "FPE_FLTDIV"),
    (4, "FPE_FLTOVF"),
    (5, "FPE_FLTUND"),
    (6, "FPE_FLTRES"),
    (7, "FPE_FLTINV"),
    (8, "FPE_FLTSUB"),
    (14, "FPE_FLTUNK"),
    (15, "FPE_CONDTRAP"),
];
const SEGV: Codes = &[
    (1, "SEGV_MAPERR"),
    (2, "SEGV_ACCERR"),
    (3, "SEGV_BNDERR"),
    (4, "SEGV_PKUERR"),
    (5, "SEGV_ACCADI"),
    (6, "SEGV_ADIDERR"),
    (7, "SEGV_ADIPERR"),
    (8, "SEGV_MTEAERR"),
    (9, "SEGV_MTESERR"),
    (10, "SEGV_CPERR"),
];
const BUS: Codes =
    &[(1, "BUS_ADRALN"), (2, "BUS_ADRERR"), (3, "BUS_OBJERR"), (4, "BUS_MCEERR_AR"), (5, "BUS_MCEERR_AO")];
const TRAP: Codes =
    &[(1, "TRAP_BRKPT"), (2, "TRAP_TRACE"), (3, "TRAP_BRANCH"), (4, "TRAP_HWBKPT"), (5, "TRAP_UNK"), (6, "TRAP_PERF")];
const CHILD: Codes = &[
    (1, "CLD_EXITED"),
    (2, "CLD_KILLED"),
    (3, "CLD_DUMPED"),
    (4, "CLD_TRAPPED"),
    (5, "CLD_STOPPED"),
    (6, "CLD_CONTINUED"),
];
const POLL: Codes =
    &[(1, "POLL_IN"), (2, "POLL_OUT"), (3, "POLL_MSG"), (4, "POLL_ERR"), (5, "POLL_PRI"), (6, "POLL_HUP")];
const SYSTEM: Codes = &[(1, "SYS_SECCOMP"), (2, "SYS_USER_DISPATCH")];

/// The data that follows the first three numbers of a `siginfo_t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// The sender.
    Kill,
    /// The sender, and a value.
    Queue,
    /// The timer that expired.
    Timer,
    /// The child whose state changed, and how.
    Child,
    /// The address of a memory or instruction fault.
    Fault,
    /// The descriptor that is ready.
    Poll,
    /// The system call that was refused.
    SystemCall,
}

/// The kernel's own codes for a signal, and their layout.
fn of_kernel(number: u32, arch: Option<Arch>) -> Option<(Codes, Layout)> {
    Some(match &*signal::name(number, arch) {
        "SIGILL" => (ILL, Layout::Fault),
        "SIGFPE" => (FPE, Layout::Fault),
        "SIGSEGV" => (SEGV, Layout::Fault),
        "SIGBUS" => (BUS, Layout::Fault),
        "SIGTRAP" => (TRAP, Layout::Fault),
        "SIGCHLD" => (CHILD, Layout::Child),
        "SIGIO" => (POLL, Layout::Poll),
        "SIGSYS" => (SYSTEM, Layout::SystemCall),
        _ => return None,
    })
}

/// Codes that mean the same for every signal.
fn of_any(code: i32, arch: Option<Arch>) -> Option<&'static str> {
    let on_mips = if arch == Some(Arch::Mips) { ANY_ON_MIPS } else { &[] };
    find(code, on_mips).or_else(|| find(code, ANY))
}

fn find(code: i32, codes: Codes) -> Option<&'static str> {
    codes.iter().find(|(n, _)| *n == code).map(|&(_, name)| name)
}

/// The name of a code, which depends on the signal; the number if it has no name.
pub fn code(number: u32, code: i32, arch: Option<Arch>) -> Cow<'static, str> {
    let own = || find(code, of_kernel(number, arch)?.0);
    // A descriptor can be set to send any signal, with the codes of SIGIO (`F_SETSIG`).
    let ready = || find(code, POLL);
    let name = of_any(code, arch).or_else(own).or_else(ready);
    name.map_or_else(|| Cow::Owned(code.to_string()), Cow::Borrowed)
}

/// The layout of a signal with a code.
pub fn layout(number: u32, code: i32, arch: Option<Arch>) -> Layout {
    match of_any(code, arch) {
        Some("SI_USER" | "SI_KERNEL") => Layout::Kill,
        Some("SI_TIMER") => Layout::Timer,
        Some("SI_SIGIO") => Layout::Poll,
        _ if code < 0 => Layout::Queue,
        _ => match of_kernel(number, arch) {
            Some((codes, layout)) if find(code, codes).is_some() => layout,
            _ if find(code, POLL).is_some() => Layout::Poll,
            _ => Layout::Kill,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_codes_depend_on_the_signal() {
        assert_eq!(code(11, 1, None), "SEGV_MAPERR");
        assert_eq!(code(17, 1, None), "CLD_EXITED");
        assert_eq!(code(35, 1, None), "POLL_IN", "a descriptor was told to send it");
        assert_eq!(code(35, -1, None), "SI_QUEUE");
        assert_eq!(code(11, 77, None), "77");
        assert_eq!(code(35, -2, None), "SI_TIMER");
    }

    #[test]
    fn mips_numbers_signals_and_codes_in_its_own_way() {
        let mips = Some(Arch::Mips);
        assert_eq!(code(18, 1, mips), "CLD_EXITED");
        assert_eq!((code(35, -2, mips), code(35, -3, mips)), ("SI_ASYNCIO".into(), "SI_TIMER".into()));
        assert_eq!(layout(35, -3, mips), Layout::Timer);
        assert_eq!(layout(17, 1, mips), Layout::Poll, "SIGUSR2");
    }

    #[test]
    fn layouts_follow_the_kernel() {
        assert_eq!(layout(12, 0, None), Layout::Kill);
        assert_eq!(layout(11, 0, None), Layout::Kill, "sent by somebody, not by a fault");
        assert_eq!(layout(11, 1, None), Layout::Fault);
        assert_eq!(layout(11, 0x80, None), Layout::Kill);
        assert_eq!(layout(17, 2, None), Layout::Child);
        assert_eq!(layout(29, 1, None), Layout::Poll);
        assert_eq!(layout(31, 1, None), Layout::SystemCall);
        assert_eq!(layout(35, -1, None), Layout::Queue);
        assert_eq!(layout(35, -60, None), Layout::Queue);
        assert_eq!(layout(35, -2, None), Layout::Timer);
        assert_eq!(layout(99, i32::MIN, None), Layout::Queue);
        assert_eq!(layout(0, i32::MAX, None), Layout::Kill);
    }
}
