//! MEM-001: an ELF image in memory without a file.

use super::super::card::rule;
use super::super::plan::{Pattern, Region};
use super::super::words::size;
use super::super::{Confidence, Evidence, Facts, Finding, Next, Report, Subject};
use crate::abi::elf::ElfFile;

rule! {
    /// The header of an ELF file at the beginning of a page that no file backs: anonymous memory, heap, stack, shared
    /// memory. The whole header is checked, not only its magic number, which occurs in strings and buffers. The vDSO is
    /// the kernel's and does not count.
    "MEM-001", anonymous_elf, version 1, Memory, Stable, High,
    title: "An ELF image lies in memory without a file",
    why: "Programs are mapped from files. An image in anonymous memory was put there by hand, usually to leave no trace on disk.",
    benign: ["A buffer with a program in it, as in package managers, compilers and web servers: it has no execute permission."],
    attack: ["T1620", "T1055"],
    cost: Memory,
    tags: ["fileless"],
    regions: [Region::FirstPages, Region::Executable],
    patterns: [MAGIC],
    check: check,
}

/// The first bytes of a file header: magic, 64 or 32 bits.
const MAGIC: Pattern = Pattern { bytes: b"\x7fELF" };

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let page = facts.checkpoint().memory().page_size().max(1);
    if facts.hits().unread > 0 {
        report.not_checked("pages that could not be read");
    }
    for hit in facts.hits().of(&MAGIC) {
        if !report.look() {
            return;
        }
        let Some(process) = facts.process(hit.pid) else { continue };
        let mapping = process.task.mm.as_ref().and_then(|mm| mm.vma_at(hit.address));
        let Some(mapping) = mapping.filter(|mapping| mapping.is_anonymous()) else {
            report.skip();
            continue;
        };
        if hit.address % page != 0 || mapping.status.contains(crate::model::vma::Status::VDSO) {
            report.skip();
            continue;
        }
        let head = facts.space(hit.pid).and_then(|space| space.read(hit.address, page).ok());
        let Some(elf) = head.as_deref().and_then(ElfFile::read) else {
            report.skip();
            continue;
        };
        let is_code = mapping.prot & 4 != 0;
        let machine = elf.machine.clone().unwrap_or_default();
        report.add(
            Finding::new(&RULE, Subject::Mapping(hit.pid, mapping.start.0))
                .severity(if is_code { super::super::Severity::High } else { super::super::Severity::Low })
                .confidence(Confidence::High)
                .identity(process.identity())
                .sentence(format!(
                    "{} has {} of {} memory without a file that begins with an ELF header ({machine}).",
                    process.title(),
                    size(mapping.len()),
                    mapping.permissions(),
                ))
                .next(Next::Memory { pid: hit.pid, start: mapping.start.0, end: mapping.end.0 })
                .evidence(Evidence::mapping(hit.pid, mapping.start.0).with("permissions", Some(mapping.permissions())))
                .evidence(Evidence::memory(facts, hit.pid, hit.address, mapping.len()).with_note("the ELF header")),
        );
    }
}
