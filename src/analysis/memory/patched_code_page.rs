//! MEM-004: pages of code that are not what their file has.

use bstr::BString;
use sha2::{Digest as _, Sha256};

use super::super::card::rule;
use super::super::facts::{ProcessFacts, base};
use super::super::hits::Region;
use super::super::words::{count, listed, shown};
use super::super::{Confidence, Evidence, Facts, Link, Report, Severity};
use super::code::{about, bytes_at, file_of, page_of_criu, unbacked_code_at};
use super::copies::{Copies, Copy, differences, function_at, is_code_of_file, of_mapping, was_restored};
use super::listing::{Machine, jump_target};
use super::shapes::{shapes, telling};
use super::stacks::threads;
use crate::tables::Mapping;

rule! {
    /// Code of programs and libraries that was changed in memory. CRIU stores a page of code only if the process has a
    /// copy of its own, and that takes a write. The copy is compared with the file, if the archive has it, and with the
    /// same page in other processes. Without either, it is looked at for a jump into memory without a file and for
    /// shapes of injected code, and whether a thread waits in it or the program begins there, as if another program had
    /// been written over it (process hollowing); if it has none of these, the copy is only an oddity. CRIU itself changes the first page of code
    /// of each process for a moment and puts it back: that page does not count unless it differs from others.
    "MEM-004", patched_code_page, version 2, Memory, Stable, High,
    title: "Code of a program or library was changed in memory",
    why: "Nothing changes code in memory but debuggers, a few runtimes, and those who want a program to do something else.",
    benign: [
        "A debugger, a kernel probe (uprobe) or a tracing tool: only single bytes changed, to 0xcc.",
        "A library with relocations in its code, as old 32-bit ones have: every process that maps it has the same copy.",
        "The container was restored from a checkpoint.",
    ],
    attack: ["T1055.009", "T1574", "T1014"],
    cost: Memory,
    regions: [Region::Executable],
    check: check,
}

/// Most differences of a page that are listed.
const SPANS: usize = 8;

/// A copy that differs from what it should be.
struct Changed {
    copy: Copy,
    /// Where it differs: offset in the page, and length.
    spans: Vec<(usize, usize)>,
    original: Vec<u8>,
    page: Vec<u8>,
}

