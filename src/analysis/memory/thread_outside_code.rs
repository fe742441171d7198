//! MEM-008: a thread stands where no code of a file is.

use super::super::card::rule;
use super::super::facts::ProcessFacts;
use super::super::hits::Region;
use super::super::words::shown;
use super::super::{Confidence, Evidence, Facts, Finding, Next, Report, Severity, Subject};
use super::code::{bytes_at, is_executable, is_kernels, is_unbacked, kind_words, mapping_at, row, with_program};
use super::listing::Machine;
use super::runtime::{looks_compiled, maker};
use super::stacks::threads;
use crate::model::ids::Tid;
use crate::model::registers::Registers;

rule! {
    /// The instruction pointer of a thread is in memory without a file, in memory that cannot be executed, or in no
    /// memory at all. A thread that waits stands in a call of the kernel, and that is in the C library or in the
    /// program: one that waits in memory without a file runs code that brings its own calls of the kernel. Compilers
    /// that run in the process (just-in-time) never write such calls, so they excuse a thread only if it computes.
    "MEM-008", thread_outside_code, version 1, Memory, Stable, High,
    title: "A thread runs outside the code of programs and libraries",
    why: "Where a thread stands is what runs. Code without a file was injected, unpacked or compiled in the process.",
    benign: [
        "Code of a just-in-time compiler: its runtime is mapped and belongs to the image.",
        "A library that was unloaded at this very moment.",
    ],
    attack: ["T1055", "T1620"],
    cost: Memory,
    regions: [Region::Executable, Region::Stacks],
    check: check,
}

/// Addresses from here on are the kernel's.
const KERNEL: u64 = 1 << 63;

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        if process.mappings().is_empty() {
            report.not_checked("processes without a list of mappings");
            continue;
        }
        for (tid, name, registers) in threads(process) {
            if !report.look() {
                return;
            }
            let Some(ip) = registers.instruction_pointer.map(|ip| ip.0).filter(|ip| *ip < KERNEL) else {
                report.skip();
                continue;
            };
            let mapping = mapping_at(process, ip);
            let is_code =
                mapping.is_some_and(|mapping| is_kernels(mapping) || is_executable(mapping) && !is_unbacked(mapping));
            if !is_code {
                report.add(found(facts, process, tid, name, &registers, ip));
            }
        }
    }
}

fn found(
    facts: &Facts<'_>,
    process: &ProcessFacts<'_>,
    tid: Tid,
    name: &[u8],
    registers: &Registers,
    ip: u64,
) -> Finding {
    let pid = process.pid();
    let mapping = mapping_at(process, ip);
    let machine = Machine::of(process);
    let space = facts.space(pid);
    // A call that is to be started again has the pointer at it, others behind it.
    let waits = machine.zip(space.as_ref()).is_some_and(|(machine, space)| {
        let len = machine.syscall_len();
        let before = bytes_at(space, ip.saturating_sub(len), len);
        machine.is_syscall(&before) || machine.is_syscall(&bytes_at(space, ip, len))
    });
    let code = mapping.filter(|mapping| is_executable(mapping));
    let runs = code.and_then(|mapping| maker(facts, process, mapping));
    let severity = match (mapping, &runs, waits) {
        (Some(mapping), None, true) if is_executable(mapping) => Severity::Critical,
        (Some(mapping), None, false) if looks_compiled(facts, process, mapping) => Severity::Medium,
        (_, None, _) => Severity::High,
        (_, Some(_), true) => Severity::Medium,
        (_, Some(_), false) => Severity::Info,
    };
    let place = match mapping {
        None => "in no memory at all".to_owned(),
        Some(mapping) if !is_executable(mapping) => {
            format!("in memory that cannot be executed ({})", mapping.permissions)
        }
        Some(mapping) => format!("in {} ({})", kind_words(mapping), mapping.permissions),
    };
    let doing = if waits { ", and waits there in a system call" } else { "" };
    let mut sentence = format!("Thread {tid} ({}) of {} is {place}{doing}", shown(name), lower(&process.title()));
    if let Some(runs) = &runs {
        super::super::words::add(&mut sentence, format_args!("; {} compiles code as it runs", runs.name));
    }
    sentence.push('.');
    let mut identity = process.identity();
    identity.push(if runs.is_some() && !waits { "compiled".into() } else { place.as_str().into() });
    let benign = match &runs {
        Some(runs) => format!("{} compiles code as it runs: {} belongs to the image.", runs.name, shown(&runs.file)),
        None if mapping.is_none() => "A library that was unloaded at this very moment.".to_owned(),
        None => {
            "A just-in-time compiler that is not known here: it would be in the program or in one of its libraries."
                .to_owned()
        }
    };
    let around = ip.saturating_sub(32);
    let next = mapping.map_or(Next::rows_of("threads", pid), |mapping| Next::Memory {
        pid,
        start: around.max(mapping.start.0),
        end: ip.saturating_add(96).min(mapping.end.0),
    });
    let code = space.as_ref().map(|space| bytes_at(space, ip, 48)).unwrap_or_default();
    let bytes = Evidence::memory(facts, pid, around, 64).with_note("around the instruction pointer");
    let bytes = machine.map_or(bytes.clone(), |machine| bytes.with_text(machine.listing(ip, &code, 8)));
    let mut thread = Evidence::row("threads", [("pid", pid.into()), ("tid", super::super::Fact::from(tid.0))])
        .with("instruction_pointer", Some(super::super::Fact::Address(ip)));
    for register in ["ax", "orig_ax", "di", "si", "dx", "sp", "x0", "x1", "x2", "x8"] {
        thread = thread.with(register, registers.get(register).map(super::super::Fact::Address));
    }
    let subject = mapping.map_or(Subject::Process(pid), |mapping| Subject::Mapping(pid, mapping.start.0));
    let mut finding = with_program(facts, process, Finding::new(&RULE, subject))
        .severity(severity)
        .confidence(Confidence::High)
        .identity(identity)
        .sentence(sentence)
        .benign(benign)
        .next(next)
        .thread(tid)
        .evidence(thread)
        .evidence(bytes);
    if let Some(mapping) = mapping {
        finding = finding.evidence(row(mapping));
    }
    if runs.is_some() {
        finding = finding.tag("jit");
    }
    finding
}

/// A title within a sentence.
pub(super) fn lower(title: &str) -> String {
    title.strip_prefix('P').map_or_else(|| title.to_owned(), |rest| format!("p{rest}"))
}
