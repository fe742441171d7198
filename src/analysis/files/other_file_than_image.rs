//! FS-033: a mapped file that is not the one of the container's image.

use super::super::card::rule;
use super::super::words::shown;
use super::super::{Confidence, Evidence, Facts, Finding, Link, Next, Report, Severity, Subject};

rule! {
    /// Only with `--root`: a program or library that a process has mapped has another size or another build id than the file of
    /// the image with that path, or the image has no such file; and the archive has no record that the container changed it. So
    /// somebody changed it where changes are not recorded: below the container, or in the image on the node. If most files are
    /// others, the image that was given is another one, and nothing is said.
    "FS-033", other_file_than_image, version 1, Files, Stable, High,
    title: "A mapped file is not the one of the image",
    why: "A file that differs from the image without a recorded change was replaced from outside of the container.",
    benign: [
        "The image that was given is of another build than the container's: compare its digest with that of the table `container`.",
        "A file that an engine or a plugin of the node mounts or adds, such as a driver of a graphics card.",
    ],
    attack: ["T1554", "T1525"],
    cost: Files,
    basis: Program,
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let Some((root, image)) = facts.root() else { return };
    if !root.is_it() {
        report.not_checked("the image that was given is not that of this container");
        return;
    }
    for (path, seen) in root.mapped() {
        if !report.look() {
            return;
        }
        let Some(why) = root.difference(path) else { continue };
        let there = image.size(path);
        let severity = if there.is_some() { Severity::High } else { Severity::Medium };
        let pid = facts.living().find(|process| process.mappings().iter().any(|mapping| mapping.path == *path));
        let subject = Subject::File(path.clone());
        let mut finding = Finding::new(&RULE, subject)
            .severity(severity)
            .confidence(Confidence::Medium)
            .identity([path.clone()])
            .next(Next::rows_where("process_memory_map", "path", path.to_string()))
            .sentence(format!("{} is mapped, and {why}; no change of it is recorded.", shown(path)))
            .benign("The image that was given is of another build: compare its digest with that of the container.")
            .path(path.clone())
            .link(Link::Path(path.clone()));
        if let Some(process) = pid
            && let Some(mapping) = process.mappings().iter().find(|mapping| mapping.path == *path)
        {
            let evidence = Evidence::mapping(mapping.pid, mapping.start.0).with("path", Some(&mapping.path));
            finding = finding.evidence(evidence.with("size", seen).with("size_in_image", there));
        }
        report.add(finding);
    }
}
