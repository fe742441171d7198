//! CTR-019: mounts that hide processes or replace programs.

use super::super::card::rule;
use super::super::words::shown;
use super::super::{Confidence, Evidence, Facts, Finding, Next, Report, Severity, Subject};
use super::specification;
use crate::model::mount::Mount;

rule! {
    /// Something is mounted over a process in `/proc` (then `ps` does not see it), or over the configuration of the dynamic
    /// linker or a program of the system, without the specification asking for it. What the specification mounts over
    /// programs (libraries for graphics cards, single files of a volume) is low.
    "CTR-019", bind_over_proc_pid, version 1, Isolation, Incubating, High,
    title: "A mount hides a process or replaces a program",
    why: "Tools in the container are made to show something else than what is there.",
    benign: ["Tools for graphics cards mount their programs and libraries, lxcfs mounts over files of /proc."],
    attack: ["T1564.013", "T1014"],
    cost: Free,
    tags: ["hiding"],
    check: check,
}

/// What a mount at a path hides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hides {
    Process,
    Linker,
    Program,
}

/// Folders of programs.
const FOLDERS: [&str; 6] = ["/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/", "/usr/local/bin/", "/usr/local/sbin/"];

fn hides(path: &[u8]) -> Option<Hides> {
    if let Some(rest) = path.strip_prefix(b"/proc/") {
        let number = rest.split(|&byte| byte == b'/').next().unwrap_or_default();
        return (!number.is_empty() && number.iter().all(u8::is_ascii_digit)).then_some(Hides::Process);
    }
    if path.starts_with(b"/etc/ld.so.") {
        return Some(Hides::Linker);
    }
    FOLDERS.iter().any(|folder| path.starts_with(folder.as_bytes())).then_some(Hides::Program)
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let model = facts.model();
    if model.mounts().is_empty() {
        report.not_checked("the mounts of the container are not in the archive");
        return;
    }
    let is_declared = |path: &[u8]| specification::host_mounts(facts).any(|mount| mount.destination.as_bytes() == path);
    for mount in model.mounts() {
        if !report.look() {
            return;
        }
        let Some(hidden) = hides(&mount.path) else { continue };
        // Engines mount their init (`/usr/bin/docker-init`, `/dev/init`) and files of volumes over programs.
        let is_known = hidden != Hides::Process && (mount.external || is_declared(&mount.path));
        report.add(finding(mount, hidden, is_known));
    }
}

fn finding(mount: &Mount, hidden: Hides, is_known: bool) -> Finding {
    let what = match hidden {
        Hides::Process => "a process in /proc",
        Hides::Linker => "the configuration of the dynamic linker",
        Hides::Program => "a program",
    };
    let path = shown(&mount.path);
    let evidence = Evidence::row("mounts", [("path", bstr::BString::from(mount.path.as_slice()).into())])
        .with("type", mount.file_system.as_ref())
        .with("root", Some(bstr::BString::from(mount.root.as_slice())));
    Finding::new(&RULE, Subject::Mount(mount.path.as_slice().into()))
        .severity(if is_known { Severity::Low } else { Severity::High })
        .confidence(if hidden == Hides::Process { Confidence::High } else { Confidence::Medium })
        // The number of a process changes, and so does its path.
        .identity([super::super::vocabulary::without_numbers(&mount.path)])
        .sentence(format!("A mount at {path} covers {what}."))
        .benign(if is_known {
            "The specification asks for it: a tool or a volume brings its own file."
        } else {
            "A program that may mount can do this for a sandbox of its own. Ask which one did."
        })
        .next(Next::rows_where("mounts", "path", path))
        .evidence(evidence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_in_proc_are_processes() {
        assert_eq!(hides(b"/proc/17"), Some(Hides::Process));
        assert_eq!(hides(b"/proc/17/maps"), Some(Hides::Process));
        assert_eq!(hides(b"/proc/meminfo"), None);
        assert_eq!(hides(b"/proc/"), None);
        assert_eq!(hides(b"/etc/ld.so.preload"), Some(Hides::Linker));
        assert_eq!(hides(b"/usr/bin/ps"), Some(Hides::Program));
        assert_eq!(hides(b"/usr/binary"), None);
    }
}
