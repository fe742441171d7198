//! MEM-030: a thread was started in code that no file backs.

use super::super::card::rule;
use super::super::hits::Region;
use super::super::words::shown;
use super::super::{Confidence, Evidence, Fact, Facts, Report, Severity};
use super::code::{about, kind_words, pieces, unbacked_code, unbacked_code_at};
use super::listing::Machine;
use super::runtime::{maker, runtime};
use super::stacks::{threads, words};

rule! {
    /// The C library keeps the first function of each thread beside the thread pointer. If it lies in memory without a
    /// file, the thread was started there. Experimental: the place differs between C libraries, so every word near the
    /// thread pointer is looked at; processes with a just-in-time compiler of the image are passed over.
    "MEM-030", thread_started_in_unbacked_code, version 1, Memory, Experimental, High,
    title: "A thread was started in code that no file backs",
    why: "An injector starts a thread at the code that it wrote.",
    benign: ["A just-in-time compiler that is not known here and starts threads in compiled code."],
    attack: ["T1055"],
    cost: Memory,
    regions: [Region::Executable, Region::Stacks],
    check: check,
}

/// Bytes that the C library keeps of a thread, on either side of the thread pointer.
const KEPT: u64 = 2304;

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        if !report.look() {
            return;
        }
        if process.program.memfd || unbacked_code(process).next().is_none() {
            continue;
        }
        let Some(machine) = Machine::of(process).filter(|_| runtime(facts, process).is_none()) else {
            report.skip();
            continue;
        };
        let Some(space) = facts.space(process.pid()) else { continue };
        for (tid, name, registers) in threads(process).skip(1) {
            let Some(pointer) = registers.tls.map(|pointer| pointer.0).filter(|pointer| *pointer > KEPT) else {
                continue;
            };
            let known = pieces(&space, pointer.saturating_sub(KEPT) & !7, pointer.saturating_add(KEPT));
            if known.is_empty() {
                report.not_checked("threads whose data of the C library is not in the archive");
            }
            let all = known.iter().flat_map(|(start, bytes)| words(*start, bytes, machine.word()));
            let start =
                all.into_iter().find_map(|(slot, value)| Some((slot, value, unbacked_code_at(process, value)?)));
            let start = start.filter(|(_, _, mapping)| maker(facts, process, mapping).is_none());
            let Some((slot, value, mapping)) = start else { continue };
            report.add(
                about(&RULE, facts, process, mapping)
                    .severity(Severity::High)
                    .confidence(Confidence::Medium)
                    .identity(process.identity())
                    .sentence(format!(
                        "Thread {tid} ({}) of {} was started in {} ({}).",
                        shown(name),
                        super::thread_outside_code::lower(&process.title()),
                        kind_words(mapping),
                        mapping.permissions
                    ))
                    .thread(tid)
                    .evidence(
                        Evidence::memory(facts, process.pid(), slot, machine.word())
                            .with("target", Some(Fact::Address(value)))
                            .with_text(machine.listing(value, &super::code::bytes_at(&space, value, 32), 4)),
                    ),
            );
        }
    }
}
