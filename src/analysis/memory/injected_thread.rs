//! MEM-021: a thread that no other process of the same program has.

use std::collections::HashMap;

use bstr::BString;

use super::super::card::rule;
use super::super::facts::ProcessFacts;
use super::super::words::shown;
use super::super::{Confidence, Evidence, Facts, Finding, Next, Report, Severity, Subject};
use super::code::{mapping_at, with_program};
use super::stacks::threads;

rule! {
    /// One process of a program has a second thread, while at least three others of the same program have one each, and
    /// the C library does not know of the thread: it has no list of robust locks, but the main thread has one.
    /// Experimental: only measured on few programs.
    "MEM-021", injected_thread, version 1, Memory, Experimental, Medium,
    title: "A process has a thread that others of its program do not have",
    why: "A thread that was created from outside does not begin like one of the C library.",
    benign: ["A master process with a thread for its logs, or a worker that waits for a library's helper."],
    attack: ["T1055.008"],
    cost: Free,
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    const SIBLINGS: usize = 3;
    let mut by_program: HashMap<BString, Vec<&ProcessFacts<'_>>> = HashMap::new();
    for process in facts.living() {
        by_program.entry(process.program.path.clone().unwrap_or_default()).or_default().push(process);
    }
    for (program, all) in by_program {
        let single = all.iter().filter(|process| process.task.threads.len() == 1).count();
        for process in all.iter().filter(|process| process.task.threads.len() > 1) {
            if !report.look() {
                return;
            }
            if single < SIBLINGS || single.saturating_add(1) < all.len() {
                report.skip();
                continue;
            }
            let lists: Vec<u64> = process
                .task
                .threads
                .iter()
                .map(|thread| thread.own().map_or(0, |own| own.futex_rla.unwrap_or(0)))
                .collect();
            let main_has = lists.first().is_some_and(|list| *list != 0);
            for (place, (tid, name, registers)) in threads(process).enumerate().skip(1) {
                if !main_has || lists.get(place).is_none_or(|list| *list != 0) {
                    continue;
                }
                let stack = registers.stack_pointer.and_then(|pointer| mapping_at(process, pointer.0));
                let mut finding = with_program(facts, process, Finding::new(&RULE, Subject::Process(process.pid())))
                    .severity(Severity::Medium)
                    .confidence(Confidence::Low)
                    .identity([program.clone(), name.into()])
                    .sentence(format!(
                        "{} has thread {tid} ({}), which the C library does not know and no other process of the program has.",
                        process.title(),
                        shown(name)
                    ))
                    .thread(tid)
                    .next(Next::rows_of("threads", process.pid()))
                    .evidence(Evidence::row("threads", [("pid", process.pid().into()), ("tid", tid.0.into())]));
                if let Some(stack) = stack {
                    finding = finding.evidence(super::code::row(stack).with_note("its stack"));
                }
                report.add(finding);
            }
        }
    }
}
