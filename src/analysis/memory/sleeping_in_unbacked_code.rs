//! MEM-029: a thread waits on behalf of code that no file backs.

use super::super::card::rule;
use super::super::hits::Region;
use super::super::words::{counted, shown};
use super::super::{Confidence, Evidence, Fact, Facts, Report, Severity};
use super::code::{about, kind_words, mapping_at, unbacked_code};
use super::listing::Machine;
use super::runtime::{looks_compiled, maker, runtime};
use super::stacks::returns;

rule! {
    /// The stack of a thread leads back into memory without a file: anonymous memory, a memfd, shared memory. A word on
    /// the stack counts only if it points behind a call. Injected code that sleeps or waits calls the C library, so the
    /// thread itself stands in honest code, and only its stack tells on whose behalf. Processes with a just-in-time
    /// compiler of the image, and programs that are memfds themselves, are passed over.
    "MEM-029", sleeping_in_unbacked_code, version 1, Memory, Incubating, High,
    title: "A sleeping thread was called by code that no file backs",
    why: "Implants sleep most of the time, in the C library. Their return addresses give them away.",
    benign: ["A just-in-time compiler that is not known here: it would be in the program or in one of its libraries."],
    attack: ["T1055", "T1620"],
    cost: Memory,
    tags: ["fileless"],
    regions: [Region::Executable, Region::Stacks],
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        if !report.look() {
            return;
        }
        if process.program.memfd || unbacked_code(process).next().is_none() {
            continue;
        }
        if runtime(facts, process).is_some() {
            report.skip();
            continue;
        }
        let Some(machine) = Machine::of(process) else {
            report.not_checked("processes of machines whose code is not understood");
            continue;
        };
        let Some(space) = facts.space(process.pid()) else { continue };
        let (found, unread) = returns(process, &space, machine);
        if unread > 0 {
            report.not_checked("stacks that are not in the archive");
        }
        let Some(first) = found.first() else { continue };
        let Some(mapping) = mapping_at(process, first.mapping) else { continue };
        if maker(facts, process, mapping).is_some() {
            report.skip();
            continue;
        }
        // One word may be left over from anything; several, or one at the very top, are a chain of calls.
        let severity = match found.len() {
            _ if looks_compiled(facts, process, mapping) => Severity::Medium,
            1 => Severity::Medium,
            _ => Severity::High,
        };
        let mut identity = process.identity();
        identity.extend([kind_words(mapping).into(), mapping.permissions.as_str().into()]);
        let mut finding = about(&RULE, facts, process, mapping)
            .severity(severity)
            .confidence(if found.len() >= 2 { Confidence::High } else { Confidence::Medium })
            .identity(identity)
            .sentence(format!(
                "Thread {} ({}) of {} waits on behalf of code in {} ({}): {} on its stack lead there.",
                first.tid,
                shown(&first.name),
                super::thread_outside_code::lower(&process.title()),
                kind_words(mapping),
                mapping.permissions,
                counted(found.len(), ["return address", "return addresses"]),
            ))
            .thread(first.tid);
        for word in found.iter().take(6) {
            let code = super::code::bytes_at(&space, word.target, 32);
            finding = finding.evidence(
                Evidence::memory(facts, process.pid(), word.slot, machine.word())
                    .with("target", Some(Fact::Address(word.target)))
                    .with_text(machine.listing(word.target, &code, 4))
                    .with_note("a return address, and the code it leads to"),
            );
        }
        report.add(finding);
    }
}
