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
    /// Signals of the living threads, by pid and tid: the masks, as `/proc/PID/task/TID/status` prints them, and the
    /// alternate stack for handlers. Waiting signals are in `pending_signals`, actions in `signal_actions`. Each bit is
    /// a signal; the lowest is signal 1. On mips, which has 128 signals, a completely known mask has 32 digits.
    pub struct ThreadSignals {
        /// Process id.
        pub pid: Pid,
        /// Thread id.
        pub tid: Tid,
        /// Signals waiting for this thread alone (`SigPnd`). Null if not recorded.
        pub pending: Option<SignalSet>,
        /// Signals waiting for the process, which any thread may take (`ShdPnd`). Null if not recorded.
        pub shared_pending: Option<SignalSet>,
        /// Signals that the thread blocks (`SigBlk`). The mask of a call in progress, such as `sigsuspend`, is not
        /// recorded. Null if not recorded.
        pub blocked: Option<SignalSet>,
        /// Signals that the process ignores (`SigIgn`). Null if not recorded.
        pub ignored: Option<SignalSet>,
        /// Signals for which the process has handlers (`SigCgt`). Null if not recorded.
        pub caught: Option<SignalSet>,
        /// Start address of the thread's alternate stack. Null if it has none.
        pub altstack_start: Option<Address>,
        /// Size of the alternate stack in bytes. Null if there is none.
        pub altstack_size: Option<u64>,
        /// Flags of the alternate stack: `SS_DISABLE` if there is none, `SS_ONSTACK` while a handler runs on it,
        /// `SS_AUTODISARM`. Null if not recorded.
        pub altstack_flags: Option<Vec<Cow<'static, str>>>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = ThreadSignals> + '_ {
    let signals = checkpoint.signals();
    super::living(checkpoint).flat_map(move |process| {
        let signals = signals.of(process);
        let shared = Shared {
            pending: signals.and_then(|signals| Some(signals.set_of(signals.shared.as_ref()?))),
            ignored: signals.and_then(OfProcess::ignored),
            caught: signals.and_then(OfProcess::caught),
        };
        super::threads_of(process).map(move |thread| row(process, thread, signals, shared))
    })
}

/// What all threads of a process have in common.
#[derive(Clone, Copy)]
struct Shared {
    pending: Option<SignalSet>,
    ignored: Option<SignalSet>,
    caught: Option<SignalSet>,
}

fn row(process: &Process, thread: &Thread, signals: Option<&OfProcess>, shared: Shared) -> ThreadSignals {
    const DISABLED: u32 = 2;
    let stack = thread.own().and_then(|own| own.sas.as_ref());
    let usable = stack.filter(|stack| stack.ss_flags() & DISABLED == 0);
    ThreadSignals {
        pid: process.pid(),
        tid: thread.tid,
        pending: signals.and_then(|signals| Some(signals.set_of(signals.of_thread(thread.tid)?))),
        shared_pending: shared.pending,
        blocked: thread.signals_blocked().map(|low| SignalSet { low, high: thread.signals_blocked_above() }),
        ignored: shared.ignored,
        caught: shared.caught,
        altstack_start: usable.map(|stack| Address(stack.ss_sp())),
        altstack_size: usable.map(ThreadSasEntry::ss_size),
        altstack_flags: stack.map(|stack| abi::names_of(stack.ss_flags().into(), abi::signal::STACK_FLAGS)),
    }
}
