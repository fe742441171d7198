//! A view of `/proc` as text, in the kernel's own layout, so that programs that read `/proc` work on a checkpoint. Each
//! file of `/proc` has a file here.
//!
//! Only facts from the archive are written: a line or file that cannot be known is omitted. `docs/proc.md` lists them
//! with the reasons, and the few placeholder fields within a line.
//!
//! It reads the model, memory and a few tables. Nothing is written to disk: [`extract`](mod@crate::extract) does that.

mod auxv;
mod cgroup;
mod common;
mod fdinfo;
mod limits;
mod maps;
mod memory;
mod mounts;
mod net;
mod signals;
mod stat;
mod status;
mod system;
mod text;
mod timers;
mod users;

use std::cell::OnceCell;
use std::collections::HashSet;
use std::rc::Rc;

use self::common::Common;
use self::memory::Sizes;
use self::signals::Actions;
use crate::Checkpoint;
use crate::memory::{AddressSpace, Text};
use crate::model::Model;
use crate::model::ids::{FileId, NamespaceId};
use crate::model::process::Process;
use crate::tables::open_files_of;

/// A file of the view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Path relative to `/proc`: `1/status`, `1/fd/0`, `1/task/7/comm`. It contains only ASCII letters, digits, `_` and
    /// `/`, so it is safe to write to.
    pub path: String,
    /// The content of the file.
    pub content: Content,
}

/// The content of a file of the view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// The bytes read from it.
    Bytes(Vec<u8>),
    /// A link, with the target that `readlink` prints. It is text from the archive, not a path on this machine.
    Link(Vec<u8>),
}

/// The data for the files of a process.
struct Task<'c> {
    checkpoint: &'c Checkpoint,
    model: &'c Model,
    process: &'c Process,
    space: Option<AddressSpace<'c>>,
    common: Rc<Common<'c>>,
    known: Known,
}

/// What the files of all threads of a process have in common, computed once.
#[derive(Default)]
struct Known {
    sizes: OnceCell<Sizes>,
    actions: OnceCell<Option<Actions>>,
    /// Signals waiting for the process.
    pending: OnceCell<Option<u64>>,
    /// The soft limit on resident memory.
    resident: OnceCell<Option<u64>>,
}

/// Returns the files of the view: those of the system, then process by process in tree order. Only one file is in
/// memory at a time.
///
/// ```
/// # fn main() -> Result<(), cryoscope::Error> {
/// use cryoscope::proc_view::{Content, files};
///
/// let checkpoint = cryoscope::Checkpoint::open("fixtures/forms-reference/podman-runc.tar")?;
/// let comm = files(&checkpoint).find(|file| file.path == "1/comm").unwrap();
/// assert_eq!(comm.content, Content::Bytes(b"tick\n".to_vec()));
/// # Ok(())
/// # }
/// ```
pub fn files(checkpoint: &Checkpoint) -> impl Iterator<Item = File> + '_ {
    let model = checkpoint.model();
    let common = Rc::new(Common::read(checkpoint));
    let mut seen = HashSet::new();
    let of_processes = model.processes().iter().flat_map(move |process| {
        let space = checkpoint.kept_memory().space(process, model);
        let common = Rc::clone(&common);
        // All processes of a namespace have the same: the first one gets the files.
        let net = process.ids.as_ref().and_then(|ids| ids.net_ns_id).map(NamespaceId);
        let net = net.filter(|&namespace| seen.insert(namespace)).into_iter().flat_map({
            let common = Rc::clone(&common);
            move |namespace| net::files(checkpoint, common.net(checkpoint), namespace)
        });
        let path = move |name| format!("{}/net/{name}", process.pid());
        let net = net.map(move |(name, bytes)| File { path: path(name), content: Content::Bytes(bytes) });
        of_process(Task { checkpoint, model, process, space, common, known: Known::default() }).chain(net)
    });
    system::files(checkpoint).into_iter().chain(of_processes)
}

