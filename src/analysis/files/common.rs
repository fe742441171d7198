//! What rules about files share: which files they look at, and how a finding about one is made.

use bstr::ByteSlice;

use super::super::commands::{self, Line};
use super::super::facts::{ChangedFile, Kind, Place, ProcessFacts, base};
use super::super::vocabulary::{has_name, is_hidden_name, is_usual_in_system, is_world_writable};
use super::super::words::{shown, shown_within, size};
use super::super::{Confidence, Evidence, Facts, Finding, Link, Next, Report, Rule, Severity, Subject};
use crate::elf::{Bytes, Elf};
use crate::int::u64_of;

/// Bytes of a text file that are read.
pub(super) const TEXT: u64 = 256 << 10;
/// Bytes of a script that another file runs which are read.
const SCRIPT: u64 = 64 << 10;

/// The changes to the root file system, with what they are. Entries of the engine are left out. Says so if the archive
/// has none.
pub(super) fn changed<'f>(facts: &'f Facts<'_>, report: &mut Report<'_>) -> Vec<(&'f ChangedFile, Kind)> {
    if !facts.files().has_rootfs() {
        report.not_checked("the archive has no record of changes to the root file system");
    }
    everywhere(facts).filter(|(file, _)| file.place == Place::Rootfs && !file.engine_noise).collect()
}

/// All files with contents or a name, with what they are, wherever they are.
pub(super) fn everywhere<'f>(facts: &'f Facts<'_>) -> impl Iterator<Item = (&'f ChangedFile, Kind)> {
    facts.files().all().iter().zip(facts.kinds().all().iter().copied())
}

/// The text of a file, for rules that read lines. Says so if it is not in the archive.
pub(super) fn text(facts: &Facts<'_>, file: &ChangedFile, report: &mut Report<'_>) -> Vec<u8> {
    let text = facts.files().head(file, TEXT).into_owned();
    if text.is_empty() && file.size > 0 && file.file_type == "regular" {
        report.not_checked("the contents of the file are not in the archive");
    } else if file.size > TEXT {
        report.not_checked("the end of a long text file");
    }
    text
}

/// A finding about a file, with its row as evidence.
pub(super) fn about(facts: &Facts<'_>, rule: &'static Rule, file: &ChangedFile) -> Finding {
    Finding::new(rule, Subject::File(file.path.clone()))
        .confidence(Confidence::High)
        .identity([file.path.clone()])
        .next(next(file))
        .evidence(row(facts, file))
}

/// Calls `each` with the ELF files among the changes that no package lists, and at most `most` of their first bytes, while
/// the rule may look at more. What lies behind these bytes is known to be there, but not read.
pub(super) fn each_foreign_elf(
    facts: &Facts<'_>,
    most: u64,
    report: &mut Report<'_>,
    mut each: impl FnMut(&ChangedFile, &Elf<'_>, &[u8], &mut Report<'_>),
) {
    for (file, kind) in everywhere(facts) {
        if kind != Kind::Elf || file.place == Place::Deleted || file.engine_noise {
            continue;
        }
        if !report.look() {
            return;
        }
        if facts.packages().manager_of(facts.files(), file).is_some() {
            report.skip();
            continue;
        }
        let head = facts.files().head(file, most);
        let mut image = Bytes::whole(&*head);
        image.extend_to(file.size);
        if let Some(elf) = Elf::read(&image) {
            each(file, &elf, &head, report);
        }
    }
}

/// The command that shows the file.
pub(in crate::analysis) fn next(file: &ChangedFile) -> Next {
    let what = match file.place {
        Place::Rootfs => "rootfs",
        Place::Deleted => return Next::rows_where("rootfs_changes", "path", file.path.to_string()),
        Place::Volume => "volumes",
        Place::Tmpfs | Place::Ghost | Place::Memfd | Place::Sysv => {
            return Next::rows_where("recovered_files", "path", file.path.to_string());
        }
    };
    Next::Extract { what, path: Some(file.path.to_string()) }
}

/// The row of a file.
pub(in crate::analysis) fn row(facts: &Facts<'_>, file: &ChangedFile) -> Evidence {
    Evidence::changed_file(facts, file)
}

