//! What a rule reports while it looks: findings, and how far it could look.

use std::collections::{BTreeMap, HashMap};

use super::finding::Finding;
use super::{Rule, Severity};

/// Most reasons for which a rule could not look that are listed. The rest are counted.
const REASONS_MOST: usize = 32;

/// How far a rule could look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Coverage {
    /// Number of things that the rule looked at: processes, mappings, files, ….
    pub looked_at: u64,
    /// Number of findings.
    pub hits: u64,
    /// Number of things that it passed over for a reason that is part of the rule, such as CRIU's own page.
    pub skipped: u64,
    /// Number of things that it could not look at.
    pub not_checked: u64,
    /// Why: each reason with the number of things.
    pub reasons: Vec<(String, u64)>,
}

/// Takes what one rule finds.
#[derive(Debug)]
pub struct Report<'r> {
    rule: &'static Rule,
    limit: u64,
    evidence_limit: usize,
    coverage: Coverage,
    is_full: bool,
    why: BTreeMap<String, u64>,
    findings: Vec<Finding>,
    by_id: HashMap<String, usize>,
    _of: std::marker::PhantomData<&'r ()>,
}

impl Report<'_> {
    pub(super) fn new(rule: &'static Rule, limit: u64, evidence_limit: usize) -> Self {
        Report {
            rule,
            limit,
            evidence_limit,
            coverage: Coverage::default(),
            is_full: false,
            why: BTreeMap::new(),
            findings: Vec::new(),
            by_id: HashMap::new(),
            _of: std::marker::PhantomData,
        }
    }

    /// The rule.
    pub fn rule(&self) -> &'static Rule {
        self.rule
    }

    /// Counts a thing that the rule looks at. False once the rule has looked at as many as the limit allows; it must
    /// then stop.
    pub fn look(&mut self) -> bool {
        if self.coverage.looked_at >= self.limit {
            self.is_full = true;
            self.not_checked("there are more things to look at than the limit on candidates allows");
            return false;
        }
        self.coverage.looked_at = self.coverage.looked_at.saturating_add(1);
        true
    }

    /// Counts a thing that is passed over for a reason that is part of the rule.
    pub fn skip(&mut self) {
        self.coverage.skipped = self.coverage.skipped.saturating_add(1);
    }

    /// The same, and says why.
    pub fn skip_for(&mut self, why: &str, count: u64) {
        self.coverage.skipped = self.coverage.skipped.saturating_add(count);
        self.reason(why, count);
    }

    /// Counts a thing that could not be looked at, and says why.
    pub fn not_checked(&mut self, why: &str) {
        self.coverage.not_checked = self.coverage.not_checked.saturating_add(1);
        self.reason(why, 1);
    }

    fn reason(&mut self, why: &str, more: u64) {
        if self.why.len() < REASONS_MOST || self.why.contains_key(why) {
            let count = self.why.entry(why.to_owned()).or_default();
            *count = count.saturating_add(more);
        }
    }

    /// Adds a finding. Findings with the same identity become one, with the evidence of all.
    pub fn add(&mut self, finding: Finding) {
        debug_assert!(finding.rule == self.rule, "a rule reports its own findings");
        let place = *self.by_id.entry(finding.id()).or_insert(self.findings.len());
        match self.findings.get_mut(place) {
            Some(first) => first.absorb(finding),
            None => self.findings.push(finding),
        }
        if let Some(finding) = self.findings.get_mut(place) {
            bound(finding, self.evidence_limit);
        }
    }

    /// The worst severity so far.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }

    /// Whether there was more to look at than the limit allows.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }

    pub(super) fn finish(mut self) -> (Coverage, Vec<Finding>) {
        for finding in &mut self.findings {
            bound(finding, self.evidence_limit);
        }
        self.coverage.hits = crate::int::u64_of(self.findings.len());
        self.coverage.reasons = self.why.into_iter().collect();
        (self.coverage, self.findings)
    }
}

/// Leaves out evidence beyond the limit, and counts it.
fn bound(finding: &mut Finding, limit: usize) {
    if finding.evidence.len() > limit {
        let more = crate::int::u64_of(finding.evidence.len().saturating_sub(limit));
        finding.evidence_more = finding.evidence_more.saturating_add(more);
        finding.evidence.truncate(limit);
    }
}
