//! FS-018: files that were deleted while in use.

use super::super::card::rule;
use super::super::facts::{ChangedFile, Kind, Place, ProcessFacts, base};
use super::super::memory::compiled_elsewhere::is_made_by_ecl;
use super::super::vocabulary::is_world_writable;
use super::super::words::shown;
use super::super::{Confidence, Evidence, Facts, Finding, Link, Next, Report, Severity, Subject};
use super::common::{
    about, bytes, described, everywhere, hidden_part, is_system, line, quoted, runtime_of, script, text, with_users,
};
use super::running_script;

rule! {
    /// Files whose names are gone while processes still use them; CRIU kept their contents. A program, a script or a
    /// packed file in a place that everyone may write to, in a hidden place, or that was never in the image is
    /// reported. Ordinary temporary files, libraries that an upgrade replaced, and libraries that a runtime of the
    /// image unpacked and deleted at once do not count or are low.
    ///
    /// A script counts without a first line that names its interpreter, too, if a shell or an interpreter still reads
    /// it. It is high if one of its lines is dangerous. An interpreter that read the whole script and closed it is
    /// reported if the script lay in a place that everyone may write to and is not there anymore.
    "FS-018", deleted_open_file, version 2, Files, Stable, Medium,
    title: "A program was deleted while in use",
    why: "Deleting a program while it runs hides it from those who look at the disk. Its bytes are in the archive.",
    benign: [
        "A runtime that deletes its library once it is loaded: it is of the image.",
        "An upgrade that replaced a library while it was in use: a new file has its name.",
    ],
    attack: ["T1070.004"],
    cost: Files,
    tags: ["antiforensics"],
    basis: Program,
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let scripts = running_script::deleted(facts);
    for (file, kind) in everywhere(facts).filter(|(file, _)| file.place == Place::Ghost) {
        if !report.look() {
            return;
        }
        if kind == Kind::Unread {
            report.not_checked("the contents of the deleted file are not in the archive");
        }
        let reader = scripts.get(&file.path).filter(|_| !matches!(kind, Kind::Elf | Kind::Nothing));
        if let Some((process, fd)) = reader.and_then(|(pid, fd)| Some((facts.process(*pid)?, *fd))) {
            script_of(facts, file, process, fd, report);
            continue;
        }
        match judge(facts, file, kind) {
            None => report.skip(),
            Some((severity, why, benign)) => {
                let head = facts.files().head(file, 64).into_owned();
                let finding = about(facts, &RULE, file)
                    .severity(severity)
                    .benign(benign)
                    .evidence(bytes(facts, file, 0, &head).with_note("its first bytes"))
                    .sentence(format!("{} was deleted while in use: it is {}, {why}.", described(file), kind.words()));
                report.add(with_users(facts, finding, &file.path));
            }
        }
    }
    closed(facts, report);
}

/// A deleted file that a shell or an interpreter still reads as its script.
fn script_of(facts: &Facts<'_>, file: &ChangedFile, process: &ProcessFacts<'_>, fd: u32, report: &mut Report<'_>) {
    let path = file.path.as_slice();
    let name = base(path);
    // Here documents of shells; jobs of `at`, whose file is removed as they start.
    let is_document = name.starts_with(b"sh-thd") || name.starts_with(b"zsh") && is_world_writable(path);
    let text = text(facts, file, report);
    let telling = running_script::telling(facts, &text, process.is_shell());
    let is_odd = is_world_writable(path) || hidden_part(path).is_some();
    let is_replaced = facts.files().at(path).any(|other| other.place != Place::Ghost);
    let is_own = facts.is_of_entry_point(process);
    let severity = match () {
        () if telling.is_some() && !is_own => Severity::High,
        () if is_document || is_replaced || path.starts_with(b"/var/spool/") => {
            report.skip();
            return;
        }
        () if is_odd && !is_own => Severity::Medium,
        () => Severity::Low,
    };
    let first =
        || super::super::commands::lines(&text).find(|line| script(line.text).is_some()).map(|at| (at, String::new()));
    let shown_line = telling.or_else(first);
    let words = match &shown_line {
        Some((at, words)) if words.is_empty() => format!(". It begins with the line {}", quoted(at.text)),
        Some((at, words)) => format!(". Its line {} {words}", quoted(at.text)),
        None => String::new(),
    };
    let mut finding = about(facts, &RULE, file)
        .severity(severity)
        .benign("A script of an installer or of a job that was removed while it runs: ask who started it.")
        .evidence(
            Evidence::descriptor(process.pid(), fd).with("path", process.file(fd).and_then(|file| file.path.as_ref())),
        )
        .sentence(format!(
            "{} was deleted, but process {} ({}) still runs it as a script{words}.",
            described(file),
            process.pid(),
            shown(process.name())
        ));
    if let Some((at, _)) = &shown_line {
        finding = finding.evidence(line(facts, file, *at));
    }
    if severity >= Severity::Medium {
        finding = finding.process(process.pid());
    }
    report.add(finding);
}

