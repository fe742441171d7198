//! MEM-012: a library that was forced into a process.

use bstr::{BString, ByteSlice as _};

use super::super::card::rule;
use super::super::facts::{Place, ProcessFacts, base};
use super::super::vocabulary::{is_hidden, is_world_writable};
use super::super::words::shown;
use super::super::{Confidence, Evidence, Facts, Finding, Link, Next, Report, Severity, Subject};
use super::code::{file_of, is_executable, row, with_program};
use super::runtime::belongs;
use crate::tables::Mapping;

rule! {
    /// The environment of a process tells the dynamic loader to load a library first (`LD_PRELOAD`, `LD_AUDIT`), or
    /// `/etc/ld.so.preload` names one that is mapped. Worse if the library is not of the image, was deleted, or is in a
    /// place that everyone may write to. Memory allocators and agents of monitoring tools are loaded so as well: those are of
    /// the image, and the specification of the container has the variable, too.
    "MEM-012", preload_library, version 1, Memory, Stable, Medium,
    title: "A library is forced into a process",
    why: "A library that is loaded first can replace any function: it hides files and processes, and reads passwords.",
    benign: [
        "An allocator, a compatibility library or a monitoring agent: it is of the image, and the specification sets the variable.",
    ],
    attack: ["T1574.006"],
    cost: Files,
    basis: Program,
    check: check,
}

/// Libraries that are preloaded honestly, by the beginning of their name.
const KNOWN: [&str; 35] = [
    "libjemalloc",
    "libtcmalloc",
    "libmimalloc",
    "libhoard",
    "libsnmalloc",
    "libscudo",
    "libfakeroot",
    "libnss_wrapper",
    "libuid_wrapper",
    "libsocket_wrapper",
    "libeatmydata",
    "libfaketime",
    "libasan",
    "libtsan",
    "libubsan",
    "liblsan",
    "libdd_",
    "libdatadog",
    "libnewrelic",
    "liboneagent",
    "libinstana",
    "libappdynamics",
    "libdynatrace",
    "libgcompat",
    "libstdbuf",
    "libgomp",
    "libtsocks",
    "libproxychains",
    "libdummy",
    "libhugetlbfs",
    "libcuda",
    "libsysconfcpus",
    "libmozsandbox",
    "libotelinject",
    "launcher.lib",
];

const VARIABLES: [&str; 2] = ["LD_PRELOAD", "LD_AUDIT"];

/// How a library came into a process.
enum By<'f> {
    Variable(&'static str, &'f [u8]),
    File,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let listed = listed_in_file(facts);
    for process in facts.living() {
        if !report.look() {
            return;
        }
        let env = process.env();
        if env.is_none() && process.row.cmdline.is_none() {
            report.not_checked("processes whose environment is not in the archive");
        }
        let mut seen: Vec<BString> = Vec::new();
        for (key, value) in env.unwrap_or_default() {
            let Some(variable) = VARIABLES.into_iter().find(|variable| key == variable) else { continue };
            for library in value.split(|byte| matches!(byte, b':' | b' ')).filter(|part| !part.is_empty()).take(16) {
                if seen.iter().any(|seen| seen == library) {
                    continue;
                }
                seen.push(library.into());
                report.add(found(facts, process, library, &By::Variable(variable, value)));
            }
        }
        for library in &listed {
            // The file counts only where the library is in the process: it may have been written later.
            if mapped(process, library).is_some() && !seen.iter().any(|seen| seen == library) {
                report.add(found(facts, process, library, &By::File));
            }
        }
    }
}

/// The libraries that `/etc/ld.so.preload` names, if the archive has that file.
fn listed_in_file(facts: &Facts<'_>) -> Vec<BString> {
    const MOST: u64 = 16 << 10;
    let file = facts.files().at(b"/etc/ld.so.preload").find(|file| file.place != Place::Deleted);
    let text = file.map(|file| facts.files().head(file, MOST).into_owned()).unwrap_or_default();
    names(&text)
}

/// The names in a file like `/etc/ld.so.preload`.
fn names(text: &[u8]) -> Vec<BString> {
    let lines = text.lines().map(|line| line.split(|&byte| byte == b'#').next().unwrap_or_default());
    let words = lines.flat_map(|line| line.split(|byte| matches!(byte, b' ' | b'\t' | b':')));
    words.filter(|word| !word.is_empty()).take(64).map(BString::from).collect()
}

/// The mapping of a library, by its path, or by its name if it has no directory or goes through a link.
fn mapped<'f>(process: &'f ProcessFacts<'_>, library: &[u8]) -> Option<&'f Mapping> {
    let mut files = process.mappings().iter().filter(|mapping| mapping.kind == "file" && is_executable(mapping));
    files.find(|mapping| {
        let (path, _) = file_of(mapping);
        path == library || base(path) == base(library) || is_version_of(base(path), base(library))
    })
}

/// Whether a file is a version of a library: links lead from `libx.so.2` to `libx.so.2.1.0`.
fn is_version_of(file: &[u8], library: &[u8]) -> bool {
    !library.is_empty() && file.strip_prefix(library).is_some_and(|rest| rest.starts_with(b"."))
}

