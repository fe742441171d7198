//! `decode` against CRIU's own crit and go-criu's: what they misread or cannot read is right here, in crit's own layout.

use serde_json::{Value, json};

use super::reference;
use crate::archives::Members;
use crate::command::{cryoscope, run_with};
use crate::fixtures;
use crate::synth::{Message, Writer};

/// The entries of one image as crit has them with `--pretty`.
fn entries(file_name: &str, image: Vec<u8>, arguments: &[&str]) -> Vec<Value> {
    plain_entries(file_name, image, &[&["--pretty"][..], arguments].concat())
}

/// The entries of one image in crit's layout.
fn plain_entries(file_name: &str, image: Vec<u8>, arguments: &[&str]) -> Vec<Value> {
    let mut members = Members::default();
    members.set(
        "checkpoint/pstree.img",
        Writer::TODAY.image("pstree.img", [&Message::new("pstree_entry").number("pid", 1)]),
    );
    members.set(&format!("checkpoint/{file_name}"), image);
    let ran = run_with(&members.tar(), [&["decode", "-", file_name, "--format", "crit-json"][..], arguments].concat());
    ran.json()["entries"].as_array().unwrap().clone()
}

fn image(file_name: &str, records: &[(Message, &[u8])]) -> Vec<u8> {
    let records = records.iter().flat_map(|(message, after)| Writer::TODAY.record(message, after));
    Writer::TODAY.image(file_name, []).into_iter().chain(records).collect()
}

/// crit's keys, layout and spellings, so that scripts move over.
#[test]
fn the_layout_is_that_of_crit() {
    let mapping = Message::new("vma_entry").number("start", 0x7f00_0000_0000).number("prot", 3).number("flags", 0x22);
    let mapping = mapping.number("status", 0x201).number("fd", -1);
    let mm = Message::new("mm_entry").number("mm_start_code", 0x40_0000).with("vmas", &mapping);
    let shown = &entries("mm-1.img", image("mm-1.img", &[(mm, &[])]), &[])[0];
    let mapping = &shown["vmas"][0];
    assert_eq!(shown["mm_start_code"], "0x400000");
    assert_eq!(
        (&mapping["flags"], &mapping["prot"]),
        (&json!("MAP_PRIVATE | MAP_ANON"), &json!("PROT_READ | PROT_WRITE"))
    );
    assert_eq!((&mapping["status"], &mapping["fd"]), (&json!("VMA_AREA_REGULAR | VMA_ANON_PRIVATE"), &json!(-1)));
    let socket =
        Message::new("inet_sk_entry").number("family", 2).number("type", 1).number("proto", 6).number("state", 10);
    let socket = socket.numbers("src_addr", [16_777_343]).number("flags", 2);
    let shown = &entries("inetsk.img", image("inetsk.img", &[(socket.clone(), &[])]), &[])[0];
    let expected = json!({ "family": "INET", "type": "STREAM", "proto": "TCP", "state": "LISTEN", "flags": "0x2", "src_addr": ["127.0.0.1"] });
    assert_eq!(shown, &expected);
    // As `crit decode` without --pretty.
    let plain = &plain_entries("inetsk.img", image("inetsk.img", &[(socket, &[])]), &[])[0];
    assert_eq!(
        plain,
        &json!({ "family": 2, "type": 1, "proto": 6, "state": 10, "flags": 2, "src_addr": [16_777_343] })
    );
    // Kinds with one magic number have one name, and the head of a pagemap is an entry.
    let head = Message::new("pagemap_head").number("pages_id", 4);
    let entry = Message::new("pagemap_entry").number("vaddr", 0).number("nr_pages", 2).number("flags", 6);
    let name = "pagemap-shmem-9.img";
    let shown = entries(name, image(name, &[(head, &[]), (entry, &[])]), &[]);
    assert_eq!(
        shown,
        [json!({ "pages_id": 4 }), json!({ "vaddr": "0x0", "flags": "PE_LAZY | PE_PRESENT", "nr_pages": 2 })]
    );
    let members = reference();
    let ran = run_with(&members.tar(), ["decode", "-", "pagemap-shmem-2055.img", "--format", "crit-json"]);
    assert_eq!(ran.json()["magic"], "PAGEMAP");
    let ran = run_with(&members.tar(), ["decode", "-", "files.img", "--format", "crit-json", "--info"]);
    assert_eq!(ran.json(), json!({ "magic": "FILES", "count": 15 }));
}

