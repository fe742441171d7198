//! MEM-028: the header of a mapped library was changed in memory.

use bstr::{BString, ByteSlice as _};

use super::super::card::rule;
use super::super::facts::{ProcessFacts, base};
use super::super::hits::Region;
use super::super::words::shown;
use super::super::{Confidence, Evidence, Facts, Link, Report, Severity};
use super::code::{about, bytes_at, file_of, is_executable, is_private, page_of_criu, recorded};
use super::copies::{differences, head, was_restored};
use crate::elf::Image;
use crate::tables::Mapping;

rule! {
    /// The first page of a mapped program or library is a private copy, and is no header any more, or not that of the
    /// file. Nothing writes to this page: relocations are elsewhere. A copy that still is a whole header and cannot be
    /// compared is only an oddity. Files that begin like programs of Windows are .NET's and do not count.
    "MEM-028", library_header_altered, version 1, Memory, Incubating, High,
    title: "The header of a mapped library was changed in memory",
    why: "A header is removed or changed in memory so that a search for images does not find the library.",
    benign: ["A tool that patches programs as they run, or a debugger.", "The container was restored from a checkpoint."],
    attack: ["T1027", "T1055"],
    cost: Memory,
    regions: [Region::FirstPages],
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        let is_candidate = |mapping: &&Mapping| {
            mapping.kind == "file" && mapping.offset == 0 && is_private(mapping) && mapping.recorded_bytes > 0
        };
        for mapping in process.mappings().iter().filter(is_candidate) {
            // Linkers let the segments of a file smaller than a page share its first page: the header is in the lowest.
            let all = process.mappings();
            let place = all.partition_point(|other| other.start.0 < mapping.start.0);
            let before = place.checked_sub(1).and_then(|place| all.get(place));
            if before.is_some_and(|before| {
                before.end.0 == mapping.start.0 && before.offset == 0 && before.path == mapping.path
            }) {
                continue;
            }
            // Only files that are code: data files may be mapped and changed.
            let is_code = process.mappings_of(&mapping.path).any(is_executable);
            if !is_code {
                continue;
            }
            if !report.look() {
                return;
            }
            if super::runtime::is_of_runtime(facts, process, file_of(mapping).0) {
                report.skip();
                continue;
            }
            look(facts, report, process, mapping);
        }
    }
}

fn look(facts: &Facts<'_>, report: &mut Report<'_>, process: &ProcessFacts<'_>, mapping: &Mapping) {
    let Some(space) = facts.space(process.pid()) else { return };
    let start = mapping.start.0;
    let page_size = space.page_size();
    if !recorded(&space, start, start.saturating_add(page_size)).any(|range| range.start == start) {
        return;
    }
    let page = bytes_at(&space, start, page_size);
    if page.is_empty() {
        report.not_checked("first pages whose bytes are missing");
        return;
    }
    let is_whole = Image::read(&page).is_some() || page.starts_with(b"MZ");
    let file = head(facts, &mapping.path, page_size);
    let differs = file.as_ref().map(|file| {
        let mut original = file.get(..page.len().min(file.len())).unwrap_or_default().to_vec();
        original.resize(page.len(), 0);
        // Data that follows the header in the first page may be changed by relocation, the header may not.
        differences(&original, &page, 8).iter().any(|(at, _)| *at < 512)
    });
    // A writable first page belongs to a file that is linked as one segment.
    if is_whole && (differs == Some(false) || super::code::is_writable(mapping) || page_of_criu(process) == Some(start))
    {
        report.skip();
        return;
    }
    let severity = match (is_whole, differs) {
        (false, _) | (true, Some(true)) => Severity::High,
        (true, _) => Severity::Low,
    };
    let severity = if was_restored(facts) { severity.lowered() } else { severity };
    let (path, _) = file_of(mapping);
    // A data file that is mapped as code never had a header: it is a cover.
    let was_elf = match &file {
        Some(file) => file.starts_with(crate::elf::MAGIC),
        None => super::code::is_program(process, mapping) || base(path).contains_str(".so"),
    };
    let is_zero = page.iter().take(64).all(|&byte| byte == 0);
    let what = match (is_whole, is_zero) {
        (false, _) if !was_elf => "is mapped as code and was written to; the file is no library",
        (false, true) => "was overwritten with zeros",
        (false, false) => "is no ELF header any more",
        (true, _) if differs == Some(true) => "differs from the file",
        (true, _) => "is a copy of its own, which takes a write to it",
    };
    report.add(
        about(&RULE, facts, process, mapping)
            .severity(severity)
            .confidence(if is_whole { Confidence::Low } else { Confidence::High })
            .identity([BString::from(path), what.into()])
            .sentence(format!(
                "In {}, the {} of {} {what}.",
                super::thread_outside_code::lower(&process.title()),
                if was_elf { "header" } else { "first page" },
                shown(path)
            ))
            .path(path)
            .link(Link::Path(path.into()))
            .evidence(Evidence::memory(facts, process.pid(), start, page_size).with_note("where the header should be")),
    );
}
