//! CTR-002: namespaces of the host.

use super::super::card::rule;
use super::super::words::listed;
use super::super::{Confidence, Facts, Finding, Next, Report, Severity, Subject};
use super::specification;

rule! {
    /// The container shares namespaces with the host: the specification lists none of the kind, or one of the host's
    /// first process. A namespace that is joined by the path of a pod's sandbox is the pod's, and not meant. With the
    /// host's processes (`pid`), a container can read and control them. With the host's network, it reaches services that
    /// listen on the loopback device of the host. The cgroup namespace is only counted beside another, since engines leave
    /// it to the host with control groups version 1.
    "CTR-002", host_namespace, version 1, Isolation, Stable, Medium,
    title: "The container shares namespaces with the host",
    why: "Processes, network or shared memory of the host are within reach of the container.",
    benign: ["Monitoring, network plug-ins and reverse proxies use the network or the processes of the host."],
    attack: ["T1611"],
    cost: Free,
    tags: ["escape", "hygiene"],
    posture: true,
    check: check,
}

/// The kinds, with the word for a sentence and how bad it is to share one.
const KINDS: [(&str, &str, Severity); 5] = [
    ("pid", "processes", Severity::High),
    ("network", "network", Severity::Medium),
    ("ipc", "shared memory and message queues", Severity::Medium),
    ("uts", "host name", Severity::Low),
    ("cgroup", "control groups", Severity::Info),
];

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let Some(spec) = specification::of(facts, report) else { return };
    if spec.namespaces.is_none() {
        report.not_checked("the specification lists no namespaces");
        return;
    }
    let shared: Vec<_> = KINDS.iter().filter(|(kind, ..)| specification::is_hosts(facts, kind)).collect();
    let worst = shared.iter().map(|(.., severity)| *severity).max();
    let Some(severity) = worst.filter(|severity| *severity >= Severity::Low) else { return };
    let words: Vec<&str> = shared.iter().map(|(_, words, _)| *words).collect();
    report.add(
        Finding::new(&RULE, Subject::Container("namespaces"))
            .severity(severity)
            .confidence(Confidence::High)
            .identity(shared.iter().map(|(kind, ..)| *kind))
            .sentence(format!("The container shares with the host: {}.", listed(&words)))
            .benign("Agents of the node need this. Ask whether this container is one of them.")
            .next(Next::rows_where("isolation", "fact", "namespace"))
            .evidence(specification::evidence(facts, "/linux/namespaces")),
    );
}
