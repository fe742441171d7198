//! MEM-037: a function that a program takes from a library is another one in memory.

use std::collections::{BTreeMap, HashMap, HashSet};

use bstr::BString;

use super::super::card::rule;
use super::super::facts::{ProcessFacts, base};
use super::super::hits::Region;
use super::super::modules::{Modules, State, is_loader};
use super::super::words::{counted, shown};
use super::super::{Confidence, Evidence, Fact, Facts, Link, Report, Severity};
use super::changed_relocation::{is_dangerous, place};
use super::code::{about, is_executable, is_unbacked, mapping_at, pieces};
use super::copies::{Copies, contents};
use super::listing::Machine;
use super::stacks::words;
use crate::elf::{Bytes, Elf, Offered};
use crate::int::u64_of;
use crate::tables::Mapping;

rule! {
    /// A program and its libraries take functions from each other by name; the dynamic loader writes their addresses into
    /// tables. With the image at hand (`--root`), the names are known: each entry must lead to something that some library
    /// offers under this name. An entry that leads into another function was changed, although what it leads to is honest
    /// code: `system` in the place of a function that gets text of clients. Entries that lead into the library itself, as
    /// they do before their first use, or into the dynamic loader, do not count; nor do functions that a library chooses by
    /// the processor, unless they are known under another name. Worse if the function starts programs or loads code.
    "MEM-037", import_leads_elsewhere, version 1, Memory, Incubating, High,
    title: "An imported function was swapped for another one",
    why: "Whoever changes an entry of these tables has a function of his choice called, without any code of his own.",
    benign: ["A tool that replaces functions in a running program, such as a profiler or an agent that attaches to it."],
    attack: ["T1574", "T1055", "T1014"],
    cost: Memory,
    regions: [Region::Loader, Region::FileData, Region::Protected],
    check: check,
}

/// Most entries of all processes that are looked at.
const SLOTS_MOST: u64 = 8 << 20;
/// Most entries of one library that are told.
const TOLD: usize = 16;

/// What is known of a library from its file.
struct Library {
    /// By address in the file.
    slots: BTreeMap<u64, BString>,
    offered: HashMap<BString, Vec<Offered>>,
    /// Addresses of what it offers.
    values: HashSet<u64>,
}

/// An entry that leads to something else.
struct Wrong {
    name: BString,
    address: u64,
    target: u64,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    if !facts.root().is_some_and(|(root, _)| root.is_it()) {
        return;
    }
    let mut libraries: HashMap<BString, Option<Library>> = HashMap::new();
    let mut copies = Copies::default();
    let mut left = SLOTS_MOST;
    for process in facts.living() {
        let (Some(machine), Some(space)) = (Machine::of(process), facts.space(process.pid())) else { continue };
        let modules = Modules::of(process.task, &space, process.mappings());
        if let Some(reason) = modules.reason {
            if !reason.ends_with("static") {
                report.not_checked(reason);
            }
            continue;
        }
        // A library that is loaded twice, in two namespaces, is left out.
        let mut bases: HashMap<BString, Option<u64>> = HashMap::new();
        for module in modules.all.iter().filter(|module| module.state == Some(State::Both)) {
            let (Some(path), Some(linked)) = (&module.path, &module.linked) else { continue };
            bases.entry(path.clone()).and_modify(|base| *base = None).or_insert(Some(linked.base));
        }
        for path in bases.keys() {
            libraries.entry(path.clone()).or_insert_with(|| read(facts, path));
        }
        for (path, base) in bases.iter().filter_map(|(path, base)| Some((path, (*base)?))) {
            let Some(Some(library)) = libraries.get(path) else { continue };
            if !report.look() {
                return;
            }
            let Some(rest) = left.checked_sub(u64_of(library.slots.len())) else {
                report.not_checked("there are more tables than are compared");
                return;
            };
            left = rest;
            for mapping in process.mappings_of(path).filter(|mapping| is_data(mapping)) {
                let known = pieces(&space, mapping.start.0, mapping.end.0);
                let all = known.iter().flat_map(|(start, bytes)| words(*start, bytes, machine.word()));
                let wrong = all.filter_map(|(address, target)| {
                    let name = library.slots.get(&address.checked_sub(base)?)?;
                    let is_wrong = is_wrong(process, path, name, target, &bases, &libraries);
                    is_wrong.then(|| Wrong { name: name.clone(), address, target })
                });
                let wrong: Vec<Wrong> = wrong.take(TOLD).collect();
                if !wrong.is_empty() {
                    report.add(found(facts, process, mapping, &wrong, machine, &mut copies));
                }
            }
        }
    }
}

