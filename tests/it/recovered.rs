//! Recovered files on archives made here: what is cut, what is sparse, what lies in other archives.

use cryoscope::images::Kind;
use cryoscope::images::proto::{FileEntry, GhostChunkEntry, GhostFileEntry, RegFileEntry, RemapFilePathEntry};
use cryoscope::memory::Keep;
use cryoscope::{Code, Limits, Options};
use prost::Message;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::archives::{Members, image_of};
use crate::fixtures::{self, hex, rows_of};

const REGULAR: u32 = 0o100_644;

/// A small container of two processes, without the deleted file that it has.
fn reference() -> Members {
    let mut members = Members::of(&fixtures::path("forms-reference/podman-runc.tar"));
    members.remove("checkpoint/ghost-file-1.img");
    members.remove("checkpoint/remap-fpath.img");
    members
}

/// The recovered files of some members.
fn recovered(members: &Members) -> Vec<Value> {
    recovered_within(members, Limits::default()).0
}

fn recovered_within(members: &Members, limits: Limits) -> (Vec<Value>, Vec<Code>) {
    let checkpoints = Options::new().limits(limits).keep(Keep::Everything).open_reader(members.tar().as_slice());
    let checkpoint = checkpoints.unwrap().remove(0);
    let rows = rows_of(&checkpoint, &["recovered_files"]).remove("recovered_files").unwrap();
    (rows, checkpoint.warnings().iter().map(|warning| warning.code).collect())
}

fn of_source<'r>(rows: &'r [Value], source: &str) -> Vec<&'r Value> {
    rows.iter().filter(|row| row["source"] == source).collect()
}

fn hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// A program that ran from a memfd and one that was deleted are known as ELF files by their contents, and rows of mappings
/// are the same for a compressed archive and a plain one.
#[test]
fn programs_without_a_file_are_known_by_their_contents() {
    let archive = fixtures::archive_of("webapp-compromise");
    let checkpoint = Options::new().keep(Keep::Everything).open(&archive).unwrap().remove(0);
    let programs = |rows: &[Value], columns: [&str; 5]| -> Vec<Value> {
        let elf = rows.iter().filter(|row| !row["elf_type"].is_null());
        elf.map(|row| json!(columns.map(|column| row[column].clone()))).collect()
    };
    let rows = rows_of(&checkpoint, &["recovered_files"]).remove("recovered_files").unwrap();
    let expected = [
        json!(["ghost", "/tmp/.cache/.x/kdevtmpfsi", "executable", "x86_64", null]),
        json!(["memfd", "/memfd:", "executable", "x86_64", null]),
    ];
    assert_eq!(programs(&rows, ["source", "path", "elf_type", "elf_machine", "build_id"]), expected);

    let home = tempfile::tempdir().unwrap();
    let plain = home.path().join("plain.tar");
    std::fs::write(&plain, Members::of(&archive).tar()).unwrap();
    let mappings = |path: &std::path::Path| {
        let checkpoint = Options::new().open(path).unwrap().remove(0);
        rows_of(&checkpoint, &["process_memory_map"]).remove("process_memory_map").unwrap()
    };
    let rows = mappings(&plain);
    let expected = [
        json!([13, "/memfd: (deleted)", "executable", "x86_64", null]),
        json!([15, "/tmp/.cache/.x/kdevtmpfsi (deleted)", "executable", "x86_64", null]),
    ];
    assert_eq!(programs(&rows, ["pid", "path", "elf_type", "elf_machine", "build_id"]), expected);
    assert_eq!(mappings(&archive), rows);
}

/// A ghost image of chunks.
pub(crate) fn chunked(size: u64, chunks: &[(u64, &[u8])]) -> Vec<u8> {
    let head = GhostFileEntry { mode: Some(REGULAR), chunks: Some(true), size: Some(size), ..Default::default() };
    let mut records = vec![(head.encode_to_vec(), Vec::new())];
    for (off, bytes) in chunks {
        let chunk = GhostChunkEntry { len: Some(bytes.len() as u64), off: Some(*off) };
        records.push((chunk.encode_to_vec(), bytes.to_vec()));
    }
    image_of(Kind::GhostFile, &records).bytes()
}