/// Interpreters whose script is gone, and is in the archive nowhere: they closed it once they had read it.
fn closed(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living().filter(|process| process.is_interpreter()) {
        if !report.look() {
            return;
        }
        if facts.is_of_entry_point(process) {
            report.skip();
            continue;
        }
        let Some(path) = running_script::gone(facts, process) else { continue };
        report.add(
            Finding::new(&RULE, Subject::Process(process.pid()))
                .severity(Severity::Medium)
                .confidence(Confidence::Medium)
                .identity([process.program.path.clone().unwrap_or_default(), path.clone()])
                .benign("The image has the script in this place: look there. The archive has only what changed.")
                .link(Link::Path(path.clone()))
                .next(Next::rows_of("processes", process.pid()))
                .evidence(
                    Evidence::process(process.pid())
                        .with("name", process.row.name.as_ref())
                        .with("cmdline", process.row.cmdline.as_ref()),
                )
                .sentence(format!(
                    "{} was started with the script {}, from a place that everyone may write to, and no such file is there anymore.",
                    process.title(),
                    shown(&path)
                )),
        );
    }
}

fn judge(facts: &Facts<'_>, file: &ChangedFile, kind: Kind) -> Option<(Severity, &'static str, String)> {
    let path = file.path.as_slice();
    let name = base(path);
    // Here documents of shells, and what editors and interpreters put aside.
    let is_document = name.starts_with(b"sh-thd") || name.starts_with(b"zsh") && is_world_writable(path);
    if is_document && kind != Kind::Elf || path.is_empty() && !kind.is_code() {
        return None;
    }
    let is_odd = is_world_writable(path) || hidden_part(path).is_some();
    match kind {
        Kind::Elf | Kind::Script => {
            if let Some(runtime) = runtime_of(facts, path).filter(|_| facts.uses().running(path).is_empty()) {
                let benign = format!(
                    "{} maps it, a runtime of the image: such runtimes delete libraries once they are loaded.",
                    runtime.title()
                );
                return Some((Severity::Low, "which a runtime unpacked", benign));
            }
            if is_made_by_ecl(facts, path) {
                let benign = "ECL of the image compiles code to such a file, loads it and deletes it.".to_owned();
                return Some((Severity::Low, "which a compiler of the image wrote", benign));
            }
            if is_odd {
                let benign = "An installer that deletes itself: ask who ran it.".to_owned();
                return Some((Severity::Medium, "from a place that everyone may write to, or a hidden one", benign));
            }
            let is_replaced = facts.files().at(path).any(|other| other.place != Place::Ghost);
            let has_run = facts.packages().managers().next().is_some();
            if is_replaced || has_run || facts.has_other_version(path) {
                return None;
            }
            let severity = if is_system(path) || kind == Kind::Elf { Severity::Medium } else { Severity::Low };
            Some((
                severity,
                "and the image does not have it",
                "A program that was replaced by hand during an update.".to_owned(),
            ))
        }
        Kind::Archive(_) if is_odd && file.size > 1 << 20 => {
            let benign = format!("A temporary file of a program: look at what {} has open.", shown(path));
            Some((Severity::Low, "in a place that everyone may write to", benign))
        }
        _ => None,
    }
}
