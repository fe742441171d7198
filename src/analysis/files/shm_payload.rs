//! FS-019: programs in shared memory.

use bstr::ByteSlice;

use super::super::card::rule;
use super::super::facts::{ChangedFile, Kind, Place};
use super::super::words::{shown, size};
use super::super::{Facts, Report, Severity};
use super::common::{about, bytes, everywhere, is_below, runtime_of, with_users};

rule! {
    /// Programs, scripts and packed files in `/dev/shm` and in memfds. Shared memory of databases, browsers and Python
    /// holds data, so a program there is high. A library that a runtime of the image unpacked and maps, and the copy of
    /// itself that runc makes, are low.
    "FS-019", shm_payload, version 1, Files, Stable, High,
    title: "A program is in shared memory",
    why: "Files there never reach a disk, so tools that are kept there leave no trace.",
    benign: ["A runtime with its directory for temporary files in /dev/shm: it maps the file, and it is of the image."],
    attack: ["T1027.011", "T1074.001"],
    cost: Files,
    tags: ["fileless"],
    basis: Program,
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for (file, kind) in everywhere(facts) {
        let is_shared = file.place == Place::Memfd
            || is_below(&file.path, &["/dev/shm/", "/run/shm/"]) && file.place != Place::Deleted;
        if !is_shared || file.file_type != "regular" {
            continue;
        }
        if !report.look() {
            return;
        }
        if kind == Kind::Unread {
            report.not_checked("the contents of the file are not in the archive");
        }
        let Some((severity, benign)) = judge(facts, file, kind) else {
            report.skip();
            continue;
        };
        let head = facts.files().head(file, 64).into_owned();
        let what = match kind {
            Kind::Archive(format) => format!("a packed file ({format})"),
            kind => kind.words().to_owned(),
        };
        let finding = about(facts, &RULE, file)
            .severity(severity)
            .benign(benign)
            .evidence(bytes(facts, file, 0, &head).with_note("its first bytes"))
            .identity(facts.files().sha256(file))
            .sentence(format!("{} ({}), {}, is {what}.", shown(&file.path), size(file.size), file.place.words()));
        report.add(with_users(facts, finding, &file.path));
    }
}

fn judge(facts: &Facts<'_>, file: &ChangedFile, kind: Kind) -> Option<(Severity, String)> {
    match kind {
        Kind::Elf => {
            if file.path.contains_str("runc_cloned:") && facts.uses().running(&file.path).is_empty() {
                return Some((
                    Severity::Low,
                    "The copy of itself that runc makes as it starts a container.".to_owned(),
                ));
            }
            if let Some(runtime) = runtime_of(facts, &file.path).filter(|_| facts.uses().running(&file.path).is_empty())
            {
                return Some((Severity::Low, format!("{} maps it, a runtime of the image.", runtime.title())));
            }
            Some((Severity::High, "Practically none: ask who started the process that holds it.".to_owned()))
        }
        Kind::Script => Some((Severity::High, "A job that writes its scripts to /dev/shm: ask its owner.".to_owned())),
        Kind::Archive(_) => Some((Severity::Low, "Data that processes share in packed form.".to_owned())),
        _ => None,
    }
}
