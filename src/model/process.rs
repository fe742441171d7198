//! Processes and their threads, joined from the process tree and the images of each task.

use std::collections::{HashMap, HashSet};

use super::auxv::{self, Auxv};
use super::credentials::Credentials;
use super::ids::{Address, FileId, Pid, Tid};
use super::pstree::{self, Node, Parent};
use super::registers::Registers;
use super::vma::{Status, Vma};
use crate::abi;
use crate::abi::arch::Arch;
use crate::images::proto::{
    CoreEntry, CredsEntry, FsEntry, InventoryEntry, MmEntry, SiginfoEntry, TaskCoreEntry, TaskKobjIdsEntry,
    ThreadCoreEntry, VmaEntry,
};
use crate::images::{Images, Kind};
use crate::warning::{Code, Place};

/// The state of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Running or waiting.
    Alive,
    /// Stopped by a signal.
    Stopped,
    /// Ended, but not yet waited for by its parent. CRIU calls it dead.
    Zombie,
}

impl State {
    /// `alive`, `stopped` or `zombie`.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Alive => "alive",
            State::Stopped => "stopped",
            State::Zombie => "zombie",
        }
    }
}

/// How a zombie ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It exited with this status.
    Status(u8),
    /// This signal killed it.
    Signal(u32),
}

/// Seccomp mode: how system calls are filtered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seccomp {
    /// Not at all.
    Disabled,
    /// Only read, write, exit and sigreturn are allowed.
    Strict,
    /// By filter programs.
    Filter,
}

impl Seccomp {
    fn from_mode(mode: i32) -> Option<Self> {
        match mode {
            0 => Some(Seccomp::Disabled),
            1 => Some(Seccomp::Strict),
            2 => Some(Seccomp::Filter),
            _ => None,
        }
    }

    /// `disabled`, `strict` or `filter`.
    pub fn as_str(self) -> &'static str {
        match self {
            Seccomp::Disabled => "disabled",
            Seccomp::Strict => "strict",
            Seccomp::Filter => "filter",
        }
    }
}

/// Filters of threads without a recorded mode, other than the leader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Unfiltered {
    /// No filter.
    #[default]
    Free,
    /// The leader's filters.
    AsLeader,
    /// Unknown, because the leader's filters are not in the archive.
    Unknown,
}

/// One thread.
#[derive(Clone, Debug)]
pub struct Thread {
    /// Thread id.
    pub tid: Tid,
    core: Option<Box<CoreEntry>>,
}

impl Thread {
    /// The decoded core image.
    pub fn core(&self) -> Option<&CoreEntry> {
        self.core.as_deref()
    }

    /// The thread's own part of the core image.
    pub fn own(&self) -> Option<&ThreadCoreEntry> {
        self.core.as_ref()?.thread_core.as_ref()
    }

    /// Name (comm). CRIU before 3.11 records none for threads other than the leader.
    pub fn name(&self) -> Option<&[u8]> {
        let of_task = || self.core.as_ref()?.tc.as_ref()?.comm.as_deref();
        of_task().or_else(|| self.own()?.comm.as_deref())
    }

    /// Blocked signals. The leader's are in the process's part, those of other threads in their own part.
    pub fn signals_blocked(&self) -> Option<u64> {
        let of_task = || self.core.as_ref()?.tc.as_ref()?.blk_sigset;
        of_task().or_else(|| self.own()?.blk_sigset)
    }

    /// Blocked signals above 64, which only mips has.
    pub fn signals_blocked_above(&self) -> Option<u64> {
        let of_task = || self.core.as_ref()?.tc.as_ref()?.blk_sigset_extended;
        of_task().or_else(|| self.own()?.blk_sigset_extended)
    }

    /// Signals waiting for this thread alone.
    pub fn signals_pending(&self) -> Option<u64> {
        Some(pending(&self.own()?.signals_p.as_ref()?.signals))
    }

    /// The thread's registers.
    pub fn registers(&self) -> Option<Registers> {
        Registers::from_core(self.core.as_ref()?)
    }

