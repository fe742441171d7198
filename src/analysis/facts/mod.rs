//! Facts that rules look at: the rows of tables and the model, with the indexes that rules share. Each part is made on
//! first use, and once for all rules.

mod container;
mod files;
mod invocation;
mod network;
mod origin;
mod process;
mod stdio;

use std::cell::OnceCell;
use std::collections::HashMap;

use bstr::{BStr, ByteSlice};

pub use self::container::SpecFacts;
pub use self::files::{ChangedFile, FileFacts, Place};
pub use self::invocation::Invocation;
pub use self::network::SocketFacts;
pub use self::origin::is_starter;
pub use self::process::{ProcessFacts, Program};
pub use self::stdio::{Behind, Channel, Direction, Relay, StdioFacts, destination, is_connection, path_of, remote};
use super::plan::Hits;
use crate::Checkpoint;
use crate::archive::MemberKind;
use crate::memory::AddressSpace;
use crate::model::Model;
use crate::model::ids::Pid;

/// What rules look at.
pub struct Facts<'c> {
    checkpoint: &'c Checkpoint,
    processes: Vec<ProcessFacts<'c>>,
    by_pid: HashMap<Pid, usize>,
    sockets: OnceCell<SocketFacts>,
    files: OnceCell<FileFacts<'c>>,
    spec: OnceCell<SpecFacts>,
    members: OnceCell<HashMap<&'c BStr, u64>>,
    hits: OnceCell<Hits>,
    stdio: OnceCell<StdioFacts>,
}

impl std::fmt::Debug for Facts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Facts").field("processes", &self.processes.len()).finish_non_exhaustive()
    }
}

impl<'c> Facts<'c> {
    pub(super) fn new(checkpoint: &'c Checkpoint) -> Self {
        let processes = process::read(checkpoint);
        let by_pid = processes.iter().enumerate().map(|(place, process)| (process.pid(), place)).collect();
        Facts {
            checkpoint,
            processes,
            by_pid,
            sockets: OnceCell::new(),
            files: OnceCell::new(),
            spec: OnceCell::new(),
            members: OnceCell::new(),
            hits: OnceCell::new(),
            stdio: OnceCell::new(),
        }
    }

    /// The checkpoint.
    pub fn checkpoint(&self) -> &'c Checkpoint {
        self.checkpoint
    }

    /// The model.
    pub fn model(&self) -> &'c Model {
        self.checkpoint.model()
    }

    /// All processes in tree order, zombies too.
    pub fn processes(&self) -> &[ProcessFacts<'c>] {
        &self.processes
    }

    /// The processes that are not zombies.
    pub fn living(&self) -> impl Iterator<Item = &ProcessFacts<'c>> {
        self.processes.iter().filter(|process| !process.is_zombie())
    }

    /// The process with a pid.
    pub fn process(&self, pid: Pid) -> Option<&ProcessFacts<'c>> {
        self.processes.get(*self.by_pid.get(&pid)?)
    }

    /// The parent of a process, if it is in the archive.
    pub fn parent(&self, process: &ProcessFacts<'_>) -> Option<&ProcessFacts<'c>> {
        self.process(Pid(process.row.parent?)).filter(|parent| parent.pid() != process.pid())
    }

    /// The ancestors of a process, the nearest first.
    pub fn ancestors(&self, process: &ProcessFacts<'_>) -> impl Iterator<Item = &ProcessFacts<'c>> {
        // A forged tree may be a circle.
        let mut left = self.processes.len();
        let mut next = self.parent(process);
        std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            let here = next?;
            next = self.parent(here);
            Some(here)
        })
    }

    /// The first process of the container.
    pub fn init(&self) -> Option<&ProcessFacts<'c>> {
        self.processes.first()
    }

    /// The sockets of all processes.
    pub fn sockets(&self) -> &SocketFacts {
        self.sockets.get_or_init(|| SocketFacts::read(self.checkpoint))
    }

    /// Changed, deleted and recovered files, and where a path is.
    pub fn files(&self) -> &FileFacts<'c> {
        self.files.get_or_init(|| FileFacts::read(self.checkpoint))
    }

    /// The specification of the container.
    pub fn spec(&self) -> &SpecFacts {
        self.spec.get_or_init(|| SpecFacts::read(self.checkpoint))
    }

    /// The memory of a process, with the regions that rules declared. `None` for zombies, and if its layout is missing.
    pub fn space(&self, pid: Pid) -> Option<AddressSpace<'c>> {
        self.checkpoint.judged_memory().space(self.process(pid)?.task, self.model())
    }

    /// Where the patterns of all rules were found in memory.
    pub fn hits(&self) -> &Hits {
        self.hits.get_or_init(|| Hits::search(self.checkpoint))
    }

    /// The ends of pipes and terminals.
    pub fn stdio(&self) -> &StdioFacts {
        self.stdio.get_or_init(|| StdioFacts::read(self.checkpoint))
    }

    /// Offset in the inflated tar of a byte of a member. `None` for directories and nested archives.
    pub fn archive_offset(&self, member: &[u8], offset: u64) -> Option<u64> {
        let members = self.members.get_or_init(|| {
            let archive = self.checkpoint.archive();
            let files = archive.members().iter().filter(|member| member.kind == MemberKind::File);
            files.filter_map(|member| Some((member.path.as_bstr(), archive.data_offset(member)?))).collect()
        });
        members.get(member.as_bstr())?.checked_add(offset)
    }
}

/// Removes the mark of a deleted file that the kernel appends to paths.
pub(super) fn without_deleted(path: &[u8]) -> (&[u8], bool) {
    match path.strip_suffix(b" (deleted)") {
        Some(path) => (path, true),
        None => (path, false),
    }
}

/// The last part of a path.
pub(in crate::analysis) fn base(path: &[u8]) -> &[u8] {
    path.rsplit(|&byte| byte == b'/').next().unwrap_or(path)
}
