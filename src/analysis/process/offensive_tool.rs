//! PROC-018: a tool of attackers, by its name.

use bstr::ByteSlice;

use super::super::card::rule;
use super::super::facts::{ChangedFile, Place, ProcessFacts, base};
use super::super::vocabulary::{has_name, is_hidden, is_world_writable};
use super::super::words::shown;
use super::super::{Confidence, Facts, Finding, Link, Next, Report, Severity, Subject};
use super::common::{program, row_of, started};

rule! {
    /// A process with the name of a tool for scans, tunnels, guessing of passwords or escape from containers. A name alone
    /// is low; it is high if the program, or the script of that name, was put into the container later or lies in a place
    /// for temporary files.
    "PROC-018", offensive_tool, version 2, Process, Incubating, Low,
    title: "A process has the name of a tool that attackers use",
    why: "From a container that was taken over, intruders look for the next target.",
    benign: ["The image has the tool for its own work, such as a tunnel or a test of security.", "Another program has the same name."],
    attack: ["T1046", "T1572", "T1059"],
    cost: Files,
    basis: Tool,
    check: check,
}

/// Names, with what they are for.
const TOOLS: [(&str, &str); 50] = [
    ("nmap", "a scanner"),
    ("masscan", "a scanner"),
    ("zmap", "a scanner"),
    ("zgrab", "a scanner"),
    ("fscan", "a scanner"),
    ("rustscan", "a scanner"),
    ("pnscan", "a scanner"),
    ("chisel", "a tunnel"),
    ("frpc", "a tunnel"),
    ("frps", "a tunnel"),
    ("ngrok", "a tunnel"),
    ("gost", "a tunnel"),
    ("ligolo", "a tunnel"),
    ("ligolo-ng", "a tunnel"),
    ("iodine", "a tunnel"),
    ("dnscat", "a tunnel"),
    ("dnscat2", "a tunnel"),
    ("dns2tcp", "a tunnel"),
    ("dns2tcpc", "a tunnel"),
    ("proxychains4", "a tunnel"),
    ("earthworm", "a tunnel"),
    ("ew_for_linux", "a tunnel"),
    ("revsocks", "a tunnel"),
    ("gs-netcat", "a tunnel with a shell"),
    ("cloudflared", "a tunnel"),
    ("socat", "a relay"),
    ("linpeas", "a survey"),
    ("linpeas.sh", "a survey"),
    ("LinEnum.sh", "a survey"),
    ("pspy", "a survey"),
    ("pspy64", "a survey"),
    ("pspy32", "a survey"),
    ("deepce", "a survey"),
    ("deepce.sh", "a survey"),
    ("cdk", "a tool for escape"),
    ("cdk_linux_amd64", "a tool for escape"),
    ("amicontained", "a survey"),
    ("peirates", "a tool for clusters"),
    ("kubeletctl", "a tool for clusters"),
    ("kube-hunter", "a tool for clusters"),
    ("botb", "a tool for escape"),
    ("traitor", "a tool for escape"),
    ("mimipenguin", "a reader of passwords"),
    ("sliver", "an implant"),
    ("sliver-client", "an implant"),
    ("merlin", "an implant"),
    ("meterpreter", "an implant"),
    ("hydra", "a guesser of passwords"),
    ("medusa", "a guesser of passwords"),
    ("crowbar", "a guesser of passwords"),
];

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let init = facts.init().map(ProcessFacts::pid);
    for process in facts.living() {
        if !report.look() {
            return;
        }
        let Some(Called { tool, what, is_script }) = tool_of(process) else { continue };
        let script = process.script().filter(|_| is_script);
        let is_new = match &script {
            Some(path) => is_new_script(facts, path),
            None => facts.is_program_new(process) || process.is_program_suspicious() || process.program.deleted,
        };
        let path = script.unwrap_or_else(|| program(process));
        let is_first = Some(process.pid()) == init || facts.is_entry_point(process);
        if is_first && !is_new {
            report.skip();
            continue;
        }
        report.add(
            Finding::new(&RULE, Subject::Process(process.pid()))
                .severity(if is_new { Severity::High } else { Severity::Low })
                .confidence(if is_new { Confidence::Medium } else { Confidence::Low })
                .identity([program(process), tool.into()])
                .sentence(format!(
                    "{} is called like {what}, {tool}{}.",
                    started(process),
                    if is_new {
                        format!(
                            ", and its {} {} is not of the image",
                            if is_script { "script" } else { "program" },
                            shown(&path)
                        )
                    } else {
                        String::new()
                    },
                ))
                .next(Next::rows_of("process_open_sockets", process.pid()))
                .link(Link::Path(path))
                .evidence(row_of(process)),
        );
    }
}

/// A tool that a process is called like.
struct Called {
    tool: &'static str,
    what: &'static str,
    /// Whether the script is called so, not the program.
    is_script: bool,
}

fn tool_of(process: &ProcessFacts<'_>) -> Option<Called> {
    let find = |names: &[&[u8]], is_script| {
        let is_named = |tool: &str| names.iter().any(|name| !name.is_empty() && has_name(name, tool));
        let found = TOOLS.into_iter().find(|(tool, _)| is_named(tool));
        found.map(|(tool, what)| Called { tool, what, is_script })
    };
    let of_program = || find(&[process.program.base().as_bytes(), process.called().as_bytes()], false);
    of_program().or_else(|| find(&[base(&process.script()?)], true))
}

/// Whether a script was put into the container later, or lies in a place for temporary files or a hidden one.
fn is_new_script(facts: &Facts<'_>, path: &[u8]) -> bool {
    let is_added = |file: &ChangedFile| {
        !file.engine_noise
            && !matches!(file.place, Place::Deleted | Place::Ghost)
            && facts.packages().manager_of(facts.files(), file).is_none()
    };
    is_world_writable(path) || is_hidden(path) || facts.files().at(path).any(is_added)
}
