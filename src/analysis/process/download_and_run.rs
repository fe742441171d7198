//! PROC-019: a command that fetches something and runs it.

use bstr::BString;

use super::super::card::rule;
use super::super::facts::ProcessFacts;
use super::super::words::shown_within;
use super::super::{Confidence, Facts, Finding, Next, Report, Severity, Subject};
use super::common::{arguments, program, row_of};
use super::text::{self, Sign};

rule! {
    /// A process whose arguments fetch something and run it (`curl … | sh`, `python -c "exec(urlopen(…))"`), decode
    /// something and run it, or give a shell to a connection (`nc -e /bin/sh …`). It is low if the specification starts the
    /// container so, or as a job of continuous integration.
    "PROC-019", download_and_run, version 1, Process, Stable, High,
    title: "A command fetches or decodes something and runs it",
    why: "The first command of an intruder brings in the next program.",
    benign: ["An installer or an image that fetches its program at start: then the command is in the specification."],
    attack: ["T1105", "T1059.004"],
    cost: Free,
    check: check,
}

/// Programs that connect what they are told to.
const CONNECTORS: [&str; 8] =
    ["nc", "ncat", "netcat", "nc.traditional", "nc.openbsd", "socat", "telnetd", "in.telnetd"];

/// What a shell, an interpreter or a program that makes connections was given to do.
fn command_of(process: &ProcessFacts<'_>) -> Option<BString> {
    let is_connector = |name: &[u8]| CONNECTORS.iter().any(|connector| connector.as_bytes() == name);
    if is_connector(process.program.base()) || is_connector(process.called()) {
        return Some(process.cmdline().into());
    }
    process.inline()
}

/// Whether the specification starts the container as a job of continuous integration.
fn is_of_ci(facts: &Facts<'_>) -> bool {
    const VARIABLES: [&str; 7] =
        ["CI=true", "GITLAB_CI=", "GITHUB_ACTIONS=", "JENKINS_URL=", "BUILDKITE=", "TF_BUILD=", "DRONE="];
    let env = facts.spec().spec.as_ref().and_then(|spec| spec.env.as_deref()).unwrap_or_default();
    env.iter().any(|line| VARIABLES.iter().any(|variable| line.starts_with(variable)))
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let init = facts.init().map(ProcessFacts::pid);
    for process in facts.living() {
        if process.row.argv.is_none() {
            report.not_checked("the arguments of a process are in memory that is not in the archive");
            continue;
        }
        if !report.look() {
            return;
        }
        let Some(command) = command_of(process) else { continue };
        let sign = text::signs(&command)
            .into_iter()
            .find(|sign| matches!(sign, Sign::FetchAndRun | Sign::DecodeAndRun | Sign::ConnectShell));
        let Some(sign) = sign else { continue };
        let is_declared = Some(process.pid()) == init || facts.is_of_entry_point(process);
        // A person who installs something does the same.
        let is_person = facts.is_login(process);
        // A job of continuous integration, as the specification says, fetches what it needs.
        let is_job = sign == Sign::FetchAndRun && is_of_ci(facts) && facts.service_above(process).is_none();
        let severity = match () {
            () if is_declared => Severity::Low,
            () if is_job => Severity::Low,
            () if is_person && sign != Sign::ConnectShell => Severity::Medium,
            () => Severity::High,
        };
        let mut finding = Finding::new(&RULE, Subject::Process(process.pid()))
            .severity(severity)
            .confidence(Confidence::High)
            .identity([program(process), arguments(process)])
            .sentence(format!("{} {}: `{}`.", process.title(), sign.words(), shown_within(&command, 160)))
            .next(Next::rows_of("processes", process.pid()))
            .evidence(
                row_of(process).with_text(BString::from(command.get(..command.len().min(1024)).unwrap_or_default())),
            );
        if is_declared {
            finding =
                finding.benign("The specification of the container has this command, so whoever started it meant it.");
        }
        report.add(finding);
    }
}
