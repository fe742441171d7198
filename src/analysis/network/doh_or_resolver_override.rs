//! NET-012: names are resolved elsewhere than the engine said.

use bstr::ByteSlice;

use super::super::card::rule;
use super::super::facts::Place;
use super::super::traffic::{endpoint, internet, outbound, program, row, title};
use super::super::vocabulary::{has_name, is_public};
use super::super::words::shown;
use super::super::{Confidence, Evidence, Facts, Finding, Next, Report, Severity, Subject};

rule! {
    /// `/etc/resolv.conf` was written in the container with a name server of its own, or a process asks a public name server
    /// over port 53 or 853, or over HTTPS (1.1.1.1, 8.8.8.8, 9.9.9.9), that the configuration does not name. Name servers
    /// and resolvers themselves are passed over.
    "NET-012", doh_or_resolver_override, version 1, Network, Incubating, Low,
    title: "Names are resolved elsewhere than the engine configured",
    why: "It goes past the name server that filters and logs.",
    benign: ["Name servers, and images that bring a resolver of their own."],
    attack: ["T1071.004"],
    cost: Files,
    tags: ["dns"],
    context: true,
    check: check,
}

const RESOLVERS: [&str; 12] = [
    "named",
    "unbound",
    "dnsmasq",
    "coredns",
    "dnscrypt-proxy",
    "cloudflared",
    "stubby",
    "systemd-resolved",
    "knot-resolver",
    "kresd",
    "pdns_recursor",
    "adguardhome",
];
/// Addresses of public resolvers that answer over HTTPS.
const HTTPS: [&str; 10] = [
    "1.1.1.1",
    "1.0.0.1",
    "8.8.8.8",
    "8.8.4.4",
    "9.9.9.9",
    "149.112.112.112",
    "208.67.222.222",
    "94.140.14.14",
    "2606:4700:4700::1111",
    "2001:4860:4860::8888",
];
/// Most bytes of `resolv.conf` that are read.
const CONFIG_MOST: u64 = 64 << 10;

/// The name servers of `resolv.conf`.
fn servers(text: &[u8]) -> Vec<&[u8]> {
    text.lines()
        .filter(|line| line.trim_start().starts_with(b"nameserver"))
        .filter_map(|line| line.fields().nth(1))
        .collect()
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let mut configured: Vec<Vec<u8>> = Vec::new();
    let files = facts.files();
    for file in files.at(b"/etc/resolv.conf").filter(|file| file.place == Place::Rootfs) {
        if !report.look() {
            return;
        }
        let text = files.head(file, CONFIG_MOST);
        let servers = servers(&text);
        configured.extend(servers.iter().map(|server| server.to_vec()));
        let public =
            servers.iter().find(|server| server.to_str().ok().and_then(|s| s.parse().ok()).is_some_and(is_public));
        if file.engine_noise {
            report.skip();
            continue;
        }
        let Some(server) = public else { continue };
        let mut evidence = Evidence::row("rootfs_changes", [("path", (&file.path).into())]).with_text(*server);
        if let Some((member, offset)) = file.member.as_ref().zip(file.offset) {
            evidence.member = Some(member.clone());
            evidence.member_offset = Some(offset);
        }
        report.add(
            Finding::new(&RULE, Subject::File(file.path.clone()))
                .severity(Severity::Low)
                .confidence(Confidence::Medium)
                .identity([file.path.as_slice(), server])
                .sentence(format!(
                    "/etc/resolv.conf was changed in the container, and names the public name server {}.",
                    shown(server)
                ))
                .benign("An older engine writes the file itself. Compare with the DNS settings of the container.")
                .next(Next::Extract { what: "rootfs", path: Some("/etc/resolv.conf".to_owned()) })
                .evidence(evidence),
        );
    }
    for (process, socket) in internet(facts) {
        let Some((address, port)) = outbound(facts, socket).filter(|(address, _)| is_public(*address)) else {
            continue;
        };
        if !report.look() {
            return;
        }
        let over_https = port == 443 && HTTPS.contains(&address.to_string().as_str());
        let is_dns = matches!(port, 53 | 853);
        let is_resolver = RESOLVERS.iter().any(|name| has_name(process.program.base(), name));
        let is_configured = configured.iter().any(|server| server == address.to_string().as_bytes());
        if !(over_https || is_dns) || is_resolver || is_configured {
            continue;
        }
        let path = program(process);
        let how = if over_https { "over HTTPS" } else { "directly" };
        report.add(
            Finding::new(&RULE, Subject::Process(process.pid()))
                .severity(Severity::Low)
                .confidence(if over_https { Confidence::Low } else { Confidence::Medium })
                .identity([path.clone(), process.name().into(), endpoint(address, port).into()])
                .sentence(format!("{} asks a public name server {how}, {}.", title(process), endpoint(address, port)))
                .benign("The name server may be the one that the host uses. The archive does not say.")
                .next(Next::rows_of("process_open_sockets", process.pid()))
                .evidence(row(socket)),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_servers_are_read_from_the_configuration() {
        let text = b"# x\nsearch a.b\nnameserver 8.8.8.8\n  nameserver 10.0.0.1\noptions ndots:5\n";
        assert_eq!(servers(text), [&b"8.8.8.8"[..], b"10.0.0.1"]);
        assert!(HTTPS.iter().all(|text| is_public(text.parse().unwrap())));
    }
}
