//! FS-037: modules of interpreters that no package manager changed.

use std::collections::BTreeMap;

use super::super::active_code::first_telling;
use super::super::card::rule;
use super::super::facts::{ChangedFile, ProcessFacts};
use super::super::script_libraries::{self, Interpreter};
use super::super::traffic::{endpoint, outbound, row as socket_row};
use super::super::vocabulary::is_public;
use super::super::words::{count, shown};
use super::super::{Facts, Finding, Link, Report, Severity, Subject};
use super::common::{about, changed, line, next, quoted, row, text, when};
use crate::tables::OpenSocket;

rule! {
    /// A module of the standard library of Python, Perl, Ruby, Node.js, PHP or Lua, or of a package of the system, is among
    /// the changes, and no package manager put it there: each program that loads it runs what was written into it. High if a
    /// line does what modules do not do: run what comes from the network, what a variable says, or what was hidden, or
    /// connect to an address that stands in it. Critical if a process of that interpreter is connected to a public address.
    /// Compiled modules are not read. All changed modules without such a line are one finding for each interpreter.
    "FS-037", interpreter_module, version 1, Files, Incubating, Medium,
    title: "A module of an interpreter was changed by hand",
    why: "A program of the image runs code of the intruder then, although its own files and arguments are as they were.",
    benign: ["A start script that patches a library.", "Modules that were copied into the container instead of being installed."],
    attack: ["T1554", "T1574"],
    cost: Files,
    tags: ["persistence"],
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    // A manager whose database cannot be read here may have put them there.
    let is_unread = facts.packages().unread().is_some();
    let mut plain: BTreeMap<&'static str, Vec<&ChangedFile>> = BTreeMap::new();
    let mut contacts: BTreeMap<&'static str, Option<Contact<'_, '_>>> = BTreeMap::new();
    for (file, _) in changed(facts, report) {
        let Some(interpreter) = script_libraries::of(&file.path).filter(|one| one.has_text(&file.path)) else {
            continue;
        };
        if file.file_type != "regular" || file.size == 0 {
            continue;
        }
        if !report.look() {
            return;
        }
        if facts.packages().manager_of(facts.files(), file).is_some() {
            report.skip();
            continue;
        }
        let text = text(facts, file, report);
        let Some((at, does)) = first_telling(&text, false) else {
            if is_unread {
                report.skip();
            } else {
                plain.entry(interpreter.name).or_default().push(file);
            }
            continue;
        };
        let mut finding = about(facts, &RULE, file).evidence(line(facts, file, at));
        let mut sentence = format!(
            "{} is a module of {} that no package manager changed; its line {} {does}{}",
            shown(&file.path),
            interpreter.name,
            quoted(at.text),
            when(facts, file)
        );
        finding = finding.severity(Severity::High);
        let contact = contacts.entry(interpreter.name).or_insert_with(|| connected(facts, interpreter));
        if let Some((process, socket, end)) = contact {
            super::super::words::add(
                &mut sentence,
                format_args!(". {} runs {} and is connected to {end}", process.title(), interpreter.name),
            );
            finding = finding.severity(Severity::Critical).process(process.pid()).evidence(socket_row(socket));
            if let Some(number) = socket.socket {
                finding = finding.link(Link::Socket(number));
            }
        }
        report.add(finding.sentence(format!("{sentence}.")));
    }
    for (name, files) in plain {
        report.add(together(facts, name, &files));
    }
}

/// A process with a connection that it made, and the other end in words.
type Contact<'f, 'c> = (&'f ProcessFacts<'c>, &'f OpenSocket, String);

/// A process of an interpreter with a connection that it made to a public address.
fn connected<'f, 'c>(facts: &'f Facts<'c>, interpreter: &Interpreter) -> Option<Contact<'f, 'c>> {
    facts.living().filter(|process| interpreter.is_run_by(process.program.base())).find_map(|process| {
        facts.sockets().of(process.pid()).find_map(|socket| {
            let (address, port) = outbound(facts, socket).filter(|(address, _)| is_public(*address))?;
            Some((process, socket, endpoint(address, port)))
        })
    })
}

/// One finding for modules of an interpreter in which nothing stands out.
fn together(facts: &Facts<'_>, name: &'static str, files: &[&ChangedFile]) -> Finding {
    const SHOWN: usize = 8;
    let mut finding = Finding::new(&RULE, Subject::Container(name))
        .severity(Severity::Medium)
        .identity([name])
        .sentence(match files {
            [one] => format!(
                "{} is a module of {name} that no package manager changed{}.",
                shown(&one.path),
                when(facts, one)
            ),
            _ => format!(
                "{} of {name} were added or changed, and not by a package manager{}.",
                count(files.len(), "module"),
                files.first().map_or_else(String::new, |first| format!(", {} first", shown(&first.path)))
            ),
        });
    for file in files.iter().take(SHOWN) {
        finding = finding.evidence(row(facts, file)).link(Link::Path(file.path.clone()));
    }
    if let Some(first) = files.first() {
        finding = finding.next(next(first));
    }
    finding.evidence_more = crate::int::u64_of(files.len().saturating_sub(SHOWN));
    finding
}
