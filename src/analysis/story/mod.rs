//! Stories: findings that belong together. A service that started a shell, the shell's connection, the program that it
//! dropped and the file that starts it again are one story, not four.

mod headline;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::facts::ProcessFacts;
use super::finding::{Finding, Link, Subject};
use super::{Facts, Family, Severity, words};
use crate::model::ids::Pid;

/// Findings that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Story {
    /// Its number, as in [`Finding::story`].
    pub number: u32,
    /// The worst severity of its findings.
    pub severity: Severity,
    /// One line for all of them: the chain of processes, connections and files, or the title of its only finding.
    pub headline: String,
    /// Its findings in the order of the chain: each process after the one that started it, then what was left in files.
    pub steps: Vec<Step>,
    /// Whether it only says what the container may do.
    pub posture: bool,
}

/// The findings of a story about one process, or about files.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step {
    /// What it is about: `sh (11), started by sh (9)`.
    pub title: String,
    /// The process, if it is about one.
    pub pid: Option<Pid>,
    /// Places of its findings in [`Scan::findings`](super::Scan::findings), the worst first.
    pub findings: Vec<usize>,
}

/// Numbers the stories, and sorts the findings: stories by their worst finding, findings of a story by severity.
pub(super) fn group(facts: &Facts<'_>, findings: &mut [Finding]) -> Vec<Story> {
    let mut sets = Sets::new(findings.len());
    join(facts, findings, &mut sets);
    let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for number in 0..findings.len() {
        members.entry(sets.root(number)).or_default().push(number);
    }
    // The worst first; what the container may do comes after what happened in it; then the order of rules and subjects.
    let mut stories: Vec<Vec<usize>> = members.into_values().collect();
    stories.sort_by_cached_key(|members| {
        let all = || members.iter().filter_map(|&number| findings.get(number));
        let worst = all().map(|finding| (finding.severity, finding.score)).max();
        let is_posture = all().all(|finding| finding.rule.posture);
        let first = all().map(|finding| (finding.rule.id, finding.subject.clone())).min();
        (Reverse(worst.map(|(severity, _)| severity)), is_posture, Reverse(worst.map(|(_, score)| score)), first)
    });
    for (number, members) in (1_u32..).zip(stories) {
        for place in members {
            if let Some(finding) = findings.get_mut(place) {
                finding.story = number;
            }
        }
    }
    // What is grave by itself comes before what is grave only because another finding agrees.
    findings.sort_by(|a, b| {
        let key = |finding: &Finding| {
            (
                finding.story,
                Reverse(finding.severity),
                !finding.reasons.is_empty(),
                Reverse(finding.score),
                finding.rule.id,
            )
        };
        key(a).cmp(&key(b)).then_with(|| a.subject.cmp(&b.subject))
    });
    let mut from = 0_usize;
    let tell = |here: &[Finding]| {
        let story = story(facts, here, from);
        from = from.saturating_add(here.len());
        story
    };
    findings.chunk_by(|a, b| a.story == b.story).map(tell).collect()
}

/// Joins findings that have a process, a file or a connection in common, or are about a process and its descendant.
fn join(facts: &Facts<'_>, findings: &[Finding], sets: &mut Sets) {
    let mut first: HashMap<Link, usize> = HashMap::new();
    let mut posture = None;
    for (number, finding) in findings.iter().enumerate() {
        if finding.rule.posture {
            sets.join(number, *posture.get_or_insert(number));
        } else if finding.severity >= Severity::Low {
            let processes = finding.pid.into_iter().chain(finding.also_pids.iter().copied()).map(Link::Process);
            for link in finding.links.iter().cloned().chain(processes) {
                sets.join(number, *first.entry(link).or_insert(number));
            }
        }
    }
    // All processes descend from the first, so that is no reason.
    let init = facts.init().map(ProcessFacts::pid);
    let with = |pid: Pid| first.get(&Link::Process(pid)).copied().filter(|_| Some(pid) != init);
    for (link, &number) in &first {
        let Link::Process(pid) = link else { continue };
        let Some(process) = facts.process(*pid).filter(|_| Some(*pid) != init) else { continue };
        if let Some(above) = facts.ancestors(process).find_map(|ancestor| with(ancestor.pid())) {
            sets.join(number, above);
        }
    }
    files(findings, sets);
}

