//! MEM-016: shared memory can be executed.

use bstr::BString;

use super::super::card::rule;
use super::super::facts::ProcessFacts;
use super::super::hits::Region;
use super::super::vocabulary::without_numbers;
use super::super::words::{shown, size};
use super::super::{Confidence, Evidence, Facts, Finding, Link, Report, Severity};
use super::code::{about, bytes_at, file_of, is_executable, is_in_shared_memory, kind_words, len};
use super::runtime::{Runtime, maker};
use crate::tables::Mapping;

rule! {
    /// Shared memory with execute permission: a file in `/dev/shm`, a System V segment, or shared anonymous memory. The
    /// compiler of PHP keeps code for its workers so, and a few other runtimes do.
    "MEM-016", executable_ghost_or_shm_mapping, version 1, Memory, Incubating, Medium,
    title: "Shared memory can be executed",
    why: "Code in shared memory has no file that anyone scans, and can be changed by another process.",
    benign: ["A just-in-time compiler whose workers share their code, as PHP has: the runtime belongs to the image."],
    attack: ["T1027.011", "T1620"],
    cost: Memory,
    tags: ["fileless"],
    regions: [Region::Executable, Region::FirstPages],
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        let is_shared = |mapping: &&Mapping| {
            is_executable(mapping)
                && (matches!(mapping.kind, "sysv" | "shared_anonymous")
                    || mapping.kind == "file"
                        && (is_in_shared_memory(&mapping.path) || mapping.path.starts_with(b"/dev/zero")))
        };
        for mapping in process.mappings().iter().filter(is_shared) {
            if !report.look() {
                return;
            }
            report.add(found(facts, process, mapping, maker(facts, process, mapping).as_ref()));
        }
    }
}

fn found(facts: &Facts<'_>, process: &ProcessFacts<'_>, mapping: &Mapping, runs: Option<&Runtime>) -> Finding {
    let (path, _) = file_of(mapping);
    let head = facts.space(process.pid()).map(|space| bytes_at(&space, mapping.start.0, 64)).unwrap_or_default();
    let is_elf = head.starts_with(b"\x7fELF");
    let is_file = mapping.kind == "file" && is_in_shared_memory(path);
    let severity = match runs {
        Some(_) if !is_elf && !is_file => Severity::Info,
        Some(_) if !is_elf => Severity::Low,
        _ if is_elf || is_file => Severity::High,
        _ => Severity::Medium,
    };
    let name = if path.is_empty() { kind_words(mapping).to_owned() } else { shown(path) };
    let mut identity = vec![process.program.path.clone().unwrap_or_default(), without_numbers(path)];
    if runs.is_none() {
        identity.push(BString::from(size(len(mapping))));
    }
    let mut finding = about(&RULE, facts, process, mapping)
        .severity(severity)
        .confidence(if is_elf { Confidence::High } else { Confidence::Medium })
        .identity(identity)
        .sentence(format!(
            "{} has {} of shared memory that can be executed ({name}, {}){}.",
            process.title(),
            size(len(mapping)),
            mapping.permissions,
            if is_elf { "; it begins with an ELF header" } else { "" },
        ))
        .benign(match runs {
            Some(runs) => {
                format!("{} compiles code as it runs: {} belongs to the image.", runs.name, shown(&runs.file))
            }
            None => "A runtime that is not known here and shares compiled code between its processes.".to_owned(),
        })
        .evidence(
            Evidence::memory(facts, process.pid(), mapping.start.0, len(mapping))
                .with_note("the beginning of the memory"),
        );
    if is_file {
        finding = finding.path(path).link(Link::Path(path.into()));
    }
    if runs.is_some() {
        finding = finding.tag("jit");
    }
    finding
}
