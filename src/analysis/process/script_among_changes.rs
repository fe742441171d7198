//! PROC-036: a script runs that was put where packages have their files.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::rc::Rc;

use bstr::BString;

use super::super::active_code::first_telling;
use super::super::card::rule;
use super::super::facts::{ChangedFile, Facts, Invocation, Place, ProcessFacts};
use super::super::files::common::{bytes, row};
use super::super::script_libraries;
use super::super::words::{shown, shown_within};
use super::super::{Confidence, Finding, Link, Next, Report, Severity, Subject};
use super::common::{arguments, program, row_of};

rule! {
    /// A shell or an interpreter runs a script that is among the changes to the root file system, and neither a package
    /// manager put it there nor the command of the container names it. In the directories of libraries and of modules of
    /// interpreters this is medium, and among commands low: programs of people lie elsewhere. `python -m NAME` runs a file
    /// of such a directory, too. High if a line of it does what tools of intruders do: run what comes from the network, reach
    /// for memory of other processes, connect to an address that stands in it; medium for such a script elsewhere, unless it
    /// is one of a shell. With the image at hand, a
    /// script of these directories that neither the image nor the changes have was deleted after it started, and is high.
    "PROC-036", script_among_changes, version 1, Process, Incubating, Medium,
    title: "A script runs that was added to directories of the system",
    why: "A script in a directory of packages looks like a part of the system in a list of processes.",
    benign: ["A tool for automation, or an administrator, put a helper there and started it.", "An agent that is not installed as a package."],
    attack: ["T1036.005", "T1059"],
    cost: Files,
    basis: Program,
    check: check,
}

/// The line of a script that tells what it does.
struct Told {
    number: usize,
    offset: usize,
    text: Vec<u8>,
    does: &'static str,
}

/// What many processes share, read once.
#[derive(Default)]
struct Scripts<'f> {
    /// Files that `python -m` may run, by the last part of the module's name.
    modules: OnceCell<HashMap<&'f [u8], Vec<&'f ChangedFile>>>,
    /// For each script, and whether a shell runs it: its telling line.
    told: HashMap<(BString, bool), Option<Rc<Told>>>,
}

impl<'f> Scripts<'f> {
    fn module(&self, facts: &'f Facts<'_>, name: &[u8], folder: &[u8]) -> Option<BString> {
        let modules = self.modules.get_or_init(|| {
            let mut modules: HashMap<&[u8], Vec<&ChangedFile>> = HashMap::new();
            for file in facts.files().all().iter().filter(|file| file.place == Place::Rootfs) {
                if let Some(last) = script_libraries::module_name(&file.path) {
                    modules.entry(last).or_default().push(file);
                }
            }
            modules
        });
        let last = name.rsplit(|byte| *byte == b'.').next()?;
        let is_it = |file: &&&ChangedFile| script_libraries::is_module(&file.path, name, folder);
        modules.get(last)?.iter().find(is_it).map(|file| file.path.clone())
    }

    fn told(&mut self, facts: &Facts<'_>, file: &ChangedFile, is_shell: bool) -> Option<Rc<Told>> {
        const TEXT: u64 = 256 << 10;
        let read = || {
            let text = facts.files().head(file, TEXT);
            let (line, does) = first_telling(&text, is_shell)?;
            Some(Rc::new(Told { number: line.number, offset: line.offset, text: line.text.to_vec(), does }))
        };
        self.told.entry((file.path.clone(), is_shell)).or_insert_with(read).clone()
    }
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let mut scripts = Scripts::default();
    for process in facts.living().filter(|process| process.is_shell() || process.is_interpreter()) {
        let Some(invocation) = process.invocation() else {
            report.not_checked("the arguments of a process are in memory that is not in the archive");
            continue;
        };
        if !report.look() {
            return;
        }
        let Some(path) = path_of(facts, &scripts, process, &invocation) else { continue };
        if facts.is_declared(&path) || facts.is_of_entry_point(process) {
            report.skip();
            continue;
        }
        let file = facts.files().at(&path).find(|file| file.place == Place::Rootfs && file.file_type == "regular");
        match file {
            Some(file) if file.engine_noise || facts.packages().manager_of(facts.files(), file).is_some() => {
                report.skip();
            }
            Some(file) => {
                if let Some(finding) = judge(facts, &mut scripts, process, file) {
                    report.add(finding);
                }
            }
            None if is_gone(facts, &path) => report.add(gone(process, &path)),
            None => {}
        }
    }
}

