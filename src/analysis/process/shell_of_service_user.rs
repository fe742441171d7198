//! PROC-033: a shell of a user that is for a service.

use super::super::card::rule;
use super::super::facts::{Channel, ProcessFacts, is_connection};
use super::super::{Confidence, Facts, Finding, Next, Report, Subject};
use super::common::{arguments, descriptor_of, program, row_of, started};

rule! {
    /// A shell that somebody can type into, run by a user that only services have (1 to 999, 33 for web servers, 65534 for
    /// nobody), on a terminal or a network connection. Such users do not log in.
    "PROC-033", shell_of_service_user, version 1, Process, Incubating, Medium,
    title: "A service user has an interactive shell",
    why: "A shell of such a user was started by the service, or by somebody who took it over.",
    benign: ["An image that runs everything as such a user, and a person who works in it."],
    attack: ["T1059.004"],
    cost: Free,
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let init = facts.init().map(ProcessFacts::pid);
    for process in facts.living().filter(|process| process.is_shell()) {
        let Some(uid) = process.row.euid else {
            report.not_checked("the user of a process is not recorded");
            continue;
        };
        if !report.look() {
            return;
        }
        let is_service = matches!(uid, 1..=999 | 65534);
        let is_first = Some(process.pid()) == init || facts.is_entry_point(process);
        if !is_service || is_first || !process.is_open_shell() || facts.is_login(process) {
            continue;
        }
        let input = facts.behind(process, 0).map(|behind| behind.channel);
        let is_terminal = input == Some(Channel::Terminal);
        let is_connected = facts.sockets().of(process.pid()).any(|socket| socket.fd.0 <= 2 && is_connection(socket));
        if !is_terminal && !is_connected {
            continue;
        }
        report.add(
            Finding::new(&RULE, Subject::Process(process.pid()))
                .confidence(Confidence::Medium)
                .identity([program(process), arguments(process), uid.to_string().into()])
                .sentence(format!(
                    "{} runs as user {uid}, on {}.",
                    started(process),
                    if is_terminal { "a terminal" } else { "a network connection" }
                ))
                .next(Next::rows_of("process_open_files", process.pid()))
                .evidence(row_of(process).with("euid", process.row.euid))
                .evidence(descriptor_of(process, 0)),
        );
    }
}
