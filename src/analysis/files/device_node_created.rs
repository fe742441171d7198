//! FS-025: nodes that lead to devices of the host.

use super::super::card::rule;
use super::super::facts::Place;
use super::super::words::shown;
use super::super::{Facts, Report, Severity};
use super::common::{about, everywhere, when};

rule! {
    /// Nodes of block devices, and of devices that lead to memory or ports of the host, among the changes and in file
    /// systems in memory. Nodes such as `null`, `zero`, `random` and terminals, which services have in the directories that
    /// they are locked into, do not count.
    "FS-025", device_node_created, version 1, Files, Incubating, High,
    title: "A device node of the host was created",
    why: "A node of a disk of the host is a way to read and change its files, if the container may open it.",
    benign: ["A container that manages disks of its host: its specification lists the device."],
    attack: ["T1611"],
    cost: Files,
    tags: ["escape"],
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for (file, _) in everywhere(facts) {
        let is_node = matches!(file.file_type, "block" | "character");
        if !is_node || file.engine_noise || !matches!(file.place, Place::Rootfs | Place::Volume | Place::Tmpfs) {
            continue;
        }
        if !report.look() {
            return;
        }
        let Some((major, minor)) = file.device else {
            report.not_checked("the archive does not say which device the node is");
            continue;
        };
        // The runtime made the nodes that the specification lists.
        let is_listed = facts
            .spec()
            .spec
            .as_ref()
            .is_some_and(|spec| spec.devices.iter().any(|device| file.path == device.path.as_bytes()));
        let Some((severity, what)) = judge(file.file_type == "block", major, minor).filter(|_| !is_listed) else {
            report.skip();
            continue;
        };
        let mut finding = about(facts, &RULE, file)
            .severity(severity)
            .identity([format!("{major}:{minor}")])
            .sentence(format!("{} is a node of {what} ({major}:{minor}){}.", shown(&file.path), when(facts, file)));
        if let Some(row) = finding.evidence.first_mut() {
            *row = row.clone().with("device", Some(format!("{major}:{minor}")));
        }
        report.add(finding);
    }
}

/// What a device is, if a container has no business with it. Numbers are those of the kernel's `devices.txt`.
fn judge(is_block: bool, major: u32, minor: u32) -> Option<(Severity, &'static str)> {
    match (is_block, major, minor) {
        (true, 1 | 7, _) => Some((Severity::Medium, "a loop or memory disk of the host")),
        (true, ..) => Some((Severity::High, "a disk of the host")),
        (false, 1, 1 | 2 | 4) => Some((Severity::High, "the memory or the ports of the host")),
        (false, 1, 11) => Some((Severity::Medium, "the log of the host's kernel")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disks_and_memory_count_and_null_does_not() {
        assert_eq!(judge(true, 8, 0).map(|found| found.0), Some(Severity::High));
        assert_eq!(judge(true, 259, 3).map(|found| found.0), Some(Severity::High));
        assert_eq!(judge(false, 1, 1).map(|found| found.0), Some(Severity::High));
        for minor in [3, 5, 7, 8, 9] {
            assert_eq!(judge(false, 1, minor), None);
        }
        assert_eq!(judge(false, 5, 2), None);
    }
}