/// crit takes the number of pages from one of two fields, whichever CRIU it is of.
#[test]
fn both_counts_of_pages_are_shown() {
    let head = Message::new("pagemap_head").number("pages_id", 1);
    let old = Message::new("pagemap_entry").number("vaddr", 4096).number("compat_nr_pages", 3);
    let new = Message::new("pagemap_entry").number("vaddr", 65_536).number("compat_nr_pages", 0).number("nr_pages", 5);
    let shown = entries("pagemap-1.img", image("pagemap-1.img", &[(head, &[]), (old, &[]), (new, &[])]), &[]);
    // As the crit of the CRIU that wrote it.
    assert_eq!(shown[1], json!({ "vaddr": "0x1000", "nr_pages": 3 }));
    assert_eq!(shown[2], json!({ "vaddr": "0x10000", "compat_nr_pages": 0, "nr_pages": 5 }));
}

/// crit calls stopped tasks zombies, and knows no name for zombies.
#[test]
fn states_of_tasks_have_their_names() {
    for (state, name) in [(1, "Alive"), (2, "Zombie"), (3, "Stopped"), (6, "Zombie")] {
        let core = Message::new("core_entry").with("tc", &Message::new("task_core_entry").number("task_state", state));
        let shown = &entries("core-1.img", image("core-1.img", &[(core, &[])]), &[])[0];
        assert_eq!(shown["tc"]["task_state"], name, "{state}");
    }
}

/// crit and go-criu read the next record as the contents of shared memory that has none here; go-criu skips padding that
/// is not there.
#[test]
fn records_behind_shared_memory_and_semaphores_are_whole() {
    let segment = |id: i128, size: i128| {
        let desc = Message::new("ipc_desc_entry").number("id", id).number("key", 7);
        Message::new("ipc_shm_entry").with("desc", &desc).number("size", size)
    };
    let elsewhere = segment(1, 4096).number("in_pagemaps", 1);
    let name = "ipcns-shm-1.img";
    let shown = entries(
        name,
        image(name, &[(elsewhere, &[]), (segment(2, 5), b"hello\0\0\0"), (segment(3, 8), b"12345678")]),
        &["--payload"],
    );
    let ids: Vec<&Value> = shown.iter().map(|entry| &entry["desc"]["id"]).collect();
    assert_eq!(ids, [1, 2, 3]);
    let contents: Vec<Option<&str>> = shown.iter().map(|entry| entry.get("extra").and_then(Value::as_str)).collect();
    assert_eq!(contents, [Some(""), Some("aGVsbG8=\n"), Some("MTIzNDU2Nzg=\n")]);
    let set = |count: i128| Message::new("ipc_sem_entry").number("nsems", count);
    let name = "ipcns-sem-1.img";
    let shown =
        entries(name, image(name, &[(set(4), &[1, 0, 2, 0, 3, 0, 4, 0]), (set(1), &[9, 0, 0, 0, 0, 0, 0, 0])]), &[]);
    assert_eq!((&shown[0]["extra"], &shown[1]["extra"]), (&json!([1, 2, 3, 4]), &json!([9])));
}

/// go-criu finds eight bytes too many in deleted files, and the last chunk in the place of all.
#[test]
fn contents_of_deleted_files_are_exact() {
    let file = Message::new("ghost_file_entry").number("mode", 0o100_644);
    let name = "ghost-file-1.img";
    let shown = entries(name, image(name, &[(file.clone(), b"contents")]), &["--payload"]);
    assert_eq!(shown[0]["extra"], "Y29udGVudHM=\n");
    let chunk = |off: i128, len: i128| Message::new("ghost_chunk_entry").number("off", off).number("len", len);
    let chunks = [(file.number("chunks", 1), &b""[..]), (chunk(0, 3), b"one"), (chunk(8192, 3), b"two")];
    let shown = entries(name, image(name, &chunks), &["--payload"]);
    assert_eq!(shown[0].get("extra"), None);
    assert_eq!((&shown[1]["extra"], &shown[2]["extra"]), (&json!("b25l\n"), &json!("dHdv\n")));
    assert_eq!(shown[2]["off"], 8192);
}

