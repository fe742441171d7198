//! PROC-013: a process of root below one that is not.

use super::super::card::rule;
use super::super::facts::{ProcessFacts, is_starter};
use super::super::vocabulary::{has_name, is_terminal_server};
use super::super::words::shown;
use super::super::{Confidence, Evidence, Facts, Finding, Next, Report, Severity, Subject};
use super::common::{arguments, program, row_of};

rule! {
    /// A process whose effective user is root, while its parent's is not, and no program with set-id bits is between them.
    /// A user cannot become root otherwise, unless by a fault of the kernel or of a service.
    "PROC-013", uid_change_against_parent, version 1, Process, Incubating, Medium,
    title: "A root process has a parent that is not root",
    why: "Rights grow only through programs made for that. Where none is seen, a fault may have been used.",
    benign: [
        "The parent gave up its own rights after it had started the child.",
        "`sudo` or `su` was between them and has ended."
    ],
    attack: ["T1548", "T1068"],
    cost: Free,
    tags: ["privilege"],
    check: check,
}

/// `CAP_SETUID`.
const SETUID: u64 = 1 << 7;

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        let Some(parent) = facts.parent(process).filter(|parent| !parent.is_zombie()) else { continue };
        let (Some(own), Some(above)) = (process.row.euid, parent.row.euid) else {
            report.not_checked("the user of a process is not recorded");
            continue;
        };
        if !report.look() {
            return;
        }
        let has_all = [parent.row.uid, parent.row.suid].contains(&Some(0));
        if own != 0 || above == 0 || has_all || is_raising(process) || is_raising(parent) || is_starter(parent) {
            continue;
        }
        // A parent with the capability to change users may do so.
        if parent.row.cap_prm.is_some_and(|mask| mask.0 & SETUID != 0) {
            report.skip();
            continue;
        }
        // A daemon that drops its rights after it has forked its helper runs the same program.
        let is_same = parent.program.path == process.program.path;
        let is_init = facts.init().is_some_and(|init| init.pid() == parent.pid());
        report.add(
            Finding::new(&RULE, Subject::Process(process.pid()))
                .severity(if is_same && !process.is_shell() || is_init { Severity::Low } else { Severity::Medium })
                .confidence(Confidence::Medium)
                .identity([program(parent), program(process), arguments(process)])
                .sentence(format!(
                    "{} runs as root, but its parent, process {} ({}), as user {above}.",
                    process.title(),
                    parent.pid(),
                    shown(parent.name()),
                ))
                .next(Next::rows_of("processes", process.pid()))
                .evidence(row_of(process).with("euid", process.row.euid))
                .evidence(Evidence::process(parent.pid()).with("euid", parent.row.euid).with_note("the parent")),
        );
    }
}

/// Whether a program is there to change the user, or was started with set-id bits.
fn is_raising(process: &ProcessFacts<'_>) -> bool {
    let name = process.program.base();
    let secure = process.task.mm.as_ref().and_then(|mm| mm.auxv.get(23)).is_some_and(|secure| secure == 1);
    secure || is_terminal_server(name) || ["sudo", "su", "doas", "pkexec"].iter().any(|tool| has_name(name, tool))
}
