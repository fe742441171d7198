//! MEM-002: an ELF image in executable memory whose header was removed.

use super::super::card::rule;
use super::super::facts::ProcessFacts;
use super::super::hits::Region;
use super::super::words::{listed, size};
use super::super::{Confidence, Evidence, Facts, Report, Severity};
use super::anonymous_elf::{MAGIC, extent, images};
use super::code::{about, is_executable, is_unbacked, kind_words, len, pieces, sha256, unbacked_code};
use super::listing::Machine;
use crate::elf::{Mark, marks};
use crate::memory::AddressSpace;
use crate::tables::Mapping;

rule! {
    /// Executable memory that no file backs, of at least two pages with the memory beside it, that has the marks of an ELF image but no header:
    /// a table of program headers, a dynamic section, a table for unwinding the stack, the names and versions of a C
    /// library's symbols, texts of a C library that was linked into it, the table of functions of a Go program. Memory that adjoins is looked at, too, as a loader maps segments side by side. Parts that
    /// belong to an image with a header do not count: MEM-001 reports those.
    "MEM-002", elf_header_wiped, version 2, Memory, Stable, High,
    title: "An ELF image without its header is in executable memory",
    why: "Whoever loads a program by hand and then removes its header does so to escape a search for headers.",
    benign: [
        "A loader of its own that frees the first page, as in Wine, Box64 and some games: the program is of the image and known for it.",
    ],
    attack: ["T1620", "T1027"],
    cost: Memory,
    tags: ["fileless"],
    regions: [Region::Executable, Region::BesideCode],
    patterns: [MAGIC],
    check: check,
}

/// Shortest memory that is looked at.
const SHORTEST: u64 = 8192;
/// Points that marks must have together.
const POINTS: u32 = 3;

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        let Some(space) = facts.space(process.pid()) else { continue };
        let mut images: Option<Vec<(u64, u64)>> = None;
        for mapping in unbacked_code(process).filter(|mapping| mapping.kind != "memfd") {
            if !report.look() {
                return;
            }
            let whole = beside(process, mapping).into_iter().fold(0_u64, |sum, part| sum.saturating_add(len(part)));
            if whole < SHORTEST {
                report.skip();
                continue;
            }
            if mapping.recorded_bytes == 0 {
                report.not_checked("executable memory without recorded pages");
                continue;
            }
            let known = images.get_or_insert_with(|| {
                self::images(facts, process, &space)
                    .take(1024)
                    .map(|placed| (placed.address, extent(process, &placed)))
                    .collect()
            });
            look(facts, report, process, &space, mapping, known);
        }
    }
}

fn look(
    facts: &Facts<'_>,
    report: &mut Report<'_>,
    process: &ProcessFacts<'_>,
    space: &AddressSpace<'_>,
    mapping: &Mapping,
    images: &[(u64, u64)],
) {
    let is_64 = Machine::of(process).is_none_or(|machine| machine != Machine::X86_32);
    let mut found: Vec<(u64, Mark)> = Vec::new();
    for part in beside(process, mapping) {
        for (start, bytes) in pieces(space, part.start.0, part.end.0) {
            // Marks are looked for between the images that have a header.
            let inside =
                images.iter().filter(|(from, to)| *to > start && *from < start.saturating_add(bytes_len(&bytes)));
            let mut at = start;
            let mut parts: Vec<(u64, u64)> = Vec::new();
            for (from, to) in inside {
                parts.push((at, *from));
                at = at.max(*to);
            }
            parts.push((at, start.saturating_add(bytes_len(&bytes))));
            for (from, to) in parts.into_iter().filter(|(from, to)| from < to) {
                let range =
                    crate::int::usize_of(from.saturating_sub(start))..crate::int::usize_of(to.saturating_sub(start));
                let bytes = bytes.get(range).unwrap_or_default();
                found.extend(
                    marks(bytes, is_64)
                        .into_iter()
                        .map(|mark| (from.saturating_add(crate::int::u64_of(mark.offset)), mark)),
                );
            }
        }
    }
    let points: u32 = found.iter().map(|(_, mark)| mark.points).fold(0, u32::saturating_add);
    if points < POINTS {
        return;
    }
    let mut identity = process.identity();
    identity.extend(found.iter().map(|(_, mark)| mark.what.into()));
    let what: Vec<&str> = found.iter().map(|(_, mark)| mark.what).collect();
    let runs = super::runtime::runtime(facts, process);
    let severity = if runs.is_some() && points < 4 { Severity::Medium } else { Severity::High };
    let mut finding = about(&RULE, facts, process, mapping)
        .severity(severity)
        .confidence(if points >= 4 { Confidence::High } else { Confidence::Medium })
        .identity(identity)
        .sentence(format!(
            "{} has {} of {} ({}) with the marks of an ELF image, but without its header: {}.",
            process.title(),
            size(len(mapping)),
            kind_words(mapping),
            mapping.permissions,
            listed(&what),
        ))
        .evidence(
            Evidence::memory(facts, process.pid(), mapping.start.0, len(mapping))
                .with_sha256(sha256(space, mapping.start.0, mapping.end.0))
                .with_note("where the header should be"),
        );
    for (address, mark) in found {
        finding = finding.evidence(Evidence::memory(facts, process.pid(), address, 64).with_note(mark.what));
    }
    report.add(finding);
}

fn bytes_len(bytes: &[u8]) -> u64 {
    crate::int::u64_of(bytes.len())
}

/// A mapping and those without a file and without execute permission that adjoin it, at most two on each side.
fn beside<'f>(process: &'f ProcessFacts<'_>, mapping: &'f Mapping) -> Vec<&'f Mapping> {
    const REACH: usize = 2;
    let all = process.mappings();
    let place = all.partition_point(|other| other.start.0 < mapping.start.0);
    let is_part = |other: &Mapping| is_unbacked(other) && !is_executable(other) && other.kind == "anonymous";
    let mut parts = vec![mapping];
    let mut start = mapping.start.0;
    for other in all.get(..place).unwrap_or_default().iter().rev().take(REACH) {
        if other.end.0 != start || !is_part(other) {
            break;
        }
        start = other.start.0;
        parts.push(other);
    }
    let mut end = mapping.end.0;
    for other in all.get(place.saturating_add(1)..).unwrap_or_default().iter().take(REACH) {
        if other.start.0 != end || !is_part(other) {
            break;
        }
        end = other.end.0;
        parts.push(other);
    }
    parts
}
