//! Table `signals`.

use std::borrow::Cow;

use super::table::table;
use crate::Checkpoint;
use crate::abi;
use crate::images::proto::ThreadSasEntry;
use crate::model::ids::{Address, Pid, Tid};
use crate::model::process::{Process, Thread};
use crate::model::signal::{OfProcess, SignalSet};

table! {
    "signals", key(pid, tid), brief(pid, tid, pending, shared_pending, blocked, caught);
    /// Signals of the living threads, by pid and tid: the masks as `/proc/PID/task/TID/status` prints them, and the stack
    /// for handlers. What waits stands in `pending_signals`, what happens then in `signal_actions`. A bit is a signal, the
    /// lowest is signal 1; mips has 128 signals, so there a mask that is known whole has 32 digits.
    pub struct ThreadSignals {
        /// Process id.
        pub pid: Pid,
        /// Thread id.
        pub tid: Tid,
        /// What waits for this thread alone (`SigPnd`); null if not recorded.
        pub pending: Option<SignalSet>,
        /// What waits for the process, whichever thread takes it (`ShdPnd`); null if not recorded.
        pub shared_pending: Option<SignalSet>,
        /// What the thread blocks (`SigBlk`), but for the mask of a call such as `sigsuspend` that it is in, which CRIU
        /// does not record; null if not recorded.
        pub blocked: Option<SignalSet>,
        /// What the process ignores (`SigIgn`); null if not recorded.
        pub ignored: Option<SignalSet>,
        /// What the process has handlers for (`SigCgt`); null if not recorded.
        pub caught: Option<SignalSet>,
        /// Where the alternate stack of the thread begins; null if it has none.
        pub altstack_start: Option<Address>,
        /// Its bytes; null if there is none.
        pub altstack_size: Option<u64>,
        /// `SS_DISABLE` if there is none, `SS_ONSTACK` while a handler runs on it, `SS_AUTODISARM`; null if not recorded.
        pub altstack_flags: Option<Vec<Cow<'static, str>>>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = ThreadSignals> + '_ {
    let signals = checkpoint.signals();
    super::living(checkpoint).flat_map(move |process| {
        let of_process = signals.of(process);
        super::threads_of(process).map(move |thread| row(process, thread, of_process))
    })
}

fn row(process: &Process, thread: &Thread, signals: Option<&OfProcess>) -> ThreadSignals {
    const DISABLED: u32 = 2;
    let stack = thread.own().and_then(|own| own.sas.as_ref());
    let usable = stack.filter(|stack| stack.ss_flags() & DISABLED == 0);
    ThreadSignals {
        pid: process.pid(),
        tid: thread.tid,
        pending: signals.and_then(|signals| Some(signals.set_of(signals.of_thread(thread.tid)?))),
        shared_pending: signals.and_then(|signals| Some(signals.set_of(signals.shared.as_ref()?))),
        blocked: thread.signals_blocked().map(|low| SignalSet { low, high: thread.signals_blocked_above() }),
        ignored: signals.and_then(OfProcess::ignored),
        caught: signals.and_then(OfProcess::caught),
        altstack_start: usable.map(|stack| Address(stack.ss_sp())),
        altstack_size: usable.map(ThreadSasEntry::ss_size),
        altstack_flags: stack.map(|stack| abi::names_of(stack.ss_flags().into(), abi::signal::STACK_FLAGS)),
    }
}
