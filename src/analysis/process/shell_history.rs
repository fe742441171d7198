//! PROC-026: what was typed in a shell.

use bstr::ByteSlice;

use super::super::card::rule;
use super::super::facts::ProcessFacts;
use super::super::plan::Region;
use super::super::words::{count, listed, shown_within};
use super::super::{Confidence, Evidence, Facts, Finding, Next, Report, Severity, Subject};
use super::common::{program, row_of};
use super::text::{self, Sign};
use crate::tables::ShellHistory;

rule! {
    /// Lines that a person typed, in the memory of a shell. The table `shell_history` has all of them.
    ///
    /// It is for information, medium if a line fetches something and runs it, reads passwords, asks the metadata service of
    /// the cloud or hides traces, and high if several lines do different things of this kind.
    "PROC-026", shell_history, version 1, Process, Incubating, Info,
    title: "The memory of a shell has lines that somebody typed",
    why: "The lines say what the person at the shell did, also if the shell writes no history.",
    benign: ["An administrator at work: ask who, and compare the times."],
    attack: ["T1059.004"],
    cost: Memory,
    regions: [Region::ShellHeap],
    check: check,
}

/// Lines that are quoted.
const QUOTED: usize = 3;

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let lines: Vec<ShellHistory> = facts.checkpoint().rows().shell_history().collect();
    for shell in facts.living().filter(|process| process.is_shell()) {
        if !report.look() {
            return;
        }
        if facts.space(shell.pid()).is_none() {
            report.not_checked("the memory of a shell is not in the archive");
            continue;
        }
        let from = lines.partition_point(|line| line.pid < shell.pid());
        let own: Vec<&ShellHistory> = lines.iter().skip(from).take_while(|line| line.pid == shell.pid()).collect();
        if !own.is_empty() {
            report.add(finding(facts, shell, &own));
        }
    }
}

fn finding(facts: &Facts<'_>, shell: &ProcessFacts<'_>, lines: &[&ShellHistory]) -> Finding {
    let mut kinds: Vec<Sign> = Vec::new();
    let mut telling: Vec<&ShellHistory> = Vec::new();
    for line in lines {
        let signs = text::signs(&line.command);
        let bad =
            signs.iter().copied().filter(|sign| !matches!(sign, Sign::Survey | Sign::Fetch | Sign::WritablePlace));
        let before = kinds.len();
        for sign in bad {
            if !kinds.contains(&sign) {
                kinds.push(sign);
            }
        }
        if kinds.len() > before {
            telling.push(line);
        }
    }
    let is_expected = facts.is_login(shell) || !facts.is_daemon();
    let severity = match kinds.len() {
        0 => Severity::Info,
        // Somebody who logged in may well install something.
        1 if is_expected => Severity::Low,
        1 => Severity::Medium,
        _ if is_expected => Severity::Medium,
        _ => Severity::High,
    };
    let quoted: Vec<String> = if telling.is_empty() { lines.to_vec() } else { telling.clone() }
        .iter()
        .take(QUOTED)
        .map(|line| format!("`{}`", shown_within(&line.command, 80)))
        .collect();
    let what: Vec<&str> = kinds.iter().map(|kind| kind.words()).collect();
    let mut finding = Finding::new(&RULE, Subject::Process(shell.pid()))
        .severity(severity)
        .confidence(Confidence::High)
        .identity([program(shell), shell.name().into()])
        .identity(telling.iter().map(|line| line.command.clone()))
        .sentence(format!(
            "{} has {} that {} typed, such as {}{}.",
            shell.title(),
            count(lines.len(), "line"),
            if lines.len() == 1 { "was" } else { "were" },
            listed(&quoted),
            if what.is_empty() { String::new() } else { format!("; one {}", listed(&what)) },
        ))
        .next(Next::rows_of("shell_history", shell.pid()))
        .evidence(row_of(shell));
    for line in
        if telling.is_empty() { lines.get(..lines.len().min(QUOTED)).unwrap_or_default().to_vec() } else { telling }
    {
        let length = crate::int::u64_of(line.command.len());
        let mut evidence =
            Evidence::memory(facts, shell.pid(), line.address.0, length).with_text(line.command.as_bytes());
        if let Some(time) = line.time {
            evidence = evidence.with_note(format!("typed at {time}"));
        }
        finding = finding.evidence(evidence);
    }
    finding
}
