//! EVD-001: an archive that contradicts itself.

use std::collections::BTreeMap;

use super::super::card::rule;
use super::super::words::{count, listed, shown_within};
use super::super::{Confidence, Evidence, Facts, Finding, Next, Report, Severity, Subject};
use crate::warning::{Code, Warning};

rule! {
    /// The archive contradicts itself, or parts of it are damaged: records that exist twice, a process tree that cannot be,
    /// images that are cut or missing, pages that do not add up, times in the wrong order. It says nothing about the
    /// container, but how far the other answers can be trusted. What is only odd (a tar without an end, statistics that differ)
    /// is low, and so is a missing table of open files alone: a process without open files has none. Pages that the dump left
    /// out on purpose are EVD-003.
    "EVD-001", archive_inconsistent, version 2, Evidence, Stable, Medium,
    title: "The archive contradicts itself or is damaged",
    why: "Who changed the archive, or cut it, decides what can be seen in it.",
    benign: ["A transfer that broke off, a full disk, or an error of the engine."],
    attack: [],
    cost: Free,
    tags: ["evidence"],
    check: check,
}

/// What a kind of warning means for the evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Meaning {
    /// The archive or its engine is of an odd form, and nothing is wrong with it.
    Form,
    /// Odd, and no answer depends on it.
    Odd,
    /// Something is damaged or missing.
    Damaged,
    /// Two parts contradict each other.
    Contradiction,
}

fn meaning(code: Code) -> Meaning {
    match code {
        // EVD-003 tells these.
        Code::ParentMissing
        | Code::PagesLazy
        | Code::ArgumentsUnavailable
        | Code::LimitReached
        | Code::NotKept
        | Code::ArchiveInner
        | Code::ProcessesMissing
        | Code::ImageUnknown
        | Code::RecordUnknownField
        | Code::DocumentMissing => Meaning::Form,
        Code::ProcessTree
        | Code::RecordDuplicate
        | Code::NumberInvalid
        | Code::MappingInvalid
        | Code::PagemapInvalid
        | Code::PagesShared
        | Code::SocketInvalid
        | Code::SignalInvalid
        | Code::FilterInvalid
        | Code::MemberDuplicate
        | Code::FileMissing => Meaning::Contradiction,
        code if code.severity() == crate::warning::Severity::Note => Meaning::Odd,
        _ => Meaning::Damaged,
    }
}

/// What a warning means. A process that closed all of its files has no table of them: CRIU makes an image when it writes the
/// first record.
fn meaning_of(warning: &Warning) -> Meaning {
    if is_without_files(warning) { Meaning::Odd } else { meaning(warning.code) }
}

fn is_without_files(warning: &Warning) -> bool {
    let name = warning.place.member.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    warning.code == Code::ImageMissing && name.starts_with(b"fdinfo-")
}

/// Most warnings of a kind that are shown.
const SHOWN_MOST: usize = 4;

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let warnings = facts.checkpoint().warnings();
    let mut kinds: BTreeMap<Code, Vec<&Warning>> = BTreeMap::new();
    for warning in warnings.iter().filter(|warning| meaning(warning.code) > Meaning::Form) {
        kinds.entry(warning.code).or_default().push(warning);
    }
    if !report.look() {
        return;
    }
    times(facts, report);
    let Some(worst) = kinds.values().flatten().map(|warning| meaning_of(warning)).max() else { return };
    let is_without_files = kinds.values().flatten().any(|warning| is_without_files(warning));
    let total: usize = kinds.values().map(Vec::len).sum();
    let mut codes: Vec<Code> = kinds.keys().copied().collect();
    codes.sort_by_key(|code| std::cmp::Reverse(meaning(*code)));
    let names: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
    let what = match worst {
        Meaning::Contradiction => "The archive contradicts itself",
        Meaning::Damaged => "The archive is damaged or not complete",
        Meaning::Odd | Meaning::Form if is_without_files => "A process had no open files, or their table is missing",
        Meaning::Odd | Meaning::Form => "The archive is odd, but complete",
    };
    let mut finding = Finding::new(&RULE, Subject::Archive)
        .severity(if worst == Meaning::Odd { Severity::Low } else { Severity::Medium })
        .confidence(Confidence::High)
        .identity(names.iter().copied())
        .sentence(format!("{what}: {} of the kind {}.", count(total, "warning"), listed(&names)))
        .benign(match worst {
            Meaning::Odd | Meaning::Form if is_without_files => {
                "Daemons such as that of fakeroot close all of their files."
            }
            Meaning::Odd | Meaning::Form => "Some programs write archives so.",
            _ => "The transfer may have broken off. Compare the size and the hash with the original.",
        })
        .next(Next::table("warnings"));
    for code in codes {
        let of_kind = kinds.get(&code).map_or(&[][..], Vec::as_slice);
        for warning in of_kind.iter().take(SHOWN_MOST) {
            let mut evidence = Evidence::row("warnings", [("code", code.as_str().into())])
                .with_note(shown_within(warning.to_string().as_bytes(), 300));
            evidence.member = Some(warning.place.member.clone()).filter(|member| !member.is_empty());
            evidence.member_offset = warning.place.offset.filter(|_| evidence.member.is_some());
            finding = finding.evidence(evidence);
        }
        let more = crate::int::u64_of(of_kind.len().saturating_sub(SHOWN_MOST));
        finding.evidence_more = finding.evidence_more.saturating_add(more);
    }
    report.add(finding);
}

/// Times that cannot be in this order.
fn times(facts: &Facts<'_>, report: &mut Report<'_>) {
    let container = facts.checkpoint().rows().container();
    let order = [
        ("created", container.created, "started", container.started),
        ("started", container.started, "checkpointed", container.checkpointed),
        ("created", container.created, "checkpointed", container.checkpointed),
    ];
    for (first, early, second, late) in order {
        let (Some(early), Some(late)) = (early, late) else { continue };
        // Engines write times in whole seconds.
        if early.as_second() <= late.as_second().saturating_add(1) {
            continue;
        }
        report.add(
            Finding::new(&RULE, Subject::Archive)
                .severity(Severity::Medium)
                .confidence(Confidence::Medium)
                .identity(["times", first, second])
                .sentence(format!("The container was {first} ({early}) after it was {second} ({late})."))
                .benign("The clock of the host was set back, or a copy of the archive has other times.")
                .next(Next::table("container"))
                .evidence(
                    Evidence::row("container", [])
                        .with(first, Some(early.to_string()))
                        .with(second, Some(late.to_string())),
                ),
        );
        return;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_table_of_files_alone_is_no_damage() {
        let missing = |member: &str| Warning {
            code: Code::ImageMissing,
            place: crate::warning::Place::member(member),
            message: String::new(),
            limit: None,
        };
        assert_eq!(meaning_of(&missing("checkpoint/fdinfo-2.img")), Meaning::Odd);
        assert_eq!(meaning_of(&missing("checkpoint/mm-2.img")), Meaning::Damaged);
    }

    #[test]
    fn contradictions_are_worse_than_damage_and_gaps_are_not_meant() {
        assert_eq!(meaning(Code::ProcessTree), Meaning::Contradiction);
        assert_eq!(meaning(Code::TarTruncated), Meaning::Damaged);
        assert_eq!(meaning(Code::StatisticsDisagree), Meaning::Odd);
        assert_eq!(meaning(Code::PagesLazy), Meaning::Form);
        assert!(Meaning::Contradiction > Meaning::Damaged && Meaning::Damaged > Meaning::Odd);
    }
}
