//! FS-014: logs that were deleted or cut.

use bstr::{BString, ByteSlice};

use super::super::card::rule;
use super::super::facts::{ChangedFile, Place, base, without_deleted};
use super::super::vocabulary::is_hidden_name;
use super::super::words::{count, listed, shown, size};
use super::super::{Confidence, Evidence, Facts, Finding, Link, Next, Report, Severity, Subject};
use super::common::{about, bytes, is_below, next, row};

rule! {
    /// Logs that are gone: those of the image below `/var/log` that were deleted, records of logins that are links to
    /// `/dev/null`, a log that a process still has open although its name is gone, and a log whose writer is at a
    /// position behind its end, by 4 KiB or more, or with nothing left of it. Logs that a package manager or a rotation removes do not count: the next file of the
    /// rotation is there.
    "FS-014", log_deleted_or_truncated, version 2, Files, Stable, Medium,
    title: "A log was deleted or cut",
    why: "Intruders remove the lines that show how they came in. A log that was deleted while open is still in the archive.",
    benign: [
        "A rotation of logs: the writer has the old file open, and a new one is there.",
        "A build step that removed what an installer logged.",
    ],
    attack: ["T1070.002"],
    cost: Files,
    tags: ["antiforensics"],
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    if !facts.files().has_rootfs() {
        report.not_checked("the archive has no record of changes to the root file system");
    }
    removed(facts, report);
    open(facts, report);
}

/// Names of records of logins.
fn is_login_record(path: &[u8]) -> bool {
    matches!(
        base(path),
        b"wtmp" | b"btmp" | b"lastlog" | b"utmp" | b"auth.log" | b"secure" | b"audit.log" | b"faillog" | b"sulog"
    )
}

/// Logs of installers, and old files of rotations.
fn is_of_no_interest(path: &[u8]) -> bool {
    let name = base(path);
    let is_installer = is_below(
        path,
        &["/var/log/apt", "/var/log/dnf", "/var/log/yum", "/var/log/hawkey", "/var/log/installer", "/var/log/anaconda"],
    ) || matches!(
        name,
        b"dpkg.log"
            | b"alternatives.log"
            | b"bootstrap.log"
            | b"apk.log"
            | b"zypper.log"
            | b"pacman.log"
            | b"fontconfig.log"
            | b"README"
    );
    let is_rotated = [".gz", ".xz", ".bz2", ".zst", ".old"].iter().any(|end| name.ends_with(end.as_bytes()))
        || name.rsplit_once_str(".").is_some_and(|(_, end)| !end.is_empty() && end.iter().all(u8::is_ascii_digit));
    is_installer || is_rotated
}

/// Logs of the image that are gone, in one finding; and links to `/dev/null`.
fn removed(facts: &Facts<'_>, report: &mut Report<'_>) {
    let mut gone: Vec<&ChangedFile> = Vec::new();
    for file in
        facts.files().all().iter().filter(|file| {
            is_below(&file.path, &["/var/log/"]) || is_below(&file.path, &["/run/utmp", "/var/run/utmp"])
        })
    {
        if !report.look() {
            return;
        }
        let is_link = file.place == Place::Rootfs && file.file_type == "symlink" && is_login_record(&file.path);
        if is_link && file.link.as_ref().is_some_and(|link| link == "/dev/null") {
            let sentence = format!("{}, a record of logins, is a link to /dev/null.", shown(&file.path));
            report.add(about(facts, &RULE, file).sentence(sentence));
        }
        if file.place != Place::Deleted {
            continue;
        }
        let is_back = facts.files().at(&file.path).any(|other| other.place != Place::Deleted);
        if is_back || is_of_no_interest(&file.path) || facts.files().mount_of(&file.path).is_some() {
            report.skip();
        } else {
            gone.push(file);
        }
    }
    gone.sort_by(|a, b| a.path.cmp(&b.path));
    let Some(first) = gone.iter().find(|file| is_login_record(&file.path)).or_else(|| gone.first()) else { return };
    let has_records = is_login_record(&first.path);
    let names: Vec<String> = gone.iter().map(|file| shown(&file.path)).take(4).collect();
    let more = if gone.len() > names.len() { format!(" ({} in all)", count(gone.len(), "log")) } else { String::new() };
    let severity = if has_records { Severity::Medium } else { Severity::Low };
    let mut finding = Finding::new(&RULE, Subject::File(first.path.clone()))
        .severity(severity)
        .confidence(Confidence::High)
        .next(next(first))
        .sentence(format!("Logs of the image were deleted: {}{more}.", listed(&names)))
        .benign("An entry point or an administrator who clears logs: ask who did.");
    for file in &gone {
        finding = finding.identity([file.path.clone()]);
    }
    for file in gone.iter().take(16) {
        finding = finding.evidence(row(facts, file));
    }
    report.add(finding);
}

