//! FS-015: names that are made to be overlooked.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashSet};

use bstr::{BStr, BString, ByteSlice};

use super::super::card::rule;
use super::super::facts::{ChangedFile, Kind, Place, ProcessFacts, base, without_deleted};
use super::super::words::shown;
use super::super::{Confidence, Facts, Finding, Link, Report, Severity, Subject};
use super::common::{everywhere, hidden_part, is_below, next, row, with_users};
use crate::model::ids::Pid;

rule! {
    /// New files and directories with names that are made to be overlooked: a leading dot where that is unusual (temporary
    /// directories, `/dev/shm`, `/etc`, `/usr`, `/var/log`), names of dots and blanks, blanks at an end, control
    /// characters, characters without width, characters that change the direction of writing, and words of mixed
    /// alphabets. Files of one hidden directory are one finding. A hidden directory with nothing that runs is low, except in
    /// `/dev/shm`. Dots in homes and applications, and names that known software uses, do not count.
    "FS-015", hidden_place, version 1, Files, Stable, Medium,
    title: "A file or directory has a name that is easily overlooked",
    why: "Tools are kept in hidden directories of places that everyone may write to.",
    benign: ["A program that keeps its lock or cache in a hidden directory: it holds no program, and the owner of the directory is the service."],
    attack: ["T1564.001", "T1036.006", "T1036.002"],
    cost: Files,
    tags: ["hidden"],
    basis: Program,
    check: check,
}

/// What is hidden at a path.
#[derive(Default)]
struct Hidden<'f> {
    files: Vec<(&'f ChangedFile, Kind)>,
    count: usize,
    has_code: bool,
    /// Why the name itself is odd.
    trick: Option<&'static str>,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let mut places: BTreeMap<BString, Hidden<'_>> = BTreeMap::new();
    let synced = OnceCell::new();
    for (file, kind) in everywhere(facts) {
        if file.engine_noise
            || !matches!(file.place, Place::Rootfs | Place::Tmpfs | Place::Ghost)
            || !file.path.starts_with(b"/")
        {
            continue;
        }
        if !report.look() {
            break;
        }
        let tricked = tricked(&file.path);
        let part = tricked.map(|(part, _)| part).or_else(|| hidden_part(&file.path));
        let Some(part) = part else { continue };
        if facts.packages().manager_of(facts.files(), file).is_some() {
            report.skip();
            continue;
        }
        if !kind.is_code() && is_of_known_software(facts, &synced, &file.path) {
            report.skip();
            continue;
        }
        let hidden = places.entry(part.into()).or_default();
        hidden.count = hidden.count.saturating_add(1);
        hidden.has_code |= kind.is_code() || file.mode & 0o6000 != 0 && file.file_type == "regular";
        hidden.trick = hidden.trick.or(tricked.map(|(_, why)| why));
        if hidden.files.len() < 16 {
            hidden.files.push((file, kind));
        }
    }
    let here = processes_at(facts, places.keys());
    for (path, hidden) in &places {
        let pids = here.get(path).map_or(&[][..], Vec::as_slice);
        found(facts, path, hidden, pids, report);
    }
}

fn found(facts: &Facts<'_>, path: &BString, hidden: &Hidden<'_>, pids: &[Pid], report: &mut Report<'_>) {
    let is_shared = is_below(path, &["/dev/"]);
    let is_only_ghost = hidden.files.iter().all(|(file, _)| file.place == Place::Ghost);
    let severity = if hidden.trick.is_some() || hidden.has_code || !pids.is_empty() || is_shared && !is_only_ghost {
        Severity::Medium
    } else {
        Severity::Low
    };
    let why = hidden.trick.unwrap_or("is hidden where hidden names are unusual");
    let inside = match (hidden.count, hidden.has_code) {
        (0 | 1, false) => String::new(),
        (0 | 1, true) => "; it is a program or a script, or holds one".to_owned(),
        (number, true) => format!("; it has {number} files and directories, with programs or scripts"),
        (number, false) => format!("; it has {number} files and directories"),
    };
    let used = match pids {
        [] => String::new(),
        [one] => format!(". Process {one} works there"),
        [one, rest @ ..] => format!(". Process {one} and {} more work there", rest.len()),
    };
    let mut finding = Finding::new(&RULE, Subject::File(path.clone()))
        .severity(severity)
        .confidence(if hidden.trick.is_some() { Confidence::High } else { Confidence::Medium })
        .identity([path.clone()])
        .sentence(format!("{} {why}{inside}{used}.", shown(path)));
    if let Some((first, _)) = hidden.files.first() {
        finding = finding.next(next(first));
    }
    for (file, _) in &hidden.files {
        finding = finding.evidence(row(facts, file)).link(Link::Path(file.path.clone()));
    }
    finding.evidence_more = crate::int::u64_of(hidden.count.saturating_sub(hidden.files.len()));
    if severity >= Severity::Medium {
        for &pid in pids.iter().take(64) {
            finding = if finding.pid.is_none() { finding.process(pid) } else { finding };
            finding = finding.also(pid);
        }
    }
    report.add(with_users(facts, finding, path));
}

