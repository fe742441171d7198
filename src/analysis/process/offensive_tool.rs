//! PROC-018: a tool of attackers, by its name.

use bstr::ByteSlice;

use super::super::card::rule;
use super::super::facts::{Invocation, ProcessFacts, base};
use super::super::vocabulary::has_name;
use super::super::words::shown;
use super::super::{Confidence, Facts, Finding, Link, Next, Report, Severity, Subject};
use super::common::{program, row_of, started};

rule! {
    /// A process with the name of a tool for scans, tunnels, guessing of passwords or escape from containers. A name alone
    /// is low; it is high if the program was put into the container later or lies in a place for temporary files.
    "PROC-018", offensive_tool, version 1, Process, Incubating, Low,
    title: "A process has the name of a tool that attackers use",
    why: "From a container that was taken over, intruders look for the next target.",
    benign: ["The image has the tool for its own work, such as a tunnel or a test of security.", "Another program has the same name."],
    attack: ["T1046", "T1572", "T1059"],
    cost: Files,
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
        let Some((tool, what)) = tool_of(process) else { continue };
        let is_new = facts.is_program_new(process) || process.is_program_suspicious() || process.program.deleted;
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
                        format!(", and its program {} is not of the image", shown(&program(process)))
                    } else {
                        String::new()
                    },
                ))
                .next(Next::rows_of("process_open_sockets", process.pid()))
                .link(Link::Path(program(process)))
                .evidence(row_of(process)),
        );
    }
}

fn tool_of(process: &ProcessFacts<'_>) -> Option<(&'static str, &'static str)> {
    let script = match process.invocation() {
        Some(Invocation::Script(path)) => base(&path).to_vec(),
        _ => Vec::new(),
    };
    let names = [process.program.base().as_bytes(), process.called().as_bytes(), script.as_slice()];
    TOOLS.into_iter().find(|(tool, _)| names.iter().any(|name| !name.is_empty() && has_name(name, tool)))
}
