//! Stories: findings that belong together. A service that started a shell, the shell's connection, the program that it
//! dropped and the file that starts it again are one story, not four.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::facts::ProcessFacts;
use super::finding::{Finding, Link};
use super::{Facts, Severity, words};
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
    /// Whether it only says what the container may do.
    pub posture: bool,
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
    let mut told = Vec::new();
    for (number, members) in (1_u32..).zip(stories) {
        for &place in &members {
            if let Some(finding) = findings.get_mut(place) {
                finding.story = number;
            }
        }
        let here: Vec<&Finding> = members.iter().filter_map(|&place| findings.get(place)).collect();
        told.push(story(facts, number, &here));
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
    told
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
}

/// Most steps of a headline.
const STEPS: usize = 6;

/// The story of some findings: who, over what, with which files.
fn story(facts: &Facts<'_>, number: u32, findings: &[&Finding]) -> Story {
    let severity = findings.iter().map(|finding| finding.severity).max().unwrap_or(Severity::Info);
    let posture = findings.iter().all(|finding| finding.rule.posture);
    let headline = match findings {
        [only] => only.rule.title.to_owned(),
        _ if posture => "How the container is confined".to_owned(),
        several => chain(facts, several),
    };
    Story { number, severity, headline, posture }
}

/// The chain of a story: the service, its descendants, their connections, the files.
fn chain(facts: &Facts<'_>, findings: &[&Finding]) -> String {
    let told = || findings.iter().filter(|finding| finding.severity >= Severity::Low);
    let links: BTreeSet<&Link> = told().flat_map(|finding| &finding.links).collect();
    let about: BTreeSet<usize> = told()
        .flat_map(|finding| finding.pid.iter().chain(&finding.also_pids))
        .filter_map(|&pid| facts.place(pid))
        .collect();
    let mut steps: Vec<String> = Vec::new();
    let mut named = HashSet::new();
    for process in about.iter().filter_map(|&place| facts.processes().get(place)) {
        // The service that started it all, if nothing is known against it.
        if steps.is_empty()
            && let Some(parent) = facts.parent(process)
        {
            steps.push(named_process(parent));
            named.insert(parent.name().to_owned());
        }
        if named.insert(process.name().to_owned()) {
            steps.push(named_process(process));
        }
    }
    let mut ends: Vec<String> = Vec::new();
    for link in &links {
        let Link::Socket(socket) = link else { continue };
        let remote = facts.sockets().holders(*socket).find_map(|socket| {
            let (address, port) = (socket.remote_address.as_ref()?, socket.remote_port?);
            Some(if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") })
        });
        ends.extend(remote);
    }
    let mut files: Vec<String> = Vec::new();
    for link in &links {
        if let Link::Path(path) = link {
            files.push(words::shown_within(path, 40));
        }
    }
    let room = STEPS.saturating_sub(ends.len().min(2)).saturating_sub(files.len().min(2));
    let more = |all: &mut Vec<String>, most: usize, [one, many]: [&str; 2]| {
        let left = all.len().saturating_sub(most);
        all.truncate(most);
        if left > 0 {
            all.push(format!("{left} more {}", if left == 1 { one } else { many }));
        }
    };
    more(&mut steps, room, ["process", "processes"]);
    ends.dedup();
    more(&mut ends, 2, ["address", "addresses"]);
    files.dedup();
    more(&mut files, 2, ["file", "files"]);
    let all: Vec<String> =
        [steps.join(" → "), ends.join(", "), files.join(", ")].into_iter().filter(|part| !part.is_empty()).collect();
    if all.is_empty() {
        return findings.first().map_or_else(String::new, |finding| finding.rule.title.to_owned());
    }
    all.join(" → ")
}

fn named_process(process: &ProcessFacts<'_>) -> String {
    format!("{} ({})", words::shown_within(process.name(), 20), process.pid())
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
