//! MEM-011: a stack or the heap can be executed.

use super::super::card::rule;
use super::super::facts::ProcessFacts;
use super::super::words::shown;
use super::super::{Confidence, Evidence, Facts, Report, Severity};
use super::code::{about, is_executable, mapping_at};
use super::stacks::threads;
use crate::tables::Mapping;

rule! {
    /// The main stack, the stack of a thread, or the heap has execute permission. Low if the personality of the process
    /// asks for that (`READ_IMPLIES_EXEC`), or if every process of the program has it: then the program was built so.
    "MEM-011", executable_stack_or_heap, version 1, Memory, Incubating, Medium,
    title: "A stack or the heap can be executed",
    why: "Injected data can be run from such memory at once. Compilers have not asked for it in twenty years.",
    benign: [
        "A program or library that was built without a mark for its stack (old assembly, nested functions).",
        "The personality of the process makes all readable memory executable.",
    ],
    attack: ["T1055"],
    cost: Free,
    tags: ["hygiene"],
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        if !report.look() {
            return;
        }
        let mut odd: Vec<(&Mapping, &str)> = Vec::new();
        for mapping in process.mappings().iter().filter(|mapping| is_executable(mapping)) {
            match mapping.kind {
                "stack" => odd.push((mapping, "main stack")),
                "heap" => odd.push((mapping, "heap")),
                _ => {}
            }
        }
        for (_, _, registers) in threads(process).skip(1) {
            let stack = registers.stack_pointer.and_then(|pointer| mapping_at(process, pointer.0));
            if let Some(stack) = stack.filter(|stack| is_executable(stack) && stack.kind == "anonymous")
                && !odd.iter().any(|(known, _)| known.start == stack.start)
                && odd.len() < 8
            {
                odd.push((stack, "stack of a thread"));
            }
        }
        let Some((mapping, what)) = odd.first() else { continue };
        // A runtime of the image makes the stacks of its threads together with memory for code.
        let is_threads = odd.iter().all(|(_, what)| *what == "stack of a thread");
        let is_runtimes = is_threads && super::runtime::runtime(facts, process).is_some();
        let is_personal = super::runtime::is_read_executable(process);
        let shared = siblings(facts, process) && odd.iter().all(|(_, what)| *what == "main stack");
        let severity = if is_personal
            || shared
            || is_runtimes
            || odd.iter().all(|(_, what)| *what == "main stack") && marks_none(process)
        {
            Severity::Low
        } else {
            Severity::Medium
        };
        let mut finding = about(&RULE, facts, process, mapping)
            .severity(severity)
            .confidence(Confidence::High)
            .identity([process.program.path.clone().unwrap_or_default(), (*what).into()])
            .sentence(format!(
                "The {what} of {} ({}) can be executed ({}).",
                super::thread_outside_code::lower(&process.title()),
                shown(process.program.path.as_deref().map_or(&b""[..], |path| path.as_slice())),
                mapping.permissions
            ))
            .benign(if is_personal {
                "The personality of the process makes all readable memory executable: ask who set it."
            } else {
                "A program or library that was built without a mark for its stack: `readelf -l` shows GNU_STACK with E."
            })
            .evidence(Evidence::process(process.pid()).with("personality", process.row.personality.clone()));
        for (other, _) in odd.iter().skip(1) {
            finding = finding.evidence(super::code::row(other));
        }
        report.add(finding);
    }
}

/// Whether another process runs the same program, and its stack can be executed, too.
fn siblings(facts: &Facts<'_>, process: &ProcessFacts<'_>) -> bool {
    let others = facts.living().filter(|other| other.pid() != process.pid() && other.program == process.program);
    let mut others = others.take(64).peekable();
    others.peek().is_some()
        && others.all(|other| other.mappings().iter().any(|mapping| mapping.kind == "stack" && is_executable(mapping)))
}

/// Whether all anonymous memory that the program itself asked for is executable, as for a program without any mark.
fn marks_none(process: &ProcessFacts<'_>) -> bool {
    let mut data = process.mappings().iter().filter(|mapping| matches!(mapping.kind, "heap" | "stack")).peekable();
    data.peek().is_some() && data.all(is_executable)
}
