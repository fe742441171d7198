//! PROC-023: a shell on a terminal that a process with a connection drives.

use bstr::ByteSlice;

use super::super::card::rule;
use super::super::facts::{Channel, Direction, Invocation, ProcessFacts, is_connection};
use super::super::vocabulary::{is_loopback, is_public, is_terminal_server};
use super::super::words::shown;
use super::super::{Confidence, Facts, Finding, Link, Next, Report, Severity, Subject};
use super::common::{arguments, descriptor_of, has_terminals, program, row_of, socket_row, started, to_words};
use super::text::{self, Sign};
use crate::tables::OpenSocket;

rule! {
    /// A shell that reads commands from a terminal whose controlling side is held by a process with a network connection, which is no server of
    /// terminals: `python -c 'import pty; pty.spawn("/bin/bash")'`, `script /dev/null`, `socat … exec:bash,pty`.
    ///
    /// It is high if the container made the connection to a public address, or if the connection is the input of the process that holds the
    /// terminal. It is low if the connection came to a port that the process listens on, as with terminals in a web page, unless its
    /// arguments give a shell to whoever connects; and for products whose work are terminals. A job that an agent runs on a
    /// terminal is no shell that somebody types into. Of several connections the one that goes the farthest counts.
    "PROC-023", pty_relay, version 2, Process, Stable, High,
    title: "A process relays a shell's terminal to a connection",
    why: "A terminal makes a remote shell comfortable: with it `su`, editors and passwords work.",
    benign: ["A terminal in a web page or an editor for remote work, if that is what the image is for."],
    attack: ["T1059.004", "T1095"],
    cost: Free,
    tags: ["remote_control"],
    basis: Connection,
    check: check,
}

/// Connections of a process that are looked at.
const SOCKETS_MOST: usize = 1024;

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for shell in facts.living().filter(|process| reads_commands(process)) {
        let Some(behind) = facts.behind(shell, 0).filter(|behind| behind.channel == Channel::Terminal) else {
            continue;
        };
        if !report.look() {
            return;
        }
        // Below a shell on the same terminal are its programs.
        let is_nested = facts.parent(shell).is_some_and(|parent| {
            parent.is_shell()
                && reads_commands(parent)
                && parent.file(0).map(|file| file.file_id) == shell.file(0).map(|file| file.file_id)
        });
        if is_nested {
            continue;
        }
        if behind.peers.is_empty() && facts.is_daemon() {
            report.not_checked("the controlling side of a terminal is outside the container");
        }
        for holder in behind.peers.iter().take(16).filter_map(|&pid| facts.process(pid)) {
            let own = is_terminal_server(holder.program.base()) && !holder.is_program_suspicious();
            if own && !matches!(holder.program.base().as_bytes(), b"script") {
                report.skip();
                continue;
            }
            let Some((socket, is_input)) = connection(facts, holder) else { continue };
            report.add(finding(facts, shell, holder, socket, is_input));
        }
    }
}

/// Whether it is a shell or an interpreter that reads commands, or may be one.
fn reads_commands(process: &ProcessFacts<'_>) -> bool {
    (process.is_shell() || process.is_interpreter())
        && process.invocation().is_none_or(|invocation| invocation == Invocation::Input)
}

/// How far a connection goes, the farthest first.
fn nearness(facts: &Facts<'_>, socket: &OpenSocket) -> u8 {
    let address = super::super::facts::remote(socket);
    match () {
        () if facts.direction(socket) == Direction::Inbound => 3,
        () if address.is_some_and(is_loopback) => 2,
        () if address.is_some_and(is_public) => 0,
        () => 1,
    }
}

/// The connection of a process that drives a terminal: its own input, the farthest of its others, or one that its input leads
/// to.
fn connection<'f>(facts: &'f Facts<'_>, holder: &ProcessFacts<'_>) -> Option<(&'f OpenSocket, bool)> {
    if let Some(socket) = facts.connection_at(holder, 0) {
        return Some((socket, true));
    }
    let others = facts.sockets().of(holder.pid()).filter(|socket| is_connection(socket)).take(SOCKETS_MOST);
    if let Some(socket) = others.min_by_key(|socket| nearness(facts, socket)) {
        return Some((socket, false));
    }
    facts.relay(holder).map(|relay| (relay.socket, true))
}

fn finding(
    facts: &Facts<'_>,
    shell: &ProcessFacts<'_>,
    holder: &ProcessFacts<'_>,
    socket: &OpenSocket,
    is_input: bool,
) -> Finding {
    let is_product = has_terminals(facts, holder);
    let address = super::super::facts::remote(socket);
    let outbound = facts.direction(socket) == Direction::Outbound;
    let severity = match () {
        () if is_product && !is_input => Severity::Low,
        () if is_input || holder.is_program_suspicious() => Severity::High,
        // `socat TCP-LISTEN:… EXEC:bash,pty`: the arguments say what it is for.
        () if text::signs(holder.cmdline()).contains(&Sign::ConnectShell) && !facts.is_of_entry_point(holder) => {
            Severity::High
        }
        () if !outbound => Severity::Low,
        () if address.is_some_and(is_loopback) => Severity::Low,
        () if address.is_some_and(is_public) => Severity::High,
        () => Severity::Medium,
    };
    let terminal = super::super::facts::path_of(shell, 0);
    let master = holder.files().iter().find(|file| file.r#type == Some("tty") && file.fd.0 > 2).map(|file| file.fd.0);
    let mut finding = Finding::new(&RULE, Subject::Process(holder.pid()))
        .severity(severity)
        .confidence(if is_input { Confidence::High } else { Confidence::Medium })
        .identity([program(holder), arguments(holder), program(shell)])
        .sentence(format!(
            "{} drives the terminal {} of process {} ({}) and has a connection to {}.",
            started(holder),
            shown(&terminal),
            shell.pid(),
            shown(shell.name()),
            to_words(socket),
        ))
        .next(Next::rows_of("shell_history", shell.pid()))
        .link(Link::Process(shell.pid()))
        .evidence(row_of(holder))
        .evidence(row_of(shell).with_note("the shell on the terminal"))
        .evidence(socket_row(socket))
        .evidence(descriptor_of(shell, 0));
    if let Some(master) = master {
        finding = finding.evidence(descriptor_of(holder, master));
    }
    if let Some(number) = socket.socket {
        finding = finding.link(Link::Socket(number));
    }
    finding.also(shell.pid())
}
