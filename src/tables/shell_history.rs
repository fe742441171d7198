//! Table `shell_history`.

use bstr::BString;
use jiff::Timestamp;

use super::table::table;
use crate::Checkpoint;
use crate::int::u64_of;
use crate::memory::is_shell;
use crate::model::ids::{Address, Pid};

table! {
    "shell_history", key(pid, position), brief(pid, position, time, command),
    event(Event::happened(&["process"], "shell-line", "time").under("history"));
    /// Lines that were typed in the shells of the container, from the memory of the shells: also those that never reached a
    /// history file. Shells that run a script keep none. What a shell read from its history file at start is here, too. By pid,
    /// in the shell's order.
    pub struct ShellHistory {
        /// Process id of the shell.
        pub pid: Pid,
        /// Position, from 0.
        pub position: u64,
        /// When the line was typed or, without a time in the history file, read from it. Null if the shell does not keep that
        /// (busybox).
        #[to(moment("Command Typed"))]
        pub time: Option<Timestamp>,
        /// The line.
        #[to(ecs("process.command_line"), ocsf("process.cmd_line"))]
        pub command: BString,
        /// Address of the line in the memory of the shell.
        pub address: Address,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = ShellHistory> + '_ {
    let shells = super::living(checkpoint).filter(move |process| process.name().is_some_and(is_shell));
    shells.flat_map(move |process| {
        let space = checkpoint.judged_memory().space(process, checkpoint.model());
        let is_32_bit = process.arch().is_some_and(crate::abi::arch::Arch::is_32_bit);
        let lines = space.map(|space| space.typed_lines(is_32_bit)).unwrap_or_default();
        let pid = process.pid();
        lines.into_iter().enumerate().map(move |(position, typed)| ShellHistory {
            pid,
            position: u64_of(position),
            time: typed.time.and_then(|seconds| Timestamp::from_second(seconds).ok()),
            command: typed.line.into(),
            address: Address(typed.address),
        })
    })
}
