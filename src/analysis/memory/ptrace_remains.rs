//! MEM-022: what debuggers and injectors leave behind.

use bstr::ByteSlice as _;

use super::super::card::rule;
use super::super::facts::ProcessFacts;
use super::super::words::{listed, shown};
use super::super::{Confidence, Evidence, Facts, Finding, Next, Report, Severity, Subject};
use super::code::{is_executable, row, with_program};

rule! {
    /// Threads and mappings with the names of instrumenting tools (Frida and its parts), or a trap that waits for a
    /// thread (SIGTRAP), as a breakpoint leaves it when the debugger goes away.
    "MEM-022", ptrace_remains, version 1, Memory, Incubating, Medium,
    title: "A debugger or an injector left something behind",
    why: "Tools that change running programs are rarely at home in a service.",
    benign: ["A developer or a test traced the program: the image would be one for development."],
    attack: ["T1055.008"],
    cost: Free,
    check: check,
}

/// Names of threads, by their beginning. A name has at most 15 bytes.
const THREADS: [&str; 4] = ["gum-js-loop", "frida-", "pool-frida", "linjector"];
/// Names in paths of mappings.
const PATHS: [&str; 4] = ["frida-agent", "frida-gadget", "linjector", "libinjector"];

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        if !report.look() {
            return;
        }
        let mut what: Vec<String> = Vec::new();
        let mut evidence: Vec<Evidence> = Vec::new();
        for thread in &process.task.threads {
            let name = thread.name().unwrap_or_default();
            if THREADS.iter().any(|word| name.starts_with(word.as_bytes())) {
                what.push(format!("thread {} calls itself {}", thread.tid, shown(name)));
                evidence.push(
                    Evidence::row("threads", [("pid", process.pid().into()), ("tid", thread.tid.0.into())])
                        .with("name", Some(bstr::BString::from(name))),
                );
            }
        }
        for mapping in process.mappings().iter().filter(|mapping| is_executable(mapping)) {
            if PATHS.iter().any(|word| mapping.path.contains_str(word)) {
                what.push(format!("{} is mapped", shown(&mapping.path)));
                evidence.push(row(mapping));
            }
        }
        let is_tool = !what.is_empty();
        if has_trap(process) {
            what.push("a trap (SIGTRAP) waits for a thread".to_owned());
            evidence.push(
                Evidence::row("pending_signals", [("pid", process.pid().into())]).with("signal", Some("SIGTRAP")),
            );
        }
        if what.is_empty() {
            continue;
        }
        what.truncate(4);
        let mut finding = with_program(facts, process, Finding::new(&RULE, Subject::Process(process.pid())))
            .severity(if is_tool { Severity::Medium } else { Severity::Low })
            .confidence(if is_tool { Confidence::High } else { Confidence::Low })
            .identity([
                process.program.path.clone().unwrap_or_default(),
                if is_tool { "tool".into() } else { "trap".into() },
            ])
            .sentence(format!("In {}, {}.", super::thread_outside_code::lower(&process.title()), listed(&what)))
            .next(Next::rows_of("threads", process.pid()));
        for one in evidence {
            finding = finding.evidence(one);
        }
        report.add(finding);
    }
}

/// Whether a SIGTRAP is pending.
fn has_trap(process: &ProcessFacts<'_>) -> bool {
    const SIGTRAP: u64 = 1 << 4;
    process.task.threads.iter().any(|thread| thread.signals_pending().is_some_and(|pending| pending & SIGTRAP != 0))
}
