//! What two readers of archives may read differently: each is said, with the place, and never followed out of the archive.

use std::io::Cursor;

use cryoscope::archive::Archive;
use cryoscope::memory::Keep;
use cryoscope::{Checkpoint, Code, Options, Warning};

use crate::archives::Members;
use crate::fixtures;

/// A header with a right check sum.
fn header(name: &str, flag: u8, size: u64, link: &str) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    let bytes = header.as_mut_bytes();
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    bytes[157..157 + link.len()].copy_from_slice(link.as_bytes());
    header.set_entry_type(tar::EntryType::new(flag));
    header.set_mode(0o644);
    header.set_mtime(1_795_432_612);
    header.set_size(size);
    header.set_cksum();
    header.as_bytes().to_vec()
}

/// A member with its contents.
fn member(name: &str, flag: u8, contents: &[u8], link: &str) -> Vec<u8> {
    let mut member = header(name, flag, contents.len() as u64, link);
    member.extend_from_slice(contents);
    member.resize(member.len().next_multiple_of(512), 0);
    member
}

/// A small checkpoint and then these bytes, and an end mark.
fn behind_a_checkpoint(bytes: &[u8]) -> Vec<u8> {
    let mut archive = Members::of(&fixtures::path("forms-reference/podman-runc.tar")).tar();
    archive.truncate(archive.len() - 1024);
    archive.extend_from_slice(bytes);
    archive.resize(archive.len() + 1024, 0);
    archive
}

fn open(archive: Vec<u8>) -> Checkpoint {
    let checkpoint = Options::new().open_reader(Cursor::new(archive)).unwrap().pop().unwrap();
    checkpoint.read_all();
    checkpoint
}

/// The one warning of a code, after everything was read.
fn only(checkpoint: &Checkpoint, code: Code) -> Warning {
    let warnings: Vec<Warning> = checkpoint.warnings().into_iter().filter(|w| w.code == code).collect();
    let [one] = warnings.as_slice() else { panic!("{code}: {:?}", checkpoint.warnings()) };
    one.clone()
}

fn contents(archive: &Archive, path: &str) -> Vec<u8> {
    let member = archive.find(path.as_bytes()).unwrap_or_else(|| panic!("no {path}"));
    archive.contents(archive.resolve(member).unwrap()).prefix(u64::MAX).0.into_owned()
}

#[test]
fn sizes_that_disagree_are_both_named_and_pax_counts() {
    let records = b"13 size=1024\n";
    let inner = member("hidden", b'0', b"a member for those who believe the header", "");
    let mut archive = member("pax", b'x', records, "");
    archive.extend(header("config.d/shown", b'0', 4, ""));
    archive.extend(&inner);
    let checkpoint = open(behind_a_checkpoint(&archive));
    let warning = only(&checkpoint, Code::TarSizeDisagrees);
    assert!(warning.message.contains("4 bytes") && warning.message.contains("1024"), "{}", warning.message);
    assert!(warning.place.offset.is_some());
    let archive = checkpoint.archive();
    assert_eq!(contents(archive, "config.d/shown"), inner);
    assert!(archive.find(b"hidden").is_none());
}

#[test]
fn of_members_of_one_name_the_last_counts_and_both_are_named() {
    let second = br#"{"id":"1","name":"forged"}"#;
    let checkpoint = open(behind_a_checkpoint(&member("config.dump", b'0', second, "")));
    let warning = only(&checkpoint, Code::MemberDuplicate);
    assert_eq!(warning.place.member, "config.dump");
    let positions: Vec<u64> =
        checkpoint.rows().members().filter(|m| m.path == "config.dump").map(|m| m.position).collect();
    let [first, last] = positions.as_slice() else { panic!("both are listed: {positions:?}") };
    let said = format!("used member {last}, ignored member {first}");
    assert!(warning.message.contains(&said), "{} does not say {said}", warning.message);
    assert_eq!(checkpoint.rows().container().name.as_deref(), Some("forged"));
}