/// crit reads sizes of records with a sign.
#[test]
fn sizes_of_records_have_no_sign() {
    let mut members = reference();
    let mut image = members.get("checkpoint/pstree.img").to_vec();
    image.extend([0xf0, 0xff, 0xff, 0xff]);
    members.set("checkpoint/pstree.img", image);
    let ran = run_with(&members.tar(), ["decode", "-", "pstree.img", "--format", "crit-json"]);
    assert_eq!((ran.code, ran.json()["entries"].as_array().unwrap().len()), (Some(3), 2));
    assert!(ran.err.contains("4294967280 bytes"), "{}", ran.err);
}

/// crit fails at maps whose contents were not asked for.
#[test]
fn maps_have_the_length_of_keys_and_values() {
    let map = Message::new("bpfmap_data_entry").number("map_id", 1).number("keys_bytes", 4).number("values_bytes", 2);
    let image = image("bpfmap-data.img", &[(map.clone(), b"keysvv"), (map, b"KEYSVV")]);
    let shown = entries("bpfmap-data.img", image.clone(), &["--no-payload"]);
    assert_eq!((shown.len(), &shown[1]["extra"]), (2, &json!("... <6B>")));
    assert_eq!(entries("bpfmap-data.img", image, &[])[0]["extra"], "a2V5c3Z2\n");
}

/// crit cannot read what has no records.
#[test]
fn images_without_records_are_entries_too() {
    let image = b"\x1f\x8bnot really a tar".to_vec();
    let shown = entries("tmpfs-dev-44.tar.gz.img", image.clone(), &[]);
    assert_eq!(shown, [json!({ "extra": "... <18B>" })]);
    let shown = entries("tmpfs-dev-44.tar.gz.img", image, &["--payload"]);
    assert_eq!(shown, [json!({ "extra": "H4tub3QgcmVhbGx5IGEgdGFy\n" })]);
    let pidfd = Message::new("pidfd_entry").number("id", 3).number("nspid", -1);
    let entry = Message::new("file_entry").number("type", 20).number("id", 3).with("pidfd", &pidfd);
    let shown = entries("files.img", self::image("files.img", &[(entry, &[])]), &[]);
    assert_eq!((&shown[0]["type"], &shown[0]["pidfd"]["nspid"]), (&json!("PIDFD"), &json!(-1)));
}

/// crit shows device numbers of terminals as they are, and those of deleted devices wrongly.
#[test]
fn device_numbers_are_taken_apart_by_their_own_form() {
    let terminal = Message::new("tty_info_entry").number("id", 1).number("rdev", 0x8803).number("dev", 0x1_0203);
    let shown = &entries("tty-info.img", image("tty-info.img", &[(terminal, &[])]), &[])[0];
    assert_eq!((&shown["rdev"], &shown["dev"]), (&json!("136:3"), &json!("258:3")));
    let ghost =
        Message::new("ghost_file_entry").number("mode", 0o020_600).number("dev", 0x80_0011).number("rdev", 0x1234_5678);
    let shown = &entries("ghost-file-1.img", image("ghost-file-1.img", &[(ghost, &[])]), &[])[0];
    assert_eq!((&shown["dev"], &shown["rdev"]), (&json!("8:17"), &json!("1110:74616")));
}

/// crit raises at numbers without a name.
#[test]
fn numbers_without_a_name_stay_numbers() {
    let entry = Message::new("file_entry").number("type", 4711).number("id", 1);
    let shown = entries("files.img", image("files.img", &[(entry, &[])]), &[]);
    assert_eq!(shown[0]["type"], 4711);
    let socket = Message::new("inet_sk_entry").number("family", 99).number("state", 77);
    let shown = entries("inetsk.img", image("inetsk.img", &[(socket, &[])]), &[]);
    assert_eq!(shown[0], json!({ "family": 99, "state": 77 }));
}

