//! Rules about means to come back.

use cryoscope::analysis::{Finding, Scan, Selection, Severity};
use cryoscope::images::proto::FileEntry;

use crate::archives::Members;
use crate::fixtures;

fn scan(members: &Members, experimental: bool) -> Scan {
    let mut selection = Selection::default();
    selection.only = vec!["PERS".to_owned()];
    selection.experimental = experimental;
    Scan::run(&members.open(), &selection)
}

fn watching(path: &str) -> Scan {
    let mut members = Members::of(&fixtures::archive_of("fanotify"));
    members.edit::<FileEntry>("checkpoint/files.img", |_, file| {
        for watch in file.ify.iter_mut().flat_map(|inotify| inotify.wd.iter_mut().take(1)) {
            watch.f_handle.get_or_insert_default().path = Some(path.into());
        }
    });
    scan(&members, false)
}

#[test]
fn a_watch_on_accounts_is_low_and_one_on_data_is_nothing() {
    let of = |scan: &Scan| scan.findings.iter().map(|finding: &Finding| finding.severity).max();
    assert_eq!(of(&watching("/etc/shadow")), Some(Severity::Low));
    assert_eq!(of(&watching("/srv/data")), None);
    let silent = watching("/srv/data");
    let coverage = &silent.coverage.iter().find(|(rule, _)| rule.id == "PERS-003").unwrap().1;
    assert!(coverage.looked_at >= 2, "{coverage:?}");
}

#[test]
fn experimental_rules_are_silent_over_ordinary_programs() {
    for case in ["fanotify", "tree", "signals", "files-more", "bridge-net"] {
        let found = scan(&Members::of(&fixtures::archive_of(case)), true);
        assert!(found.coverage.iter().any(|(rule, _)| rule.id == "PERS-001"), "asked for");
        assert!(found.findings.is_empty(), "{case}: {:?}", found.findings);
    }
}
