//! MEM-010: shapes of injected code in memory.

use bstr::BString;
use sha2::{Digest as _, Sha256};

use super::super::card::rule;
use super::super::facts::ProcessFacts;
use super::super::hits::Region;
use super::super::vocabulary::is_public;
use super::super::words::{listed, size};
use super::super::{Confidence, Evidence, Facts, Report, Severity};
use super::code::{about, is_executable, is_unbacked, kind_words, len, mapping_at, pieces};
use super::listing::Machine;
use super::runtime::runtime;
use super::shapes::{Shape, shapes, telling};
use super::stacks::threads;
use crate::memory::STACK;
use crate::tables::Mapping;

rule! {
    /// Code that is written to run wherever it lies: it starts a shell, creates a socket and connects, asks for memory
    /// for its next stage, finds its own address or decodes itself. Looked for in executable memory without a file and
    /// on stacks. Addresses and ports in the code are told. Shapes that also occur by chance count only close to others.
    /// Many different shapes in one place are a database of signatures, and not an attack.
    "MEM-010", shellcode_pattern, version 1, Memory, Stable, High,
    title: "Memory has the shapes of injected code",
    why: "No compiler writes code like this. It is what an exploit or an injector brings along.",
    benign: ["A security tool or its database of signatures, or an exercise: it would not be in executable memory."],
    attack: ["T1055", "T1059"],
    cost: Memory,
    regions: [Region::Executable, Region::Stacks],
    check: check,
}

/// A shape with its address.
struct Found {
    address: u64,
    shape: Shape,
    code: Vec<u8>,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        let Some(machine) = Machine::of(process) else {
            report.not_checked("processes of machines whose code is not understood");
            continue;
        };
        let Some(space) = facts.space(process.pid()) else { continue };
        for mapping in process.mappings().iter().filter(|mapping| is_executable(mapping) && is_unbacked(mapping)) {
            if !report.look() {
                return;
            }
            if mapping.recorded_bytes == 0 {
                report.not_checked("executable memory without recorded pages");
                continue;
            }
            let found = look(machine, &pieces(&space, mapping.start.0, mapping.end.0));
            add(facts, report, process, mapping, machine, &found);
        }
        for (_, _, registers) in threads(process) {
            let Some(pointer) = registers.stack_pointer.map(|pointer| pointer.0) else { continue };
            let Some(mapping) = mapping_at(process, pointer).filter(|mapping| !is_executable(mapping)) else {
                continue;
            };
            if !report.look() {
                return;
            }
            let end = pointer.saturating_add(STACK).min(mapping.end.0);
            let mut found = look(machine, &pieces(&space, pointer, end));
            // A stack has numbers of every kind. One shape of a few bytes may be chance.
            if found.iter().map(|found| found.shape.what).collect::<std::collections::HashSet<_>>().len() < 2 {
                found.clear();
            }
            add(facts, report, process, mapping, machine, &found);
        }
    }
}

fn look(machine: Machine, pieces: &[(u64, Vec<u8>)]) -> Vec<Found> {
    let mut found = Vec::new();
    for (start, bytes) in pieces {
        let all = shapes(machine, bytes);
        for shape in telling(&all) {
            let code = bytes.get(shape.offset..shape.offset.saturating_add(48).min(bytes.len())).unwrap_or_default();
            let address = start.saturating_add(crate::int::u64_of(shape.offset));
            found.push(Found { address, shape: shape.clone(), code: code.to_vec() });
        }
    }
    found
}

fn add(
    facts: &Facts<'_>,
    report: &mut Report<'_>,
    process: &ProcessFacts<'_>,
    mapping: &Mapping,
    machine: Machine,
    found: &[Found],
) {
    /// Shapes in a database of signatures.
    const MANY: usize = 20;
    if found.is_empty() {
        return;
    }
    let is_code = is_executable(mapping);
    let is_database = found.len() > MANY && len(mapping) <= 4 << 20;
    let runs = runtime(facts, process);
    let stands = threads(process).any(|(_, _, registers)| {
        registers.instruction_pointer.is_some_and(|ip| (mapping.start.0..mapping.end.0).contains(&ip.0))
    });
    // In megabytes of compiled code a shape of five bytes may be chance.
    let is_weak = runs.is_some() && found.len() < 2 && len(mapping) > 256 << 10;
    let severity = match (is_code, is_database) {
        (true, false) if is_weak => Severity::Low,
        (true, false) if stands => Severity::Critical,
        (true, false) => Severity::High,
        (true, true) | (false, false) => Severity::Medium,
        (false, true) => Severity::Info,
    };
    let mut what: Vec<&str> = Vec::new();
    for one in found {
        if !what.contains(&one.shape.what) && what.len() < 5 {
            what.push(one.shape.what);
        }
    }
    let destinations: Vec<String> = found
        .iter()
        .filter_map(|one| one.shape.destination)
        .map(|(address, port)| format!("{address}:{port}"))
        .collect();
    let mut sentence = format!(
        "{} has code in {} of {} ({}) that {}",
        process.title(),
        size(len(mapping)),
        kind_words(mapping),
        mapping.permissions,
        listed(&what)
    );
    if let Some(first) = destinations.first() {
        let public = found.iter().filter_map(|one| one.shape.destination).any(|(address, _)| is_public(address.into()));
        super::super::words::add(
            &mut sentence,
            format_args!("; it is made for {first}{}", if public { ", a public address" } else { "" }),
        );
    }
    sentence.push('.');
    let mut hash = Sha256::new();
    for one in found {
        hash.update(&one.code);
    }
    let mut finding = about(&RULE, facts, process, mapping)
        .severity(severity)
        .confidence(if found.len() > 1 && is_code { Confidence::High } else { Confidence::Medium })
        .identity([
            process.program.path.clone().unwrap_or_default(),
            BString::from(data_encoding::HEXLOWER.encode(&hash.finalize())),
        ])
        .sentence(sentence)
        .benign(if is_database {
            "A database of signatures, as security tools have: many different shapes stand close together."
        } else {
            "An exercise or a test of a security tool: ask who runs it. Ordinary programs do not have such code."
        });
    for one in found.iter().take(8) {
        let mut evidence = Evidence::memory(facts, process.pid(), one.address, crate::int::u64_of(one.code.len()))
            .with_text(machine.listing(one.address, &one.code, 8))
            .with_note(format!("code that {}", one.shape.what));
        if let Some((address, port)) = one.shape.destination {
            evidence = evidence.with("destination", Some(address.to_string())).with("port", Some(port));
        }
        finding = finding.evidence(evidence);
    }
    report.add(finding);
}
