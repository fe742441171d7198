//! PROC-024: a process that has a file with credentials open.

use bstr::ByteSlice;

use super::super::card::rule;
use super::super::vocabulary::has_name;
use super::super::words::shown;
use super::super::{Confidence, Evidence, Facts, Finding, Link, Next, Report, Severity, Subject};
use super::common::{arguments, program, row_of, started};

rule! {
    /// A process that has a file with passwords, keys or tokens open, or the memory or environment of another process, and
    /// is not the program that such a file is for. Such files are read in a moment, so an open one is seldom seen.
    "PROC-024", credential_reader, version 1, Process, Incubating, Medium,
    title: "A process has credentials or another's memory open",
    why: "Passwords, keys and tokens are what intruders take along.",
    benign: ["A monitoring agent or a debugger reads the memory of processes.", "A client reads its own token at this very moment."],
    attack: ["T1003.007", "T1003.008", "T1552.001"],
    cost: Free,
    tags: ["credential"],
    check: check,
}

/// Programs that read such files as their work.
const OWNERS: [&str; 22] = [
    "sshd",
    "sshd-session",
    "ssh",
    "ssh-agent",
    "scp",
    "sftp",
    "sudo",
    "su",
    "login",
    "passwd",
    "unix_chkpwd",
    "cron",
    "crond",
    "auth",
    "dovecot",
    "kubelet",
    "useradd",
    "usermod",
    "chpasswd",
    "vsftpd",
    "gdb",
    "strace",
];

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        if !report.look() {
            return;
        }
        if OWNERS.iter().any(|owner| has_name(process.program.base(), owner)) && !process.is_program_suspicious() {
            report.skip();
            continue;
        }
        for file in process.files() {
            let Some(path) = &file.path else { continue };
            let Some((what, severity)) = kind(path, process.pid().0) else { continue };
            let odd = process.is_shell() || process.is_interpreter() || process.is_program_suspicious();
            report.add(
                Finding::new(&RULE, Subject::Process(process.pid()))
                    .severity(if odd { severity } else { severity.lowered() })
                    .confidence(Confidence::Medium)
                    .identity([program(process), arguments(process), what.into()])
                    .sentence(format!("{} has {what} open, {}.", started(process), shown(path)))
                    .next(Next::rows_of("process_open_files", process.pid()))
                    .link(Link::Path(path.clone()))
                    .evidence(row_of(process))
                    .evidence(
                        Evidence::descriptor(process.pid(), file.fd.0)
                            .with("path", Some(path))
                            .with("flags", file.flags.as_deref()),
                    ),
            );
        }
    }
}

/// The files of passwords, with the copies that the tools which change them leave.
const SHADOW: [&str; 4] = ["/etc/shadow", "/etc/gshadow", "/etc/shadow-", "/etc/gshadow-"];

/// What a path holds, and how bad it is that it is open.
fn kind(path: &[u8], own: u32) -> Option<(&'static str, Severity)> {
    if let Some(rest) = path.strip_prefix(b"/proc/") {
        let (pid, file) = rest.split_once_str("/")?;
        let is_other = pid.to_str().ok()?.parse::<u32>().is_ok_and(|pid| pid != own);
        // Each thread of a process has these files, too.
        let of_thread = || file.strip_prefix(b"task/")?.split_once_str("/").map(|(_, file)| file);
        return match of_thread().unwrap_or(file) {
            b"mem" if is_other => Some(("the memory of another process", Severity::Medium)),
            b"environ" if is_other => Some(("the environment of another process", Severity::Medium)),
            _ => None,
        };
    }
    let ends = |end: &str| path.ends_with(end.as_bytes());
    match path {
        b"/proc/kcore" | b"/dev/mem" | b"/dev/kmem" => Some(("the memory of the kernel", Severity::High)),
        // Also below a directory of the host, and the copies that tools make.
        _ if SHADOW.iter().any(|file| ends(file)) && !path.contains_str("/usr/") => {
            Some(("the file of passwords", Severity::Medium))
        }
        _ if path.contains_str("/serviceaccount/") && ends("/token") => {
            Some(("the token of the service account", Severity::Low))
        }
        _ if path.contains_str("/.ssh/id_") && !ends(".pub") => Some(("a private key of SSH", Severity::Medium)),
        _ if ends("/.aws/credentials")
            || ends("/.kube/config")
            || ends("/.docker/config.json")
            || ends("/.git-credentials") =>
        {
            Some(("a file with credentials", Severity::Medium))
        }
        _ if path.starts_with(b"/var/lib/kubelet/") && path.contains_str("pki") => {
            Some(("keys of the node", Severity::High))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_with_credentials_are_known() {
        for path in [
            "/etc/shadow",
            "/proc/7/mem",
            "/proc/7/environ",
            "/root/.ssh/id_ed25519",
            "/host/etc/shadow",
            "/etc/gshadow-",
            "/proc/7/task/8/mem",
            "/home/a/.aws/credentials",
        ] {
            assert!(kind(path.as_bytes(), 1).is_some(), "{path}");
        }
        for path in [
            "/etc/shadowsocks-libev/config.json",
            "/proc/1/task/3/mem",
            "/proc/1/mem",
            "/proc/self/maps",
            "/root/.ssh/id_rsa.pub",
            "/etc/passwd",
            "/proc/meminfo",
            "/proc/7/stat",
        ] {
            assert!(kind(path.as_bytes(), 1).is_none(), "{path}");
        }
    }
}
