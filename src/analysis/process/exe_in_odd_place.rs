//! PROC-032: a program in a place where programs are not installed.

use super::super::card::rule;
use super::super::words::shown;
use super::super::{Confidence, Facts, Finding, Link, Next, Report, Subject};
use super::common::{program, row_of, whole};

rule! {
    /// A process whose program lies below `/run`, `/boot`, `/etc`, `/var/log`, `/var/spool`, `/var/cache`, `/usr/share`,
    /// `/usr/include`, `/mnt` or `/media`, and is not of the image. Products that keep their programs in such a place bring
    /// them with the image.
    "PROC-032", exe_in_odd_place, version 1, Process, Incubating, Medium,
    title: "A program runs from where programs are not installed",
    why: "A program among logs, settings or documents is there to be overlooked.",
    benign: ["A tool that unpacks its program at start, or a volume with programs."],
    attack: ["T1036.005"],
    cost: Files,
    check: check,
}

const PLACES: [&str; 12] = [
    "/run/",
    "/var/run/",
    "/boot/",
    "/etc/",
    "/var/log/",
    "/var/spool/",
    "/var/cache/",
    "/usr/share/",
    "/usr/include/",
    "/mnt/",
    "/media/",
    "/lost+found/",
];

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        let Some(path) = process.program.path.clone() else {
            report.not_checked("the program of a process is not recorded");
            continue;
        };
        if !report.look() {
            return;
        }
        let is_odd = PLACES.iter().any(|place| path.starts_with(place.as_bytes()));
        if !is_odd || super::super::vocabulary::is_world_writable(&path) || process.program.deleted {
            continue;
        }
        if facts.files().is_in_image(&path) || facts.files().is_changed(&path) && !facts.is_program_new(process) {
            report.skip();
            continue;
        }
        report.add(
            Finding::new(&RULE, Subject::Process(process.pid()))
                .confidence(Confidence::Medium)
                .identity([program(process)])
                .path(path.clone())
                .sentence(format!("{} runs {}, which is not of the image.", process.title(), shown(&path)))
                .next(Next::Extract { what: "rootfs", path: Some(whole(&path)) })
                .link(Link::Path(path))
                .evidence(row_of(process)),
        );
    }
}
