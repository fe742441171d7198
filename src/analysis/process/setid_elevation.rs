//! PROC-012: a process that gained rights by a program with set-id bits.

use super::super::card::rule;
use super::super::facts::{ChangedFile, Place, ProcessFacts};
use super::super::files::common::is_only_touched;
use super::super::files::setid_file::has_mild_capabilities;
use super::super::vocabulary::has_name;
use super::super::words::shown;
use super::super::{Confidence, Facts, Finding, Link, Next, Report, Severity, Subject};
use super::common::{program, row_of};

rule! {
    /// A process that the kernel started in secure mode (`AT_SECURE` in its auxiliary vector), as its program has set-id
    /// bits or file capabilities, or one whose effective user is root while its real user is not.
    ///
    /// It is high if the program was put there later, or is a shell or an interpreter, which nobody installs with such bits;
    /// low if it is a tool that has them in every distribution. A program of the image whose rights alone were changed, and one
    /// that an upgrade replaced while it ran, were not put there.
    "PROC-012", setid_elevation, version 2, Process, Stable, Medium,
    title: "A process has more rights than the user who started it",
    why: "A copy of a shell with the set-user-id bit is a way back to root.",
    benign: ["A tool that is installed with these bits: `sudo`, `su`, `ping`, `passwd`."],
    attack: ["T1548.001"],
    cost: Files,
    tags: ["privilege"],
    check: check,
}

/// Tools that have set-id bits or file capabilities as installed.
const USUAL: [&str; 36] = [
    "sudo",
    "su",
    "doas",
    "ping",
    "ping4",
    "ping6",
    "fping",
    "traceroute",
    "mtr-packet",
    "newuidmap",
    "newgidmap",
    "dumpcap",
    "passwd",
    "chsh",
    "chfn",
    "chage",
    "gpasswd",
    "newgrp",
    "expiry",
    "mount",
    "umount",
    "fusermount",
    "fusermount3",
    "pkexec",
    "polkit-agent-helper-1",
    "dbus-daemon-launch-helper",
    "unix_chkpwd",
    "ssh-keysign",
    "ssh-agent",
    "crontab",
    "at",
    "exim4",
    "exim",
    "postdrop",
    "postqueue",
    "sendmail",
];

/// Key of `AT_SECURE` in the auxiliary vector.
const AT_SECURE: u64 = 23;

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        let Some(secure) = process.task.mm.as_ref().and_then(|mm| mm.auxv.get(AT_SECURE)) else {
            report.not_checked("the auxiliary vector of a process is not recorded");
            continue;
        };
        if !report.look() {
            return;
        }
        let (uid, euid) = (process.row.uid, process.row.euid);
        let is_root = euid == Some(0) && uid.is_some_and(|uid| uid != 0);
        if secure == 0 && !is_root {
            continue;
        }
        // A security module may start the first process so, and images give capabilities to the file of their service.
        if !is_root && (facts.is_entry_point(process) || facts.parent(process).is_none()) {
            report.skip();
            continue;
        }
        let path = program(process);
        let is_script_host = process.is_shell() || process.is_interpreter();
        let is_new = process.is_program_suspicious() || is_put_there(facts, process, &path);
        let is_usual = USUAL.iter().any(|tool| has_name(process.program.base(), tool));
        let severity = match () {
            () if is_new || is_script_host && is_root => Severity::High,
            // Root gains nothing by a group, and such tools have one so that others cannot read them.
            () if is_usual && uid == Some(0) && euid == Some(0) => Severity::Info,
            // A setting of a security module, or a shell that such a tool started.
            () if is_script_host => Severity::Low,
            () if is_usual || !is_root => Severity::Low,
            // A service that takes another user for a while.
            () if secure == 0 => Severity::Low,
            () => Severity::Medium,
        };
        let gained = process.row.cap_eff.map(|mask| mask.0).filter(|&mask| mask != 0 && euid != Some(0));
        let what = match () {
            () if is_root => "has root as its effective user".to_owned(),
            () if gained.is_some() => "has capabilities from its file".to_owned(),
            () => "was started in secure mode".to_owned(),
        };
        report.add(
            Finding::new(&RULE, Subject::Process(process.pid()))
                .severity(severity)
                .confidence(if secure == 1 { Confidence::High } else { Confidence::Medium })
                .identity([path.clone()])
                .path(path.clone())
                .link(Link::Path(path.clone()))
                .sentence(format!(
                    "{} runs {} and {what}; its real user is {}.",
                    process.title(),
                    shown(&path),
                    uid.map_or_else(|| "unknown".to_owned(), |uid| uid.to_string())
                ))
                .next(Next::rows_of("processes", process.pid()))
                .evidence(evidence_of(process, secure)),
        );
    }
}

/// Whether a program was put there after the container was created: not one whose rights alone were changed, as an entry point
/// does that gives its service capabilities, nor one that an upgrade replaced while it ran.
fn is_put_there(facts: &Facts<'_>, process: &ProcessFacts<'_>, path: &[u8]) -> bool {
    let mut changed = facts.files().at(path).filter(|file| file.place == Place::Rootfs).peekable();
    if process.program.deleted {
        return changed.peek().is_none() || facts.is_program_new(process);
    }
    let is_touched = |file: &ChangedFile| is_only_touched(facts, file) || has_mild_capabilities(file);
    let is_known = changed.peek().is_some() && changed.all(is_touched);
    !is_known && facts.is_program_new(process)
}

fn evidence_of(process: &ProcessFacts<'_>, secure: u64) -> super::super::Evidence {
    row_of(process)
        .with("uid", process.row.uid)
        .with("euid", process.row.euid)
        .with("suid", process.row.suid)
        .with_note(format!("AT_SECURE is {secure}"))
}
