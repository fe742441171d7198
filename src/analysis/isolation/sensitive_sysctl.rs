//! CTR-020: settings of the kernel that the specification changes.

use super::super::card::rule;
use super::super::words::shown;
use super::super::{Confidence, Facts, Finding, Next, Report, Severity, Subject};
use super::specification;

rule! {
    /// The specification changes a setting of the kernel that makes a router of the container, or that is not separate for
    /// each container. Settings that engines change in every container are not meant.
    "CTR-020", sensitive_sysctl, version 1, Isolation, Stable, Info,
    title: "The specification changes a sensitive setting of the kernel",
    why: "A container that forwards packets, or changes settings of the host, is more than a service.",
    benign: ["VPNs, proxies and network plug-ins forward packets."],
    attack: ["T1611"],
    cost: Free,
    tags: ["hygiene"],
    posture: true,
    check: check,
}

/// Whether a setting is sensitive.
fn is_sensitive(name: &str) -> bool {
    let name = name.replace('/', ".");
    // The settings of System V and POSIX objects belong to the IPC namespace.
    let of_ipc = ["kernel.shm", "kernel.msg", "kernel.sem"].iter().any(|start| name.starts_with(start));
    let forwards = name.ends_with(".ip_forward")
        || name.ends_with(".forwarding")
        || name.ends_with(".route_localnet")
        || name.ends_with(".proxy_arp");
    let of_host = ["kernel.", "vm.", "fs.", "user."].iter().any(|start| name.starts_with(start))
        && !name.starts_with("fs.mqueue.")
        && !matches!(name.as_str(), "kernel.domainname" | "kernel.hostname");
    forwards || of_host && !of_ipc
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let Some(spec) = specification::of(facts, report) else { return };
    for (name, value) in &spec.sysctls {
        if !report.look() {
            return;
        }
        if !is_sensitive(name) {
            continue;
        }
        let pointer = format!("/linux/sysctl/{}", name.replace('~', "~0").replace('/', "~1"));
        report.add(
            Finding::new(&RULE, Subject::Container("setting"))
                .severity(Severity::Info)
                .confidence(Confidence::High)
                .identity([name.as_str()])
                .sentence(format!("The specification sets {} to {}.", shown(name.as_bytes()), shown(value.as_bytes())))
                .next(Next::rows_where("isolation", "fact", "sysctl"))
                .evidence(specification::evidence(facts, &pointer)),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_the_container_are_not_sensitive() {
        for name in ["net.ipv4.ip_forward", "kernel.core_pattern", "vm.max_map_count", "net/ipv6/conf/all/forwarding"] {
            assert!(is_sensitive(name), "{name}");
        }
        for name in ["net.ipv4.ping_group_range", "kernel.shmmax", "fs.mqueue.msg_max", "net.core.somaxconn"] {
            assert!(!is_sensitive(name), "{name}");
        }
    }
}
