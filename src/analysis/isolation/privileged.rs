//! CTR-001: a privileged container.

use super::super::card::rule;
use super::super::words::listed;
use super::super::{Confidence, Facts, Finding, Next, Report, Subject};
use super::specification;

rule! {
    /// The container is privileged: it has all capabilities and no filter of system calls, its kernel paths are not
    /// masked, or it may use all devices. The engine may say so itself (Podman), or the specification shows it. Then the
    /// facts by themselves are part of this finding, and CTR-005, CTR-006, CTR-008, CTR-010 and CTR-011 say nothing.
    "CTR-001", privileged, version 1, Isolation, Stable, High,
    title: "The container is privileged",
    why: "Whoever controls a process of a privileged container controls the host.",
    benign: [
        "Agents of the node (network and storage plug-ins, monitoring) and containers that build or run containers.",
    ],
    attack: ["T1611", "T1610"],
    cost: Free,
    tags: ["escape", "hygiene"],
    posture: true,
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    if specification::of(facts, report).is_none() || !specification::is_privileged(facts) {
        return;
    }
    let parts = specification::privileges(facts);
    let words: Vec<&str> = parts.iter().map(|(words, _)| *words).collect();
    let said = facts.spec().privileged == Some(true);
    let sentence = match (said, words.is_empty()) {
        (true, true) => "The engine recorded the container as privileged.".to_owned(),
        (true, false) => format!("The engine recorded the container as privileged: it has {}.", listed(&words)),
        (false, _) => format!("The container is privileged: it has {}.", listed(&words)),
    };
    let namespace = facts.checkpoint().rows().container().namespace;
    let benign = if namespace.as_deref() == Some("kube-system") {
        "It is in the namespace kube-system, where agents of the node run. Ask whether this image is one of them."
    } else {
        "Agents of the node and containers that build containers need it. Ask who deployed this one, and what it is for."
    };
    let mut finding = Finding::new(&RULE, Subject::Container("privileged"))
        .confidence(if said || words.len() >= 3 { Confidence::High } else { Confidence::Medium })
        .identity(["privileged"])
        .sentence(sentence)
        .benign(benign)
        .next(Next::table("isolation"));
    for (_, pointer) in parts {
        finding = finding.evidence(specification::evidence(facts, pointer));
    }
    if finding.evidence.is_empty() {
        finding = finding.evidence(
            super::super::Evidence::row("isolation", [("fact", "privileged".into())]).with("value", Some("yes")),
        );
    }
    report.add(finding);
}