#[test]
fn links_are_followed_to_members_only() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "of this machine").unwrap();
    let outside = secret.path().to_str().unwrap();
    let mut archive = member("a/target", b'0', b"of the archive", "");
    archive.extend(member("a/hard", b'1', b"", "a/target"));
    archive.extend(member("a/soft", b'2', b"", "target"));
    archive.extend(member("a/out", b'2', b"", outside));
    archive.extend(member("a/up", b'2', b"", "../../etc/passwd"));
    archive.extend(member("a/hardout", b'1', b"", "../etc/passwd"));
    archive.extend(member("a/loop", b'2', b"", "pool"));
    archive.extend(member("a/pool", b'2', b"", "loop"));
    let checkpoint = open(behind_a_checkpoint(&archive));
    let archive = checkpoint.archive();
    for path in ["a/hard", "a/soft"] {
        assert_eq!(contents(archive, path), b"of the archive", "{path}");
    }
    for path in ["a/out", "a/up", "a/hardout", "a/loop", "a/pool"] {
        let link = archive.find(path.as_bytes()).unwrap();
        assert!(archive.resolve(link).is_err(), "{path} leads nowhere");
        assert!(archive.contents(link).is_empty(), "{path} has no contents of its own");
        assert!(archive.folder_of_link(link).is_none_or(|folder| !folder.contains(&b'.')), "{path}");
    }
}

#[test]
fn an_image_that_is_a_link_out_of_the_archive_is_said_to_be() {
    let checkpoint = open(behind_a_checkpoint(&member("checkpoint/files.img", b'2', b"", "/etc/passwd")));
    let warning = only(&checkpoint, Code::MemberLinkBroken);
    assert_eq!(warning.place.member, "checkpoint/files.img");
    assert!(checkpoint.is_partial());
    let checkpoint = open(behind_a_checkpoint(&member("checkpoint/files.img", b'3', b"", "")));
    assert_eq!(only(&checkpoint, Code::ImageNotAFile).place.member, "checkpoint/files.img");
}

#[test]
fn names_that_lead_out_are_listed_and_never_used() {
    let cases = [
        ("../config.dump", false),
        ("checkpoint/../../config.dump", false),
        ("/config.dump", true),
        ("x/../config.dump", false),
    ];
    for (name, used) in cases {
        let forged = br#"{"id":"1","name":"forged"}"#;
        let checkpoint = open(behind_a_checkpoint(&member(name, b'0', forged, "")));
        let warning = only(&checkpoint, Code::MemberNameUnsafe);
        assert!(warning.message.contains(name), "{}", warning.message);
        assert!(checkpoint.rows().members().any(|m| m.path == name), "{name} is listed");
        // A name in a plain form is believed more than one that goes round; of two plain ones the last counts.
        assert_eq!(checkpoint.rows().container().name.as_deref() == Some("forged"), used, "{name}");
        assert!(checkpoint.archive().find(b"../config.dump").is_none());
    }
}

