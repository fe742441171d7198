//! MEM-014: the program that a process should run is not what is mapped.

use super::super::card::rule;
use super::super::facts::ProcessFacts;
use super::super::words::{listed, shown};
use super::super::{Confidence, Evidence, Fact, Facts, Finding, Next, Report, Severity, Subject};
use super::code::{file_of, is_executable, is_unbacked, len, mapping_at, row, with_program};
use super::runtime::belongs;
use crate::model::auxv::ENTRY;
use crate::tables::Mapping;

rule! {
    /// The kernel remembers the program of a process, and tells the program at its start where its code begins and
    /// where the dynamic loader is. A process is hollow if nothing of its program is mapped, or if the code that was
    /// started is not in a mapping of it. Programs that unpack themselves and programs that copy their code to huge pages
    /// look similar: those have the same addresses, and belong to the image.
    "MEM-014", exe_mapping_missing, version 1, Memory, Stable, High,
    title: "A process's program is not what is mapped",
    why: "A process that claims one program and runs another was emptied and filled anew to hide.",
    benign: [
        "A packed program that unpacked itself.",
        "A program that copies its code to huge pages to be faster, as some databases and browsers do.",
    ],
    attack: ["T1055", "T1036"],
    cost: Files,
    check: check,
}

/// `AT_BASE`: where the dynamic loader is.
const BASE: u64 = 7;
/// Size of a huge page.
const HUGE: u64 = 2 << 20;

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        if !report.look() {
            return;
        }
        let Some(program) = process.row.path.as_ref().filter(|_| !process.mappings().is_empty()) else {
            report.not_checked("processes whose program or mappings are unknown");
            continue;
        };
        let exe = process.task.mm.as_ref().and_then(crate::model::process::Mm::exe);
        // A file may have been deleted, or have other names, between being mapped and now.
        let name = process.program.path.clone().unwrap_or_default();
        let is_of_program = |mapping: &Mapping| {
            let same = process
                .task
                .mm
                .as_ref()
                .and_then(|mm| mm.vma_at(mapping.start.0))
                .and_then(crate::model::vma::Vma::file);
            same.is_some() && same == exe || mapping.path == *program || file_of(mapping).0 == name.as_slice()
        };
        let mapped: Vec<&Mapping> = process.mappings().iter().filter(|mapping| is_of_program(mapping)).collect();
        let value = |key| process.task.mm.as_ref().and_then(|mm| mm.auxv.get(key)).filter(|value| *value != 0);
        let mut wrong: Vec<(String, Option<&Mapping>)> = Vec::new();
        if mapped.is_empty() {
            wrong.push(("nothing of it is mapped".to_owned(), None));
        }
        if let Some(entry) = value(ENTRY) {
            match mapping_at(process, entry) {
                None => wrong.push(("where it was started nothing is mapped".to_owned(), None)),
                Some(mapping) if !is_of_program(mapping) => {
                    wrong.push((format!("where it was started is {}", what(mapping)), Some(mapping)));
                }
                Some(_) => {}
            }
        }
        if let Some(loader) = value(BASE) {
            match mapping_at(process, loader) {
                Some(mapping) if is_unbacked(mapping) => {
                    wrong.push((format!("where the dynamic loader was is {}", what(mapping)), Some(mapping)));
                }
                _ => {}
            }
        }
        if !wrong.is_empty() {
            report.add(found(facts, process, program, &mapped, &wrong));
        }
    }
}

fn what(mapping: &Mapping) -> String {
    if is_unbacked(mapping) { super::code::kind_words(mapping).to_owned() } else { shown(file_of(mapping).0) }
}

fn found(
    facts: &Facts<'_>,
    process: &ProcessFacts<'_>,
    program: &bstr::BString,
    mapped: &[&Mapping],
    wrong: &[(String, Option<&Mapping>)],
) -> Finding {
    let of_image = process.program.path.as_deref().is_some_and(|path| belongs(facts, path)) && !process.program.deleted;
    let is_huge =
        |mapping: &Mapping| is_unbacked(mapping) && is_executable(mapping) && len(mapping).is_multiple_of(HUGE);
    // A packer makes what it unpacked read-only at last.
    let is_unpacked =
        |mapping: &Mapping| is_unbacked(mapping) && is_executable(mapping) && !super::code::is_writable(mapping);
    // Code that was copied to huge pages lies between what remains of the program.
    let is_copied = of_image
        && !mapped.is_empty()
        && wrong.iter().all(|(_, mapping)| mapping.is_some_and(is_huge))
        && process.mappings().iter().any(is_huge);
    let is_packed = of_image && !mapped.is_empty() && wrong.iter().all(|(_, mapping)| mapping.is_some_and(is_unpacked));
    let severity = match (is_copied, is_packed) {
        (true, _) => Severity::Low,
        (false, true) => Severity::Medium,
        _ => Severity::High,
    };
    let reasons: Vec<&str> = wrong.iter().map(|(reason, _)| reason.as_str()).collect();
    let auxv = process.task.mm.as_ref().map(|mm| &mm.auxv);
    let address = |key| auxv.and_then(|auxv| auxv.get(key)).map(Fact::Address);
    let mut finding = with_program(facts, process, Finding::new(&RULE, Subject::Process(process.pid())))
        .severity(severity)
        .confidence(if mapped.is_empty() { Confidence::High } else { Confidence::Medium })
        .identity(process.identity())
        .sentence(format!("{} should run {}, but {}.", process.title(), shown(program), listed(&reasons)))
        .benign(if is_copied {
            "The program copied its code to huge pages: the memory has their size, and the rest of the program is around it."
        } else {
            "A packed program that unpacked itself over its own mappings: its file has the mark of a packer."
        })
        .next(Next::rows_of("process_memory_map", process.pid()))
        .evidence(
            Evidence::process(process.pid())
                .with("path", Some(program))
                .with("entry", address(ENTRY))
                .with("loader", address(BASE)),
        );
    for (reason, mapping) in wrong {
        if let Some(mapping) = mapping {
            finding = finding.evidence(row(mapping).with_note(reason.clone()));
        }
    }
    if is_packed && !is_copied {
        finding = finding.tag("packed");
    }
    finding
}