/// A line of a file as evidence: where it is in the archive, and its text.
pub(super) fn line(facts: &Facts<'_>, file: &ChangedFile, line: Line<'_>) -> Evidence {
    bytes(facts, file, line.offset, line.text).with_text(line.text).with_note(format!("line {}", line.number))
}

/// Bytes of a file as evidence.
pub(in crate::analysis) fn bytes(facts: &Facts<'_>, file: &ChangedFile, offset: usize, bytes: &[u8]) -> Evidence {
    let member = file.member.clone().unwrap_or_default();
    let at = file.offset.map(|start| start.saturating_add(u64_of(offset)));
    let mut evidence = Evidence::file(facts, &member, at.unwrap_or_default(), bytes);
    if at.is_none() {
        (evidence.member_offset, evidence.archive_offset) = (None, None);
    }
    evidence
}

/// A line for a sentence, in quotation marks.
pub(super) fn quoted(line: &[u8]) -> String {
    format!("`{}`", shown_within(line.trim_ascii(), 100))
}

/// `/tmp/x (84 KiB, mode 4755, owner 0)`.
pub(super) fn described(file: &ChangedFile) -> String {
    let owner = file.uid.map_or_else(String::new, |uid| format!(", owner {uid}"));
    format!("{} ({}, mode {:04o}{owner})", shown(&file.path), size(file.size), file.mode & 0o7777)
}

/// When a file was written, as a clause: `, 12 minutes after the container started`. Empty if that is not known, or if
/// the file is older.
pub(super) fn when(facts: &Facts<'_>, file: &ChangedFile) -> String {
    match file.mtime.and_then(|time| facts.minutes_after_start(time)) {
        Some(0) => ", in the first minute of the container".to_owned(),
        Some(1) => ", one minute after the container started".to_owned(),
        Some(minutes @ 2..=525_600) => format!(", {minutes} minutes after the container started"),
        _ => String::new(),
    }
}

/// Whether a file was written after the time in which entry points set up a container.
pub(super) fn is_late(facts: &Facts<'_>, file: &ChangedFile) -> bool {
    file.mtime.and_then(|time| facts.minutes_after_start(time)).is_some_and(|minutes| minutes >= 5)
}

/// Links a finding to the processes that run a file, so that findings of other families about them agree. Only for
/// findings of medium and above: an inventory must not agree with anything.
pub(super) fn with_users(facts: &Facts<'_>, finding: Finding, path: &[u8]) -> Finding {
    if finding.severity < Severity::Medium {
        return finding;
    }
    let uses = facts.uses();
    let Some(&first) = uses.running(path).first() else { return finding };
    let mut finding = finding.process(first);
    for &pid in uses.running(path).iter().skip(1).take(64) {
        finding = finding.also(pid);
    }
    finding.link(Link::Path(path.into()))
}

/// A changed program or script that a command line names by its path.
pub(super) fn runs_changed<'f>(facts: &'f Facts<'_>, command: &[u8]) -> Option<&'f ChangedFile> {
    commands::paths(command).find_map(|path| {
        let is_code = |file: &&ChangedFile| {
            file.place != Place::Deleted
                && file.file_type == "regular"
                && !file.engine_noise
                && facts.packages().manager_of(facts.files(), file).is_none()
                && (Kind::of(&facts.files().head(file, 4096)).is_code() || is_named_as_script(path))
        };
        facts.files().at(path).find(is_code)
    })
}

/// Whether a file has the name of a script. An interpreter that is named before it needs no first line.
fn is_named_as_script(path: &[u8]) -> bool {
    matches!(extension(path).as_slice(), b"py" | b"pl" | b"rb" | b"sh" | b"bash" | b"php" | b"js" | b"lua")
}

/// What a changed script does that is dangerous.
fn danger_in(facts: &Facts<'_>, file: &ChangedFile) -> Option<&'static str> {
    let text = facts.files().head(file, SCRIPT);
    let is_script = text.starts_with(b"#!") || is_named_as_script(&file.path);
    is_script.then(|| commands::lines(&text).find_map(|line| commands::danger(line.text)))?
}

/// What a file that starts commands would run: the line that matters most, and why.
pub(super) struct Judged<'t> {
    /// The line.
    pub line: Line<'t>,
    /// What it does, to follow `Its line … `: `fetches a script and runs it`. Empty if nothing is wrong with it.
    pub words: String,
    /// Whether the line is dangerous by itself.
    pub is_danger: bool,
    /// Whether it runs a program that is among the changes.
    pub runs_changed: bool,
}

