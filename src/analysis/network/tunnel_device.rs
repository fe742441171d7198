//! NET-008: tunnels.

use bstr::{BString, ByteSlice};

use super::super::card::rule;
use super::super::facts::{ProcessFacts, remote};
use super::super::traffic::{program, title};
use super::super::vocabulary::{has_name, is_public};
use super::super::words::{shown, shown_within};
use super::super::{Confidence, Evidence, Facts, Finding, Link, Next, Report, Severity, Subject};
use super::actor::Actor;

rule! {
    /// A process has `/dev/net/tun` open, or the network of the container has a tunnel (tun, `WireGuard`, ipip, GRE, VXLAN,
    /// sit). Traffic goes through it that nothing outside can read. Programs for VPNs are low; a program that runs from
    /// memory or from a place that everyone may write to, and a shell or an interpreter, is high. An SSH client that forwards
    /// ports is a tunnel, too: medium if others can come in through it (`-R`, `-w`), high if its server is on the internet
    /// and neither the container's command nor a login started it, and low otherwise (`-D`, `-L`).
    "NET-008", tunnel_device, version 3, Network, Incubating, Medium,
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

/// Letters of an SSH client's options that have a value, at once or as the next argument. `None` for other programs.
fn letters_with_value(name: &[u8]) -> Option<&'static [u8]> {
    match name {
        b"ssh" => Some(b"BbcDEeFIiJLlmOopPQRSWw"),
        // It passes all but its own port on.
        b"autossh" => Some(b"BbcDEeFIiJLlMmOopPQRSWw"),
        b"dbclient" => Some(b"BbcIiJKLlmopRW"),
        _ => None,
    }
}

/// How the arguments of an SSH client forward ports. `None` if they do not, or if it is another program.
fn forwards(name: &[u8], argv: &[BString]) -> Option<Forward> {
    let mut rest = argv.iter().skip(1).take(4096).map(|word| word.as_slice());
    let mut found = None;
    if name == b"plink" {
        // Its options are words, and stand before the host.
        while let Some(word) = rest.next().filter(|word| word.starts_with(b"-")) {
            match word {
                b"-R" => found = Some(Forward::In),
                b"-D" | b"-L" => found = found.or(Some(Forward::Out)),
                b"-P" | b"-l" | b"-pw" | b"-pwfile" | b"-i" | b"-m" | b"-nc" | b"-load" | b"-hostkey" => {}
                _ => continue,
            }
            rest.next();
        }
        return found;
    }
    let with_value = letters_with_value(name)?;
    let is_ssh = name != b"dbclient";
    let mut has_host = false;
    while let Some(word) = rest.next() {
        let Some(mut letters) = word.strip_prefix(b"-").filter(|letters| !letters.is_empty()) else {
            // The host. Options may follow it, too, up to the command that runs there.
            if std::mem::replace(&mut has_host, true) {
                break;
            }
            continue;
        };
        if letters == b"-" {
            if has_host {
                break;
            }
            continue;
        }
        while let Some((&letter, more)) = letters.split_first() {
            letters = more;
            if !with_value.contains(&letter) {
                continue;
            }
            let value = if more.is_empty() { rest.next().unwrap_or_default() } else { more };
            match letter {
                b'R' => found = Some(Forward::In),
                b'w' if is_ssh => found = Some(Forward::In),
                b'D' | b'L' => found = found.or(Some(Forward::Out)),
                b'o' => match setting(value) {
                    Some(Setting::Clear) => return None,
                    Some(Setting::Forward(Forward::In)) => found = Some(Forward::In),
                    Some(Setting::Forward(Forward::Out)) => found = found.or(Some(Forward::Out)),
                    None => {}
                },
                _ => {}
            }
            break;
        }
    }
    found
}

/// What a setting of the form `Name=value` or `Name value` does to forwarding.
enum Setting {
    /// It forwards.
    Forward(Forward),
    /// It takes back all that the configuration and the options ask for.
    Clear,
}

fn setting(text: &[u8]) -> Option<Setting> {
    let text = text.trim_ascii();
    let end = text.iter().position(|byte| *byte == b'=' || byte.is_ascii_whitespace()).unwrap_or(text.len());
    let (name, value) = text.split_at_checked(end)?;
    let value = value.trim_with(|c| c == '=' || c.is_ascii_whitespace());
    match name.to_ascii_lowercase().as_slice() {
        b"remoteforward" => Some(Setting::Forward(Forward::In)),
        b"tunnel" if !value.eq_ignore_ascii_case(b"no") => Some(Setting::Forward(Forward::In)),
        b"localforward" | b"dynamicforward" => Some(Setting::Forward(Forward::Out)),
        b"clearallforwardings" if value.eq_ignore_ascii_case(b"yes") => Some(Setting::Clear),
        _ => None,
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
        assert_eq!(of(&["ssh", "a@b", "-N", "-R", "2222:localhost:22"]), Some(Forward::In));
        assert_eq!(of(&["ssh", "-oRemoteForward=2222 localhost:22", "a@b"]), Some(Forward::In));
        assert_eq!(of(&["ssh", "-o", "Tunnel yes", "a@b"]), Some(Forward::In));
        assert_eq!(of(&["ssh", "-o", "localforward 1:b:2", "a@b"]), Some(Forward::Out));
        assert_eq!(of(&["ssh", "-L", "1:b:2", "-R", "3:b:4", "a@b"]), Some(Forward::In));
        assert_eq!(of(&["ssh", "-o", "X=R", "a@b"]), None);
        assert_eq!(forwards(b"rsync", &["rsync".into(), "-R".into()]), None);
    }

    #[test]
    fn values_of_options_and_the_command_on_the_host_forward_nothing() {
        for line in [
            // As scp, sftp and rsync start it.
            "ssh -x -oPermitLocalCommand=no -oClearAllForwardings=yes -oRemoteCommand=none -oRequestTTY=no -l me -s -- b sftp",
            "ssh -x -oRemoteCommand=none -oForwardAgent=no -- b scp -R -f x",
            "ssh -lwww-data b rsync --server --sender -vlogDtpRre.iLsfxC . /srv",
            "ssh -oUserKnownHostsFile=/dev/null -oStrictHostKeyChecking=no -oTunnel=no b",
            "ssh -i /srv/R.key -p 22 -F -R b ls -L",
            "ssh b tail -F -D log",
            "ssh",
        ] {
            let argv: Vec<BString> = line.split(' ').map(BString::from).collect();
            assert_eq!(forwards(b"ssh", &argv), None, "{line}");
        }
    }

    #[test]
    fn other_clients_have_letters_of_their_own() {
        let of = |name: &str, line: &str| {
            let argv: Vec<BString> = line.split(' ').map(BString::from).collect();
            forwards(name.as_bytes(), &argv)
        };
        assert_eq!(of("autossh", "autossh -M 0 -N -R 1:b:2 h"), Some(Forward::In));
        assert_eq!(of("autossh", "autossh -M -R h"), None);
        assert_eq!(of("dbclient", "dbclient -K 30 -W 65536 -L 1:b:2 h"), Some(Forward::Out));
        assert_eq!(of("plink", "plink -ssh -P 22 -R 1:b:2 h"), Some(Forward::In));
        assert_eq!(of("plink", "plink -batch -l -R h ls -L"), None);
    }
}
