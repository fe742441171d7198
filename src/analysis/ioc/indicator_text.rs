//! IOC-002: text has an indicator.

use std::collections::{BTreeMap, HashSet};

use super::super::card::rule;
use super::super::indicators::Kind;
use super::super::words::{count, listed, shown, shown_within};
use super::super::{Confidence, Facts, Finding, Link, Next, Report, Severity, Subject};
use super::find::Source;
use super::indicator_contact::{coverage, foreign, name_of, next, said};
use super::{How, Match, Matches};
use crate::model::ids::Pid;

rule! {
    /// The indicators that you gave with `--ioc` are looked for in text, too: in command lines and environments, in files, logs,
    /// queues, lines typed in shells, and in all memory. Text says that somebody named the thing, not that it was there.
    /// If the thing itself is here as well, IOC-001 tells of it, and this rule does not.
    ///
    /// One finding stands for all places of an indicator in one process, or in one file, log or queue. It is medium in a
    /// command line, in what somebody typed or in a file that was changed, and low in memory, environments and logs. Names,
    /// paths and free text are one step lower. Twenty and more different indicators in one place are a list, and info.
    "IOC-002", indicator_text, version 2, Indicators, Incubating, Low,
    title: "Text has an indicator of a list",
    why: "A program that names an address or a file of an attack may have used it, or was told to.",
    benign: [
        "Block lists, rules of scanners, mail filters and threat feeds are full of indicators: then there are many in one place.",
        "Somebody may have looked the indicator up, or read about it.",
    ],
    attack: [],
    cost: Memory,
    tags: ["indicator"],
    check: check,
}

/// So many different indicators in one place are a list of indicators: in the memory of a process, in a file.
const LIST: usize = 20;

/// What one finding stands for: the process or, outside of processes, the place, and the value.
type Group = (Option<Pid>, Option<Source>, u32);

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let matches = Matches::of(facts);
    coverage(&matches, report, How::Text);
    let contacts: Vec<(Kind, &[u8])> = matches
        .all
        .iter()
        .filter(|found| found.how == How::Contact && found.silenced_by.is_none())
        .map(|found| (found.kind, found.value.as_slice()))
        .collect();
    let contacts: HashSet<(Kind, &[u8])> = contacts.into_iter().collect();
    let mut groups: BTreeMap<Group, Vec<&Match>> = BTreeMap::new();
    let mut by_place: BTreeMap<Source, HashSet<u32>> = BTreeMap::new();
    for found in matches.all.iter().filter(|found| found.how == How::Text && found.silenced_by.is_none()) {
        if contacts.contains(&(found.kind, found.value.as_slice())) {
            report.skip();
            continue;
        }
        let source = found.spot.source();
        by_place.entry(source.clone()).or_default().insert(found.entry);
        let outside = found.pid().is_none().then_some(source);
        groups.entry((found.pid(), outside, found.entry)).or_default().push(found);
    }
    for group in groups.values() {
        let is_in_list = |found: &&Match| by_place.get(&found.spot.source()).is_some_and(|all| all.len() >= LIST);
        if let Some(finding) = finding(facts, &matches, group, group.iter().all(is_in_list)) {
            report.add(finding);
        }
    }
}

fn severity(group: &[&Match], is_list: bool) -> Severity {
    let place = |found: &&Match| match found.place() {
        "command line" | "shell history" | "file" | "queue" => Severity::Medium,
        _ => Severity::Low,
    };
    let severity = group.iter().map(place).max().unwrap_or(Severity::Low);
    let is_weak = group.iter().all(|found| {
        matches!(found.kind, Kind::Name | Kind::Process | Kind::Path | Kind::Directory | Kind::Text | Kind::Socket)
            || found.is_stale
    });
    match severity {
        _ if is_list => Severity::Info,
        severity if is_weak => severity.lowered(),
        severity => severity,
    }
}

fn finding(facts: &Facts<'_>, matches: &Matches, group: &[&Match], is_list: bool) -> Option<Finding> {
    let first = group.first()?;
    let who = first.pid().and_then(|pid| facts.process(pid)).map(super::super::facts::ProcessFacts::title);
    let mut places: Vec<&str> = group.iter().map(|found| found.place()).collect();
    places.sort_unstable();
    places.dedup();
    let times: u64 = group.iter().map(|found| found.count).fold(0, u64::saturating_add);
    let value = shown_within(&first.value, 100);
    let kind = name_of(first.kind);
    let path = first.path().filter(|_| first.place() == "file");
    let subject = match (first.pid(), path) {
        (_, Some(path)) => Subject::File(path.clone()),
        (Some(pid), None) => Subject::Process(pid),
        _ => Subject::Archive,
    };
    let wher = match (&who, path) {
        (Some(who), _) => format!("{who} has the {kind} {value} in its {}", listed(&places)),
        (None, Some(path)) => format!("{} has the {kind} {value} in it", shown(path)),
        (None, None) => format!("The {kind} {value} is in a {}", listed(&places)),
    };
    let often = if times > 1 { format!(" ({})", count(crate::int::usize_of(times), "time")) } else { String::new() };
    let mut finding = Finding::new(&RULE, subject)
        .severity(severity(group, is_list))
        .confidence(if is_list { Confidence::Low } else { Confidence::Medium })
        .identity([first.kind.as_str().as_bytes(), &first.value])
        .identity(path.or(first.spot.member.as_ref()).cloned())
        .identity(first.pid().and_then(|pid| facts.process(pid)).map(|process| process.name().to_owned()))
        .foreign(foreign(matches, first))
        .sentence(format!("{wher}{often}: an indicator of a list{}.", said(matches, first)))
        .next(match first.pid().zip(first.spot.address) {
            Some((pid, address)) => Next::Memory {
                pid,
                start: address.saturating_sub(address.checked_rem(16).unwrap_or(0)).saturating_sub(64),
                end: address.saturating_add(first.spot.length.unwrap_or(0)).saturating_add(64),
            },
            None => next(first),
        });
    if is_list {
        finding = finding
            .benign("There are many indicators in one place: it is a list of them, as scanners and filters have.");
    }
    for found in group {
        finding = finding.evidence(found.evidence(facts));
    }
    if let Some(pid) = first.pid() {
        finding = finding.process(pid);
    }
    if let Some(path) = path {
        finding = finding.link(Link::Path(path.clone()));
    }
    Some(finding)
}
