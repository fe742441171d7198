//! PROC-016: a process in other namespaces than its parent.

use super::super::card::rule;
use super::super::facts::ProcessFacts;
use super::super::vocabulary::has_name;
use super::super::words::{listed, shown};
use super::super::{Confidence, Evidence, Facts, Finding, Next, Report, Severity, Subject};
use super::common::{program, row_of};
use crate::images::proto::TaskKobjIdsEntry;

rule! {
    /// A process whose user, mount, network, pid or UTS namespace is not its parent's. It is high if the namespace is the
    /// one that CRIU itself was in, which is the host's, while the first process has another.
    "PROC-016", namespace_change, version 1, Process, Incubating, Medium,
    title: "A process left the namespaces of its parent",
    why: "New namespaces give rights that many faults of the kernel need; those of the host are a way out.",
    benign: ["A sandbox of a browser, a container in the container, or a service that isolates itself."],
    attack: ["T1611"],
    cost: Free,
    tags: ["escape"],
    check: check,
}

/// Programs that make namespaces for themselves or for others.
const SANDBOXES: [&str; 24] = [
    "chrome",
    "chromium",
    "chromium-browser",
    "chrome-headless-shell",
    "chrome-sandbox",
    "msedge",
    "brave",
    "electron",
    "chrome_crashpad",
    "headless_shell",
    "bwrap",
    "firefox",
    "podman",
    "conmon",
    "crun",
    "runc",
    "containerd",
    "dockerd",
    "systemd",
    "buildkitd",
    "buildah",
    "firejail",
    "nsjail",
    "chronyd",
];

type Field = fn(&TaskKobjIdsEntry) -> Option<u32>;
const KINDS: [(&str, Field); 6] = [
    ("user", |ids| ids.user_ns_id),
    ("mnt", |ids| ids.mnt_ns_id),
    ("net", |ids| ids.net_ns_id),
    ("pid", |ids| ids.pid_ns_id),
    ("uts", |ids| ids.uts_ns_id),
    ("ipc", |ids| ids.ipc_ns_id),
];

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let model = facts.model();
    let Some(init) = facts.init() else { return };
    for process in facts.living().filter(|process| process.pid() != init.pid()) {
        let parent = facts.parent(process).filter(|parent| !parent.is_zombie()).unwrap_or(init);
        let (Some(own), Some(above)) = (&process.task.ids, &parent.task.ids) else {
            report.not_checked("the namespaces of a process are not recorded");
            continue;
        };
        if !report.look() {
            return;
        }
        let differs =
            |(_, field): &(&str, Field)| field(own).is_some() && field(above).is_some() && field(own) != field(above);
        let changed: Vec<&str> = KINDS.iter().filter(|kind| differs(kind)).map(|(kind, _)| *kind).collect();
        if changed.is_empty() {
            continue;
        }
        let is_hosts = |kind: &&&str| {
            crate::model::namespaces::is_shared(model, process.task, kind) == Some(true)
                && crate::model::namespaces::is_shared(model, init.task, kind) == Some(false)
        };
        let hosts: Vec<&str> = changed.iter().filter(is_hosts).copied().collect();
        let is_usual = |process: &ProcessFacts<'_>| SANDBOXES.iter().any(|name| has_name(process.program.base(), name));
        let severity = match () {
            () if !hosts.is_empty() => Severity::High,
            () if is_usual(process) || is_usual(parent) => Severity::Info,
            () => Severity::Medium,
        };
        report.add(
            Finding::new(&RULE, Subject::Process(process.pid()))
                .severity(severity)
                .confidence(Confidence::High)
                .identity([program(process), process.name().into(), changed.join(" ").into()])
                .sentence(format!(
                    "{} has another {} namespace than its parent, process {} ({}){}.",
                    process.title(),
                    listed(&changed),
                    parent.pid(),
                    shown(parent.name()),
                    if hosts.is_empty() { String::new() } else { format!("; {} is the host's", listed(&hosts)) },
                ))
                .next(Next::rows_of("process_namespaces", process.pid()))
                .evidence(row_of(process))
                .evidence(Evidence::row("process_namespaces", [("pid", process.pid().into())])),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_known_by_each_of_their_names() {
        for name in ["chrome", "chrome-headless-shell", "chromium-browser", "msedge", "headless_shell"] {
            assert!(SANDBOXES.iter().any(|known| has_name(name.as_bytes(), known)), "{name}");
        }
        assert!(!SANDBOXES.iter().any(|known| has_name(b"unshare", known)));
    }
}