/// go-criu prints names of unix sockets raw, and all words of an IPv6 address in one place.
#[test]
fn names_and_addresses_of_sockets_are_whole() {
    let socket = |name: &[u8]| Message::new("unix_sk_entry").number("type", 1).bytes("name", name);
    let shown =
        entries("unixsk.img", image("unixsk.img", &[(socket(b"/run/s\0"), &[]), (socket(b"\0bus\0x"), &[])]), &[]);
    assert_eq!((&shown[0]["name"], &shown[1]["name"]), (&json!("/run/s=00"), &json!("=00bus=00x")));
    let words = Writer::TODAY.address(&[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]);
    let socket = Message::new("inet_sk_entry").number("family", 10).numbers("src_addr", words);
    assert_eq!(
        entries("inetsk.img", image("inetsk.img", &[(socket, &[])]), &[])[0]["src_addr"],
        json!(["2001:db8::9"])
    );
}

/// W54: crit needs unpacked images and ends in a traceback when its reader closes the pipe.
#[test]
fn archives_are_decoded_as_they_are_into_pipes_that_close() {
    use std::io::Read;
    use std::process::Stdio;

    let home = tempfile::tempdir().unwrap();
    let archive = fixtures::archive_of("webapp-compromise");
    let mut command = cryoscope(home.path());
    let command = command.args(["decode".as_ref(), archive.as_os_str(), "--all".as_ref(), "--format=ndjson".as_ref()]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 64];
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut first).unwrap();
    drop(out);
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), ended.stderr.as_slice()), (Some(0), &b""[..]));
    assert!(first.starts_with(b"{\"member\":\"checkpoint/"));
}

/// W54: each new kind of image breaks crit; here it is raw bytes.
#[test]
fn kinds_that_nobody_knows_are_bytes() {
    let mut members = reference();
    members.set("checkpoint/future-1.img", b"\x19\x43\x56\x54\xef\xbe\xad\xde\x02\0\0\0\x08\x01".to_vec());
    members.set("checkpoint/renamed-1.img", members.get("checkpoint/fs-1.img").to_vec());
    let ran = run_with(&members.tar(), ["decode", "-", "future-1.img", "renamed-1.img", "--payload"]);
    let decoded = ran.json();
    assert_eq!((&decoded[0]["kind"], &decoded[0]["payload"]), (&Value::Null, &json!("19435654efbeadde020000000801")));
    assert_eq!((&decoded[1]["kind"], &decoded[1]["records"][0]["message"]), (&json!("FS"), &json!("fs_entry")));
}

/// W62: one name that is not UTF-8 fails go-criu's decode of all files, and loses its bytes elsewhere. The form of crit shows
/// it as crit does.
#[test]
fn names_that_are_not_utf8_are_decoded_with_their_bytes() {
    let file = |name: &[u8]| {
        let file = Message::new("reg_file_entry").number("id", 1).bytes("name", name);
        Message::new("file_entry").number("type", 1).number("id", 1).with("reg", &file)
    };
    let image = image("files.img", &[(file(b"/tmp/\xff\xfe"), &[]), (file(b"/plain"), &[])]);
    let shown = entries("files.img", image.clone(), &[]);
    assert_eq!((&shown[0]["reg"]["name"], &shown[1]["reg"]["name"]), (&json!(r"b'/tmp/\xff\xfe'"), &json!("/plain")));
    let mut members = reference();
    members.set("checkpoint/files.img", image);
    let decoded = run_with(&members.tar(), ["decode", "-", "files.img"]).json();
    let name = |record: usize, key: &str| decoded[0]["records"][record]["fields"]["reg"].get(key).cloned();
    assert_eq!(name(0, "name"), Some("/tmp/\u{fffd}\u{fffd}".into()));
    assert_eq!(name(0, "name_hex"), Some("2f746d702ffffe".into()));
    assert_eq!((name(1, "name"), name(1, "name_hex")), (Some("/plain".into()), None));
}
