//! NET-017: a connection that ended a moment ago.

use std::collections::HashSet;
use std::net::IpAddr;

use super::super::card::rule;
use super::super::traffic::{endpoint, internet, peer};
use super::super::vocabulary::is_public;
use super::super::{Confidence, Evidence, Facts, Finding, Next, Report, Severity, Subject};

rule! {
    /// The kernel still tracks a connection from the container to a public address, but no living process has its socket. A
    /// program made it and has ended, or has closed it. CRIU dumps the table only for a network that no engine made.
    "NET-017", tracked_connection_without_socket, version 1, Network, Incubating, Low,
    title: "The kernel tracks a connection that no process holds any more",
    why: "It shows where a program that is gone was connected to.",
    benign: ["Clients that closed their connection a moment ago."],
    attack: ["T1071"],
    cost: Free,
    tags: ["outbound"],
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let open: HashSet<(IpAddr, u32)> = internet(facts).filter_map(|(_, socket)| peer(socket)).collect();
    let own = facts.checkpoint().rows().container().ip_addresses.unwrap_or_default();
    for flow in facts.checkpoint().rows().conntrack() {
        if !report.look() {
            return;
        }
        let parsed = |text: Option<&String>| text.and_then(|text| text.parse::<IpAddr>().ok());
        let target = parsed(flow.destination.as_ref()).filter(|address| is_public(*address)).zip(flow.destination_port);
        let from_here = flow.source.as_ref().is_some_and(|source| own.contains(source))
            || parsed(flow.source.as_ref()).is_some_and(|source| !is_public(source));
        let Some((address, port)) = target.filter(|target| from_here && !flow.expected && !open.contains(target))
        else {
            continue;
        };
        let protocol = flow.protocol.as_deref().unwrap_or("ip");
        let key = [("namespace", flow.namespace.0.into()), ("id", flow.id.unwrap_or(0).into())];
        report.add(
            Finding::new(&RULE, Subject::Socket(format!("{protocol} {}", endpoint(address, port))))
                .severity(Severity::Low)
                .confidence(Confidence::Medium)
                .identity([format!("{protocol} {}", endpoint(address, port))])
                .sentence(format!(
                    "The kernel tracks a {protocol} connection to {} that no process has any more.",
                    endpoint(address, port)
                ))
                .next(Next::table("conntrack"))
                .evidence(
                    Evidence::row("conntrack", key)
                        .with("state", flow.state.as_deref())
                        .with("destination", flow.destination.as_deref())
                        .with("destination_port", flow.destination_port)
                        .with("timeout", flow.timeout),
                ),
        );
    }
}