    /// Priority as `/proc/PID/stat` prints it: 20 + nice, below 0 under a real-time policy.
    pub fn priority(&self) -> Option<i64> {
        const FIFO_AND_RR: [u32; 2] = [1, 2];
        let own = self.own()?;
        let policy = own.sched_policy? & 0xffff;
        if FIFO_AND_RR.contains(&policy) {
            return Some((-1_i64).saturating_sub(own.sched_prio?.into()));
        }
        Some(i64::from(own.sched_nice?).saturating_add(20))
    }
}

/// The mask of a queue of signals. `si_signo` is the first number of each `siginfo_t`, in the machine's byte order.
/// Signal numbers are small, so the number itself shows the order.
pub(crate) fn pending(queue: &[SiginfoEntry]) -> u64 {
    const MOST: u32 = 128;
    let numbers = queue.iter().filter_map(|s| s.siginfo.as_ref()?.first_chunk::<4>().copied());
    let number = |bytes| Some(u32::from_le_bytes(bytes)).filter(|&n| n <= MOST).unwrap_or(u32::from_be_bytes(bytes));
    numbers.fold(0, |mask, bytes| mask | abi::signal::bit(number(bytes)))
}

/// Layout of an address space and its mappings.
#[derive(Clone, Debug, Default)]
pub struct Mm {
    /// The decoded image, without its mappings.
    pub entry: MmEntry,
    /// The mappings, by address. Guard pages are not mappings and are not included.
    pub vmas: Vec<Vma>,
    /// The auxiliary vector.
    pub auxv: Auxv,
}

impl Mm {
    /// The executable.
    pub fn exe(&self) -> Option<FileId> {
        self.entry.exe_file_id.map(FileId)
    }

    /// The mapping that contains an address.
    pub fn vma_at(&self, address: u64) -> Option<&Vma> {
        let after = self.vmas.partition_point(|vma| vma.start.0 <= address);
        self.vmas.get(after.checked_sub(1)?).filter(|vma| vma.contains(address))
    }

    /// Whether an anonymous mapping is the heap: CRIU found it named so in `/proc`, or it is inside the program break.
    pub fn is_heap(&self, vma: &Vma) -> bool {
        let in_break = vma.start.0 < self.entry.mm_brk() && vma.end.0 > self.entry.mm_start_brk();
        vma.status.contains(Status::HEAP) || vma.is_anonymous() && in_break
    }

    /// Whether an anonymous mapping is the main stack.
    pub fn is_stack(&self, vma: &Vma) -> bool {
        let start = self.entry.mm_start_stack();
        vma.is_anonymous() && start != 0 && vma.start.0 <= start && start <= vma.end.0
    }

    /// An address of the layout; `None` if it is 0.
    pub fn address(&self, field: impl Fn(&MmEntry) -> Option<u64>) -> Option<Address> {
        Address::non_zero(field(&self.entry))
    }
}

/// One process.
#[derive(Clone, Debug)]
pub struct Process {
    /// Place in the tree. The list of threads has moved to `threads`.
    pub node: Node,
    /// Threads, the leader first.
    pub threads: Vec<Thread>,
    /// Ids of the objects that the process shares with others, and of its namespaces.
    pub ids: Option<TaskKobjIdsEntry>,
    /// Current directory, root directory and umask.
    pub fs: Option<FsEntry>,
    /// Address space.
    pub mm: Option<Mm>,
    old_creds: Option<CredsEntry>,
    unfiltered: Unfiltered,
    versions: Versions,
}

impl Process {
    /// A process of which only the id is known.
    pub(crate) fn unknown(pid: Pid) -> Self {
        let node = Node { pid, parent: Parent::Unknown, depth: 0, pgid: None, sid: None, tids: Vec::new() };
        let versions = Versions::default();
        let unfiltered = Unfiltered::default();
        Process { node, threads: Vec::new(), ids: None, fs: None, mm: None, old_creds: None, unfiltered, versions }
    }

    /// Process id.
    pub fn pid(&self) -> Pid {
        self.node.pid
    }