#[test]
fn chunks_lie_where_they_belong() {
    let mut members = reference();
    members.set("checkpoint/ghost-file-1f.img", chunked(20, &[(4, b"abcd"), (16, b"blocks run past the end")]));
    let rows = recovered(&members);
    let [row] = of_source(&rows, "ghost")[..] else { panic!("{rows:?}") };
    assert_eq!(row["sha256"], hash(b"\0\0\0\0abcd\0\0\0\0\0\0\0\0bloc"));
    assert_eq!((&row["size"], &row["hole_bytes"], &row["missing_bytes"]), (&json!(20), &json!(12), &json!(0)));
    // Nothing refers to it, so it has no name.
    assert_eq!((&row["path"], &row["holders"]), (&Value::Null, &json!([])));
}

/// What follows a cut is not known: it may have been a hole or not, and is no zeros.
#[test]
fn a_ghost_that_is_cut_has_no_hash() {
    let whole = chunked(20, &[(4, b"abcd"), (12, b"efgh")]);
    // At the end of a chunk, an image is whole: what follows is a hole.
    let ends = [chunked(20, &[]).len(), chunked(20, &[(4, b"abcd")]).len()];
    for end in (9..whole.len()).filter(|end| !ends.contains(end)) {
        let mut members = reference();
        members.set("checkpoint/ghost-file-1.img", whole[..end].to_vec());
        let rows = recovered(&members);
        for row in of_source(&rows, "ghost") {
            assert_eq!(row["sha256"], Value::Null, "cut at {end}: {row}");
            assert!(row["missing_bytes"].as_u64().unwrap() > 0, "cut at {end}: {row}");
        }
    }
    let plain = GhostFileEntry { mode: Some(REGULAR), ..Default::default() };
    let image = image_of(Kind::GhostFile, &[(plain.encode_to_vec(), b"all that follows".to_vec())]).bytes();
    let mut members = reference();
    members.set("checkpoint/ghost-file-2.img", image);
    let mut tar = members.tar();
    let at = tar.windows(16).position(|window| window == b"all that follows").unwrap();
    tar.truncate(at + 8);
    let checkpoint = Options::new().open_reader(tar.as_slice()).unwrap().remove(0);
    let row = checkpoint.rows().recovered_files().find(|row| row.source == "ghost").unwrap();
    assert_eq!((row.size, row.missing_bytes, row.sha256), (Some(16), Some(8), None));
}

#[test]
fn a_ghost_whose_image_is_missing_is_named() {
    let mut members = Members::of(&fixtures::archive_of("criu-4.2-ghosts"));
    let before = recovered(&members);
    members.remove("ghost-file-1.img");
    let rows = recovered(&members);
    assert_eq!(of_source(&rows, "ghost").len(), of_source(&before, "ghost").len());
    let lost = rows.iter().find(|row| row["member"].is_null()).unwrap();
    assert_eq!((&lost["sha256"], &lost["missing_reason"]), (&Value::Null, &json!("its image is missing or cut")));
    assert!(before.iter().any(|row| row["path"] == lost["path"] && row["size"] == lost["missing_bytes"]), "{lost}");
}

#[test]
fn links_and_pipes_without_a_name_have_no_contents() {
    let mut members = reference();
    let link =
        GhostFileEntry { mode: Some(0o120_777), symlnk_target: Some(b"/etc/shadow".to_vec()), ..Default::default() };
    members.set("checkpoint/ghost-file-1.img", image_of(Kind::GhostFile, &[(link.encode_to_vec(), vec![])]).bytes());
    let fifo = GhostFileEntry { mode: Some(0o010_600), ..Default::default() };
    members.set("checkpoint/ghost-file-2.img", image_of(Kind::GhostFile, &[(fifo.encode_to_vec(), vec![])]).bytes());
    let rows = recovered(&members);
    let found: Vec<_> =
        of_source(&rows, "ghost").iter().map(|row| (row["type"].clone(), row["link"].clone())).collect();
    assert_eq!(found, [(json!("symlink"), json!("/etc/shadow")), (json!("fifo"), Value::Null)]);
    assert!(of_source(&rows, "ghost").iter().all(|row| row["size"].is_null() && row["sha256"].is_null()));
}

