//! Table `threads`.

use std::borrow::Cow;

use bstr::BString;

use super::table::table;
use super::value::{Detail, Mask, Object};
use crate::Checkpoint;
use crate::abi;
use crate::model::ids::{Address, Pid, Tid};
use crate::model::process::{Process, Seccomp, Thread as Task};
use crate::model::signal::OfProcess;

table! {
    "threads", key(pid, tid), brief(pid, tid, name, main, instruction_pointer, stack_pointer, scheduler_policy, nice),
    event(Event::state(&["process"], "thread-state").about(Subject::Process).under("thread"));
    /// The threads of the living processes, by pid and tid.
    pub struct Thread {
        /// Process id.
        pub pid: Pid,
        /// Thread id. For the main thread, the process id.
        #[to(ecs("process.thread.id"), ocsf("process.ptid"))]
        pub tid: Tid,
        /// Name (comm). Before CRIU 3.11, null for all but the main thread.
        #[to(ecs("process.thread.name"))]
        pub name: Option<BString>,
        /// Whether this is the process's main thread.
        pub main: bool,
        /// Blocked signals.
        pub signals_blocked: Option<Mask>,
        /// Signals waiting for this thread alone.
        pub signals_pending: Option<Mask>,
        /// Instruction pointer.
        pub instruction_pointer: Option<Address>,
        /// Stack pointer.
        pub stack_pointer: Option<Address>,
        /// General-purpose registers, by the kernel's names.
        pub registers: Option<Object>,
        /// Scheduling policy, for example `SCHED_OTHER`.
        pub scheduler_policy: Option<Cow<'static, str>>,
        /// Nice value, -20 to 19.
        pub nice: Option<i32>,
        /// Priority, as `/proc/PID/stat` prints it.
        pub priority: Option<i64>,
        /// Thread pointer (thread-local storage).
        pub tls: Option<Address>,
        /// Address of the list of robust futexes.
        pub robust_list: Option<Address>,
        /// Alternate signal stack: `start-end`, with ` (in use)` while a handler runs on it. Null if the thread has
        /// none.
        pub altstack: Option<String>,
        /// Address of the restartable sequences (rseq) area.
        pub rseq: Option<Address>,
        /// Seccomp mode: `disabled`, `strict` or `filter`. Null if the archive does not say.
        pub seccomp: Option<&'static str>,
        /// System call filter of the thread: the last of its chain in `seccomp.img`, from 0. Null if there is none.
        pub seccomp_filter: Option<u32>,
        /// Signal that the thread gets when its parent dies (`PR_SET_PDEATHSIG`). Null if none, or not recorded.
        pub pdeath_signal: Option<Cow<'static, str>>,
        /// Critical section of the restartable sequence that the thread was in. Null if it was in none.
        pub rseq_section: Option<Address>,
        /// Real user id. Threads of a process can act as different users, but libraries keep them the same.
        pub uid: Option<u32>,
        /// Effective user id.
        pub euid: Option<u32>,
        /// Real group id.
        pub gid: Option<u32>,
        /// Effective group id.
        pub egid: Option<u32>,
        /// Effective capabilities.
        pub cap_eff: Option<Mask>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = Thread> + '_ {
    let signals = checkpoint.signals();
    super::living(checkpoint).flat_map(move |process| {
        let of_process = signals.of(process);
        super::threads_of(process).map(move |thread| row(process, thread, of_process))
    })
}

fn row(process: &Process, thread: &Task, signals: Option<&OfProcess>) -> Thread {
    let own = thread.own();
    let registers = thread.registers();
    let pdeath_signal = own.and_then(|own| own.pdeath_sig).filter(|&number| number != 0);
    let creds = process.rights_of(thread);
    let creds = creds.as_ref();
    let main = thread.tid.0 == process.pid().0;
    Thread {
        pid: process.pid(),
        tid: thread.tid,
        name: thread.name().map(BString::from),
        main,
        signals_blocked: thread.signals_blocked().map(Mask),
        signals_pending: signals.and_then(|signals| Some(Mask(signals.set_of(signals.of_thread(thread.tid)?).low))),
        instruction_pointer: registers.as_ref().and_then(|r| r.instruction_pointer),
        stack_pointer: registers.as_ref().and_then(|r| r.stack_pointer),
        tls: registers.as_ref().and_then(|r| r.tls),
        registers: registers.map(|r| Object(r.general.iter().map(|&(name, n)| (name, Detail::Address(n))).collect())),
        scheduler_policy: own.and_then(|own| own.sched_policy).map(abi::sched::policy),
        nice: own.and_then(|own| own.sched_nice),
        priority: thread.priority(),
        robust_list: own.and_then(|own| Address::non_zero(own.futex_rla)),
        altstack: altstack(thread),
        rseq: own.and_then(|own| Address::non_zero(own.rseq_entry.as_ref()?.rseq_abi_pointer)),
        seccomp: process.seccomp(thread).map(Seccomp::as_str),
        seccomp_filter: process.seccomp_filter(thread),
        pdeath_signal: pdeath_signal.map(|number| abi::signal::name(number, process.arch())),
        rseq_section: own.and_then(|own| Address::non_zero(own.rseq_entry.as_ref()?.rseq_cs_pointer)),
        uid: creds.and_then(|creds| creds.uid.first().copied()?),
        euid: creds.and_then(|creds| creds.uid.get(1).copied()?),
        gid: creds.and_then(|creds| creds.gid.first().copied()?),
        egid: creds.and_then(|creds| creds.gid.get(1).copied()?),
        cap_eff: creds.and_then(|creds| creds.effective).map(Mask),
    }
}

fn altstack(thread: &Task) -> Option<String> {
    /// `SS_ONSTACK` and `SS_DISABLE`.
    const IN_USE: u32 = 1;
    const DISABLED: u32 = 2;
    let sas = thread.own()?.sas.as_ref().filter(|sas| sas.ss_flags() & DISABLED == 0)?;
    let start = Address(sas.ss_sp());
    let end = Address(sas.ss_sp().saturating_add(sas.ss_size()));
    let in_use = if sas.ss_flags() & IN_USE != 0 { " (in use)" } else { "" };
    Some(format!("{start}-{end}{in_use}"))
}
