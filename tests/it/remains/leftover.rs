//! Images that nothing refers to are named, whichever kind they are of; those of a dump that is whole never are.

use super::reference;
use crate::command::run_with;

#[test]
fn images_that_nothing_refers_to_are_named() {
    let mut members = reference();
    let copies = [
        ("pagemap-shmem-2055.img", "pagemap-shmem-19382.img"),
        ("pages-1.img", "pages-40.img"),
        ("fdinfo-2.img", "fdinfo-40.img"),
        ("core-6.img", "core-40.img"),
        ("mm-6.img", "mm-40.img"),
        ("mm-6.img", "itimers-40.img"),
        ("mm-6.img", "rlimit-40.img"),
        ("mm-6.img", "signal-s-40.img"),
        ("mm-6.img", "signal-p-40.img"),
        ("mm-6.img", "filelocks-40.img"),
    ];
    for (from, to) in copies {
        let contents = members.get(&format!("checkpoint/{from}")).to_vec();
        members.set(&format!("checkpoint/{to}"), contents);
    }
    let ran = run_with(&members.tar(), ["table", "-", "warnings", "--format", "ndjson"]);
    for (_, name) in copies {
        let line = ran.out.lines().find(|line| line.contains(&format!("checkpoint/{name}")));
        assert!(line.is_some_and(|line| line.contains("image_orphaned")), "{name}: {}", ran.out);
    }
    assert_eq!(ran.out.lines().filter(|line| line.contains("image_orphaned")).count(), copies.len(), "{}", ran.out);
    let inspected = run_with(&members.tar(), ["inspect", "-", "-v"]);
    assert!(inspected.err.contains("pagemap-shmem-19382.img"), "{inspected:?}");
}

#[test]
fn what_cannot_be_known_is_no_leftover() {
    // Whose mappings are not known may have had them.
    let mut members = reference();
    members.remove("checkpoint/mm-1.img");
    members.remove("checkpoint/mm-6.img");
    members.remove("checkpoint/memfd.img");
    let ran = run_with(&members.tar(), ["table", "-", "warnings", "--format", "ndjson"]);
    assert!(!ran.out.contains("pagemap-shmem"), "{}", ran.out);
}
