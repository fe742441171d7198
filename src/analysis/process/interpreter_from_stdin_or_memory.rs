//! PROC-021: an interpreter whose script is no file.

use bstr::{BString, ByteSlice};

use super::super::card::rule;
use super::super::facts::{Behind, Channel, Invocation, ProcessFacts};
use super::super::traffic::outbound;
use super::super::vocabulary::is_public;
use super::super::words::shown;
use super::super::{Confidence, Facts, Finding, Next, Report, Severity, Subject};
use super::common::{arguments, descriptor_of, program, row_of, started};

rule! {
    /// An interpreter without a script whose input is a pipe or a socket that somebody holds, or that has lost its other end
    /// while the interpreter is connected to a public address; or whose script is a descriptor (`/dev/fd/3`,
    /// `/proc/self/fd/3`) of a file that was deleted or exists only in memory. What it runs is nowhere on disk.
    "PROC-021", interpreter_from_stdin_or_memory, version 2, Process, Incubating, Medium,
    title: "An interpreter runs a script that is not a file",
    why: "A script that is piped into an interpreter leaves no trace on disk.",
    benign: ["Somebody piped a script through `ssh`, or a tool for automation did.", "A worker that its parent feeds with code."],
    attack: ["T1059.006", "T1620"],
    cost: Free,
    tags: ["fileless"],
    basis: Program,
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living().filter(|process| process.is_interpreter() && process.program.base() != "java") {
        let Some(invocation) = process.invocation() else {
            report.not_checked("the arguments of a process are in memory that is not in the archive");
            continue;
        };
        if !report.look() {
            return;
        }
        let Some((what, path, severity)) = source_of(facts, process, &invocation) else { continue };
        let is_person = facts.is_login(process) || facts.is_of_entry_point(process);
        report.add(
            Finding::new(&RULE, Subject::Process(process.pid()))
                .severity(if is_person { Severity::Low } else { severity })
                .confidence(Confidence::Medium)
                .identity([program(process), arguments(process)])
                .sentence(format!(
                    "{} runs {what}{}.",
                    started(process),
                    if path.is_empty() { String::new() } else { format!(", {}", shown(&path)) }
                ))
                .next(Next::rows_of("process_open_files", process.pid()))
                .evidence(row_of(process))
                .evidence(descriptor_of(process, 0)),
        );
    }
}

/// Whether a process has made a connection to a public address.
fn talks(facts: &Facts<'_>, process: &ProcessFacts<'_>) -> bool {
    let mut sockets = facts.sockets().of(process.pid());
    sockets.any(|socket| outbound(facts, socket).is_some_and(|(address, _)| is_public(address)))
}

/// Where the script comes from, if that is no file.
fn source_of(
    facts: &Facts<'_>,
    process: &ProcessFacts<'_>,
    invocation: &Invocation,
) -> Option<(&'static str, BString, Severity)> {
    match invocation {
        Invocation::Input => {
            let Behind { channel, peers } = facts.behind(process, 0)?;
            // A worker of the same program is fed by its parent.
            let parent = facts.parent(process);
            let is_worker = parent.is_some_and(|parent| parent.program.path == process.program.path);
            match channel {
                Channel::Pipe | Channel::Fifo | Channel::Unix if !is_worker && !peers.is_empty() => {
                    Some(("what it reads from a pipe or a socket", BString::default(), Severity::Low))
                }
                // Who wrote the script is gone; what it does is there.
                Channel::Pipe | Channel::Fifo | Channel::Unix if !is_worker && talks(facts, process) => Some((
                    "what it read from a pipe or a socket whose other end is gone, and is connected to a public address",
                    BString::default(),
                    Severity::Medium,
                )),
                Channel::Internet => {
                    Some(("what it reads from a network connection", BString::default(), Severity::High))
                }
                _ => None,
            }
        }
        Invocation::Script(path) => {
            let number = path
                .strip_prefix(b"/dev/fd/")
                .or_else(|| path.strip_prefix(b"/proc/self/fd/"))
                .and_then(|number| number.to_str().ok()?.parse::<u32>().ok());
            let Some(number) = number else {
                return path
                    .starts_with(b"/proc/")
                    .then(|| ("a script that it reaches through another process", path.clone(), Severity::Medium))
                    .filter(|_| path.contains_str("/fd/"));
            };
            let file = process.file(number)?;
            let is_gone = file.deleted == Some(true) || file.r#type == Some("memfd");
            is_gone.then(|| {
                (
                    "a script that was deleted or exists only in memory",
                    file.path.clone().unwrap_or_default(),
                    Severity::Medium,
                )
            })
        }
        _ => None,
    }
}
