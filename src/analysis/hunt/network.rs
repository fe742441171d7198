//! Addresses, ports and names of sockets.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::super::facts::ProcessFacts;
use super::super::indicators::Kind;
use super::super::indicators::value::plain;
use super::super::traffic::{outbound, peer};
use super::super::{Confidence, Fact, Severity};
use super::{Hunt, Observable, as_text, observable, of_finding};
use crate::tables::OpenSocket;

pub(super) fn add(hunt: &mut Hunt<'_, '_>) {
    of_evidence(hunt);
    let actors: Vec<_> = hunt.actors.iter().map(|(pid, findings)| (*pid, findings.clone())).collect();
    for (pid, findings) in actors {
        let Some(process) = hunt.facts.process(pid) else { continue };
        let confidence = hunt.confidence(pid);
        let sockets: Vec<&OpenSocket> = hunt.facts.sockets().of(pid).collect();
        for socket in sockets {
            for one in of_socket(hunt, process, socket, confidence) {
                hunt.add(Observable { findings: findings.clone(), ..one });
            }
        }
    }
}

/// The connections that prove findings.
fn of_evidence(hunt: &mut Hunt<'_, '_>) {
    let findings = hunt.findings.clone();
    for finding in findings {
        // A client of a service is no attacker.
        let confidence = if finding.severity >= Severity::High { Confidence::High } else { Confidence::Medium };
        for evidence in &finding.evidence {
            let text = |name: &str| match evidence.column(name) {
                Some(Fact::Text(text)) => Some(text.to_string()),
                _ => None,
            };
            let number = |name: &str| match evidence.column(name) {
                Some(Fact::Number(port)) => u16::try_from(*port).ok().filter(|&port| port != 0),
                _ => None,
            };
            let Some(address) = text("remote_address").and_then(|text| text.parse::<IpAddr>().ok()).map(plain) else {
                continue;
            };
            if address.is_unspecified() {
                continue;
            }
            let local = number("local_port").map(u32::from);
            let protocol = text("protocol");
            let is_inbound =
                local.is_some_and(|local| hunt.facts.sockets().listens(protocol.as_deref().unwrap_or("tcp"), local));
            let from = format!("{} row of the evidence of {}", evidence.table.unwrap_or("a"), finding.rule.id);
            hunt.add(Observable {
                direction: Some(if is_inbound { "inbound" } else { "outbound" }),
                // The port of a client is any.
                port: number("remote_port").filter(|_| !is_inbound),
                protocol,
                findings: of_finding(finding),
                ..observable(Kind::Address, address.to_string(), confidence, from)
            });
        }
    }
}

/// What a socket of an attacker yields.
fn of_socket(
    hunt: &Hunt<'_, '_>,
    process: &ProcessFacts<'_>,
    socket: &OpenSocket,
    confidence: Confidence,
) -> Vec<Observable> {
    let from = format!("process_open_sockets, pid {} fd {}: {}", socket.pid, socket.fd.0, process.title());
    let protocol = socket.protocol.as_deref().map(str::to_owned);
    let port = |port: Option<u32>| port.and_then(|port| u16::try_from(port).ok()).filter(|&port| port != 0);
    match socket.family {
        "unix" => {
            let Some(path) = socket.path.as_ref().filter(|path| path.starts_with(b"@") && path.len() > 4) else {
                return Vec::new();
            };
            let (name, left_out) = as_text(path);
            vec![Observable { left_out, ..observable(Kind::Socket, name, Confidence::Low, from) }]
        }
        "inet" | "inet6" => {
            if socket.state.as_deref() == Some("LISTEN") {
                let Some(port) = port(socket.local_port) else { return Vec::new() };
                // The port of the service itself is everywhere.
                let declared = hunt
                    .facts
                    .sockets()
                    .all()
                    .iter()
                    .any(|other| other.socket == socket.socket && !hunt.actors.contains_key(&other.pid));
                let left_out = declared.then(|| "the service itself listens on it".to_owned());
                return vec![Observable {
                    direction: Some("listening"),
                    protocol,
                    port: Some(port),
                    left_out,
                    ..observable(Kind::Port, port.to_string(), Confidence::Low, from)
                }];
            }
            let Some((address, remote)) = peer(socket) else { return Vec::new() };
            let is_outbound = outbound(hunt.facts, socket).is_some();
            // Workers and children inherit connections of the service.
            let shared = socket.shared_with.iter().any(|pid| !hunt.actors.contains_key(&pid));
            let left_out = (shared && socket.fd.0 > 2).then(|| "the service itself has the connection, too".to_owned());
            vec![Observable {
                direction: Some(if is_outbound { "outbound" } else { "inbound" }),
                protocol,
                port: port(Some(remote)).filter(|_| is_outbound),
                left_out,
                findings: BTreeSet::new(),
                ..observable(Kind::Address, address.to_string(), confidence, from)
            }]
        }
        _ => Vec::new(),
    }
}
