//! CTR-013: set-id programs still work.

use super::super::card::rule;
use super::super::{Confidence, Facts, Finding, Next, Report, Severity, Subject};
use super::specification;

rule! {
    /// The container runs as an ordinary user, but `noNewPrivileges` is off, so a set-id program can still make a process
    /// root. That is the default of engines, and information only.
    "CTR-013", new_privileges_allowed, version 1, Isolation, Stable, Info,
    title: "An ordinary user of the container may gain privileges",
    why: "A set-id program in the image, or one that is dropped, makes a process root.",
    benign: ["It is the default of engines."],
    attack: ["T1548.001"],
    cost: Free,
    tags: ["hygiene"],
    posture: true,
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let Some(spec) = specification::of(facts, report) else { return };
    let Some(uid) = spec.uid.filter(|&uid| uid != 0) else { return };
    if spec.no_new_privs != Some(false) {
        return;
    }
    report.add(
        Finding::new(&RULE, Subject::Container("privileges"))
            .severity(Severity::Info)
            .confidence(Confidence::High)
            .identity(["noNewPrivileges"])
            .sentence(format!("The container runs as user {uid}, and set-id programs can give it more rights."))
            .next(Next::rows_where("isolation", "fact", "no_new_privs"))
            .evidence(specification::evidence(facts, "/process/noNewPrivileges"))
            .evidence(specification::evidence(facts, "/process/user")),
    );
}
