//! MEM-027: code of a file that the dynamic loader does not know.

use bstr::{BString, ByteSlice as _};

use super::super::card::rule;
use super::super::facts::{ProcessFacts, base};
use super::super::hits::Region;
use super::super::modules::{Module, Modules, State};
use super::super::words::shown;
use super::super::{Confidence, Evidence, Fact, Facts, Link, Report, Severity};
use super::code::{about, bytes_at, file_of, is_executable, mapping_at};
use super::runtime::belongs;
use crate::tables::Mapping;

rule! {
    /// The dynamic loader keeps a list of everything it has loaded, for debuggers. A library that is mapped as code but is
    /// not in that list was mapped by hand, or was taken out of the list to hide. Only libraries count: their name says so,
    /// or the file begins as an ELF file. An entry of the list that lies in memory without a file is worse: something was put
    /// in the place of a library. If the list is not whole in the archive, nothing is said.
    "MEM-027", hidden_module, version 1, Memory, Incubating, High,
    title: "A library is mapped that the dynamic loader does not know",
    why: "Whoever injects a library removes it from this list, so that tools that trust the list do not show it.",
    benign: [
        "A runtime that maps libraries itself, as some for other systems (Wine, Android) and instrumenting tools do.",
    ],
    attack: ["T1055", "T1620", "T1014"],
    cost: Memory,
    regions: [Region::Loader, Region::FileData, Region::Protected],
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        if !report.look() {
            return;
        }
        let Some(space) = facts.space(process.pid()) else {
            report.not_checked("processes without a layout of memory");
            continue;
        };
        let modules = Modules::of(process.task, &space, process.mappings());
        match modules.reason {
            Some(reason) if reason.ends_with("static") => {
                report.skip();
                continue;
            }
            Some(reason) => {
                report.not_checked(reason);
                continue;
            }
            None => {}
        }
        for module in &modules.all {
            let Some(mapping) = module.start.and_then(|start| mapping_at(process, start)) else { continue };
            match module.state {
                Some(State::Unlinked) if is_library(facts, process, mapping) => {
                    report.add(found(facts, process, module, mapping));
                }
                Some(State::Unbacked) => report.add(found(facts, process, module, mapping)),
                _ => {}
            }
        }
    }
}

/// Whether a file is a library: by its name, and not by its contents anything else.
fn is_library(facts: &Facts<'_>, process: &ProcessFacts<'_>, mapping: &Mapping) -> bool {
    let (path, _) = file_of(mapping);
    let name = base(path);
    let head = super::copies::head(facts, &mapping.path, 64).unwrap_or_else(|| {
        facts.space(process.pid()).map(|space| bytes_at(&space, mapping.start.0, 64)).unwrap_or_default()
    });
    let is_elf = head.starts_with(b"\x7fELF");
    let is_other = !head.is_empty() && !is_elf;
    let is_named = name.ends_with(b".so") || name.contains_str(".so.");
    // The program itself is in the list under no name; if it is not, the list is of another program.
    !is_other && (is_elf || is_named) && !super::code::is_program(process, mapping)
}

fn found(facts: &Facts<'_>, process: &ProcessFacts<'_>, module: &Module, mapping: &Mapping) -> super::super::Finding {
    let (path, deleted) = file_of(mapping);
    let of_image = belongs(facts, path) && !deleted;
    let name = module.linked.as_ref().and_then(|linked| linked.name.clone());
    let (severity, sentence) = if module.state == Some(State::Unbacked) {
        let name = name.clone().unwrap_or_default();
        let sentence = format!(
            "In {}, the dynamic loader has {} where no file is mapped.",
            super::thread_outside_code::lower(&process.title()),
            shown(&name)
        );
        (Severity::High, sentence)
    } else {
        let sentence =
            format!("{} has mapped {}, which its dynamic loader does not know.", process.title(), shown(path));
        (if of_image { Severity::Medium } else { Severity::High }, sentence)
    };
    let mut identity = process.identity();
    identity.push(BString::from(path));
    let mut finding = about(&RULE, facts, process, mapping)
        .severity(severity)
        .confidence(Confidence::Medium)
        .identity(identity)
        .sentence(sentence)
        .benign("A runtime that maps libraries itself, or an instrumenting tool: ask what this program is.")
        .path(path)
        .link(Link::Path(path.into()));
    if let Some(linked) = &module.linked {
        let evidence = Evidence::memory(facts, process.pid(), linked.dynamic, 64)
            .with("name", name.as_ref())
            .with("base", Some(Fact::Address(linked.base)));
        finding = finding.evidence(evidence.with_note("where the list says that the library is"));
    }
    let code = process.mappings_of(&mapping.path).find(|other| is_executable(other));
    if let Some(code) = code.filter(|code| code.start.0 != mapping.start.0) {
        finding = finding.evidence(super::code::row(code).with_note("its code"));
    }
    finding
}
