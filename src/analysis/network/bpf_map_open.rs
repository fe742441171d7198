//! NET-018: maps of programs in the kernel.

use bstr::ByteSlice;

use super::super::card::rule;
use super::super::traffic::program;
use super::super::words::shown;
use super::super::{Confidence, Evidence, Facts, Finding, Next, Report, Severity, Subject};

rule! {
    /// A process has BPF maps open: tables that it shares with programs in the kernel. Names of known rootkits in BPF are
    /// high, others are low. No checkpoint of the corpus but the made ones has such maps, so nothing is known about how noisy
    /// the rule is in service meshes and monitoring; it is experimental.
    "NET-018", bpf_map_open, version 1, Network, Experimental, Low,
    title: "A process has BPF maps open",
    why: "Programs in the kernel can hide processes and read traffic, and take orders through their maps.",
    benign: ["Service meshes, network plug-ins, profilers and monitoring."],
    attack: ["T1014"],
    cost: Free,
    tags: ["rootkit"],
    check: check,
}

/// Parts of names that published rootkits give their maps.
const ROOTKITS: [&str; 9] =
    ["pid_hide", "map_pids", "to_hide", "hidden_", "backdoor", "exec_hijack", "fs_open", "rootkit", "c2_"];

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for map in facts.checkpoint().rows().bpf_maps() {
        if !report.look() {
            return;
        }
        let Some(process) = map.holders.iter().find_map(|holder| facts.process(holder.pid)) else { continue };
        let name = map.name.clone().unwrap_or_default();
        let is_known = ROOTKITS.iter().any(|part| name.contains_str(part));
        report.add(
            Finding::new(&RULE, Subject::Process(process.pid()))
                .severity(if is_known { Severity::High } else { Severity::Low })
                .confidence(if is_known { Confidence::Medium } else { Confidence::Low })
                .identity([program(process), process.name().into()])
                .sentence(format!("{} has the BPF map {} open.", process.title(), shown(&name)))
                .next(Next::table("bpf_maps"))
                .evidence(
                    Evidence::row("bpf_maps", [("map_id", map.map_id.into())])
                        .with("name", map.name.as_ref())
                        .with("type", map.r#type.as_deref())
                        .with("max_entries", map.max_entries),
                ),
        );
    }
}
