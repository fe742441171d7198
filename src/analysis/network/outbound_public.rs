//! NET-002: a connection to the internet.

use super::super::card::rule;
use super::super::facts::{Facts, ProcessFacts};
use super::super::process::plain_client::is_plain_client;
use super::super::traffic::{endpoint, internet, outbound, program, row, title};
use super::super::vocabulary::{is_loopback, is_public};
use super::super::{Basis, Confidence, Finding, Link, Next, Report, Severity, Subject};
use super::actor::{Actor, is_added};
use crate::tables::OpenSocket;

rule! {
    /// A process of the container is connected to a public address, over TCP or UDP, and the container began the
    /// connection. By itself that is inventory: every client of a service on the internet has such a connection, and the
    /// finding is information. It is high if the process is a shell, an interpreter with code in its arguments, or a
    /// program or script that runs from memory or from a place that everyone may write to. It is medium for a relay such
    /// as netcat and for a program that was added to the container, and low for curl and the like. A connection of such a
    /// process to an address of a private network is one step lower, and that of an ordinary program is not told. A shell that
    /// only inherited the connection of the service that started it does not count.
    "NET-002", outbound_public, version 2, Network, Stable, Info,
    title: "A process is connected to an address outside of the container",
    why: "Commands come in and data goes out over such connections.",
    benign: ["Every client of a service on the internet."],
    attack: ["T1071", "T1041"],
    cost: Files,
    tags: ["outbound"],
    context: true,
    check: check,
}

fn severity(actor: &Actor, added: bool) -> Severity {
    match actor {
        Actor::Shell | Actor::Odd(_) | Actor::OneLiner => Severity::High,
        Actor::Relay | Actor::Script(_) => Severity::Medium,
        _ if added => Severity::Medium,
        Actor::Fetcher => Severity::Low,
        Actor::Ordinary => Severity::Info,
    }
}

/// Whether a shell only has the connection because the program that started it had it open.
fn is_inherited(facts: &Facts<'_>, process: &ProcessFacts<'_>, socket: &OpenSocket) -> bool {
    let is_others = |pid| facts.process(pid).is_some_and(|other| !other.is_shell());
    socket.fd.0 > 2 && process.is_shell() && socket.shared_with.iter().any(is_others)
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for (process, socket) in internet(facts) {
        let Some((address, port)) = outbound(facts, socket).filter(|(address, _)| !is_loopback(*address)) else {
            continue;
        };
        if !report.look() {
            return;
        }
        if is_inherited(facts, process, socket) {
            report.skip();
            continue;
        }
        let actor = Actor::of(facts, process);
        let added = is_added(facts, process);
        let mut severity = severity(&actor, added);
        // PROC-005 tells of it: a check of health, or a script that sends measurements.
        if is_plain_client(facts, process) {
            severity = Severity::Medium;
        }
        let is_public = is_public(address);
        if !is_public {
            if severity < Severity::Medium {
                report.skip();
                continue;
            }
            severity = severity.lowered();
        }
        let protocol = socket.protocol.as_deref().unwrap_or("tcp");
        let who = match (&actor, added) {
            (Actor::Ordinary, true) => ". Its program was added to the container".to_owned(),
            (Actor::Ordinary, false) => String::new(),
            (Actor::Odd(why) | Actor::Script(why), _) => format!(": {why}"),
            (actor, _) => format!(". It is {}", actor.words()),
        };
        let path = program(process);
        let target = endpoint(address, port);
        let mut finding = Finding::new(&RULE, Subject::Process(process.pid()))
            .severity(severity)
            .confidence(Confidence::High)
            .identity([path.clone(), process.name().into(), format!("{protocol} {target}").into()])
            .sentence(format!("{} is connected to {target} over {protocol}{who}.", title(process)))
            .benign(match severity {
                Severity::Info => "The program is a client of a service on the internet. Ask whose address it is.",
                Severity::Low => "It fetches a file. Look at its arguments.",
                _ if !is_public => "It may be a service of the same network. Ask whose address it is.",
                _ => "An administrator may have done this by hand. Ask who, and whose address it is.",
            })
            .next(Next::rows_of("process_open_sockets", process.pid()))
            .evidence(row(socket))
            .link(Link::Path(path));
        if let Some(number) = socket.socket {
            finding = finding.link(Link::Socket(number));
        }
        if actor == Actor::Relay {
            finding = finding.basis_of(Basis::Tool);
        }
        report.add(finding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_inventory_and_a_shell_is_not() {
        assert_eq!(severity(&Actor::Ordinary, false), Severity::Info);
        assert_eq!(severity(&Actor::Ordinary, true), Severity::Medium);
        assert_eq!(severity(&Actor::Fetcher, false), Severity::Low);
        assert_eq!(severity(&Actor::OneLiner, false), Severity::High);
    }
}
