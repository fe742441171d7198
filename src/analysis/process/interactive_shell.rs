//! PROC-008: a shell that a person uses.

use super::super::card::rule;
use super::super::facts::{Channel, ProcessFacts};
use super::super::words::shown;
use super::super::{Confidence, Facts, Finding, Next, Report, Severity, Subject};
use super::common::{arguments, descriptor_of, has_terminals, program, row_of, started};

rule! {
    /// A shell on a terminal, or one that was started with `-i`, which is neither the first process nor below a server of
    /// logins. Sessions of `exec` are not in a checkpoint, as their parent is outside; what is left of one is a process whose
    /// session has no leader.
    ///
    /// It is low where the container has a terminal, and medium where it has none and nobody is expected to type.
    "PROC-008", interactive_shell, version 1, Process, Stable, Low,
    title: "Somebody uses a shell in the container",
    why: "A container that runs a service has no use for a shell with a person before it.",
    benign: ["An administrator works in the container: ask who, and compare the time with that of the checkpoint."],
    attack: ["T1059.004", "T1609"],
    cost: Free,
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let init = facts.init().map(ProcessFacts::pid);
    for process in facts.living().filter(|process| process.is_shell()) {
        if !report.look() {
            return;
        }
        let is_first = Some(process.pid()) == init || facts.is_entry_point(process);
        // A shell in a shell is the same person.
        let is_nested = facts.parent(process).is_some_and(|parent| parent.is_shell() && is_interactive(facts, parent));
        if is_first || is_nested || facts.is_login(process) {
            report.skip();
            continue;
        }
        if !is_interactive(facts, process) {
            continue;
        }
        let terminal = facts.behind(process, 0).is_some_and(|behind| behind.channel == Channel::Terminal);
        let is_daemon = facts.is_daemon();
        // A program that shows terminals: the person is before its window.
        let is_window = facts
            .parent(process)
            .is_some_and(|parent| is_emulator(parent.program.base()) && !parent.is_program_suspicious());
        let is_product = is_window || facts.ancestors(process).take(16).any(|above| has_terminals(facts, above));
        let on = process.file(0).and_then(|file| file.path.clone()).unwrap_or_default();
        let place = if terminal { format!(", on the terminal {}", shown(&on)) } else { String::new() };
        let mut sentence = format!("{} is interactive{place}", started(process));
        if is_daemon {
            sentence.push_str(", in a container that was started without a terminal");
        }
        if process.row.entered {
            sentence.push_str("; its session has no leader in the container, as with `exec`");
        }
        report.add(
            Finding::new(&RULE, Subject::Process(process.pid()))
                .severity(if is_daemon && terminal && !is_product { Severity::Medium } else { Severity::Low })
                .confidence(Confidence::Medium)
                .identity([program(process), arguments(process)])
                .sentence(sentence + ".")
                .next(Next::rows_of("shell_history", process.pid()))
                .evidence(row_of(process))
                .evidence(descriptor_of(process, 0)),
        );
    }
}

/// Whether a program shows terminals: a window of a desktop, an editor, a file manager.
fn is_emulator(name: &[u8]) -> bool {
    const EMULATORS: [&str; 16] = [
        "xterm",
        "uxterm",
        "urxvt",
        "rxvt",
        "st",
        "lxterminal",
        "xfce4-terminal",
        "konsole",
        "kitty",
        "alacritty",
        "foot",
        "weston-terminal",
        "emacs",
        "vim",
        "nvim",
        "mc",
    ];
    EMULATORS.iter().any(|known| super::super::vocabulary::has_name(name, known))
        || name.starts_with(b"vim.")
        || name.starts_with(b"emacs-")
        || name.starts_with(b"gnome-terminal")
}

/// Whether a person can type into a shell.
pub(super) fn is_interactive(facts: &Facts<'_>, process: &ProcessFacts<'_>) -> bool {
    let says_so = process.argv().iter().skip(1).take_while(|argument| argument.starts_with(b"-")).any(|argument| {
        !argument.starts_with(b"--") && !argument.contains(&b'c') && argument.contains(&b'i')
            || argument == "--interactive"
    });
    let on_terminal = || facts.behind(process, 0).is_some_and(|behind| behind.channel == Channel::Terminal);
    says_so || process.is_open_shell() && on_terminal()
}
