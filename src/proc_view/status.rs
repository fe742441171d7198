//! `/proc/PID/status`.

use super::{Task, signals, text};
use crate::model::process::{Seccomp, State, Thread};
use crate::model::pstree::Parent;

/// `PF_KTHREAD`.
const KERNEL_THREAD: u32 = 0x0020_0000;

/// Lines with a name and a value.
#[derive(Default)]
struct Lines(Vec<u8>);

impl Lines {
    fn add(&mut self, name: &str, value: impl AsRef<[u8]>) {
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b":\t");
        self.0.extend_from_slice(value.as_ref());
        self.0.push(b'\n');
    }

    fn number(&mut self, name: &str, number: Option<impl std::fmt::Display>) {
        if let Some(number) = number {
            self.add(name, number.to_string());
        }
    }

    fn mask(&mut self, name: &str, mask: Option<u64>) {
        if let Some(mask) = mask {
            self.add(name, format!("{mask:016x}"));
        }
    }

    fn kilobytes(&mut self, name: &str, bytes: Option<u64>) {
        if let Some(bytes) = bytes {
            self.add(name, format!("{:>8} kB", bytes >> 10));
        }
    }
}

/// The known lines, in the kernel's order. Source: the kernel's `fs/proc/array.c`, `proc_pid_status`.
pub(super) fn write(task: &Task<'_>, thread: &Thread) -> Vec<u8> {
    let mut lines = Lines::default();
    if let Some(name) = thread.name() {
        lines.add("Name", text::task_name(name));
    }
    ids(&mut lines, task, thread);
    memory(&mut lines, task);
    lines.number("Threads", (!task.process.threads.is_empty()).then_some(task.process.threads.len()));
    lines.mask("SigPnd", signals::private(task, thread));
    lines.mask("ShdPnd", signals::shared(task));
    lines.mask("SigBlk", thread.signals_blocked().filter(|_| !task.process.is_zombie()));
    let actions = signals::actions(task);
    lines.mask("SigIgn", actions.as_ref().map(|actions| actions.ignored));
    lines.mask("SigCgt", actions.as_ref().map(|actions| actions.caught));
    let creds = task.process.credentials_of(thread);
    if let Some(creds) = &creds {
        lines.mask("CapInh", creds.inheritable);
        lines.mask("CapPrm", creds.permitted);
        lines.mask("CapEff", creds.effective);
        lines.mask("CapBnd", creds.bounding);
        lines.mask("CapAmb", creds.ambient);
        lines.number("NoNewPrivs", creds.no_new_privs.map(u8::from));
    }
    let seccomp = task.process.seccomp(thread).filter(|_| !task.process.is_zombie());
    lines.number("Seccomp", seccomp.map(mode));
    lines.number("Seccomp_filters", seccomp.and_then(|mode| filters(task, thread, mode)));
    lines.0
}

/// Identity of the task.
fn ids(lines: &mut Lines, task: &Task<'_>, thread: &Thread) {
    let (process, node) = (task.process, &task.process.node);
    let umask = process.fs.as_ref().and_then(|fs| fs.umask);
    if let Some(umask) = umask {
        lines.add("Umask", format!("{umask:04o}"));
    }
    // Whether a live task ran or slept is not stored.
    match process.state() {
        Some(State::Stopped) => lines.add("State", "T (stopped)"),
        Some(State::Zombie) => lines.add("State", "Z (zombie)"),
        Some(State::Alive) | None => {}
    }
    lines.add("Tgid", process.pid().to_string());
    lines.add("Pid", thread.tid.to_string());
    match node.parent {
        Parent::Process(pid) => lines.add("PPid", pid.to_string()),
        // A parent in another pid namespace.
        Parent::Outside if task.has_own_pids() => lines.add("PPid", "0"),
        Parent::Outside | Parent::Unknown => {}
    }
    if let Some(creds) = process.credentials_of(thread) {
        for (name, ids) in [("Uid", creds.uid), ("Gid", creds.gid)] {
            if let [Some(real), Some(effective), Some(saved), Some(of_files)] = ids {
                lines.add(name, format!("{real}\t{effective}\t{saved}\t{of_files}"));
            }
        }
        let groups: Vec<String> = creds.groups.iter().map(u32::to_string).collect();
        lines.add("Groups", format!("{} ", groups.join(" ")));
    }
    // The task and the reader are in the pid namespace of the container, so there is a single number of each.
    lines.add("NStgid", process.pid().to_string());
    lines.add("NSpid", thread.tid.to_string());
    lines.number("NSpgid", node.pgid);
    lines.number("NSsid", node.sid);
    let flags = task.alive().and_then(|alive| alive.flags);
    lines.number("Kthread", flags.map(|flags| u8::from(flags & KERNEL_THREAD != 0)));
}

fn memory(lines: &mut Lines, task: &Task<'_>) {
    let Some((mm, sizes)) = task.process.mm.as_ref().zip(task.sizes()) else { return };
    lines.kilobytes("VmSize", Some(sizes.total));
    lines.kilobytes("VmLck", Some(sizes.locked));
    lines.kilobytes("VmData", Some(sizes.data));
    lines.kilobytes("VmStk", Some(sizes.stack));
    lines.kilobytes("VmExe", Some(sizes.text));
    lines.kilobytes("VmLib", Some(sizes.libraries));
    // Whether it is enabled also depends on the kernel's configuration.
    if mm.entry.thp_disabled() {
        lines.add("THP_enabled", "0");
    }
}

/// `SECCOMP_MODE_*`.
fn mode(seccomp: Seccomp) -> u8 {
    match seccomp {
        Seccomp::Disabled => 0,
        Seccomp::Strict => 1,
        Seccomp::Filter => 2,
    }
}

/// Number of chained seccomp filters.
fn filters(task: &Task<'_>, thread: &Thread, mode: Seccomp) -> Option<usize> {
    if mode != Seccomp::Filter {
        return Some(0);
    }
    task.common.chain_of_filters(task.process.seccomp_filter(thread)?)
}
