//! NET-006: sockets that see packets of others.

use std::collections::HashMap;

use super::super::card::rule;
use super::super::facts::{Facts, ProcessFacts};
use super::super::traffic::{has_option, program, row, title};
use super::super::vocabulary::has_name;
use super::super::words::{count, listed};
use super::super::{Confidence, Evidence, Finding, Link, Next, Report, Severity, Subject};
use super::actor::{Actor, is_added};
use crate::model::ids::FileId;
use crate::tables::OpenSocket;

rule! {
    /// A process has a packet socket, or a raw internet socket: it sees packets that are not for it, or sends packets that
    /// no other socket could. Backdoors wait so for a secret packet, without a port that one could see; they mostly attach
    /// a filter. Tools that need such sockets (`tcpdump`, `ping`, DHCP clients, VPNs, intrusion detection) are low. Other
    /// programs of the image are medium. An interpreter, a shell, a program that was added to the container, runs from
    /// memory or from a place that everyone may write to is high.
    "NET-006", raw_or_packet_socket, version 1, Network, Stable, Medium,
    title: "A process has a raw or packet socket",
    why: "It can read traffic of others, and can be woken by a packet without an open port.",
    benign: ["Tools that capture or send packets, DHCP clients, VPNs, intrusion detection and network plug-ins."],
    attack: ["T1040", "T1205.002", "T1095"],
    cost: Files,
    tags: ["sniffer"],
    check: check,
}

/// Programs that need such sockets.
pub(super) const TOOLS: [&str; 38] = [
    "tcpdump",
    "tshark",
    "dumpcap",
    "wireshark",
    "ngrep",
    "termshark",
    "ping",
    "ping6",
    "fping",
    "arping",
    "traceroute",
    "traceroute6",
    "mtr",
    "mtr-packet",
    "nmap",
    "masscan",
    "dhclient",
    "dhcpcd",
    "udhcpc",
    "dhcpd",
    "dnsmasq",
    "keepalived",
    "vrrpd",
    "wpa_supplicant",
    "hostapd",
    "suricata",
    "snort",
    "zeek",
    "softflowd",
    "openvpn",
    "charon",
    "bird",
    "bgpd",
    "zebra",
    "ospfd",
    "lldpd",
    "speaker",
    "frr",
];

/// Lengths of filters, by CRIU's id of the open file.
type Filters = HashMap<FileId, usize>;

/// Whether a socket is meant. `ping` needs no raw socket since ICMP has sockets of its own.
fn is_meant(socket: &OpenSocket) -> bool {
    socket.family == "packet" || matches!(socket.family, "inet" | "inet6") && socket.r#type == Some("raw")
}

/// What a socket is, for a sentence.
fn words(socket: &OpenSocket) -> String {
    let protocol = socket.protocol.as_deref();
    match (socket.family, protocol) {
        ("packet", Some("all")) => "a packet socket for all traffic".to_owned(),
        ("packet", Some(protocol)) => format!("a packet socket for {protocol}"),
        ("packet", None) => "a packet socket".to_owned(),
        (_, Some(protocol)) => format!("a raw socket for {protocol}"),
        (_, None) => "a raw socket".to_owned(),
    }
}

fn severity(is_tool: bool, actor: &Actor, added: bool, is_interpreter: bool) -> Severity {
    match actor {
        Actor::Shell | Actor::Odd(_) | Actor::Script(_) | Actor::OneLiner | Actor::Relay | Actor::Fetcher => {
            Severity::High
        }
        Actor::Ordinary if added || is_interpreter => Severity::High,
        Actor::Ordinary if is_tool => Severity::Low,
        Actor::Ordinary => Severity::Medium,
    }
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let filters = filters_of(facts);
    for process in facts.living() {
        if !report.look() {
            return;
        }
        let sockets: Vec<&OpenSocket> = facts.sockets().of(process.pid()).filter(|socket| is_meant(socket)).collect();
        if !sockets.is_empty() {
            report.add(finding(facts, process, &sockets, &filters));
        }
    }
}

