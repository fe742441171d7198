//! Resource limits of processes.

use std::collections::HashMap;

use super::ids::Pid;
use super::process::Process;
use super::{EngineFiles, Model};
use crate::images::proto::RlimitEntry;
use crate::images::{Images, Kind};

/// The limits of all processes.
#[derive(Debug, Default)]
pub struct ResourceLimits(HashMap<Pid, Vec<RlimitEntry>>);

impl ResourceLimits {
    /// The limits of a living process, in the order of the kernel's numbers.
    pub fn of(&self, process: &Process) -> &[RlimitEntry] {
        self.0.get(&process.pid()).map_or(&[], Vec::as_slice)
    }
}

/// Reads the limits of all living processes. CRIU before 1.3 wrote them to an image of their own.
pub(crate) fn read(images: Images<'_>, model: &Model, _: &EngineFiles<'_>) -> ResourceLimits {
    let living = model.processes().iter().filter(|process| !process.is_zombie());
    let of = |process: &Process| match process.task().and_then(|task| task.rlimits.as_ref()) {
        Some(recorded) => recorded.rlimits.clone(),
        None => images.all(Kind::Rlimit, process.pid().0.into()),
    };
    ResourceLimits(living.map(|process| (process.pid(), of(process))).collect())
}