    /// The process's part of the leader's core image.
    pub fn task(&self) -> Option<&TaskCoreEntry> {
        self.leader()?.core.as_ref()?.tc.as_ref()
    }

    /// Name (comm).
    pub fn name(&self) -> Option<&[u8]> {
        self.task()?.comm.as_deref()
    }

    /// State; `None` if the image is missing or has an unknown state.
    pub fn state(&self) -> Option<State> {
        match self.task()?.task_state? {
            1 => Some(State::Alive),
            2 | 6 => Some(State::Zombie),
            3 => Some(State::Stopped),
            _ => None,
        }
    }

    /// Whether the process has ended.
    pub fn is_zombie(&self) -> bool {
        self.state() == Some(State::Zombie)
    }

    /// How the process ended; `None` for living processes.
    pub fn exit(&self) -> Option<Exit> {
        let status = self.task().filter(|_| self.is_zombie())?.exit_code?;
        Some(match status & 0x7f {
            0 => Exit::Status(status.to_le_bytes()[1]),
            signal => Exit::Signal(signal),
        })
    }

    /// The architecture of its registers.
    pub fn arch(&self) -> Option<Arch> {
        Arch::from_mtype(self.leader()?.core.as_ref()?.mtype?)
    }

    /// The leader's credentials.
    pub fn credentials(&self) -> Option<Credentials> {
        self.credentials_of(self.leader()?)
    }

    /// The credentials of one of the threads.
    pub fn credentials_of(&self, thread: &Thread) -> Option<Credentials> {
        self.recorded_credentials(thread).map(|(entry, knows)| Credentials::from_entry(entry, knows))
    }

    /// The ids and capabilities of one of the threads: its credentials without groups and profile.
    pub(crate) fn rights_of(&self, thread: &Thread) -> Option<Credentials> {
        self.recorded_credentials(thread).map(|(entry, knows)| Credentials::without_lists(entry, knows))
    }

    /// The record of a thread's credentials, and whether `no_new_privs` is known.
    fn recorded_credentials<'a>(&'a self, thread: &'a Thread) -> Option<(&'a CredsEntry, bool)> {
        let own = thread.own().and_then(|own| own.creds.as_ref());
        let entry = own.or(self.old_creds.as_ref())?;
        Some((entry, self.versions.knows_no_new_privs || !entry.cap_amb.is_empty()))
    }

    /// Seccomp mode of one of the threads. `None` if this version of CRIU did not record it, or if the archive does not
    /// say whether the thread has the leader's filters. Before 3.10 one mode was recorded for all threads.
    pub fn seccomp(&self, thread: &Thread) -> Option<Seccomp> {
        match self.recorded_seccomp(thread) {
            Some(mode) => Seccomp::from_mode(mode),
            None if !self.versions.knows_seccomp || thread.own().is_none() => None,
            None => match self.unfiltered {
                Unfiltered::Free => Some(Seccomp::Disabled),
                Unfiltered::AsLeader => Some(if self.leads(thread) { Seccomp::Disabled } else { Seccomp::Filter }),
                Unfiltered::Unknown => self.leads(thread).then_some(Seccomp::Disabled),
            },
        }
    }

    /// System call filter of one of the threads: its position in `seccomp.img`. Before CRIU 3.10 one was recorded for
    /// all threads.
    pub fn seccomp_filter(&self, thread: &Thread) -> Option<u32> {
        if self.seccomp(thread) != Some(Seccomp::Filter) {
            return None;
        }
        let of_leader = || self.leader().filter(|_| self.recorded_seccomp(thread).is_none())?.own()?.seccomp_filter;
        thread.own().and_then(|own| own.seccomp_filter).or_else(of_leader).or(self.task()?.old_seccomp_filter)
    }

    /// The mode that the images record for a thread.
    fn recorded_seccomp(&self, thread: &Thread) -> Option<i32> {
        thread.own().and_then(|own| own.seccomp_mode).or(self.task()?.old_seccomp_mode)
    }

    /// Whether a thread is the leader.
    fn leads(&self, thread: &Thread) -> bool {
        thread.tid.0 == self.pid().0
    }

    /// Whether some threads have no recorded mode, so that only the leader's can tell how they are filtered.
    pub(super) fn has_threads_without_mode(&self) -> bool {
        self.threads.iter().skip(1).any(|thread| self.recorded_seccomp(thread).is_none())
    }

    /// Sets the filters of threads without their own mode.
    pub(super) fn note_unfiltered(&mut self, unfiltered: Unfiltered) {
        self.unfiltered = unfiltered;
    }

    /// The leader: the thread that the process began with.
    pub fn leader(&self) -> Option<&Thread> {
        self.threads.first()
    }

    /// The number of the descriptor table, as in `fdinfo-N.img`.
    pub fn descriptors(&self) -> Option<u64> {
        if self.is_zombie() {
            None
        } else if self.versions.fdinfo_per_id {
            Some(self.ids.as_ref()?.files_id?.into())
        } else {
            Some(self.pid().0.into())
        }
    }
}

