//! `decode`: what it finds, what it shows, and what damage costs. That every field is reachable is shown in `synth`.

use std::fs;
use std::os::unix::ffi::OsStrExt;

use bstr::ByteSlice;
use cryoscope::formats::decode::{DecodeFormat, DecodeStyle, DecodeWriter, Payload};
use cryoscope::{Checkpoint, ImageFile, Limits};
use data_encoding::HEXLOWER;
use prost_reflect::{DynamicMessage, FieldDescriptor, Value};
use serde_json::{Value as Json, json};

use crate::archives::{Image, Member, Members};
use crate::command::{run, run_with};
use crate::fixtures;
use crate::oracle::Schema;
use crate::synth::{Message, Writer};

fn tick() -> std::path::PathBuf {
    fixtures::path("forms-reference/podman-runc.tar")
}

/// Some images in a tar, with a tree so that it is a checkpoint.
fn tar(images: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut members = Members::default();
    members.set(
        "checkpoint/pstree.img",
        Writer::TODAY.image("pstree.img", [&Message::new("pstree_entry").number("pid", 1)]),
    );
    for (name, contents) in images {
        members.set(&format!("checkpoint/{name}"), contents.clone());
    }
    members.tar()
}

fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

/// Whether JSON says what a message holds, decoded by another reader.
fn agree(shown: &Json, message: &DynamicMessage) -> bool {
    let fields: Vec<_> = message.fields().collect();
    let keys = shown.as_object().unwrap().keys().filter(|key| !key.ends_with("_hex"));
    let has = |(field, value): &(_, &Value)| {
        let field: &FieldDescriptor = field;
        // The bytes of text that is not UTF-8.
        says(shown.get(format!("{}_hex", field.name())).unwrap_or(&shown[field.name()]), value)
    };
    keys.count() == fields.len() && fields.iter().all(has)
}

fn says(shown: &Json, value: &Value) -> bool {
    match value {
        Value::Bool(on) => shown.as_bool() == Some(*on),
        Value::I32(number) => shown.as_i64() == Some((*number).into()),
        Value::I64(number) => shown.as_i64() == Some(*number),
        Value::U32(number) => shown.as_u64() == Some((*number).into()),
        Value::U64(number) => shown.as_u64() == Some(*number),
        // Names of numbers are shown as such.
        Value::EnumNumber(_) => shown.is_string(),
        Value::Bytes(bytes) => shown.as_str() == Some(&hex(bytes)) || shown.as_str().map(str::as_bytes) == Some(bytes),
        Value::Message(message) => agree(shown, message),
        Value::List(list) => {
            shown.as_array().is_some_and(|all| all.len() == list.len() && all.iter().zip(list).all(|(a, b)| says(a, b)))
        }
        other => panic!("{other:?}"),
    }
}

