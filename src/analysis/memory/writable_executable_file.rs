//! MEM-025: the mapping of a file can be written to and executed.

use bstr::BString;

use super::super::card::rule;
use super::super::facts::{Place, ProcessFacts};
use super::super::vocabulary::{is_hidden, is_world_writable, without_numbers};
use super::super::words::{shown, size};
use super::super::{Confidence, Facts, Finding, Link, Report, Severity};
use super::code::{about, file_of, is_executable, is_in_shared_memory, is_writable, len};
use super::runtime::{belongs, runtime};
use crate::tables::Mapping;

rule! {
    /// A file is mapped so that it can be written to and executed. Worse if the file was deleted, is not of the image,
    /// or is in a place that everyone may write to. Anonymous memory like that is MEM-003's, shared memory is MEM-016's.
    "MEM-025", writable_executable_file, version 1, Memory, Incubating, Medium,
    title: "A mapped file can be written to and executed",
    why: "Code that can be changed as it runs is what an injector leaves behind in a library.",
    benign: ["A runtime that keeps compiled code in a file of its own, or a packed program at its start."],
    attack: ["T1055", "T1574"],
    cost: Files,
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        for mapping in process.mappings().iter().filter(|mapping| mapping.kind == "file" && is_executable(mapping)) {
            if !report.look() {
                return;
            }
            let is_shared = is_in_shared_memory(&mapping.path) || mapping.path.starts_with(b"/dev/");
            if is_writable(mapping) && !is_shared {
                report.add(found(facts, process, mapping));
            }
        }
    }
}

fn found(facts: &Facts<'_>, process: &ProcessFacts<'_>, mapping: &Mapping) -> Finding {
    let (path, deleted) = file_of(mapping);
    let added = facts.files().at(path).any(|file| file.place == Place::Rootfs) && !belongs(facts, path);
    let is_odd = deleted || added || is_world_writable(path) || is_hidden(path);
    let runs = runtime(facts, process);
    let severity = match (is_odd, &runs) {
        (true, _) => Severity::High,
        (false, Some(_)) => Severity::Low,
        (false, None) => Severity::Medium,
    };
    about(&RULE, facts, process, mapping)
        .severity(severity)
        .confidence(Confidence::High)
        .identity([process.program.path.clone().unwrap_or_default(), BString::from(without_numbers(path))])
        .sentence(format!(
            "{} has {} of {} mapped so that it can be written to and executed ({}){}.",
            process.title(),
            size(len(mapping)),
            shown(path),
            mapping.permissions,
            if deleted { "; the file was deleted" } else { "" }
        ))
        .benign(match &runs {
            Some(runs) => {
                format!("{} keeps compiled code in memory: {} belongs to the image.", runs.name, shown(&runs.file))
            }
            None => "A runtime that is not known here and keeps compiled code in a file of its own.".to_owned(),
        })
        .path(path)
        .link(Link::Path(path.into()))
}
