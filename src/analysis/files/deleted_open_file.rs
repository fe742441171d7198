//! FS-018: files that were deleted while in use.

use super::super::card::rule;
use super::super::facts::{ChangedFile, Kind, Place, base};
use super::super::vocabulary::is_world_writable;
use super::super::words::shown;
use super::super::{Facts, Report, Severity};
use super::common::{about, bytes, described, everywhere, hidden_part, is_system, runtime_of, with_users};

rule! {
    /// Files whose names are gone while processes still use them; CRIU kept their contents. A program, a script or a
    /// packed file in a place that everyone may write to, in a hidden place, or that was never in the image is
    /// reported. Ordinary temporary files, libraries that an upgrade replaced, and libraries that a runtime of the
    /// image unpacked and deleted at once do not count or are low.
    "FS-018", deleted_open_file, version 1, Files, Stable, Medium,
    title: "A program was deleted while in use",
    why: "Deleting a program while it runs hides it from those who look at the disk. Its bytes are in the archive.",
    benign: [
        "A runtime that deletes its library once it is loaded: it is of the image.",
        "An upgrade that replaced a library while it was in use: a new file has its name.",
    ],
    attack: ["T1070.004"],
    cost: Files,
    tags: ["antiforensics"],
    basis: Program,
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for (file, kind) in everywhere(facts).filter(|(file, _)| file.place == Place::Ghost) {
        if !report.look() {
            return;
        }
        if kind == Kind::Unread {
            report.not_checked("the contents of the deleted file are not in the archive");
        }
        match judge(facts, file, kind) {
            None => report.skip(),
            Some((severity, why, benign)) => {
                let head = facts.files().head(file, 64).into_owned();
                let finding = about(facts, &RULE, file)
                    .severity(severity)
                    .benign(benign)
                    .evidence(bytes(facts, file, 0, &head).with_note("its first bytes"))
                    .sentence(format!("{} was deleted while in use: it is {}, {why}.", described(file), kind.words()));
                report.add(with_users(facts, finding, &file.path));
            }
        }
    }
}

fn judge(facts: &Facts<'_>, file: &ChangedFile, kind: Kind) -> Option<(Severity, &'static str, String)> {
    let path = file.path.as_slice();
    let name = base(path);
    // Here documents of shells, and what editors and interpreters put aside.
    let is_document = name.starts_with(b"sh-thd") || name.starts_with(b"zsh") && is_world_writable(path);
    if is_document && kind != Kind::Elf || path.is_empty() && !kind.is_code() {
        return None;
    }
    let is_odd = is_world_writable(path) || hidden_part(path).is_some();
    match kind {
        Kind::Elf | Kind::Script => {
            if let Some(runtime) = runtime_of(facts, path).filter(|_| facts.uses().running(path).is_empty()) {
                let benign = format!(
                    "{} maps it, a runtime of the image: such runtimes delete libraries once they are loaded.",
                    runtime.title()
                );
                return Some((Severity::Low, "which a runtime unpacked", benign));
            }
            if is_odd {
                let benign = "An installer that deletes itself: ask who ran it.".to_owned();
                return Some((Severity::Medium, "from a place that everyone may write to, or a hidden one", benign));
            }
            let is_replaced = facts.files().at(path).any(|other| other.place != Place::Ghost);
            let has_run = facts.packages().managers().next().is_some();
            if is_replaced || has_run {
                return None;
            }
            let severity = if is_system(path) || kind == Kind::Elf { Severity::Medium } else { Severity::Low };
            Some((
                severity,
                "and the image does not have it",
                "A program that was replaced by hand during an update.".to_owned(),
            ))
        }
        Kind::Archive(_) if is_odd && file.size > 1 << 20 => {
            let benign = format!("A temporary file of a program: look at what {} has open.", shown(path));
            Some((Severity::Low, "in a place that everyone may write to", benign))
        }
        _ => None,
    }
}
