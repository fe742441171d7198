//! Table `timers`.

use std::borrow::Cow;
use std::time::Duration;

use jiff::Timestamp;

use super::table::table;
use crate::Checkpoint;
use crate::abi;
use crate::abi::arch::Arch;
use crate::abi::clock::Clock;
use crate::images::ByteOrder;
use crate::images::proto::{ItimerEntry, PosixTimerEntry};
use crate::model::file::File;
use crate::model::ids::{Address, Fd, Pid, Tid};
use crate::model::process::Process;
use crate::model::siginfo::Value;

table! {
    "timers", key(pid, kind, id, fd), brief(pid, kind, id, fd, clock, left_ns, signal);
    /// Timers of the living processes, by pid: those of `setitimer` (`real`, `virtual`, `prof`; no row if not set), of
    /// `timer_create` (`posix`) by id, and of `timerfd_create` (`timerfd`) by descriptor. Times are in nanoseconds.
    pub struct Timer {
        /// Process id.
        pub pid: Pid,
        /// Kind of timer: `real`, `virtual`, `prof`, `posix` or `timerfd`.
        pub kind: &'static str,
        /// Id that `timer_create` returned, for `posix`. Null for other kinds.
        pub id: Option<u32>,
        /// Descriptor, for `timerfd`. Null for other kinds.
        pub fd: Option<Fd>,
        /// Clock of the timer, for example `CLOCK_MONOTONIC`. `CPUCLOCK_VIRT` is the time that a process spends in its
        /// own code; `CPUCLOCK_PROF` adds the kernel's work for it. `CPUCLOCK_PERTHREAD` follows if the clock is that
        /// of a thread. `device` is a clock that the process opened as a file.
        pub clock: Cow<'static, str>,
        /// Process or thread whose processor time the timer counts. Null if it is the timer's own, or if the clock is
        /// of another kind.
        pub clock_pid: Option<u32>,
        /// Descriptor of the clock, if `clock` is `device`.
        pub clock_fd: Option<u32>,
        /// Whether the timer was going to expire.
        pub armed: bool,
        /// Nanoseconds until the timer expires; 0 if it is not armed.
        pub left_ns: u64,
        /// Nanoseconds between expirations; 0 if the timer expires once.
        pub interval_ns: u64,
        /// When the timer was going to expire: `container.checkpointed` plus `left_ns`, to the second. Null if it is
        /// not armed, if it counts processor time, or if the time of the checkpoint is unknown.
        #[to(moment("Timer Expiration"))]
        pub expires: Option<Timestamp>,
        /// Signal that the timer sends. Null if it sends none.
        pub signal: Option<Cow<'static, str>>,
        /// How a `posix` timer reports that it expired: `signal`, `none`, `thread` or `thread_id` (a signal to one
        /// thread).
        pub notify: Option<Cow<'static, str>>,
        /// Thread that gets the signal of a `posix` timer, if it is for one thread. Null if CRIU before 3.16 did not
        /// record it.
        pub tid: Option<Tid>,
        /// Value that comes with the signal of a `posix` timer, as a number.
        pub value: Option<i32>,
        /// The same value as a pointer.
        pub pointer: Option<Address>,
        /// How often a `posix` timer expired while its signal was still waiting.
        pub overrun: Option<u32>,
        /// How often a `timerfd` expired without being read.
        pub ticks: Option<u64>,
        /// Flags that a `timerfd` was set with: `TFD_TIMER_ABSTIME`, `TFD_TIMER_CANCEL_ON_SET`.
        pub settime_flags: Option<Vec<Cow<'static, str>>>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = Timer> + '_ {
    super::living(checkpoint).flat_map(|process| of_process(checkpoint, process))
}

fn of_process(checkpoint: &Checkpoint, process: &Process) -> Vec<Timer> {
    let model = checkpoint.model();
    let pid = process.pid();
    let checkpointed = model.container().checkpointed.ok().map(|(time, _)| time);
    let mut rows = Vec::new();
    if let Some(timers) = checkpoint.timers().of(process) {
        let of_interval = [
            ("real", Clock::MONOTONIC, "SIGALRM", timers.real),
            ("virtual", Clock::VIRTUAL, "SIGVTALRM", timers.virt),
            ("prof", Clock::PROFILE, "SIGPROF", timers.prof),
        ];
        for (kind, clock, signal, entry) in of_interval {
            let Some(entry) = entry.filter(is_set) else { continue };
            let left = nanoseconds(entry.vsec(), entry.vusec().saturating_mul(1000));
            let interval = nanoseconds(entry.isec(), entry.iusec().saturating_mul(1000));
            let timer = timer(pid, kind, clock, left, interval, checkpointed);
            rows.push(Timer { signal: Some(Cow::Borrowed(signal)), ..timer });
        }
        let mut posix: Vec<&PosixTimerEntry> = timers.posix.iter().collect();
        posix.sort_by_key(|entry| entry.it_id());
        for entry in posix {
            let left = nanoseconds(entry.vsec(), entry.vnsec());
            let interval = nanoseconds(entry.isec(), entry.insec());
            let timer = timer(pid, "posix", entry.clock_id(), left, interval, checkpointed);
            rows.push(posix_timer(timer, entry, process.arch(), model.byte_order()));
        }
    }
    for descriptor in model.descriptors().of(process) {
        let file = descriptor.fd_type.and_then(|fd_type| model.files().get(fd_type, descriptor.file));
        if let Some(File::Timerfd(entry)) = file {
            let left = nanoseconds(entry.vsec(), entry.vnsec());
            let interval = nanoseconds(entry.isec(), entry.insec());
            let timer = timer(pid, "timerfd", entry.clockid(), left, interval, checkpointed);
            rows.push(Timer {
                fd: Some(descriptor.fd),
                ticks: entry.ticks,
                settime_flags: entry.settime_flags.map(|flags| abi::names_of(flags.into(), abi::clock::SETTIME)),
                ..timer
            });
        }
    }
    rows
}

/// Every process has the three timers of `setitimer`; most never set any.
fn is_set(entry: &ItimerEntry) -> bool {
    [entry.isec(), entry.iusec(), entry.vsec(), entry.vusec()].iter().any(|&part| part != 0)
}

fn nanoseconds(seconds: u64, more: u64) -> u64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(more)
}

/// The columns that timers of all kinds have.
fn timer(
    pid: Pid,
    kind: &'static str,
    clock: u32,
    left_ns: u64,
    interval_ns: u64,
    checkpointed: Option<Timestamp>,
) -> Timer {
    let clock = Clock::from_id(clock);
    let armed = left_ns != 0;
    let counts = armed && clock.is_wall;
    Timer {
        pid,
        kind,
        id: None,
        fd: None,
        clock: clock.name,
        clock_pid: clock.of,
        clock_fd: clock.fd,
        armed,
        left_ns,
        interval_ns,
        expires: checkpointed.filter(|_| counts).and_then(|time| expiry(time, left_ns)),
        signal: None,
        notify: None,
        tid: None,
        value: None,
        pointer: None,
        overrun: None,
        ticks: None,
        settime_flags: None,
    }
}

/// The time of the checkpoint is known only to the second.
fn expiry(checkpointed: Timestamp, left_ns: u64) -> Option<Timestamp> {
    let expires = checkpointed.checked_add(Duration::from_nanos(left_ns)).ok()?;
    Timestamp::from_second(expires.as_second()).ok()
}

fn posix_timer(timer: Timer, entry: &PosixTimerEntry, arch: Option<Arch>, order: ByteOrder) -> Timer {
    /// `SIGEV_NONE`: no notification.
    const NONE: u32 = 1;
    let value = entry.sival_ptr.map(|pointer| Value::from_pointer(pointer, order));
    let signal = entry.si_signo.filter(|_| entry.it_sigev_notify() != NONE);
    Timer {
        id: entry.it_id,
        signal: signal.map(|number| abi::signal::name(number, arch)),
        notify: entry.it_sigev_notify.map(abi::signal::notification),
        tid: entry.notify_thread_id.map(|tid| Tid(tid.cast_unsigned())).filter(|tid| tid.0 != 0),
        value: value.map(|value| value.number),
        pointer: value.map(|value| value.pointer),
        overrun: entry.overrun,
        ..timer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_that_cannot_be_told_is_null() {
        let at = |left| {
            let timer = timer(Pid(1), "real", Clock::MONOTONIC, left, 0, Some(Timestamp::UNIX_EPOCH));
            timer.expires.map(Timestamp::as_second)
        };
        assert_eq!((at(0), at(60_000_000_000)), (None, Some(60)));
        assert_eq!(at(u64::MAX), Some(18_446_744_073), "584 years");
        assert_eq!(timer(Pid(1), "virtual", Clock::VIRTUAL, 1, 0, Some(Timestamp::UNIX_EPOCH)).expires, None);
        let latest = timer(Pid(1), "real", Clock::MONOTONIC, 1, 0, Some(Timestamp::MAX));
        assert_eq!((latest.armed, latest.expires), (true, None));
        assert_eq!(nanoseconds(u64::MAX, u64::MAX), u64::MAX);
    }

    #[test]
    fn a_timer_that_tells_nobody_has_no_signal() {
        let entry = |notify| PosixTimerEntry {
            si_signo: Some(39),
            it_sigev_notify: Some(notify),
            sival_ptr: Some(77),
            notify_thread_id: Some(0),
            ..PosixTimerEntry::default()
        };
        let of = |notify| posix_timer(timer(Pid(1), "posix", 0, 0, 0, None), &entry(notify), None, ByteOrder::Little);
        assert_eq!((of(0).signal.as_deref(), of(1).signal), (Some("SIGRTMIN+5"), None));
        assert_eq!((of(4).notify.as_deref(), of(4).tid, of(4).value), (Some("thread_id"), None, Some(77)));
    }
}
