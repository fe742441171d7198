//! CTR-012: root in the container is root on the host.

use super::super::card::rule;
use super::super::{Confidence, Facts, Finding, Next, Report, Severity, Subject};
use super::specification;

rule! {
    /// The first process is root, and there is no user namespace that makes it an ordinary user of the host. Almost every
    /// container is started so; it is information about what an escape would give.
    "CTR-012", no_user_namespace, version 1, Isolation, Stable, Info,
    title: "Root in the container is root on the host",
    why: "A process that gets out of the container is root on the host.",
    benign: ["Almost every container is started so."],
    attack: ["T1611"],
    cost: Free,
    tags: ["hygiene"],
    posture: true,
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let Some(spec) = specification::of(facts, report) else { return };
    let root = facts.init().and_then(|init| init.row.euid).or(spec.uid);
    // A map of all ids to themselves separates nothing.
    let is_separate = !specification::is_hosts(facts, "user")
        && spec.uid_map.first().is_none_or(|(inside, outside, _)| inside != outside);
    if root != Some(0) || spec.namespaces.is_none() || is_separate {
        return;
    }
    report.add(
        Finding::new(&RULE, Subject::Container("user namespace"))
            .severity(Severity::Info)
            .confidence(Confidence::High)
            .identity(["user"])
            .sentence("The first process is root, and the container has no user namespace of its own.")
            .next(Next::rows_where("isolation", "fact", "namespace"))
            .evidence(specification::evidence(facts, "/linux/namespaces"))
            .evidence(specification::evidence(facts, "/process/user")),
    );
}