fn is_log(path: &[u8]) -> bool {
    let is_named = base(path).ends_with(b".log") && !is_below(path, &["/tmp/", "/var/tmp/", "/dev/shm/"]);
    is_below(path, &["/var/log/"]) || is_named
}

/// Logs that processes have open.
fn open(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        for file in process.files().iter().filter(|file| file.r#type == Some("regular")) {
            let Some((path, _)) = file.path.as_ref().map(|path| without_deleted(path)).filter(|(path, _)| is_log(path))
            else {
                continue;
            };
            if !report.look() {
                return;
            }
            let writes = file
                .flag_names
                .as_ref()
                .is_some_and(|names| names.iter().any(|name| matches!(name.as_ref(), "O_WRONLY" | "O_RDWR")));
            let is_cut = is_cut(file.pos, file.size) && writes;
            let is_deleted = file.deleted == Some(true);
            if !(is_deleted && writes || is_cut) {
                continue;
            }
            let rotated = is_rotation(facts, path);
            let (severity, benign) = if rotated {
                (Severity::Low, "A rotation: the next file is there, and the writer has not opened it yet.".to_owned())
            } else {
                (Severity::Medium, "A rotation that did not tell the writer: the next file would be there.".to_owned())
            };
            let what = if is_deleted {
                format!("{} writes to {}, a log that was deleted", process.title(), shown(path))
            } else {
                let (pos, size_now) = (file.pos.unwrap_or_default(), file.size.unwrap_or_default());
                format!(
                    "{} is at {} of {}, a log that has only {}: it was cut",
                    process.title(),
                    size(pos),
                    shown(path),
                    size(size_now)
                )
            };
            let evidence = Evidence::descriptor(process.pid(), u64::from(file.fd.0))
                .with("path", file.path.as_ref())
                .with("pos", file.pos)
                .with("size", file.size)
                .with("flags", file.flags.clone());
            let mut finding = Finding::new(&RULE, Subject::File(path.into()))
                .severity(severity)
                .confidence(if is_deleted { Confidence::High } else { Confidence::Medium })
                .identity([path, if is_deleted { b"deleted" } else { b"cut" }])
                .benign(benign)
                .next(Next::rows_where("recovered_files", "path", path.as_bstr().to_string()))
                .evidence(evidence);
            if severity >= Severity::Medium {
                finding = finding.process(process.pid());
            } else {
                finding = finding.link(Link::Path(path.into()));
            }
            let ghost = facts.files().at(path).find(|file| file.place == Place::Ghost);
            if let Some(ghost) = ghost.filter(|_| is_deleted) {
                let head = facts.files().head(ghost, 512).into_owned();
                let line: BString = head.lines().next().unwrap_or_default().into();
                finding = finding
                    .evidence(row(facts, ghost))
                    .evidence(bytes(facts, ghost, 0, &head).with_text(line).with_note("its first line"));
            }
            let hidden = if is_hidden_name(base(path)) { "; its name is hidden" } else { "" };
            report.add(finding.sentence(format!("{what}{hidden}.")));
        }
    }
}

/// Whether a log is shorter than its writer has written. A few lines may be in flight, but not all of them.
fn is_cut(pos: Option<u64>, size: Option<u64>) -> bool {
    matches!((pos, size), (Some(pos), Some(size)) if pos > size.saturating_add(4096) || size == 0 && pos > 0)
}

/// Whether the files next to a log are those of a rotation, or a new log has its name.
fn is_rotation(facts: &Facts<'_>, path: &[u8]) -> bool {
    let is_new = |path: &[u8]| {
        facts.files().at(path).any(|file| matches!(file.place, Place::Rootfs | Place::Volume | Place::Tmpfs))
    };
    let next = |end: &str| is_new(&bstr::concat([path, end.as_bytes()]));
    let stem = path.rsplit_once_str(".").filter(|(_, end)| end.iter().all(u8::is_ascii_digit)).map(|(stem, _)| stem);
    is_new(path) || next(".1") || next(".1.gz") || next(".2.gz") || next(".old") || stem.is_some_and(is_new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_shorter_than_what_was_written_were_cut() {
        assert!(is_cut(Some(318), Some(0)) && is_cut(Some(9000), Some(100)));
        assert!(!is_cut(Some(0), Some(0)) && !is_cut(Some(318), Some(200)) && !is_cut(None, Some(0)));
    }

    #[test]
    fn logs_of_installers_and_rotations_are_of_no_interest() {
        for path in ["/var/log/dpkg.log", "/var/log/apt/history.log", "/var/log/x.log.3", "/var/log/x.log.2.gz"] {
            assert!(is_of_no_interest(path.as_bytes()), "{path}");
        }
        assert!(!is_of_no_interest(b"/var/log/wtmp") && !is_of_no_interest(b"/var/log/nginx/access.log"));
        assert!(is_login_record(b"/var/log/wtmp") && !is_login_record(b"/var/log/x"));
        assert!(is_log(b"/var/log/.journal-cache") && is_log(b"/srv/a.log") && !is_log(b"/tmp/a.log"));
    }
}