fn found(facts: &Facts<'_>, process: &ProcessFacts<'_>, library: &[u8], by: &By<'_>) -> Finding {
    let pid = process.pid();
    let mapping = mapped(process, library);
    let path = mapping.map_or(library, |mapping| file_of(mapping).0);
    let deleted = mapping.is_some_and(|mapping| file_of(mapping).1);
    let is_of_image = belongs(facts, path) && !deleted;
    let is_absolute = path.starts_with(b"/");
    let is_odd = is_world_writable(path) || (is_hidden(path) && !facts.files().is_in_image(path)) || deleted;
    let is_known = KNOWN.iter().any(|word| base(path).starts_with(word.as_bytes()));
    let is_declared = match by {
        By::Variable(variable, value) => declares(facts, variable, value),
        By::File => false,
    };
    // A program that starts itself again so, as browsers do.
    let is_own = is_of_image && is_absolute && is_beside(process, path) && has_same_parent(facts, process);
    let severity = match by {
        _ if is_odd || (is_absolute && !is_of_image) => Severity::High,
        By::Variable(..) if is_declared || is_known => Severity::Info,
        By::Variable(..) if is_own => Severity::Low,
        // `stdbuf`, `fakeroot` and the like set it for their children.
        By::Variable(..) if mapping.is_none() => Severity::Low,
        By::Variable(..) => Severity::Medium,
        By::File => Severity::High,
    };
    let how = match by {
        By::Variable(variable, _) => format!("{variable} in its environment"),
        By::File => "/etc/ld.so.preload".to_owned(),
    };
    let state = match (mapping, is_odd || !is_of_image) {
        (None, _) => "; it is not mapped",
        (Some(_), true) if deleted => "; the file was deleted",
        (Some(_), true) => "; it is not of the image",
        (Some(_), false) => "",
    };
    let value = match by {
        By::Variable(variable, value) => {
            Evidence::row("process_envs", [("pid", pid.into()), ("key", (*variable).into())])
                .with("value", Some(BString::from(*value)))
        }
        By::File => Evidence::row("rootfs_changes", [("path", "/etc/ld.so.preload".into())])
            .with_text(BString::from(library))
            .with_note("the file that names the library"),
    };
    let mut finding = with_program(facts, process, Finding::new(&RULE, Subject::Process(pid)))
        .severity(severity)
        .confidence(if mapping.is_some() { Confidence::High } else { Confidence::Medium })
        .identity([process.program.path.clone().unwrap_or_default(), path.into(), how.as_str().into()])
        .sentence(format!("{} was made to load {} by {how}{state}.", process.title(), shown(path)))
        .benign(if is_declared {
            "The specification of the container sets the same variable: it is part of the deployment."
        } else if is_known {
            "The name is that of a library that is preloaded honestly, and the file is of the image."
        } else {
            "An allocator or a monitoring agent: the file would be of the image, and the deployment would set the variable."
        })
        .next(Next::rows_of("process_envs", pid))
        .path(path)
        .link(Link::Path(path.into()))
        .evidence(value);
    if let Some(mapping) = mapping {
        finding = finding.evidence(row(mapping));
    }
    if let Some(file) = facts.files().at(path).find(|file| file.place != Place::Deleted)
        && let (Some(member), Some(offset)) = (&file.member, file.offset)
    {
        let head = facts.files().head(file, 64);
        finding =
            finding.evidence(Evidence::file(facts, member, offset, &head).with_note("the beginning of the library"));
    }
    finding
}

/// Whether a library lies in the directory of the program.
fn is_beside(process: &ProcessFacts<'_>, path: &[u8]) -> bool {
    let folder = |path: &[u8]| path.strip_suffix(base(path)).map(<[u8]>::to_vec);
    let own = process.program.path.as_ref().and_then(|program| folder(program));
    // Nearly all libraries of a system are beside programs there.
    own.is_some_and(|own| {
        !matches!(own.as_slice(), b"/usr/bin/" | b"/bin/" | b"/usr/lib/" | b"/lib/") && folder(path) == Some(own)
    })
}

/// Whether the process was started by the same program, which is of the image.
fn has_same_parent(facts: &Facts<'_>, process: &ProcessFacts<'_>) -> bool {
    let path = process.program.path.as_ref();
    facts.parent(process).is_some_and(|parent| parent.program.path.as_ref() == path)
        && path.is_some_and(|path| belongs(facts, path))
        && !process.program.deleted
}

/// Whether the specification sets a variable to the same value.
fn declares(facts: &Facts<'_>, variable: &str, value: &[u8]) -> bool {
    let wanted = [variable.as_bytes(), b"=", value].concat();
    let list = facts.spec().pointer("/process/env").and_then(|env| env.as_array());
    list.is_some_and(|list| list.iter().any(|line| line.as_str().is_some_and(|line| line.as_bytes() == wanted)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_the_loader_has_names_and_comments() {
        assert_eq!(names(b"/a.so /b.so # c\n\n#/d.so\n/e.so:/f.so"), ["/a.so", "/b.so", "/e.so", "/f.so"]);
        assert!(names(b"").is_empty() && names(b"# nothing").is_empty());
    }

    #[test]
    fn links_lead_to_versions() {
        assert!(is_version_of(b"libjemalloc.so.2.1", b"libjemalloc.so.2"));
        assert!(!is_version_of(b"libjemalloc.so.22", b"libjemalloc.so.2") && !is_version_of(b"x", b""));
    }
}
