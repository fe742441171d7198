//! Files beside the images that are damaged, or made to do harm: logs, changed files, lists of deleted ones.

use cryoscope::memory::Keep;
use cryoscope::{Checkpoint, Code, Limits, Options};
use proptest::prelude::*;
use serde_json::Value;

use crate::archives::Members;
use crate::fixtures;

fn reference() -> Members {
    Members::of(&fixtures::path("forms-reference/podman-runc.tar"))
}

/// The rows of a table of the reference with one more member, and what was warned of.
fn rows(name: &str, contents: impl Into<Vec<u8>>, table: &str, limits: &Limits) -> (Vec<Value>, Vec<Code>) {
    let mut members = reference();
    members.set(name, contents);
    let options = Options::new().limits(limits.clone()).keep(Keep::Files);
    let checkpoint = options.open_reader(std::io::Cursor::new(members.tar())).unwrap().remove(0);
    (rows_of(&checkpoint, table), codes(&checkpoint))
}

fn rows_of(checkpoint: &Checkpoint, table: &str) -> Vec<Value> {
    fixtures::rows_of(checkpoint, &[table]).remove(table).unwrap()
}

fn codes(checkpoint: &Checkpoint) -> Vec<Code> {
    checkpoint.warnings().iter().map(|warning| warning.code).collect()
}

fn texts(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["text"].as_str().unwrap()).collect()
}

/// Lines of CRIU's log; the reference has a log of the container, too.
fn of_criu(rows: Vec<Value>) -> Vec<Value> {
    rows.into_iter().filter(|row| row["source"] == "criu").collect()
}

#[test]
fn lines_are_numbered_and_have_their_offsets() {
    let (rows, codes) = rows("dump.log", "a\n\n(00.5) b\nno newline", "log_lines", &Limits::default());
    let rows = of_criu(rows);
    assert_eq!(texts(&rows), ["a", "", "b", "no newline"]);
    let places: Vec<_> =
        rows.iter().map(|row| (row["line"].as_u64().unwrap(), row["offset"].as_u64().unwrap())).collect();
    assert_eq!(places, [(1, 0), (2, 2), (3, 3), (4, 12)]);
    assert_eq!(rows[2]["elapsed_us"], 500_000);
    assert!(codes.is_empty(), "{codes:?}");
    assert!(of_criu(self::rows("dump.log", "", "log_lines", &Limits::default()).0).is_empty());
}

#[test]
fn long_lines_and_many_are_bounded_and_it_is_said() {
    let mut limits = Limits::default();
    limits.line_bytes = 4;
    let (of_long, codes) = rows("dump.log", "1234\n12345678\n1", "log_lines", &limits);
    assert_eq!(texts(&of_criu(of_long)), ["1234", "1234", "1"]);
    assert!(codes.contains(&Code::LimitReached), "{codes:?}");
    let mut limits = Limits::default();
    limits.lines = 2;
    let (of_many, codes) = rows("dump.log", "1\n2\n3\n", "log_lines", &limits);
    assert_eq!(texts(&of_criu(of_many)), ["1", "2"]);
    assert!(codes.contains(&Code::LimitReached), "{codes:?}");
}

#[test]
fn a_log_that_is_cut_has_the_lines_before() {
    let mut members = reference();
    members.set("dump.log", "first\nsecond\n".repeat(200));
    let tar = members.tar();
    let cut = tar.len() - 1024 - 2048;
    let options = Options::new().keep(Keep::Files);
    let checkpoint = options.open_reader(std::io::Cursor::new(&tar[..cut])).unwrap().remove(0);
    let rows = of_criu(rows_of(&checkpoint, "log_lines"));
    assert!(rows.len() > 10 && rows.len() < 400, "{}", rows.len());
    assert!(codes(&checkpoint).contains(&Code::MemberUnreadable));
}

#[test]
fn a_list_of_deleted_files_may_be_anything() {
    let cases = [
        (r#"["/a","b",7,null,["/c"]]"#, vec!["/a", "/b"]),
        (r#"{"a":1}"#, vec![]),
        ("null", vec![]),
        ("[", vec![]),
        (r#"["/a\n\u0000b"]"#, vec!["/a\n\0b"]),
    ];
    for (document, expected) in cases {
        let (rows, _) = rows("deleted.files", document, "rootfs_changes", &Limits::default());
        let deleted = rows.iter().filter(|row| row["change"] == "deleted");
        let paths: Vec<&str> = deleted.map(|row| row["path"].as_str().unwrap()).collect();
        assert_eq!(paths, expected, "{document}");
    }
}

#[test]
fn hard_links_that_go_round_in_circles_end() {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, target) in [("a", "b"), ("b", "a"), ("self", "self"), ("lost", "nowhere")] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Link);
        header.set_size(0);
        header.set_mode(0o644);
        tar.append_link(&mut header, name, target).unwrap();
    }
    let (rows, _) = rows("rootfs-diff.tar", tar.into_inner().unwrap(), "rootfs_changes", &Limits::default());
    assert_eq!(rows.len(), 4);
    assert!(rows.iter().all(|row| row["type"] == "other" && row["size"].is_null() && row["link"].is_string()));
}

#[test]
fn of_two_members_of_one_name_the_last_counts() {
    let mut tar = Members::default();
    tar.set("etc/passwd", "first");
    let mut twice = tar.tar();
    twice.truncate(twice.len() - 1024);
    tar.set("etc/passwd", "the second");
    twice.extend(tar.tar());
    let (rows, codes) = rows("rootfs-diff.tar", twice, "rootfs_changes", &Limits::default());
    assert_eq!((rows.len(), rows[0]["size"].as_u64()), (1, Some(10)));
    assert!(codes.contains(&Code::MemberDuplicate), "{codes:?}");
}

proptest! {
    #![proptest_config(fixtures::cases_of(32))]

    #[test]
    fn any_bytes_beside_the_images_cost_only_their_rows(bytes in prop::collection::vec(any::<u8>(), 0..2000), seed in 0..5_usize) {
        let name = ["rootfs-diff.tar", "dump.log", "ctr.log", "deleted.files", "volumes/x.tar"][seed];
        let mut members = reference();
        members.set(name, bytes.clone());
        let checkpoint = members.open_keeping(Keep::Files);
        for table in ["rootfs_changes", "volume_files", "log_lines"] {
            let _ = rows_of(&checkpoint, table);
        }
        if name == "dump.log" {
            let lines = bytes.split(|&b| b == b'\n').count() - usize::from(bytes.is_empty() || bytes.ends_with(b"\n"));
            prop_assert_eq!(of_criu(rows_of(&checkpoint, "log_lines")).len(), lines);
        }
        prop_assert_eq!(checkpoint.rows().processes().count(), 2);
    }

    #[test]
    fn a_damaged_tar_of_changes_never_panics(at in 0..4096_usize, value in any::<u8>()) {
        let rootfs = Members::of(&fixtures::archive_of("rootfs-diff")).get("rootfs-diff.tar").to_vec();
        let mut damaged = rootfs;
        damaged[at] = value;
        let mut members = reference();
        members.set("rootfs-diff.tar", damaged);
        let _ = rows_of(&members.open_keeping(Keep::Files), "rootfs_changes");
    }
}
