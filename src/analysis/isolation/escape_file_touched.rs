//! CTR-009: files of the kernel by which a container gets out.

use bstr::{BString, ByteSlice};

use super::super::card::rule;
use super::super::facts::{ProcessFacts, base};
use super::super::words::shown;
use super::super::{Confidence, Evidence, Facts, Finding, Next, Report, Severity, Subject};

rule! {
    /// A process has a file open, or names it in its arguments, through which the kernel starts a program on the host:
    /// `core_pattern`, `release_agent`, `uevent_helper`, `modprobe`, `binfmt_misc/register`, or `devices.allow`. It is
    /// critical if the file is open for writing. A file that is only read is low. A file of the host that starts programs or
    /// lets people in there, such as `/etc/cron.d/…` or `/root/.ssh/authorized_keys`, is high if it is open for writing through
    /// a directory that is mounted. What counts is its path on the host.
    "CTR-009", escape_file_touched, version 3, Isolation, Incubating, High,
    title: "A process touches a file that runs programs on the host",
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

/// A file of the host, in a directory that is mounted, by which programs start or people log in there.
fn of_host(facts: &Facts<'_>, path: &[u8]) -> Option<&'static str> {
    let mount = facts.files().mount_of(path)?;
    let mounts = &facts.model().container().mounts;
    let source = mounts
        .iter()
        .filter(|one| one.destination.trim_end_matches('/').as_bytes() == mount.as_bytes())
        .find_map(|one| one.source.as_deref().filter(|source| source.starts_with('/')))?;
    place_of_host(&on_host(source.as_bytes(), path.strip_prefix(mount.as_bytes())?))
}

/// The path on the host of what is below a mount.
fn on_host(source: &[u8], inner: &[u8]) -> BString {
    let source = source.strip_suffix(b"/").unwrap_or(source);
    bstr::concat([source, inner]).into()
}

/// What a file of the host is, if the host starts programs or lets people in by it. Volumes and roots of other systems have
/// such paths below those of their own.
fn place_of_host(path: &[u8]) -> Option<&'static str> {
    const JOB: &str = "a job of cron of the host";
    const SERVICE: &str = "a service of the host";
    const FOLDERS: [(&str, &str); 14] = [
        ("/etc/cron.d/", JOB),
        ("/etc/cron.hourly/", JOB),
        ("/etc/cron.daily/", JOB),
        ("/etc/cron.weekly/", JOB),
        ("/etc/cron.monthly/", JOB),
        ("/var/spool/cron/", JOB),
        ("/etc/systemd/system/", SERVICE),
        ("/usr/lib/systemd/system/", SERVICE),
        ("/lib/systemd/system/", SERVICE),
        ("/run/systemd/system/", SERVICE),
        ("/etc/profile.d/", "a script of shells of the host"),
        ("/etc/sudoers.d/", "the rules of sudo of the host"),
        ("/etc/pam.d/", "the rules for logins of the host"),
        ("/etc/kubernetes/manifests/", "a pod that the host starts"),
    ];
    const PLACES: [(&str, &str); 8] = [
        ("/etc/crontab", JOB),
        ("/etc/ld.so.preload", "the list of libraries that the host loads into every program"),
        ("/etc/rc.local", "a script that the host starts with"),
        ("/etc/passwd", "the list of users of the host"),
        ("/etc/shadow", "the passwords of the host"),
        ("/etc/sudoers", "the rules of sudo of the host"),
        ("/etc/profile", "a script of shells of the host"),
        ("/root/.bashrc", "a script of shells of the host"),
    ];
    let is_home = || path.starts_with(b"/root/") || path.starts_with(b"/home/");
    let keys = || is_home() && path.ends_with(b"/.ssh/authorized_keys");
    let folder = FOLDERS.iter().find(|(folder, _)| path.starts_with(folder.as_bytes()));
    folder
        .or_else(|| PLACES.iter().find(|(file, _)| file.as_bytes() == path))
        .map(|(_, words)| *words)
        .or_else(|| keys().then_some("the keys for logins at the host"))
}

/// The files that the kernel also has as settings.
const SETTINGS: [(&str, &str); 3] =
    [("core_pattern", "core_pattern"), ("modprobe", "the path of modprobe"), ("hotplug", "the path of hotplug")];

/// The file that an argument of a program writes to: a redirection in a command, the argument of `tee` or `dd`, or a setting that
/// `sysctl` sets.
fn written(called: &[u8], argument: &[u8]) -> Option<&'static str> {
    let by_path = FILES.iter().find(|(end, _)| argument.find_iter(end).any(|at| is_written(called, argument, at)));
    by_path.map(|(_, words)| *words).or_else(|| setting(called, argument))
}