/// The processes that run a program of a hidden place or have it as their directory.
fn processes_at<'p>(
    facts: &Facts<'_>,
    places: impl Iterator<Item = &'p BString> + Clone,
) -> BTreeMap<BString, Vec<Pid>> {
    let known: HashSet<&BStr> = places.map(|place| place.as_bstr()).collect();
    let mut here: BTreeMap<BString, Vec<Pid>> = BTreeMap::new();
    for process in facts.living() {
        let program = process.program.path.as_ref().map(|path| path.as_slice());
        let cwd = process.row.cwd.as_ref().map(|path| without_deleted(path).0);
        for path in program.into_iter().chain(cwd).filter(|path| path.len() < 4096) {
            let ends = path
                .iter()
                .enumerate()
                .filter(|(_, byte)| **byte == b'/')
                .map(|(at, _)| at)
                .take(64)
                .chain([path.len()]);
            for end in ends {
                let Some(part) = path.get(..end).map(ByteSlice::as_bstr).filter(|part| known.contains(part)) else {
                    continue;
                };
                let pids = here.entry(part.into()).or_default();
                if pids.last() != Some(&process.pid()) {
                    pids.push(process.pid());
                }
            }
        }
    }
    here
}

/// Whether a file without code is one that known software writes under this hidden name in this place.
fn is_of_known_software<'f>(facts: &'f Facts<'_>, synced: &OnceCell<HashSet<&'f [u8]>>, path: &[u8]) -> bool {
    const FILES: [(&str, &str); 4] = [
        ("/var/lib/rabbitmq/", "/.vhost"),
        ("/var/lib/rabbitmq/", "/.queue_name"),
        ("/run/systemd/propagate/", "/.os-release-stage"),
        ("/", "/.wine/.update-timestamp"),
    ];
    let is_listed = FILES
        .iter()
        .any(|(place, end)| path.starts_with(place.as_bytes()) && path.strip_suffix(end.as_bytes()).is_some());
    is_listed || is_of_rsync(base(path)) && synced.get_or_init(|| open_in(facts, "rsync")).contains(path)
}

/// `.report.pdf.wguP6R`, as rsync calls a file until it has all of it.
fn is_of_rsync(name: &[u8]) -> bool {
    let parts = name.strip_prefix(b".").and_then(|rest| rest.rsplit_once_str("."));
    parts.is_some_and(|(name, end)| !name.is_empty() && end.len() == 6 && end.iter().all(u8::is_ascii_alphanumeric))
}

/// The files that a program of the image has open.
fn open_in<'f>(facts: &'f Facts<'_>, program: &str) -> HashSet<&'f [u8]> {
    let is_it = |process: &&ProcessFacts<'_>| {
        process.program.base() == program
            && !process.program.deleted
            && process.program.path.as_ref().is_some_and(|path| facts.files().is_in_image(path))
    };
    let files = facts.living().filter(is_it).flat_map(ProcessFacts::files);
    files.filter_map(|file| file.path.as_ref().map(|path| path.as_slice())).collect()
}

