//! Pages in earlier dumps: where those are looked for, and what is said where they are not.

use cryoscope::images::proto::PagemapEntry;
use prost::Message as _;

use super::{saved, tar_with_link};
use crate::archives::Members;
use crate::command::run;
use crate::fixtures;

/// A dump, and the one before it in the same archive.
fn both() -> Members {
    let mut members = Members::of(&fixtures::path("forms-memory/chain-final.tar.gz"));
    let before = Members::of(&fixtures::path("forms-memory/chain-pre.tar.gz"));
    members.0.extend(before.0.into_iter().filter(|member| member.name.starts_with("pre-checkpoint/")));
    members
}

fn linked(members: &Members, target: &str) -> (tempfile::TempDir, String) {
    saved(&tar_with_link(members, "checkpoint/parent", target))
}

#[test]
fn a_dump_of_the_links_name_is_used_wherever_the_link_leads() {
    for target in
        ["../pre-checkpoint", "/run/elsewhere/pre-checkpoint", "../../../gone/pre-checkpoint/", "gone/pre-checkpoint"]
    {
        let (_home, path) = linked(&both(), target);
        let ran = run(["memparse", &path, "-v"]);
        assert_eq!(ran.code, Some(0), "{target}: {ran:?}");
        assert!(!ran.out.contains("in a parent"), "{target}: {ran:?}");
        let is_noted = ran.err.contains("read pre-checkpoint instead, which has the same name");
        assert_eq!(is_noted, target != "../pre-checkpoint", "{target}: {ran:?}");
    }
    // Of two of the name, none is the one.
    let mut two = both();
    let copies: Vec<_> = two.0.iter().filter(|member| member.name.starts_with("pre-checkpoint/")).cloned().collect();
    for member in copies {
        two.set(&format!("other/{}", member.name), member.contents);
    }
    let (_home, path) = linked(&two, "/gone/pre-checkpoint");
    let ran = run(["memparse", &path]);
    assert!(
        ran.code == Some(3)
            && ran.err.contains("2 dumps in this archive may be it (other/pre-checkpoint, pre-checkpoint)")
            && ran.err.contains("give its directory as a parent"),
        "{ran:?}"
    );
}

#[test]
fn without_a_link_the_dumps_that_may_be_meant_are_named() {
    let mut alone = both();
    alone.remove("checkpoint/parent");
    let (_home, path) = saved(&alone.tar());
    let ran = run(["memparse", &path]);
    assert!(ran.code == Some(3) && ran.err.contains("it may be pre-checkpoint in this archive"), "{ran:?}");
    let ran = run(["memparse", &path, "--parent", &path]);
    assert!(ran.code == Some(0) && !ran.out.contains("in a parent"), "{ran:?}");
    let copies: Vec<_> = alone.0.iter().filter(|member| member.name.starts_with("pre-checkpoint/")).cloned().collect();
    for copy in copies {
        alone.set(&format!("other/{}", copy.name), copy.contents);
    }
    let (_home, path) = saved(&alone.tar());
    let ran = run(["memparse", &path]);
    assert!(ran.err.contains("no link names it, and 2 earlier dumps"), "{ran:?}");
    alone.0.retain(|member| !member.name.contains("pre-checkpoint/"));
    let (_home, path) = saved(&alone.tar());
    assert!(run(["memparse", &path]).err.contains("that is not in this archive"));
}

#[test]
fn what_the_earlier_dump_lacks_is_said_of_it() {
    let mut members = both();
    members.parts("pre-checkpoint/pagemap-1.img", |image| image.records.truncate(1));
    let (_home, path) = linked(&members, "../pre-checkpoint");
    let ran = run(["inspect", &path]);
    assert!(
        ran.code == Some(3)
            && ran.err.contains("parent dump in this archive (pre-checkpoint), but its pagemaps do not have them"),
        "{ran:?}"
    );
    assert!(!ran.err.contains("not in this archive"), "{ran:?}");
    let (_home, path) = linked(&both(), ".");
    assert!(run(["inspect", &path]).err.contains("leads back to checkpoint"));
    let mut without = both();
    without.0.retain(|member| !member.name.starts_with("pre-checkpoint/"));
    without.set("pre-checkpoint/readme", b"moved".to_vec());
    let (_home, path) = linked(&without, "../pre-checkpoint");
    assert!(run(["inspect", &path]).err.contains("(pre-checkpoint), but it has no pagemaps"));
}

#[test]
fn parent_may_be_the_archive_itself() {
    let (_home, path) = linked(&both(), "../somewhere-else");
    let alone = run(["memparse", &path]);
    assert!(alone.code == Some(3) && alone.out.contains("in a parent"), "{alone:?}");
    let ran = run(["memparse", &path, "--parent", &path]);
    assert!(ran.code == Some(0) && !ran.out.contains("in a parent"), "{ran:?}");
    // Nothing is found there twice, and nothing goes round in circles.
    let final_dump = fixtures::path("forms-memory/chain-final.tar.gz");
    let ran = run(["memparse".as_ref(), final_dump.as_os_str(), "--parent".as_ref(), final_dump.as_os_str()]);
    assert!(ran.code == Some(3) && ran.err.contains("14 pages"), "{ran:?}");
    // A whole checkpoint in the parent's archive does not hide its pre-dump.
    let (_home, parent) = linked(&both(), "../pre-checkpoint");
    let ran = run(["memparse".as_ref(), final_dump.as_os_str(), "--parent".as_ref(), parent.as_ref()]);
    assert!(ran.code == Some(0) && !ran.out.contains("in a parent"), "{ran:?}");
}

#[test]
fn pages_of_a_pre_dump_that_are_missing_are_named() {
    let mut members = both();
    members.remove("pre-checkpoint/pages-2.img");
    let (_home, path) = linked(&members, "../pre-checkpoint");
    let ran = run(["inspect", &path]);
    assert!(
        ran.code == Some(3)
            && ran.err.contains("pre-checkpoint/pages-2.img: the pages image that a pagemap names is missing"),
        "{ran:?}"
    );
    // Whose entry claims more than there is, is short.
    let mut short = both();
    short.parts("pre-checkpoint/pagemap-1.img", |image| {
        image
            .records
            .push((PagemapEntry { vaddr: Some(0x7fff_0000_0000), ..super::present(0, 4) }.encode_to_vec(), Vec::new()));
    });
    let (_home, path) = linked(&short, "../pre-checkpoint");
    assert!(run(["inspect", &path]).err.contains("pre-checkpoint/pages-2.img: the image has 61440 bytes"));
}
