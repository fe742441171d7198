//! PROC-007: a service that started a shell.

use bstr::{BString, ByteSlice};

use super::super::card::rule;
use super::super::facts::{Channel, Invocation, ProcessFacts};
use super::super::vocabulary::{FETCHERS, has_name, is_busybox, is_hidden, is_worker_code, is_world_writable};
use super::super::words::{listed, shown};
use super::super::{Confidence, Facts, Finding, Link, Next, Report, Severity, Subject};
use super::common::{arguments, chain, has_terminals, program, row_of, started};
use super::text::{self, Sign};

rule! {
    /// A shell, a tool that intruders use, or an interpreter with code in its arguments or with a script in a place that
    /// everyone may write to, below a process that serves others over the network: a web server, a database, an application
    /// with a listening port.
    ///
    /// Many applications start programs through a shell (`sh -c "convert …"`), so that alone is worth a line at most. It is
    /// medium if the command fetches something or looks around, and high if somebody can type into the shell, if it runs
    /// something in a place that everyone may write to, or if a connection stands behind it. The start script of the
    /// container, schedulers and servers of logins are passed over.
    "PROC-007", service_spawned_shell, version 2, Process, Stable, Medium,
    title: "A service started a shell or a tool",
    why: "A service that is made to run commands starts a shell. This is what a web shell or an injected command looks like.",
    benign: [
        "The application starts a program through a shell, as for pictures, reports, mail and backups: the command is in its code.",
        "A runner of builds or jobs, whose work that is."
    ],
    attack: ["T1505.003", "T1059.004", "T1190"],
    cost: Free,
    check: check,
}

/// Tools that a service has little use for.
const TOOLS: [&str; 14] = [
    "nc", "ncat", "netcat", "socat", "nmap", "telnet", "whoami", "id", "uname", "chattr", "script", "xxd", "base64",
    "tcpdump",
];

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        if !is_case(process) {
            continue;
        }
        if !report.look() {
            return;
        }
        // Report the first of a chain, not each.
        let below_other = facts.parent(process).is_some_and(is_case);
        let Some(service) = facts.service_above(process).filter(|_| !below_other) else { continue };
        // A worker that was started as the service was.
        if process.argv() == service.argv() && process.program == service.program {
            continue;
        }
        if facts.is_of_entry_point(process) || facts.is_login(process) {
            report.skip();
            continue;
        }
        let (severity, why) = judge(facts, process);
        let mut finding = Finding::new(&RULE, Subject::Process(process.pid()))
            .severity(severity)
            .confidence(if severity >= Severity::High { Confidence::High } else { Confidence::Medium })
            .identity([program(service), program(process), arguments(process)])
            .sentence(format!(
                "The service {} (process {}) started {}: {}{}.",
                shown(service.name()),
                service.pid(),
                lower(&started(process)),
                chain(facts, service, process),
                if why.is_empty() { String::new() } else { format!("; {}", listed(&why)) },
            ))
            .next(Next::rows_of("process_open_files", process.pid()))
            .link(Link::Process(service.pid()))
            .evidence(row_of(process))
            .evidence(row_of(service).with_note("the service"));
        if let Some(script) = writable_script(process) {
            finding = finding.link(Link::Path(script));
        }
        report.add(finding);
    }
}

fn lower(text: &str) -> String {
    text.replacen("Process", "process", 1)
}

fn is_case(process: &ProcessFacts<'_>) -> bool {
    process.is_shell() || is_tool(process) || runs_code(process)
}

/// Whether it is an interpreter that runs code which is in no file of the application. What awk is given are filters.
fn runs_code(process: &ProcessFacts<'_>) -> bool {
    let name = process.program.base();
    if !process.is_interpreter() || name == "java" || name.ends_with(b"awk") {
        return false;
    }
    process.inline().is_some_and(|code| !is_worker_code(&code))
        || process.script().is_some_and(|script| is_world_writable(&script))
}

fn is_tool(process: &ProcessFacts<'_>) -> bool {
    let name = process.program.base();
    let called = process.called();
    let is_one =
        |name: &[u8]| TOOLS.iter().chain(&FETCHERS).any(|tool| has_name(name, tool)) || name.starts_with(b"nc.");
    is_one(name) || is_busybox(name) && is_one(called)
}

