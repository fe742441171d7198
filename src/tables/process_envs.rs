//! Table `process_envs`.

use bstr::{BString, ByteSlice};

use super::table::table;
use crate::Checkpoint;
use crate::int::u64_of;
use crate::model::ids::Pid;
use crate::model::process::Process;

table! {
    "process_envs", key(pid, position), brief(pid, position, key, value),
    event(Event::state(&["process"], "environment").about(Subject::Process).under("env").secret(&["value"]).nameless("key", "value"));
    /// Environments, as `/proc/PID/environ` prints them: in memory order, with duplicates and with whatever processes
    /// wrote over them. Variables that a program set later are in its heap, not here.
    pub struct ProcessEnv {
        /// Process id.
        pub pid: Pid,
        /// Position in the environment, from 0. Empty entries count but are not shown.
        pub position: u64,
        /// Text before the first `=`. If there is no `=`, the whole entry, which may be the rest of an overwritten
        /// value.
        pub key: BString,
        /// Text after the first `=`. Null if there is no `=`.
        pub value: Option<BString>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = ProcessEnv> + '_ {
    checkpoint.model().processes().iter().flat_map(move |process| of_process(checkpoint, process))
}

pub(super) fn of_process(checkpoint: &Checkpoint, process: &Process) -> Vec<ProcessEnv> {
    let Some(space) = checkpoint.kept_memory().space(process, checkpoint.model()) else { return Vec::new() };
    let text = space.environ(checkpoint.limits().argument_bytes);
    let entries = text.pieces().into_iter().enumerate().filter(|(_, entry)| !entry.is_empty());
    entries
        .map(|(position, entry)| {
            let (key, value) = match entry.split_once_str("=") {
                Some((key, value)) => (key, Some(value)),
                None => (entry, None),
            };
            ProcessEnv {
                pid: process.pid(),
                position: u64_of(position),
                key: key.into(),
                value: value.map(BString::from),
            }
        })
        .collect()
}
