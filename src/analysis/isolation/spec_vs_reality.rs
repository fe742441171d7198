//! CTR-016: what is in the images, but not in the specification.

use bstr::ByteSlice;

use super::super::card::rule;
use super::super::words::shown;
use super::super::{Confidence, Evidence, Facts, Finding, Next, Report, Severity, Subject};
use super::specification;
use crate::model::shown::Shown;

rule! {
    /// The images contradict the specification. A mount that the specification does not ask for was made after the start;
    /// it is medium, and low for a file system in memory or one that a program mounts for itself (FUSE). Capabilities beyond
    /// those of the specification are the matter of PROC-014. Arguments and environment are not compared: programs change
    /// them.
    "CTR-016", spec_vs_reality, version 2, Isolation, Incubating, Medium,
    title: "The container is not as its specification says",
    why: "Somebody mounted something into the running container.",
    benign: ["Programs that may mount use file systems in memory and overlays of their own."],
    attack: ["T1611", "T1564.013"],
    cost: Free,
    tags: ["escape"],
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    if specification::of(facts, report).is_none() {
        return;
    }
    if Shown::of(facts.model()).has_own_namespace("mount") == Some(false) {
        report.not_checked("the container has no mount namespace of its own");
        return;
    }
    for fact in facts.checkpoint().rows().declared().filter(|row| row.fact == "mount") {
        if !report.look() {
            return;
        }
        let Some(path) = fact.item.as_ref().filter(|_| fact.declared.is_none() && fact.equal == Some(false)) else {
            continue;
        };
        let mount = facts.model().mounts().iter().rev().find(|mount| mount.path == path.as_slice());
        let kind = mount.and_then(|mount| mount.file_system.as_ref()).map(|kind| kind.as_bstr());
        // The engine provides these when it restores a container, so it made them.
        if mount.is_some_and(|mount| mount.external) || is_engines(path) {
            report.skip();
            continue;
        }
        let is_light = matches!(
            kind.map(|kind| kind.as_bytes()),
            Some(b"tmpfs" | b"fuse" | b"devpts" | b"mqueue" | b"proc" | b"sysfs" | b"cgroup2" | b"cgroup")
        );
        let is_masking = is_at_sensitive(path);
        let words = kind.map_or_else(String::new, |kind| format!(" ({})", shown(kind)));
        let evidence = Evidence::row("mounts", [("path", path.into())])
            .with("type", mount.and_then(|mount| mount.file_system.as_ref()))
            .with("root", mount.map(|mount| bstr::BString::from(mount.root.as_slice())));
        report.add(
            Finding::new(&RULE, Subject::Mount(path.clone()))
                .severity(if is_light && !is_masking { Severity::Low } else { Severity::Medium })
                .confidence(Confidence::Medium)
                .identity([path.clone()])
                .sentence(format!("{} is a mount{words} that the specification does not ask for.", shown(path)))
                .benign("A program that may mount made it for itself. Ask which, and when.")
                .next(Next::rows_where("mounts", "path", path.to_str_lossy()))
                .evidence(evidence)
                .evidence(specification::evidence(facts, "/mounts")),
        );
    }
}

/// Mounts that runtimes make without a word in the specification.
fn is_engines(path: &[u8]) -> bool {
    ["/proc", "/sys", "/dev"].iter().any(|top| specification::is_at_or_below(path, top)) && !is_over_process(path)
        || matches!(path, b"/etc/resolv.conf" | b"/etc/hosts" | b"/etc/hostname" | b"/run/.containerenv")
        || path.starts_with(b"/run/secrets")
}

/// Mounts over a process are CTR-019, and never the engine's.
fn is_over_process(path: &[u8]) -> bool {
    path.strip_prefix(b"/proc/").and_then(|rest| rest.first()).is_some_and(u8::is_ascii_digit)
}

/// A place where a mount hides or replaces what matters.
fn is_at_sensitive(path: &[u8]) -> bool {
    ["/etc", "/usr", "/bin", "/sbin", "/lib", "/root", "/var/log", "/proc"]
        .iter()
        .any(|top| specification::is_at_or_below(path, top))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_of_runtimes_are_passed_over_but_not_those_over_a_process() {
        for path in ["/proc/kcore", "/sys/firmware", "/dev/pts", "/etc/hosts", "/run/secrets/x"] {
            assert!(is_engines(path.as_bytes()), "{path}");
        }
        for path in ["/proc/17", "/mnt/x", "/usr/bin/ps", "/processes"] {
            assert!(!is_engines(path.as_bytes()), "{path}");
        }
    }
}
