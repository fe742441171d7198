//! Sets of signals, as printed in `status` and `stat`.

use super::Task;
use crate::abi::signal::bit;
use crate::images::Kind;
use crate::images::proto::{SaEntry, SiginfoEntry};
use crate::model::process::{Thread, pending};

/// Signals that have a handler, and signals that are ignored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Actions {
    pub(super) ignored: u64,
    pub(super) caught: u64,
}

/// The signal actions of a process. `None` if they were not stored. CRIU before 3.1 had an image for them.
pub(super) fn actions(task: &Task<'_>) -> Option<Actions> {
    *task.known.actions.get_or_init(|| read_actions(task))
}

fn read_actions(task: &Task<'_>) -> Option<Actions> {
    const IGNORE: u64 = 1;
    let alive = task.alive()?;
    let (images, pid) = (task.images(), task.process.pid().0.into());
    let recorded: Vec<SaEntry> = if alive.sigactions.is_empty() && images.has(Kind::Sigacts, pid) {
        images.all(Kind::Sigacts, pid)
    } else {
        alive.sigactions.clone()
    };
    let mut actions = Actions { ignored: 0, caught: 0 };
    // SIGKILL and SIGSTOP cannot be handled and are not in the list.
    for (signal, action) in (1..=64).filter(|signal| !matches!(signal, 9 | 19)).zip(&recorded) {
        match action.sigaction() {
            0 => {}
            IGNORE => actions.ignored |= bit(signal),
            _ => actions.caught |= bit(signal),
        }
    }
    (!recorded.is_empty()).then_some(actions)
}

/// Signals pending for the whole process.
pub(super) fn shared(task: &Task<'_>) -> Option<u64> {
    *task.known.pending.get_or_init(|| read_shared(task))
}

fn read_shared(task: &Task<'_>) -> Option<u64> {
    if let Some(queue) = &task.alive()?.signals_s {
        return Some(pending(&queue.signals));
    }
    of_image(task, Kind::SignalShared, task.process.pid().0)
}

/// Signals pending for a single thread.
pub(super) fn private(task: &Task<'_>, thread: &Thread) -> Option<u64> {
    thread.signals_pending().or_else(|| of_image(task, Kind::SignalPrivate, thread.tid.0))
}

/// CRIU before 1.3 had images for them.
fn of_image(task: &Task<'_>, kind: Kind, number: u32) -> Option<u64> {
    let (images, number) = (task.images(), number.into());
    images.has(kind, number).then(|| pending(&images.all::<SiginfoEntry>(kind, number)))
}
