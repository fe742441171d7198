//! MEM-036: a signal makes a process run code that no file backs.

use super::super::card::rule;
use super::super::facts::ProcessFacts;
use super::super::hits::Region;
use super::super::{Confidence, Evidence, Fact, Facts, Report, Severity};
use super::code::{about, bytes_at, kind_words, unbacked_code_at};
use super::listing::Machine;
use super::runtime::{runtime, small_maker};
use crate::tables::SignalAction;

rule! {
    /// A signal handler lies in executable memory that no file backs. Handlers are functions of the program or of its
    /// libraries; code that was put into a process by hand waits there until somebody sends the signal. Processes with a
    /// just-in-time compiler of the image do not count, nor pieces of code that libraries make for callbacks.
    "MEM-036", handler_in_unbacked_code, version 1, Memory, Incubating, High,
    title: "A signal handler is in memory that no file backs",
    why: "A signal from anyone with the same rights starts the code; until then no thread is in it.",
    benign: ["A language with a just-in-time compiler that is not known here."],
    attack: ["T1055", "T1205"],
    cost: Memory,
    regions: [Region::Executable],
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let Some(rows) = handlers(facts) else { return };
    for action in rows {
        if !report.look() {
            return;
        }
        let (Some(process), Some(handler)) = (facts.process(action.pid), action.handler) else { continue };
        let Some(code) = unbacked_code_at(process, handler.0) else { continue };
        let Some(space) = facts.space(process.pid()) else {
            report.not_checked("processes without a layout of memory");
            continue;
        };
        let head = bytes_at(&space, code.start.0, 4096);
        if process.program.memfd
            || runtime(facts, process).is_some()
            || small_maker(facts, process, code, &head).is_some()
        {
            report.skip();
            continue;
        }
        let bytes = bytes_at(&space, handler.0, 64);
        let listing = Machine::of(process).map(|machine| machine.listing(handler.0, &bytes, 8));
        report.add(
            about(&RULE, facts, process, code)
                .severity(Severity::High)
                .confidence(Confidence::High)
                .identity([identity(process), action.signal.to_string()])
                .sentence(format!(
                    "When {} arrives, {} runs code at {:#x}, in {}.",
                    action.signal,
                    super::thread_outside_code::lower(&process.title()),
                    handler.0,
                    kind_words(code)
                ))
                .evidence(
                    Evidence::row(
                        "signal_actions",
                        [("pid", action.pid.into()), ("number", u64::from(action.number).into())],
                    )
                    .with("signal", Some(action.signal.as_ref()))
                    .with("handler", Some(Fact::Address(handler.0))),
                )
                .evidence(
                    Evidence::memory(facts, process.pid(), handler.0, 64)
                        .with_text(listing.unwrap_or_default())
                        .with_note("the handler"),
                ),
        );
    }
}

fn identity(process: &ProcessFacts<'_>) -> String {
    process.program.path.as_ref().map_or_else(String::new, ToString::to_string)
}

/// The actions that are handlers. `None` if there are none.
fn handlers<'f>(facts: &'f Facts<'_>) -> Option<impl Iterator<Item = SignalAction> + 'f> {
    let mut rows = facts.checkpoint().rows().signal_actions().filter(|action| action.handler.is_some()).peekable();
    rows.peek()?;
    Some(rows)
}