/// What is known of the copies in one mapping.
#[derive(Default)]
struct Seen {
    /// Pages that differ from the file or from most other processes, with the differences.
    proven: Vec<Changed>,
    /// Pages that cannot be compared.
    unproven: Vec<Copy>,
    /// Jumps into memory without a file: where they are, where they lead.
    jumps: Vec<(u64, u64)>,
    /// Shapes of injected code.
    shapes: Vec<(u64, &'static str)>,
    /// Copies that cannot be compared in which a thread is, or where the program begins.
    used: Vec<(u64, &'static str)>,
    /// Whether most processes that map the same page have no copy.
    odd: bool,
    /// What the pages were compared with.
    with_file: bool,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let mut copies = Copies::of_code(facts);
    if copies.more {
        report.not_checked("there are more copies of pages than are compared");
    }
    for process in facts.living() {
        for mapping in process.mappings().iter().filter(|mapping| is_code_of_file(mapping)) {
            if !report.look() {
                return;
            }
            if mapping.recorded_bytes == 0 {
                continue;
            }
            // The image of a Lisp or a program of Windows: its runtime writes to it, and its code leads into memory.
            if super::runtime::is_of_runtime(facts, process, file_of(mapping).0) {
                report.skip();
                continue;
            }
            let seen = look(facts, report, process, mapping, &mut copies);
            found(facts, report, process, mapping, &seen, &mut copies);
        }
    }
}

fn look(
    facts: &Facts<'_>,
    report: &mut Report<'_>,
    process: &ProcessFacts<'_>,
    mapping: &Mapping,
    copies: &mut Copies,
) -> Seen {
    const PAGES: usize = 4096;
    let mut seen = Seen::default();
    let Some(space) = facts.space(process.pid()) else { return seen };
    let page_size = space.page_size().max(1);
    let of_criu = page_of_criu(process);
    let machine = Machine::of(process);
    for copy in of_mapping(facts, mapping).into_iter().take(PAGES) {
        let page = bytes_at(&space, copy.address, page_size);
        if page.is_empty() {
            report.not_checked("copies of pages of code whose bytes are missing");
            continue;
        }
        let is_criu = of_criu == Some(copy.address);
        if let Some((original, with_file)) = original(facts, mapping, copy, &page, is_criu, copies) {
            seen.with_file |= with_file;
            let spans = differences(&original, &page, SPANS);
            let is_trace = is_criu && is_trace_of_criu(&page, &spans);
            if spans.is_empty() || is_trace {
                report.skip();
            } else {
                jumps(process, machine, copy.address, &page, spans.iter().map(|(at, _)| *at), &mut seen);
                seen.proven.push(Changed { copy, spans, original, page });
            }
            continue;
        }
        if is_criu {
            // CRIU's own copy, and nothing to compare it with.
            report.skip();
            continue;
        }
        jumps(process, machine, copy.address, &page, 0..page.len(), &mut seen);
        if let Some(machine) = machine {
            let all = shapes(machine, &page);
            let at = |offset: usize| copy.address.saturating_add(crate::int::u64_of(offset));
            seen.shapes.extend(telling(&all).into_iter().map(|shape| (at(shape.offset), shape.what)));
        }
        seen.used.extend(use_of(process, copy.address..copy.address.saturating_add(page_size)));
        let having = copies.of(&mapping.path, copy.offset).len();
        let mapping_it = copies.mapping(&mapping.path, copy.offset);
        seen.odd |= mapping_it >= 3 && having.saturating_mul(2) < mapping_it;
        seen.unproven.push(copy);
    }
    seen
}

/// What makes changed code of a page more than an oddity: a thread waits in it, or the program begins there.
fn use_of(process: &ProcessFacts<'_>, page: std::ops::Range<u64>) -> Option<(u64, &'static str)> {
    let mut at = threads(process).filter_map(|(_, _, registers)| registers.instruction_pointer);
    if let Some(address) = at.find(|address| page.contains(&address.0)) {
        return Some((address.0, "a thread waits in it"));
    }
    let entry = process.task.mm.as_ref()?.auxv.get(crate::model::auxv::ENTRY)?;
    page.contains(&entry).then_some((entry, "the program begins there"))
}

/// What a page should be: what the file has, or what most other processes with a copy have. Also whether it is the
/// file's.
fn original(
    facts: &Facts<'_>,
    mapping: &Mapping,
    copy: Copy,
    page: &[u8],
    is_criu: bool,
    copies: &mut Copies,
) -> Option<(Vec<u8>, bool)> {
    const OTHERS: usize = 16;
    let from = crate::int::usize_of(copy.offset);
    if let Some(file) = copies.file(facts, &mapping.path) {
        let rest = file.get(from..).unwrap_or_default();
        let mut bytes = rest.get(..page.len().min(rest.len())).unwrap_or_default().to_vec();
        // The rest of the last page is zeros.
        bytes.resize(page.len(), 0);
        return Some((bytes, true));
    }
    let others = copies.of(&mapping.path, copy.offset).iter().filter(|other| other.pid != copy.pid).take(OTHERS);
    let read = others.filter_map(|other| {
        let space = facts.space(other.pid)?;
        Some(bytes_at(&space, other.address, crate::int::u64_of(page.len()))).filter(|bytes| bytes.len() == page.len())
    });
    let read: Vec<Vec<u8>> = read.collect();
    let same = read.iter().filter(|other| other.as_slice() == page).count();
    let majority = read.iter().max_by_key(|one| read.iter().filter(|other| other == one).count())?;
    let agreeing = read.iter().filter(|other| *other == majority).count();
    // Copies that are equal prove nothing, unless CRIU made them: children inherit them. Nor do two that differ: either
    // may be the changed one.
    let tells = if same == read.len() { is_criu } else { agreeing >= 2 && agreeing > same };
    tells.then(|| (majority.clone(), false))
}

/// Whether a difference is what CRIU leaves if it could not put the first bytes back: an instruction that calls the
/// kernel, and a breakpoint.
fn is_trace_of_criu(page: &[u8], spans: &[(usize, usize)]) -> bool {
    const HEADER: usize = 64;
    let is_stub = page.starts_with(b"\x0f\x05\xcc") || page.starts_with(b"\x01\0\0\xd4\0\0\x20\xd4");
    is_stub && spans.iter().all(|(at, len)| at.saturating_add(*len) <= HEADER)
}

/// Finds jumps of a page into memory without a file.
fn jumps(
    process: &ProcessFacts<'_>,
    machine: Option<Machine>,
    address: u64,
    page: &[u8],
    places: impl Iterator<Item = usize>,
    seen: &mut Seen,
) {
    const JUMPS: usize = 8;
    let Some(machine) = machine else { return };
    for place in places {
        if seen.jumps.len() >= JUMPS {
            return;
        }
        // The changed bytes may begin behind the first byte of the jump.
        for start in [place, place.saturating_sub(1), place.saturating_sub(2)] {
            let at = address.saturating_add(crate::int::u64_of(start));
            let target = page.get(start..).and_then(|code| jump_target(machine, at, code));
            if let Some(target) = target.filter(|target| unbacked_code_at(process, *target).is_some())
                && !seen.jumps.iter().any(|(known, _)| *known == at)
            {
                seen.jumps.push((at, target));
                break;
            }
        }
    }
}

fn found(
    facts: &Facts<'_>,
    report: &mut Report<'_>,
    process: &ProcessFacts<'_>,
    mapping: &Mapping,
    seen: &Seen,
    copies: &mut Copies,
) {
    if seen.proven.is_empty() && seen.unproven.is_empty() {
        return;
    }
    let is_probe = seen.unproven.is_empty()
        && seen
            .proven
            .iter()
            .all(|one| one.spans.iter().all(|(at, len)| *len == 1 && one.page.get(*at) == Some(&0xcc)));
    let (severity, confidence) = match seen {
        _ if is_probe => (Severity::Low, Confidence::Medium),
        seen if !seen.jumps.is_empty() || !seen.shapes.is_empty() => (Severity::High, Confidence::High),
        seen if !seen.proven.is_empty() => {
            (Severity::High, if seen.with_file { Confidence::High } else { Confidence::Medium })
        }
        seen if seen.used.iter().any(|(_, why)| why.starts_with("a thread")) => (Severity::High, Confidence::Medium),
        seen if seen.odd || !seen.used.is_empty() => (Severity::Medium, Confidence::Medium),
        _ => (Severity::Low, Confidence::Low),
    };
    let severity = if was_restored(facts) && seen.jumps.is_empty() { severity.lowered() } else { severity };
    let (path, _) = file_of(mapping);
    let places = places(facts, mapping, seen, copies);
    let mut sentence = format!("{} has changed code of {}", process.title(), shown(path));
    if seen.proven.is_empty() {
        let pages = count(seen.unproven.len(), "page");
        sentence = format!("{} has its own copy of {pages} of the code of {}", process.title(), shown(path));
    } else if seen.with_file {
        sentence.push_str(": it is not what the file has");
    } else {
        sentence.push_str(": other processes with the same file have something else");
    }
    if !places.is_empty() {
        let names: Vec<String> = places.iter().take(4).map(|(_, name)| name.clone()).collect();
        super::super::words::add(&mut sentence, format_args!(" (in {})", listed(&names)));
    }
    if let Some((_, target)) = seen.jumps.first() {
        super::super::words::add(
            &mut sentence,
            format_args!("; a jump leads to {target:#x}, in memory without a file"),
        );
    } else if let Some((_, what)) = seen.shapes.first() {
        super::super::words::add(&mut sentence, format_args!("; code there {what}"));
    } else if is_probe {
        sentence.push_str("; only breakpoints were set");
    } else if let Some((_, why)) = seen.used.first() {
        super::super::words::add(&mut sentence, format_args!(", which takes a write to it, and {why}"));
    } else if seen.proven.is_empty() && seen.odd {
        sentence.push_str(", and most others that map it have not");
    } else if seen.proven.is_empty() {
        sentence.push_str(", which takes a write to it; the original is not in the archive");
    }
    sentence.push('.');
    let mut hash = Sha256::new();
    for Changed { copy, spans, page, .. } in &seen.proven {
        for (at, len) in spans {
            hash.update(copy.offset.to_le_bytes());
            hash.update(page.get(*at..at.saturating_add(*len)).unwrap_or_default());
        }
    }
    for copy in &seen.unproven {
        hash.update(copy.offset.to_le_bytes());
    }
    let digest = data_encoding::HEXLOWER.encode(&hash.finalize());
    let benign = if is_probe {
        "A debugger or a kernel probe set breakpoints: ask for tracing tools on the node."
    } else if was_restored(facts) {
        "The container was restored from a checkpoint, so pages that were private then are so now."
    } else {
        "A debugger, a tracing agent or a tool that patches programs as they run: ask whether one is in use here."
    };
    let mut finding = about(&RULE, facts, process, mapping)
        .severity(severity)
        .confidence(confidence)
        .identity([BString::from(path), digest.into()])
        .sentence(sentence)
        .benign(benign)
        .path(path)
        .link(Link::Path(path.into()));
    finding = evidence(facts, process, finding, seen, &places);
    if is_probe {
        finding = finding.tag("breakpoint");
    }
    report.add(finding);
}

/// The changed places, by name: the function, if the file with its symbols is in the archive, or the file and offset.
fn places(facts: &Facts<'_>, mapping: &Mapping, seen: &Seen, copies: &mut Copies) -> Vec<(u64, String)> {
    const MOST: usize = 16;
    let name = base(file_of(mapping).0).to_vec();
    let file = copies.file(facts, &mapping.path);
    let of = |address: u64| {
        let offset = address.saturating_sub(mapping.start.0).saturating_add(mapping.offset);
        let function = file.and_then(|file| function_at(file, offset));
        let text = match function {
            Some((function, 0)) => shown(&function),
            Some((function, distance)) => format!("{}+{distance:#x}", shown(&function)),
            None => format!("{}+{offset:#x}", shown(&name)),
        };
        (address, text)
    };
    let changed = seen
        .proven
        .iter()
        .flat_map(|one| one.spans.iter().map(|(at, _)| one.copy.address.saturating_add(crate::int::u64_of(*at))));
    let odd = seen.jumps.iter().map(|(at, _)| *at).chain(seen.shapes.iter().map(|(at, _)| *at));
    changed.chain(odd).take(MOST).map(of).collect()
}

fn evidence(
    facts: &Facts<'_>,
    process: &ProcessFacts<'_>,
    mut finding: super::super::Finding,
    seen: &Seen,
    places: &[(u64, String)],
) -> super::super::Finding {
    const SHOWN: usize = 8;
    const LINES: usize = 6;
    let machine = Machine::of(process);
    let name =
        |address: u64| places.iter().find(|(at, _)| *at == address).map(|(_, name)| name.clone()).unwrap_or_default();
    let listing =
        |address: u64, bytes: &[u8]| machine.map_or_else(String::new, |machine| machine.listing(address, bytes, LINES));
    for Changed { copy, spans, original, page } in seen.proven.iter().take(SHOWN) {
        for (at, len) in spans {
            let address = copy.address.saturating_add(crate::int::u64_of(*at));
            // Arm's instructions begin at multiples of four.
            let from = if machine == Some(Machine::Arm64) { at & !3 } else { *at };
            let start = copy.address.saturating_add(crate::int::u64_of(from));
            let rest =
                |bytes: &[u8]| bytes.get(from..from.saturating_add(32).min(bytes.len())).unwrap_or_default().to_vec();
            let text = format!("now:\n{}\nbefore:\n{}", listing(start, &rest(page)), listing(start, &rest(original)));
            let before = data_encoding::HEXLOWER
                .encode(original.get(*at..at.saturating_add(*len).min(original.len())).unwrap_or_default());
            finding = finding.evidence(
                Evidence::memory(facts, process.pid(), address, crate::int::u64_of(*len))
                    .with("before", Some(before))
                    .with_text(text)
                    .with_note(format!("changed code in {}", name(address))),
            );
        }
    }
    for (address, target) in seen.jumps.iter().take(SHOWN) {
        let bytes = facts.space(process.pid()).map(|space| bytes_at(&space, *address, 32)).unwrap_or_default();
        finding = finding.evidence(
            Evidence::memory(facts, process.pid(), *address, 16)
                .with("target", Some(format!("{target:#x}")))
                .with_text(listing(*address, &bytes))
                .with_note("a jump into memory without a file"),
        );
    }
    for (address, what) in seen.shapes.iter().take(SHOWN) {
        let bytes = facts.space(process.pid()).map(|space| bytes_at(&space, *address, 48)).unwrap_or_default();
        finding = finding.evidence(
            Evidence::memory(facts, process.pid(), *address, 48)
                .with_text(listing(*address, &bytes))
                .with_note(format!("code that {what}")),
        );
    }
    for (address, why) in seen.used.iter().take(SHOWN) {
        let bytes = facts.space(process.pid()).map(|space| bytes_at(&space, *address, 48)).unwrap_or_default();
        finding = finding.evidence(
            Evidence::memory(facts, process.pid(), *address, 48).with_text(listing(*address, &bytes)).with_note(*why),
        );
    }
    for copy in seen.unproven.iter().take(SHOWN) {
        finding = finding.evidence(
            Evidence::memory(facts, process.pid(), copy.address, 4096)
                .with("file_offset", Some(copy.offset))
                .with_note("a copy of a page of code that CRIU did not make"),
        );
    }
    finding
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_criu_leaves_is_at_the_very_beginning() {
        let mut page = vec![0x90; 4096];
        page[..3].copy_from_slice(b"\x0f\x05\xcc");
        assert!(is_trace_of_criu(&page, &[(0, 3)]));
        assert!(!is_trace_of_criu(&page, &[(0, 3), (900, 5)]), "somebody else was here, too");
        assert!(!is_trace_of_criu(&[0x90; 4096], &[(0, 3)]));
    }
}
