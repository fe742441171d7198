//! FS-013: a history of commands that was emptied, or switched off.

use std::sync::OnceLock;

use bstr::ByteSlice;
use regex_automata::meta::Regex;

use super::super::card::rule;
use super::super::commands::{self, Line};
use super::super::facts::{ChangedFile, Place, ProcessFacts, base};
use super::super::words::{count, shown};
use super::super::{Confidence, Evidence, Facts, Finding, Next, Report, Severity, Subject};
use super::common::{about, everywhere, line, quoted, text, when};
use crate::int::u64_of;

rule! {
    /// A history file of a shell that is a link to `/dev/null`, that was deleted, or that holds the commands with which
    /// people empty it or switch it off; and shells whose environment switches it off, unless the specification of the
    /// container does so. If the same file also has a line that fetches and runs something, the finding is high.
    "FS-013", history_tampered, version 1, Files, Stable, Medium,
    title: "The history of a shell was emptied or switched off",
    why: "People who have nothing to hide seldom remove what they typed.",
    benign: ["A hardened image: its specification sets the variables."],
    attack: ["T1070.003", "T1562.003"],
    cost: Files,
    tags: ["antiforensics"],
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for (file, _) in everywhere(facts) {
        if file.engine_noise || !is_history(&file.path) {
            continue;
        }
        if !report.look() {
            return;
        }
        match file.place {
            Place::Deleted if facts.files().is_changed(&file.path) => report.skip(),
            Place::Deleted => report.add(
                about(facts, &RULE, file)
                    .sentence(format!("{}, a history of commands of the image, was deleted.", shown(&file.path))),
            ),
            _ if file.file_type == "symlink" => {
                if file.link.as_ref().is_some_and(|link| link == "/dev/null") {
                    report.add(about(facts, &RULE, file).sentence(format!(
                        "{} is a link to /dev/null, so no history is kept{}.",
                        shown(&file.path),
                        when(facts, file)
                    )));
                }
            }
            _ => contents(facts, file, report),
        }
    }
    for process in facts.living().filter(|process| process.is_shell()) {
        if !report.look() {
            return;
        }
        shell(facts, process, report);
    }
}

fn is_history(path: &[u8]) -> bool {
    const NAMES: [&str; 8] = [
        ".bash_history",
        ".zsh_history",
        ".ash_history",
        ".sh_history",
        ".ksh_history",
        ".history",
        ".zhistory",
        "fish_history",
    ];
    NAMES.iter().any(|name| name.as_bytes() == base(path))
}

fn contents(facts: &Facts<'_>, file: &ChangedFile, report: &mut Report<'_>) {
    let text = text(facts, file, report);
    let all: Vec<(Line<'_>, &str)> =
        commands::lines(&text).filter_map(|line| Some((line, wipes(line.text)?))).take(16).collect();
    let Some((first, words)) = all.first() else {
        report.skip();
        return;
    };
    let dangers: Vec<(Line<'_>, &str)> = commands::lines(&text)
        .filter_map(|line| Some((line, commands::danger(line.text).or_else(|| steals(line.text))?)))
        .take(8)
        .collect();
    let severity = if dangers.is_empty() { Severity::Medium } else { Severity::High };
    let more = match dangers.first() {
        Some((at, words)) => format!("; before or after it, a line {words}: {}", quoted(at.text)),
        None => String::new(),
    };
    let mut finding = about(facts, &RULE, file)
        .severity(severity)
        .benign("An administrator's habit: ask who had a shell in this container.");
    for (at, _) in all.iter().chain(&dangers) {
        finding = finding.evidence(line(facts, file, *at));
    }
    report.add(finding.sentence(format!(
        "{} ({}) has the line {}, which {words}{more}{}.",
        shown(&file.path),
        count(text.lines().count(), "line"),
        quoted(first.text),
        when(facts, file)
    )));
}

/// What a command does to the history.
fn wipes(line: &[u8]) -> Option<&'static str> {
    static REGEX: OnceLock<Option<Regex>> = OnceLock::new();
    const PATTERNS: [&str; 5] = [
        r"(?:^|[;&|]\s*)(?:unset\s+(?:-v\s+)?HIST(?:FILE|SIZE)\b|set\s+\+o\s+history|export\s+-n\s+HISTFILE)",
        r"\bHIST(?:FILE=(?:/dev/null|\s|$|;)|(?:FILE)?SIZE=0\b)",
        r"(?:^|[;&|]\s*)history\s+-[cdw]",
        r"(?:\brm\s|\bshred\s|\bunlink\s|\btruncate\s|\bln\s).*(?:bash|zsh|ash|sh)_history\b",
        r"(?:>\s*|\bcp\s+/dev/null\s+)\S*(?:bash|zsh|ash|sh)_history\b",
    ];
    let regex = REGEX.get_or_init(|| Regex::new_many(&PATTERNS).ok()).as_ref()?;
    let found = regex.find(line)?;
    Some(if found.pattern().as_usize() < 2 { "switches the history off" } else { "empties the history" })
}

/// What else an intruder types.
fn steals(line: &[u8]) -> Option<&'static str> {
    if line.contains_str("169.254.169.254") {
        Some("asks the cloud for credentials")
    } else if line.contains_str("/etc/shadow") {
        Some("reads hashes of passwords")
    } else {
        None
    }
}

/// A shell whose environment switches its history off.
fn shell(facts: &Facts<'_>, process: &ProcessFacts<'_>, report: &mut Report<'_>) {
    let Some(env) = process.env() else {
        report.not_checked("the environment of the process is in memory that is not in the archive");
        return;
    };
    let is_off = |key: &[u8], value: &[u8]| match key {
        b"HISTFILE" => value.is_empty() || value == b"/dev/null",
        b"HISTSIZE" | b"HISTFILESIZE" => value == b"0",
        _ => false,
    };
    let Some((position, (key, value))) = env.iter().enumerate().find(|(_, (key, value))| is_off(key, value)) else {
        return;
    };
    let pair = bstr::concat([key.as_slice(), b"=", value.as_slice()]);
    let declared = facts.spec().spec.as_ref().and_then(|spec| spec.env.as_ref());
    if declared.is_some_and(|all| all.iter().any(|one| one.as_bytes() == pair)) {
        report.skip();
        return;
    }
    let row = Evidence::row("process_envs", [("pid", process.pid().into()), ("position", u64_of(position).into())])
        .with("key", Some(key))
        .with("value", Some(value));
    report.add(
        Finding::new(&RULE, Subject::Process(process.pid()))
            .confidence(Confidence::High)
            .identity(process.identity())
            .identity([key.clone()])
            .next(Next::rows_of("process_envs", process.pid()))
            .evidence(row)
            .sentence(format!(
                "{} keeps no history, by its variable {}={}.",
                process.title(),
                shown(key),
                shown(value)
            )),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_that_empty_the_history() {
        for line in [
            "history -c",
            "unset HISTFILE",
            "export HISTFILE=/dev/null",
            "HISTSIZE=0",
            "set +o history",
            "rm -f ~/.bash_history",
            "> ~/.bash_history",
            "ln -sf /dev/null ~/.bash_history",
            "cat /dev/null > /root/.bash_history && history -c",
        ] {
            assert!(wipes(line.as_bytes()).is_some(), "{line}");
        }
        for line in [
            "history | grep x",
            "cat ~/.bash_history",
            "ls",
            "HISTSIZE=1000",
            "echo history",
            "export HISTFILE=/data/h",
        ] {
            assert_eq!(wipes(line.as_bytes()), None, "{line}");
        }
    }
}
