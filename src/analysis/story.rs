//! Stories: findings that belong together. A service that started a shell, the shell's connection, the program that it
//! dropped and the file that starts it again are one story, not four.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::Facts;
use super::Severity;
use super::finding::{Finding, Link};
use crate::model::ids::Pid;

/// Numbers the stories, and sorts the findings: stories by their worst finding, findings of a story by severity.
pub(super) fn group(facts: &Facts<'_>, findings: &mut [Finding]) {
    let mut sets = Sets::new(findings.len());
    let mut first: HashMap<Link, usize> = HashMap::new();
    let counts = |finding: &Finding| !finding.rule.posture && finding.severity >= Severity::Low;
    for (number, finding) in findings.iter().enumerate().filter(|(_, finding)| counts(finding)) {
        let pids: Vec<Pid> = finding.pid.into_iter().chain(finding.also_pids.iter().copied()).collect();
        let processes = pids.iter().copied().map(Link::Process);
        for link in finding.links.iter().cloned().chain(processes) {
            sets.join(number, *first.entry(link).or_insert(number));
        }
    }
    // A finding about a child belongs to the one about its nearest ancestor that has one, but not to that about the
    // first process: all are its descendants.
    let init = facts.init().map(super::facts::ProcessFacts::pid);
    let with: HashMap<Pid, usize> = first
        .iter()
        .filter_map(|(link, number)| match link {
            Link::Process(pid) if Some(*pid) != init => Some((*pid, *number)),
            _ => None,
        })
        .collect();
    for (&pid, &number) in &with {
        let Some(process) = facts.process(pid) else { continue };
        if let Some(&above) = facts.ancestors(process).find_map(|ancestor| with.get(&ancestor.pid())) {
            sets.join(number, above);
        }
    }
    let mut worst: HashMap<usize, (Severity, u8)> = HashMap::new();
    let roots: Vec<usize> = (0..findings.len()).map(|number| sets.root(number)).collect();
    for (finding, root) in findings.iter().zip(&roots) {
        let here = (finding.severity, finding.score);
        let worst = worst.entry(*root).or_insert(here);
        *worst = (*worst).max(here);
    }
    // Stories: the worst first, then in the order of rules and subjects.
    let mut order: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (number, root) in roots.iter().enumerate() {
        order.entry(*root).or_default().push(number);
    }
    let key = |number: usize| findings.get(number).map(|finding| (finding.rule.id, finding.subject.clone()));
    let mut stories: Vec<(usize, Vec<usize>)> = order.into_iter().collect();
    stories.sort_by_cached_key(|(root, members)| {
        (std::cmp::Reverse(worst.get(root).copied()), members.iter().filter_map(|&number| key(number)).min())
    });
    let mut seen = HashSet::new();
    for (story, (_, members)) in (1_u32..).zip(stories) {
        for number in members {
            if seen.insert(number)
                && let Some(finding) = findings.get_mut(number)
            {
                finding.story = story;
            }
        }
    }
    findings.sort_by(|a, b| {
        (a.story, b.severity, b.score, a.rule.id, &a.subject)
            .cmp(&(b.story, a.severity, a.score, b.rule.id, &b.subject))
    });
}

/// Disjoint sets of findings.
struct Sets(Vec<usize>);

impl Sets {
    fn new(len: usize) -> Self {
        Sets((0..len).collect())
    }

    fn root(&mut self, mut number: usize) -> usize {
        while let Some(&above) = self.0.get(number).filter(|&&above| above != number) {
            let over = self.0.get(above).copied().unwrap_or(above);
            if let Some(slot) = self.0.get_mut(number) {
                *slot = over;
            }
            number = over;
        }
        number
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        let (low, high) = (a.min(b), a.max(b));
        if let Some(slot) = self.0.get_mut(high) {
            *slot = low;
        }
    }
}
