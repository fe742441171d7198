//! PROC-031: a process that works in a deleted or hidden directory.

use super::super::card::rule;
use super::super::facts::without_deleted;
use super::super::vocabulary::is_hidden;
use super::super::words::shown;
use super::super::{Confidence, Facts, Finding, Link, Next, Report, Subject};
use super::common::row_of;

rule! {
    /// A process whose current directory was deleted, is hidden, or is in shared memory (`/dev/shm`). An ordinary place for
    /// temporary files is no sign: many services work there. Processes in one directory are one finding.
    "PROC-031", odd_cwd, version 1, Process, Incubating, Low,
    title: "A process works in a deleted or hidden directory",
    why: "The current directory is where a program was started from, often by hand.",
    benign: ["A job or a build whose directory was cleaned up while it ran."],
    attack: ["T1564.001"],
    cost: Free,
    basis: Program,
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        let Some(cwd) = &process.row.cwd else {
            report.not_checked("the current directory of a process is not recorded");
            continue;
        };
        if !report.look() {
            return;
        }
        let (path, is_deleted) = without_deleted(cwd);
        let what = match () {
            () if is_deleted => "was deleted",
            () if is_hidden(path) => "is hidden",
            () if path.starts_with(b"/dev/") => "is no place to work in",
            () => continue,
        };
        report.add(
            Finding::new(&RULE, Subject::Process(process.pid()))
                .confidence(Confidence::Medium)
                .identity([path, what.as_bytes()])
                .sentence(format!("{} works in the directory {}, which {what}.", process.title(), shown(path)))
                .next(Next::rows_where("processes", "cwd", shown(cwd)))
                .link(Link::Path(path.into()))
                .evidence(row_of(process).with("cwd", Some(cwd))),
        );
    }
}