fn finding(facts: &Facts<'_>, process: &ProcessFacts<'_>, sockets: &[&OpenSocket], filters: &Filters) -> Finding {
    let actor = Actor::of(facts, process);
    let added = is_added(facts, process);
    let is_tool = TOOLS.iter().any(|tool| has_name(process.program.base(), tool));
    let severity = severity(is_tool, &actor, added, process.is_interpreter());
    let path = program(process);
    let mut kinds: Vec<String> = sockets.iter().map(|socket| words(socket)).collect();
    kinds.sort();
    kinds.dedup();
    let attached = sockets.iter().filter(|socket| length(process, socket, filters) > 0).count();
    let filtered = if attached > 0 { format!(", with {} attached", count(attached, "filter")) } else { String::new() };
    let who = match (&actor, added) {
        (Actor::Ordinary, true) => ". Its program was added to the container".to_owned(),
        (Actor::Ordinary, false) => String::new(),
        (Actor::Odd(why) | Actor::Script(why), _) => format!(": {why}"),
        (actor, _) => format!(". It is {}", actor.words()),
    };
    let mut finding = Finding::new(&RULE, Subject::Process(process.pid()))
        .severity(severity)
        .confidence(Confidence::High)
        .identity(
            [path.clone(), process.name().into()].into_iter().chain(kinds.iter().map(|kind| kind.as_str().into())),
        )
        .sentence(format!("{} has {}{filtered}{who}.", title(process), listed(&kinds)))
        .benign(if severity == Severity::Low {
            "The program is a tool for the network that needs it."
        } else {
            "A tool for the network that is not on the list of known ones may need it. Ask what the program is for."
        })
        .next(if attached > 0 {
            Next::table("socket_filters")
        } else {
            Next::rows_of("process_open_sockets", process.pid())
        })
        .link(Link::Path(path));
    for socket in sockets {
        let mut evidence = row(socket)
            .with("family", Some(socket.family))
            .with("type", socket.r#type)
            .with("bound_device", socket.bound_device.as_ref());
        let instructions = length(process, socket, filters);
        if instructions > 0 {
            evidence = evidence.with_note(format!("a filter of {} is attached", count(instructions, "instruction")));
        }
        if has_option(socket, "promiscuous") {
            finding = finding.tag("promiscuous");
        }
        if let Some(number) = socket.socket {
            finding = finding.link(Link::Socket(number));
        }
        finding = finding.evidence(evidence);
    }
    let caps = process.row.cap_eff.map_or(0, |mask| mask.0);
    finding.evidence(
        Evidence::process(process.pid())
            .with("cap_eff", Some(format!("{caps:016x}")))
            .with("path", process.row.path.as_ref()),
    )
}

/// The number of instructions of the filters that are attached to sockets, by CRIU's id of the open file.
fn filters_of(facts: &Facts<'_>) -> Filters {
    let of = |file: &crate::model::file::File| file.filter().map(<[_]>::len).filter(|&len| len > 0);
    facts.model().files().iter().filter_map(|(id, file)| Some((id, of(file)?))).collect()
}

/// The length of the filter of a socket, 0 for none.
fn length(process: &ProcessFacts<'_>, socket: &OpenSocket, filters: &Filters) -> usize {
    process.file(socket.fd.0).and_then(|open| filters.get(&open.file_id)).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_low_and_strangers_are_high() {
        assert_eq!(severity(true, &Actor::Ordinary, false, false), Severity::Low);
        assert_eq!(severity(false, &Actor::Ordinary, false, false), Severity::Medium);
        assert_eq!(severity(false, &Actor::Ordinary, false, true), Severity::High);
        assert_eq!(severity(true, &Actor::Ordinary, true, false), Severity::High);
        assert_eq!(severity(true, &Actor::Odd("x".into()), false, false), Severity::High);
    }
}
