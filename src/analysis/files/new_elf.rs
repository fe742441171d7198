//! FS-008: programs and libraries that were added.

use std::collections::{BTreeMap, BTreeSet};

use bstr::{BString, ByteSlice};

use super::super::card::rule;
use super::super::facts::{self, Builder, ChangedFile, Kind, Place, base, unpack_folder};
use super::super::vocabulary::{is_hidden_name, is_world_writable};
use super::super::words::{count, shown};
use super::super::{Evidence, Facts, Finding, Report, Severity};
use super::common::{
    about, bytes, described, everywhere, hidden_part, is_below, is_only_touched, is_system, is_upload, is_web, row,
    runtime_of, when, with_users,
};
use super::replaced_binary::is_watched;
use super::setid_file::has_mild_capabilities;
use crate::elf::ElfFile;
use crate::model::ids::Pid;

rule! {
    /// ELF files among the changes to the root file system, in volumes and in file systems in memory. One in a place
    /// that everyone may write to, in a hidden place, in a directory of web pages, or named by `/etc/ld.so.preload` is
    /// high; one in a directory of the system that no package lists is medium. One in a directory of applications is low, and
    /// those of a directory are one finding: software is deployed that way. Files of packages do not count, nor libraries
    /// that a runtime of the image or a packed program unpacked and maps, nor those that a compiler in the container writes. One
    /// in a directory of the system is low if only its rights may have changed: it is older than the container, and its rights
    /// or its owner are unusual, or many files of its directory were changed with it.
    "FS-008", new_elf, version 2, Files, Stable, Medium,
    title: "A program or library was added",
    why: "Tools that an intruder brings are files that the image does not have.",
    benign: [
        "Software that was copied into the container or built in it.",
        "A runtime that unpacked a library of its own: it maps the file, and it is of the image.",
        "A package: its database lists the file.",
    ],
    attack: ["T1105", "T1554"],
    cost: Files,
    tags: ["tool"],
    basis: Program,
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let preloads = preloads(facts);
    let owned = Owned { unpacked: unpacked(facts), built: built(facts), builders: facts.builders() };
    let mut deployed: BTreeMap<BString, Vec<&ChangedFile>> = BTreeMap::new();
    if !facts.files().has_rootfs() {
        report.not_checked("the archive has no record of changes to the root file system");
    }
    for (file, kind) in everywhere(facts) {
        if file.engine_noise
            || !matches!(file.place, Place::Rootfs | Place::Volume | Place::Tmpfs)
            || is_below(&file.path, &["/dev/shm/"])
        {
            continue;
        }
        if kind == Kind::Unread {
            report.not_checked("the contents of the file are not in the archive");
        }
        if kind != Kind::Elf {
            continue;
        }
        if !report.look() {
            return;
        }
        // Known programs of the system have a rule of their own.
        if facts.packages().manager_of(facts.files(), file).is_some() || is_watched(&file.path) {
            report.skip();
            continue;
        }
        let (severity, why, benign) = judge(facts, file, &preloads, &owned);
        match severity {
            None => report.skip(),
            Some(Severity::Low) => deployed.entry(folder(&file.path)).or_default().push(file),
            Some(severity) => {
                let finding =
                    about(facts, &RULE, file).severity(severity).benign(benign).evidence(head(facts, file)).sentence(
                        format!(
                            "The ELF file {} is {}, {why}{}.",
                            described(file),
                            file.place.words(),
                            when(facts, file)
                        ),
                    );
                report.add(with_users(facts, finding, &file.path));
            }
        }
    }
    for (folder, files) in deployed {
        report_folder(facts, &folder, &files, report);
    }
}

