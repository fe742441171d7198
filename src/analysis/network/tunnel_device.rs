//! NET-008: tunnels.

use bstr::BString;

use super::super::card::rule;
use super::super::facts::{ProcessFacts, remote};
use super::super::vocabulary::{has_name, is_public};
use super::super::words::{shown, shown_within};
use super::super::{Confidence, Evidence, Facts, Finding, Link, Next, Report, Severity, Subject};
use super::actor::Actor;
use super::traffic::{program, title};

rule! {
    /// A process has `/dev/net/tun` open, or the network of the container has a tunnel (tun, `WireGuard`, ipip, GRE, VXLAN,
    /// sit). Traffic goes through it that nothing outside can read. Programs for VPNs are low; a program that runs from
    /// memory or from a place that everyone may write to, and a shell or an interpreter, is high. An SSH client that forwards
    /// ports is a tunnel, too: medium if others can come in through it (`-R`, `-w`), high if its server is on the internet
    /// and neither the container's command nor a login started it, and low otherwise (`-D`, `-L`).
    "NET-008", tunnel_device, version 2, Network, Incubating, Medium,
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

/// Types of devices that are tunnels.
const TUNNELS: [&str; 7] = ["tun", "wireguard", "ipip", "gre", "vxlan", "geneve", "sit"];

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        if !report.look() {
            return;
        }
        if let Some(how) = forwards(process.program.base(), process.argv()) {
            report.add(forwarding(facts, process, how));
        }
        let Some(open) =
            process.files().iter().find(|file| file.path.as_ref().is_some_and(|path| path == "/dev/net/tun"))
        else {
            continue;
        };
        let is_vpn = VPNS.iter().any(|name| has_name(process.program.base(), name));
        let severity = match Actor::of(facts, process) {
            Actor::Ordinary if is_vpn => Severity::Low,
            Actor::Ordinary | Actor::Script(_) => Severity::Medium,
            _ => Severity::High,
        };
        let path = program(process);
        report.add(
            Finding::new(&RULE, Subject::Process(process.pid()))
                .severity(severity)
                .confidence(Confidence::High)
                .identity([path.clone(), process.name().into()])
                .sentence(format!("{} has a tunnel device open.", title(process)))
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

/// How an SSH client forwards ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Forward {
    /// Others come in through it: a port on the server, or a device.
    In,
    /// The container goes out through it: a port or a proxy in the container.
    Out,
}

/// How the arguments of an SSH client forward ports. `None` if they do not, or if it is another program.
fn forwards(name: &[u8], argv: &[BString]) -> Option<Forward> {
    if !matches!(name, b"ssh" | b"autossh" | b"dbclient" | b"plink") {
        return None;
    }
    let options = argv.iter().skip(1).filter(|argument| argument.starts_with(b"-") && !argument.starts_with(b"--"));
    // Options of one letter may stand together, and their value may follow at once: `-fNR 8080:localhost:80`.
    let letters = |argument: &BString| -> Vec<u8> {
        argument.iter().skip(1).copied().take_while(u8::is_ascii_alphabetic).collect()
    };
    let all: Vec<u8> = options.flat_map(letters).collect();
    if all.iter().any(|letter| matches!(letter, b'R' | b'w')) {
        Some(Forward::In)
    } else if all.iter().any(|letter| matches!(letter, b'D' | b'L')) {
        Some(Forward::Out)
    } else {
        None
    }
}

fn forwarding(facts: &Facts<'_>, process: &ProcessFacts<'_>, how: Forward) -> Finding {
    let is_own = facts.is_of_entry_point(process) || facts.is_login(process) || !facts.is_daemon();
    let goes_far = facts.sockets().of(process.pid()).filter_map(remote).any(is_public);
    let (severity, words) = match how {
        Forward::In if goes_far && !is_own => (Severity::High, "others can come in through it"),
        Forward::In => (Severity::Medium, "others can come in through it"),
        Forward::Out => (Severity::Low, "programs of the container go out through it"),
    };
    Finding::new(&RULE, Subject::Process(process.pid()))
        .severity(severity)
        .confidence(Confidence::High)
        .identity(process.identity())
        .sentence(format!(
            "{} forwards ports over SSH, so that {words}: {}.",
            process.title(),
            shown_within(process.cmdline(), 100)
        ))
        .benign("An administrator may reach a database or another network so. Ask who set it up.")
        .next(Next::rows_of("process_open_sockets", process.pid()))
        .evidence(Evidence::process(process.pid()).with("cmdline", process.row.cmdline.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forwarding_is_read_from_the_options_of_ssh() {
        let of = |words: &[&str]| {
            let argv: Vec<BString> = words.iter().map(|word| BString::from(*word)).collect();
            forwards(b"ssh", &argv)
        };
        assert_eq!(of(&["ssh", "-fNR", "2222:localhost:22", "a@b"]), Some(Forward::In));
        assert_eq!(of(&["ssh", "-N", "-R2222:localhost:22", "a@b"]), Some(Forward::In));
        assert_eq!(of(&["ssh", "-D", "1080", "a@b"]), Some(Forward::Out));
        assert_eq!(of(&["ssh", "-o", "X=R", "a@b"]), None);
        assert_eq!(forwards(b"rsync", &["rsync".into(), "-R".into()]), None);
    }
}
