//! PROC-005: a shell that talks to another host over a connection that the container made.

use super::super::card::rule;
use super::super::facts::Direction;
use super::super::words::shown;
use super::super::{Confidence, Evidence, Facts, Finding, Link, Next, Report, Severity, Subject};
use super::common::{
    arguments, by_distance, descriptor_of, peer_identity, program, row_of, socket_row, started, to_words,
};
use super::plain_client::is_plain_client;
use super::shell_connection::{Case, Way, cases};

rule! {
    /// A shell or an interpreter whose input and output are a network connection that the container made; or one that
    /// opened such a connection itself (`exec 5<>/dev/tcp/…`); or one that somebody can type into, while a pipe or a unix
    /// socket leads to a process with such a connection (`mkfifo f; sh <f | nc … >f`, `socat exec:sh tcp:…`).
    ///
    /// It is critical towards a public address, high towards a private one, medium within the host. It is medium and low where the
    /// shell only writes a request and reads the answer without running it, as checks of health do. A shell on a connection
    /// that came in is the matter of PROC-006; one on a terminal that another process drives, of PROC-023. All processes
    /// that share the connection are one finding.
    "PROC-005", reverse_shell, version 2, Process, Stable, Critical,
    title: "A shell's input and output are a connection to another host",
    why: "Whoever is at the other end of the connection types commands into the container.",
    benign: [
        "A script that talks to a server by itself, such as a check whether a port is open: it is over in a moment.",
        "A tool for remote support that belongs to the image."
    ],
    attack: ["T1059.004", "T1095"],
    cost: Free,
    tags: ["remote_control"],
    basis: Connection,
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for _ in facts.living().filter(|process| process.is_shell() || process.is_interpreter()) {
        if !report.look() {
            return;
        }
    }
    for _ in facts.living().filter(|process| process.files().is_empty() && process.is_shell()) {
        report.not_checked("the descriptors of a shell are not recorded");
    }
    for case in cases(facts).iter().filter(|case| case.direction == Direction::Outbound) {
        report.add(finding(facts, case));
    }
}

fn finding(facts: &Facts<'_>, case: &Case<'_, '_>) -> Finding {
    let Case { process, socket, .. } = case;
    let mut severity = by_distance(socket, [Severity::Critical, Severity::High, Severity::Medium]);
    let is_waiting = socket.state.as_deref() == Some("SYN_SENT");
    let is_script = !case.is_open && !process.is_shell();
    if is_script || is_waiting {
        severity = severity.lowered();
    }
    if matches!(case.way, Way::Own(_)) && !case.is_open {
        severity = severity.lowered();
    }
    // A service with a connection to its database may well feed a shell.
    if let Way::Relay(_, holder) = case.way
        && facts.process(holder).is_some_and(|holder| facts.is_service(holder))
    {
        severity = severity.lowered();
    }
    // Checks of ports are scripts that connect to a database next door and are done.
    if matches!(case.way, Way::Own(_)) && is_waiting && !case.is_open {
        severity = Severity::Low;
    }
    // It asks a service of its own network how it is. Elsewhere the question itself may be the message.
    let is_plain = matches!(case.way, Way::Own(_)) && is_plain_client(facts, process);
    if is_plain {
        severity = by_distance(socket, [Severity::Medium, Severity::Low, Severity::Low]);
    }
    let how = match case.way {
        Way::Stdio => "has its input and output on a connection".to_owned(),
        Way::Own(fd) => format!("holds, as descriptor {fd}, a connection"),
        Way::Relay(channel, holder) => {
            let name = facts.process(holder).map(|holder| shown(holder.name())).unwrap_or_default();
            format!("reads and writes {} of process {holder} ({name}), which has a connection", channel.words())
        }
    };
    let others = if case.also.is_empty() {
        String::new()
    } else {
        format!(" {} more {} it.", case.also.len(), if case.also.len() == 1 { "process has" } else { "processes have" })
    };
    let queued = socket
        .receive_queue
        .filter(|&bytes| bytes > 0)
        .map_or_else(String::new, |bytes| format!(" {bytes} bytes wait to be read."));
    let mut finding = Finding::new(&RULE, Subject::Process(process.pid()))
        .severity(severity)
        .confidence(if case.is_open { Confidence::High } else { Confidence::Medium })
        .identity([program(process), arguments(process)])
        .identity(peer_identity(socket))
        .sentence(format!("{} {how} to {}.{others}{queued}", started(process), to_words(socket)))
        .next(Next::rows_of("process_open_sockets", process.pid()))
        .evidence(row_of(process))
        .evidence(socket_row(socket));
    let fds: Vec<u32> = match case.way {
        Way::Stdio | Way::Relay(..) => vec![0, 1, 2],
        Way::Own(fd) => vec![fd],
    };
    for fd in fds {
        finding = finding.evidence(descriptor_of(process, fd));
    }
    if let Way::Relay(_, holder) = case.way {
        finding = finding.link(Link::Process(holder));
        if let Some(holder) = facts.process(holder) {
            finding = finding.evidence(row_of(holder).with_note("holds the connection"));
        }
    }
    if let Some(number) = socket.socket {
        finding = finding.link(Link::Socket(number));
    }
    for pid in &case.also {
        finding = finding.also(*pid).evidence(Evidence::process(*pid).with_note("has the same connection"));
    }
    finding
}
