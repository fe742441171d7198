//! PROC-010: a process whose session has no leader.

use super::super::card::rule;
use super::super::facts::{Channel, ProcessFacts};
use super::super::words::shown;
use super::super::{Confidence, Facts, Finding, Next, Report, Severity, Subject};
use super::common::{arguments, program, row_of};
use crate::model::signal::OfProcess;

rule! {
    /// A process below the first one whose session's leader is not in the archive: it was started in a session of `exec`
    /// that has ended, or became a daemon in the classical way. By itself it is context; it is low if it was also made to
    /// survive the end of the session (`nohup`).
    "PROC-010", orphaned_session, version 1, Process, Incubating, Info,
    title: "A process is left over from a session that has ended",
    why: "What somebody starts in a session of `exec` and leaves behind becomes a child of the first process.",
    benign: ["Every daemon of the classical kind: it starts a session and its parent ends."],
    attack: ["T1036.009"],
    cost: Free,
    context: true,
    check: check,
}

/// Number of `SIGHUP`.
const HUP: u32 = 1;

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let init = facts.init().map(ProcessFacts::pid);
    for process in facts.living().filter(|process| Some(process.pid()) != init) {
        if !report.look() {
            return;
        }
        if !process.row.entered {
            continue;
        }
        let is_left = process.row.parent.is_some_and(|parent| parent == 0 || init.is_some_and(|init| init.0 == parent));
        if !is_left {
            continue;
        }
        let ignores = ignores(facts, process, HUP);
        let output = process.file(1).and_then(|file| file.path.clone()).unwrap_or_default();
        let nohup = ignores && (output.ends_with(b"nohup.out") || process.is_shell() || process.is_interpreter());
        let input = facts.behind(process, 0).map(|behind| behind.channel);
        report.add(
            Finding::new(&RULE, Subject::Process(process.pid()))
                .severity(if nohup || input == Some(Channel::Terminal) { Severity::Low } else { Severity::Info })
                .confidence(Confidence::Medium)
                .identity([program(process), arguments(process)])
                .sentence(format!(
                    "{} (`{}`) is of session {}, whose leader is not in the container{}.",
                    process.title(),
                    shown(process.cmdline()),
                    process.row.session.unwrap_or(0),
                    if nohup { ", and ignores the end of it" } else { "" },
                ))
                .next(Next::rows_of("process_open_files", process.pid()))
                .evidence(row_of(process).with("session", process.row.session).with("cwd", process.row.cwd.as_ref())),
        );
    }
}

/// Whether a process ignores a signal.
pub(super) fn ignores(facts: &Facts<'_>, process: &ProcessFacts<'_>, signal: u32) -> bool {
    let set = facts.checkpoint().details().signals().of(process.task).and_then(OfProcess::ignored);
    set.is_some_and(|set| {
        signal.checked_sub(1).and_then(|bit| set.low.checked_shr(bit)).is_some_and(|low| low & 1 == 1)
    })
}
