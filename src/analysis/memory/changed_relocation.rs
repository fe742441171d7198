//! MEM-034: a protected table of functions is not what it is in a process that has the same memory.

use std::collections::BTreeMap;

use bstr::BString;

use super::super::card::rule;
use super::super::facts::{ProcessFacts, base};
use super::super::hits::Region;
use super::super::words::{count, shown};
use super::super::{Confidence, Evidence, Fact, Facts, Finding, Link, Report, Severity};
use super::code::{about, file_of, is_executable, is_private, is_unbacked, is_writable, mapping_at, pieces};
use super::copies::{Copies, function_at};
use super::listing::Machine;
use super::stacks::words;
use crate::int::u64_of;
use crate::model::ids::Pid;
use crate::tables::Mapping;

rule! {
    /// The dynamic loader writes the addresses of functions into tables of a program and its libraries, and then protects
    /// these tables (RELRO): nothing writes to them later. Processes that were forked from one another have the same
    /// addresses there. If one of them leads to another function than the others do, that function was put in the place of
    /// the honest one, although it is honest code itself: `system` of the C library for a function that gets text of
    /// clients. Only pointers that lead into code of the same files on both sides are compared. Worse if the function starts
    /// programs or loads code; its name is known if the user brings the image.
    "MEM-034", changed_relocation, version 1, Memory, Incubating, High,
    title: "A protected function table differs from a sibling's",
    why: "Whoever changes an entry of these tables has a function of his choice called, without any code of his own.",
    benign: ["A tool that replaces functions in the tables of a running program, such as a profiler that attaches to it."],
    attack: ["T1574", "T1055", "T1014"],
    cost: Memory,
    regions: [Region::Protected],
    check: check,
}

/// Most bytes of all processes that are compared.
const BYTES_MOST: u64 = 256 << 20;
/// Most different contents of one table.
const VERSIONS: usize = 8;
/// Most entries of one table that are told.
const SLOTS: usize = 16;

/// What several processes have at the same place.
struct Version<'f> {
    pieces: Vec<(u64, Vec<u8>)>,
    members: Vec<(&'f ProcessFacts<'f>, &'f Mapping)>,
}

/// A pointer that differs.
#[derive(Clone, Copy)]
struct Slot {
    address: u64,
    /// Where it leads.
    here: u64,
    /// Where that of the others leads.
    there: u64,
}

/// What the same page of a file has in common in several processes: path, offset, beginning and end.
type Same<'f> = (&'f BString, u64, u64, u64);

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let mut groups: BTreeMap<Same<'_>, Vec<(&ProcessFacts<'_>, &Mapping)>> = BTreeMap::new();
    for process in facts.living() {
        for mapping in process.mappings().iter().filter(|mapping| is_protected(mapping)) {
            let key = (&mapping.path, mapping.offset, mapping.start.0, mapping.end.0);
            groups.entry(key).or_default().push((process, mapping));
        }
    }
    let mut left = BYTES_MOST;
    let mut copies = Copies::default();
    for members in groups.into_values().filter(|members| members.len() > 1) {
        if !report.look() {
            return;
        }
        let Some(versions) = versions(facts, &members, &mut left) else {
            report.not_checked("there are more protected tables than are compared");
            continue;
        };
        compare(facts, report, &versions, &mut copies);
    }
}

/// Whether a mapping is data of a file that the process changed and then protected.
fn is_protected(mapping: &Mapping) -> bool {
    mapping.kind == "file"
        && is_private(mapping)
        && !is_writable(mapping)
        && !is_executable(mapping)
        && mapping.recorded_bytes > 0
        && !mapping.path.is_empty()
}

