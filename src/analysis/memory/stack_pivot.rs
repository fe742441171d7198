//! MEM-009: a stack pointer is where no stack is.

use super::super::card::rule;
use super::super::hits::Region;
use super::super::words::shown;
use super::super::{Confidence, Evidence, Fact, Facts, Finding, Report, Severity, Subject};
use super::code::{is_executable, mapping_at, row, with_program};
use super::stacks::threads;
use super::thread_outside_code::lower;

rule! {
    /// The stack pointer of a thread is in no memory, in code, or in the data of a file. Stacks elsewhere in anonymous
    /// memory are ordinary: threads, coroutines, signal handlers and languages with light threads have them there, so
    /// those do not count. A stack that is executable is MEM-011's.
    "MEM-009", stack_pivot, version 1, Memory, Experimental, Medium,
    title: "A thread's stack is where no stack should be",
    why: "An exploit moves the stack pointer to data of its own, so that returns lead from one piece of code to the next.",
    benign: ["Coroutines whose stacks are arrays in the data of the program."],
    attack: ["T1203", "T1055"],
    cost: Free,
    regions: [Region::Stacks],
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        if process.mappings().is_empty() {
            report.not_checked("processes without a list of mappings");
            continue;
        }
        for (tid, name, registers) in threads(process) {
            if !report.look() {
                return;
            }
            let Some(pointer) = registers.stack_pointer.map(|pointer| pointer.0) else { continue };
            let mapping = mapping_at(process, pointer);
            let place = match mapping {
                None => "in no memory",
                Some(mapping) if mapping.kind == "stack" => continue,
                Some(mapping) if is_executable(mapping) => "in memory that can be executed",
                Some(mapping) if mapping.kind == "file" => "in the data of a file",
                Some(_) => continue,
            };
            let row = mapping.map(row);
            let thread = Evidence::row("threads", [("pid", process.pid().into()), ("tid", Fact::from(tid.0))])
                .with("stack_pointer", Some(Fact::Address(pointer)));
            let mut finding = with_program(facts, process, Finding::new(&RULE, Subject::Process(process.pid())))
                .severity(Severity::Medium)
                .confidence(Confidence::Medium)
                .identity(process.identity().into_iter().chain([place.into()]))
                .sentence(format!(
                    "The stack of thread {tid} ({}) of {} is {place}.",
                    shown(name),
                    lower(&process.title())
                ))
                .thread(tid)
                .evidence(thread);
            if let Some(row) = row {
                finding = finding.evidence(row);
            }
            report.add(finding);
        }
    }
}
