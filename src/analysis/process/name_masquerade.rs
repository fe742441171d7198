//! PROC-001: a process that calls itself like another, well-known program.

use bstr::{BStr, ByteSlice};

use super::super::card::rule;
use super::super::facts::{Invocation, ProcessFacts, base};
use super::super::words::shown;
use super::super::{Confidence, Facts, Finding, Link, Next, Report, Severity, Subject};
use super::common::{program, row_of};

rule! {
    /// A process whose name (comm) or first argument is that of a well-known daemon (`sshd`, `cron`, `systemd`, `nginx`, …)
    /// while its program is another one. A process can set both at will; the path of its program comes from the kernel.
    ///
    /// Also a program that was added to the container and is called nearly like a daemon of the system: `auditd2`,
    /// `systemd-udevd1`, `sshd_`.
    ///
    /// Scripts that are called so, programs of one package (`redis-server` is `redis-check-rdb` under another name),
    /// `mariadbd` as `mysqld`, and programs of many names such as busybox are passed over.
    "PROC-001", name_masquerade, version 2, Process, Stable, Medium,
    title: "A process poses as another program",
    why: "The name of a daemon makes a program look as if it belonged there. The path of the program tells what it is.",
    benign: [
        "A link or a copy of the program under another name: compare the file with that of the image.",
        "Somebody started it with `exec -a`."
    ],
    attack: ["T1036.005", "T1036.004"],
    cost: Free,
    check: check,
}

/// Daemons whose names are borrowed.
const KNOWN: [&str; 41] = [
    "sshd",
    "sshd-session",
    "cron",
    "crond",
    "atd",
    "systemd",
    "systemd-journald",
    "systemd-logind",
    "systemd-networkd",
    "systemd-resolved",
    "systemd-udevd",
    "udevd",
    "dbus-daemon",
    "rsyslogd",
    "syslogd",
    "syslog-ng",
    "auditd",
    "polkitd",
    "chronyd",
    "ntpd",
    "agetty",
    "getty",
    "login",
    "init",
    "nginx",
    "apache2",
    "httpd",
    "lighttpd",
    "mysqld",
    "mariadbd",
    "postgres",
    "redis-server",
    "memcached",
    "dockerd",
    "containerd",
    "containerd-shim",
    "kubelet",
    "kube-proxy",
    "php-fpm",
    "named",
    "dnsmasq",
];

/// Pairs of names of the same program.
const ALIASES: [(&str, &str); 6] = [
    ("mysqld", "mariadbd"),
    ("httpd", "apache2"),
    ("init", "systemd"),
    ("getty", "agetty"),
    ("redis-server", "valkey-server"),
    ("postgres", "postmaster"),
];

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        if process.program.path.is_none() || process.row.argv.is_none() && process.row.name.is_none() {
            report.not_checked("the names or the program of a process are not recorded");
            continue;
        }
        if !report.look() {
            return;
        }
        let Some(claimed) = claimed(process) else {
            if let Some(known) = resembled(process.program.base()).filter(|_| facts.is_program_new(process)) {
                report.add(lookalike(process, known));
            }
            continue;
        };
        let both = process.name() == claimed && title_of(process) == claimed;
        let (severity, confidence) = match () {
            () if process.is_program_suspicious() || process.program.deleted => (Severity::High, Confidence::High),
            () if both && (process.is_interpreter() || process.is_shell()) => (Severity::High, Confidence::High),
            // A program in the arguments that gave itself another name.
            () if process.name() == claimed && process.is_interpreter() && process.inline().is_some() => {
                (Severity::High, Confidence::High)
            }
            () if both => (Severity::Medium, Confidence::Medium),
            () => (Severity::Low, Confidence::Low),
        };
        let path = program(process);
        report.add(
            Finding::new(&RULE, Subject::Process(process.pid()))
                .severity(severity)
                .confidence(confidence)
                .identity([path.clone(), claimed.into()])
                .sentence(format!(
                    "Process {} calls itself {}, but runs {}{}.",
                    process.pid(),
                    shown(claimed),
                    if process.program.memfd { "a file that exists only in memory, " } else { "" },
                    shown(&path)
                ))
                .next(Next::rows_of("process_memory_map", process.pid()))
                .link(Link::Path(path))
                .evidence(row_of(process)),
        );
    }
}

/// The program that a process calls itself by its first argument: `sshd` of `sshd: root [priv]`.
fn title_of<'p>(process: &'p ProcessFacts<'_>) -> &'p BStr {
    let first = process.argv().first().map(|first| first.as_slice()).unwrap_or_default();
    title(first).as_bstr()
}

fn title(first: &[u8]) -> &[u8] {
    let first = first.strip_prefix(b"-").unwrap_or(first);
    let word = first.split(|&byte| matches!(byte, b' ' | b':')).next().unwrap_or(first);
    base(word)
}

/// The daemon that a process claims to be and is not.
fn claimed<'p>(process: &'p ProcessFacts<'_>) -> Option<&'p BStr> {
    let own = process.program.base();
    if matches!(own.as_bytes(), b"busybox" | b"toybox" | b"coreutils" | b"systemd" | b"init") {
        return None;
    }
    let found = [process.name(), title_of(process)].into_iter().find(|name| is_known(name) && !is_same(name, own))?;
    // A script is called by its own name.
    let script = match process.invocation() {
        Some(Invocation::Script(path)) => base(&path) == found.as_bytes() || title(base(&path)) == found.as_bytes(),
        _ => false,
    };
    (!script).then_some(found)
}

