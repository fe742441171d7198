//! CTR-015: mounts of the container that appear on the host.

use super::super::card::rule;
use super::super::words::shown;
use super::super::{Confidence, Facts, Finding, Next, Report, Severity, Subject};
use super::specification;

rule! {
    /// A directory of the host is mounted with shared propagation: what the container mounts below it appears on the host.
    /// That needs `SYS_ADMIN`; without it, the finding is low.
    "CTR-015", propagation_shared, version 1, Isolation, Incubating, Medium,
    title: "Mounts of the container appear on the host",
    why: "The container can put a file system of its own over a directory of the host.",
    benign: ["Storage plug-ins mount volumes for other containers so."],
    attack: ["T1611"],
    cost: Free,
    tags: ["hygiene"],
    posture: true,
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    if specification::of(facts, report).is_none() {
        return;
    }
    let admin = specification::bounding(facts).is_some_and(|set| specification::has(set, "SYS_ADMIN"));
    for mount in specification::host_mounts(facts) {
        if !report.look() {
            return;
        }
        if !mount.options.iter().any(|option| matches!(*option, "shared" | "rshared")) {
            continue;
        }
        report.add(
            Finding::new(&RULE, Subject::Mount(mount.destination.into()))
                .severity(if admin { Severity::Medium } else { Severity::Low })
                .confidence(Confidence::High)
                .identity([mount.source, mount.destination])
                .sentence(format!(
                    "{} of the host is mounted at {} with shared propagation.",
                    shown(mount.source.as_bytes()),
                    shown(mount.destination.as_bytes())
                ))
                .next(Next::rows_where("mounts", "path", mount.destination))
                .evidence(specification::evidence(facts, &mount.pointer())),
        );
    }
}