/// What this version of CRIU records, judging from the images.
#[derive(Clone, Copy, Debug, Default)]
struct Versions {
    /// 3.19 and later.
    knows_no_new_privs: bool,
    /// 1.7 and later.
    knows_seccomp: bool,
    /// Tables of descriptors are numbered by `ids.files_id`, not by pid.
    fdinfo_per_id: bool,
}

impl Versions {
    fn from_inventory(inventory: Option<&InventoryEntry>, images: Images<'_>) -> Self {
        // Without an inventory: tables numbered by pid have pids as numbers.
        let per_id = inventory.map_or_else(|| !images.has(Kind::Fdinfo, 1), InventoryEntry::fdinfo_per_id);
        Versions {
            knows_no_new_privs: inventory.is_some_and(|i| i.dump_criu_run_id.is_some()),
            knows_seccomp: inventory.is_none_or(|i| i.img_version() >= 2),
            fdinfo_per_id: per_id,
        }
    }
}

/// Reads all processes, in tree order.
pub(super) fn read(images: Images<'_>, inventory: Option<&InventoryEntry>) -> Vec<Process> {
    let versions = Versions::from_inventory(inventory, images);
    pstree::read(images).into_iter().map(|node| process(images, node, versions)).collect()
}

fn process(images: Images<'_>, mut node: Node, versions: Versions) -> Process {
    let pid = u64::from(node.pid.0);
    let leader = thread(images, node.pid, Tid(node.pid.0));
    let tids = std::mem::take(&mut node.tids);
    let mut process = Process {
        node,
        threads: vec![leader],
        ids: None,
        fs: None,
        mm: None,
        old_creds: None,
        unfiltered: Unfiltered::default(),
        versions,
    };
    // A zombie's list of threads is meaningless: CRIU leaves old values in it.
    if !process.is_zombie() {
        let others = tids.iter().filter(|tid| u64::from(tid.0) != pid);
        process.threads.extend(others.map(|&tid| thread(images, process.node.pid, tid)));
    }
    if process.task().is_some() && process.state().is_none() {
        let state = process.task().map(TaskCoreEntry::task_state).unwrap_or_default();
        images
            .warnings
            .push(Code::NumberInvalid, images.place(Kind::Core, pid), || format!("{state} is not a valid task state"));
    }
    // A zombie has only its core image. Other images with its number are from an earlier dump.
    if process.is_zombie()
        || process.threads.first().is_none_or(|leader| leader.core.is_none()) && !images.has(Kind::Mm, pid)
    {
        return process;
    }
    // Up to CRIU 0.8, the ids may be in the core.
    let in_core = || process.threads.first()?.core.as_ref()?.ids;
    process.ids = match in_core().filter(|_| !images.has(Kind::Ids, pid)) {
        Some(ids) => Some(ids),
        None => required(images, Kind::Ids, pid).or_else(in_core),
    };
    process.fs = required(images, Kind::Fs, pid);
    if images.has(Kind::Creds, pid) {
        process.old_creds = images.one(Kind::Creds, pid);
    }
    let compat = process.threads.first().and_then(Thread::registers).is_some_and(|r| r.compat);
    process.mm = mm(images, pid, compat);
    process
}

