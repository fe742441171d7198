//! CTR-014: programs were added to a writable root file system.

use super::super::card::rule;
use super::super::facts::Place;
use super::super::words::count;
use super::super::{Confidence, Evidence, Facts, Finding, Next, Report, Severity, Subject};
use super::specification;

rule! {
    /// The root file system is writable, and executable files were added or changed in it. What they are is judged by the
    /// rules about files; this is a count. Many entry points write executable files.
    "CTR-014", rootfs_writable_and_changed, version 1, Isolation, Stable, Info,
    title: "Executable files were written to the root file system",
    why: "A read-only root file system would have prevented it.",
    benign: ["Entry points unpack programs, and packages are installed at start."],
    attack: ["T1105"],
    cost: Files,
    tags: ["hygiene"],
    posture: true,
    check: check,
}

/// Most files that are shown.
const MOST: usize = 8;

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let Some(spec) = specification::of(facts, report) else { return };
    if spec.read_only_root != Some(false) {
        return;
    }
    let is_program = |file: &&super::super::facts::ChangedFile| {
        file.place == Place::Rootfs && file.file_type == "regular" && file.mode & 0o111 != 0 && !file.engine_noise
    };
    let files: Vec<_> = facts.files().all().iter().filter(is_program).collect();
    if files.is_empty() {
        return;
    }
    let mut finding = Finding::new(&RULE, Subject::Container("root file system"))
        .severity(Severity::Info)
        .confidence(Confidence::High)
        .identity(["root"])
        .sentence(format!("The root file system is writable, and {} added or changed in it.", programs(files.len())))
        .next(Next::table("rootfs_changes"))
        .evidence(specification::evidence(facts, "/root/readonly"));
    for file in files.iter().take(MOST) {
        finding = finding.evidence(Evidence::row("rootfs_changes", [("path", (&file.path).into())]));
    }
    finding.evidence_more = crate::int::u64_of(files.len().saturating_sub(MOST));
    report.add(finding);
}

fn programs(number: usize) -> String {
    format!("{} {}", count(number, "executable file"), if number == 1 { "was" } else { "were" })
}
