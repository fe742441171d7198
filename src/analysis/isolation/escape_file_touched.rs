//! CTR-009: files of the kernel by which a container gets out.

use bstr::ByteSlice;

use super::super::card::rule;
use super::super::facts::ProcessFacts;
use super::super::words::shown;
use super::super::{Confidence, Evidence, Facts, Finding, Next, Report, Severity, Subject};

rule! {
    /// A process has a file open, or names it in its arguments, through which the kernel starts a program on the host:
    /// `core_pattern`, `release_agent`, `uevent_helper`, `modprobe`, `binfmt_misc/register`, or `devices.allow`. It is
    /// critical if the file is open for writing. A file that is only read is low. A file of a mounted directory of the host
    /// that starts programs or lets people in there, such as `etc/cron.d/…` or `root/.ssh/authorized_keys`, is high if it
    /// is open for writing.
    "CTR-009", escape_file_touched, version 2, Isolation, Incubating, High,
    title: "A process touches a file by which the kernel starts programs on the host",
    why: "A program whose path is written to such a file runs on the host as root.",
    benign: ["Programs that tune a node read or set core_pattern. Tests of security tools write to them."],
    attack: ["T1611"],
    cost: Free,
    tags: ["escape"],
    check: check,
}

/// The files, by the end of their path, and the words for a sentence.
const FILES: [(&str, &str); 9] = [
    ("/sys/kernel/core_pattern", "core_pattern"),
    ("/release_agent", "release_agent"),
    ("/notify_on_release", "notify_on_release"),
    ("/sys/kernel/uevent_helper", "uevent_helper"),
    ("/sys/kernel/modprobe", "the path of modprobe"),
    ("/sys/kernel/hotplug", "the path of hotplug"),
    ("/binfmt_misc/register", "binfmt_misc/register"),
    ("/devices.allow", "devices.allow"),
    ("/proc/sysrq-trigger", "sysrq-trigger"),
];

/// The file that a path is, if it is one.
fn file(path: &[u8]) -> Option<&'static str> {
    let in_kernel = path.starts_with(b"/proc/") || path.contains_str("/sys/") || path.contains_str("cgroup");
    FILES.iter().find(|(end, _)| in_kernel && path.ends_with(end.as_bytes())).map(|(_, words)| *words)
}

/// A file below a bind mount by which programs start, or people log in, where the directory is the root.
fn of_host(facts: &Facts<'_>, path: &[u8]) -> Option<&'static str> {
    const PLACES: [(&str, &str); 13] = [
        ("etc/cron.d/", "a job of cron of the host"),
        ("etc/crontab", "a job of cron of the host"),
        ("var/spool/cron/", "a job of cron of the host"),
        ("etc/systemd/system/", "a service of the host"),
        ("usr/lib/systemd/system/", "a service of the host"),
        ("etc/ld.so.preload", "the list of libraries that the host loads into every program"),
        ("etc/profile.d/", "a script of shells of the host"),
        ("etc/rc.local", "a script that the host starts with"),
        ("root/.ssh/authorized_keys", "the keys for logins at the host"),
        ("etc/passwd", "the list of users of the host"),
        ("etc/shadow", "the passwords of the host"),
        ("etc/sudoers", "the rules of sudo of the host"),
        ("etc/kubernetes/manifests/", "a pod that the host starts"),
    ];
    let mount = facts.files().mount_of(path)?;
    let is_bind = facts.model().container().mounts.iter().any(|one| {
        one.destination.trim_end_matches('/').as_bytes() == mount.as_bytes()
            && one.source.as_deref().is_some_and(|source| source.starts_with('/'))
    });
    let inner = path.strip_prefix(mount.as_bytes())?.strip_prefix(b"/")?;
    PLACES.iter().find(|(place, _)| is_bind && inner.starts_with(place.as_bytes())).map(|(_, words)| *words)
}

/// The file that an argument writes to: a redirection in a command, or the argument of `tee`, `sed -i` or `dd`.
fn written(argument: &[u8]) -> Option<&'static str> {
    let (end, words) = FILES.iter().find(|(end, _)| argument.contains_str(end))?;
    let before = argument.find(end).and_then(|at| argument.get(..at))?;
    let writes = before.contains_str(">") || ["tee ", "of=", "sysctl -w"].iter().any(|word| before.contains_str(word));
    writes.then_some(words)
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        if !report.look() {
            return;
        }
        for open in process.files() {
            let Some(path) = open.path.as_ref() else { continue };
            let names = open.flag_names.as_deref().unwrap_or_default();
            let writes = names.iter().any(|name| matches!(name.as_ref(), "O_WRONLY" | "O_RDWR"));
            if writes && let Some(words) = of_host(facts, path) {
                let evidence = Evidence::descriptor(process.pid(), open.fd.0)
                    .with("path", Some(path))
                    .with("flags", open.flags.clone());
                report.add(found(process, words, Severity::High).evidence(evidence).sentence(format!(
                    "{} has {words}, {}, open for writing.",
                    process.title(),
                    shown(path)
                )));
                continue;
            }
            let Some(words) = file(path) else { continue };
            let (severity, how) =
                if writes { (Severity::Critical, "for writing") } else { (Severity::Low, "for reading") };
            let evidence = Evidence::descriptor(process.pid(), open.fd.0)
                .with("path", Some(path))
                .with("flags", open.flags.clone());
            report.add(found(process, words, severity).evidence(evidence).sentence(format!(
                "{} has {words} open {how}: {}.",
                process.title(),
                shown(path)
            )));
        }
        for argument in process.argv() {
            let Some(words) = written(argument) else { continue };
            let evidence = Evidence::process(process.pid()).with("cmdline", process.row.cmdline.as_ref());
            report.add(found(process, words, Severity::High).evidence(evidence).sentence(format!(
                "The arguments of process {} ({}) write to {words}.",
                process.pid(),
                shown(process.name())
            )));
        }
    }
}

fn found(process: &ProcessFacts<'_>, words: &'static str, severity: Severity) -> Finding {
    let name = process.name().to_vec();
    Finding::new(&RULE, Subject::Process(process.pid()))
        .severity(severity)
        .confidence(Confidence::High)
        .identity([name, words.into()])
        .benign(if severity == Severity::Low {
            "Programs that watch a node read it."
        } else {
            "A program that tunes a node, or a test of a security tool, may do this. Ask who started it."
        })
        .next(Next::rows_of("process_open_files", process.pid()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_place_in_the_kernels_folders() {
        assert_eq!(file(b"/proc/sys/kernel/core_pattern"), Some("core_pattern"));
        assert_eq!(file(b"/sys/fs/cgroup/rdma/release_agent"), Some("release_agent"));
        assert_eq!(file(b"/tmp/cgrp/cgroup/release_agent"), Some("release_agent"));
        assert_eq!(file(b"/srv/docs/release_agent"), None);
        assert_eq!(file(b"/proc/sys/kernel/core_pattern.txt"), None);
    }

    #[test]
    fn arguments_count_only_if_they_write() {
        assert!(written(b"echo '|/tmp/x' > /proc/sys/kernel/core_pattern").is_some());
        assert!(written(b"echo 1 >/tmp/cgrp/x/notify_on_release").is_some());
        assert!(written(b"cat /proc/sys/kernel/core_pattern").is_none());
        assert!(written(b"/proc/sys/kernel/core_pattern > /tmp/out").is_none());
    }
}