fn thread(images: Images<'_>, pid: Pid, tid: Tid) -> Thread {
    let number = u64::from(tid.0);
    let core = if images.has(Kind::Core, number) {
        images.one::<CoreEntry>(Kind::Core, number).map(Box::new)
    } else {
        images.warnings.push(Code::ImageMissing, images.place(Kind::Core, number), || {
            format!("thread {tid} of process {pid} has no core image; its state, credentials and registers are unknown")
        });
        None
    };
    Thread { tid, core }
}

/// The one record of an image that every living process has.
fn required<M: prost::Message + prost::Name + Default>(images: Images<'_>, kind: Kind, pid: u64) -> Option<M> {
    if images.has(kind, pid) {
        return images.one(kind, pid);
    }
    images.warnings.push(Code::ImageMissing, images.place(kind, pid), || {
        format!("this image of living process {pid} is missing; its facts are unknown")
    });
    None
}

fn mm(images: Images<'_>, pid: u64, compat: bool) -> Option<Mm> {
    let mut entry: MmEntry = required(images, Kind::Mm, pid)?;
    let mut entries = std::mem::take(&mut entry.vmas);
    if entries.is_empty() {
        entries = images.all::<VmaEntry>(Kind::Vmas, pid);
    }
    let place = images.place(Kind::Mm, pid);
    let warn = |message: String| images.warnings.push(Code::MappingInvalid, place.clone(), || message);
    if entries.is_empty() {
        warn("a living process has no mappings".to_owned());
    }
    let mut vmas = Vec::with_capacity(entries.len());
    for entry in &entries {
        match Vma::from_entry(entry) {
            // Entries of guard pages follow the others and overlap them.
            Ok(vma) if vma.status.contains(Status::GUARD) => {}
            Ok(vma) => vmas.push(vma),
            Err(why) => warn(why),
        }
    }
    vmas.sort_by_key(|vma| vma.start);
    leave_out_overlaps(&mut vmas, &warn);
    for pair in vmas.array_windows::<2>() {
        let [before, after] = pair;
        if after.start < before.end {
            warn(format!("the mapping at {} overlaps the one at {}", after.start, before.start));
        }
    }
    let auxv = Auxv::from_words(&entry.mm_saved_auxv, compat);
    Some(Mm { entry, vmas, auxv })
}

/// Mappings in a kernel never overlap. A few overlapping ones are shown all the same; thousands are not, because each
/// would have all pages.
fn leave_out_overlaps(vmas: &mut Vec<Vma>, warn: &impl Fn(String)) {
    const MOST: usize = 256;
    let (mut end, mut overlaps) = (0_u64, 0_usize);
    vmas.retain(|vma| {
        overlaps = overlaps.saturating_add(usize::from(vma.start.0 < end));
        let is_kept = vma.start.0 >= end || overlaps <= MOST;
        if is_kept {
            end = end.max(vma.end.0);
        } else {
            warn(format!("more than {MOST} mappings overlap; skipped the one at {}", vma.start));
        }
        is_kept
    });
}

/// The page size that the kernel gave to programs, if valid. The machine that reads the archive may have another.
pub(super) fn page_size(processes: &[Process], images: Images<'_>) -> u64 {
    const USUAL: u64 = 4096;
    let mut fallback = None;
    for process in processes {
        let Some(size) = process.mm.as_ref().and_then(|mm| mm.auxv.get(auxv::PAGE_SIZE)) else { continue };
        let known = process.arch().map_or(&[4096, 16384, 65536][..], Arch::page_sizes);
        if known.contains(&size) {
            return check_alignment(processes, size, images);
        }
        fallback.get_or_insert((process.pid(), size));
    }
    if let Some((pid, size)) = fallback {
        images.warnings.push(Code::PageSizeUnknown, images.place(Kind::Mm, pid.0.into()), || {
            format!("process {pid} declares a page size of {size} bytes, which no kernel has; used {USUAL}")
        });
    }
    check_alignment(processes, USUAL, images)
}

