//! Table `threads`.

use std::borrow::Cow;

use bstr::BString;

use super::table::table;
use super::value::{Detail, Mask, Object};
use crate::Checkpoint;
use crate::abi;
use crate::model::ids::{Address, Pid, Tid};
use crate::model::process::{Process, Seccomp, Thread as Task};

table! {
    "threads", key(pid, tid), brief(pid, tid, name, main, instruction_pointer, stack_pointer, scheduler_policy, nice),
    event(Event::state(&["process"], "thread-state").about(Subject::Process).under("thread"));
    /// The threads of the living processes, by pid and tid.
    pub struct Thread {
        /// Process id.
        pub pid: Pid,
        /// Thread id; of the main thread the process id.
        #[to(ecs("process.thread.id"), ocsf("process.ptid"))]
        pub tid: Tid,
        /// Name (comm); CRIU before 3.11 records only the main thread's.
        #[to(ecs("process.thread.name"))]
        pub name: Option<BString>,
        /// The thread that the process began with.
        pub main: bool,
        /// Blocked signals.
        pub signals_blocked: Option<Mask>,
        /// Signals that wait for this thread alone.
        pub signals_pending: Option<Mask>,
        /// Where it runs.
        pub instruction_pointer: Option<Address>,
        /// Its stack pointer.
        pub stack_pointer: Option<Address>,
        /// General registers, by the kernel's names.
        pub registers: Option<Object>,
        /// Scheduling policy, for example `SCHED_OTHER`.
        pub scheduler_policy: Option<Cow<'static, str>>,
        /// Niceness, -20 to 19.
        pub nice: Option<i32>,
        /// Priority, as `/proc/PID/stat` prints it.
        pub priority: Option<i64>,
        /// Thread pointer (thread-local storage).
        pub tls: Option<Address>,
        /// List of robust futexes.
        pub robust_list: Option<Address>,
        /// Alternate signal stack: `start-end`, and ` (in use)` while a handler runs on it; null if it has none.
        pub altstack: Option<String>,
        /// Area of restartable sequences.
        pub rseq: Option<Address>,
        /// `disabled`, `strict` or `filter`.
        pub seccomp: Option<&'static str>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = Thread> + '_ {
    let mut processes: Vec<&Process> = checkpoint.model().processes().iter().filter(|p| !p.is_zombie()).collect();
    processes.sort_by_key(|process| process.pid());
    processes.into_iter().flat_map(|process| {
        let mut threads: Vec<&Task> = process.threads.iter().collect();
        threads.sort_by_key(|thread| thread.tid);
        threads.into_iter().map(|thread| row(process, thread))
    })
}

fn row(process: &Process, thread: &Task) -> Thread {
    let own = thread.own();
    let registers = thread.registers();
    let main = thread.tid.0 == process.pid().0;
    Thread {
        pid: process.pid(),
        tid: thread.tid,
        name: thread.name().map(BString::from),
        main,
        signals_blocked: thread.signals_blocked().map(Mask),
        signals_pending: thread.signals_pending().map(Mask),
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
