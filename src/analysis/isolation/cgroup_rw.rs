//! CTR-011: control groups that the container can change.

use super::super::card::rule;
use super::super::{Confidence, Facts, Finding, Next, Report, Severity, Subject};
use super::specification::{self, has};

rule! {
    /// Control groups are mounted for writing, and they are those of the host: control groups version 1, or version 2
    /// without a cgroup namespace of the container. With version 1 and `SYS_ADMIN`, `release_agent` starts a program on
    /// the host. A writable mount of version 2 in a namespace of the container's own (containers with systemd) is not meant.
    "CTR-011", cgroup_rw, version 1, Isolation, Incubating, Medium,
    title: "The container can change control groups of the host",
    why: "Limits can be lifted, and with control groups version 1 a program can be started on the host.",
    benign: ["Containers with systemd, and those that run containers."],
    attack: ["T1611"],
    cost: Free,
    tags: ["escape", "hygiene"],
    posture: true,
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    if specification::of(facts, report).is_none() {
        return;
    }
    if specification::is_privileged(facts) {
        report.skip();
        return;
    }
    let Some(place) = writable(facts) else { return };
    let model = facts.model();
    let is_of_version = |name: &str| {
        model.mounts().iter().any(|mount| {
            mount.path.starts_with(b"/sys/fs/cgroup") && mount.file_system.as_ref().is_some_and(|own| own == name)
        })
    };
    let (v1, v2) = (is_of_version("cgroup"), is_of_version("cgroup2"));
    if !v1 && !v2 {
        report.not_checked("the mounts of the container are not in the archive");
        return;
    }
    if !v1 && !specification::is_hosts(facts, "cgroup") {
        return;
    }
    let admin = specification::bounding(facts).is_some_and(|set| has(set, "SYS_ADMIN"));
    let severity = if v1 && admin { Severity::High } else { Severity::Medium };
    let version = if v1 { "version 1" } else { "version 2 of the host" };
    let with = if admin { ", and it has SYS_ADMIN" } else { "" };
    report.add(
        Finding::new(&RULE, Subject::Container("control groups"))
            .severity(severity)
            .confidence(Confidence::High)
            .identity([version])
            .sentence(format!("The container may write to control groups {version}{with}."))
            .benign("Containers with systemd are started so. Ask whether this is one.")
            .next(Next::rows_where("mounts", "path", "/sys/fs/cgroup"))
            .evidence(specification::evidence(facts, &format!("/mounts/{place}"))),
    );
}

/// The place in `/mounts` of control groups that can be written.
fn writable(facts: &Facts<'_>) -> Option<usize> {
    let mounts = facts.spec().pointer("/mounts")?.as_array()?;
    mounts.iter().position(|mount| {
        let text = |key: &str| mount.get(key).and_then(serde_json::Value::as_str).unwrap_or_default();
        let options = mount.get("options").and_then(serde_json::Value::as_array);
        let is_read_only = options.into_iter().flatten().any(|option| option == "ro");
        let is_cgroup = matches!(text("type"), "cgroup" | "cgroup2") || text("source").starts_with("/sys/fs/cgroup");
        is_cgroup && !is_read_only
    })
}
