//! MEM-005: a table of functions of a program or library leads into memory without a file.

use std::collections::HashSet;

use bstr::BString;

use super::super::card::rule;
use super::super::facts::{ProcessFacts, without_deleted};
use super::super::hits::Region;
use super::super::words::{count, shown};
use super::super::{Confidence, Evidence, Fact, Facts, Link, Report, Severity};
use super::code::{about, is_executable, kind_words, pieces, unbacked_code, unbacked_code_at};
use super::listing::Machine;
use super::no_call::is_no_call;
use super::runtime::{runtime, small_maker};
use super::stacks::words;
use crate::tables::Mapping;

rule! {
    /// A pointer in the data of a program or library, or in what lies right behind that of the program, leads into
    /// executable memory that no file backs. Such data has the tables through which functions of other libraries are called, and hooks for memory and input: whoever changes
    /// one is called in place of the honest function. Only processes with such memory are looked at, and not those with a
    /// just-in-time compiler of the image. A pointer to zeros, and one to a free chunk that points back to it, as the allocator
    /// keeps them, is no function. Data that the dynamic loader protects after its work (RELRO) is never
    /// written to later: a hook there is worse.
    "MEM-005", got_plt_hook, version 2, Memory, Incubating, High,
    title: "A function table points into memory that no file backs",
    why: "A changed pointer in these tables redirects every call of a function, without a change to code.",
    benign: ["A library that makes small pieces of code for callbacks and keeps pointers to them."],
    attack: ["T1574", "T1056.004", "T1014"],
    cost: Memory,
    regions: [Region::FileData, Region::Protected, Region::Executable, Region::Loader],
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        let mut codes = unbacked_code(process).peekable();
        if process.program.memfd || codes.peek().is_none() {
            continue;
        }
        if runtime(facts, process).is_some() {
            report.skip();
            continue;
        }
        let (Some(machine), Some(space)) = (Machine::of(process), facts.space(process.pid())) else { continue };
        // Small pieces of code for callbacks are pointed to by right.
        let callbacks: HashSet<u64> = codes
            .filter(|code| {
                let head = super::code::bytes_at(&space, code.start.0, 4096);
                small_maker(facts, process, code, &head).is_some()
            })
            .map(|code| code.start.0)
            .collect();
        for (mapping, path) in data(process) {
            if !report.look() {
                return;
            }
            let known = pieces(&space, mapping.start.0, mapping.end.0);
            if known.is_empty() && mapping.kind == "file" {
                report.not_checked("data of libraries whose bytes are missing");
            }
            let all = known.iter().flat_map(|(start, bytes)| words(*start, bytes, machine.word()));
            let hooks: Vec<(u64, u64)> = all
                .filter(|(_, value)| {
                    unbacked_code_at(process, *value).is_some_and(|code| {
                        // A module in shared memory points to itself: the loader wrote that.
                        !callbacks.contains(&code.start.0) && (code.path.is_empty() || code.path != *path)
                    })
                })
                .filter(|(slot, value)| !is_no_call(&space, mapping, *slot, *value))
                .take(32)
                .collect();
            if !hooks.is_empty() {
                found(facts, report, process, mapping, path, &hooks, machine);
            }
        }
    }
}

/// The data of the program and of libraries, each with the path of its file: what is mapped from the file, and of the program
/// also what begins as zeros and lies right behind it.
fn data<'f>(process: &'f ProcessFacts<'_>) -> impl Iterator<Item = (&'f Mapping, &'f BString)> {
    let mut before: Option<&Mapping> = None;
    process.mappings().iter().filter_map(move |mapping| {
        let last = before.replace(mapping);
        if is_executable(mapping) || mapping.recorded_bytes == 0 {
            return None;
        }
        match mapping.kind {
            "file" => Some((mapping, &mapping.path)),
            "anonymous" => {
                let last = last.filter(|last| last.kind == "file" && last.end.0 == mapping.start.0)?;
                // Libraries with compilers of their own keep pointers to what they made there.
                let is_own = super::code::is_writable(last) && super::code::is_program(process, last);
                is_own.then_some((mapping, &last.path))
            }
            _ => None,
        }
    })
}

fn found(
    facts: &Facts<'_>,
    report: &mut Report<'_>,
    process: &ProcessFacts<'_>,
    mapping: &Mapping,
    path: &BString,
    hooks: &[(u64, u64)],
    machine: Machine,
) {
    let (path, _) = without_deleted(path);
    let code = hooks.first().and_then(|(_, target)| unbacked_code_at(process, *target));
    let is_protected = !super::code::is_writable(mapping);
    let mut finding = about(&RULE, facts, process, mapping)
        .severity(Severity::High)
        .confidence(if is_protected { Confidence::High } else { Confidence::Medium })
        .identity([process.program.path.clone().unwrap_or_default(), BString::from(path)])
        .sentence(format!(
            "In {}, {} in the data of {} {} into {}{}.",
            super::thread_outside_code::lower(&process.title()),
            count(hooks.len(), "pointer"),
            shown(path),
            if hooks.len() == 1 { "leads" } else { "lead" },
            code.map_or("memory without a file", kind_words),
            if is_protected && mapping.kind == "file" {
                "; nothing writes to that data once a program runs"
            } else {
                ""
            },
        ))
        .path(path)
        .link(Link::Path(path.into()));
    let space = facts.space(process.pid());
    for (slot, target) in hooks.iter().take(6) {
        let code = space.as_ref().map(|space| super::code::bytes_at(space, *target, 32)).unwrap_or_default();
        let offset = slot.saturating_sub(mapping.start.0).saturating_add(mapping.offset);
        finding = finding.evidence(
            Evidence::memory(facts, process.pid(), *slot, machine.word())
                .with("target", Some(Fact::Address(*target)))
                .with("file_offset", Some(offset))
                .with_text(machine.listing(*target, &code, 4))
                .with_note("the pointer, and the code it leads to"),
        );
    }
    report.add(finding);
}
