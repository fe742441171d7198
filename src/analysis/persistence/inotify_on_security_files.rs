//! PERS-003: a process that watches over the files of an attacker, or of a defender.

use bstr::ByteSlice;

use super::super::card::rule;
use super::super::vocabulary::{has_name, is_world_writable};
use super::super::words::shown;
use super::super::{Confidence, Evidence, Facts, Finding, Link, Next, Report, Severity, Subject};

rule! {
    /// A process is told by the kernel (inotify, fanotify) when accounts, keys, scheduled jobs or the preload list change, or
    /// when its own program does. Programs that do this for a living (name service caches, D-Bus, systemd, cron, intrusion
    /// prevention, log shippers) are passed over while they run from their place in the image. A program that runs from
    /// memory or from a place that everyone may write to is medium.
    "PERS-003", inotify_on_security_files, version 1, Persistence, Incubating, Low,
    title: "A process watches files that matter for security",
    why: "It can put back what was removed, or notice that somebody looks.",
    benign: ["Caches, schedulers, intrusion prevention, and programs that read their configuration again."],
    attack: ["T1562.006"],
    cost: Free,
    tags: ["persistence"],
    check: check,
}

const FILES: [&str; 12] = [
    "/etc/passwd",
    "/etc/shadow",
    "/etc/sudoers",
    "/etc/sudoers.d",
    "/etc/ld.so.preload",
    "/etc/crontab",
    "/etc/cron.d",
    "/var/spool/cron",
    "/root/.ssh",
    "/etc/ssh",
    "/etc/pam.d",
    "/etc/systemd/system",
];
const WATCHERS: [&str; 20] = [
    "nscd",
    "nslcd",
    "sssd",
    "sssd_nss",
    "dbus-daemon",
    "dbus-broker",
    "systemd",
    "systemd-logind",
    "accounts-daemon",
    "polkitd",
    "crond",
    "cron",
    "fail2ban-server",
    "fluent-bit",
    "fluentd",
    "filebeat",
    "auditbeat",
    "osqueryd",
    "falco",
    "wazuh-syscheckd",
];

/// Whether a path is one that matters.
fn matters(path: &[u8]) -> bool {
    FILES.iter().any(|file| {
        path == file.as_bytes() || path.strip_prefix(file.as_bytes()).is_some_and(|rest| rest.starts_with(b"/"))
    }) || path.ends_with(b"/authorized_keys")
        || path.ends_with_str("/.ssh")
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let rows = facts.checkpoint().rows();
    let inotify = rows.inotify().map(|watch| (watch.pid, watch.fd, watch.path, "inotify"));
    let fanotify = rows.fanotify().map(|watch| (watch.pid, watch.fd, watch.path, "fanotify"));
    for (pid, fd, path, table) in inotify.chain(fanotify) {
        if !report.look() {
            return;
        }
        let Some(path) = path else {
            report.not_checked("the path of what is watched is not in the archive");
            continue;
        };
        let Some(process) = facts.process(pid) else { continue };
        let program = process.program.path.clone().unwrap_or_default();
        let is_foreign = process.program.memfd || is_world_writable(&program);
        let is_own = is_foreign && (path == program || program.starts_with(path.as_slice()) && path.len() > 4);
        if !matters(&path) && !is_own {
            continue;
        }
        if !is_foreign && WATCHERS.iter().any(|name| has_name(process.program.base(), name)) {
            report.skip();
            continue;
        }
        report.add(
            Finding::new(&RULE, Subject::Process(pid))
                .severity(if is_foreign { Severity::Medium } else { Severity::Low })
                .confidence(Confidence::High)
                .identity([program.clone(), path.clone()])
                .sentence(format!("{} watches {}.", process.title(), shown(&path)))
                .benign("The program may read its configuration again when it changes.")
                .next(Next::rows_of(table, pid))
                .evidence(Evidence::row(table, [("pid", pid.into()), ("fd", fd.0.into())]).with("path", Some(&path)))
                .link(Link::Path(program)),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_below_a_folder_matter_and_those_beside_it_do_not() {
        for path in ["/etc/passwd", "/etc/cron.d/x", "/home/u/.ssh/authorized_keys", "/root/.ssh"] {
            assert!(matters(path.as_bytes()), "{path}");
        }
        for path in ["/etc/passwd-", "/etc/nginx/nginx.conf", "/var/log/syslog", "/etc/sshx"] {
            assert!(!matters(path.as_bytes()), "{path}");
        }
    }
}
