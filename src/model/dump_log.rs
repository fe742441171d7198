//! How the dump ended, according to CRIU's log (`dump.log`; `criu/cr-dump.c` writes its last lines).

use bstr::{BStr, BString, ByteSlice};

use super::EngineFiles;
use crate::archive::{Archive, Contents, Member, MemberKind, Piece};
use crate::images::{Images, Kind};
use crate::int::u64_of;
use crate::warning::{Code, Place};

/// Names of CRIU's log of a dump.
const LOGS: [&str; 3] = ["dump.log", "criu-dump.log", "pre-dump.log"];
/// Bytes at the end of a log that are searched for the last lines.
const TAIL: u64 = 64 << 10;
/// Bytes of a log that are searched for the first error.
const WHOLE: u64 = 64 << 20;
/// Bytes of a line that are quoted.
const QUOTED: usize = 300;

/// Warns if the log says that there was no dump, or if there is no image and no reason is known.
pub(super) fn check(images: Images<'_>, engine_files: &EngineFiles<'_>) {
    let failed = engine_files.criu_log().is_some_and(|(path, log)| {
        let finished = images.has(Kind::Inventory, 0);
        let Some(why) = failure(&log, finished) else { return false };
        engine_files.warnings.push(Code::DumpFailed, Place::member(path), || why);
        true
    });
    // Unreadable files, which have a warning of their own, may be the images.
    if images.set.is_empty() && !images.archive.has_unreadable() {
        engine_files.warnings.push(Code::ImagesMissing, Place::member(&images.set.folder), || {
            if failed {
                "no CRIU images found, because the dump failed; only the engine's files are shown".to_owned()
            } else {
                "no CRIU images found; only the engine's files are shown. Check whether the runtime's \
                 images directory was redirected (criu.conf: images-dir)"
                    .to_owned()
            }
        });
    }
}

/// The failure reported by the log of an archive that has nothing else.
pub(crate) fn failure_alone(archive: &Archive) -> Option<String> {
    let is_log = |member: &&Member| LOGS.iter().any(|name| member.file_name() == name.as_bytes());
    let log = archive.members().iter().filter(|member| member.kind == MemberKind::File).find(is_log)?;
    Some(format!("{}: {}", log.path, failure(&archive.contents(log), false)?))
}

/// Why the log does not show a complete dump; `None` if it does.
fn failure(log: &Contents<'_>, finished: bool) -> Option<String> {
    let from = log.len().saturating_sub(TAIL);
    let tail = bytes(log, from, TAIL);
    let last = tail.lines().rev().map(ByteSlice::trim).find(|line| !line.is_empty())?;
    let at = |words: &str| tail.rfind(words);
    let said = at("umping FAILED");
    if at("finished successfully") > said || said.is_none() && finished {
        return None;
    }
    let first = bytes(log, 0, WHOLE).lines().find(|line| line.contains_str("Error (")).map(quoted);
    let first = first.map_or_else(String::new, |first| format!("; first error: {first}"));
    Some(match said {
        Some(_) => format!("the dump failed{first}; last line: {}", quoted(last)),
        None => {
            format!(
                "the log ends before the dump finished, so the dump may have failed{first}; last line: {}",
                quoted(last)
            )
        }
    })
}

/// The available bytes of a range.
fn bytes(log: &Contents<'_>, from: u64, len: u64) -> Vec<u8> {
    let mut all = Vec::new();
    for piece in log.pieces(from, len) {
        match piece {
            Piece::Bytes(bytes) => all.extend_from_slice(bytes),
            Piece::Hole(_) | Piece::Absent(..) => {}
        }
    }
    all
}

fn quoted(line: &[u8]) -> BString {
    let line = line.trim();
    let cut = line.get(..QUOTED).unwrap_or(line);
    BStr::new(cut).to_owned()
}

impl<'a> EngineFiles<'a> {
    /// The log of the dump, and where it lies.
    fn criu_log(&self) -> Option<(&'a BStr, Contents<'a>)> {
        let log = LOGS.iter().find_map(|name| self.work_file(name))?;
        let file = self.archive().resolve(log).ok().filter(|file| file.kind == MemberKind::File)?;
        let contents = self.archive().contents(file);
        (u64_of(1) <= contents.len()).then_some((BStr::new(&log.path), contents))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(log: &str, finished: bool) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dump.log");
        std::fs::write(&path, log).unwrap();
        let archive = Archive::of_file(&path, true, &crate::Limits::default()).unwrap();
        let contents = archive.contents(&archive.members()[0]);
        failure(&contents, finished)
    }

    const FAILED: &str = "(00.1) Version: 4.2\n(00.2) Error (criu/files-ext.c:98): Can't dump file 11\n(00.3) Error (criu/cr-dump.c:2053): Dumping FAILED.\n";

    #[test]
    fn a_failed_dump_gives_its_first_error_and_its_last_line() {
        let why = told(FAILED, false).unwrap();
        assert!(why.contains("Can't dump file 11") && why.contains("Dumping FAILED."), "{why}");
        assert!(told(FAILED, true).is_some(), "an inventory does not make up for it");
    }

    #[test]
    fn a_dump_that_went_on_well_after_errors_did_not_fail() {
        let log = "(00.1) Error (criu/x.c:1): never mind\n(00.2) Dumping finished successfully\n";
        assert_eq!(told(log, true), None);
        assert_eq!(told(log, false), None);
        assert_eq!(told(&format!("{FAILED}{log}"), true), None, "a second try");
    }

    #[test]
    fn a_log_that_just_ends_tells_of_a_failure_only_if_the_images_do_too() {
        let log = "(00.1) Version: 4.2\n(00.2) Dumping task (pid: 7 comm: sh)\n";
        assert_eq!(told(log, true), None);
        assert!(told(log, false).unwrap().contains("Dumping task"));
        assert_eq!(told("", false), None);
    }
}
