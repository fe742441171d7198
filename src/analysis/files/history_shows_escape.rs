//! FS-036: typed commands that leave the container.

use std::sync::OnceLock;

use bstr::ByteSlice;
use regex_automata::meta::Regex;

use super::super::card::rule;
use super::super::commands::{self, Line};
use super::super::facts::Place;
use super::super::words::{count, listed, shown};
use super::super::{Facts, Report, Severity};
use super::common::{about, everywhere, line, quoted, text, when};
use super::history_tampered::is_history;

rule! {
    /// A history of a shell with commands that lead out of the container: they enter the namespaces of the host's first process, go
    /// through its root, set the program that the kernel of the host runs, mount or open a disk of the host, or start a
    /// privileged container. Two of these kinds are high, one is medium.
    "FS-036", history_shows_escape, version 1, Files, Incubating, Medium,
    title: "Somebody typed commands to get out of the container",
    why: "The history tells what somebody tried. Whether it worked is to be looked for on the host.",
    benign: ["An administrator in a container that is meant for work on its host: its specification gives it all rights."],
    attack: ["T1611"],
    cost: Files,
    tags: ["escape"],
    check: check,
}

/// What commands do, with the pattern that tells it.
const PATTERNS: [(&str, &str); 6] = [
    ("enter the namespaces of the host", r"\bnsenter\b.*(?:-t\s*1\b|--target[= ]1\b)"),
    ("go through the root of the first process", r"/proc/1/(?:root|cwd)\b"),
    (
        "set a program that the kernel of the host runs",
        r"(?:>|\btee\b|sysctl\b.*).*(?:core_pattern|release_agent|uevent_helper|/proc/sys/kernel/modprobe|binfmt_misc/register)",
    ),
    (
        "open a disk of the host",
        r"\b(?:mount|debugfs|dd\s.*if=|fdisk\s+-l)\s*\S*.*?/dev/(?:sd[a-z]|vd[a-z]|xvd[a-z]|nvme\d|mapper/|dm-\d)",
    ),
    ("change to the root of the host", r"\bchroot\s+(?:/host|/mnt|/hostfs|/rootfs)\b"),
    (
        "start a privileged container",
        r"\b(?:docker|podman|nerdctl|ctr|crictl|kubectl)\b.*\brun\b.*(?:--privileged|-v\s*/:/|--pid[= ]host|hostPID)",
    ),
];

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for (file, _) in everywhere(facts) {
        let is_read = file.place != Place::Deleted && file.file_type == "regular" && !file.engine_noise;
        if !is_read || !is_history(&file.path) {
            continue;
        }
        if !report.look() {
            return;
        }
        let text = text(facts, file, report);
        let all: Vec<(Line<'_>, &str)> = commands::lines(&text)
            .flat_map(|line| escapes(line.text).map(move |words| (line, words)))
            .take(16)
            .collect();
        let mut kinds: Vec<&str> = all.iter().map(|(_, words)| *words).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let Some((first, _)) = all.first() else {
            report.skip();
            continue;
        };
        let severity = if kinds.len() > 1 { Severity::High } else { Severity::Medium };
        let mut finding = about(facts, &RULE, file).severity(severity);
        let mut last = 0;
        for (at, _) in &all {
            if at.number != last {
                finding = finding.evidence(line(facts, file, *at));
                last = at.number;
            }
        }
        report.add(finding.sentence(format!(
            "{} ({}) has commands that {}: {}{}.",
            shown(&file.path),
            count(text.lines().count(), "line"),
            listed(&kinds),
            quoted(first.text),
            when(facts, file)
        )));
    }
}

/// What a command does to leave the container.
fn escapes(line: &[u8]) -> impl Iterator<Item = &'static str> {
    static REGEXES: OnceLock<Vec<(&str, Regex)>> = OnceLock::new();
    let make = || {
        let all = PATTERNS.iter().filter_map(|(words, pattern)| Some((*words, Regex::new(pattern).ok()?)));
        all.collect()
    };
    REGEXES.get_or_init(make).iter().filter(move |(_, regex)| regex.is_match(line)).map(|(words, _)| *words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_that_leave_the_container() {
        for line in [
            "nsenter -t 1 -m -u -i -n -p -- sh",
            "nsenter --target 1 --mount",
            "cat /proc/1/root/etc/shadow",
            "echo '|/tmp/x' > /proc/sys/kernel/core_pattern",
            "mount /dev/vda1 /mnt",
            "debugfs -w /dev/sda1",
            "chroot /host bash",
            "docker run -it --privileged -v /:/h alpine",
        ] {
            assert_eq!(escapes(line.as_bytes()).count(), 1, "{line}");
        }
        for line in [
            "cat /proc/sys/kernel/core_pattern",
            "nsenter -t 4211 -n ss",
            "ls /dev/sda",
            "mount -t tmpfs none /mnt",
            "docker run hello-world",
            "cat /proc/1/cmdline",
        ] {
            assert_eq!(escapes(line.as_bytes()).count(), 0, "{line}");
        }
        assert_eq!(PATTERNS.iter().filter(|(_, pattern)| Regex::new(pattern).is_ok()).count(), PATTERNS.len());
    }
}
