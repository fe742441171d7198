//! PROC-038: a program that was started through the dynamic loader.

use super::super::card::rule;
use super::super::facts::{Facts, ProcessFacts};
use super::super::modules::is_loader;
use super::super::words::shown;
use super::super::{Confidence, Finding, Link, Next, Report, Severity, Subject};
use super::common::{arguments, program, row_of};

rule! {
    /// The dynamic loader was started with a program as its argument (`/lib64/ld-linux-x86-64.so.2 FILE`), and that program
    /// is not of the image, or lies where everyone may write or in a hidden place. The program needs no right to be executed
    /// then, may have any name, and the kernel knows the loader as what runs. All rules judge such a process by the program.
    "PROC-038", run_through_loader, version 1, Process, Incubating, High,
    title: "An added program runs under the name of the loader",
    why: "A program that is run so gets around mounts without execute permission and lists of programs that may run.",
    benign: ["Portable software that brings a C library of its own and starts its programs with it."],
    attack: ["T1036.005"],
    cost: Files,
    basis: Program,
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let is_through = |process: &&ProcessFacts<'_>| {
        let path = process.row.path.as_ref();
        path.is_some_and(|path| is_loader(path)) && process.program.path.as_ref() != path
    };
    for process in facts.living().filter(is_through) {
        if !report.look() {
            return;
        }
        let path = program(process);
        let is_foreign = facts.is_program_new(process) || process.is_program_suspicious();
        if !is_foreign || facts.is_declared(&path) {
            report.skip();
            continue;
        }
        report.add(
            Finding::new(&RULE, Subject::Process(process.pid()))
                .severity(Severity::High)
                .confidence(Confidence::High)
                .identity([path.clone(), arguments(process)])
                .sentence(format!("{} runs {} through the dynamic loader.", process.title(), shown(&path)))
                .next(Next::rows_of("process_memory_map", process.pid()))
                .evidence(row_of(process))
                .path(path.clone())
                .link(Link::Path(path)),
        );
    }
}
