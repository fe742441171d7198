//! PROC-025: a process with an odd priority.

use super::super::card::rule;
use super::super::facts::ProcessFacts;
use super::super::{Confidence, Facts, Finding, Next, Report, Subject};
use super::common::{arguments, program, row_of};
use crate::model::process::Thread;

rule! {
    /// A process that the kernel will never end for want of memory (-1000), though the specification does not ask for it, or
    /// one that runs only when nothing else does. Miners do both, and so do batch jobs and encoders. It is experimental for
    /// this reason: it is context and cannot be quiet.
    "PROC-025", process_limits_or_priority_odd, version 1, Process, Experimental, Info,
    title: "A process has an odd priority",
    why: "A miner protects itself, or takes only what others leave, so as not to be noticed.",
    benign: ["A batch job, an encoder, a database that protects its first process."],
    attack: ["T1496.001"],
    cost: Free,
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let init = facts.init().map(ProcessFacts::pid);
    let declared = facts.spec().spec.as_ref().and_then(|spec| spec.oom_score_adj).unwrap_or(0);
    for process in facts.living().filter(|process| Some(process.pid()) != init) {
        if !report.look() {
            return;
        }
        let protected = process.row.oom_score_adj == Some(-1000) && declared != -1000;
        let nice = process.task.leader().and_then(Thread::priority).filter(|&nice| nice == 19);
        if !protected && nice.is_none() {
            continue;
        }
        let what = if protected { "is never ended for want of memory" } else { "has the lowest priority, 19" };
        report.add(
            Finding::new(&RULE, Subject::Process(process.pid()))
                .confidence(Confidence::Low)
                .identity([program(process), arguments(process), what.into()])
                .sentence(format!("{} {what}.", process.title()))
                .next(Next::rows_of("threads", process.pid()))
                .evidence(row_of(process).with("oom_score_adj", process.row.oom_score_adj)),
        );
    }
}