/// Daemons of the system whose packages have no other versions of them by their side.
const SYSTEM: [&str; 22] = [
    "sshd",
    "cron",
    "crond",
    "atd",
    "systemd",
    "systemd-journald",
    "systemd-logind",
    "systemd-networkd",
    "systemd-resolved",
    "systemd-udevd",
    "udevd",
    "dbus-daemon",
    "rsyslogd",
    "syslogd",
    "auditd",
    "polkitd",
    "chronyd",
    "ntpd",
    "agetty",
    "dockerd",
    "containerd",
    "kubelet",
];

/// The daemon of the system that a name resembles: with one or two signs more, or, for long names, one letter less or
/// another.
fn resembled(name: &[u8]) -> Option<&'static str> {
    if SYSTEM.iter().any(|known| known.as_bytes() == name) {
        return None;
    }
    SYSTEM.into_iter().find(|known| {
        let known = known.as_bytes();
        let more = name.strip_prefix(known).or_else(|| name.strip_suffix(known));
        let is_sign = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'_' | b'-' | b'.' | b' ');
        let with_signs = known.len() >= 4 && more.is_some_and(|more| more.len() <= 2 && more.iter().all(is_sign));
        // Packages are called like their daemons, without the last letter.
        let is_package = known.strip_suffix(b"d") == Some(name);
        with_signs || known.len() >= 6 && !is_package && differs_once(known, name)
    })
}

/// Whether two words differ in one letter: another, one more, or one less.
fn differs_once(one: &[u8], other: &[u8]) -> bool {
    let same = one.iter().zip(other).take_while(|(one, other)| one == other).count();
    let rest = |word: &'_ [u8], skip: usize| word.get(same.saturating_add(skip)..).map(<[u8]>::to_vec);
    match one.len().cmp(&other.len()) {
        std::cmp::Ordering::Equal => same < one.len() && rest(one, 1) == rest(other, 1),
        std::cmp::Ordering::Less => rest(one, 0) == rest(other, 1),
        std::cmp::Ordering::Greater => rest(one, 1) == rest(other, 0),
    }
}

fn lookalike(process: &ProcessFacts<'_>, known: &str) -> Finding {
    let path = program(process);
    Finding::new(&RULE, Subject::Process(process.pid()))
        .severity(Severity::Medium)
        .confidence(Confidence::Medium)
        .identity([path.clone(), known.into()])
        .benign("A second version of the daemon that somebody put beside the first: compare the file with that of its package.")
        .sentence(format!(
            "Process {} runs {}, which was added to the container and is called nearly like {known}.",
            process.pid(),
            shown(&path)
        ))
        .next(Next::rows_of("process_memory_map", process.pid()))
        .link(Link::Path(path))
        .evidence(row_of(process))
}

fn is_known(name: &[u8]) -> bool {
    KNOWN.iter().any(|known| known.as_bytes() == name)
}

/// Whether two names belong to one program: one is part of the other, they are of one package, or are known to be the same.
fn is_same(claimed: &[u8], own: &[u8]) -> bool {
    let stem = |name: &[u8]| name.split(|&byte| byte == b'-').next().map(<[u8]>::to_vec).unwrap_or_default();
    let is_part = !own.is_empty() && (own.contains_str(claimed) || own.len() >= 3 && claimed.contains_str(own));
    let is_package = claimed.contains(&b'-') && stem(claimed) == stem(own) && stem(claimed).len() >= 4;
    let alias = |(one, other): &(&str, &str)| {
        let pair = [one.as_bytes(), other.as_bytes()];
        pair.contains(&claimed) && pair.iter().any(|name| own.starts_with(name))
    };
    is_part || is_package || ALIASES.iter().any(alias)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_resemble_daemons() {
        for (name, known) in [
            ("auditd2", "auditd"),
            ("systemd-udevd1", "systemd-udevd"),
            ("sshd_", "sshd"),
            ("kubelett", "kubelet"),
            ("contianerd", ""),
            ("dbus-deamon", ""),
            ("rsyslog", ""),
            ("rsyslod", "rsyslogd"),
            ("cron", ""),
            ("crond", ""),
            ("crony", ""),
            ("sshd-session", ""),
            ("containerd-shim", ""),
            ("systemctl", ""),
        ] {
            assert_eq!(resembled(name.as_bytes()).unwrap_or_default(), known, "{name}");
        }
    }

    #[test]
    fn titles_name_the_program() {
        assert_eq!(title(b"sshd: root [priv]"), b"sshd");
        assert_eq!(title(b"/usr/sbin/cron -f"), b"cron");
        assert_eq!(title(b"-bash"), b"bash");
    }

    #[test]
    fn programs_of_one_package_are_the_same() {
        for (claimed, own) in [
            ("redis-server", "redis-check-rdb"),
            ("sshd", "sshd-session"),
            ("mysqld", "mariadbd"),
            ("php-fpm", "php-fpm8.4"),
            ("httpd", "apache2"),
            ("nginx", "nginx-debug"),
            ("postgres", "edb-postgres"),
        ] {
            assert!(is_same(claimed.as_bytes(), own.as_bytes()), "{claimed} {own}");
        }
        for (claimed, own) in
            [("sshd", "perl"), ("sshd", ""), ("cron", "sleep"), ("systemd", "xmrig"), ("nginx", "dash")]
        {
            assert!(!is_same(claimed.as_bytes(), own.as_bytes()), "{claimed} {own}");
        }
    }
}
