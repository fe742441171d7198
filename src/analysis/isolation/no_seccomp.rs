//! CTR-006: no filter of system calls.

use super::super::card::rule;
use super::super::{Confidence, Facts, Finding, Next, Report, Subject};
use super::specification;

rule! {
    /// The container runs without a seccomp filter, or with one that allows everything. That is the default of Kubernetes
    /// without `RuntimeDefault` and of `ctr`, so it is low.
    "CTR-006", no_seccomp, version 1, Isolation, Stable, Low,
    title: "System calls of the container are not filtered",
    why: "Each system call that a container does not need is one more way to attack the kernel.",
    benign: ["Kubernetes sets no filter unless the pod or the kubelet asks for RuntimeDefault."],
    attack: ["T1611"],
    cost: Free,
    tags: ["hygiene"],
    posture: true,
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let Some(spec) = specification::of(facts, report) else { return };
    if specification::is_privileged(facts) {
        report.skip();
        return;
    }
    let allows_all = spec
        .seccomp
        .as_ref()
        .is_some_and(|profile| profile.default_action.as_deref() == Some("SCMP_ACT_ALLOW") && profile.rules == 0);
    match specification::is_filtered(facts) {
        None => {
            report.not_checked("neither the specification nor the images say whether system calls are filtered");
            return;
        }
        Some(true) if !allows_all => return,
        Some(_) => {}
    }
    let sentence = if allows_all {
        "The seccomp profile of the container allows every system call."
    } else {
        "The container has no seccomp filter."
    };
    report.add(
        Finding::new(&RULE, Subject::Container("seccomp"))
            .confidence(Confidence::High)
            .identity(["seccomp"])
            .sentence(sentence)
            .next(Next::rows_where("isolation", "fact", "seccomp"))
            .evidence(specification::evidence(facts, "/linux/seccomp")),
    );
}