/// One finding for the programs of a directory of applications.
fn report_folder(facts: &Facts<'_>, folder: &[u8], files: &[&ChangedFile], report: &mut Report<'_>) {
    let Some(first) = files.first() else { return };
    let what = if let [one] = files {
        format!("The ELF file {}", described(one))
    } else {
        format!("{} in {}, {} first,", count(files.len(), "ELF file"), shown(folder), shown(&first.path))
    };
    let be = if files.len() == 1 {
        "is not of the image, but of no package either"
    } else {
        "are not of the image, but of no package either"
    };
    let mut finding = Finding::new(&RULE, super::super::Subject::File(folder.into()))
        .severity(Severity::Low)
        .identity([folder])
        .next(super::common::next(first))
        .sentence(format!("{what} {be}."));
    for file in files.iter().take(16) {
        finding = finding.evidence(row(facts, file));
    }
    finding.evidence_more = crate::int::u64_of(files.len().saturating_sub(16));
    report.add(finding);
}

/// The severity of a file, with the reason as the end of a sentence, and the innocent cause. `None` for no finding.
fn judge(
    facts: &Facts<'_>,
    file: &ChangedFile,
    preloads: &[BString],
    owned: &Owned,
) -> (Option<Severity>, &'static str, String) {
    let path = file.path.as_slice();
    let usual = || "Software that was copied into the container: ask its owner for the file with this hash.".to_owned();
    if preloads.contains(&file.path) {
        return (Some(Severity::High), "and the loader is told to load it into every program", usual());
    }
    let elf = ElfFile::read(&facts.files().head(file, 4096)).unwrap_or_default();
    let is_object = elf.file_type == Some("relocatable") && !path.ends_with(b".ko");
    let runs = !facts.uses().running(path).is_empty();
    let uses = !facts.uses().mapping(path).is_empty();
    if file.place == Place::Volume && !is_upload(path) {
        return (None, "", String::new());
    }
    if is_object {
        return (Some(Severity::Low), "", usual());
    }
    let is_odd = is_world_writable(path) || hidden_part(path).is_some() || is_hidden_name(base(path));
    if is_odd {
        let is_plain = hidden_part(path).is_none();
        let is_unpacked = unpack_folder(path).is_some_and(|folder| owned.unpacked.contains(folder)) && !runs;
        let is_built = !runs && !uses && owned.built.contains(parent(path));
        // What a compiler writes does not run yet: that would be a finding of the process.
        let is_compiled = !runs && facts::is_built(&owned.builders, path);
        let is_built_here = || {
            let running = facts.uses().running(path);
            let is_built = |pid: &Pid| facts.process(*pid).is_some_and(|process| facts.is_built_here(process));
            runs && running.iter().all(is_built)
        };
        if is_plain && (is_compiled || is_unpacked || is_built || is_built_here() || runs && facts.is_declared(path)) {
            return (Some(Severity::Low), "", usual());
        }
        if let Some(runtime) = runtime_of(facts, path)
            .filter(|_| elf.file_type == Some("shared_object") && !runs && hidden_part(path).is_none())
        {
            let benign =
                format!("{} maps it, a runtime of the image: such runtimes unpack libraries there.", runtime.title());
            return (Some(Severity::Low), "", benign);
        }
        let is_executable = file.mode & 0o111 != 0;
        let severity = if runs || uses || is_executable || hidden_part(path).is_some() {
            Severity::High
        } else {
            Severity::Medium
        };
        let why = match (runs, hidden_part(path).is_some() || is_hidden_name(base(path))) {
            (true, true) => "in a hidden place, and a process runs it",
            (true, false) => "in a place that everyone may write to, and a process runs it",
            (false, true) => "in a hidden place",
            (false, false) => "in a place that everyone may write to",
        };
        return (Some(severity), why, usual());
    }
    if is_web(path) && (is_upload(path) || has_web_name(path)) {
        return (Some(Severity::High), "in a directory of web pages", usual());
    }
    let is_unread = facts.packages().unread().is_some();
    if is_below(path, &["/etc/", "/dev/", "/boot/", "/var/log/", "/run/"]) || path.ends_with(b".ko") {
        let severity = if is_unread { Severity::Low } else { Severity::Medium };
        return (Some(severity), "where programs do not belong", usual());
    }
    if is_system(path)
        && !is_below(path, &["/usr/lib/jvm/", "/usr/lib/node_modules/", "/usr/lib/dotnet/", "/usr/lib/go"])
    {
        // An entry point may have changed the rights of the service's own program, which then counts as changed.
        let is_foreign = |pid: &Pid| facts.process(*pid).is_some_and(|process| !facts.is_of_entry_point(process));
        let runs_apart = runs
            && facts.init().is_none_or(|init| init.program.path.as_ref() != Some(&file.path))
            && facts.uses().running(path).iter().all(is_foreign);
        // Capabilities themselves tell what was changed.
        let is_touched = is_only_touched(facts, file) && (!runs_apart || has_mild_capabilities(file));
        let severity = if is_unread || is_touched { Severity::Low } else { Severity::Medium };
        return (Some(severity), "in a directory of the system, and no package lists it", usual());
    }
    // The program that the container is there to run.
    let init = facts.init().and_then(|init| init.program.path.as_ref());
    if init == Some(&file.path) {
        return (None, "", String::new());
    }
    (Some(Severity::Low), "", usual())
}

