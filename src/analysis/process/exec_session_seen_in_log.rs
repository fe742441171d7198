//! PROC-009: CRIU's log tells of processes that the archive does not have.

use bstr::ByteSlice;

use super::super::card::rule;
use super::super::{Confidence, Evidence, Facts, Finding, Next, Report, Subject};

rule! {
    /// A line of CRIU's log (`dump.log`) about a process in the container's control group that is not below the first
    /// process: a session of `exec`, such as `kubectl exec` or a probe, was open at the moment of the checkpoint. CRIU does
    /// not dump such processes.
    "PROC-009", exec_session_seen_in_log, version 1, Process, Stable, Low,
    title: "An `exec` session was open, and is not in the archive",
    why: "What somebody did in the container at that moment is not in the archive.",
    benign: ["A probe of the orchestrator, or a monitoring agent, ran a command just then.", "An administrator was at work."],
    attack: ["T1609"],
    cost: Files,
    check: check,
}

/// Lines of the log that are looked at.
const LINES_MOST: usize = 2_000_000;

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let logs = facts.checkpoint().logs();
    let mut criu = logs.iter().filter(|log| log.source.as_str() == "criu").peekable();
    if criu.peek().is_none() {
        report.not_checked("the archive has no log of CRIU");
        return;
    }
    for log in criu {
        if !report.look() {
            return;
        }
        for line in log.lines().take(LINES_MOST).filter(|line| is_of_stranger(&line.text)) {
            let evidence =
                Evidence::row("log_lines", [("member", log.member.path.clone().into()), ("line", line.number.into())]);
            report.add(
                Finding::new(&RULE, Subject::Container("exec session"))
                    .confidence(Confidence::High)
                    .identity(["exec session"])
                    .sentence(
                        "CRIU saw processes in the container's control group that are not below its first process, such as \
                         a session of `exec`, and left them out: the archive does not contain them.",
                    )
                    .next(Next::rows_where("log_lines", "source", "criu"))
                    .evidence(evidence.with_text(line.text.clone())),
            );
        }
    }
}

fn is_of_stranger(line: &[u8]) -> bool {
    line.contains_str("nexpected process") || line.contains_str("nprocessed pid") && line.contains_str("freezer")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_about_strange_processes_are_known() {
        assert!(is_of_stranger(b"(00.004) Warn  (criu/seize.c:512): Unexpected process 4242 in freezer cgroup"));
        assert!(!is_of_stranger(b"(00.004) freezing processes: 100000 attempts with 100 ms steps"));
    }
}
