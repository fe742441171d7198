//! MEM-003: anonymous memory that can be executed.

use super::super::card::rule;
use super::super::facts::ProcessFacts;
use super::super::hits::Region;
use super::super::words::{count, shown, size};
use super::super::{Confidence, Evidence, Facts, Report, Severity};
use super::code::{about, is_writable, len, pieces, sha256, unbacked_code};
use super::listing::{Machine, Syscall};
use super::runtime::{Runtime, is_read_executable, looks_compiled, runtime, small_maker};
use super::shapes::{shapes, telling};
use crate::tables::Mapping;

rule! {
    /// Private anonymous memory with execute permission and recorded pages. Just-in-time compilers have such memory
    /// honestly: if a runtime that is known for it belongs to the image and is mapped, all such memory of a process is
    /// one line of information. Libraries that build small pieces of code (libffi, PCRE) count if the memory looks like
    /// their work. Memory that makes system calls by itself, or has shapes of injected code, is never passed over. Stacks
    /// and heaps are MEM-011's, shared memory is MEM-016's, memfds are MEM-006's.
    "MEM-003", anonymous_executable, version 1, Memory, Stable, Medium,
    title: "Anonymous memory can be executed",
    why: "Code comes from files. Code in anonymous memory was made by a compiler in the process, or was injected.",
    benign: [
        "A just-in-time compiler: its runtime belongs to the image.",
        "A library that builds small pieces of code, as libffi, PCRE and graphics drivers do.",
    ],
    attack: ["T1055", "T1620"],
    cost: Memory,
    regions: [Region::Executable],
    check: check,
}

/// What memory looks like from inside.
#[derive(Default)]
struct Contents {
    known: u64,
    zeros: u64,
    syscalls: Vec<(u64, Syscall)>,
    shapes: Vec<(u64, &'static str)>,
    head: Vec<u8>,
    starts: usize,
    entropy: f64,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        let mut runs: Option<Option<Runtime>> = None;
        for mapping in unbacked_code(process).filter(|mapping| mapping.kind == "anonymous") {
            if !report.look() {
                return;
            }
            if mapping.recorded_bytes == 0 {
                report.not_checked("executable memory without recorded pages");
                continue;
            }
            let runs = runs.get_or_insert_with(|| runtime(facts, process)).clone();
            found(facts, report, process, mapping, runs);
        }
    }
}

fn found(
    facts: &Facts<'_>,
    report: &mut Report<'_>,
    process: &ProcessFacts<'_>,
    mapping: &Mapping,
    runs: Option<Runtime>,
) {
    let machine = Machine::of(process);
    let contents = contents(facts, process, mapping, machine);
    let small = small_maker(facts, process, mapping, &contents.head);
    // By chance, one call of the kernel may seem to be in megabytes of code.
    let calls = contents.syscalls.len() >= 2 || (contents.syscalls.len() == 1 && contents.known <= 64 << 10);
    let is_odd = calls || !contents.shapes.is_empty();
    let is_writable = is_writable(mapping);
    let maker = runs.or(small);
    let severity = match (&maker, is_odd) {
        (Some(_), false) => Severity::Info,
        (_, true) => Severity::Medium,
        (None, false) if is_read_executable(process) || looks_compiled(facts, process, mapping) => Severity::Low,
        (None, false) if is_writable => Severity::Medium,
        (None, false) => Severity::Low,
    };
    let mut identity = process.identity();
    match &maker {
        Some(maker) if !is_odd => identity.push(maker.name.into()),
        _ => identity.extend([mapping.permissions.as_str().into(), size(len(mapping)).into()]),
    }
    let mut sentence = format!(
        "{} has {} of anonymous memory that can be {}executed ({})",
        process.title(),
        size(len(mapping)),
        if is_writable { "written and " } else { "" },
        mapping.permissions
    );
    match (&maker, is_odd) {
        (Some(maker), false) => {
            super::super::words::add(&mut sentence, format_args!("; {} makes such memory", maker.name));
        }
        (Some(maker), true) => super::super::words::add(
            &mut sentence,
            format_args!("; {} makes such memory, but this makes system calls by itself", maker.name),
        ),
        (None, true) if calls => super::super::words::add(
            &mut sentence,
            format_args!("; {} in it", count(contents.syscalls.len(), "system call")),
        ),
        (None, true) => sentence.push_str("; it has shapes of injected code"),
        (None, false) => sentence.push_str(", and no runtime that makes such memory is known to be in it"),
    }
    sentence.push('.');
    let benign = match &maker {
        Some(maker) => format!("{} compiles code as it runs: {} belongs to the image.", maker.name, shown(&maker.file)),
        None => {
            "A just-in-time compiler that is not known here: it would be in the program or in one of its libraries."
                .to_owned()
        }
    };
    let bytes = Evidence::memory(facts, process.pid(), mapping.start.0, len(mapping))
        .with("known_bytes", Some(contents.known))
        .with("zero_bytes", Some(contents.zeros))
        .with("entropy", Some(format!("{:.2}", contents.entropy)))
        .with("function_starts", Some(crate::int::u64_of(contents.starts)))
        .with("kernel_calls", Some(crate::int::u64_of(contents.syscalls.len())))
        .with_sha256(facts.space(process.pid()).and_then(|space| sha256(&space, mapping.start.0, mapping.end.0)));
    let bytes = match machine {
        Some(machine) => {
            bytes.with_text(machine.listing(mapping.start.0, contents.head.get(..96).unwrap_or(&contents.head), 12))
        }
        None => bytes,
    };
    let mut finding = about(&RULE, facts, process, mapping)
        .severity(severity)
        .confidence(if is_odd { Confidence::High } else { Confidence::Medium })
        .identity(identity)
        .sentence(sentence)
        .benign(benign)
        .evidence(bytes);
    if is_odd {
        for (address, call) in contents.syscalls.iter().take(4) {
            let evidence = Evidence::memory(facts, process.pid(), address.saturating_sub(8), 16);
            finding = finding.evidence(evidence.with_note(format!("a system call with number {}", call.number)));
        }
    }
    if maker.is_some() {
        finding = finding.tag("jit");
    }
    report.add(finding);
}