/// Judges a file that starts commands. `command` gives the command of a line, if it has one.
pub(super) fn judge<'t>(
    facts: &Facts<'_>,
    text: &'t [u8],
    command: &dyn Fn(&'t [u8]) -> Option<&'t [u8]>,
) -> Option<Judged<'t>> {
    let mut first = None;
    let mut changed = None;
    for line in commands::lines(text) {
        let Some(command) = command(line.text).map(commands::code).filter(|command| !command.is_empty()) else {
            continue;
        };
        if let Some(words) = commands::danger(command) {
            return Some(Judged { line, words: words.to_owned(), is_danger: true, runs_changed: false });
        }
        if changed.is_none()
            && let Some(file) = runs_changed(facts, command)
        {
            if let Some(does) = danger_in(facts, file) {
                let words = format!("runs {}, a script among the changes that {does}", shown(&file.path));
                return Some(Judged { line, words, is_danger: true, runs_changed: true });
            }
            let words = format!("runs {}, which is itself among the changes", shown(&file.path));
            changed = Some(Judged { line, words, is_danger: false, runs_changed: true });
        }
        if first.is_none() {
            first = Some(Judged { line, words: String::new(), is_danger: false, runs_changed: false });
        }
    }
    changed.or(first)
}

/// Every line that is not empty is a command, as in a script.
pub(super) fn script(line: &[u8]) -> Option<&[u8]> {
    Some(line.trim_ascii()).filter(|line| !line.is_empty() && !line.starts_with(b"#"))
}

/// Whether a path is below one of some directories.
pub(super) fn is_below(path: &[u8], folders: &[&str]) -> bool {
    folders.iter().any(|folder| path.starts_with(folder.as_bytes()))
}

/// Whether a path has a part with this name.
pub(super) fn has_part(path: &[u8], names: &[&str]) -> bool {
    path.split_str("/").any(|part| names.iter().any(|name| part == name.as_bytes()))
}

/// Whether a path is in a home directory.
pub(super) fn is_home(path: &[u8]) -> bool {
    is_below(path, &["/root/", "/home/", "/var/lib/jenkins/"])
}

/// The path up to its first hidden part, where hidden names are unusual: in places that everyone may write to, and in
/// directories of the system. Applications and homes have such names of their own.
pub(super) fn hidden_part(path: &[u8]) -> Option<&[u8]> {
    const SYSTEM: [&str; 14] = [
        "/bin/",
        "/sbin/",
        "/usr/",
        "/lib/",
        "/lib64/",
        "/etc/",
        "/dev/",
        "/var/log/",
        "/var/lib/",
        "/var/cache/",
        "/var/spool/",
        "/run/",
        "/boot/",
        "/media/",
    ];
    let is_writable = is_world_writable(path);
    if !is_writable && !is_below(path, &SYSTEM)
        || is_below(path, &["/usr/src/", "/usr/share/", "/etc/skel/", "/dev/pts/"])
    {
        return None;
    }
    let mut end: usize = 0;
    for part in path.split_str("/") {
        end = end.saturating_add(part.len());
        if is_hidden_name(part) && !is_usual_in_system(part) {
            return path.get(..end);
        }
        end = end.saturating_add(1);
    }
    None
}

/// Folders of programs and libraries of the system.
pub(super) fn is_system(path: &[u8]) -> bool {
    const PLACES: [&str; 10] = [
        "/bin/",
        "/sbin/",
        "/usr/bin/",
        "/usr/sbin/",
        "/lib/",
        "/lib32/",
        "/lib64/",
        "/usr/lib/",
        "/usr/lib64/",
        "/usr/libexec/",
    ];
    is_below(path, &PLACES)
}

/// Whether a file is older than the container: its contents are of the image, or its time was set.
pub(super) fn is_older(facts: &Facts<'_>, file: &ChangedFile) -> bool {
    let created = facts.model().container().facts.created.or_else(|| facts.started());
    matches!((file.mtime, created), (Some(time), Some(created)) if time.as_second() < created.as_second().saturating_sub(3600))
}