/// A script of a shell or an interpreter in a place that everyone may write to.
fn writable_script(process: &ProcessFacts<'_>) -> Option<BString> {
    let path = match process.invocation()? {
        Invocation::Script(_) => process.script()?,
        Invocation::Inline(text) => {
            let word = |word: &&[u8]| is_world_writable(word) || word.starts_with(b"/") && is_hidden(word);
            let blank = |byte: &u8| matches!(byte, b' ' | b';' | b'&' | b'|' | b'"' | b'\'' | b'\n');
            text.split(blank).find(|part| word(part))?.into()
        }
        _ => return None,
    };
    (is_world_writable(&path) || is_hidden(&path)).then_some(path)
}

/// How bad it is, and why.
fn judge(facts: &Facts<'_>, process: &ProcessFacts<'_>) -> (Severity, Vec<String>) {
    let mut severity = Severity::Info;
    let mut why = Vec::new();
    let mut say = |at_least: Severity, reason: String| {
        severity = severity.max(at_least);
        why.push(reason);
    };
    if facts.connection_at(process, 0).is_some() {
        say(Severity::High, "its input is a network connection".to_owned());
    }
    if process.is_open_shell() {
        let input = facts.behind(process, 0);
        let is_product = || facts.ancestors(process).take(16).any(|above| has_terminals(facts, above));
        match input.as_ref().map(|input| input.channel) {
            Some(Channel::Internet) => say(Severity::High, "somebody can type into it".to_owned()),
            Some(Channel::Terminal) if is_product() => {
                say(Severity::Low, "it is on a terminal, as the product offers".to_owned());
            }
            Some(Channel::Terminal) => say(Severity::Medium, "it is on a terminal".to_owned()),
            _ if input.is_some_and(|input| !input.peers.is_empty()) => {
                say(Severity::Medium, "another process types into it".to_owned());
            }
            _ => say(Severity::Low, "it has neither a command nor a script".to_owned()),
        }
    }
    let text = process.inline().unwrap_or_default();
    let signs = if process.is_shell() { text::signs(&text) } else { text::signs(process.cmdline()) };
    if let Some(sign) = signs.first() {
        let at_least = match sign {
            Sign::FetchAndRun | Sign::DecodeAndRun | Sign::ConnectShell | Sign::Traces => Severity::High,
            Sign::SendAway if signs.contains(&Sign::Credentials) => Severity::High,
            Sign::Metadata | Sign::Credentials | Sign::WritablePlace | Sign::SendAway => Severity::Medium,
            // Applications fetch files.
            Sign::Fetch | Sign::Survey => Severity::Low,
        };
        say(at_least, format!("the command {}", sign.words()));
    }
    if runs_code(process) && process.inline().is_some() {
        say(Severity::Low, "it runs code in its arguments".to_owned());
    }
    if let Some(script) = writable_script(process)
        && matches!(process.invocation(), Some(Invocation::Script(_)))
    {
        say(Severity::Medium, format!("its script is {}", shown(&script)));
    }
    let mut bad = 0_usize;
    for below in facts.descendants(process) {
        let is_connected = facts.connection_at(below, 0).is_some() && (below.is_shell() || below.is_interpreter());
        if is_connected || below.is_program_suspicious() {
            bad = bad.saturating_add(1);
            if bad == 1 {
                say(
                    Severity::High,
                    if is_connected {
                        format!(
                            "below it, process {} ({}) is a shell on a connection",
                            below.pid(),
                            shown(below.name())
                        )
                    } else {
                        format!(
                            "below it, process {} ({}) runs {}",
                            below.pid(),
                            shown(below.name()),
                            shown(&program(below))
                        )
                    },
                );
            }
        }
    }
    if is_tool(process) && !process.is_shell() {
        say(Severity::Low, format!("{} is a tool that a service seldom needs", shown(process.program.base())));
    }
    if process.inline().is_some_and(|text| text.find_byte(b';').is_some()) && severity == Severity::Medium {
        why.push("more than one command was given".to_owned());
    }
    (severity, why)
}