/// The path up to the first part whose name is a trick, and which. Names of users' documents may have most of these, so
/// blanks count only where nobody keeps documents.
fn tricked(path: &[u8]) -> Option<(&[u8], &'static str)> {
    let mut end: usize = 0;
    let is_documents = !is_below(
        path,
        &[
            "/tmp/",
            "/var/tmp/",
            "/dev/",
            "/etc/",
            "/usr/",
            "/bin/",
            "/sbin/",
            "/lib",
            "/var/log/",
            "/var/spool/",
            "/run/",
            "/root/",
        ],
    );
    for part in path.split_str("/") {
        end = end.saturating_add(part.len());
        if let Some(why) = trick(part, is_documents) {
            return Some((path.get(..end)?, why));
        }
        end = end.saturating_add(1);
    }
    None
}

fn trick(name: &[u8], is_documents: bool) -> Option<&'static str> {
    let is_dots = name.len() > 1 && name.iter().all(|byte| matches!(byte, b'.' | b' ')) && name != b"..";
    if is_dots || !name.is_empty() && name.iter().all(|byte| *byte == b' ') {
        return Some("has a name of dots and blanks");
    }
    if name.iter().any(|byte| *byte < b' ' && *byte != b'\t' || *byte == 0x7f) {
        return Some("has control characters in its name");
    }
    if !is_documents && (name.ends_with(b" ") || name.starts_with(b" ")) {
        return Some("has a blank at an end of its name");
    }
    let Ok(text) = name.to_str() else { return None };
    if text.chars().any(|c| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')) {
        return Some("has characters in its name that change the direction of writing");
    }
    if text.chars().any(|c| matches!(c, '\u{200b}' | '\u{2060}' | '\u{feff}' | '\u{00ad}' | '\u{3164}' | '\u{180e}')) {
        return Some("has invisible characters in its name");
    }
    let words = text.split(|c: char| !c.is_alphabetic());
    let is_mixed = |word: &str| {
        let is_latin = word.chars().any(|c| c.is_ascii_alphabetic());
        is_latin && word.chars().any(|c| matches!(c, '\u{0370}'..='\u{03ff}' | '\u{0400}'..='\u{04ff}') && c != 'µ')
    };
    (!is_documents && words.into_iter().any(is_mixed)).then_some("has letters of two alphabets in one word of its name")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tricks_are_seen() {
        assert_eq!(tricked(b"/tmp/.. /notes").map(|found| found.0), Some(&b"/tmp/.. "[..]));
        assert_eq!(tricked(b"/tmp/.../x").map(|found| found.0), Some(&b"/tmp/..."[..]));
        for name in ["a\x1b[2Jb", "x\u{202e}gpj", "ba\u{200b}sh", "b\u{0430}sh", "a "] {
            assert!(tricked(format!("/tmp/{name}").as_bytes()).is_some(), "{name:?}");
        }
        for path in [
            "/tmp/a b",
            "/data/report .pdf ",
            "/home/a/\u{43f}\u{440}\u{438}\u{432}\u{435}\u{442}",
            "/tmp/x..y",
            "/srv/\u{3b1}",
        ] {
            assert_eq!(tricked(path.as_bytes()), None, "{path}");
        }
    }

    #[test]
    fn files_of_rsync_have_a_random_end() {
        assert!(is_of_rsync(b".x.bin.wguP6R"));
        for name in [&b".x.bin"[..], b"x.bin.wguP6R", b".wguP6R", b".x.wguP6", b""] {
            assert!(!is_of_rsync(name));
        }
    }

    #[test]
    fn dots_count_where_they_are_unusual() {
        for (path, part) in [
            ("/tmp/.cache/.x/run", "/tmp/.cache/.x"),
            ("/dev/shm/.lck/pid", "/dev/shm/.lck"),
            ("/etc/cron.d/.sysupdate", "/etc/cron.d/.sysupdate"),
            ("/var/tmp/.font-unix/.sh", "/var/tmp/.font-unix/.sh"),
        ] {
            assert_eq!(hidden_part(path.as_bytes()).map(ByteSlice::as_bstr), Some(part.as_bytes().as_bstr()), "{path}");
        }
        for path in [
            "/root/.vscode-server/bin",
            "/srv/app/.env",
            "/tmp/.X11-unix/X0",
            "/tmp/.java_pid12",
            "/home/a/.x/y",
            "/etc/.pwd.lock",
        ] {
            assert_eq!(hidden_part(path.as_bytes()), None, "{path}");
        }
    }
}
