//! `/proc/PID/stat`: one line of numbers. Unknown numbers are 0, as the kernel itself prints 0 for readers without
//! permission.

use super::{Task, signals, text};
use crate::images::proto::{MmEntry, TaskCoreEntry, ThreadCoreEntry};
use crate::model::process::{State, Thread};
use crate::model::pstree::Parent;

/// Only the first 31 signals fit.
const OLD_SIGNALS: u64 = 0x7fff_ffff;

/// Source: the kernel's `fs/proc/array.c`, `do_task_stat`.
pub(super) fn write(task: &Task<'_>, thread: &Thread) -> Option<Vec<u8>> {
    let process = task.process;
    let name = thread.name()?;
    let mm = process.mm.as_ref();
    let layout = |field: fn(&MmEntry) -> u64| mm.map_or(0, |mm| field(&mm.entry));
    let own = thread.own();
    let actions = signals::actions(task);
    let (terminal, foreground) = task.common.terminal_of(process.node.sid);
    let state = match process.state()? {
        State::Alive => '?',
        State::Stopped => 'T',
        State::Zombie => 'Z',
    };
    let parent = match process.node.parent {
        Parent::Process(pid) => pid.0,
        Parent::Outside | Parent::Unknown => 0,
    };
    let pending = signals::private(task, thread).unwrap_or(0) | signals::shared(task).unwrap_or(0);
    let resident = super::limits::resident(task).unwrap_or(0);
    let size = task.sizes().map_or(0, |sizes| sizes.total);
    let mask = |mask: u64| i128::from(mask & OLD_SIGNALS);
    let fields: [i128; 49] = [
        parent.into(),
        process.node.pgid.unwrap_or(0).into(),
        process.node.sid.unwrap_or(0).into(),
        terminal.into(),
        foreground.into(),
        process.task().map_or(0, TaskCoreEntry::flags).into(),
        // minflt, cminflt, majflt, cmajflt, utime, stime, cutime, cstime.
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        thread.priority().unwrap_or(0).into(),
        own.map_or(0, ThreadCoreEntry::sched_nice).into(),
        crate::int::u64_of(process.threads.len()).into(),
        // itrealvalue, starttime.
        0,
        0,
        size.into(),
        // rss.
        0,
        resident.into(),
        layout(MmEntry::mm_start_code).into(),
        layout(MmEntry::mm_end_code).into(),
        layout(MmEntry::mm_start_stack).into(),
        // kstkesp, kstkeip: the kernel prints them only for tasks that are exiting.
        0,
        0,
        mask(pending),
        mask(thread.signals_blocked().unwrap_or(0)),
        mask(actions.as_ref().map_or(0, |actions| actions.ignored)),
        mask(actions.as_ref().map_or(0, |actions| actions.caught)),
        // wchan, nswap, cnswap, exit_signal, processor.
        0,
        0,
        0,
        0,
        0,
        own.map_or(0, ThreadCoreEntry::sched_prio).into(),
        own.map_or(0, |own| own.sched_policy() & 0xffff).into(),
        // delayacct_blkio_ticks, guest_time, cguest_time.
        0,
        0,
        0,
        layout(MmEntry::mm_start_data).into(),
        layout(MmEntry::mm_end_data).into(),
        layout(MmEntry::mm_start_brk).into(),
        layout(MmEntry::mm_arg_start).into(),
        layout(MmEntry::mm_arg_end).into(),
        layout(MmEntry::mm_env_start).into(),
        layout(MmEntry::mm_env_end).into(),
        process.task().filter(|_| process.is_zombie()).map_or(0, TaskCoreEntry::exit_code).into(),
    ];
    let mut line = format!("{} (", thread.tid).into_bytes();
    line.extend_from_slice(&text::task_name(name));
    line.extend_from_slice(format!(") {state}").as_bytes());
    for field in fields {
        line.extend_from_slice(format!(" {field}").as_bytes());
    }
    line.push(b'\n');
    Some(line)
}
