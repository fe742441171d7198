//! MEM-018: a process erased or moved its command line.

use super::super::card::rule;
use super::super::words::shown;
use super::super::{Confidence, Evidence, Fact, Facts, Finding, Next, Report, Severity, Subject};
use super::code::{mapping_at, with_program};
use crate::memory::Text;

rule! {
    /// The place of the command line in memory holds only zeros or blanks, or is no longer on the stack. Daemons write
    /// titles of their own there, which are text: those do not count.
    "MEM-018", argument_area_rewritten, version 1, Memory, Incubating, Low,
    title: "A process erased or moved its command line",
    why: "A process without a command line is easily overlooked in a list of processes.",
    benign: ["A daemon that hides a password that it was given as an argument.", "A tool that restored the process from a checkpoint."],
    attack: ["T1036.011"],
    cost: Free,
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        if !report.look() {
            return;
        }
        let Some(mm) = process.task.mm.as_ref() else {
            report.not_checked("processes without a layout of memory");
            continue;
        };
        let (start, end) = (mm.entry.mm_arg_start(), mm.entry.mm_arg_end());
        let space = facts.checkpoint().kept_memory().space(process.task, facts.model());
        let text = space.map(|space| space.cmdline(facts.checkpoint().limits().argument_bytes));
        let what = match (mapping_at(process, start), &text) {
            (_, None | Some(Text::Cut(_))) => {
                report.not_checked("command lines that are not in the archive");
                continue;
            }
            _ if start >= end => "has no place for a command line",
            (None, _) => "has its command line in no memory",
            (Some(mapping), _) if mapping.kind != "stack" => "moved its command line away from the stack",
            (Some(_), Some(Text::Known(bytes))) if is_blank(bytes) && end.saturating_sub(start) > 1 => {
                "erased its command line"
            }
            _ => continue,
        };
        let mut finding = with_program(facts, process, Finding::new(&RULE, Subject::Process(process.pid())))
            .severity(Severity::Low)
            .confidence(Confidence::Medium)
            .identity([process.program.path.clone().unwrap_or_default(), what.into()])
            .sentence(format!(
                "{} {what}; it runs {}.",
                process.title(),
                shown(process.program.path.as_ref().map_or(&b""[..], |path| path.as_slice()))
            ))
            .next(Next::rows_of("process_envs", process.pid()))
            .evidence(
                Evidence::process(process.pid())
                    .with("arg_start", Some(Fact::Address(start)))
                    .with("arg_end", Some(Fact::Address(end)))
                    .with("path", process.row.path.as_ref()),
            )
            .evidence(
                Evidence::memory(facts, process.pid(), start, end.saturating_sub(start)).with_note("the command line"),
            );
        if let Some(first) = process.var("_") {
            finding = finding.evidence(
                Evidence::row("process_envs", [("pid", process.pid().into()), ("key", "_".into())])
                    .with("value", Some(bstr::BString::from(first)))
                    .with_note("the program as the shell started it"),
            );
        }
        report.add(finding);
    }
}

fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, 0 | b' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_and_zeros_are_nothing() {
        assert!(is_blank(b"\0\0  \0") && is_blank(b"") && !is_blank(b"\0x\0"));
    }
}
