//! The verdict: one word and one sentence about a whole checkpoint.

use std::collections::BTreeSet;

use super::{Family, Scan, Severity};

/// What a scan amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Nothing above low. That does not mean that the container is clean.
    NoSign,
    /// Something of medium severity, or a single high finding.
    Suspicious,
    /// High findings of two families, or three about different things by different rules.
    Likely,
    /// A critical finding with bytes as evidence.
    Confirmed,
}

/// What no checkpoint shows, so that silence is not mistaken for proof.
pub const CANNOT_SHOW: &str = "A checkpoint cannot show everything: not what has ended, not processes of `exec` sessions that \
                               were still attached, not unchanged pages of programs, not the host.";

/// Whether findings of one family are too many for one innocent cause: three about different things, by two rules or more.
fn is_many<'f>(findings: impl Iterator<Item = &'f super::Finding>) -> bool {
    let (mut rules, mut subjects) = (BTreeSet::new(), BTreeSet::new());
    for finding in findings {
        rules.insert(finding.rule.id);
        subjects.insert(finding.subject.text());
    }
    rules.len() >= 2 && subjects.len() >= 3
}

impl Verdict {
    pub(super) fn of(scan: &Scan) -> Self {
        let judged = || scan.shown().filter(|finding| !finding.rule.posture && finding.rule.family != Family::Evidence);
        let has_bytes =
            |finding: &super::Finding| finding.evidence.iter().any(|evidence| matches!(evidence.kind, "bytes" | "row"));
        if judged().any(|finding| finding.severity == Severity::Critical && has_bytes(finding)) {
            return Verdict::Confirmed;
        }
        let high: BTreeSet<Family> =
            judged().filter(|finding| finding.severity >= Severity::High).map(|finding| finding.rule.family).collect();
        if high.len() >= 2 || is_many(judged().filter(|finding| finding.severity >= Severity::High)) {
            return Verdict::Likely;
        }
        if judged().any(|finding| finding.severity >= Severity::Medium) { Verdict::Suspicious } else { Verdict::NoSign }
    }

    /// `confirmed`, `likely`, `suspicious` or `no sign`.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Confirmed => "confirmed",
            Verdict::Likely => "likely",
            Verdict::Suspicious => "suspicious",
            Verdict::NoSign => "no sign",
        }
    }

    /// A sentence for people.
    pub fn sentence(self) -> &'static str {
        match self {
            Verdict::Confirmed => "Compromise confirmed: an attacker is or was active in this container.",
            Verdict::Likely => "Compromise likely: independent facts point to an attacker.",
            Verdict::Suspicious => "Suspicious: something needs a look, and may have an innocent cause.",
            Verdict::NoSign => "No sign of compromise in what was recorded.",
        }
    }
}
