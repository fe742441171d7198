//! NET-001: a port that nobody said the container would listen on.

use super::super::card::rule;
use super::super::traffic::{internet, program, row, title};
use super::super::{Basis, Confidence, Facts, Finding, Link, Next, Report, Severity, Subject};
use super::actor::{Actor, is_added};
use super::declared_ports::DeclaredPorts;
use super::fixed_relay::is_fixed_relay;
use crate::tables::OpenSocket;

rule! {
    /// A TCP socket that listens, or a UDP socket that takes packets from anyone, on an address other than loopback and a
    /// port that is declared nowhere: not published by the engine, not recorded by Kubernetes, not named in the environment
    /// or the command of the container, and not usual for the program. A process that is not of that command declares nothing
    /// by its own arguments, and what is published for TCP says nothing about UDP. Whether that matters depends on who listens: a shell, a program
    /// in a place that everyone may write to, or one that runs from memory is high; an interpreter with code in its
    /// arguments, a relay such as netcat, or a program that was added to the container is medium. A relay that the start script of
    /// the container set up, to somewhere within it, is low. A port for debuggers is
    /// low, and so is another undeclared port where others are declared. Otherwise the finding is information.
    "NET-001", unexpected_listener, version 2, Network, Stable, Medium,
    title: "A process listens on a port that is declared nowhere",
    why: "A port that nobody planned may be the way back in.",
    benign: ["Metrics, debuggers, helpers of a service, and images that do not declare their ports."],
    attack: ["T1571", "T1205"],
    cost: Files,
    tags: ["listener"],
    context: true,
    check: check,
}

/// Ports of debuggers: whoever reaches one runs code in the program.
const DEBUGGERS: [(u32, &str); 6] = [
    (9229, "Node.js"),
    (5005, "Java"),
    (2345, "Delve"),
    (5678, "debugpy"),
    (4444, "Selenium or a debugger"),
    (6060, "pprof"),
];
/// From here on, the kernel chooses ports for clients.
const EPHEMERAL: u32 = 32_768;

/// The port of a socket that waits for anyone on an address that others reach.
fn port(socket: &OpenSocket) -> Option<u32> {
    let is_tcp = socket.protocol.as_deref() == Some("tcp");
    let waits = if is_tcp {
        socket.state.as_deref() == Some("LISTEN")
    } else {
        socket.r#type == Some("dgram") && socket.kernel_state.as_deref() == Some("CLOSE")
    };
    let address: std::net::IpAddr = socket.local_address.as_deref()?.parse().ok()?;
    let port = socket.local_port.filter(|&port| port != 0)?;
    // A UDP client that is not connected has a port that the kernel chose.
    let is_client = !is_tcp && port >= EPHEMERAL;
    (waits && !is_client && !super::super::vocabulary::is_loopback(address)).then_some(port)
}

/// How bad it is.
fn severity(actor: &Actor, added: bool, is_debugger: bool, others_declared: bool) -> Severity {
    match actor {
        Actor::Shell | Actor::Odd(_) => Severity::High,
        Actor::OneLiner | Actor::Relay | Actor::Script(_) => Severity::Medium,
        _ if added => Severity::Medium,
        _ if is_debugger || others_declared => Severity::Low,
        Actor::Fetcher | Actor::Ordinary => Severity::Info,
    }
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let declared = DeclaredPorts::read(facts);
    for (process, socket) in internet(facts) {
        let Some(port) = port(socket) else { continue };
        if !report.look() {
            return;
        }
        let actor = Actor::of(facts, process);
        let is_udp = socket.protocol.as_deref() != Some("tcp");
        // The code of an interpreter in its own arguments, and a relay's addresses, declare nothing.
        let is_declared = match actor {
            Actor::OneLiner | Actor::Relay => declared.has_without_own(facts, process, is_udp, port),
            _ => declared.has(facts, process, is_udp, port),
        };
        if is_declared && !matches!(actor, Actor::Shell | Actor::Odd(_)) {
            report.skip();
            continue;
        }
        let added = is_added(facts, process);
        let debugger = DEBUGGERS.iter().find(|(known, _)| *known == port).map(|(_, name)| *name);
        let mut severity = severity(&actor, added, debugger.is_some(), declared.is_known());
        // Somebody sits at the terminal of the container and tries things.
        if matches!(actor, Actor::OneLiner) && !facts.is_daemon() {
            severity = severity.lowered();
        }
        // The start script of the container set it up, and it leads nowhere else.
        if actor == Actor::Relay && is_fixed_relay(facts, process) {
            severity = Severity::Low;
        }
        let protocol = socket.protocol.as_deref().unwrap_or("udp");
        let who = match (&actor, added) {
            (Actor::Ordinary, true) => ", and its program was added to the container".to_owned(),
            (Actor::Ordinary, false) => String::new(),
            (Actor::Odd(why) | Actor::Script(why), _) => format!(", and {why}"),
            (actor, _) => format!(", and is {}", actor.words()),
        };
        let path = program(process);
        let mut finding = Finding::new(&RULE, Subject::Process(process.pid()))
            .severity(severity)
            .confidence(if declared.is_known() { Confidence::High } else { Confidence::Medium })
            .identity([path.clone(), format!("{protocol} {port}").into()])
            .sentence(format!("{} listens on {protocol} port {port}, which is declared nowhere{who}.", title(process)))
            .benign(match (debugger, severity >= Severity::Medium) {
                (Some(name), false) => {
                    format!("A port for debugging {name} was left open. It is a way in all the same.")
                }
                (_, true) => "Somebody may have started a helper by hand. Ask who did.".to_owned(),
                _ => "The image may not declare its ports. Compare with its documentation.".to_owned(),
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
        if debugger.is_some() {
            finding = finding.tag("debug_port");
        }
        report.add(finding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_decides() {
        let of = |actor: Actor| severity(&actor, false, false, false);
        assert_eq!(of(Actor::Shell), Severity::High);
        assert_eq!(of(Actor::Odd("x".into())), Severity::High);
        assert_eq!(of(Actor::Relay), Severity::Medium);
        assert_eq!(of(Actor::Ordinary), Severity::Info);
        assert_eq!(severity(&Actor::Ordinary, true, false, false), Severity::Medium);
        assert_eq!(severity(&Actor::Ordinary, false, true, false), Severity::Low);
        assert_eq!(severity(&Actor::Ordinary, false, false, true), Severity::Low);
    }
}
