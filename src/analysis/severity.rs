//! Scores, and the severity of findings that agree with each other. Independent families about one process make its
//! findings worse; posture never does.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::finding::Finding;
use super::{Confidence, Family, Severity};
use crate::model::ids::Pid;

/// Raises findings about a process that other families agree on, and scores all.
pub(super) fn raise(findings: &mut [Finding]) {
    // By process: the families with a finding, with the worst severity of each, and the rules.
    let mut about: HashMap<Pid, HashMap<Family, Severity>> = HashMap::new();
    let mut rules: HashMap<Pid, HashSet<&'static str>> = HashMap::new();
    for finding in findings.iter().filter(|finding| counts(finding)) {
        for pid in pids(finding) {
            let worst = about.entry(pid).or_default().entry(finding.rule.family).or_insert(finding.severity);
            *worst = (*worst).max(finding.severity);
            rules.entry(pid).or_default().insert(finding.rule.id);
        }
    }
    for finding in findings.iter_mut() {
        let agreeing: BTreeSet<Family> = if counts(finding) && finding.severity >= Severity::Low {
            let others = pids(finding).filter_map(|pid| about.get(&pid)).flatten();
            let others = others.filter(|(family, severity)| {
                // One of the two must be suspicious by itself, and inventory agrees with everything.
                **family != finding.rule.family
                    && **severity >= Severity::Low
                    && (**severity).max(finding.severity) >= Severity::Medium
            });
            others.map(|(family, _)| *family).collect()
        } else {
            BTreeSet::new()
        };
        let rules_here = pids(finding).filter_map(|pid| rules.get(&pid)).map(HashSet::len).max().unwrap_or(1);
        if !agreeing.is_empty() && finding.severity < Severity::Critical {
            finding.severity = finding.severity.raised();
            let families: Vec<&str> = agreeing.iter().map(|family| family.prefix()).collect();
            finding
                .reasons
                .push(format!("raised, as {} findings about the same process agree", super::words::listed(&families)));
        }
        finding.score = score(finding.severity, finding.confidence, rules_here);
    }
}

/// Whether a finding is a sign of something that happened in a process.
fn counts(finding: &Finding) -> bool {
    !finding.rule.posture && finding.rule.family != Family::Evidence && finding.severity > Severity::Info
}

fn pids(finding: &Finding) -> impl Iterator<Item = Pid> {
    finding.pid.into_iter().chain(finding.also_pids.iter().copied())
}

/// The score of a finding, where `rules` rules hit its process.
fn score(severity: Severity, confidence: Confidence, rules: usize) -> u8 {
    let base: usize = match severity {
        Severity::Info => 5,
        Severity::Low => 20,
        Severity::Medium => 45,
        Severity::High => 70,
        Severity::Critical => 90,
    };
    let base = match confidence {
        Confidence::Low => base.saturating_sub(5),
        Confidence::Medium => base,
        Confidence::High => base.saturating_add(5),
    };
    let more = rules.saturating_sub(1).saturating_mul(5).min(10);
    u8::try_from(base.saturating_add(more).min(100)).unwrap_or(100)
}