fn has_web_name(path: &[u8]) -> bool {
    super::common::has_part(path, &["www", "htdocs", "webapps", "public_html", "cgi-bin", "wp-content"])
}

/// Directories for temporary files that a known tool has for its own.
struct Owned {
    /// Into which a program unpacked itself.
    unpacked: BTreeSet<BString>,
    /// In which programs are built.
    built: BTreeSet<BString>,
    /// Tools that build programs, and run here.
    builders: Vec<&'static Builder>,
}

/// The directories that have the files of a tool that builds programs.
fn built(facts: &Facts<'_>) -> BTreeSet<BString> {
    const FILES: [&str; 8] = [
        "Makefile",
        "CMakeCache.txt",
        "config.status",
        "config.log",
        "build.ninja",
        "Cargo.toml",
        "meson.build",
        "configure",
    ];
    let is_file = |file: &&ChangedFile| {
        file.place == Place::Rootfs && FILES.iter().any(|name| base(&file.path) == name.as_bytes())
    };
    facts.files().all().iter().filter(is_file).map(|file| parent(&file.path).into()).collect()
}

fn parent(path: &[u8]) -> &[u8] {
    path.rfind_byte(b'/').and_then(|at| path.get(..at)).unwrap_or_default()
}

/// The directories into which running programs unpacked themselves: they map libraries from there, and lie elsewhere.
fn unpacked(facts: &Facts<'_>) -> BTreeSet<BString> {
    let mut folders = BTreeSet::new();
    for process in facts.living() {
        if process.is_program_suspicious() || process.program.deleted || process.is_shell() {
            continue;
        }
        for mapping in process.mappings().iter().filter(|mapping| mapping.kind == "file") {
            if let Some(folder) = unpack_folder(&mapping.path) {
                folders.insert(folder.into());
            }
        }
    }
    folders
}

/// The libraries that `/etc/ld.so.preload` names.
fn preloads(facts: &Facts<'_>) -> Vec<BString> {
    let file = facts.files().at(b"/etc/ld.so.preload").find(|file| file.place == Place::Rootfs);
    let text = file.map(|file| facts.files().head(file, 4096)).unwrap_or_default();
    text.fields().map(BString::from).take(64).collect()
}

/// The first bytes of a file as evidence.
fn head(facts: &Facts<'_>, file: &ChangedFile) -> Evidence {
    bytes(facts, file, 0, &facts.files().head(file, 64)).with_note("the ELF header")
}

/// The directory of an application: the first two parts of a path.
fn folder(path: &[u8]) -> BString {
    let ends: Vec<usize> =
        path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at).take(4).collect();
    let end = ends.get(3).or_else(|| ends.last()).copied().unwrap_or(path.len());
    path.get(..end.max(1)).unwrap_or(path).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_applications() {
        assert_eq!(folder(b"/opt/a/bin/b/c"), "/opt/a/bin");
        assert_eq!(folder(b"/srv/app"), "/srv");
        assert_eq!(folder(b"/app"), "/");
    }
}
