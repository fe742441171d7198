//! PROC-030: a process with a root or a current directory outside the container's.

use bstr::{BString, ByteSlice};

use super::super::card::rule;
use super::super::facts::ProcessFacts;
use super::super::isolation::specification::host_mounts;
use super::super::vocabulary::{has_name, is_hidden, is_world_writable};
use super::super::words::shown;
use super::super::{Confidence, Evidence, Facts, Finding, Next, Report, Severity, Subject};
use super::common::{program, row_of};

rule! {
    /// A process whose root directory is not the first process's, or whose current directory is a descriptor
    /// (`/proc/self/fd/8`) or lies outside every mount of the container; or a specification that starts the container in
    /// such a directory. This is how a leaked descriptor of the runtime leads to the host (CVE-2024-21626).
    ///
    /// Services that lock themselves into a directory of the container are information. Another program whose root is a directory
    /// that the host shares with the container is high: `chroot /host` turns such a directory into the host's own system.
    "PROC-030", outside_root_or_cwd, version 1, Process, Incubating, Medium,
    title: "A process's root or directory lies outside the container",
    why: "A directory of the host that a process keeps open is a way out of the container.",
    benign: ["A service that locks itself into a directory: mail servers, name servers, sshd."],
    attack: ["T1611"],
    cost: Free,
    tags: ["escape"],
    check: check,
}

/// Services that lock themselves into a directory.
const JAILED: [&str; 24] = [
    "sshd",
    "sshd-session",
    "named",
    "unbound",
    "nsd",
    "haproxy",
    "vsftpd",
    "proftpd",
    "dovecot",
    "imap-login",
    "pop3-login",
    "anvil",
    "ntpd",
    "openntpd",
    "chronyd",
    "dhcpd",
    "nginx",
    "php-fpm",
    "apache2",
    "httpd",
    "tor",
    "dnsmasq",
    "rpcbind",
    "master",
];

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let Some(init) = facts.init() else { return };
    let spec = facts.spec();
    if let Some(cwd) =
        spec.spec.as_ref().and_then(|spec| spec.cwd.as_deref()).filter(|cwd| is_descriptor(cwd.as_bytes()))
    {
        report.add(
            Finding::new(&RULE, Subject::Container("cwd"))
                .severity(Severity::Critical)
                .confidence(Confidence::High)
                .identity(["specification"])
                .sentence(format!(
                    "The specification starts the container in the directory {}, a descriptor of the runtime.",
                    shown(cwd.as_bytes())
                ))
                .next(Next::table("declared"))
                .evidence(Evidence::json(spec.member.clone().unwrap_or_default(), "/process/cwd", cwd)),
        );
    }
    for process in facts.living() {
        let (Some(root), Some(cwd)) = (&process.row.root, &process.row.cwd) else {
            report.not_checked("the directories of a process are not recorded");
            continue;
        };
        if !report.look() {
            return;
        }
        let is_hosts = is_of_host(facts, root);
        if let Some((severity, what, path)) = judge(process, init.row.root.as_ref(), root, cwd, is_hosts) {
            report.add(
                Finding::new(&RULE, Subject::Process(process.pid()))
                    .severity(severity)
                    .confidence(Confidence::Medium)
                    .identity([
                        if severity == Severity::Info { BString::default() } else { program(process) },
                        path.clone(),
                    ])
                    .sentence(format!("{} has {what}, {}.", process.title(), shown(&path)))
                    .next(Next::rows_of("processes", process.pid()))
                    .evidence(row_of(process).with("root", Some(root)).with("cwd", Some(cwd))),
            );
        }
    }
}

fn judge(
    process: &ProcessFacts<'_>,
    first: Option<&BString>,
    root: &BString,
    cwd: &BString,
    is_hosts: bool,
) -> Option<(Severity, &'static str, BString)> {
    if is_descriptor(cwd) || cwd.starts_with(b"(unreachable)") {
        return Some((Severity::High, "a current directory that is outside the container", cwd.clone()));
    }
    if first == Some(root) || root == "/" {
        return None;
    }
    let is_jailed = JAILED.iter().any(|name| has_name(process.program.base(), name))
        || program(process).contains_str("/postfix/")
        || program(process).contains_str("/dovecot/");
    let is_usual =
        [b"/var/empty".as_slice(), b"/run/sshd", b"/var/spool/", b"/var/lib/", b"/usr/share/empty", b"/run/"]
            .iter()
            .any(|place| root.starts_with(place));
    let severity = match () {
        () if is_world_writable(root) || is_hidden(root) || root.starts_with(b"/proc/") => Severity::High,
        () if is_jailed => Severity::Info,
        () if is_hosts => Severity::High,
        () if is_usual => Severity::Info,
        () if process.is_shell() || process.is_interpreter() => Severity::Medium,
        () => Severity::Low,
    };
    let what = if is_hosts {
        "another root directory than the first process, a directory of the host"
    } else {
        "another root directory than the first process"
    };
    Some((severity, what, root.clone()))
}

/// Whether a path lies in a directory that the host shares with the container.
fn is_of_host(facts: &Facts<'_>, path: &[u8]) -> bool {
    host_mounts(facts).any(|mount| {
        let rest = path.strip_prefix(mount.destination.trim_end_matches('/').as_bytes());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    })
}

/// Whether a path is a descriptor.
fn is_descriptor(path: &[u8]) -> bool {
    path.strip_prefix(b"/proc/").is_some_and(|rest| rest.contains_str("/fd/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_that_are_descriptors_are_known() {
        assert!(is_descriptor(b"/proc/self/fd/8") && is_descriptor(b"/proc/7/fd/8/../.."));
        assert!(!is_descriptor(b"/proc/self") && !is_descriptor(b"/srv/fd/8"));
    }
}
