//! FS-013: a history of commands that was emptied, or switched off.

use std::sync::OnceLock;

use bstr::{BString, ByteSlice};
use regex_automata::meta::Regex;

use super::super::card::rule;
use super::super::commands::{self, Line};
use super::super::facts::{ChangedFile, Place, ProcessFacts, base};
use super::super::hits::Region;
use super::super::words::{count, shown};
use super::super::{Confidence, Evidence, Facts, Finding, Next, Report, Severity, Subject};
use super::common::{about, everywhere, line, quoted, text, when};
use crate::int::u64_of;
use crate::memory::ShellVariable;
use crate::tables::ShellHistory;

rule! {
    /// A history file of a shell that is a link to `/dev/null`, that was deleted, or that holds the commands with which
    /// people empty it or switch it off; and shells whose environment switches it off, unless the specification of the
    /// container does so, or that were told to at their prompt, by their variables and typed lines in memory. If the same
    /// file also has a line that fetches and runs something, the finding is high.
    "FS-013", history_tampered, version 2, Files, Stable, Medium,
    title: "The history of a shell was emptied or switched off",
    why: "People who have nothing to hide seldom remove what they typed.",
    benign: ["A hardened image: its specification sets the variables."],
    attack: ["T1070.003", "T1562.003"],
    cost: Memory,
    tags: ["antiforensics"],
    regions: [Region::ShellHeap],
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
    let typed: Vec<ShellHistory> = facts.checkpoint().rows().shell_history().collect();
    for process in facts.living().filter(|process| process.is_shell()) {
        if !report.look() {
            return;
        }
        if !environment(facts, process, report) {
            at_prompt(facts, process, &typed, report);
        }
    }
}

