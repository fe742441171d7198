//! NET-007: devices that take packets that are not for them.

use super::super::card::rule;
use super::super::traffic::{has_option, program, row, title};
use super::super::vocabulary::has_name;
use super::super::words::shown;
use super::super::{Confidence, Evidence, Facts, Finding, Link, Next, Report, Severity, Subject};
use super::raw_or_packet_socket::TOOLS;

rule! {
    /// A packet socket has asked for promiscuous mode, or a device of the container's network is in it: all packets on the
    /// wire are taken, whoever they are for. It is low for a known tool of the image, medium for one that was added and for
    /// a device, and high for another program. A port of a bridge is always promiscuous and passed over.
    "NET-007", promiscuous_or_fanout, version 2, Network, Incubating, High,
    title: "A network device listens to traffic that is not for it",
    why: "Passwords and tokens of other services are read so.",
    benign: ["Tools that capture packets, intrusion detection, and bridges."],
    attack: ["T1040"],
    cost: Free,
    tags: ["sniffer"],
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        if !report.look() {
            return;
        }
        let sockets = facts.sockets().of(process.pid());
        for socket in sockets.filter(|socket| socket.family == "packet" && has_option(socket, "promiscuous")) {
            let is_tool = TOOLS.iter().any(|tool| has_name(process.program.base(), tool));
            let path = program(process);
            report.add(
                Finding::new(&RULE, Subject::Process(process.pid()))
                    .severity(match is_tool {
                        true if facts.files().is_in_image(&path) => Severity::Low,
                        true => Severity::Medium,
                        false => Severity::High,
                    })
                    .confidence(Confidence::High)
                    .identity([path.clone(), process.name().into()])
                    .sentence(format!("{} has put a network device into promiscuous mode.", title(process)))
                    .benign(if is_tool {
                        "It is a tool that captures packets. Ask who started it."
                    } else {
                        "A program for intrusion detection may do this."
                    })
                    .next(Next::rows_of("process_open_sockets", process.pid()))
                    .evidence(row(socket).with("family", Some("packet")))
                    .link(Link::Path(path)),
            );
        }
    }
    for device in facts.checkpoint().rows().interfaces() {
        if !report.look() {
            return;
        }
        let flags = device.flags.as_deref().unwrap_or_default();
        let Some(name) = device.interface.as_ref().filter(|_| flags.iter().any(|flag| flag == "PROMISC")) else {
            continue;
        };
        if device.master.is_some() || device.r#type.as_deref() == Some("bridge") {
            report.skip();
            continue;
        }
        report.add(
            Finding::new(&RULE, Subject::Container("network device"))
                .severity(Severity::Medium)
                .confidence(Confidence::High)
                .identity([name.clone()])
                .sentence(format!("The network device {} is in promiscuous mode.", shown(name)))
                .benign("A capture may be running, or the device may belong to a bridge.")
                .next(Next::table("interfaces"))
                .evidence(Evidence::row("interfaces", [("interface", name.into())]).with("flags", Some("PROMISC"))),
        );
    }
}
