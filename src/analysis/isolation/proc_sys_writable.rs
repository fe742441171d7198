//! CTR-008: settings of the kernel that the container can change.

use super::super::card::rule;
use super::super::words::listed;
use super::super::{Confidence, Facts, Finding, Next, Report, Subject};
use super::specification;
use crate::model::declared::Spec;

rule! {
    /// `/proc/sys` or `/proc/sysrq-trigger` is not read-only, no path of `/proc` is masked, or `/sys` is mounted for
    /// writing. With one of them, root in the container can set `core_pattern` and have the host run a program.
    "CTR-008", proc_sys_writable, version 1, Isolation, Stable, Medium,
    title: "Settings of the kernel are writable in the container",
    why: "Root in the container can change settings that hold for the whole host.",
    benign: ["Containers that run containers ask for unmasked paths."],
    attack: ["T1611"],
    cost: Free,
    tags: ["escape", "hygiene"],
    posture: true,
    check: check,
}

/// Whether `/proc/sys` is not among the read-only paths.
pub(super) fn is_sysctl_writable(spec: &Spec) -> bool {
    let protects = |path: &String| path == "/proc/sys" || path == "/proc";
    !spec.read_only_paths.iter().flatten().chain(spec.masked_paths.iter().flatten()).any(protects)
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let Some(spec) = specification::of(facts, report) else { return };
    if !spec.is_of_linux {
        report.not_checked("the specification has no Linux section");
        return;
    }
    if specification::is_privileged(facts) {
        report.skip();
        return;
    }
    let sysrq = !spec.read_only_paths.iter().flatten().any(|path| path == "/proc/sysrq-trigger" || path == "/proc");
    let unmasked = spec.masked_paths.as_ref().is_none_or(Vec::is_empty);
    let mut parts = Vec::new();
    let mut pointers = Vec::new();
    if is_sysctl_writable(spec) {
        parts.push("/proc/sys is writable");
        pointers.push("/linux/readonlyPaths".to_owned());
    }
    if sysrq {
        parts.push("/proc/sysrq-trigger is writable");
        pointers.push("/linux/readonlyPaths".to_owned());
    }
    if unmasked {
        parts.push("no path is masked");
        pointers.push("/linux/maskedPaths".to_owned());
    }
    if let Some(place) = writable_sysfs(facts) {
        parts.push("/sys is writable");
        pointers.push(format!("/mounts/{place}"));
    }
    if parts.is_empty() {
        return;
    }
    pointers.dedup();
    let mut finding = Finding::new(&RULE, Subject::Container("kernel settings"))
        .confidence(Confidence::High)
        .identity(parts.iter().copied())
        .sentence(format!("In the container {}.", listed(&parts)))
        .benign("It was asked for, as containers are not started so by default: ask what the container needs it for.")
        .next(Next::rows_where("isolation", "fact", "read_only_path"));
    for pointer in pointers {
        finding = finding.evidence(specification::evidence(facts, &pointer));
    }
    report.add(finding);
}

/// The place in `/mounts` of a writable `/sys`.
fn writable_sysfs(facts: &Facts<'_>) -> Option<usize> {
    let mounts = facts.spec().pointer("/mounts")?.as_array()?;
    mounts.iter().position(|mount| {
        let is = |key: &str, value: &str| mount.get(key).and_then(serde_json::Value::as_str) == Some(value);
        let options = mount.get("options").and_then(serde_json::Value::as_array);
        let is_read_only = options.into_iter().flatten().any(|option| option == "ro");
        is("type", "sysfs") && is("destination", "/sys") && !is_read_only
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_only_or_masked_path_protects_the_settings() {
        let with = |paths: &[&str]| Spec {
            read_only_paths: Some(paths.iter().map(ToString::to_string).collect()),
            ..Spec::default()
        };
        assert!(!is_sysctl_writable(&with(&["/proc/bus", "/proc/sys"])));
        assert!(is_sysctl_writable(&with(&["/proc/bus", "/proc/sysrq-trigger"])));
        assert!(is_sysctl_writable(&Spec::default()));
    }
}