pub(super) fn is_history(path: &[u8]) -> bool {
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

/// Whether a line of a shell switches the history off.
pub(super) fn switches_off(line: &[u8]) -> bool {
    wipes(line) == Some("switches the history off")
}

/// What a command does to the history.
fn wipes(line: &[u8]) -> Option<&'static str> {
    static REGEX: OnceLock<Option<Regex>> = OnceLock::new();
    const PATTERNS: [&str; 5] = [
        r"(?:^|[;&|]\s*)(?:unset\s+(?:-v\s+)?HIST(?:FILE|SIZE)\b|set\s+\+o\s+history|export\s+-n\s+HISTFILE)",
        r"\bHIST(?:FILE=(?:/dev/null|\s|$|;)|(?:FILE)?SIZE=0\b)",
        // `-w` alone writes it.
        r"(?:^|[;&|]\s*)history\s+-[anrw]*[cd]",
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

/// Whether the environment of a shell switches its history off, by itself or by the specification.
fn environment(facts: &Facts<'_>, process: &ProcessFacts<'_>, report: &mut Report<'_>) -> bool {
    let Some(env) = process.env() else {
        report.not_checked("the environment of the process is in memory that is not in the archive");
        return false;
    };
    let Some((position, (key, value))) = env.iter().enumerate().find(|(_, (key, value))| is_off(key, value)) else {
        return false;
    };
    if is_declared(facts, key, value) {
        report.skip();
        return true;
    }
    let row = Evidence::row("process_envs", [("pid", process.pid().into()), ("position", u64_of(position).into())])
        .with("key", Some(key))
        .with("value", Some(value));
    report.add(
        of_shell(process)
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
    true
}

/// Whether a variable switches the history off.
fn is_off(key: &[u8], value: &[u8]) -> bool {
    match key {
        b"HISTFILE" => value.is_empty() || value == b"/dev/null",
        b"HISTSIZE" | b"HISTFILESIZE" => value == b"0",
        _ => false,
    }
}

/// Whether the specification of the container sets a variable to this value.
fn is_declared(facts: &Facts<'_>, key: &[u8], value: &[u8]) -> bool {
    let pair = bstr::concat([key, b"=", value]);
    let declared = facts.spec().spec.as_ref().and_then(|spec| spec.env.as_ref());
    declared.is_some_and(|all| all.iter().any(|one| one.as_bytes() == pair))
}

fn of_shell(process: &ProcessFacts<'_>) -> Finding {
    Finding::new(&RULE, Subject::Process(process.pid())).confidence(Confidence::High).identity(process.identity())
}

/// A shell whose history was switched off at its prompt: by its variables as they are now, or by lines in its memory.
fn at_prompt(facts: &Facts<'_>, process: &ProcessFacts<'_>, typed: &[ShellHistory], report: &mut Report<'_>) {
    let pid = process.pid();
    let Some(space) = facts.space(pid) else { return };
    let is_32_bit = process.task.arch().is_some_and(crate::abi::arch::Arch::is_32_bit);
    let variables = space.shell_variables(is_32_bit);
    let own = typed.iter().skip(typed.partition_point(|line| line.pid < pid)).take_while(|line| line.pid == pid);
    let wiping: Vec<(&ShellHistory, &str)> =
        own.clone().filter_map(|line| Some((line, wipes(&line.command)?))).take(8).collect();
    let switched = switched_off(&variables).filter(|off| !is_declared(facts, off.name, &off.variable.value));
    let words = match (&switched, wiping.first()) {
        (Some(off), _) => off.words.clone(),
        (None, Some((line, words))) => format!("a line that was typed is {}, which {words}", quoted(&line.command)),
        (None, None) => return,
    };
    let mut finding = of_shell(process)
        .benign("An administrator's habit: ask who had a shell in this container.")
        .sentence(format!("In {}, {words}.", process.title().replacen("Process", "process", 1)));
    if let Some(off) = &switched {
        let address = off.variable.address;
        finding = finding
            .identity([BString::from(off.name)])
            .evidence(Evidence::memory(facts, pid, address, 16).with_text(bstr::concat([
                &off.variable.name,
                &b"="[..],
                &off.variable.value,
            ])))
            .next(Next::Memory { pid, start: address, end: address.saturating_add(64) });
    }
    for (line, _) in &wiping {
        finding = finding.identity([line.command.clone()]).evidence(
            Evidence::memory(facts, pid, line.address.0, u64_of(line.command.len()))
                .with_text(line.command.as_bytes())
                .with_note("a line that was typed"),
        );
    }
    if own.count() > 0 {
        finding = finding.next(Next::rows_of("shell_history", pid));
    }
    report.add(finding);
}

/// How the variables of a shell switch its history off.
struct Off<'v> {
    name: &'static [u8],
    variable: &'v ShellVariable,
    words: String,
}

/// A bash that reads commands from a person has `histexpand` among its options; it is given `history`, `HISTFILE` and
/// `HISTSIZE` as it starts.
fn switched_off(variables: &[ShellVariable]) -> Option<Off<'_>> {
    let find = |name: &[u8]| variables.iter().find(|variable| variable.name == name);
    let options = find(b"SHELLOPTS")?;
    let has = |option: &[u8]| options.value.split_str(":").any(|one| one == option);
    if !has(b"histexpand") {
        return None;
    }
    for name in [&b"HISTFILE"[..], b"HISTSIZE", b"HISTFILESIZE"] {
        if let Some(variable) = find(name).filter(|variable| is_off(&variable.name, &variable.value)) {
            let (name_shown, value) = (shown(name), shown(&variable.value));
            return Some(Off {
                name,
                variable,
                words: format!("the variable {name_shown} was set to `{value}`, so no history is kept"),
            });
        }
    }
    if !has(b"history") {
        let words = "the option `history` was switched off, so no history is kept".to_owned();
        return Some(Off { name: b"SHELLOPTS", variable: options, words });
    }
    let words = "the variable HISTFILE was unset, so no history is written".to_owned();
    (find(b"HISTFILE").is_none() && find(b"HISTCMD").is_some()).then_some(Off {
        name: b"HISTFILE unset",
        variable: options,
        words,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_a_shell_tell_that_its_history_is_off() {
        let all = |pairs: &[(&str, &str)]| -> Vec<ShellVariable> {
            let one = |(name, value): &(&str, &str)| ShellVariable {
                address: 0,
                name: name.as_bytes().to_vec(),
                value: value.as_bytes().to_vec(),
            };
            pairs.iter().map(one).collect()
        };
        let options = ("SHELLOPTS", "braceexpand:emacs:histexpand:history:monitor");
        let usual = [options, ("HISTCMD", ""), ("HISTFILE", "/root/.bash_history"), ("HISTSIZE", "500")];
        let off = |pairs: &[(&str, &str)]| switched_off(&all(pairs)).map(|off| off.words);
        assert_eq!(off(&usual), None);
        assert_eq!(off(&[]), None);
        assert!(off(&[options, ("HISTCMD", "")]).unwrap().contains("unset"));
        assert!(off(&[options, ("HISTFILE", "/dev/null")]).unwrap().contains("HISTFILE was set"));
        assert!(off(&[usual[0], usual[1], usual[2], ("HISTSIZE", "0")]).unwrap().contains("HISTSIZE"));
        let without = ("SHELLOPTS", "braceexpand:emacs:histexpand:monitor");
        assert!(off(&[without, usual[2]]).unwrap().contains("option"));
        // A script.
        assert_eq!(off(&[("SHELLOPTS", "braceexpand:hashall:interactive-comments")]), None);
    }

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
            "history -cw",
            "history -d 12",
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
            "history -w",
            "history -a; history -w",
        ] {
            assert_eq!(wipes(line.as_bytes()), None, "{line}");
        }
    }
}