/// Whether the file whose path has a place in an argument is written to.
fn is_written(called: &[u8], argument: &[u8], at: usize) -> bool {
    let before = argument.get(..at).unwrap_or_default();
    // The path begins behind what paths do not have.
    let is_end = |byte: &u8| byte.is_ascii_whitespace() || b">|;&='\"()<`".contains(byte);
    let start = before.iter().rposition(is_end).map_or(0, |place| place.saturating_add(1));
    let before = before.get(..start).unwrap_or_default();
    let plain = before.trim_end_with(|char| char.is_ascii_whitespace() || matches!(char, '\'' | '"'));
    let command = plain.rsplit(|byte| b"|;&\n".contains(byte)).next().unwrap_or_default();
    let runs = |name: &[u8]| base(command.fields().next().unwrap_or_default()) == name;
    // `>|` writes even where the shell was told not to.
    plain.ends_with(b">")
        || plain.ends_with(b">|")
        || before.ends_with(b"of=")
        || runs(b"tee")
        || called == b"tee" && start == 0
}

/// The setting that `sysctl` sets: `kernel.core_pattern=|/tmp/x`.
fn setting(called: &[u8], argument: &[u8]) -> Option<&'static str> {
    let names_sysctl = || argument.fields().any(|word| base(word) == b"sysctl");
    if called != b"sysctl" && !names_sysctl() {
        return None;
    }
    let sets = |name: &str| {
        ["kernel.", "kernel/"].iter().any(|folder| {
            let full = bstr::concat([folder, name]);
            argument.find_iter(&full).any(|at| {
                let rest = argument.get(at.saturating_add(full.len())..).unwrap_or_default();
                rest.trim_ascii_start().starts_with(b"=")
            })
        })
    };
    SETTINGS.iter().find(|(name, _)| sets(name)).map(|(_, words)| *words)
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
            let Some(words) = written(process.called(), argument) else { continue };
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
        let of = |line: &str| written(b"sh", line.as_bytes());
        for line in [
            "echo '|/tmp/x' > /proc/sys/kernel/core_pattern",
            "echo 1 >/tmp/cgrp/x/notify_on_release",
            "cat /proc/sys/kernel/core_pattern; echo x >> \"/proc/sys/kernel/core_pattern\"",
            "echo x | tee -a /proc/sys/kernel/core_pattern",
            "dd if=/x of=/proc/sys/kernel/modprobe",
            "sysctl -w kernel.core_pattern='|/tmp/x'",
            "id; /sbin/sysctl -q kernel/modprobe = /tmp/x",
        ] {
            assert!(of(line).is_some(), "{line}");
        }
        for line in [
            "cat /proc/sys/kernel/core_pattern",
            "/proc/sys/kernel/core_pattern > /tmp/out",
            "x 2>/dev/null; cat /proc/sys/kernel/core_pattern",
            "id | tee /tmp/out; cat /proc/sys/kernel/core_pattern",
            "sysctl kernel.core_pattern",
            "sysctl -n kernel.core_pattern_x=1",
            "podman run --sysctl kernel.core_pattern=x",
        ] {
            assert_eq!(of(line), None, "{line}");
        }
        assert!(written(b"tee", b"/proc/sys/kernel/core_pattern").is_some());
        assert!(written(b"sysctl", b"kernel.core_pattern=|/tmp/x").is_some());
        assert_eq!(written(b"cat", b"/proc/sys/kernel/core_pattern"), None);
    }

    #[test]
    fn files_of_the_host_are_known_by_their_place_there() {
        let of = |source: &str, inner: &str| place_of_host(&on_host(source.as_bytes(), inner.as_bytes()));
        for (source, inner) in [
            ("/", "/etc/cron.d/x"),
            ("/etc", "/cron.d/x"),
            ("/etc/", "/crontab"),
            ("/root", "/.ssh/authorized_keys"),
            ("/home", "/ada/.ssh/authorized_keys"),
            ("/var/spool/cron", "/crontabs/root"),
            ("/etc/shadow", ""),
        ] {
            assert!(of(source, inner).is_some(), "{source} {inner}");
        }
        for (source, inner) in [
            ("/var/lib/containers/storage/volumes/data/_data", "/etc/passwd"),
            ("/srv/rootfs", "/etc/cron.d/x"),
            ("/etc", "/passwd-"),
            ("/etc/nginx", "/nginx.conf"),
        ] {
            assert_eq!(of(source, inner), None, "{source} {inner}");
        }
    }
}
