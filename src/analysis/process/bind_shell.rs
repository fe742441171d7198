//! PROC-006: a shell on a connection that came in.

use super::super::card::rule;
use super::super::facts::{Direction, Invocation, ProcessFacts};
use super::super::words::shown;
use super::super::{Confidence, Facts, Finding, Link, Next, Report, Severity, Subject};
use super::common::{arguments, descriptor_of, program, row_of, socket_row, started, to_words};
use super::shell_connection::{Case, Way, cases};
use crate::tables::OpenSocket;

rule! {
    /// A shell whose input and output are a connection that somebody made to a port of the container, or a shell that
    /// listens on a port itself.
    ///
    /// It is high if somebody can type into the shell. A script of the image that answers one request and ends, as under
    /// inetd, `socat` and `tcpserver`, is low.
    "PROC-006", bind_shell, version 1, Process, Stable, High,
    title: "A shell answers on a port of the container",
    why: "Whoever connects to the port types commands into the container.",
    benign: [
        "A service that starts a script for each connection, as inetd and `socat` do: the script is part of the image.",
        "A tool for development that belongs to the image."
    ],
    attack: ["T1059.004", "T1571"],
    cost: Free,
    tags: ["remote_control"],
    basis: Connection,
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living().filter(|process| process.is_shell() || process.is_interpreter()) {
        if !report.look() {
            return;
        }
        if let Some(listener) = listener(facts, process) {
            report.add(listening(process, listener));
        }
    }
    for case in cases(facts).iter().filter(|case| case.direction == Direction::Inbound && case.way == Way::Stdio) {
        report.add(connected(facts, case));
    }
}

/// The port that a shell listens on, unless it inherited the socket from the service that started it.
fn listener<'f>(facts: &'f Facts<'_>, process: &ProcessFacts<'_>) -> Option<&'f OpenSocket> {
    if !process.is_shell() {
        return None;
    }
    facts.sockets().of(process.pid()).find(|socket| {
        let is_listening = matches!(socket.family, "inet" | "inet6") && socket.state.as_deref() == Some("LISTEN");
        let others = socket.socket.map(|number| {
            facts
                .sockets()
                .holders(number)
                .any(|holder| facts.process(holder.pid).is_some_and(|other| !other.is_shell()))
        });
        is_listening && others == Some(false) && (process.is_open_shell() || socket.fd.0 <= 2)
    })
}

fn listening(process: &ProcessFacts<'_>, socket: &OpenSocket) -> Finding {
    let port = socket.local_port.unwrap_or(0);
    Finding::new(&RULE, Subject::Process(process.pid()))
        .confidence(Confidence::Medium)
        .identity([program(process), arguments(process), port.to_string().into()])
        .sentence(format!("{} listens on port {port}, which no other program does.", started(process)))
        .next(Next::rows_of("process_open_sockets", process.pid()))
        .evidence(row_of(process))
        .evidence(socket_row(socket))
}

fn connected(facts: &Facts<'_>, case: &Case<'_, '_>) -> Finding {
    let Case { process, socket, .. } = case;
    let is_script = matches!(process.invocation(), Some(Invocation::Script(_) | Invocation::Module(_)));
    let severity = match () {
        () if case.is_open => Severity::High,
        () if is_script => Severity::Low,
        () => Severity::Medium,
    };
    let port = socket.local_port.unwrap_or(0);
    let is_served = socket.protocol.as_deref().is_some_and(|protocol| facts.sockets().listens(protocol, port));
    let parent = facts.parent(process).map_or_else(String::new, |parent| {
        format!(", started by process {} ({}),", parent.pid(), shown(parent.name()))
    });
    let mut finding = Finding::new(&RULE, Subject::Process(process.pid()))
        .severity(severity)
        .confidence(if case.is_open { Confidence::High } else { Confidence::Medium })
        .identity([program(process), arguments(process), port.to_string().into()])
        .sentence(format!(
            "{}{parent} has its input and output on a connection to port {port} of the container{} from {}.",
            started(process),
            if is_served { ", which a process listens on," } else { "" },
            to_words(socket),
        ))
        .next(Next::rows_of("process_open_sockets", process.pid()))
        .evidence(row_of(process))
        .evidence(socket_row(socket));
    for fd in [0, 1, 2] {
        finding = finding.evidence(descriptor_of(process, fd));
    }
    if let Some(number) = socket.socket {
        finding = finding.link(Link::Socket(number));
    }
    case.also.iter().fold(finding, |finding, &pid| finding.also(pid))
}