/// The different contents of a table. `None` if no more may be read.
fn versions<'f>(
    facts: &'f Facts<'_>,
    members: &[(&'f ProcessFacts<'f>, &'f Mapping)],
    left: &mut u64,
) -> Option<Vec<Version<'f>>> {
    let mut versions: Vec<Version<'f>> = Vec::new();
    for &(process, mapping) in members {
        *left = left.checked_sub(mapping.recorded_bytes)?;
        let Some(space) = facts.space(process.pid()) else { continue };
        let pieces = pieces(&space, mapping.start.0, mapping.end.0);
        if pieces.is_empty() {
            continue;
        }
        if let Some(version) = versions.iter_mut().find(|version| version.pieces == pieces) {
            version.members.push((process, mapping));
        } else if versions.len() < VERSIONS {
            versions.push(Version { pieces, members: vec![(process, mapping)] });
        }
    }
    Some(versions)
}

fn compare(facts: &Facts<'_>, report: &mut Report<'_>, versions: &[Version<'_>], copies: &mut Copies) {
    // What most have is honest; of two that differ, either may be the changed one.
    let Some(honest) = versions.iter().max_by_key(|version| version.members.len()) else { return };
    let Some((sibling, _)) = honest.members.first() else { return };
    let is_alone = |version: &Version<'_>| version.members.len() == honest.members.len();
    for version in versions.iter().filter(|version| !std::ptr::eq(*version, honest)) {
        let Some((process, mapping)) = version.members.first() else { continue };
        let Some(machine) = Machine::of(process) else { continue };
        let slots = differing(process, sibling, machine, &version.pieces, &honest.pieces);
        if slots.is_empty() {
            report.skip();
            continue;
        }
        let mut finding = found(facts, process, mapping, sibling.pid(), &slots, is_alone(version), copies);
        for (other, _) in version.members.iter().skip(1).take(64) {
            finding = finding.also(other.pid());
        }
        if is_alone(version) {
            finding = finding.link(Link::Process(sibling.pid()));
        }
        report.add(finding);
    }
}

/// The pointers that lead to different code of files that both processes have at the same addresses.
fn differing(
    process: &ProcessFacts<'_>,
    sibling: &ProcessFacts<'_>,
    machine: Machine,
    here: &[(u64, Vec<u8>)],
    there: &[(u64, Vec<u8>)],
) -> Vec<Slot> {
    let word = machine.word();
    let all = |pieces: &[(u64, Vec<u8>)]| -> BTreeMap<u64, u64> {
        pieces.iter().flat_map(|(start, bytes)| words(*start, bytes, word)).collect()
    };
    let others = all(there);
    let pairs = here.iter().flat_map(|(start, bytes)| words(*start, bytes, word));
    let differ = pairs.filter_map(|(address, here)| {
        let there = *others.get(&address).filter(|there| **there != here)?;
        Some(Slot { address, here, there })
    });
    let leads =
        |slot: &Slot| is_shared_code(process, sibling, slot.here) && is_shared_code(process, sibling, slot.there);
    differ.filter(leads).take(SLOTS).collect()
}

/// Whether two processes have the same code of a file at an address.
fn is_shared_code(process: &ProcessFacts<'_>, sibling: &ProcessFacts<'_>, address: u64) -> bool {
    let code = |process: &ProcessFacts<'_>| {
        let mapping = mapping_at(process, address).filter(|mapping| is_executable(mapping) && !is_unbacked(mapping))?;
        Some((mapping.path.clone(), mapping.start.0, mapping.offset))
    };
    let own = code(process);
    own.is_some() && own == code(sibling)
}

/// Functions that start programs, load code or make memory executable.
pub(super) fn is_dangerous(name: &[u8]) -> bool {
    const EXACT: [&[u8]; 12] = [
        b"system",
        b"popen",
        b"dlopen",
        b"dlmopen",
        b"mprotect",
        b"posix_spawn",
        b"posix_spawnp",
        b"fexecve",
        b"wordexp",
        b"__libc_system",
        b"_IO_popen",
        b"setcontext",
    ];
    let name = name.split(|&byte| byte == b'@').next().unwrap_or(name);
    EXACT.contains(&name)
        || name.strip_prefix(b"exec").is_some_and(|rest| rest.iter().all(|byte| b"lvpe".contains(byte)))
}

