//! Table `pending_signals`.

use std::borrow::Cow;

use data_encoding::HEXLOWER;

use super::table::table;
use crate::Checkpoint;
use crate::abi;
use crate::model::ids::{Address, Pid, Tid};
use crate::model::process::Process;
use crate::model::siginfo::Siginfo;

table! {
    "pending_signals", key(pid, tid, position), brief(pid, tid, signal, code, sender_pid, sender_uid, value, address, fd);
    /// Signals that were sent but not yet delivered: by pid, those of the process before those of its threads, in the
    /// order of their queue. Columns that do not apply to the kind of signal are null.
    pub struct PendingSignal {
        /// Process id.
        pub pid: Pid,
        /// Thread that the signal is for. Null if any thread of the process can take it.
        pub tid: Option<Tid>,
        /// Position in the queue, from 0.
        pub position: u64,
        /// Name of the signal, for example `SIGTERM`, or its number if it has no name. Null if its record is truncated.
        pub signal: Option<Cow<'static, str>>,
        /// Number of the signal.
        pub number: Option<u32>,
        /// Why the signal was sent: `SI_USER` (`kill`), `SI_QUEUE` (with a value), `SI_TKILL` (to a thread),
        /// `SI_TIMER`, `SEGV_MAPERR`, `CLD_EXITED`, …, or a number without a name. Only the kernel can send codes above
        /// 0, except `SI_USER`.
        pub code: Option<Cow<'static, str>>,
        /// Error number that came with the signal; nearly always 0.
        pub errno: Option<i32>,
        /// Process id of the sender, as the receiver sees it; 0 for the kernel or for a process outside the container.
        /// With `SI_QUEUE` and other codes below 0, except `SI_TKILL`, the sender itself wrote pid and uid.
        pub sender_pid: Option<i32>,
        /// Real user id of the sender, as the receiver sees it.
        pub sender_uid: Option<u32>,
        /// Value that came with the signal, as a number.
        pub value: Option<i32>,
        /// The same value as a pointer. Only sender and receiver know which of the two is meant.
        pub pointer: Option<Address>,
        /// POSIX timer that expired; joins `timers.id`.
        pub timer: Option<i32>,
        /// How many more times that timer expired while the signal was waiting.
        pub overrun: Option<i32>,
        /// Process id of the child that the signal is about (`SIGCHLD`).
        pub child_pid: Option<i32>,
        /// Real user id of the child.
        pub child_uid: Option<u32>,
        /// Exit status of the child, or the signal that ended, stopped or continued it. `code` says which.
        pub status: Option<i32>,
        /// Time that the child spent in its own code, in ticks of 1/100 s.
        pub user_time: Option<u64>,
        /// Time that the kernel spent on behalf of the child, in ticks of 1/100 s.
        pub system_time: Option<u64>,
        /// Faulting address. For `SIGSYS`, the address of the instruction after the system call.
        pub address: Option<Address>,
        /// `BUS_MCEERR_*`: lowest valid bit of the address; 12 means a page of 4096 bytes.
        pub address_bit: Option<u32>,
        /// `SEGV_BNDERR`: lower bound that the address is outside of.
        pub lower_bound: Option<Address>,
        /// `SEGV_BNDERR`: upper bound.
        pub upper_bound: Option<Address>,
        /// `SEGV_PKUERR`: protection key that refused access.
        pub protection_key: Option<u32>,
        /// `TRAP_PERF`: data of the event.
        #[large("a cookie of the program")]
        pub perf_data: Option<u64>,
        /// `SIGIO`: events that the descriptor is ready for, with the names of `poll`.
        pub band: Option<Vec<Cow<'static, str>>>,
        /// `SIGIO`: descriptor; joins `process_open_files`.
        pub fd: Option<i32>,
        /// `SIGSYS`: number of the refused system call.
        pub system_call: Option<i32>,
        /// `SIGSYS`: architecture of that number (`AUDIT_ARCH_*`), in hexadecimal.
        pub audit_arch: Option<String>,
        /// The `siginfo_t` as recorded, in the machine's byte order, in hexadecimal; at most 128 bytes.
        pub hex: String,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = PendingSignal> + '_ {
    let signals = checkpoint.signals();
    super::living(checkpoint).flat_map(move |process| {
        let signals = signals.of(process);
        let shared = signals.and_then(|signals| signals.shared.as_deref()).map(|queue| (None, queue));
        let own = super::threads_of(process)
            .filter_map(move |thread| Some((Some(thread.tid), signals?.of_thread(thread.tid)?)));
        shared.into_iter().chain(own).flat_map(move |(tid, queue)| {
            (0..).zip(queue).map(move |(position, info)| row(process, tid, position, info))
        })
    })
}

fn row(process: &Process, tid: Option<Tid>, position: u64, info: &Siginfo) -> PendingSignal {
    let arch = process.arch();
    // For a SIGCHLD from the kernel, pid and uid are those of the child, which did not send it.
    let (sender, child) =
        if info.status.is_some() { ((None, None), (info.pid, info.uid)) } else { ((info.pid, info.uid), (None, None)) };
    PendingSignal {
        pid: process.pid(),
        tid,
        position,
        signal: info.signal.map(|number| abi::signal::name(number, arch)),
        number: info.signal,
        code: info.signal.zip(info.code).map(|(number, code)| abi::siginfo::code(number, code, arch)),
        errno: info.errno,
        sender_pid: sender.0,
        sender_uid: sender.1,
        value: info.value.map(|value| value.number),
        pointer: info.value.map(|value| value.pointer),
        timer: info.timer,
        overrun: info.overrun,
        child_pid: child.0,
        child_uid: child.1,
        status: info.status,
        user_time: info.user_ticks,
        system_time: info.system_ticks,
        address: info.address,
        address_bit: info.address_bit.map(u32::from),
        lower_bound: info.bounds.map(|(lower, _)| lower),
        upper_bound: info.bounds.map(|(_, upper)| upper),
        protection_key: info.protection_key,
        perf_data: info.perf_data,
        band: info.band.map(|band| abi::names_of(band.cast_unsigned(), abi::events::POLL)),
        fd: info.fd,
        system_call: info.system_call,
        audit_arch: info.audit_arch.map(|arch| format!("{arch:#x}")),
        hex: HEXLOWER.encode(&info.raw),
    }
}