#[test]
fn devices_are_listed_and_never_opened() {
    let mut archive = Vec::new();
    for (name, flag) in [("dev/zero", b'3'), ("dev/sda", b'4'), ("dev/pipe", b'6')] {
        archive.extend(member(name, flag, b"", ""));
    }
    let checkpoint = open(behind_a_checkpoint(&archive));
    let types: Vec<&str> =
        checkpoint.rows().members().filter(|m| m.path.starts_with(b"dev/")).map(|m| m.r#type).collect();
    assert_eq!(types, ["character", "block", "fifo"]);
    assert!(!checkpoint.is_partial());
    assert!(checkpoint.archive().contents(checkpoint.archive().find(b"dev/zero").unwrap()).is_empty());
}

#[test]
fn what_follows_the_end_is_said() {
    let whole = behind_a_checkpoint(&[]);
    let mut garbage = whole.clone();
    garbage.extend([b'x'; 700]);
    assert!(only(&open(garbage), Code::TarTrailingData).message.contains("end mark"));
    let mut joined = whole;
    joined.extend(member("second", b'0', b"archive", ""));
    joined.resize(joined.len() + 1024, 0);
    let checkpoint = open(joined);
    assert!(only(&checkpoint, Code::TarContinued).message.contains("concatenated"));
    assert_eq!(contents(checkpoint.archive(), "second"), b"archive");
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A small checkpoint whose root file system changes are these bytes; all of it is kept.
fn with_rootfs(changes: &[u8]) -> Checkpoint {
    let archive = behind_a_checkpoint(&member("rootfs-diff.tar", b'0', changes, ""));
    let options = Options::new().keep(Keep::Everything);
    options.open_reader(Cursor::new(archive)).unwrap().pop().unwrap()
}

/// A tar of two files, without its end mark.
fn two_files() -> Vec<u8> {
    [member("etc/one", b'0', b"1", ""), member("etc/two", b'0', b"2", "")].concat()
}

#[test]
fn damage_in_a_nested_archive_has_its_place_there() {
    let mut changes = two_files();
    changes[1024] ^= 1;
    let checkpoint = with_rootfs(&changes);
    assert_eq!(checkpoint.rootfs().iter().filter(|changed| changed.path.starts_with(b"/etc/")).count(), 1);
    let warning = only(&checkpoint, Code::TarHeaderDamaged);
    assert_eq!(warning.place.to_string(), "rootfs-diff.tar at 0x400", "not in the archive around it");
}

#[test]
fn nested_archives_may_be_compressed_over_and_over() {
    let mut changes = [two_files(), vec![0; 1024]].concat();
    for times in 0..=4 {
        let checkpoint = with_rootfs(&changes);
        let paths: Vec<_> = checkpoint.rootfs().iter().map(|changed| changed.path.to_string()).collect();
        assert!(paths.starts_with(&["/etc/one".to_owned(), "/etc/two".to_owned()]), "{times} times: {paths:?}");
        changes = gzip(&changes);
    }
}

#[test]
fn gzip_members_after_each_other_are_one_stream_and_garbage_is_said() {
    let tar = behind_a_checkpoint(&[]);
    let (one, two) = tar.split_at(tar.len() / 2);
    let mut archive = gzip(one);
    archive.extend(gzip(two));
    let rows = |checkpoint: &Checkpoint| checkpoint.rows().processes().map(|p| (p.pid, p.cmdline)).collect::<Vec<_>>();
    let whole = open(archive.clone());
    assert!(!whole.is_partial());
    assert_eq!(rows(&whole), rows(&open(tar)));
    archive.extend(b"no gzip, but bytes all the same");
    let checkpoint = open(archive);
    assert_eq!(rows(&checkpoint), rows(&whole), "what came before is kept");
    let warning = only(&checkpoint, Code::CompressedDamaged);
    assert!(warning.message.contains("gzip"), "{}", warning.message);
}

#[test]
fn sparse_maps_that_overlap_are_not_put_together() {
    let records = b"22 GNU.sparse.major=0\n22 GNU.sparse.minor=1\n25 GNU.sparse.size=10000\n40 GNU.sparse.map=0,512,256,512,10000,0\n";
    let mut archive = member("pax", b'x', records, "");
    archive.extend(member("a/sparse", b'0', &[b's'; 1024], ""));
    let checkpoint = open(behind_a_checkpoint(&archive));
    let warning = only(&checkpoint, Code::TarSparseDamaged);
    assert!(warning.message.contains("a/sparse") && warning.message.contains("overlap"), "{}", warning.message);
    let archive = checkpoint.archive();
    assert!(
        archive.contents(archive.find(b"a/sparse").unwrap()).prefix(u64::MAX).0.is_empty(),
        "no byte of it is believed"
    );
}