/// The story of some findings, the first of which is at a place among all.
fn story(facts: &Facts<'_>, findings: &[Finding], from: usize) -> Story {
    let severity = findings.iter().map(|finding| finding.severity).max().unwrap_or(Severity::Info);
    let posture = findings.iter().all(|finding| finding.rule.posture);
    let headline = match findings {
        [only] => only.rule.title.to_owned(),
        _ if posture => "How the container is confined".to_owned(),
        several => headline::of(facts, several),
    };
    let number = findings.first().map_or(0, |finding| finding.story);
    Story { number, severity, headline, steps: steps(facts, findings, from), posture }
}

/// What the findings of a step have in common.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum About {
    /// A process, by its place in the tree's order.
    Process(usize),
    /// Files and anything else that no process is known for.
    Rest,
    /// Means to come back.
    Persistence,
}

/// The findings in the order of the chain.
fn steps(facts: &Facts<'_>, findings: &[Finding], from: usize) -> Vec<Step> {
    let mut steps: BTreeMap<About, Vec<usize>> = BTreeMap::new();
    for (place, finding) in (from..).zip(findings) {
        let linked = finding.links.iter().filter_map(|link| match link {
            Link::Process(pid) => Some(*pid),
            _ => None,
        });
        let process = finding.pid.into_iter().chain(linked).find_map(|pid| facts.place(pid));
        let about = match process {
            Some(process) => About::Process(process),
            None if is_persistence(finding) => About::Persistence,
            None => About::Rest,
        };
        steps.entry(about).or_default().push(place);
    }
    let are_files = |places: &[usize]| {
        let mut all = places.iter().filter_map(|place| findings.get(place.saturating_sub(from)));
        all.all(|finding| matches!(finding.subject, Subject::File(_)))
    };
    let tell = |(about, places): (About, Vec<usize>)| {
        let process = match about {
            About::Process(place) => facts.processes().get(place),
            About::Rest | About::Persistence => None,
        };
        let title = match (process, about) {
            (Some(process), _) => titled(facts, process),
            (None, About::Persistence) => "Ways to come back".to_owned(),
            (None, _) if are_files(&places) => "Files".to_owned(),
            (None, _) => "The container".to_owned(),
        };
        Step { title, pid: process.map(ProcessFacts::pid), findings: places }
    };
    steps.into_iter().map(tell).collect()
}

/// Whether a finding is about a means to come back.
pub(super) fn is_persistence(finding: &Finding) -> bool {
    finding.rule.family == Family::Persistence || finding.rule.tags.contains(&"persistence")
}

fn titled(facts: &Facts<'_>, process: &ProcessFacts<'_>) -> String {
    let mut title = format!("Process {}", named(process));
    if let Some(parent) = facts.parent(process) {
        words::add(&mut title, format_args!(", started by {}", named(parent)));
    }
    title
}

/// `sh (11)`.
fn named(process: &ProcessFacts<'_>) -> String {
    format!("{} ({})", words::shown_within(process.name(), 20), process.pid())
}

/// Joins findings about files that no process is known for: what an intruder left behind is told together, and with what
/// runs, if that is one story.
fn files(findings: &[Finding], sets: &mut Sets) {
    let mut first = None;
    let mut running: BTreeSet<usize> = BTreeSet::new();
    for (number, finding) in findings.iter().enumerate() {
        if finding.rule.posture || finding.severity < Severity::Medium {
            continue;
        }
        let has_process = finding.pid.is_some() || finding.links.iter().any(|link| matches!(link, Link::Process(_)));
        if has_process {
            if finding.severity >= Severity::High {
                running.insert(sets.root(number));
            }
        } else if matches!(finding.subject, Subject::File(_)) {
            sets.join(number, *first.get_or_insert(number));
        }
    }
    // The roots of sets change while they are joined.
    let running: BTreeSet<usize> = running.into_iter().map(|root| sets.root(root)).collect();
    if let (Some(first), Some(&only), 1) = (first, running.first(), running.len()) {
        sets.join(first, only);
    }
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
