//! Table `processes`.

use std::borrow::Cow;

use bstr::BString;

use super::table::table;
use super::value::Mask;
use crate::Checkpoint;
use crate::abi;
use crate::memory::Text;
use crate::model::credentials::Credentials;
use crate::model::ids::{Address, FileId, Pid};
use crate::model::process::{Exit, Mm, Process as Task, Seccomp, State};
use crate::model::pstree::Parent;
use crate::model::vma::Status;

table! {
    "processes", key(pid), brief(pid, parent, state, uid, threads, name, cmdline, path),
    event(Event::state(&["process"], "process-state").processes().under("process"));
    /// The processes of the container, in tree order: depth first, children by pid.
    pub struct Process {
        /// Process id, in the container's pid namespace.
        pub pid: Pid,
        /// Parent process id; 0 for the root, whose parent is outside the container. Null if the process tree is
        /// missing.
        #[to(ecs("process.parent").process(), ocsf("process.parent_process").process())]
        pub parent: Option<u32>,
        /// Process group id.
        #[to(ecs("process.group_leader").process())]
        pub pgroup: Option<u32>,
        /// Session id.
        #[to(ecs("process.session_leader").process())]
        pub session: Option<u32>,
        /// Name (comm). A process can choose its own.
        #[to(ecs("process.name"), ocsf("process.name"))]
        pub name: Option<BString>,
        /// The executable, as `/proc/PID/exe` prints it. Null for zombies.
        #[to(ecs("process.executable").path(), ocsf("process.path").path())]
        pub path: Option<BString>,
        /// Arguments joined by one space. Null if they are in memory that is not in the archive.
        #[to(ecs("process.command_line"), ocsf("process.cmd_line"))]
        pub cmdline: Option<BString>,
        /// Arguments, as the kernel prints them. Null if they are in memory that is not in the archive.
        #[to(ecs("process.args"))]
        pub argv: Option<Vec<BString>>,
        /// State: `alive`, `stopped`, `zombie` or `dead`.
        pub state: Option<&'static str>,
        /// Exit status of a zombie, 0 to 255.
        #[to(ecs("process.exit_code"))]
        pub exit_status: Option<u32>,
        /// Signal that killed a zombie.
        pub exit_signal: Option<String>,
        /// Current working directory.
        #[to(ecs("process.working_directory"), ocsf("process.working_directory"))]
        pub cwd: Option<BString>,
        /// Root directory.
        pub root: Option<BString>,
        /// File mode creation mask, four octal digits.
        pub umask: Option<String>,
        /// Real user id, in the container's user namespace.
        #[to(ecs("process.real_user.id").text())]
        pub uid: Option<u32>,
        /// Effective user id.
        #[to(ecs("process.user.id").text(), ocsf("process.user.uid").text())]
        pub euid: Option<u32>,
        /// Saved user id.
        #[to(ecs("process.saved_user.id").text())]
        pub suid: Option<u32>,
        /// User id for file access.
        pub fsuid: Option<u32>,
        /// Real group id.
        #[to(ecs("process.real_group.id").text())]
        pub gid: Option<u32>,
        /// Effective group id.
        #[to(ecs("process.group.id").text())]
        pub egid: Option<u32>,
        /// Saved group id.
        #[to(ecs("process.saved_group.id").text())]
        pub sgid: Option<u32>,
        /// Group id for file access.
        pub fsgid: Option<u32>,
        /// Supplementary groups, in the kernel's order.
        #[to(ecs("process.supplemental_groups.id").text())]
        pub groups: Option<Vec<u32>>,
        /// Inheritable capabilities.
        pub cap_inh: Option<Mask>,
        /// Permitted capabilities.
        #[to(ecs("process.thread.capabilities.permitted").form(Form::Capabilities))]
        pub cap_prm: Option<Mask>,
        /// Effective capabilities.
        #[to(ecs("process.thread.capabilities.effective").form(Form::Capabilities))]
        pub cap_eff: Option<Mask>,
        /// Bounding set of capabilities.
        pub cap_bnd: Option<Mask>,
        /// Ambient capabilities. Null before CRIU 4.1.
        pub cap_amb: Option<Mask>,
        /// `PR_SET_NO_NEW_PRIVS`. Null if this version of CRIU did not record it.
        pub no_new_privs: Option<bool>,
        /// Seccomp mode: `disabled`, `strict` or `filter`.
        pub seccomp: Option<&'static str>,
        /// AppArmor profile or SELinux context.
        pub lsm_profile: Option<BString>,
        /// Adjustment of the out-of-memory score, -1000 to 1000.
        pub oom_score_adj: Option<i32>,
        /// Number of living threads; 1 for a zombie.
        pub threads: u64,
        /// Size of all mappings in bytes, without `[vsyscall]`, as the kernel counts `VmSize`.
        pub total_size: Option<u64>,
        /// Bytes of the process's memory that are in this archive. Shared memory counts for each process.
        pub recorded_size: Option<u64>,
        /// Whether the process is outside the root task's own tree: started in the container by `exec`, or a daemon
        /// whose session leader has ended.
        pub entered: bool,
        /// Entry point of the program (`AT_ENTRY`).
        pub auxv_entry: Option<Address>,
        /// Start address of the arguments.
        pub argv_start: Option<Address>,
        /// End address of the arguments.
        pub argv_end: Option<Address>,
        /// Start address of the environment.
        pub env_start: Option<Address>,
        /// End address of the environment.
        pub env_end: Option<Address>,
        /// Start address of the heap.
        pub brk_start: Option<Address>,
        /// End address of the heap.
        pub brk: Option<Address>,
        /// Personality, eight hexadecimal digits as `/proc/PID/personality` prints it.
        pub personality: Option<String>,
        /// Names of the personality's bits: `PER_LINUX32`, `ADDR_NO_RANDOMIZE` (no address randomisation),
        /// `READ_IMPLIES_EXEC`, …. Empty for an ordinary program.
        pub personality_names: Option<Vec<Cow<'static, str>>>,
        /// The kernel's flags of the main thread (`PF_*`), which say something about its past: `PF_SUPERPRIV` (used a
        /// capability), `PF_FORKNOEXEC` (forked but never ran another program), `PF_DUMPCORE`, …. Bits without a name
        /// are in hexadecimal.
        pub task_flags: Option<Vec<Cow<'static, str>>>,
        /// Whether orphaned descendants become children of this process (`PR_SET_CHILD_SUBREAPER`).
        pub child_subreaper: Option<bool>,
        /// User id at login, which the kernel's audit keeps when the user changes; 4294967295 if nobody logged in.
        pub loginuid: Option<u32>,
        /// Signal that stopped the process. Null if it is not stopped, or if CRIU before 3.18 did not record it.
        pub stop_signal: Option<Cow<'static, str>>,
        /// What capabilities uid 0 gets, and which of these settings are locked (`SECBIT_*`).
        pub securebits: Option<Vec<Cow<'static, str>>>,
        /// Who may read the process's memory and dump its core (`PR_GET_DUMPABLE`): `no`, `yes` or `root`.
        pub dumpable: Option<Cow<'static, str>>,
        /// Whether the process's memory is never put into huge pages (`PR_SET_THP_DISABLE`).
        pub thp_disabled: Option<bool>,
        /// Registrations with `membarrier` (`MEMBARRIER_CMD_REGISTER_*`). Null if there are none, or not recorded.
        pub membarrier: Option<Vec<Cow<'static, str>>>,
        /// CRIU's id of the address space. Processes with the same id share all memory.
        pub vm_id: Option<u32>,
        /// CRIU's id of the descriptor table. Processes with the same id share all descriptors.
        pub files_id: Option<u32>,
        /// CRIU's id of the current directory, root directory and umask, which processes can share.
        pub fs_id: Option<u32>,
        /// CRIU's id of the table of signal actions.
        pub sighand_id: Option<u32>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = Process> + '_ {
    checkpoint.model().processes().iter().map(move |task| row(checkpoint, task))
}

pub(super) fn row(checkpoint: &Checkpoint, task: &Task) -> Process {
    let (model, memory) = (checkpoint.model(), checkpoint.kept_memory());
    let path = |id: Option<FileId>| model.files().path(id?).map(|path| BString::from(path.text));
    let creds = task.credentials();
    let creds = creds.as_ref();
    let mask = |set: fn(&Credentials) -> Option<u64>| creds.and_then(set).map(Mask);
    let id = |ids: fn(&Credentials) -> &[Option<u32>; 4], i: usize| creds.and_then(|c| *ids(c).get(i)?);
    let (uid, gid) = (|i| id(|c| &c.uid, i), |i| id(|c| &c.gid, i));
    let mm = task.mm.as_ref();
    let address = |field: fn(&crate::images::proto::MmEntry) -> Option<u64>| mm.and_then(|mm: &Mm| mm.address(field));
    let space = memory.space(task, model);
    let text = space.as_ref().map(|space| space.cmdline(checkpoint.limits().argument_bytes));
    let argv = text.filter(Text::is_whole).map(|text| text.pieces().into_iter().map(BString::from).collect::<Vec<_>>());
    let exit = task.exit();
    // CRIU fills the rest of a zombie's record with zeros.
    let living = task.task().filter(|_| !task.is_zombie());
    let securebits = creds.and_then(|creds| creds.securebits);
    let membarrier = living.and_then(|tc| tc.membarrier_registration_mask);
    let ids = task.ids.as_ref();
    Process {
        pid: task.pid(),
        parent: match task.node.parent {
            Parent::Outside => Some(0),
            Parent::Process(pid) => Some(pid.0),
            Parent::Unknown => None,
        },
        pgroup: task.node.pgid,
        session: task.node.sid,
        name: task.name().map(BString::from),
        path: path(mm.and_then(Mm::exe)),
        cmdline: argv.as_ref().map(|argv| BString::from(bstr::join(" ", argv))),
        argv,
        state: task.state().map(State::as_str),
        exit_status: exit.and_then(|exit| match exit {
            Exit::Status(status) => Some(status.into()),
            Exit::Signal(_) => None,
        }),
        exit_signal: exit.and_then(|exit| match exit {
            Exit::Signal(number) => Some(abi::signal::name(number, task.arch()).into_owned()),
            Exit::Status(_) => None,
        }),
        cwd: path(task.fs.as_ref().and_then(|fs| fs.cwd_id).map(FileId)),
        root: path(task.fs.as_ref().and_then(|fs| fs.root_id).map(FileId)),
        umask: task.fs.as_ref().and_then(|fs| fs.umask).map(|umask| format!("{umask:04o}")),
        uid: uid(0),
        euid: uid(1),
        suid: uid(2),
        fsuid: uid(3),
        gid: gid(0),
        egid: gid(1),
        sgid: gid(2),
        fsgid: gid(3),
        groups: creds.map(|creds| creds.groups.clone()),
        cap_inh: mask(|c| c.inheritable),
        cap_prm: mask(|c| c.permitted),
        cap_eff: mask(|c| c.effective),
        cap_bnd: mask(|c| c.bounding),
        cap_amb: mask(|c| c.ambient),
        no_new_privs: creds.and_then(|creds| creds.no_new_privs),
        seccomp: task.leader().and_then(|leader| task.seccomp(leader)).map(Seccomp::as_str),
        lsm_profile: creds.and_then(|creds| creds.lsm_profile.clone()).map(BString::from),
        oom_score_adj: living.and_then(|tc| tc.oom_score_adj),
        threads: crate::int::u64_of(task.threads.len()),
        total_size: mm.map(total_size),
        recorded_size: space.map(|space| {
            let here = space.mm().vmas.iter().map(|vma| space.recorded(vma).here);
            here.fold(0, u64::saturating_add)
        }),
        entered: model.entered(task),
        auxv_entry: mm.and_then(|mm| mm.auxv.entry()),
        argv_start: address(|mm| mm.mm_arg_start),
        argv_end: address(|mm| mm.mm_arg_end),
        env_start: address(|mm| mm.mm_env_start),
        env_end: address(|mm| mm.mm_env_end),
        brk_start: address(|mm| mm.mm_start_brk),
        brk: address(|mm| mm.mm_brk),
        personality: living.and_then(|tc| tc.personality).map(|personality| format!("{personality:08x}")),
        personality_names: living.and_then(|tc| tc.personality).map(abi::task::personality),
        task_flags: living.and_then(|tc| tc.flags).map(|flags| abi::names_of(flags.into(), abi::task::FLAGS)),
        child_subreaper: living.and_then(|tc| tc.child_subreaper),
        loginuid: living.and_then(|tc| tc.loginuid),
        stop_signal: living.and_then(|tc| tc.stop_signo).map(|number| abi::signal::name(number, task.arch())),
        securebits: securebits.map(|bits| abi::names_of(bits.into(), abi::task::SECUREBITS)),
        dumpable: mm.and_then(|mm| mm.entry.dumpable).map(abi::task::dumpable),
        thp_disabled: mm.and_then(|mm| mm.entry.thp_disabled),
        membarrier: membarrier.map(|mask| abi::names_of(mask.into(), abi::task::MEMBARRIER)),
        vm_id: ids.and_then(|ids| ids.vm_id),
        files_id: ids.and_then(|ids| ids.files_id),
        fs_id: ids.and_then(|ids| ids.fs_id),
        sighand_id: ids.and_then(|ids| ids.sighand_id),
    }
}

fn total_size(mm: &Mm) -> u64 {
    let counted = mm.vmas.iter().filter(|vma| !vma.status.contains(Status::VSYSCALL));
    counted.fold(0, |sum: u64, vma| sum.saturating_add(vma.len()))
}