fn is_data(mapping: &Mapping) -> bool {
    mapping.kind == "file" && !is_executable(mapping) && mapping.recorded_bytes > 0
}

fn read(facts: &Facts<'_>, path: &BString) -> Option<Library> {
    let file = contents(facts, path)?;
    let bytes = Bytes::whole(file);
    let elf = Elf::read(&bytes)?;
    let offered = elf.offered();
    let values = offered.values().flatten().map(|one| one.value).collect();
    Some(Library { slots: elf.slots().into_iter().collect(), offered, values })
}

/// Whether an entry with a name leads to something that is not offered under this name.
fn is_wrong(
    process: &ProcessFacts<'_>,
    own: &BString,
    name: &BString,
    target: u64,
    bases: &HashMap<BString, Option<u64>>,
    libraries: &HashMap<BString, Option<Library>>,
) -> bool {
    let Some(mapping) = mapping_at(process, target).filter(|mapping| is_executable(mapping) && !is_unbacked(mapping))
    else {
        return false;
    };
    if mapping.path == *own || is_loader(&mapping.path) {
        return false;
    }
    let (Some(Some(base)), Some(Some(library))) = (bases.get(&mapping.path), libraries.get(&mapping.path)) else {
        return false;
    };
    let Some(value) = target.checked_sub(*base) else { return false };
    let named = library.offered.get(name).map_or(&[][..], Vec::as_slice);
    let is_it = named.iter().any(|one| one.value == value);
    // What a library chooses by the processor has no name of its own.
    let may_be_chosen = named.iter().any(|one| one.is_chosen) && !library.values.contains(&value);
    !is_it && !may_be_chosen
}

fn found(
    facts: &Facts<'_>,
    process: &ProcessFacts<'_>,
    mapping: &Mapping,
    wrong: &[Wrong],
    machine: Machine,
    copies: &mut Copies,
) -> super::super::Finding {
    let places: Vec<_> = wrong.iter().map(|one| place(facts, process, one.target, copies)).collect();
    let is_worst = places.iter().any(|(_, name)| name.as_ref().is_some_and(|name| is_dangerous(name)));
    let path = super::code::file_of(mapping).0;
    let first = wrong.first().zip(places.first());
    let (name, target) = first.map_or((String::new(), ""), |(one, place)| (shown(&one.name), place.0.as_str()));
    let more = match wrong.len() {
        1 => String::new(),
        some => format!(", and {}, too", counted(some.saturating_sub(1), ["more entry", "more entries"])),
    };
    let mut finding = about(&RULE, facts, process, mapping)
        .severity(if is_worst { Severity::Critical } else { Severity::High })
        .confidence(Confidence::High)
        .identity([process.program.path.clone().unwrap_or_default(), path.into(), name.as_str().into(), target.into()])
        .sentence(format!(
            "In {}, the entry of {} for the function {name} leads to {target}{more}.",
            super::thread_outside_code::lower(&process.title()),
            shown(base(path)),
        ))
        .path(path)
        .link(Link::Path(path.into()));
    for (one, (text, _)) in wrong.iter().zip(&places).take(8) {
        finding = finding.evidence(
            Evidence::memory(facts, process.pid(), one.address, machine.word())
                .with("target", Some(Fact::Address(one.target)))
                .with_note(format!("the entry for {}; it leads to {text}", shown(&one.name))),
        );
    }
    finding.evidence_more = u64_of(wrong.len().saturating_sub(8));
    finding
}
