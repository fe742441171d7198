//! Rules about the quality of the evidence.

use std::path::Path;

use cryoscope::Checkpoint;
use cryoscope::analysis::{Scan, Selection, Severity};

use crate::fixtures;

fn scan(archive: &Path) -> Scan {
    let mut selection = Selection::default();
    selection.only = vec!["EVD".to_owned()];
    Scan::run(&Checkpoint::open(archive).unwrap(), &selection)
}

fn worst(scan: &Scan, rule: &str) -> Option<Severity> {
    scan.findings.iter().filter(|finding| finding.rule.id == rule).map(|finding| finding.severity).max()
}

#[test]
fn sound_archives_are_not_doubted() {
    for case in ["mounts", "sockets-tcp", "crio-logs", "containerd2-logs", "webapp-compromise", "criu-4.2-shell"] {
        let scan = scan(&fixtures::archive_of(case));
        assert!(scan.findings.is_empty(), "{case}: {:?}", scan.findings);
    }
}

#[test]
fn contradictions_and_damage_are_told() {
    for (name, severity) in [
        ("malformed/fd-twice.tar.gz", Severity::Medium),
        ("malformed/cut-tar-data.tar.gz", Severity::Medium),
        ("malformed/empty-image.tar.gz", Severity::Medium),
        ("forms-containers/no-end-mark.tar.gz", Severity::Low),
    ] {
        let scan = scan(&fixtures::path(name));
        assert_eq!(worst(&scan, "EVD-001"), Some(severity), "{name}");
        let finding = scan.findings.iter().find(|finding| finding.rule.id == "EVD-001").unwrap();
        assert!(!finding.evidence.is_empty() && finding.evidence.iter().all(|one| one.note.is_some()), "{name}");
    }
}

#[test]
fn gaps_are_information_and_no_doubt() {
    let scan = scan(&fixtures::archive_of("criu-3.6-aged-lazy"));
    assert_eq!(worst(&scan, "EVD-003"), Some(Severity::Info));
    assert_eq!(worst(&scan, "EVD-001"), None);
}

#[test]
fn text_that_fools_a_terminal_is_told_once_for_a_process() {
    let scan = scan(&fixtures::archive_of("tree"));
    assert_eq!(worst(&scan, "EVD-002"), Some(Severity::Medium));
    let finding = scan.findings.iter().find(|finding| finding.rule.id == "EVD-002").unwrap();
    assert!(finding.sentence.contains("daemon\\x1b[31m"), "escaped: {}", finding.sentence);
    assert!(!finding.sentence.contains('\x1b'));
}