fn contents(facts: &Facts<'_>, process: &ProcessFacts<'_>, mapping: &Mapping, machine: Option<Machine>) -> Contents {
    let mut contents = Contents::default();
    let Some(space) = facts.space(process.pid()) else { return contents };
    let mut counts = [0_u64; 256];
    for (address, bytes) in pieces(&space, mapping.start.0, mapping.end.0) {
        contents.known = contents.known.saturating_add(crate::int::u64_of(bytes.len()));
        for &byte in &bytes {
            if let Some(count) = counts.get_mut(usize::from(byte)) {
                *count = count.saturating_add(1);
            }
        }
        if let Some(machine) = machine {
            let at = |offset: usize| address.saturating_add(crate::int::u64_of(offset));
            contents.syscalls.extend(machine.syscalls(&bytes).into_iter().map(|call| (at(call.offset), call)));
            let all = shapes(machine, &bytes);
            contents.shapes.extend(telling(&all).into_iter().map(|shape| (at(shape.offset), shape.what)));
        }
        contents.starts = contents.starts.saturating_add(starts(&bytes));
        if contents.head.is_empty() {
            contents.head = bytes.get(..4096).unwrap_or(&bytes).to_vec();
        }
    }
    contents.zeros = counts.first().copied().unwrap_or(0);
    contents.entropy = entropy(&counts);
    contents
}

/// Beginnings of functions as compilers write them.
fn starts(bytes: &[u8]) -> usize {
    const STARTS: [&[u8]; 3] = [b"\xf3\x0f\x1e\xfa", b"\x55\x48\x89\xe5", b"\xfd\x7b\xbf\xa9"];
    STARTS.iter().map(|start| memchr::memmem::find_iter(bytes, start).count()).fold(0, usize::saturating_add)
}

/// Bits of information in a byte.
fn entropy(counts: &[u64; 256]) -> f64 {
    let total = counts.iter().fold(0_u64, |sum, count| sum.saturating_add(*count));
    let float = |number: u64| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    if total == 0 {
        return 0.0;
    }
    let bits = counts.iter().filter(|count| **count > 0).map(|&count| {
        let share = float(count) / float(total);
        -share * share.log2()
    });
    bits.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_is_between_nothing_and_eight_bits() {
        assert!(entropy(&[0; 256]) == 0.0 && (entropy(&[4; 256]) - 8.0).abs() < 1e-9);
        let mut one = [0; 256];
        one[7] = 100;
        assert!(entropy(&one).abs() < 1e-9);
    }

    #[test]
    fn functions_begin_as_compilers_write_them() {
        assert_eq!(starts(b"\xf3\x0f\x1e\xfa\x55\x48\x89\xe5\x90"), 2);
        assert_eq!(starts(b""), 0);
    }
}