/// A place in code for a sentence, with the name of the function if the file is known: `libc.so.6+0x530b0 (system)`.
pub(super) fn place(
    facts: &Facts<'_>,
    process: &ProcessFacts<'_>,
    address: u64,
    copies: &mut Copies,
) -> (String, Option<BString>) {
    let Some(mapping) = mapping_at(process, address) else { return (format!("{address:#x}"), None) };
    let offset = address.saturating_sub(mapping.start.0).saturating_add(mapping.offset);
    let file = copies.file(facts, &mapping.path);
    let function = file.and_then(|file| function_at(file, offset)).filter(|(_, distance)| *distance == 0);
    let text = format!("{}+{offset:#x}", shown(base(file_of(mapping).0)));
    match function {
        Some((name, _)) => (format!("{text} ({})", shown(&name)), Some(name)),
        None => (text, None),
    }
}

fn found(
    facts: &Facts<'_>,
    process: &ProcessFacts<'_>,
    mapping: &Mapping,
    sibling: Pid,
    slots: &[Slot],
    is_alone: bool,
    copies: &mut Copies,
) -> Finding {
    let (path, _) = file_of(mapping);
    let places: Vec<_> = slots
        .iter()
        .map(|slot| (place(facts, process, slot.here, copies), place(facts, process, slot.there, copies)))
        .collect();
    let is_dangerous = |place: &(String, Option<BString>)| place.1.as_ref().is_some_and(|name| is_dangerous(name));
    // An honest entry leads to such a function, too; but not one that another process has for something else.
    let is_worst = places.iter().any(|(here, there)| is_dangerous(here) || is_alone && is_dangerous(there));
    let first = places.first().map(|(here, there)| (here.0.as_str(), there.0.as_str())).unwrap_or_default();
    let more = match slots.len() {
        1 => String::new(),
        some => format!(", and {} differ, too", count(some.saturating_sub(1), "more pointer")),
    };
    let doubt = if is_alone { ". One of the two was changed" } else { "" };
    let mut finding = about(&RULE, facts, process, mapping)
        .severity(if is_worst { Severity::Critical } else { Severity::High })
        .confidence(if is_alone { Confidence::Medium } else { Confidence::High })
        .identity([process.program.path.clone().unwrap_or_default(), BString::from(path), first.0.into()])
        .sentence(format!(
            "In {}, a protected pointer of {} leads to {}, and in process {sibling}, which has the same table, to {}{more}{doubt}.",
            super::thread_outside_code::lower(&process.title()),
            shown(path),
            first.0,
            first.1,
        ))
        .path(path)
        .link(Link::Path(path.into()));
    for (slot, (here, there)) in slots.iter().zip(&places).take(6) {
        let offset = slot.address.saturating_sub(mapping.start.0).saturating_add(mapping.offset);
        let size = Machine::of(process).map_or(8, Machine::word);
        for (pid, target, place) in [(process.pid(), slot.here, here), (sibling, slot.there, there)] {
            finding = finding.evidence(
                Evidence::memory(facts, pid, slot.address, size)
                    .with("target", Some(Fact::Address(target)))
                    .with("file_offset", Some(offset))
                    .with_note(format!("in process {pid}: it leads to {}", place.0)),
            );
        }
    }
    finding.evidence_more = u64_of(slots.len().saturating_sub(6));
    finding
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_that_run_what_they_are_given_are_known() {
        for name in ["system", "execve", "execvp", "execl", "popen", "dlopen", "system@@GLIBC_2.2.5"] {
            assert!(is_dangerous(name.as_bytes()), "{name}");
        }
        for name in ["strftime", "crypt_r", "executor", "exit", "", "execute"] {
            assert!(!is_dangerous(name.as_bytes()), "{name}");
        }
    }
}