/// Whether only the rights, the owner or the attributes of a file may have changed: its contents are those of the image, or it
/// is older than the container, and its rights are not those that a package would give it, or many files of its directory were
/// changed in the same way, as by `chown -R`. The time alone proves nothing: whoever replaces a file may set it.
pub(in crate::analysis) fn is_only_touched(facts: &Facts<'_>, file: &ChangedFile) -> bool {
    /// Files of a directory that nobody replaces one by one.
    const MANY: usize = 16;
    if let Some(is_same) = file.is_same_as_image {
        return is_same;
    }
    let created = facts.model().container().facts.created.or_else(|| facts.started());
    let Some(created) = created.filter(|_| is_older(facts, file)) else { return false };
    let folder = file.path.strip_suffix(base(&file.path)).unwrap_or_default();
    let folder = folder.strip_suffix(b"/").unwrap_or(folder);
    has_other_rights(file) || facts.files().older_in(folder, created) > MANY
}

/// Whether a file has another owner or other rights than packages give programs and libraries, or capabilities.
fn has_other_rights(file: &ChangedFile) -> bool {
    const USUAL: [u32; 11] = [0o755, 0o555, 0o644, 0o444, 0o4755, 0o4555, 0o4711, 0o4511, 0o2755, 0o2555, 0o6755];
    let is_of_root =
        file.uid.unwrap_or_default() == 0 && (file.gid.unwrap_or_default() == 0 || file.mode & 0o2000 != 0);
    // Links have no rights of their own.
    let is_usual = file.file_type == "symlink" || USUAL.contains(&(file.mode & 0o7777));
    !is_of_root || file.has_capabilities || !is_usual
}

/// Whether a file is of the system and older than the container, and more than its rights must have changed: it was replaced,
/// and its time was set. With the severity of that: high if it differs from the image, or a process uses it.
pub(super) fn replaced_with_old_time(facts: &Facts<'_>, file: &ChangedFile) -> Option<Severity> {
    if !is_older(facts, file) || is_only_touched(facts, file) {
        return None;
    }
    let is_used = file.file_type == "regular" && !facts.uses().mapping(&file.path).is_empty();
    Some(if is_used || file.is_same_as_image == Some(false) { Severity::High } else { Severity::Medium })
}

/// Why a file of the system with an old time may be innocent.
pub(super) const OLD_TIME: &str =
    "An archive that keeps the times of its files was unpacked: `--root` with the image tells what the file was.";

/// A process with a runtime of the image that maps a file: runtimes unpack their native libraries into temporary
/// directories.
pub(super) fn runtime_of<'f>(facts: &'f Facts<'_>, path: &[u8]) -> Option<&'f ProcessFacts<'f>> {
    const RUNTIMES: [&str; 8] = ["java", "dotnet", "node", "python", "ruby", "php", "beam.smp", "mono"];
    let of = |process: &&ProcessFacts<'_>| {
        let program = &process.program;
        let is_runtime =
            RUNTIMES.iter().any(|name| has_name(program.base(), name)) || program.base().starts_with(b"mono");
        is_runtime && !program.deleted && program.path.as_ref().is_some_and(|path| facts.files().is_in_image(path))
    };
    facts.uses().mapping(path).iter().filter_map(|pid| facts.process(*pid)).find(of)
}

/// Whether a path is in a directory that a web server shows, by the usual names of such directories.
pub(super) fn is_web(path: &[u8]) -> bool {
    const NAMES: [&str; 10] =
        ["www", "htdocs", "webapps", "wwwroot", "public_html", "html", "cgi-bin", "wp-content", "public", "httpdocs"];
    has_part(path, &NAMES) && !has_part(path, &["node_modules", "site-packages", "dist-packages", "doc"])
}

/// Whether a path is in a directory for files that visitors upload.
pub(super) fn is_upload(path: &[u8]) -> bool {
    const NAMES: [&str; 12] = [
        "uploads",
        "upload",
        "userfiles",
        "attachments",
        "avatars",
        "images",
        "img",
        "files",
        "media",
        "photos",
        "thumbs",
        "pictures",
    ];
    has_part(path, &NAMES)
}

/// The extension of a file, in lower case.
pub(super) fn extension(path: &[u8]) -> Vec<u8> {
    let name = base(path);
    name.rsplit_once_str(".").map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default()
}