/// Mappings begin and end at page boundaries.
fn check_alignment(processes: &[Process], page_size: u64, images: Images<'_>) -> u64 {
    for process in processes {
        let vmas = process.mm.as_ref().map_or(&[][..], |mm| &mm.vmas);
        let odd = vmas.iter().find(|vma| (vma.start.0 | vma.end.0) & page_size.wrapping_sub(1) != 0);
        if let Some(vma) = odd {
            images.warnings.push(Code::MappingInvalid, images.place(Kind::Mm, process.pid().0.into()), || {
                format!("the mapping from {} to {} is not aligned to pages of {page_size} bytes", vma.start, vma.end)
            });
        }
    }
    page_size
}

/// Notes images of tasks that are not in the process tree. They are left over from an earlier dump into the same
/// directory, and are never mixed in.
pub(super) fn note_orphans(images: Images<'_>, processes: &[Process]) {
    if !images.has(Kind::Pstree, 0) {
        return;
    }
    let tids: HashSet<u64> = processes.iter().flat_map(|p| p.threads.iter().map(|t| t.tid.0.into())).collect();
    let pids: HashSet<u64> = processes.iter().filter(|p| !p.is_zombie()).map(|p| p.pid().0.into()).collect();
    let of_threads = [Kind::Core, Kind::SignalPrivate];
    let of_processes = [
        Kind::Ids,
        Kind::Mm,
        Kind::Fs,
        Kind::Pagemap,
        Kind::Vmas,
        Kind::Creds,
        Kind::Sigacts,
        Kind::Itimers,
        Kind::PosixTimers,
        Kind::Rlimit,
        Kind::SignalShared,
        Kind::FileLocksPid,
    ];
    // Descriptor tables have their own numbers, which are known if those of all processes are.
    let living = || processes.iter().filter(|process| !process.is_zombie());
    let tables: Option<HashSet<u64>> = living().map(Process::descriptors).collect();
    for (kind, number, member) in images.set.images(images.archive) {
        let orphan = of_threads.contains(&kind) && !tids.contains(&number)
            || of_processes.contains(&kind) && !pids.contains(&number);
        if kind == Kind::Fdinfo && tables.as_ref().is_some_and(|tables| !tables.contains(&number)) {
            images.warnings.push(Code::ImageOrphaned, Place::member(&member.path), || {
                format!("no process has descriptor table {number}; the image is left over from an earlier dump and was ignored")
            });
        }
        if orphan {
            images.warnings.push(Code::ImageOrphaned, Place::member(&member.path), || {
                let time = member.mtime.map_or_else(String::new, |time| format!(", written {time}"));
                format!(
                    "no process in the tree has the number {number}; the image is left over from an earlier dump{time} and was ignored"
                )
            });
        }
    }
}

/// The places of processes in their list, by pid. The first of one pid counts.
pub(super) fn by_pid(processes: &[Process]) -> HashMap<Pid, usize> {
    let mut places = HashMap::with_capacity(processes.len());
    for (place, process) in processes.iter().enumerate() {
        places.entry(process.pid()).or_insert(place);
    }
    places
}

/// Which processes are no descendants of the root task's own tree, but were brought into the container by `exec`, or
/// descend from one that was. The tree has every process below the root task, so a session whose leader is not in it
/// began outside; that of a daemon whose leader has ended looks the same.
pub(super) fn entered(processes: &[Process]) -> HashSet<Pid> {
    let pids: HashSet<u32> = processes.iter().map(|p| p.pid().0).collect();
    let root = processes.first();
    let mut entered = HashSet::new();
    // In tree order, parents come before their children.
    for process in processes {
        let foreign_session = process
            .node
            .sid
            .is_some_and(|sid| sid != 0 && Some(sid) != root.and_then(|r| r.node.sid) && !pids.contains(&sid));
        let by_ancestor = match process.node.parent {
            Parent::Process(parent) => entered.contains(&parent),
            Parent::Outside => root.is_some_and(|root| root.pid() != process.pid()),
            Parent::Unknown => false,
        };
        if foreign_session || by_ancestor {
            entered.insert(process.pid());
        }
    }
    entered
}
