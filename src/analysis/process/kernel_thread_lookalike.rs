//! PROC-002: a process that calls itself like a thread of the kernel.

use bstr::ByteSlice;

use super::super::card::rule;
use super::super::vocabulary::without_numbers;
use super::super::words::shown;
use super::super::{Confidence, Evidence, Facts, Finding, Link, Next, Report, Severity, Subject};

rule! {
    /// A process whose name or first argument is that of a thread of the kernel: `[kworker/0:1]`, `kthreadd`,
    /// `ksoftirqd/0`. Threads of the kernel have no memory and no executable, and none is ever in a container's pid
    /// namespace or in a checkpoint. A zombie, which `ps` prints in brackets, is not looked at.
    ///
    /// It is low if only the first argument says so, while the name (comm) is honest and the program is an ordinary one:
    /// `exec -a '[kthreadd]' sleep 60` hides nothing.
    "PROC-002", kernel_thread_lookalike, version 3, Process, Stable, High,
    title: "A process poses as a kernel thread",
    why: "No thread of the kernel is in a container, so the name is there to be overlooked in a list of processes.",
    benign: ["Practically none: ask who gave the program this name."],
    attack: ["T1036.004", "T1036.011"],
    cost: Free,
    check: check,
}

/// Names of threads of the kernel, up to the first `/` or `:`. Where the kernel has one for each node, disk or the like, its
/// number follows, and is left out here: `kswapd0`, `scsi_eh_3`.
const THREADS: [&str; 28] = [
    "kworker",
    "kthreadd",
    "ksoftirqd",
    "rcu_sched",
    "rcu_gp",
    "rcu_preempt",
    "rcu_tasks_kthre",
    "khugepaged",
    "ksmd",
    "kswapd",
    "kdevtmpfs",
    "khungtaskd",
    "kauditd",
    "kintegrityd",
    "kcompactd",
    "oom_reaper",
    "kblockd",
    "kthrotld",
    "scsi_eh_",
    "scsi_tmf_",
    "netns",
    "kdmflush",
    "rcu_bh",
    "rcu_par_gp",
    "rcub",
    "mm_percpu_wq",
    "jbd2",
    "cpuhp",
];

/// Names that programs have, too, unless something follows: `migration/0`.
const WITH_NUMBER: [&str; 4] = ["migration", "watchdog", "irq", "idle_inject"];

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        if !report.look() {
            return;
        }
        let first = process.argv().first().map(|first| first.as_slice()).unwrap_or_default();
        let Some(claimed) = [process.name().as_ref(), first].into_iter().find(|name| is_kernels(name)) else {
            continue;
        };
        let program = process.program.path.clone().unwrap_or_default();
        let is_honest = !is_kernels(process.name())
            && process.name() == process.program.base()
            && !process.is_program_suspicious()
            && !process.program.deleted
            && !process.is_interpreter()
            && !process.is_shell();
        let evidence = Evidence::process(process.pid())
            .with("name", process.row.name.as_ref())
            .with("cmdline", process.row.cmdline.as_ref())
            .with("path", process.row.path.as_ref());
        report.add(
            Finding::new(&RULE, Subject::Process(process.pid()))
                .severity(if is_honest { Severity::Low } else { Severity::High })
                .confidence(Confidence::High)
                .identity([program.clone(), without_numbers(claimed)])
                .sentence(format!(
                    "Process {} calls itself {}, like a kernel thread, but runs {}.",
                    process.pid(),
                    shown(claimed),
                    shown(&program)
                ))
                .next(Next::rows_of("process_open_files", process.pid()))
                .link(Link::Path(program.clone()))
                .evidence(evidence),
        );
    }
}

/// Whether a name is one of the kernel's: in brackets, or one of its threads. Titles in brackets with blanks in them are of
/// programs that say what they do, as Celery does.
fn is_kernels(name: &[u8]) -> bool {
    if let Some(inner) = name.strip_prefix(b"[") {
        return inner.ends_with(b"]") && inner.len() > 1 && !inner.iter().any(|byte| matches!(byte, b' ' | b'@'));
    }
    let stem = name.split(|&byte| matches!(byte, b'/' | b':')).next().unwrap_or(name);
    let unnumbered = stem.trim_end_with(|c| c.is_ascii_digit());
    THREADS.iter().any(|thread| thread.as_bytes() == stem || thread.as_bytes() == unnumbered)
        || name.len() > stem.len()
            && name.get(stem.len()) == Some(&b'/')
            && WITH_NUMBER.iter().any(|thread| thread.as_bytes() == stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_kernel_are_known_with_and_without_brackets() {
        for name in [
            "[kworker/0:1]",
            "kworker/u8:2",
            "ksoftirqd/3",
            "[x]",
            "migration/0",
            "scsi_eh_17",
            "kswapd1",
            "netns",
            "rcu_bh",
            "kdmflush/253:0",
        ] {
            assert!(is_kernels(name.as_bytes()), "{name}");
        }
        for name in
            ["[", "[]", "nginx", "kworkerd", "", "[not closed", "irqbalance", "watchdog", "[celeryd: a@b:Worker-1]"]
        {
            assert!(!is_kernels(name.as_bytes()), "{name}");
        }
    }
}
