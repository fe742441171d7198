//! MEM-013: much of the code of a mapped library is not the file's, or the file is no code at all.

use bstr::{BString, ByteSlice as _};

use super::super::card::rule;
use super::super::facts::ProcessFacts;
use super::super::hits::Region;
use super::super::words::shown;
use super::super::{Confidence, Evidence, Facts, Link, Report, Severity};
use super::code::{about, bytes_at, file_of, page_of_criu};
use super::copies::{head, is_code_of_file, of_mapping, page_count, was_restored};
use crate::tables::Mapping;

rule! {
    /// Two signs that a mapped file is only a cover for other code. Three pages or more of a library's code, and at least
    /// a fifth of it, are private copies. Or a file is mapped with execute permission that is no program at all: its
    /// contents in the archive are neither ELF nor a program of Windows (.NET maps those).
    "MEM-013", library_mapping_inconsistent, version 1, Memory, Incubating, Medium,
    title: "A mapped library hides other code",
    why: "Code that is written over a library that nobody needs looks like that library in every list of mappings.",
    benign: [
        "A library with relocations in its code, as old 32-bit ones have.",
        "An instrumenting tool, or a container that was restored from a checkpoint.",
        "A runtime that keeps its code in a file of its own format: its name and its program tell which.",
    ],
    attack: ["T1055", "T1574"],
    cost: Memory,
    regions: [Region::Executable, Region::FirstPages],
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        for mapping in process.mappings().iter().filter(|mapping| is_code_of_file(mapping)) {
            if !report.look() {
                return;
            }
            // A runtime writes to its own images: it moves objects in them, and changes addresses.
            if super::runtime::is_of_runtime(facts, process, file_of(mapping).0) {
                report.skip();
                continue;
            }
            stomped(facts, report, process, mapping);
            foreign(facts, report, process, mapping);
        }
    }
}

/// Whether much of a library's code was replaced.
fn stomped(facts: &Facts<'_>, report: &mut Report<'_>, process: &ProcessFacts<'_>, mapping: &Mapping) {
    const FEWEST: usize = 3;
    if mapping.recorded_bytes == 0 {
        return;
    }
    let of_criu = page_of_criu(process);
    let copies = of_mapping(facts, mapping).into_iter().filter(|copy| of_criu != Some(copy.address)).count();
    let pages = crate::int::usize_of(page_count(process, facts, mapping));
    if copies < FEWEST || copies.saturating_mul(5) < pages {
        return;
    }
    let (path, _) = file_of(mapping);
    // What every process of the container has is the product.
    let others = facts.living().filter(|other| other.pid() != process.pid());
    let shared = others
        .flat_map(|other| other.mappings_of(&mapping.path).filter(|one| is_code_of_file(one)))
        .take(8)
        .any(|other| other.offset == mapping.offset && other.recorded_bytes >= mapping.recorded_bytes);
    let severity = if shared || was_restored(facts) { Severity::Low } else { Severity::Medium };
    report.add(
        about(&RULE, facts, process, mapping)
            .severity(severity)
            .confidence(Confidence::Medium)
            .identity([BString::from(path), "copies".into()])
            .sentence(format!(
                "{} has its own copy of {copies} of the {pages} pages of code of {}.",
                process.title(),
                shown(path)
            ))
            .path(path)
            .link(Link::Path(path.into()))
            .evidence(Evidence::memory(facts, process.pid(), mapping.start.0, super::code::len(mapping))),
    );
}

/// Whether a file that is no program is mapped as code.
fn foreign(facts: &Facts<'_>, report: &mut Report<'_>, process: &ProcessFacts<'_>, mapping: &Mapping) {
    let (path, _) = file_of(mapping);
    let Some(file) = head(facts, &mapping.path, 64) else { return };
    let is_program = file.starts_with(b"\x7fELF") || file.starts_with(b"MZ");
    if is_program || super::runtime::is_read_executable(process) || super::runtime::has_own_format(path) {
        return;
    }
    let first = facts.space(process.pid()).map(|space| bytes_at(&space, mapping.start.0, 64)).unwrap_or_default();
    let evidence = if first.is_empty() {
        let of = facts.files().at(path).find_map(|file| file.member.clone().zip(file.offset));
        of.map(|(member, offset)| {
            Evidence::file(facts, &member, offset, file.get(..64.min(file.len())).unwrap_or_default())
        })
    } else {
        Some(Evidence::memory(facts, process.pid(), mapping.start.0, 64))
    };
    let mut finding = about(&RULE, facts, process, mapping)
        .severity(Severity::High)
        .confidence(Confidence::Medium)
        .identity([BString::from(path), "no program".into()])
        .sentence(format!(
            "{} maps {} with execute permission, and the file is no program (it begins with {}).",
            process.title(),
            shown(path),
            shown(file.as_bytes().get(..8.min(file.len())).unwrap_or_default()),
        ))
        .path(path)
        .link(Link::Path(path.into()));
    if let Some(evidence) = evidence {
        finding = finding.evidence(evidence.with_note("the beginning of the file"));
    }
    report.add(finding);
}
