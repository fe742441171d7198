//! MEM-015: the code that the kernel maps into processes differs in one of them.

use std::collections::HashMap;

use super::super::card::rule;
use super::super::facts::ProcessFacts;
use super::super::hits::Region;
use super::super::words::{count, counted};
use super::super::{Confidence, Evidence, Facts, Report, Severity};
use super::code::{about, bytes_at, len};
use super::copies::{differences, was_restored};
use super::listing::Machine;
use crate::tables::Mapping;

rule! {
    /// The kernel maps the same code, the vDSO, into every process of a machine. A process whose vDSO differs from that
    /// of the others was tampered with. Only those of the same size and width are compared. A process that was restored
    /// from a checkpoint may have a changed one by right.
    "MEM-015", vdso_modified, version 1, Memory, Incubating, High,
    title: "The vDSO of a process was changed",
    why: "Each call for the time of day runs this code, and no file has it: a hook there is seen by no check of files.",
    benign: ["The process was restored from a checkpoint on another kernel."],
    attack: ["T1055.014"],
    cost: Memory,
    regions: [Region::Vdso],
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    // By size and width: each version, with the processes that have it.
    type Versions<'f, 'c> = HashMap<Vec<u8>, Vec<(&'f ProcessFacts<'c>, &'f Mapping)>>;
    let mut all: HashMap<(u64, Option<Machine>), Versions<'_, '_>> = HashMap::new();
    for process in facts.living() {
        for mapping in process.mappings().iter().filter(|mapping| mapping.kind == "vdso") {
            if !report.look() {
                return;
            }
            let bytes = facts.space(process.pid()).map(|space| bytes_at(&space, mapping.start.0, len(mapping)));
            let Some(bytes) = bytes.filter(|bytes| crate::int::u64_of(bytes.len()) == len(mapping)) else {
                report.not_checked("the kernel's code is not in the archive");
                continue;
            };
            let group = all.entry((len(mapping), Machine::of(process))).or_default();
            group.entry(bytes).or_default().push((process, mapping));
        }
    }
    for versions in all.values() {
        let Some((usual, most)) =
            versions.iter().max_by_key(|(bytes, having)| (having.len(), std::cmp::Reverse(*bytes)))
        else {
            continue;
        };
        if versions.len() < 2 {
            continue;
        }
        for (bytes, having) in versions.iter().filter(|(bytes, _)| *bytes != usual) {
            let is_clear = most.len() >= 2 && having.len() < most.len();
            for (process, mapping) in having {
                found(facts, report, process, mapping, bytes, usual, is_clear.then_some(most.len()));
            }
        }
    }
}

fn found(
    facts: &Facts<'_>,
    report: &mut Report<'_>,
    process: &ProcessFacts<'_>,
    mapping: &Mapping,
    bytes: &[u8],
    usual: &[u8],
    others: Option<usize>,
) {
    let spans = differences(usual, bytes, 8);
    let severity = match others {
        _ if was_restored(facts) => Severity::Low,
        Some(_) => Severity::High,
        None => Severity::Medium,
    };
    let mut finding = about(&RULE, facts, process, mapping)
        .severity(severity)
        .confidence(if others.is_some() { Confidence::High } else { Confidence::Low })
        .identity(process.identity())
        .sentence(format!(
            "The kernel's code (vDSO) in {} differs in {} from that of {}.",
            process.title(),
            count(spans.len(), "place"),
            others.map_or_else(
                || "another process".to_owned(),
                |others| counted(others, ["other process", "other processes"])
            ),
        ));
    let machine = Machine::of(process);
    for (at, len) in spans {
        let address = mapping.start.0.saturating_add(crate::int::u64_of(at));
        let code = bytes.get(at..at.saturating_add(32).min(bytes.len())).unwrap_or_default();
        let before = usual.get(at..at.saturating_add(len).min(usual.len())).unwrap_or_default();
        finding = finding.evidence(
            Evidence::memory(facts, process.pid(), address, crate::int::u64_of(len))
                .with("before", Some(data_encoding::HEXLOWER.encode(before)))
                .with_text(machine.map_or_else(String::new, |machine| machine.listing(address, code, 6))),
        );
    }
    report.add(finding);
}
