//! MEM-019: a process does not want its memory to be looked at.

use super::super::card::rule;
use super::super::{Confidence, Evidence, Facts, Finding, Report, Severity, Subject};
use super::code::with_program;

rule! {
    /// A process cannot be dumped or traced by its own user, although its user never changed. Experimental: programs that
    /// keep secrets do this by right, and every program that changes its user has the flag, too, so it only says
    /// something beside other findings.
    "MEM-019", dumpable_off, version 1, Memory, Experimental, Info,
    title: "A process keeps others from reading its memory",
    why: "Malware switches this off to escape debuggers; keepers of secrets do it, too.",
    benign: ["Agents for keys, servers that hold keys, and browsers."],
    attack: ["T1622"],
    cost: Free,
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        if !report.look() {
            return;
        }
        let Some(dumpable) = process.row.dumpable.as_deref() else {
            report.not_checked("processes whose flag is not recorded");
            continue;
        };
        let ids = process.task.credentials();
        let is_root = ids.is_some_and(|ids| ids.uid.iter().all(|id| *id == Some(0)));
        if dumpable == "yes" || !is_root {
            report.skip();
            continue;
        }
        report.add(
            with_program(facts, process, Finding::new(&RULE, Subject::Process(process.pid())))
                .severity(Severity::Info)
                .confidence(Confidence::High)
                .identity(process.identity())
                .sentence(format!(
                    "{} does not want its memory to be looked at (dumpable: {dumpable}).",
                    process.title()
                ))
                .evidence(Evidence::process(process.pid()).with("dumpable", Some(dumpable))),
        );
    }
}
