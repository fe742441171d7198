//! FS-016: times of files that cannot be right.

use super::super::card::rule;
use super::super::facts::{ChangedFile, Place};
use super::super::vocabulary::is_world_writable;
use super::super::words::shown;
use super::super::{Confidence, Facts, Finding, Report, Subject};
use super::common::{about, changed, hidden_part, next, row};

rule! {
    /// Programs and scripts in places that everyone may write to, or in hidden places, whose time is older than the
    /// container, and files whose time is after the checkpoint. Copies and unpacked archives keep times, so this is
    /// weak by itself; it supports other findings about the same file. The time of the last change of the inode is not
    /// in archives.
    "FS-016", timestomp, version 1, Files, Incubating, Low,
    title: "A file has a time that cannot be right",
    why: "Intruders set the times of their tools back, so that they do not stand out among files of the image.",
    benign: ["Archives, `cp -p`, git and npm keep the times of files.", "The clocks of two machines differ."],
    attack: ["T1070.006"],
    cost: Files,
    tags: ["antiforensics"],
    context: true,
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let checkpointed = facts.model().container().checkpointed.as_ref().ok().map(|(time, _)| *time);
    let mut late: Option<(&ChangedFile, usize)> = None;
    for (file, kind) in changed(facts, report).into_iter().filter(|(file, _)| file.file_type == "regular") {
        if !report.look() {
            break;
        }
        let Some(time) = file.mtime else {
            report.not_checked("the archive has no time of the file");
            continue;
        };
        let is_after = checkpointed.is_some_and(|end| time.as_second() > end.as_second().saturating_add(3600));
        if is_after {
            late = Some(late.map_or((file, 1), |(first, count)| (first, count.saturating_add(1))));
        }
        let is_odd = is_world_writable(&file.path) || hidden_part(&file.path).is_some();
        let predates = facts.minutes_after_start(time).is_some_and(|minutes| minutes < -24 * 60);
        if kind.is_code() && is_odd && predates && file.place == Place::Rootfs {
            report.add(about(facts, &RULE, file).confidence(Confidence::Low).sentence(format!(
                "{} is a program or script that says it is from {time}, before the container was started.",
                shown(&file.path)
            )));
        }
    }
    if let Some((file, count)) = late {
        let more = if count > 1 { format!(", and so have {} others", count.saturating_sub(1)) } else { String::new() };
        report.add(
            Finding::new(&RULE, Subject::Container("times of files"))
                .confidence(Confidence::Low)
                .identity(["after the checkpoint"])
                .next(next(file))
                .evidence(row(facts, file))
                .sentence(format!("{} has a time after the checkpoint{more}.", shown(&file.path))),
        );
    }
}
