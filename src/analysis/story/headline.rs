//! The headline of a story: who started it, who acts, whom they talk to, what they brought, how they come back.

use std::collections::{BTreeMap, BTreeSet};

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
    let ends = sockets.into_iter().filter_map(|socket| {
        facts.sockets().holders(socket).find_map(|socket| Some((socket.remote_address.clone()?, socket.remote_port?)))
    });
    hosts(ends)
}

/// Ends of connections by host: the first with its port, then how many more ports and hosts there are.
fn hosts(ends: impl Iterator<Item = (String, u32)>) -> String {
    let mut hosts: Vec<(String, BTreeSet<u32>, u32)> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for (host, port) in ends {
        let place = *places.entry(host.clone()).or_insert(hosts.len());
        match hosts.get_mut(place) {
            Some((_, ports, _)) => drop(ports.insert(port)),
            None => hosts.push((host, BTreeSet::from([port]), port)),
        }
    }
    let Some(((host, ports, port), rest)) = hosts.split_first() else { return String::new() };
    let mut text = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let more = ports.len().saturating_sub(1);
    if more > 0 {
        words::add(&mut text, format_args!(" (and {})", words::counted(more, ["more port", "more ports"])));
    }
    if let [(second, ..)] = rest {
        words::add(&mut text, format_args!(" and {second}"));
    } else if !rest.is_empty() {
        words::add(&mut text, format_args!(" and {}", words::counted(rest.len(), ["more host", "more hosts"])));
    }
    text
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_ports_of_one_host_are_one_host() {
        let of = |ends: &[(&str, u32)]| hosts(ends.iter().map(|(host, port)| ((*host).to_owned(), *port)));
        assert_eq!(of(&[]), "");
        assert_eq!(of(&[("192.0.2.1", 443), ("192.0.2.1", 443)]), "192.0.2.1:443");
        assert_eq!(of(&[("192.0.2.1", 443), ("192.0.2.1", 80)]), "192.0.2.1:443 (and 1 more port)");
        assert_eq!(of(&[("::1", 443), ("192.0.2.1", 80)]), "[::1]:443 and 192.0.2.1");
        let three = of(&[("192.0.2.1", 443), ("192.0.2.2", 80), ("192.0.2.3", 80)]);
        assert_eq!(three, "192.0.2.1:443 and 2 more hosts");
    }
}
