//! Processes whose layout is missing: their pages are searched and shown by what their pagemaps say.

use super::{memparse, places, reference};
use crate::archives::Members;
use crate::command::run_with;

/// The same archive without some files.
fn without(names: &[&str]) -> Members {
    let mut members = reference();
    for name in names {
        members.remove(&format!("checkpoint/{name}"));
    }
    members
}

#[test]
fn pages_without_mappings_are_found_at_the_same_addresses() {
    let whole = memparse(&reference().tar(), &["-s", "needle"]);
    let (mm, mut damaged) = (without(&["mm-1.img"]), reference());
    damaged.set("checkpoint/mm-1.img", damaged.get("checkpoint/mm-1.img")[..40].to_vec());
    for members in [mm, damaged] {
        let ran = memparse(&members.tar(), &["-s", "needle"]);
        assert_eq!(ran.code, Some(3), "{ran:?}");
        assert!(ran.err.contains("mappings of some processes are not known"), "{ran:?}");
        let own: Vec<_> = places(&ran).into_iter().filter(|(pid, _)| pid == "1").collect();
        let all: Vec<_> = places(&whole).into_iter().filter(|(pid, _)| pid == "1").collect();
        // What it shared with others was seen through mappings.
        assert!(own.len() >= 8 && own.iter().all(|place| all.contains(place)), "{own:?} {all:?}");
    }
}

#[test]
fn every_mode_works_on_what_the_pagemap_has() {
    let archive = without(&["mm-1.img"]).tar();
    let sizes = memparse(&archive, &["--format", "ndjson", "--pid", "1"]);
    assert!(sizes.out.contains(r#""recorded_bytes":61440"#), "{sizes:?}");
    let strings = memparse(&archive, &["--pid", "1", "--strings"]);
    assert!(strings.out.contains("bytes that nobody has read"), "{strings:?}");
    let hexdump = memparse(&archive, &["--pid", "1", "--hexdump"]);
    assert!(hexdump.out.contains("0000000000401050  63 72 79 6f"), "{hexdump:?}");
    let dump = memparse(&archive, &["--pid", "1", "--range", "403000-403020", "--dump", "/dev/stdout"]);
    assert!(dump.out.starts_with("bytes that nobody has read"), "{dump:?}");
    let none = memparse(&archive, &["--pid", "1", "--kind", "heap", "-s", "needle"]);
    assert!(none.code == Some(3) && none.err.contains("--kind"), "{none:?}");
}

#[test]
fn a_pre_dump_is_searched_by_pid_and_address() {
    let names = [
        "pstree.img",
        "core-1.img",
        "core-6.img",
        "mm-1.img",
        "mm-6.img",
        "fs-1.img",
        "fs-6.img",
        "ids-1.img",
        "ids-6.img",
    ];
    let mut members = without(&names);
    let ran = memparse(&members.tar(), &["-s", "needle 0"]);
    assert!(places(&ran).contains(&("1".into(), "0x7f722c50504a".into())), "{ran:?}");
    assert!(places(&ran).contains(&("6".into(), "0x7f722c50504a".into())), "{ran:?}");
    // Shared memory has no addresses without mappings, but contents.
    assert!(ran.out.contains("checkpoint/pages-1.img"), "{ran:?}");
    members.remove("checkpoint/pages-2.img");
    let ran = run_with(&members.tar(), ["inspect", "-"]);
    assert!(
        ran.code == Some(3) && ran.err.contains("pages-2.img: the pages image that a pagemap names is missing"),
        "{ran:?}"
    );
}

#[test]
fn pages_that_no_pagemap_names_are_searched_as_files() {
    for name in ["pagemap-6.img", "pages-77.img"] {
        let mut members = reference();
        if name.starts_with("pages") {
            members.set("checkpoint/pages-77.img", b"....nothing refers to this....".to_vec());
        } else {
            members.remove("checkpoint/pagemap-6.img");
        }
        let text = if name.starts_with("pages") { "nothing refers" } else { "needle" };
        let ran = memparse(&members.tar(), &["-s", text, "--format", "ndjson"]);
        let image = if name.starts_with("pages") { "checkpoint/pages-77.img" } else { "checkpoint/pages-3.img" };
        assert!(ran.out.contains(&format!(r#""image":"{image}""#)), "{ran:?}");
        let notes = run_with(&members.tar(), ["table", "-", "warnings", "--format", "ndjson"]);
        assert!(notes.out.contains("image_orphaned") && notes.out.contains(image), "{notes:?}");
    }
}
