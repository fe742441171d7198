//! SIGMA-001: a Sigma rule of the user's holds.

use std::time::{Duration, Instant};

use super::super::card::rule;
use super::super::sigma::{Asked, EventKind, SigmaRule};
use super::super::words::shown_within;
use super::super::{Confidence, Facts, Finding, Foreign, Report};
use super::sigma_events::{self, Happened};

rule! {
    /// A Sigma rule that was given with `--sigma` holds for a process, a file or a connection of the checkpoint. The columns
    /// `foreign_…` name the rule, its author, its level and its file. The severity is the rule's level; without one it is
    /// medium.
    ///
    /// Sigma rules are about events. A checkpoint has none, but what they left behind: each process counts as
    /// `process_creation`, each changed or recovered file as `file_event`, each deleted file of the image as `file_delete`, and
    /// each connection as `network_connection`. What began and ended before the checkpoint is not there. Rules for other logs,
    /// and rules that ask for a field that no checkpoint has, are not evaluated; the coverage says how many and why.
    "SIGMA-001", sigma_match, version 1, Sigma, Stable, Medium,
    title: "A Sigma rule of yours holds",
    why: "Somebody wrote the rule to recognise this.",
    benign: ["Rules differ in quality: read what the rule says about false positives."],
    attack: [],
    cost: Files,
    tags: ["sigma"],
    check: check,
}

/// Longest time of all rules.
const TIME: Duration = Duration::from_mins(1);

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let Some(rules) = facts.brought().sigma() else { return };
    for (why, count) in rules.reasons() {
        for _ in 0..count {
            report.not_checked(why);
        }
    }
    let until = Instant::now().checked_add(TIME);
    for kind in EventKind::ALL {
        if rules.of(kind).next().is_none() {
            continue;
        }
        for happened in sigma_events::all(facts, kind, report) {
            if !report.look() {
                return;
            }
            if until.is_some_and(|until| Instant::now() >= until) {
                report.not_checked("the limit on the time of Sigma rules was reached");
                return;
            }
            let event = Asked::new(&happened.event);
            for rule in rules.of(kind).filter(|rule| rule.holds(&event)) {
                report.add(finding(rule, &happened));
            }
        }
    }
}

fn finding(rule: &SigmaRule, happened: &Happened) -> Finding {
    let title = shown_within(rule.header.title.as_bytes(), 120);
    let mut identity = vec![rule.header.id.as_str().into()];
    identity.extend(happened.identity.iter().cloned());
    let foreign = Foreign {
        id: rule.header.id.clone(),
        name: Some(rule.header.title.clone()),
        author: rule.header.author.clone(),
        level: rule.header.level.map(str::to_owned),
        file: Some(rule.header.file.clone()),
    };
    let mut finding = Finding::new(&RULE, happened.subject.clone())
        .severity(rule.header.severity)
        .confidence(Confidence::Medium)
        .identity(identity)
        .sentence(format!("{} is what a Sigma rule looks for: {title}.", happened.title))
        .foreign(foreign)
        .next(happened.next.clone());
    if let Some(benign) = &rule.header.benign {
        finding =
            finding.benign(format!("The rule names: {}.", shown_within(benign.as_bytes(), 160).trim_end_matches('.')));
    }
    for evidence in &happened.evidence {
        finding = finding.evidence(evidence.clone());
    }
    for link in &happened.links {
        finding = finding.link(link.clone());
    }
    if let Some(pid) = happened.pid {
        finding = finding.process(pid);
    }
    finding
}
