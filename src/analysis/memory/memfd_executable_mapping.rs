//! MEM-006: code that runs from a file that exists only in memory.

use bstr::{BString, ByteSlice as _};

use super::super::card::rule;
use super::super::facts::ProcessFacts;
use super::super::hits::Region;
use super::super::words::{shown, size};
use super::super::{Confidence, Evidence, Facts, Link, Next, Report, Severity, Subject};
use super::benign_memfds::maker_of;
use super::code::{about, bytes_at, is_executable, len, sha256, with_program};
use super::runtime::{Runtime, runtime, small_maker};
use crate::elf::Image;
use crate::tables::Mapping;

rule! {
    /// A program or library that runs from a memfd: a file without a name in any file system. The contents are in the
    /// archive. Runtimes use memfds to map the same compiled code twice; those have known names, are no ELF files, and
    /// belong to a runtime of the image. A list of such names is kept with a date.
    "MEM-006", memfd_executable_mapping, version 1, Memory, Stable, High,
    title: "Code runs from a file that exists only in memory",
    why: "A program that is written to a memfd and started from it never touches a disk. That is its purpose.",
    benign: [
        "A runtime that maps its compiled code twice, such as .NET or libffi: the memfd is no ELF file, and the runtime is of the image.",
        "runc copies itself into a memfd for the moment in which it starts a container.",
    ],
    attack: ["T1620", "T1027.011"],
    cost: Memory,
    tags: ["fileless"],
    regions: [Region::Executable, Region::FirstPages],
    basis: Program,
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        if !report.look() {
            return;
        }
        if process.program.memfd {
            program(facts, report, process);
            continue;
        }
        let mut runs: Option<Option<Runtime>> = None;
        for mapping in process.mappings().iter().filter(|mapping| mapping.kind == "memfd" && is_executable(mapping)) {
            let runs = runs.get_or_insert_with(|| runtime(facts, process)).clone();
            library(facts, report, process, mapping, runs);
        }
    }
}

fn name_of(path: &[u8]) -> &[u8] {
    path.strip_prefix(b"/memfd:").unwrap_or(path).strip_suffix(b" (deleted)").unwrap_or(path)
}

/// The program of the process is a memfd.
fn program(facts: &Facts<'_>, report: &mut Report<'_>, process: &ProcessFacts<'_>) {
    let pid = process.pid();
    let path = process.row.path.clone().unwrap_or_default();
    let is_runtime_start = facts.is_runtime_copy(process);
    let mapped = process.mappings().iter().find(|mapping| mapping.kind == "memfd" && mapping.path == path);
    let mut finding = with_program(facts, process, super::super::Finding::new(&RULE, Subject::Process(pid)))
        .severity(if is_runtime_start { Severity::Medium } else { Severity::Critical })
        .confidence(Confidence::High)
        .identity(process.identity())
        .sentence(format!(
            "{} runs a program that exists only in memory ({}) and calls itself {}.",
            process.title(),
            shown(&path),
            shown(process.cmdline()),
        ))
        .benign(if is_runtime_start {
            "The container runtime copies itself into a memfd for the moment of a start."
        } else {
            "Practically none for a program: a container runtime does this for a moment, ordinary services do not."
        })
        .next(Next::Extract {
            what: "recovered",
            path: Some(process.program.path.as_ref().map_or_else(String::new, ToString::to_string)),
        })
        .evidence(Evidence::process(pid).with("path", Some(&path)).with("cmdline", process.row.cmdline.as_ref()));
    if let Some(mapping) = mapped {
        finding = finding.evidence(contents(facts, mapping));
    }
    report.add(finding);
}

/// A mapping of a memfd is executable.
fn library(
    facts: &Facts<'_>,
    report: &mut Report<'_>,
    process: &ProcessFacts<'_>,
    mapping: &Mapping,
    runs: Option<Runtime>,
) {
    let name = name_of(&mapping.path);
    let head = facts.space(process.pid()).map(|space| bytes_at(&space, mapping.start.0, 4096)).unwrap_or_default();
    // The first page of the file may be in another mapping.
    let first = process.mappings_of(&mapping.path).find(|other| other.offset == 0 && other.kind == "memfd");
    let first =
        first.and_then(|first| Some(bytes_at(&facts.space(process.pid())?, first.start.0, 4096))).unwrap_or_default();
    let is_elf = [&head, &first].iter().any(|page| Image::read(page).is_some() || page.starts_with(b"\x7fELF"));
    let maker = maker_of(name);
    let runs = runs.or_else(|| maker.and_then(|_| small_maker(facts, process, mapping, &head)));
    let severity = match (is_elf, &runs, maker) {
        (true, ..) | (false, None, None) => Severity::High,
        (false, Some(_), Some(_)) => Severity::Info,
        (false, Some(_), None) => Severity::Low,
        (false, None, Some(_)) => Severity::Medium,
    };
    let mut identity = process.identity();
    identity.push(BString::from(name));
    let what = if is_elf { "an ELF image" } else { "code" };
    let mut sentence = format!(
        "{} has {} of {what} from a file that exists only in memory ({}, {})",
        process.title(),
        size(len(mapping)),
        shown(&mapping.path),
        mapping.permissions
    );
    if let Some(runs) = runs.as_ref().filter(|_| !is_elf) {
        super::super::words::add(&mut sentence, format_args!("; {} compiles code as it runs", runs.name));
    }
    sentence.push('.');
    let benign = match (&runs, is_elf) {
        (Some(runs), false) => {
            format!("{} maps compiled code twice in this way: {} belongs to the image.", runs.name, shown(&runs.file))
        }
        (_, true) => {
            "A program that loads a library that it carries within itself: ask what this program is.".to_owned()
        }
        _ => "A runtime that is not known here and maps its compiled code twice.".to_owned(),
    };
    let mut finding = about(&RULE, facts, process, mapping)
        .severity(severity)
        .confidence(if is_elf { Confidence::High } else { Confidence::Medium })
        .identity(identity)
        .sentence(sentence)
        .benign(benign)
        .path(mapping.path.as_bstr())
        .link(Link::Path(mapping.path.strip_suffix(b" (deleted)").unwrap_or(&mapping.path).into()))
        .evidence(contents(facts, mapping));
    if runs.is_some() && !is_elf {
        finding = finding.tag("jit");
    }
    report.add(finding);
}

fn contents(facts: &Facts<'_>, mapping: &Mapping) -> Evidence {
    let hash = facts.space(mapping.pid).and_then(|space| sha256(&space, mapping.start.0, mapping.end.0));
    Evidence::memory(facts, mapping.pid, mapping.start.0, len(mapping))
        .with_sha256(hash)
        .with_note("the beginning of the mapping")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_memfds_have_no_marks() {
        assert_eq!(name_of(b"/memfd:doublemapper (deleted)"), b"doublemapper");
        assert_eq!(name_of(b"/memfd: (deleted)"), b"");
    }
}