/// A file of nothing but a hole costs a few bytes to claim. It must not cost hours to hash.
#[test]
fn holes_are_hashed_up_to_a_limit() {
    let mut members = reference();
    members.set("checkpoint/ghost-file-1.img", chunked(u64::MAX, &[(0, b"x")]));
    members.set("checkpoint/ghost-file-2.img", chunked(5000, &[]));
    let mut limits = Limits::default();
    limits.hole_bytes = 4096;
    let (rows, codes) = recovered_within(&members, limits);
    for row in of_source(&rows, "ghost") {
        assert_eq!((&row["sha256"], &row["missing_bytes"]), (&Value::Null, &json!(0)), "{row}");
        assert_eq!(row["missing_reason"], "more holes than are hashed");
    }
    assert!(codes.contains(&Code::LimitReached));
    members.remove("checkpoint/ghost-file-1.img");
    let (rows, codes) = recovered_within(&members, Limits::default());
    assert_eq!(of_source(&rows, "ghost")[0]["sha256"], hash(&[0; 5000]));
    assert!(!codes.contains(&Code::LimitReached));
}

/// A tar with a file and another name of it.
fn inner(files: &[(&str, &[u8])], link: Option<(&str, &str)>) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, contents) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(contents.len() as u64);
        header.set_mode(0o640);
        header.set_uid(33);
        builder.append_data(&mut header, name, *contents).unwrap();
    }
    if let Some((name, target)) = link {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Link);
        header.set_size(0);
        builder.append_link(&mut header, name, target).unwrap();
    }
    builder.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn file_systems_in_memory_are_listed_where_they_were_mounted() {
    let mut members = reference();
    let shm = inner(&[("./.hidden", b"in memory"), ("./.hidden", b"twice")], Some(("other", ".hidden")));
    members.set("devshm-checkpoint.tar", shm);
    members.set("checkpoint/tmpfs-dev-999999.tar.gz.img", gzip(&inner(&[("./a", b"nowhere")], Some(("b", "gone")))));
    let rows = recovered(&members);
    let shm = of_source(&rows, "devshm");
    assert_eq!(
        shm.iter().map(|row| row["path"].as_str().unwrap()).collect::<Vec<_>>(),
        ["/dev/shm/.hidden", "/dev/shm/other"]
    );
    assert!(shm.iter().all(|row| row["sha256"] == hash(b"twice")), "the last of a name counts, and links lead to it");
    assert_eq!((&shm[0]["mode"], &shm[0]["uid"], &shm[1]["link"]), (&json!("0640"), &json!(33), &json!(".hidden")));
    // Of a file system that is in no mount table, only the path in it is known.
    let lost: Vec<_> = of_source(&rows, "tmpfs").into_iter().filter(|row| row["path"].is_null()).collect();
    assert_eq!((&lost[0]["file"], &lost[0]["sha256"]), (&json!("a"), &json!(hash(b"nowhere"))));
    assert_eq!((&lost[1]["file"], &lost[1]["sha256"]), (&json!("b"), &Value::Null));
}

/// A file whose name is gone while another is left: CRIU links it beside, in the file system that an engine archives.
#[test]
fn further_links_are_found_in_the_root_file_system() {
    let mut members = reference();
    let regular = |id, name: &str| {
        let entry = RegFileEntry { id: Some(id), name: Some(name.into()), size: Some(4), ..Default::default() };
        FileEntry { r#type: Some(1), id: Some(id), reg: Some(entry), ..Default::default() }.encode_to_vec()
    };
    members.parts("checkpoint/files.img", |image| {
        image.records.push((regular(801, "/srv/gone"), Vec::new()));
        image.records.push((regular(802, "/srv/link_remap.9"), Vec::new()));
    });
    let remap = RemapFilePathEntry { orig_id: Some(801), remap_id: Some(802), remap_type: Some(0) };
    members.set("checkpoint/remap-fpath.img", image_of(Kind::RemapFpath, &[(remap.encode_to_vec(), vec![])]).bytes());
    let of = |members: &Members| of_source(&recovered(members), "link_remap")[0].clone();
    members.remove("rootfs-diff.tar");
    let without = of(&members);
    assert_eq!((&without["path"], &without["missing_bytes"]), (&json!("/srv/gone"), &json!(4)));
    assert_eq!(without["missing_reason"], "file-backed, not in the archive");
    members.set("rootfs-diff.tar", inner(&[("srv/link_remap.9", b"text")], None));
    let with = of(&members);
    assert_eq!((&with["path"], &with["sha256"]), (&json!("/srv/gone"), &json!(hash(b"text"))));
    assert_eq!((&with["member"], &with["file"]), (&json!("rootfs-diff.tar"), &json!("srv/link_remap.9")));
}
