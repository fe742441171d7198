//! PROC-003: a process whose program was deleted.

use bstr::ByteSlice;
use sha2::{Digest, Sha256};

use super::super::card::rule;
use super::super::facts::Place;
use super::super::words::{shown, size};
use super::super::{Confidence, Evidence, Facts, Finding, Link, Next, Report, Severity, Subject};
use super::common::{program, row_of, whole};
use crate::elf::ElfFile;
use crate::int::u64_of;

rule! {
    /// A process that runs a program which no longer has a name. CRIU keeps a small deleted file in the archive, so that the
    /// program itself can often be recovered. Programs that never had a name are the matter of MEM-006.
    ///
    /// It is low if a new file has the same path: that is an upgrade under a running program. It is high if the program lay
    /// where everyone may write; a step lower if a tool of the image that builds there is among its ancestors.
    "PROC-003", deleted_executable, version 2, Process, Stable, Medium,
    title: "A process runs a program that was deleted",
    why: "Intruders delete their program once it runs, so that nobody finds it on disk.",
    benign: [
        "An upgrade replaced the program while it ran: then the same path exists again, with a new file.",
        "A build or a test deletes what it has started, for example `go run`."
    ],
    attack: ["T1070.004", "T1620"],
    cost: Files,
    basis: Program,
    check: check,
}

/// Deleted programs that are read.
const READ_MOST: usize = 64;
/// Most bytes of a deleted program that are hashed.
const HASHED_MOST: u64 = 16 << 20;

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let mut read = 0_usize;
    for process in facts.living() {
        if process.program.path.is_none() {
            report.not_checked("the program of a process is not recorded");
            continue;
        }
        if !report.look() {
            return;
        }
        if !process.program.deleted {
            continue;
        }
        let path = program(process);
        let name = process.program.base();
        let replaced = facts.files().at(&path).any(|file| file.place == Place::Rootfs)
            || read <= READ_MOST && facts.has_other_version(&path)
            || name.contains_str(".dpkg-")
            || name.contains_str(".rpm")
            || path.rfind_byte(b';').is_some_and(|at| path.len().saturating_sub(at) == 9);
        let built = facts.is_of_builder(process, &path);
        let severity = match () {
            () if replaced && !process.is_program_suspicious() => Severity::Low,
            () if process.is_program_suspicious() => Severity::High,
            () => Severity::Medium,
        };
        let severity = if built && severity > Severity::Low { severity.lowered() } else { severity };
        read = read.saturating_add(1);
        let ghost = facts.files().at(&path).find(|file| file.place == Place::Ghost && read <= READ_MOST);
        let mut finding = Finding::new(&RULE, Subject::Process(process.pid()))
            .severity(severity)
            .confidence(if replaced { Confidence::Medium } else { Confidence::High })
            .identity([path.clone()])
            .path(path.clone())
            .link(Link::Path(path.clone()))
            .evidence(row_of(process));
        let mut kept = String::new();
        if let Some(file) = ghost {
            let bytes = facts.files().head(file, HASHED_MOST);
            let is_whole = u64_of(bytes.len()) == file.size && !bytes.is_empty();
            let is_elf = ElfFile::read(&bytes).is_some();
            let member = file.member.clone().unwrap_or_default();
            let digest = is_whole.then(|| data_encoding::HEXLOWER.encode(&Sha256::digest(&bytes)));
            kept = format!(" The archive has its {}{}.", size(file.size), if is_elf { ", an ELF program" } else { "" });
            let evidence = Evidence::file(facts, &member, 0, bytes.get(..64).unwrap_or(&bytes));
            finding = finding.evidence(evidence.with_sha256(digest).with_note("the deleted program"));
        }
        let next = match ghost {
            Some(_) => Next::Extract { what: "recovered", path: Some(whole(&path)) },
            None => Next::rows_of("process_memory_map", process.pid()),
        };
        finding = finding.next(next).sentence(format!(
            "{} runs {}, which {}.{kept}",
            process.title(),
            shown(&path),
            if replaced { "was deleted or replaced by a newer file" } else { "was deleted" },
        ));
        if replaced {
            finding = finding.benign(
                "An upgrade replaced the program while it ran. The times of the changed files tell when; a restart ends it.",
            );
        } else if built {
            finding = finding.benign("A build tool started what it had built and deleted it.");
        }
        report.add(finding);
    }
}
