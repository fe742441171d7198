//! NET-008: tunnels.

use super::super::card::rule;
use super::super::vocabulary::has_name;
use super::super::words::shown;
use super::super::{Confidence, Evidence, Facts, Finding, Link, Next, Report, Severity, Subject};
use super::actor::Actor;
use super::traffic::program;

rule! {
    /// A process has `/dev/net/tun` open, or the network of the container has a tunnel (tun, WireGuard, ipip, GRE, VXLAN,
    /// sit). Traffic goes through it that nothing outside can read. Programs for VPNs are low; a program that runs from
    /// memory or from a place that everyone may write to, and a shell or an interpreter, is high.
    "NET-008", tunnel_device, version 1, Network, Incubating, Medium,
    title: "Traffic goes through a tunnel",
    why: "A tunnel carries commands and data past the firewall.",
    benign: ["Images for VPNs, Tailscale, and network plug-ins."],
    attack: ["T1572"],
    cost: Free,
    tags: ["tunnel"],
    check: check,
}

const VPNS: [&str; 14] = [
    "openvpn",
    "tailscaled",
    "wireguard-go",
    "boringtun",
    "wg",
    "zerotier-one",
    "netbird",
    "nebula",
    "charon",
    "vpnagentd",
    "openconnect",
    "cloudflared",
    "sing-box",
    "slirp4netns",
];

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        if !report.look() {
            return;
        }
        let Some(open) =
            process.files().iter().find(|file| file.path.as_ref().is_some_and(|path| path == "/dev/net/tun"))
        else {
            continue;
        };
        let is_vpn = VPNS.iter().any(|name| has_name(process.program.base(), name));
        let severity = match Actor::of(process) {
            Actor::Ordinary if is_vpn => Severity::Low,
            Actor::Ordinary => Severity::Medium,
            _ => Severity::High,
        };
        let path = program(process);
        report.add(
            Finding::new(&RULE, Subject::Process(process.pid()))
                .severity(severity)
                .confidence(Confidence::High)
                .identity([path.clone(), process.name().into()])
                .sentence(format!("{} ({}) has a tunnel device open.", process.title(), shown(&path)))
                .benign(if is_vpn {
                    "The program is one for VPNs."
                } else {
                    "A VPN that is not on the list of known ones."
                })
                .next(Next::rows_of("process_open_files", process.pid()))
                .evidence(Evidence::descriptor(process.pid(), open.fd.0).with("path", open.path.as_ref()))
                .link(Link::Path(path)),
        );
    }
    for device in facts.checkpoint().rows().interfaces() {
        if !report.look() {
            return;
        }
        const TUNNELS: [&str; 7] = ["tun", "wireguard", "ipip", "gre", "vxlan", "geneve", "sit"];
        let kind = device.r#type.as_deref().unwrap_or_default();
        let Some(name) = device.interface.as_ref().filter(|_| TUNNELS.contains(&kind)) else { continue };
        // Every network namespace has these, without an end, once the module is loaded.
        if ["sit0", "tunl0", "gre0", "gretap0", "erspan0", "ip6tnl0"].iter().any(|usual| name == usual) {
            report.skip();
            continue;
        }
        report.add(
            Finding::new(&RULE, Subject::Container("network device"))
                .severity(Severity::Low)
                .confidence(Confidence::High)
                .identity([kind, "device"])
                .sentence(format!("The network of the container has a tunnel, {} of type {kind}.", shown(name)))
                .benign("Network plug-ins and VPNs make such devices.")
                .next(Next::table("interfaces"))
                .evidence(Evidence::row("interfaces", [("interface", name.into())]).with("type", Some(kind))),
        );
    }
}
