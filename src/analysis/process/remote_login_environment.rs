//! PROC-027: the environment tells who logged in from where.

use bstr::{BStr, ByteSlice};

use super::super::card::rule;
use super::super::facts::ProcessFacts;
use super::super::words::{listed, shown};
use super::super::{Confidence, Evidence, Facts, Finding, Next, Report, Subject};

rule! {
    /// Variables that a login leaves in the environment: `SSH_CLIENT`, `SSH_CONNECTION`, `SSH_TTY`, `SUDO_USER`,
    /// `KUBECTL_…`. They name the address or the account of a person. Processes with the same values are one finding.
    "PROC-027", remote_login_environment, version 1, Process, Incubating, Info,
    title: "A process's environment names who logged in, and from where",
    why: "It is the address or the account of whoever started the process.",
    benign: ["An administrator logged in."],
    attack: ["T1021.004"],
    cost: Free,
    check: check,
}

const VARIABLES: [&str; 6] =
    ["SSH_CLIENT", "SSH_CONNECTION", "SSH_TTY", "SUDO_USER", "SUDO_COMMAND", "KUBECTL_REMOTE_COMMAND"];

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        let Some(env) = process.env() else {
            report.not_checked("the environment of a process is in memory that is not in the archive");
            continue;
        };
        if !report.look() {
            return;
        }
        let found: Vec<(&BStr, &BStr)> = env
            .iter()
            .filter(|(key, value)| VARIABLES.iter().any(|name| key == name) && !value.is_empty())
            .map(|(key, value)| (key.as_bstr(), value.as_bstr()))
            .take(VARIABLES.len())
            .collect();
        if found.is_empty() {
            continue;
        }
        report.add(finding(process, &found));
    }
}

fn finding(process: &ProcessFacts<'_>, found: &[(&BStr, &BStr)]) -> Finding {
    // The address is the first word; the ports after it are of one session.
    let stable = found.iter().map(|(key, value)| {
        let first = value.split_str(" ").next().unwrap_or_default();
        let value = if *key == "SSH_TTY" { b"".as_slice() } else { first };
        bstr::BString::from([key.as_bytes(), b"=", value].concat())
    });
    let words: Vec<String> = found.iter().map(|(key, value)| format!("{}={}", shown(key), shown(value))).collect();
    let mut finding = Finding::new(&RULE, Subject::Process(process.pid()))
        .confidence(Confidence::Medium)
        .identity(stable)
        .sentence(format!("{} has {} in its environment.", process.title(), listed(&words)))
        .next(Next::rows_of("process_envs", process.pid()));
    for (key, value) in found {
        let row = Evidence::row(
            "process_envs",
            [("pid", process.pid().into()), ("key", key.to_str_lossy().into_owned().into())],
        );
        finding = finding.evidence(row.with("value", Some(value.to_str_lossy().into_owned())));
    }
    finding
}