/// Writes a file of a process. `None` if nothing is known of it.
type Write = fn(&Task<'_>) -> Option<Vec<u8>>;

/// Files with contents.
const CONTENTS: &[(&str, Write)] = &[
    ("auxv", auxv::write),
    ("cgroup", cgroup::write),
    ("cmdline", cmdline),
    ("comm", |task| Some(comm(task.process.name()?))),
    ("environ", environ),
    ("gid_map", users::gid_map),
    ("limits", limits::write),
    ("loginuid", |task| Some(task.alive()?.loginuid?.to_string().into_bytes())),
    ("maps", maps::write),
    ("mountinfo", mounts::mountinfo),
    ("mounts", mounts::mounts),
    ("oom_score_adj", |task| Some(format!("{}\n", task.alive()?.oom_score_adj?).into_bytes())),
    ("personality", |task| Some(format!("{:08x}\n", task.alive()?.personality?).into_bytes())),
    ("stat", |task| stat::write(task, task.process.leader()?)),
    ("statm", statm),
    ("status", |task| Some(status::write(task, task.process.leader()?))),
    ("timers", timers::write),
    ("uid_map", users::uid_map),
];

/// Finds the file that a link leads to.
type Target = fn(&Process) -> Option<FileId>;

/// Links to files.
const LINKS: &[(&str, Target)] = &[
    ("cwd", |process| process.fs.as_ref()?.cwd_id.map(FileId)),
    ("exe", |process| process.mm.as_ref()?.exe()),
    ("root", |process| process.fs.as_ref()?.root_id.map(FileId)),
];

fn of_process(task: Task<'_>) -> impl Iterator<Item = File> {
    let (model, process, task) = (task.model, task.process, Rc::new(task));
    let file = move |path: &str, content| File { path: format!("{}/{path}", process.pid()), content };
    let of = Rc::clone(&task);
    let contents = CONTENTS.iter().filter_map(move |(name, write)| Some(file(name, Content::Bytes(write(&of)?))));
    let links = LINKS.iter().filter_map(move |(name, target)| {
        let path = target(process).and_then(|id| model.files().path(id))?;
        Some(file(name, Content::Link(path.text)))
    });
    let descriptors = model.descriptors().of(process);
    let open = descriptors.iter().zip(open_files_of(model, process)).flat_map(move |(descriptor, open)| {
        let link = open.path.as_ref().map(|path| file(&format!("fd/{}", open.fd), Content::Link(path.to_vec())));
        let info = Content::Bytes(fdinfo::write(model, descriptor, &open));
        link.into_iter().chain([file(&format!("fdinfo/{}", open.fd), info)])
    });
    let threads = process.threads.iter().flat_map(move |thread| {
        let of_thread = [
            ("comm", thread.name().map(comm)),
            ("status", Some(status::write(&task, thread))),
            ("stat", stat::write(&task, thread)),
        ];
        let tid = thread.tid;
        let of_thread = of_thread.into_iter().filter_map(|(name, bytes)| Some((name, bytes?)));
        of_thread.map(move |(name, bytes)| file(&format!("task/{tid}/{name}"), Content::Bytes(bytes)))
    });
    contents.chain(links).chain(open).chain(threads)
}

impl<'c> Task<'c> {
    /// The core record of a process that has not ended.
    fn alive(&self) -> Option<&'c crate::images::proto::TaskCoreEntry> {
        self.process.task().filter(|_| !self.process.is_zombie())
    }

    /// The sizes of its address space.
    fn sizes(&self) -> Option<Sizes> {
        let mm = self.process.mm.as_ref()?;
        Some(*self.known.sizes.get_or_init(|| Sizes::of(mm, self.process.arch(), self.model.page_size())))
    }

    /// The images of the dump.
    fn images(&self) -> crate::images::Images<'c> {
        self.checkpoint.reader(self.checkpoint.images())
    }

    /// Whether the pid namespace is not that of CRIU, so that processes outside have no number in it.
    fn has_own_pids(&self) -> bool {
        let of_criu = self.model.inventory().and_then(|inventory| inventory.root_ids.as_ref()?.pid_ns_id);
        let own = self.process.ids.as_ref().or_else(|| self.model.processes().first()?.ids.as_ref());
        let own = own.and_then(|ids| ids.pid_ns_id);
        own.is_some() && own != of_criu
    }
}

/// Source: the kernel's `fs/proc/base.c`, `comm_show`. Nothing is escaped.
fn comm(name: &[u8]) -> Vec<u8> {
    [name, b"\n"].concat()
}

/// The arguments. For a process that has ended, and so has no memory, the kernel prints nothing.
fn cmdline(task: &Task<'_>) -> Option<Vec<u8>> {
    if task.process.is_zombie() {
        return Some(Vec::new());
    }
    whole(task.space.as_ref()?.cmdline(task.checkpoint.limits().argument_bytes))
}

/// Pages: total, resident, shared, code, libraries, data, dirty. Which pages were present is not stored. The kernel
/// itself prints 0 for libraries and dirty pages. Source: the kernel's `fs/proc/array.c`, `proc_pid_statm`.
fn statm(task: &Task<'_>) -> Option<Vec<u8>> {
    let page = task.model.page_size().max(1);
    let sizes = task.sizes().or_else(|| task.process.is_zombie().then(Sizes::default))?;
    let data = sizes.data.saturating_add(sizes.stack);
    Some(format!("{} 0 0 {} 0 {} 0\n", sizes.total / page, sizes.text / page, data / page).into_bytes())
}

fn environ(task: &Task<'_>) -> Option<Vec<u8>> {
    whole(task.space.as_ref()?.environ(task.checkpoint.limits().argument_bytes))
}

/// Text that is complete in the archive. A part of it would be taken for the whole.
fn whole(text: Text) -> Option<Vec<u8>> {
    match text {
        Text::Known(bytes) => Some(bytes),
        Text::Cut(_) => None,
    }
}
