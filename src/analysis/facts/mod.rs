//! Facts that rules look at: the rows of tables and the model, with the indexes that rules share. Each part is made on
//! first use, and once for all rules.

mod builders;
mod container;
mod declared;
mod files;
mod invocation;
mod kinds;
mod login;
mod network;
mod origin;
mod packages;
mod process;
mod runtime_copy;
mod stdio;
mod uses;

use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::Arc;

use bstr::{BStr, ByteSlice};

pub use self::builders::{Builder, is_built, is_of_python_tempfile, unpack_folder};
pub use self::container::SpecFacts;
pub use self::files::{ChangedFile, Digests, FileFacts, Place};
pub use self::invocation::Invocation;
pub use self::kinds::{Kind, Kinds};
pub use self::network::SocketFacts;
pub use self::origin::is_starter;
pub use self::packages::{Manager, PackageFacts};
pub use self::process::{ProcessFacts, Program};
pub use self::stdio::{Behind, Channel, Direction, Relay, StdioFacts, destination, is_connection, path_of, remote};
pub use self::uses::Uses;
use super::Brought;
use super::hits::{Hits, Search};
use super::root::RootFiles;
use crate::archive::MemberKind;
use crate::memory::AddressSpace;
use crate::model::Model;
use crate::model::ids::Pid;
use crate::{Checkpoint, RootImage};

/// Most ancestors of a process that are looked at. Real trees are a few levels deep.
pub const ANCESTORS: usize = 256;

/// What rules look at.
pub struct Facts<'c> {
    checkpoint: &'c Checkpoint,
    brought: Arc<Brought>,
    search: Option<Arc<Search>>,
    processes: Vec<ProcessFacts<'c>>,
    by_pid: HashMap<Pid, usize>,
    sockets: OnceCell<SocketFacts>,
    files: OnceCell<FileFacts<'c>>,
    spec: OnceCell<SpecFacts>,
    declared: OnceCell<declared::Declared>,
    members: OnceCell<HashMap<&'c BStr, u64>>,
    hits: OnceCell<Arc<Hits>>,
    stdio: OnceCell<StdioFacts>,
    kinds: OnceCell<Kinds>,
    packages: OnceCell<PackageFacts>,
    uses: OnceCell<Uses>,
    root: OnceCell<Option<RootFiles>>,
}

impl std::fmt::Debug for Facts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Facts").field("processes", &self.processes.len()).finish_non_exhaustive()
    }
}

impl<'c> Facts<'c> {
    /// `search` is that of the rules which look for bytes in memory.
    pub(super) fn new(checkpoint: &'c Checkpoint, brought: Arc<Brought>, search: Option<Arc<Search>>) -> Self {
        let processes = process::read(checkpoint);
        let by_pid = processes.iter().enumerate().map(|(place, process)| (process.pid(), place)).collect();
        Facts {
            checkpoint,
            brought,
            search,
            processes,
            by_pid,
            sockets: OnceCell::new(),
            files: OnceCell::new(),
            spec: OnceCell::new(),
            declared: OnceCell::new(),
            members: OnceCell::new(),
            hits: OnceCell::new(),
            stdio: OnceCell::new(),
            kinds: OnceCell::new(),
            packages: OnceCell::new(),
            uses: OnceCell::new(),
            root: OnceCell::new(),
        }
    }

    /// The checkpoint.
    pub fn checkpoint(&self) -> &'c Checkpoint {
        self.checkpoint
    }

    /// The files of the container's image, if the user brought it.
    pub(crate) fn root(&self) -> Option<(&RootFiles, &RootImage)> {
        let image = self.brought.root()?;
        let files = self.root.get_or_init(|| Some(RootFiles::of(self.checkpoint, image)));
        files.as_ref().map(|files| (files, image))
    }

    /// What the user brought.
    pub fn brought(&self) -> &Brought {
        &self.brought
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

    /// The ancestors of a process, the nearest first, at most [`ANCESTORS`].
    pub fn ancestors(&self, process: &ProcessFacts<'_>) -> impl Iterator<Item = &ProcessFacts<'c>> {
        // A forged tree may be a circle, or a chain of all processes.
        let mut left = ANCESTORS;
        let mut next = self.parent(process);
        std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            let here = next?;
            next = self.parent(here);
            Some(here)
        })
    }

    /// Place of a process in the tree's order.
    pub(super) fn place(&self, pid: Pid) -> Option<usize> {
        self.by_pid.get(&pid).copied()
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
        self.files.get_or_init(|| {
            let mut files = FileFacts::read(self.checkpoint);
            if let Some((root, image)) = self.root().filter(|(root, _)| !root.is_other()) {
                files.compare(image, root.is_it());
            }
            files
        })
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
        self.hits.get_or_init(|| match &self.search {
            Some(search) => self.checkpoint.attached(|| Hits::find(self.checkpoint, search)),
            None => Arc::default(),
        })
    }

    /// The ends of pipes and terminals.
    pub fn stdio(&self) -> &StdioFacts {
        self.stdio.get_or_init(|| StdioFacts::read(self.checkpoint))
    }

    /// The memory of a process with the hits of patterns and the bytes around them. `None` before [`hits`](Self::hits) was
    /// asked, since all memory may have to be read for it.
    pub fn space_of_hits(&self, pid: Pid) -> Option<AddressSpace<'c>> {
        self.hits.get()?;
        self.search.as_ref()?.memory(self.checkpoint).space(self.process(pid)?.task, self.model())
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

impl Facts<'_> {
    /// What changed and recovered files are by their first bytes.
    pub fn kinds(&self) -> &Kinds {
        self.kinds.get_or_init(|| Kinds::read(self.files()))
    }

    /// What databases of package managers among the changes list.
    pub fn packages(&self) -> &PackageFacts {
        self.packages.get_or_init(|| PackageFacts::read(self.files()))
    }

    /// Which processes run and map a file.
    pub fn uses(&self) -> &Uses {
        self.uses.get_or_init(|| Uses::read(&self.processes, self.files()))
    }

    /// When the first process started, or else when the container was created.
    pub fn started(&self) -> Option<jiff::Timestamp> {
        let facts = &self.model().container().facts;
        facts.started.or(facts.created)
    }

    /// Whole minutes from the start of the container to a time. Negative before it.
    pub fn minutes_after_start(&self, time: jiff::Timestamp) -> Option<i64> {
        Some(time.as_second().saturating_sub(self.started()?.as_second()).div_euclid(60))
    }

    /// A living process that runs one of these programs from the image, maybe with a version in its name.
    pub fn runs_from_image(&self, names: &[&str]) -> Option<&ProcessFacts<'_>> {
        names.iter().find_map(|name| self.process(self.uses().from_image(name)?))
    }
}

/// Removes the mark of a deleted file that the kernel appends to paths.
pub(in crate::analysis) fn without_deleted(path: &[u8]) -> (&[u8], bool) {
    match path.strip_suffix(b" (deleted)") {
        Some(path) => (path, true),
        None => (path, false),
    }
}

/// The last part of a path.
pub(in crate::analysis) fn base(path: &[u8]) -> &[u8] {
    path.rsplit(|&byte| byte == b'/').next().unwrap_or(path)
}
