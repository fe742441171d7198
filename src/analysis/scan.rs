//! Runs the rules over a checkpoint, and puts together what they found.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::credentials::Secrets;
use super::evidence::Fact;
use super::finding::Finding;
use super::report::{Coverage, Report};
use super::rules;
use super::secrets::{redacted, redacted_text};
use super::story::{self, Story};
use super::{Cost, Family, Maturity, Rule, Severity, Verdict, contacts, plan, severity, shows};
use crate::int::usize_of;
use crate::warning::Place;
use crate::{Checkpoint, Limits};

/// Which rules run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Selection {
    /// Ids, slugs, families (`MEM`) or globs of rules that run; empty for all.
    pub only: Vec<String>,
    /// Those that do not run.
    pub without: Vec<String>,
    /// Whether experimental rules run, too.
    pub experimental: bool,
    /// The most costly rules that run.
    pub cost: Cost,
}

impl Default for Selection {
    fn default() -> Self {
        Selection { only: Vec::new(), without: Vec::new(), experimental: false, cost: Cost::Memory }
    }
}

impl Selection {
    /// Whether a rule runs. An experimental rule that is named runs, too.
    pub fn selects(&self, rule: &Rule) -> bool {
        let named = self.only.iter().any(|word| names(word, rule));
        let is_wanted = if self.only.is_empty() {
            self.experimental || rule.maturity != Maturity::Experimental
        } else {
            named
                && (self.experimental
                    || rule.maturity != Maturity::Experimental
                    || self.only.iter().any(|word| is_exact(word, rule)))
        };
        is_wanted && rule.cost <= self.cost && !self.without.iter().any(|word| names(word, rule))
    }

    /// The words that name no rule.
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        let known = |word: &&String| rules::all().any(|rule| names(word, rule));
        self.only.iter().chain(&self.without).filter(move |word| !known(word)).map(String::as_str)
    }
}

/// Whether a word is the id or slug of a rule.
fn is_exact(word: &str, rule: &Rule) -> bool {
    word.eq_ignore_ascii_case(rule.id) || word.eq_ignore_ascii_case(rule.slug)
}

/// Whether a word names a rule: its id, slug or family, or a glob of them.
pub(super) fn names(word: &str, rule: &Rule) -> bool {
    let word = word.to_ascii_lowercase();
    let is_match = |text: &str| wild(word.as_bytes(), text.to_ascii_lowercase().as_bytes());
    is_match(rule.id) || is_match(rule.slug) || is_match(rule.family.prefix())
}

/// Whether text matches a pattern of `*` and `?`.
pub(super) fn wild(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0_usize, 0_usize);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p = p.saturating_add(1);
            }
            Some(&byte) if byte == b'?' || Some(&byte) == text.get(t) => {
                p = p.saturating_add(1);
                t = t.saturating_add(1);
            }
            _ => {
                let Some((at, from)) = star else { return false };
                p = at.saturating_add(1);
                t = from.saturating_add(1);
                star = Some((at, t));
            }
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|&byte| byte == b'*')
}

/// Removes secrets from what a finding says: rules quote command lines, files and histories.
fn redact(finding: &mut Finding) {
    redacted_text(&mut finding.sentence);
    for evidence in &mut finding.evidence {
        let texts = evidence.columns.iter_mut().map(|(_, fact)| fact);
        let texts = texts.filter_map(|fact| if let Fact::Text(text) = fact { Some(text) } else { None });
        for text in texts.chain(&mut evidence.text) {
            if let Cow::Owned(bytes) = redacted(text) {
                *text = bytes.into();
            }
        }
    }
}

/// Result of a scan.
#[derive(Debug)]
#[non_exhaustive]
pub struct Scan {
    /// The findings: the worst first, those of one story together.
    pub findings: Vec<Finding>,
    /// The stories, the worst first.
    pub stories: Vec<Story>,
    /// How far each rule could look, in the order of their ids. Rules that were not selected are not here.
    pub coverage: Vec<(&'static Rule, Coverage)>,
    /// How many secret values there are, by provider or kind; the most first. Empty if they were not looked for.
    pub secrets: Vec<(String, usize)>,
}

impl Scan {
    /// Runs the selected rules.
    pub fn run(checkpoint: &Checkpoint, selection: &Selection) -> Self {
        let facts = plan::facts(checkpoint);
        let limits = checkpoint.limits();
        let mut findings = Vec::new();
        let mut coverage = Vec::new();
        let serves = |rule: &&Rule| facts.brought().serves(rule);
        for rule in rules::all().filter(|rule| selection.selects(rule)).filter(serves) {
            let mut report = Report::new(rule, limits.rule_candidates, usize_of(limits.evidence));
            // A rule that fails must not hide what others find.
            let done = catch_unwind(AssertUnwindSafe(|| (rule.check)(&facts, &mut report)));
            if done.is_err() {
                report.not_checked("the rule failed; please report this as a bug");
            }
            if report.is_full() {
                checkpoint.warn(&Limits::RULE_CANDIDATES, Place::archive(), || {
                    format!("rule {} looked at {} things, and there are more", rule.id, limits.rule_candidates)
                });
            }
            let (covered, found) = report.finish();
            coverage.push((rule, covered));
            findings.extend(found);
        }
        for finding in &mut findings {
            if finding.name.is_none() {
                let process = finding.pid.and_then(|pid| facts.process(pid));
                finding.name = process.and_then(|process| process.row.name.clone());
            }
            if finding.path.is_none() {
                let process = finding.pid.and_then(|pid| facts.process(pid));
                finding.path = process.and_then(|process| process.row.path.clone());
            }
        }
        for finding in &mut findings {
            redact(finding);
        }
        shows::settle(&facts, &mut findings, selection.cost == Cost::Memory);
        severity::raise(&mut findings);
        contacts::raise(&mut findings);
        let stories = story::group(&facts, &mut findings);
        let has_secrets = coverage.iter().any(|(rule, _)| rule.family == Family::Secrets);
        let secrets = if has_secrets { Secrets::of(&facts).counts() } else { Vec::new() };
        Scan { findings, stories, coverage, secrets }
    }

    /// The scan of a checkpoint with the default rules. It is done once and kept with the checkpoint.
    pub fn of(checkpoint: &Checkpoint) -> Arc<Scan> {
        checkpoint.attached(|| Scan::run(checkpoint, &Selection::default()))
    }

    /// The findings that no baseline or suppression hides.
    pub fn shown(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.suppressed.is_none())
    }

    /// The verdict.
    pub fn verdict(&self) -> Verdict {
        Verdict::of(self)
    }

    /// Number of shown findings of a severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.shown().filter(|finding| finding.severity == severity).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_the_whole_text() {
        assert!(wild(b"mem-*", b"mem-001") && wild(b"*", b"") && wild(b"a?c*e", b"abcde") && wild(b"x**", b"x"));
        assert!(!wild(b"mem", b"mem-001") && !wild(b"a?c", b"ac") && !wild(b"", b"a"));
    }
}
