//! The headline of a story: who started it, who acts, whom they talk to, what they brought, how they come back.

use std::collections::BTreeSet;

use super::super::facts::ProcessFacts;
use super::super::finding::{Finding, Link};
use super::super::{Basis, Facts, Severity, words};
use super::{is_persistence, named};

/// Longest path in a headline, in characters.
const PATH: usize = 40;

/// The headline of a story of several findings.
pub(super) fn of(facts: &Facts<'_>, findings: &[Finding]) -> String {
    let told = || findings.iter().filter(|finding| finding.severity >= Severity::Low);
    let [start, actors] = processes(facts, findings);
    let comes_back = || told().filter(|finding| is_persistence(finding));
    let brought = told().filter(|finding| finding.rule.basis() == Basis::Program && !is_persistence(finding));
    let steps = [
        start,
        actors,
        addresses(facts, told()),
        shortened(&paths(brought), "file"),
        shortened(&paths(comes_back()), "file"),
    ];
    let steps: Vec<String> = steps.into_iter().filter(|step| !step.is_empty()).collect();
    if steps.is_empty() {
        return findings.first().map_or_else(String::new, |finding| finding.rule.title.to_owned());
    }
    steps.join(" → ")
}

/// The process that it starts from, and those that act.
fn processes(facts: &Facts<'_>, findings: &[Finding]) -> [String; 2] {
    // By place in the tree, with the worst finding of each.
    let mut about: BTreeSet<usize> = BTreeSet::new();
    let mut worst: Vec<(Severity, bool, usize)> = Vec::new();
    for finding in findings.iter().filter(|finding| finding.severity >= Severity::Low) {
        for place in finding.pid.iter().chain(&finding.also_pids).filter_map(|&pid| facts.place(pid)) {
            about.insert(place);
            worst.push((finding.severity, finding.rule.basis() == Basis::Connection, place));
        }
    }
    let process = |place: usize| facts.processes().get(place);
    let Some(first) = about.first().copied().and_then(process) else { return [String::new(), String::new()] };
    // The service that started it all, even if nothing is known against it.
    let start = facts.parent(first).unwrap_or(first);
    // Of the grave findings, those about connections tell most.
    worst.sort_by_key(|&(severity, is_connection, place)| (std::cmp::Reverse(severity), !is_connection, place));
    let mut seen = BTreeSet::new();
    let actors: Vec<&ProcessFacts<'_>> = worst
        .into_iter()
        .filter(|(.., place)| seen.insert(*place))
        .filter_map(|(.., place)| process(place))
        .filter(|process| process.pid() != start.pid())
        .collect();
    let mut text: Vec<String> = Vec::new();
    for actor in actors.iter().take(2) {
        text.push(named(actor));
    }
    let more = actors.len().saturating_sub(text.len());
    if more > 0 {
        text.push(words::counted(more, ["more process", "more processes"]));
    }
    [named(start), words::listed(&text)]
}

/// The other ends of connections.
fn addresses<'f>(facts: &Facts<'_>, findings: impl Iterator<Item = &'f Finding>) -> String {
    let mut sockets: Vec<u64> = Vec::new();
    let mut seen = BTreeSet::new();
    for link in findings.flat_map(|finding| &finding.links) {
        if let Link::Socket(socket) = link
            && seen.insert(*socket)
        {
            sockets.push(*socket);
        }
    }
    let mut ends: Vec<String> = Vec::new();
    let mut known = BTreeSet::new();
    for socket in sockets {
        let end = facts.sockets().holders(socket).find_map(|socket| {
            let (address, port) = (socket.remote_address.as_ref()?, socket.remote_port?);
            Some(if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") })
        });
        ends.extend(end.filter(|end| known.insert(end.clone())));
    }
    match ends.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [one, rest @ ..] => format!("{one} and {}", words::counted(rest.len(), ["more address", "more addresses"])),
    }
}

/// The paths of findings, the first one first.
fn paths<'f>(findings: impl Iterator<Item = &'f Finding>) -> Vec<&'f [u8]> {
    let mut known = BTreeSet::new();
    let all = findings.flat_map(|finding| &finding.links).filter_map(|link| match link {
        Link::Path(path) => Some(path.as_slice()),
        _ => None,
    });
    all.filter(|path| known.insert(*path)).collect()
}

fn shortened(paths: &[&[u8]], noun: &str) -> String {
    match paths {
        [] => String::new(),
        [one] => words::shown_within(one, PATH),
        [one, rest @ ..] => format!(
            "{} and {}",
            words::shown_within(one, PATH),
            words::counted(rest.len(), [&format!("more {noun}"), &format!("more {noun}s")])
        ),
    }
}
