//! NET-005: miners and Tor.

use std::collections::BTreeSet;

use bstr::ByteSlice;

use super::super::card::rule;
use super::super::facts::{Facts, ProcessFacts};
use super::super::hits::Pattern;
use super::super::traffic::{endpoint, first_line, outbound, program, row, title};
use super::super::vocabulary::is_loopback;
use super::super::words::{listed, shown_within};
use super::super::{Confidence, Evidence, Finding, Link, Next, Report, Severity, Subject};
use super::actor::Actor;
use crate::tables::OpenSocket;

rule! {
    /// A process is connected to a port that pools of miners use, or to Tor, and speaks so: its queues or its memory have
    /// words of the protocol (`mining.subscribe`, `stratum+tcp://`, `"job_id"`, `donate-level`). Words and a connection to
    /// such a port, or two different words and any connection that it began, are high. Words without a connection are medium.
    /// Both are one step lower for a program of the image that runs no scripts, since scanners have the words in their
    /// signatures. A port alone, or a program called `tor`, is low.
    "NET-005", miner_or_tor_port, version 1, Network, Stable, Low,
    title: "A process talks to a mining pool or to Tor",
    why: "Miners are what most attacks on containers are for, and Tor hides where commands come from.",
    benign: ["Jupyter, PHP-FPM and Selenium use some of these ports. Scanners have the words in their signatures."],
    attack: ["T1496.001", "T1090.003"],
    cost: Memory,
    tags: ["miner"],
    patterns: [
        Pattern::text("mining.subscribe"),
        Pattern::text("mining.authorize"),
        Pattern::text("stratum+tcp://"),
        Pattern::text("stratum+ssl://"),
        Pattern::text("donate-level"),
        Pattern::text("\"job_id\""),
    ],
    check: check,
}

/// Ports of pools.
const POOLS: [u32; 15] =
    [3333, 3334, 4444, 5555, 7777, 8888, 9999, 14433, 14444, 45560, 45700, 10128, 10300, 20128, 20580];
/// Ports of Tor's relays.
const RELAYS: [u32; 2] = [9001, 9030];
/// The word that many programs use; it counts only beside another.
const COMMON: &str = "\"job_id\"";
/// Words that stand only in queues.
const IN_QUEUES: [&str; 4] =
    ["\"method\":\"login\"", "\"method\": \"login\"", "mining.notify", "mining.set_difficulty"];

/// What a process says.
#[derive(Debug, Default)]
struct Words {
    words: BTreeSet<String>,
    evidence: Vec<Evidence>,
}

impl Words {
    /// Words other than the common one.
    fn count(&self) -> usize {
        self.words.iter().filter(|word| *word != COMMON).count()
    }
}

/// How bad it is: whether the port is that of a pool, how many words there are, and whether the process began a connection.
fn severity(is_pool: bool, words: &Words, is_connected: bool, is_scanner: bool) -> Option<Severity> {
    let all = words.words.len();
    match words.count() {
        0 if !is_pool => None,
        0 => Some(if all > 0 { Severity::Medium } else { Severity::Low }),
        _ if is_pool => Some(Severity::High),
        _ if all >= 2 => Some(match (is_connected, is_scanner) {
            (true, false) => Severity::High,
            (true, true) | (false, false) => Severity::Medium,
            (false, true) => Severity::Low,
        }),
        _ => None,
    }
}

/// Whether a process may be a scanner, which has the words in its signatures: a program of the image, and none that runs
/// scripts.
fn may_scan(facts: &Facts<'_>, process: &ProcessFacts<'_>) -> bool {
    !process.is_shell()
        && !process.is_interpreter()
        && !process.is_program_suspicious()
        && !process.program.deleted
        && !facts.is_program_new(process)
}

