//! Scores, and the severity of findings that agree with each other. Independent facts of two families about one process make
//! the worst finding of each family worse; posture, secrets and context never do.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::finding::Finding;
use super::words::listed;
use super::{Basis, Confidence, Family, Severity};
use crate::model::ids::Pid;

/// What is known about one process.
#[derive(Default)]
struct About {
    /// The worst severity of the findings of a family that rest on one basis.
    worst: HashMap<(Family, Basis), Severity>,
    /// The finding that speaks for each family: the worst, and of these the one of the first rule.
    speaks: HashMap<Family, usize>,
    rules: HashSet<&'static str>,
}

/// Raises findings about a process that other families agree on, and scores all. One finding of a family is raised for each
/// process: the others tell the same in another way, and would only make the list of the worst longer.
pub(super) fn raise(findings: &mut [Finding]) {
    let mut about: HashMap<Pid, About> = HashMap::new();
    for (place, finding) in findings.iter().enumerate().filter(|(_, finding)| counts(finding)) {
        for pid in pids(finding) {
            let about = about.entry(pid).or_default();
            let worst = about.worst.entry((finding.rule.family, finding.basis())).or_insert(finding.severity);
            *worst = (*worst).max(finding.severity);
            about.rules.insert(finding.rule.id);
            let speaks = about.speaks.entry(finding.rule.family).or_insert(place);
            let rank = |place: usize| findings.get(place).map(|one| (one.severity, std::cmp::Reverse(one.rule.id)));
            if rank(place) > rank(*speaks) {
                *speaks = place;
            }
        }
    }
    for (place, finding) in findings.iter_mut().enumerate() {
        let mut agreeing: BTreeSet<Family> = BTreeSet::new();
        if counts(finding) && finding.severity >= Severity::Low {
            let here = pids(finding).filter_map(|pid| about.get(&pid));
            let here = here.filter(|about| about.speaks.get(&finding.rule.family) == Some(&place));
            for ((family, basis), severity) in here.flat_map(|about| &about.worst) {
                // One of the two must be suspicious by itself.
                if *family != finding.rule.family
                    && *basis != finding.basis()
                    && *severity >= Severity::Low
                    && (*severity).max(finding.severity) >= Severity::Medium
                {
                    agreeing.insert(*family);
                }
            }
        }
        let rules_here =
            pids(finding).filter_map(|pid| about.get(&pid)).map(|about| about.rules.len()).max().unwrap_or(1);
        if !agreeing.is_empty() && finding.severity < Severity::Critical {
            finding.severity = finding.severity.raised();
            let families: Vec<&str> = agreeing.iter().map(|family| family.prefix()).collect();
            finding.reasons.push(format!("raised, as {} findings about the same process agree", listed(&families)));
        }
        finding.score = score(finding.severity, finding.confidence, rules_here);
    }
}

/// Whether a finding is a sign of something that happened in a process.
fn counts(finding: &Finding) -> bool {
    let least = if finding.rule.context { Severity::Medium } else { Severity::Low };
    !finding.rule.posture
        && !matches!(finding.rule.family, Family::Evidence | Family::Secrets)
        && finding.severity >= least
}

fn pids(finding: &Finding) -> impl Iterator<Item = Pid> {
    finding.pid.into_iter().chain(finding.also_pids.iter().copied())
}

/// The score of a finding, where `rules` rules hit its process.
pub(super) fn score(severity: Severity, confidence: Confidence, rules: usize) -> u8 {
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

#[cfg(test)]
mod tests {
    use super::super::{Rule, Subject, rules};
    use super::*;

    fn rule(id: &str) -> &'static Rule {
        rules::all().find(|rule| rule.id == id).unwrap()
    }

    fn finding(id: &str, pid: u32, severity: Severity) -> Finding {
        Finding::new(rule(id), Subject::Process(Pid(pid))).severity(severity).identity([id])
    }

    fn raised(mut findings: Vec<Finding>) -> Vec<Severity> {
        raise(&mut findings);
        findings.iter().map(|finding| finding.severity).collect()
    }

    #[test]
    fn two_independent_families_confirm_each_other() {
        use Severity::*;
        let named_and_connected = vec![finding("PROC-001", 7, Medium), finding("NET-016", 7, Low)];
        assert_eq!(raised(named_and_connected), [High, Medium]);
        assert_eq!(raised(vec![finding("PROC-001", 7, Low), finding("NET-016", 7, Low)]), [Low, Low]);
        assert_eq!(raised(vec![finding("PROC-001", 7, Medium), finding("NET-002", 8, Medium)]), [Medium, Medium]);
        assert_eq!(raised(vec![finding("PROC-001", 7, Medium), finding("CTR-005", 7, High)]), [Medium, High]);
    }

    #[test]
    fn what_ordinary_software_does_confirms_nothing() {
        use Severity::*;
        for inventory in ["NET-001", "NET-002", "NET-012", "FS-016"] {
            let both = vec![finding("PROC-028", 7, Medium), finding(inventory, 7, Low)];
            assert_eq!(raised(both), [Medium, Low], "{inventory}");
        }
        for context in ["PROC-010", "PROC-011"] {
            assert_eq!(
                raised(vec![finding("NET-016", 7, Medium), finding(context, 7, Low)]),
                [Medium, Low],
                "{context}"
            );
        }
        assert_eq!(raised(vec![finding("PROC-028", 7, Medium), finding("NET-001", 7, Medium)]), [High, High]);
    }

    #[test]
    fn one_fact_told_by_two_families_is_one_fact() {
        use Severity::*;
        // Both say which file runs.
        assert_eq!(raised(vec![finding("PROC-003", 7, High), finding("FS-018", 7, Medium)]), [High, Medium]);
        // Both say whom the shell talks to.
        assert_eq!(raised(vec![finding("PROC-005", 7, Critical), finding("NET-002", 7, High)]), [Critical, High]);
    }

    #[test]
    fn that_a_program_is_a_relay_is_one_fact() {
        use Severity::*;
        let listens = || finding("NET-001", 7, Medium).basis_of(Basis::Tool);
        assert_eq!(raised(vec![finding("PROC-018", 7, Low), listens()]), [Low, Medium]);
        assert_eq!(raised(vec![finding("PROC-001", 7, Low), listens()]), [Medium, High]);
    }

    #[test]
    fn one_finding_of_a_family_is_raised() {
        use Severity::*;
        let findings =
            vec![finding("PROC-007", 7, Medium), finding("PROC-001", 7, High), finding("NET-002", 7, Medium)];
        assert_eq!(raised(findings), [Medium, Critical, High]);
    }
}
