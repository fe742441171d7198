//! `/proc/PID/timers`: POSIX timers.

use super::Task;
use crate::images::Kind;
use crate::images::proto::PosixTimerEntry;

/// `SIGEV_THREAD_ID`: the signal goes to one thread.
const TO_THREAD: u32 = 4;

pub(super) fn write(task: &Task<'_>) -> Option<Vec<u8>> {
    let timers = recorded(task)?;
    let pid = task.process.pid().0;
    // The kernel prints the newest timer first. CRIU reverses the list.
    Some(timers.iter().rev().map(|timer| entry(timer, pid)).collect::<String>().into_bytes())
}

/// Source: the kernel's `fs/proc/base.c`, `show_timer`.
fn entry(timer: &PosixTimerEntry, pid: u32) -> String {
    let notify = timer.it_sigev_notify();
    let how = match notify & !TO_THREAD {
        0 => "signal",
        1 => "none",
        2 => "thread",
        _ => "unknown",
    };
    let whom = match timer.notify_thread_id {
        Some(tid) if notify & TO_THREAD != 0 => format!("tid.{tid}"),
        // CRIU before 3.16 does not store the thread.
        None if notify & TO_THREAD != 0 => "tid.0".to_owned(),
        _ => format!("pid.{pid}"),
    };
    format!(
        "ID: {}\nsignal: {}/{:016x}\nnotify: {how}/{whom}\nClockID: {}\n",
        timer.it_id(),
        timer.si_signo(),
        timer.sival_ptr(),
        timer.clock_id().cast_signed(),
    )
}

/// The timers of a process that has not ended. CRIU before 1.3 had an image for them.
fn recorded(task: &Task<'_>) -> Option<Vec<PosixTimerEntry>> {
    if let Some(timers) = &task.alive()?.timers {
        return Some(timers.posix.clone());
    }
    let (images, pid) = (task.images(), task.process.pid().0.into());
    images.has(Kind::PosixTimers, pid).then(|| images.all(Kind::PosixTimers, pid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_print_as_the_kernel_prints_them() {
        let timer = PosixTimerEntry {
            it_id: Some(2),
            clock_id: Some((-6_i32).cast_unsigned()),
            si_signo: Some(10),
            it_sigev_notify: Some(4),
            sival_ptr: Some(0x4d),
            notify_thread_id: Some(6),
            ..Default::default()
        };
        let text = "ID: 2\nsignal: 10/000000000000004d\nnotify: signal/tid.6\nClockID: -6\n";
        assert_eq!(entry(&timer, 1), text);
    }
}
