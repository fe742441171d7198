//! EVD-003: what the checkpoint leaves out.

use std::collections::BTreeMap;

use super::super::card::rule;
use super::super::words::{listed, shown_within};
use super::super::{Confidence, Evidence, Facts, Finding, Next, Report, Severity, Subject};
use crate::warning::{Code, Warning};

rule! {
    /// Parts of the container are not in the archive: pages that stayed behind for a lazy migration or are in an earlier dump,
    /// what was beyond a limit of this tool, a pre-dump without processes, root file system changes that were not exported.
    /// What is not there was not searched.
    "EVD-003", capture_gap, version 1, Evidence, Stable, Info,
    title: "Parts of the container are not in the archive",
    why: "No finding is no proof for what was not recorded.",
    benign: ["Migrations and chains of dumps leave pages out on purpose."],
    attack: [],
    cost: Free,
    tags: ["evidence"],
    check: check,
}

/// The kinds of warnings that tell of a gap, with the words for a sentence.
const GAPS: [(Code, &str); 5] = [
    (Code::ParentMissing, "pages in an earlier dump"),
    (Code::PagesLazy, "pages that stayed behind for a lazy migration"),
    (Code::ArgumentsUnavailable, "arguments or environments of processes"),
    (Code::LimitReached, "what is beyond a limit"),
    (Code::ProcessesMissing, "processes"),
];

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    if !report.look() {
        return;
    }
    let warnings = facts.checkpoint().warnings();
    let mut gaps: BTreeMap<&'static str, Vec<&Warning>> = BTreeMap::new();
    for (code, words) in GAPS {
        let of_kind: Vec<&Warning> = warnings.iter().filter(|warning| warning.code == code).collect();
        if !of_kind.is_empty() {
            gaps.insert(words, of_kind);
        }
    }
    if gaps.is_empty() {
        return;
    }
    let words: Vec<&str> = gaps.keys().copied().collect();
    let mut finding = Finding::new(&RULE, Subject::Archive)
        .severity(Severity::Info)
        .confidence(Confidence::High)
        .identity(words.iter().copied())
        .sentence(format!("Not in the archive: {}.", listed(&words)))
        .benign("The dump was made so. With the earlier dumps of the chain, open them together.")
        .next(Next::table("warnings"));
    for warning in gaps.into_values().flatten() {
        finding = finding.evidence(
            Evidence::row("warnings", [("code", warning.code.as_str().into())])
                .with_note(shown_within(warning.to_string().as_bytes(), 300)),
        );
    }
    report.add(finding);
}