fn words_of(facts: &Facts<'_>, process: &ProcessFacts<'_>, sockets: &[&OpenSocket]) -> Words {
    let mut words = Words::default();
    for pattern in RULE.patterns {
        if let Some(hit) = facts.hits().within(pattern, process.pid()).next() {
            words.words.insert(pattern.bytes.to_str_lossy().into_owned());
            words.evidence.push(Evidence::memory(facts, process.pid(), hit.address, hit.len));
        }
    }
    let numbers: BTreeSet<u64> = sockets.iter().filter_map(|socket| socket.socket).collect();
    let waits =
        sockets.iter().any(|socket| socket.receive_queue.unwrap_or(0) > 0 || socket.send_queue.unwrap_or(0) > 0);
    if !waits {
        return words;
    }
    for queue in facts.checkpoint().rows().tcp_queues().filter(|queue| numbers.contains(&queue.socket)) {
        let Some(text) = queue.text.as_ref().filter(|text| !text.is_empty()) else { continue };
        let of_rule = RULE.patterns.iter().map(|pattern| pattern.bytes);
        let before = words.words.len();
        for word in of_rule.chain(IN_QUEUES.iter().map(|word| word.as_bytes())) {
            if text.contains_str(word) {
                words.words.insert(word.to_str_lossy().into_owned());
            }
        }
        if words.words.len() > before {
            let line = first_line(text).unwrap_or_default();
            words.evidence.push(
                Evidence::row("tcp_queues", [("socket", queue.socket.into()), ("queue", queue.queue.into())])
                    .with_text(line),
            );
        }
    }
    words
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    if facts.hits().unread > 0 {
        report.not_checked("some recorded memory could not be searched");
    }
    for process in facts.living() {
        if !report.look() {
            return;
        }
        tor(facts, process, report);
        let sockets: Vec<&OpenSocket> = facts.sockets().of(process.pid()).collect();
        let targets: Vec<_> = sockets
            .iter()
            .filter_map(|socket| outbound(facts, socket).map(|(address, port)| (*socket, address, port)))
            .filter(|(_, address, _)| !is_loopback(*address))
            .collect();
        let pool = targets.iter().find(|(.., port)| POOLS.contains(port));
        let words = words_of(facts, process, &sockets);
        let Some(severity) = severity(pool.is_some(), &words, !targets.is_empty(), may_scan(facts, process)) else {
            continue;
        };
        // What is odd about a shell with a connection is not its port: NET-002 tells of it.
        if words.words.is_empty() && Actor::of(facts, process).is_suspicious() {
            report.skip();
            continue;
        }
        let target = pool.or_else(|| targets.first());
        let place = target.map(|(_, address, port)| endpoint(*address, *port));
        let list: Vec<String> = words.words.iter().map(|word| shown_within(word.as_bytes(), 30)).collect();
        let sentence = match (&place, list.is_empty()) {
            (Some(place), true) => {
                format!("{} is connected to {place}, a port that pools of miners use.", process.title())
            }
            (Some(place), false) => format!(
                "{} is connected to {place}, and has words of miners in its memory or queues: {}.",
                process.title(),
                listed(&list)
            ),
            (None, _) => format!("{} has words of miners in its memory: {}.", process.title(), listed(&list)),
        };
        let path = program(process);
        let mut finding = Finding::new(&RULE, Subject::Process(process.pid()))
            .severity(severity)
            .confidence(if severity == Severity::High { Confidence::High } else { Confidence::Low })
            .identity([path.clone(), place.unwrap_or_default().into()])
            .sentence(sentence)
            .benign(match severity {
                Severity::High => "Only a miner that somebody wanted speaks this protocol.",
                Severity::Medium => "A scanner has these words in its signatures.",
                _ if !words.words.is_empty() => "A scanner has these words in its signatures.",
                _ => "Many programs use this port. The words of the protocol would confirm it, and were not found.",
            })
            .next(Next::rows_of("process_open_sockets", process.pid()))
            .link(Link::Path(path));
        if let Some((socket, ..)) = target {
            finding = finding.evidence(row(socket));
            if let Some(number) = socket.socket {
                finding = finding.link(Link::Socket(number));
            }
        }
        for evidence in words.evidence {
            finding = finding.evidence(evidence);
        }
        report.add(finding);
    }
}

/// A program called `tor`, and connections to ports of Tor.
fn tor(facts: &Facts<'_>, process: &ProcessFacts<'_>, report: &mut Report<'_>) {
    let is_tor = process.program.base() == "tor" || process.name() == "tor";
    let sockets = || facts.sockets().of(process.pid());
    let relay = sockets().find(|socket| outbound(facts, socket).is_some_and(|(_, port)| RELAYS.contains(&port)));
    let Some(evidence) = relay.map(row).or_else(|| is_tor.then(|| Evidence::process(process.pid()))) else { return };
    let path = program(process);
    let what = if is_tor { "is called tor" } else { "is connected to a port of Tor's relays" };
    report.add(
        Finding::new(&RULE, Subject::Process(process.pid()))
            .severity(Severity::Low)
            .confidence(Confidence::Low)
            .identity([path.clone(), "tor".into()])
            .sentence(format!("{} {what}.", title(process)))
            .benign("A service may be offered over Tor. Other programs use the ports, too.")
            .next(Next::rows_of("process_open_sockets", process.pid()))
            .link(Link::Path(path))
            .evidence(evidence),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(list: &[&str]) -> Words {
        Words { words: list.iter().map(ToString::to_string).collect(), evidence: Vec::new() }
    }

    #[test]
    fn a_port_alone_is_low_and_words_make_it_high() {
        assert_eq!(severity(true, &words(&[]), true, false), Some(Severity::Low));
        assert_eq!(severity(true, &words(&["mining.subscribe"]), true, false), Some(Severity::High));
        assert_eq!(severity(false, &words(&["mining.subscribe", COMMON]), true, false), Some(Severity::High));
        assert_eq!(severity(false, &words(&["mining.subscribe", COMMON]), false, false), Some(Severity::Medium));
        assert_eq!(severity(false, &words(&["mining.subscribe"]), true, false), None);
        assert_eq!(severity(false, &words(&[COMMON]), true, false), None);
        // A scanner of the image.
        let two = words(&["mining.subscribe", "donate-level"]);
        assert_eq!(severity(false, &two, false, true), Some(Severity::Low));
        assert_eq!(severity(false, &two, true, true), Some(Severity::Medium));
        assert_eq!(severity(true, &two, true, true), Some(Severity::High));
    }
}
