//! FS-001: a library that is loaded into every program.

use bstr::ByteSlice;

use super::super::card::rule;
use super::super::commands::{self, Line};
use super::super::facts::{ChangedFile, Kind, base};
use super::super::vocabulary::is_world_writable;
use super::super::words::shown;
use super::super::{Facts, Finding, Link, Report, Severity};
use super::common::{about, changed, line, row, text, when};

rule! {
    /// Changes that have the dynamic loader load a library into programs: `/etc/ld.so.preload` with a line in it, a new
    /// file in `/etc/ld.so.conf.d` (or a changed `/etc/ld.so.conf`) that names a directory which everyone may write to,
    /// and a changed loader. A loader that a package manager lists, and directories of packages, do not count. The
    /// libraries that the file names are looked for among the changes.
    "FS-001", ld_so_preload, version 1, Files, Stable, High,
    title: "The loader is told to load a library into every program",
    why: "Rootkits of user space are loaded this way: they hide files, processes and connections from every program of the container.",
    benign: [
        "An agent for monitoring, or fakechroot, that was set up on purpose: its library is of a package or of the image.",
        "A package with libraries of its own added a directory to those that are searched.",
    ],
    attack: ["T1574.006"],
    cost: Files,
    tags: ["persistence", "rootkit"],
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for (file, kind) in changed(facts, report) {
        if file.path == "/etc/ld.so.preload" {
            if !report.look() {
                return;
            }
            preload(facts, file, report);
        } else if file.path == "/etc/ld.so.conf" || file.path.starts_with(b"/etc/ld.so.conf.d/") {
            if !report.look() {
                return;
            }
            folders(facts, file, report);
        } else if kind == Kind::Elf && is_loader(&file.path) {
            if !report.look() {
                return;
            }
            if facts.packages().manager_of(facts.files(), file).is_some() {
                report.skip();
                continue;
            }
            report.add(
                about(facts, &RULE, file)
                    .sentence(format!("The dynamic loader {} was changed{}.", shown(&file.path), when(facts, file)))
                    .benign(
                        "An upgrade of the C library: its package manager's database would list the file as changed.",
                    )
                    .tag("loader"),
            );
        }
    }
}

/// A file that lists libraries.
fn preload(facts: &Facts<'_>, file: &ChangedFile, report: &mut Report<'_>) {
    let text = text(facts, file, report);
    let libraries: Vec<(Line<'_>, &[u8])> = commands::lines(&text)
        .flat_map(|line| {
            let words = commands::code(line.text).split(|byte| byte.is_ascii_whitespace() || *byte == b':');
            words.filter(|word| !word.is_empty()).map(move |word| (line, word))
        })
        .take(16)
        .collect();
    if libraries.is_empty() && (file.file_type != "symlink" || file.link.is_none()) {
        report.skip();
        return;
    }
    let mut finding = about(facts, &RULE, file);
    let mut severity = Severity::High;
    let mut where_from = "";
    let mut names = Vec::new();
    for (at, library) in &libraries {
        finding = finding.evidence(line(facts, file, *at)).identity([*library]).link(Link::Path((*library).into()));
        names.push(shown(library));
        let here = facts.files().at(library).find(|file| facts.packages().manager_of(facts.files(), file).is_none());
        if let Some(here) = here {
            severity = Severity::Critical;
            where_from = ", which is itself among the changes";
            finding = finding.evidence(row(facts, here).with_note("the library"));
        } else if is_world_writable(library) {
            severity = Severity::Critical;
            where_from = ", in a place that everyone may write to";
        }
    }
    let users = libraries.iter().flat_map(|(_, library)| facts.uses().mapping(library)).count();
    let loaded = match users {
        0 => String::new(),
        1 => " One process maps it already.".to_owned(),
        count => format!(" {count} processes map it already."),
    };
    let names = super::super::words::listed(&names);
    report.add(finding.severity(severity).sentence(format!(
        "{} makes every program load {names}{where_from}{}.{loaded}",
        shown(&file.path),
        when(facts, file)
    )));
}

/// A file that lists directories in which libraries are looked for.
fn folders(facts: &Facts<'_>, file: &ChangedFile, report: &mut Report<'_>) {
    if facts.packages().manager_of(facts.files(), file).is_some() {
        report.skip();
        return;
    }
    let text = text(facts, file, report);
    let odd = commands::lines(&text).find_map(|line| {
        let folder = commands::code(line.text);
        let slashed = bstr::concat([folder, b"/"]);
        (is_world_writable(&slashed) || super::super::vocabulary::is_hidden(folder)).then_some((line, folder))
    });
    let Some((at, folder)) = odd else {
        report.skip();
        return;
    };
    let finding: Finding = about(facts, &RULE, file).evidence(line(facts, file, at));
    report.add(finding.sentence(format!(
        "{} makes the loader look for libraries in {}, where anyone could put one{}.",
        shown(&file.path),
        shown(folder),
        when(facts, file)
    )));
}

/// Whether a path is that of a dynamic loader.
fn is_loader(path: &[u8]) -> bool {
    let name = base(path);
    let in_lib = ["/lib", "/usr/lib"].iter().any(|folder| path.starts_with(folder.as_bytes()));
    in_lib
        && (name.starts_with(b"ld-linux")
            || name.starts_with(b"ld-musl-")
            || name.starts_with(b"ld-2.")
            || name == b"ld.so.1")
        && name.contains_str("so")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loaders_have_known_names() {
        assert!(is_loader(b"/lib64/ld-linux-x86-64.so.2") && is_loader(b"/lib/ld-musl-x86_64.so.1"));
        assert!(!is_loader(b"/usr/lib/libld-linux.so") && !is_loader(b"/tmp/ld-linux.so.2"));
    }
}
