//! Timers of processes: those of `setitimer` and of `timer_create`.

use std::collections::HashMap;

use super::ids::Pid;
use super::process::Process;
use super::{EngineFiles, Model};
use crate::images::proto::{ItimerEntry, PosixTimerEntry, TaskTimersEntry};
use crate::images::{Images, Kind};

/// The timers of all processes.
#[derive(Debug, Default)]
pub struct Timers(HashMap<Pid, TaskTimersEntry>);

impl Timers {
    /// The timers of a living process.
    pub fn of(&self, process: &Process) -> Option<&TaskTimersEntry> {
        self.0.get(&process.pid())
    }
}

/// Reads the timers of all living processes.
pub(crate) fn read(images: Images<'_>, model: &Model, _: &EngineFiles<'_>) -> Timers {
    let living = model.processes().iter().filter(|process| !process.is_zombie());
    let of = |process: &Process| {
        let recorded = process.task().and_then(|task| task.timers.clone());
        recorded.or_else(|| old(images, process.pid().0.into()))
    };
    Timers(living.filter_map(|process| Some((process.pid(), of(process)?))).collect())
}

/// Reads the two images that CRIU before 1.3 wrote.
fn old(images: Images<'_>, pid: u64) -> Option<TaskTimersEntry> {
    if !images.has(Kind::Itimers, pid) && !images.has(Kind::PosixTimers, pid) {
        return None;
    }
    let mut interval = images.all::<ItimerEntry>(Kind::Itimers, pid).into_iter();
    Some(TaskTimersEntry {
        real: interval.next(),
        virt: interval.next(),
        prof: interval.next(),
        posix: images.all::<PosixTimerEntry>(Kind::PosixTimers, pid),
    })
}
