//! FS-031: a packed program that is not of the image.

use super::super::card::rule;
use super::super::facts::Place;
use super::super::vocabulary::is_world_writable;
use super::super::words::{shown, size};
use super::super::{Confidence, Facts, Report, Severity};
use super::common::{about, bytes, each_foreign_elf, hidden_part, with_users};
use crate::elf::packer;

rule! {
    /// An ELF program that UPX packed, among the changes to the root file system, in volumes, in file systems in memory, among
    /// deleted files in use and memfds. It is known by the packer's marks, and if those were removed, by the shape of what
    /// UPX makes: no sections, no libraries, and code that is compressed data. High if a process runs it, or if it is in a place
    /// that everyone may write to or in a hidden one. Files of packages do not count.
    "FS-031", packed_program, version 1, Files, Stable, Medium,
    title: "A packed program was added",
    why: "Intruders pack their tools so that searches for known bytes find nothing. Servers have no need to save that space.",
    benign: [
        "A small tool that its maker publishes packed, such as a helper of a build: its web site has the same hash.",
    ],
    attack: ["T1027.002"],
    cost: Files,
    tags: ["packed"],
    basis: Program,
    check: check,
}

/// Bytes of a program that are read.
const HEAD: u64 = 2 << 20;

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    each_foreign_elf(facts, HEAD, report, |file, elf, head, report| {
        let Some(packer) = packer(elf) else { return };
        let runs = !facts.uses().running(&file.path).is_empty();
        let is_odd = is_world_writable(&file.path) || hidden_part(&file.path).is_some() || file.place == Place::Memfd;
        let is_hidden = packer.ends_with("removed)");
        let severity = if runs || is_odd || is_hidden { Severity::High } else { Severity::Medium };
        let sentence = format!(
            "{} ({}), {}, is a packed program: {packer}{}.",
            shown(&file.path),
            size(file.size),
            file.place.words(),
            if runs { "; a process runs it" } else { "" },
        );
        let finding = about(facts, &RULE, file)
            .severity(severity)
            .confidence(if is_hidden { Confidence::Medium } else { Confidence::High })
            .benign("A tool that its maker publishes packed: compare the hash with the maker's.")
            .evidence(
                bytes(facts, file, 0, head.get(..256.min(head.len())).unwrap_or_default()).with_note("its headers"),
            )
            .identity(facts.files().sha256(file))
            .sentence(sentence);
        report.add(with_users(facts, finding, &file.path));
    });
}
