//! PROC-022: a branch of the process tree that does not belong to the command of the container.

use super::super::card::rule;
use super::super::words::shown;
use super::super::{Confidence, Facts, Finding, Next, Report, Subject};
use super::common::{arguments, program, row_of};

rule! {
    /// A child of the first process that runs another program, in another session. Services that start helpers and
    /// supervisors have many, so this is useful only in comparison with an earlier checkpoint. It is experimental for this
    /// reason: it cannot be quiet.
    "PROC-022", unexpected_child_of_init, version 1, Process, Experimental, Info,
    title: "Another program runs in its own session below process 1",
    why: "Processes whose parent has ended become children of the first process.",
    benign: ["A supervisor or a service that starts helpers."],
    attack: ["T1036.009"],
    cost: Free,
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let Some(init) = facts.init() else { return };
    for process in facts.living().filter(|process| process.pid() != init.pid()) {
        if !report.look() {
            return;
        }
        let is_child = process.row.parent == Some(init.pid().0) || process.row.parent == Some(0);
        let is_other = process.program.path != init.program.path && process.row.session != init.row.session;
        if !is_child || !is_other {
            continue;
        }
        report.add(
            Finding::new(&RULE, Subject::Process(process.pid()))
                .confidence(Confidence::Low)
                .identity([program(process), arguments(process)])
                .sentence(format!(
                    "{} runs {} in a session of its own, below the first process.",
                    process.title(),
                    shown(&program(process))
                ))
                .next(Next::Inspect)
                .evidence(row_of(process).with("session", process.row.session)),
        );
    }
}
