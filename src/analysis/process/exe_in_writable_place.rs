//! PROC-004: a process whose program lies where everyone may write.

use super::super::card::rule;
use super::super::facts::Place;
use super::super::vocabulary::{is_hidden, is_managed, is_world_writable};
use super::super::words::shown;
use super::super::{Confidence, Evidence, Facts, Finding, Link, Next, Report, Severity, Subject};
use super::common::{program, row_of, whole};

rule! {
    /// A process whose program lies below `/tmp`, `/var/tmp`, `/dev/shm` or another place that everyone may write to, in a
    /// hidden directory, or, if it was put there after the container was created, in a home directory or the directories of a web
    /// server. It is low if the specification names the program, or if a tool that builds programs started it; a step lower if it
    /// lies where a tool of the image that is among its ancestors builds, or where a packed program unpacked itself that maps
    /// other files from there. Programs that were deleted since are the matter of PROC-003.
    "PROC-004", exe_in_writable_place, version 2, Process, Stable, High,
    title: "A program runs from a temporary or hidden place",
    why: "Installed programs lie elsewhere. A service that was taken over can write only to such places.",
    benign: [
        "Something was built or unpacked there: test runners, `go run`, AppImage, Bazel, `npx`.",
        "The image keeps its program there: then the file is not among the changes."
    ],
    attack: ["T1036.005", "T1105"],
    cost: Files,
    basis: Program,
    check: check,
}

/// Programs whose first bytes are shown.
const READ_MOST: usize = 64;

/// Whether a program is among the files that the archive has.
fn is_known(facts: &Facts<'_>, path: &[u8]) -> bool {
    facts.files().at(path).any(|file| !matches!(file.place, Place::Deleted | Place::Ghost) && !file.engine_noise)
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let mut read = 0_usize;
    for process in facts.living() {
        let Some(_) = &process.program.path else {
            report.not_checked("the program of a process is not recorded");
            continue;
        };
        if !report.look() {
            return;
        }
        if process.program.deleted || process.program.memfd {
            report.skip();
            continue;
        }
        let path = program(process);
        let in_image =
            facts.files().is_in_image(&path) || facts.files().is_changed(&path) && !facts.is_program_new(process);
        let is_home = [b"/root/".as_slice(), b"/home/"].iter().any(|home| path.starts_with(home));
        let is_web =
            [b"/var/www/".as_slice(), b"/srv/www/", b"/usr/share/nginx/html/"].iter().any(|web| path.starts_with(web));
        let place = match () {
            () if is_world_writable(&path) => "a place that everyone may write to",
            () if path.starts_with(b"/dev/") => "the directory of devices",
            // Version managers install into hidden folders.
            () if is_hidden(&path) && !in_image => "a hidden directory",
            () if (is_home || is_web) && !in_image => "a directory for data",
            () => continue,
        };
        let built = facts.is_of_builder(process, &path) || process.is_unpacked(&path);
        let managed = is_managed(&path);
        // The specification names the program, or a tool that builds programs started it, or a person who logged in.
        let is_declared = !is_hidden(&path) && (facts.is_declared(&path) || facts.is_built(process));
        let severity = match () {
            () if is_declared => Severity::Low,
            () if managed && facts.service_above(process).is_none() => Severity::Low,
            () if managed => Severity::Medium,
            () if in_image && facts.is_of_entry_point(process) => Severity::Low,
            () if in_image => Severity::Medium,
            () if is_home && !is_hidden(&path) && (facts.is_login(process) || facts.is_of_entry_point(process)) => {
                Severity::Low
            }
            () if place == "a directory for data" => Severity::Medium,
            // A volume may have come with it.
            () if place == "a hidden directory" && !is_known(facts, &path) => Severity::Medium,
            () => Severity::High,
        };
        let severity = if built && severity > Severity::Low { severity.lowered() } else { severity };
        let mut finding = Finding::new(&RULE, Subject::Process(process.pid()))
            .severity(severity)
            .confidence(if in_image || built { Confidence::Medium } else { Confidence::High })
            .identity([path.clone()])
            .path(path.clone())
            .link(Link::Path(path.clone()))
            .sentence(format!("{} runs {}, which lies in {place}.", process.title(), shown(&path)))
            .next(Next::Extract { what: "rootfs", path: Some(whole(&path)) })
            .evidence(row_of(process));
        match facts.files().at(&path).find(|file| !matches!(file.place, Place::Deleted | Place::Ghost)) {
            Some(file) => {
                read = read.saturating_add(1);
                let head = if read <= READ_MOST { facts.files().head(file, 64) } else { std::borrow::Cow::default() };
                let member = file.member.clone().unwrap_or_default();
                let note = format!("the program, {}", file.place.words());
                let row = match file.offset {
                    Some(offset) => Evidence::file(facts, &member, offset, &head),
                    None => Evidence::row("rootfs_changes", [("path", path.clone().into())]),
                };
                finding = finding.evidence(row.with_note(note));
            }
            None if in_image => {
                finding = finding.benign("The image keeps the program there, as it is not among the changes.");
            }
            None => {}
        }
        if is_declared {
            finding = finding
                .benign("The command that starts the container names it, or a tool that builds programs runs it.");
        } else if built {
            finding = finding.benign("A build tool runs what it has built or unpacked there.");
        }
        report.add(finding);
    }
}