/// Everything is as another reader of protobuf has it.
#[test]
fn numbers_and_bytes_are_those_of_another_reader() {
    let schema = Schema::load();
    let mut compared = 0;
    for case in ["tree", "files", "sockets-unix", "sockets-tcp", "ipc", "signals", "criu-1.5-aged", "forms-reference"] {
        for archive in fs::read_dir(fixtures::path(case)).unwrap().map(|entry| entry.unwrap().path()) {
            if !archive.to_string_lossy().contains(".tar") {
                continue;
            }
            let ran = run(["decode".as_ref(), archive.as_os_str(), "--all".as_ref(), "--plain".as_ref()]);
            for decoded in ran.json().as_array().unwrap() {
                let member = decoded["member"].as_str().unwrap();
                let contents = Members::of(&archive).get(member).to_vec();
                let Some(image) = Image::of(&schema, &Member { name: member.to_owned(), contents }) else { continue };
                let records = decoded["records"].as_array().unwrap();
                assert_eq!(records.len(), image.records.len(), "{case}: {member}");
                for (number, (shown, (message, after))) in records.iter().zip(&image.records).enumerate() {
                    let reflected = image.decode(&schema, number, message);
                    assert!(
                        agree(&shown["fields"], &reflected),
                        "{case}: {member} record {number}: {shown} {reflected}"
                    );
                    assert_eq!(shown["payload_bytes"].as_u64().unwrap_or(0), after.len() as u64, "{case}: {member}");
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 500, "only {compared} records");
}

#[test]
fn images_are_found_wherever_they_are() {
    let members = Members::of(&tick());
    let home = tempfile::tempdir().unwrap();
    let expected = run(["decode".as_ref(), tick().as_os_str(), "pstree.img".as_ref()]).json()[0]["records"].clone();
    assert_eq!(expected[0]["fields"]["pid"], 1);

    // A file, by its name; a file of no name, by its magic number.
    for name in ["pstree.img", "evidence-7"] {
        let path = home.path().join(name);
        fs::write(&path, members.get("checkpoint/pstree.img")).unwrap();
        let decoded = run(["decode".as_ref(), path.as_os_str()]).json();
        assert_eq!((&decoded[0]["kind"], &decoded[0]["records"]), (&json!("PSTREE"), &expected), "{name}");
    }
    // Several files.
    let core = home.path().join("core-1.img");
    fs::write(&core, members.get("checkpoint/core-1.img")).unwrap();
    let decoded = run(["decode".as_ref(), home.path().join("pstree.img").as_os_str(), core.as_os_str()]).json();
    assert_eq!((&decoded[0]["kind"], &decoded[1]["kind"]), (&json!("PSTREE"), &json!("CORE")));
    // A directory.
    let decoded = run(["decode".as_ref(), home.path().as_os_str(), "pstree.img".as_ref()]).json();
    assert_eq!(decoded[0]["records"], expected);
    // A member behind a colon, of an archive whose name has colons.
    let archive = home.path().join("checkpoint-web-0_prod-nginx-2026-01-02T03:04:05Z.tar");
    fs::copy(tick(), &archive).unwrap();
    for member in ["checkpoint/pstree.img", "pstree.img", "pstree*"] {
        let mut input = archive.clone().into_os_string();
        input.push(format!(":{member}"));
        assert_eq!(run(["decode".as_ref(), input.as_os_str()]).json()[0]["records"], expected, "{member}");
    }
    // Standard input, compressed.
    let packed = zstd::encode_all(members.tar().as_slice(), 1).unwrap();
    assert_eq!(run_with(&packed, ["decode", "-", "pstree.img"]).json()[0]["records"], expected);
    // By wildcards, each once.
    let decoded = run(["decode".as_ref(), tick().as_os_str(), "core-?.img".as_ref(), "core-1.img".as_ref()]).json();
    assert_eq!(decoded.as_array().unwrap().len(), 2);
    // All.
    let ran = run(["decode".as_ref(), tick().as_os_str(), "--all".as_ref(), "--format=ndjson".as_ref()]).ok();
    let lines: Vec<Json> = ran.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let is_image = |name: &&str| name.starts_with("checkpoint/") || *name == "stats-dump";
    for name in members.0.iter().map(|member| member.name.as_str()).filter(is_image) {
        assert!(lines.iter().any(|line| line["member"] == name), "{name} is not there");
    }
    for line in &lines {
        assert!(line["record"].is_u64() && line["offset"].is_u64() || line["bytes"].is_u64(), "{line}");
    }
}

#[test]
fn what_cannot_be_done_is_said() {
    let home = tempfile::tempdir().unwrap();
    let text = home.path().join("notes.txt");
    fs::write(&text, "no image at all").unwrap();
    let image = home.path().join("core-1.img");
    fs::write(&image, Members::of(&tick()).get("checkpoint/core-1.img")).unwrap();
    let cases: [(&[&std::ffi::OsStr], &str); 5] = [
        (&[text.as_os_str()], "this is text, not a checkpoint"),
        (&[image.as_os_str(), text.as_os_str()], "is not an image"),
        (&[tick().into_os_string().leak()], "no image named"),
        (&[tick().into_os_string().leak(), "core-4711.img".as_ref()], "no image matches core-4711.img"),
        (&["/nowhere:at/all".as_ref()], "no such file"),
    ];
    for (arguments, message) in cases {
        let ran = run([&["decode".as_ref()], arguments].concat());
        assert!(ran.code == Some(2) && ran.out.is_empty() && ran.err.contains(message), "{message}: {ran:?}");
    }
}

#[test]
fn what_follows_records_is_shown_when_it_is_asked_for() {
    let payload = |format: &str| {
        let format = format!("--format={format}");
        let names = ["tcp-stream-661c9.img", "ghost-file-1.img", "pages-1.img", "descriptors.json"];
        let arguments =
            ["decode".as_ref(), tick().into_os_string().leak(), "--payload".as_ref(), format.as_str().as_ref()];
        run(arguments.into_iter().chain(names.iter().map(std::ffi::OsStr::new)))
    };
    let decoded = payload("json").json();
    let text = hex(b"bytes that nobody has read");
    assert_eq!(decoded[0]["records"][0]["payload"], json!({ "inq": text, "outq": "" }));
    assert_eq!(decoded[1]["records"][0]["payload"], "612064656c657465642066696c650a");
    let pages = Members::of(&tick()).get("checkpoint/pages-1.img").to_vec();
    assert_eq!(decoded[2]["payload"].as_str().unwrap().len(), 2 * pages.len());
    assert!(decoded[3]["text"].as_str().unwrap().starts_with('['), "{}", decoded[3]);
    let out = payload("crit-json").out;
    let documents: Vec<Json> =
        serde_json::Deserializer::from_str(&out).into_iter().map(|document| document.unwrap()).collect();
    assert_eq!(documents[0]["entries"][0]["extra"]["inq"], "Ynl0ZXMgdGhhdCBub2JvZHkgaGFzIHJlYWQ=\n");
    assert_eq!(documents[1]["entries"][0]["extra"], "YSBkZWxldGVkIGZpbGUK\n");
    // Without being asked: lengths.
    let brief = run(["decode".as_ref(), tick().as_os_str(), "ghost-file-1.img".as_ref()]).json();
    assert_eq!(brief[0]["records"][0]["payload_bytes"], 15);
    assert_eq!(brief[0]["records"][0].get("payload"), None);
}

/// What crit 4.1.1 (Debian 13) printed of images of the fixtures, character by character. `tests/crit-round-trip.py` compares
/// all images with a crit that is installed.
#[test]
fn crit_json_is_what_crit_prints() {
    const CASES: [(&str, &str, &str, &[&str]); 17] = [
        ("forms-reference/podman-runc.tar", "files.img", "files", &[]),
        ("forms-reference/podman-runc.tar", "core-6.img", "core", &[]),
        ("forms-reference/podman-runc.tar", "tcp-stream-661c9.img", "tcp-stream", &[]),
        ("forms-reference/podman-runc.tar", "pagemap-1.img", "pagemap", &[]),
        ("forms-reference/podman-runc.tar", "ghost-file-1.img", "ghost", &[]),
        ("forms-reference/podman-runc.tar", "ghost-file-1.img", "ghost", &["--plain", "--payload"]),
        ("sockets-unix/sockets-unix.tar.zst", "files.img", "unix", &[]),
        ("sockets-unix/sockets-unix.tar.zst", "sk-queues.img", "queues", &[]),
        ("files-more/files-more.tar.zst", "ghost-file-3.img", "empty-ghost", &[]),
        ("ipc/ipc.tar.zst", "ipcns-sem-11.img", "semaphores", &[]),
        ("ipc/ipc.tar.zst", "ipcns-msg-11.img", "messages", &[]),
        ("criu-3.6-ghosts/criu-3.6-ghosts.tar.gz", "files.img", "not-utf8", &[]),
        ("tree/tree.tar.zst", "core-17.img", "stopped", &[]),
        ("tree/tree.tar.zst", "core-18.img", "zombie", &[]),
        ("forms-reference/podman-runc.tar", "files.img", "files-pretty", &["--pretty"]),
        ("forms-reference/podman-runc.tar", "tcp-stream-661c9.img", "tcp-stream-nopl", &["--pretty", "--no-payload"]),
        ("forms-reference/podman-runc.tar", "files.img", "info", &["--info"]),
    ];
    for (archive, member, name, flags) in CASES {
        let path = fixtures::path(archive);
        let arguments = ["decode".as_ref(), path.as_os_str(), member.as_ref(), "--format=crit-json".as_ref()];
        let printed = run(arguments.into_iter().chain(flags.iter().map(std::ffi::OsStr::new))).ok();
        let theirs = format!("{}/tests/it/data/crit/{name}.json", env!("CARGO_MANIFEST_DIR"));
        assert_eq!(printed, fs::read_to_string(theirs).unwrap(), "{archive} {member} {flags:?}");
    }
}

/// crit's forms are asked for by name.
#[test]
fn flags_of_crits_forms_are_checked() {
    let path = fixtures::path("forms-reference/podman-runc.tar");
    for (flags, message) in [
        (&["--pretty"][..], "--format crit-json"),
        (&["--format=crit-json", "--pretty", "--plain"], "cannot be used with"),
        (&["--payload", "--no-payload"], "cannot be used with"),
    ] {
        let arguments = ["decode".as_ref(), path.as_os_str(), "pstree.img".as_ref()];
        let ran = run(arguments.into_iter().chain(flags.iter().map(std::ffi::OsStr::new)));
        assert!(ran.code == Some(2) && ran.out.is_empty() && ran.err.contains(message), "{flags:?}: {ran:?}");
    }
    // What crit cannot read is not printed whole unless that is asked for.
    let arguments = ["decode".as_ref(), path.as_os_str(), "pages-1.img".as_ref(), "--format=crit-json".as_ref()];
    assert_eq!(run(arguments).json()["entries"][0]["extra"], "... <16KB>");
}

#[test]
fn unknown_fields_are_kept_at_any_depth() {
    // 1002: 7; 1003: "hi"; 1004: 4 bytes; 1005: 8 bytes; 1006: a group with 1: 5.
    let unknown = b"\xd0\x3e\x07\xda\x3e\x02hi\xe5\x3e\x01\0\0\0\xe9\x3e\x02\0\0\0\0\0\0\0\xf3\x3e\x08\x05\xf4\x3e";
    let task = Message::new("task_core_entry").number("task_state", 1).raw(unknown);
    let core = Message::new("core_entry").number("mtype", 1).with("tc", &task);
    let image = Writer::TODAY.image("core-1.img", [&core]);
    let expected = json!([
        { "number": 1002, "wire_type": "varint", "value": 7 },
        { "number": 1003, "wire_type": "bytes", "value": "6869" },
        { "number": 1004, "wire_type": "fixed32", "value": 1 },
        { "number": 1005, "wire_type": "fixed64", "value": 2 },
        { "number": 1006, "wire_type": "group", "value": "0805" },
    ]);
    let ran = run_with(&tar(&[("core-1.img", image.clone())]), ["decode", "-", "core-1.img", "--verbose"]);
    assert_eq!((ran.code, &ran.json()[0]["records"][0]["fields"]["tc"]["unknown_fields"]), (Some(0), &expected));
    assert!(ran.err.contains("field 3.1002 of core_entry"), "{}", ran.err);
    // A field of another type than the schema has.
    let odd = Message::new("pstree_entry").number("pid", 1).raw(b"\x12\x01x");
    let image = Writer::TODAY.image("pstree.img", [&odd]);
    let decoded = run_with(&tar(&[("pstree.img", image)]), ["decode", "-", "pstree.img"]).json();
    let expected = json!({ "pid": 1, "unknown_fields": [{ "number": 2, "wire_type": "bytes", "value": "78" }] });
    assert_eq!(decoded[0]["records"][0]["fields"], expected);
}

#[test]
fn damage_costs_its_own_records_and_one_warning() {
    let writer = Writer::TODAY;
    let process = |pid: i128| Message::new("pstree_entry").number("pid", pid);
    let damaged = process(2).raw(b"\xff");
    let image = writer.image("pstree.img", [&process(1), &damaged, &process(3)]);
    let ran = run_with(&tar(&[("pstree.img", image)]), ["decode", "-", "pstree.img"]);
    assert_eq!(ran.code, Some(3));
    let decoded = ran.json();
    let records = decoded[0]["records"].as_array().unwrap();
    assert_eq!((&records[0]["fields"]["pid"], &records[2]["fields"]["pid"]), (&json!(1), &json!(3)));
    assert_eq!((&records[1]["damaged"], records[1].get("fields")), (&json!("0802ff"), None));
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    assert!(ran.err.contains("checkpoint/pstree.img record 1 at"), "{}", ran.err);

    // An image that is cut, one of another kind, one without a magic number: beside a whole one.
    let whole = writer.image("ids-1.img", [&Message::new("task_kobj_ids_entry").number("vm_id", 5)]);
    let images = [
        ("fs-1.img", writer.image("fs-1.img", [&Message::new("fs_entry").number("cwd_id", 6)])[..10].to_vec()),
        ("mm-1.img", whole.clone()),
        ("core-1.img", b"nothing of the kind".to_vec()),
        ("ids-1.img", whole),
    ];
    let names: Vec<&str> = images.iter().map(|(name, _)| *name).collect();
    let ran = run_with(&tar(&images), [&["decode", "-", "--payload"][..], &names].concat());
    assert_eq!((ran.code, ran.err.lines().count()), (Some(3), 3), "{}", ran.err);
    let decoded = ran.json();
    assert_eq!(decoded[0]["records"], json!([]));
    assert_eq!((&decoded[1]["kind"], &decoded[1]["records"]), (&json!("IDS"), &decoded[3]["records"]));
    assert_eq!(decoded[2]["payload"], "6e6f7468696e67206f6620746865206b696e64");
    assert_eq!(decoded[3]["records"][0]["fields"]["vm_id"], 5);
}

#[test]
fn work_is_bounded_by_limits() {
    let writer = Writer::TODAY;
    let many: Vec<Message> = (0..50).map(|pid| Message::new("pstree_entry").number("pid", pid)).collect();
    let image = writer.image("pstree.img", &many);
    let ran = run_with(&tar(&[("pstree.img", image)]), ["decode", "-", "pstree.img", "--max-records", "7"]);
    assert_eq!((ran.code, ran.json()[0]["records"].as_array().unwrap().len()), (Some(3), 7));
    assert!(ran.err.contains("--max-records"), "{}", ran.err);

    let large = Message::new("pstree_entry").numbers("threads", 0..1000);
    let image = writer.image("pstree.img", [&many[0], &large]);
    let ran = run_with(&tar(&[("pstree.img", image)]), ["decode", "-", "pstree.img", "--max-record", "1000"]);
    assert_eq!((ran.code, ran.json()[0]["records"].as_array().unwrap().len()), (Some(3), 1));
    assert!(ran.err.contains("--max-record"), "{}", ran.err);

    // Directories in directories, as deep as a stack is not.
    let directory = Message::new("cgroup_dir_entry").bytes("dir_name", "x");
    let deep = (0..3_000).fold(directory, |inner, _| Message::new("cgroup_dir_entry").with("children", &inner));
    let controller = Message::new("cg_controller_entry").with("dirs", &deep);
    let image = writer.image("cgroup.img", [&Message::new("cgroup_entry").with("controllers", &controller)]);
    let ran = run_with(&tar(&[("cgroup.img", image)]), ["decode", "-", "cgroup.img"]);
    assert_eq!(ran.code, Some(3));
    assert!(
        ran.json()[0]["records"][0]["damaged"].is_string() && ran.err.contains("messages are nested more than"),
        "{}",
        ran.err
    );
}

#[test]
fn dictionaries_are_those_of_the_machine() {
    let mapping = Message::new("vma_entry").number("start", 4096).number("end", 8192).number("flags", 0x802);
    let file = Message::new("reg_file_entry").number("id", 1).number("flags", 0o200_000).bytes("name", "/");
    let file = Message::new("file_entry").number("type", 1).number("id", 1).with("reg", &file);
    for (mtype, flags, opened) in [
        (1, json!(["MAP_PRIVATE", "MAP_DENYWRITE"]), "O_DIRECTORY"),
        (6, json!(["MAP_PRIVATE", "MAP_ANONYMOUS"]), "O_DIRECTORY"),
        (3, json!(["MAP_PRIVATE", "MAP_DENYWRITE"]), "O_DIRECT"),
    ] {
        let writer = Writer::TODAY;
        let tar = tar(&[
            ("core-1.img", writer.image("core-1.img", [&Message::new("core_entry").number("mtype", mtype)])),
            ("mm-1.img", writer.image("mm-1.img", [&Message::new("mm_entry").with("vmas", &mapping)])),
            ("files.img", writer.image("files.img", [&file])),
        ]);
        let decoded = run_with(&tar, ["decode", "-", "mm-1.img", "files.img"]).json();
        assert_eq!(decoded[0]["records"][0]["fields"]["vmas"][0]["flags"], flags, "{mtype}");
        assert_eq!(decoded[1]["records"][0]["fields"]["reg"]["flags"], json!(["O_RDONLY", opened]), "{mtype}");
    }
}

#[test]
fn images_of_other_forms_are_taken_apart() {
    let members = Members::of(&fixtures::archive_of("files"));
    assert!(!members.0.is_empty());
    let writer = Writer { big_endian: true, common: true };
    // Semaphores of a big-endian machine, padded.
    let set = Message::new("ipc_sem_entry").number("nsems", 3);
    let values = [1, 2, 700].into_iter().flat_map(|value| writer.u16(value)).chain([0; 2]).collect::<Vec<u8>>();
    let semaphores = [writer.image("ipcns-sem-9.img", []), writer.record(&set, &values)].concat();
    // An address as iproute2 saves it.
    let little = Writer::TODAY;
    let body = [2, 16, 0x80, 0, 1, 0, 0, 0];
    let header = [&little.u32(24)[..], &little.u16(20), &little.u16(2), &little.u32(1), &little.u32(0)].concat();
    let addresses = [&little.u32(0x4736_1222)[..], &header, &body].concat();
    let plugin = Message::new("criu_kfd").number("pid", 4);
    let plugin = little.record(&plugin, &[]);
    let plugin = [&little.u64(plugin.len() as u64 - 4)[..], &plugin[4..]].concat();
    let tar = tar(&[("ipcns-sem-9.img", semaphores), ("ifaddr-9.img", addresses), ("amdgpu-kfd-3.img", plugin)]);
    let decoded =
        run_with(&tar, ["decode", "-", "ipcns-sem-9.img", "ifaddr-9.img", "amdgpu-kfd-3.img", "--payload"]).json();
    assert_eq!((&decoded[0]["byte_order"], &decoded[0]["records"][0]["values"]), (&json!("big"), &json!([1, 2, 700])));
    let address = &decoded[1]["records"][0];
    assert_eq!((&address["fields"]["type"], &address["payload"]), (&json!("RTM_NEWADDR"), &json!("0210800001000000")));
    assert_eq!(decoded[2]["records"][0]["fields"]["pid"], 4);
}

/// The library does what the command does.
#[test]
fn the_library_decodes_into_anything_that_writes() {
    let style = DecodeStyle { format: DecodeFormat::Json, payload: Payload::Lengths, plain: false };
    let checkpoint = Checkpoint::open(tick()).unwrap();
    let mut out = Vec::new();
    let mut writer = DecodeWriter::new(&mut out, style);
    let decoder = checkpoint.decoder();
    checkpoint.image_members().into_iter().try_for_each(|member| decoder.image(member, &mut writer)).unwrap();
    writer.finish().unwrap();
    let command = run(["decode".as_ref(), tick().as_os_str(), "--all".as_ref()]).ok();
    assert_eq!(command.as_bytes().as_bstr(), out.as_bstr());
    assert!(checkpoint.warnings().is_empty());

    let home = tempfile::tempdir().unwrap();
    let path = home.path().join(std::ffi::OsStr::from_bytes(b"core-\xff.bin"));
    fs::write(&path, Members::of(&tick()).get("checkpoint/core-1.img")).unwrap();
    let image = ImageFile::open(&path, &Limits::default()).unwrap().unwrap();
    let mut out = Vec::new();
    let mut writer = DecodeWriter::new(&mut out, style);
    image.decode(&mut writer).unwrap();
    writer.finish().unwrap();
    let shown: Json = serde_json::from_slice(&out).unwrap();
    assert_eq!((&shown[0]["kind"], &shown[0]["member_hex"]), (&json!("CORE"), &json!("636f72652dff2e62696e")));
}

#[test]
fn a_wildcard_that_matches_no_image_is_nothing_found() {
    let archive = fixtures::path("forms-reference/podman-runc.tar");
    let ran = |members: &[&str]| run([&["decode", archive.to_str().unwrap()], members].concat());
    for members in [&["zz*"][..], &["zz*", "core-9?.img"], &["zz*", "--info"]] {
        let ran = ran(members);
        assert_eq!(ran.code, Some(1), "{members:?}: {}", ran.err);
        assert!(ran.err.contains("no image matches zz*"), "{members:?}: {}", ran.err);
    }
    assert_eq!(ran(&["zz*", "zz.img"]).code, Some(2), "a name is a mistake");
    let mixed = ran(&["zz*", "core-1.img"]);
    assert!(
        mixed.code == Some(0) && mixed.err.contains("no image matches zz*") && mixed.out.contains("core-1.img"),
        "{mixed:?}"
    );
}
