//! NET-003: a session from the internet.

use super::super::card::rule;
use super::super::traffic::{endpoint, internet, peer, program, row};
use super::super::vocabulary::is_public;
use super::super::{Confidence, Facts, Finding, Link, Next, Report, Subject};

rule! {
    /// A client with a public address is connected to a service of the container for remote control: SSH, Telnet, remote
    /// desktops, or a port that tools of attackers use (4444). It tells where an operator sits.
    "NET-003", inbound_session_on_odd_service, version 1, Network, Incubating, Info,
    title: "A client from a public address uses remote control",
    why: "It is the address of whoever controls the container from outside.",
    benign: ["Administrators. A load balancer that keeps addresses shows those of clients."],
    attack: ["T1133"],
    cost: Free,
    tags: ["inbound"],
    check: check,
}

const PORTS: [u32; 7] = [22, 23, 2222, 3389, 4444, 5900, 5901];

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for (process, socket) in internet(facts) {
        let Some((address, _)) = peer(socket) else { continue };
        let Some(port) = socket.local_port.filter(|port| PORTS.contains(port)) else { continue };
        if !report.look() {
            return;
        }
        if !facts.sockets().listens("tcp", port) || !is_public(address) {
            continue;
        }
        let mut finding = Finding::new(&RULE, Subject::Process(process.pid()))
            .confidence(Confidence::High)
            .identity([program(process), format!("{address} {port}").into()])
            .sentence(format!(
                "A client at {address} is connected to {}, port {port}.",
                super::super::words::shown(process.name())
            ))
            .benign("It may be an administrator. Ask whose address it is.")
            .next(Next::rows_where("process_open_sockets", "remote_address", address.to_string()))
            .evidence(row(socket).with_note(format!("from {}", endpoint(address, socket.remote_port.unwrap_or(0)))));
        if let Some(number) = socket.socket {
            finding = finding.link(Link::Socket(number));
        }
        report.add(finding);
    }
}
