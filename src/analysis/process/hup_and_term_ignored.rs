//! PROC-011: a process that cannot be stopped in the usual way.

use super::super::card::rule;
use super::super::facts::ProcessFacts;
use super::super::words::listed;
use super::super::{Confidence, Evidence, Facts, Finding, Next, Report, Subject};
use super::common::{arguments, program, row_of, started};
use super::orphaned_session::ignores;

rule! {
    /// A process that ignores the end of its session and interrupts from the keyboard, or a request to end, while its
    /// program was put into the container later, lies in a place for temporary files, or is a command given to an
    /// interpreter. The first process and shells ignore some of these as a rule.
    "PROC-011", hup_and_term_ignored, version 1, Process, Incubating, Low,
    title: "A process ignores the signals that would end it",
    why: "A program that is to survive the session that started it, and attempts to stop it, ignores these signals.",
    benign: ["A long job that an administrator started with `nohup`."],
    attack: ["T1564.011"],
    cost: Files,
    context: true,
    check: check,
}

/// `SIGHUP`, `SIGINT`, `SIGQUIT` and `SIGTERM`.
const SIGNALS: [(u32, &str); 4] = [(1, "SIGHUP"), (2, "SIGINT"), (3, "SIGQUIT"), (15, "SIGTERM")];

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let init = facts.init().map(ProcessFacts::pid);
    for process in facts.living() {
        if facts.checkpoint().details().signals().of(process.task).is_none_or(|signals| signals.actions.is_none()) {
            report.not_checked("the signal actions of a process are not recorded");
            continue;
        }
        if !report.look() {
            return;
        }
        if Some(process.pid()) == init || process.is_shell() {
            report.skip();
            continue;
        }
        let ignored: Vec<&str> =
            SIGNALS.into_iter().filter(|(number, _)| ignores(facts, process, *number)).map(|(_, name)| name).collect();
        // An unattended shell starts its children in the background with interrupts ignored.
        let is_much = ignored.contains(&"SIGTERM") || ignored.len() >= 3;
        let is_odd = facts.is_program_new(process)
            || process.is_program_suspicious()
            || process.inline().is_some_and(|text| !text.starts_with(b"from multiprocessing."));
        if !is_much || !is_odd {
            continue;
        }
        report.add(
            Finding::new(&RULE, Subject::Process(process.pid()))
                .confidence(Confidence::Medium)
                .identity([program(process), arguments(process)])
                .sentence(format!("{} ignores {}.", started(process), listed(&ignored)))
                .next(Next::rows_of("signal_actions", process.pid()))
                .evidence(row_of(process))
                .evidence(
                    Evidence::row("signal_actions", [("pid", process.pid().into())]).with_note("the ignored signals"),
                ),
        );
    }
}