/// The file that a process runs.
fn path_of<'f>(
    facts: &'f Facts<'_>,
    scripts: &Scripts<'f>,
    process: &ProcessFacts<'_>,
    invocation: &Invocation,
) -> Option<BString> {
    let cwd = process.row.cwd.as_ref();
    match invocation {
        Invocation::Script(path) if path.starts_with(b"/") => Some(path.clone()),
        Invocation::Script(path) => {
            let name = path.strip_prefix(b"./").unwrap_or(path);
            let folder = cwd?.strip_suffix(b"/").unwrap_or(cwd?);
            Some(bstr::concat([folder, b"/", name]).into())
        }
        Invocation::Module(name) => {
            let folder = cwd.map_or(&b"/"[..], |cwd| cwd.as_slice());
            scripts.module(facts, name, folder)
        }
        _ => None,
    }
}

/// Whether a path is in a directory of the system, where programs of people do not lie.
fn is_of_system(path: &[u8]) -> bool {
    const PLACES: [&str; 14] = [
        "/bin/",
        "/sbin/",
        "/usr/bin/",
        "/usr/sbin/",
        "/lib/",
        "/lib64/",
        "/usr/lib/",
        "/usr/lib64/",
        "/usr/libexec/",
        "/usr/share/",
        "/usr/include/",
        "/etc/",
        "/var/lib/misc/",
        "/var/lib/dpkg/",
    ];
    PLACES.iter().any(|place| path.starts_with(place.as_bytes())) || script_libraries::of(path).is_some()
}

/// Whether a path is in a directory of libraries, where no commands are.
fn is_library(path: &[u8]) -> bool {
    const PLACES: [&str; 6] = ["/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/", "/usr/share/", "/usr/include/"];
    PLACES.iter().any(|place| path.starts_with(place.as_bytes())) || script_libraries::of(path).is_some()
}

/// Whether the image that the user brought has no such file, and neither have the changes.
fn is_gone(facts: &Facts<'_>, path: &[u8]) -> bool {
    let is_other = || facts.root().is_some_and(|(root, image)| root.is_it() && image.size(path).is_none());
    let is_plain = !path.starts_with(b"/proc/") && !path.starts_with(b"/dev/");
    is_plain && is_of_system(path) && facts.files().is_in_image(path) && is_other()
}

fn judge(
    facts: &Facts<'_>,
    scripts: &mut Scripts<'_>,
    process: &ProcessFacts<'_>,
    file: &ChangedFile,
) -> Option<Finding> {
    let telling = scripts.told(facts, file, process.is_shell());
    let of_system = is_of_system(&file.path);
    let severity = match (of_system, &telling) {
        (true, Some(_)) => Severity::High,
        (true, None) if is_library(&file.path) => Severity::Medium,
        // Administrators put helpers where commands are, and settings have scripts.
        (true, None) => Severity::Low,
        // Scripts of shells that are copied into containers test ports and fetch things.
        (false, Some(_)) if !process.is_shell() => Severity::Medium,
        (false, _) => return None,
    };
    let does = telling.as_ref().map_or_else(String::new, |told| {
        format!(". Its line `{}` {}", shown_within(told.text.trim_ascii(), 100), told.does)
    });
    let place = if of_system { ", in a directory of packages" } else { "" };
    let mut finding = about(process, &file.path)
        .severity(severity)
        .confidence(Confidence::High)
        .sentence(format!(
            "{} runs {}, which is among the changes and belongs to no package{place}{does}.",
            process.title(),
            shown(&file.path)
        ))
        .next(super::super::files::common::next(file))
        .evidence(row(facts, file));
    if let Some(told) = telling {
        finding = finding.evidence(
            bytes(facts, file, told.offset, &told.text)
                .with_text(told.text.as_slice())
                .with_note(format!("line {}", told.number)),
        );
    }
    Some(finding)
}

fn gone(process: &ProcessFacts<'_>, path: &BString) -> Finding {
    about(process, path)
        .severity(Severity::High)
        .confidence(Confidence::High)
        .sentence(format!(
            "{} runs {}, which neither the image nor the changes have: it was deleted after it was started.",
            process.title(),
            shown(path)
        ))
        .next(Next::rows_of("process_open_files", process.pid()))
}

fn about(process: &ProcessFacts<'_>, path: &BString) -> Finding {
    Finding::new(&RULE, Subject::Process(process.pid()))
        .identity([program(process), path.clone(), arguments(process)])
        .evidence(row_of(process))
        .path(path.clone())
        .link(Link::Path(path.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_of_people_lie_elsewhere() {
        for path in ["/usr/lib/python3/dist-packages/apt/a.py", "/usr/share/x/run.sh", "/etc/init.sh"] {
            assert!(is_of_system(path.as_bytes()), "{path}");
        }
        for path in ["/app/main.py", "/usr/local/bin/start.sh", "/srv/a.py", "/root/x.py", "/opt/agent/run.py"] {
            assert!(!is_of_system(path.as_bytes()), "{path}");
        }
    }
}
