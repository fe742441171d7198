//! NET-013: packets are sent elsewhere.

use bstr::ByteSlice;

use super::super::card::rule;
use super::super::words::shown_within;
use super::super::{Confidence, Evidence, Facts, Finding, Next, Report, Severity, Subject};

rule! {
    /// The firewall of the container's network redirects packets to another port or address (`REDIRECT`, `DNAT`, `TPROXY`).
    /// Chains of service meshes, of Kubernetes and of Docker are passed over, and so is what CRIU adds for the dump. CRIU only
    /// dumps the firewall of a network that no engine made.
    "NET-013", iptables_redirect, version 1, Network, Incubating, Medium,
    title: "The firewall of the container redirects packets",
    why: "Traffic of the service can be read or changed on the way.",
    benign: ["Service meshes and transparent proxies."],
    attack: ["T1562.004", "T1090.001"],
    cost: Free,
    tags: ["firewall"],
    check: check,
}

/// Beginnings of the names of chains that others make.
const KNOWN: [&str; 12] = [
    "ISTIO_",
    "CILIUM_",
    "LINKERD",
    "PROXY_INIT_",
    "KUBE-",
    "DOCKER",
    "NETAVARK",
    "CNI-",
    "cali-",
    "FLANNEL",
    "KUMA_",
    "OLD_CILIUM",
];

/// Whether a rule sends packets elsewhere.
fn is_redirect(rule: &[u8]) -> bool {
    [" REDIRECT", " DNAT", " TPROXY", "redirect to", "dnat to", "dnat ip", "tproxy to"]
        .iter()
        .any(|word| rule.contains_str(word))
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let mut lines = facts.checkpoint().rows().firewall().peekable();
    if lines.peek().is_none() {
        report.not_checked("CRIU did not dump the firewall of the network");
    }
    for line in lines {
        if !report.look() {
            return;
        }
        let chain = line.chain.as_ref().map_or(&b""[..], |chain| chain.as_slice());
        let is_known = KNOWN.iter().any(|start| chain.starts_with(start.as_bytes()) || line.rule.contains_str(start));
        if line.criu || is_known {
            report.skip();
            continue;
        }
        if !is_redirect(&line.rule) {
            continue;
        }
        // iptables-nft shows a rule in both notations.
        let key = [("namespace", line.namespace.0.into()), ("source", line.source.into()), ("line", line.line.into())];
        report.add(
            Finding::new(&RULE, Subject::Container("firewall"))
                .severity(Severity::Medium)
                .confidence(Confidence::High)
                .identity([chain])
                .sentence(format!("A rule of the firewall redirects packets: {}.", shown_within(&line.rule, 120)))
                .benign("A transparent proxy may be set up so. Ask which program listens on the target.")
                .next(Next::table("firewall"))
                .evidence(Evidence::row("firewall", key).with_text(line.rule.clone())),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirections_are_known_in_both_notations() {
        assert!(is_redirect(b"-A OUTPUT -p tcp --dport 80 -j REDIRECT --to-ports 8080"));
        assert!(is_redirect(b"tcp dport 80 redirect to :8080"));
        assert!(is_redirect(b"-A PREROUTING -j DNAT --to-destination 10.0.0.2"));
        assert!(!is_redirect(b"-A INPUT -j ACCEPT") && !is_redirect(b"type nat hook output priority -100;"));
    }
}
