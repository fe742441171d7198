//! MEM-017: protections of memory are switched off.

use super::super::card::rule;
use super::super::words::{listed, shown};
use super::super::{Confidence, Evidence, Facts, Finding, Next, Report, Severity, Subject};
use super::code::{is_program, with_program};

rule! {
    /// The personality of a process switches off random addresses (`ADDR_NO_RANDOMIZE`), makes all readable memory
    /// executable (`READ_IMPLIES_EXEC`), or maps page 0 (`MMAP_PAGE_ZERO`); or a position-independent program lies where the
    /// kernel puts it without random addresses.
    "MEM-017", aslr_or_nx_disabled, version 1, Memory, Incubating, Low,
    title: "Memory protections are off for a process",
    why: "Exploits need known addresses or executable data. Services have no reason to ask for either.",
    benign: [
        "Tests and builds run under `setarch -R`, and some Lisp systems start themselves again without random addresses.",
        "A debugger starts programs without random addresses.",
    ],
    attack: ["T1211"],
    cost: Free,
    tags: ["hygiene"],
    check: check,
}

/// Where the kernel puts a position-independent program of 64-bit x86 without random addresses.
const FIXED: u64 = 0x5555_5555_4000;

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    const BITS: [&str; 3] = ["ADDR_NO_RANDOMIZE", "READ_IMPLIES_EXEC", "MMAP_PAGE_ZERO"];
    for process in facts.living() {
        if !report.look() {
            return;
        }
        let names = process.row.personality_names.as_deref();
        if names.is_none() {
            report.not_checked("processes whose personality is not recorded");
        }
        let mut odd: Vec<&str> =
            names.unwrap_or_default().iter().filter_map(|name| BITS.into_iter().find(|bit| name == bit)).collect();
        let first = process.mappings().iter().find(|mapping| is_program(process, mapping));
        if first.is_some_and(|first| first.start.0 == FIXED) && odd.is_empty() {
            odd.push("its program lies at the fixed address");
        }
        if odd.is_empty() {
            continue;
        }
        report.add(
            with_program(facts, process, Finding::new(&RULE, Subject::Process(process.pid())))
                .severity(Severity::Low)
                .confidence(Confidence::High)
                .identity([process.program.path.clone().unwrap_or_default(), odd.join(" ").into()])
                .sentence(format!(
                    "{} runs {} with protections of memory switched off: {}.",
                    process.title(),
                    shown(process.program.path.as_ref().map_or(&b""[..], |path| path.as_slice())),
                    listed(&odd)
                ))
                .next(Next::rows_of("processes", process.pid()))
                .evidence(
                    Evidence::process(process.pid())
                        .with("personality", process.row.personality.clone())
                        .with("path", process.row.path.as_ref()),
                ),
        );
    }
}
