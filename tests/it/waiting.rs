//! What waited in queues, on images made here: kinds that no fixture has, and damage.

use cryoscope::Code;
use cryoscope::images::Kind;
use cryoscope::images::proto::{
    BpfmapDataEntry, BpfmapFileEntry, FdTypes, FileEntry, IpcDescEntry, IpcMsg, IpcMsgEntry, IpcSemEntry,
    PipeDataEntry, PipeEntry, SkPacketEntry, TcpStreamEntry, TtyDataEntry,
};
use prost::Message;
use serde_json::{Value, json};

use crate::archives::{Image, Members, image_of};
use crate::fixtures::{self, rows_of};

/// A small container of two processes.
fn reference() -> Members {
    Members::of(&fixtures::path("forms-reference/podman-runc.tar"))
}

/// The reference with an image more.
fn with(name: &str, image: &Image) -> Members {
    let mut members = reference();
    members.set(&format!("checkpoint/{name}"), image.bytes());
    members
}

/// The rows of a table.
fn rows(members: &Members, table: &str) -> Vec<Value> {
    rows_of(&members.open(), &[table]).remove(table).unwrap()
}

#[test]
fn terminals_have_what_nobody_read() {
    let data = TtyDataEntry { tty_id: Some(7), data: Some(b"rm -rf /\n".to_vec()) };
    let image = image_of(Kind::TtyData, &[(data.encode_to_vec(), vec![])]);
    let found = rows(&with("tty-data.img", &image), "tty_queues");
    assert_eq!((&found[0]["terminal"], &found[0]["bytes"]), (&json!(7), &json!(9)));
    assert_eq!((&found[0]["text"], &found[0]["path"]), (&json!("rm -rf /\n"), &Value::Null));
}

#[test]
fn bpf_maps_have_their_entries() {
    let file = BpfmapFileEntry {
        id: Some(900),
        map_id: Some(4),
        map_type: Some(1),
        key_size: Some(2),
        value_size: Some(4),
        max_entries: Some(16),
        map_name: Some(b"blocklist".to_vec()),
        frozen: Some(false),
        ..Default::default()
    };
    let entry =
        FileEntry { r#type: Some(FdTypes::Bpfmap.into()), id: Some(900), bpf: Some(file), ..Default::default() };
    let data = BpfmapDataEntry { map_id: Some(4), keys_bytes: Some(4), values_bytes: Some(8), count: Some(2) };
    let contents = [1, 0, 2, 0, 0xaa, 0, 0, 0, 0xbb, 0, 0, 0].to_vec();
    let mut members = with("bpfmap-data.img", &image_of(Kind::BpfmapData, &[(data.encode_to_vec(), contents)]));
    members.parts("checkpoint/files.img", |image| image.records.push((entry.encode_to_vec(), Vec::new())));
    let found = rows(&members, "bpf_maps");
    assert_eq!((&found[0]["name"], &found[0]["type"]), (&json!("blocklist"), &json!("hash")));
    let entries = json!([{"key": "0100", "value": "aa000000"}, {"key": "0200", "value": "bb000000"}]);
    assert_eq!((&found[0]["count"], &found[0]["entries"]), (&json!(2), &entries));
}

#[test]
fn a_queue_that_is_cut_says_how_much_is_missing() {
    let data = PipeDataEntry { pipe_id: Some(77), bytes: Some(100), size: Some(65_536) };
    let members = with("pipes-data.img", &image_of(Kind::PipesData, &[(data.encode_to_vec(), b"only this".to_vec())]));
    let found = rows(&members, "pipes").into_iter().find(|row| row["inode"] == 77).unwrap();
    assert_eq!((&found["bytes"], &found["text"]), (&json!(100), &json!("only this")));
    assert_eq!((&found["missing_bytes"], &found["sha256"]), (&json!(91), &Value::Null));
    let checkpoint = members.open();
    checkpoint.read_all();
    assert!(checkpoint.warnings().iter().any(|warning| warning.code == Code::ImageTruncated));
}

/// A pipe that both ends of were passed through `/proc` may be open for reading and writing at once.
#[test]
fn ends_of_pipes_are_told_by_their_flags() {
    let mut members = reference();
    members.parts("checkpoint/files.img", |image| {
        for (id, flags) in [(901, 0), (902, 1), (903, 0o4002)] {
            let pipe = PipeEntry { id: Some(id), pipe_id: Some(77), flags: Some(flags), ..Default::default() };
            let entry =
                FileEntry { r#type: Some(FdTypes::Pipe.into()), id: Some(id), pipe: Some(pipe), ..Default::default() };
            image.records.push((entry.encode_to_vec(), Vec::new()));
        }
    });
    let checkpoint = members.open();
    let (_, _, pipe) = checkpoint.details().pipe_table().iter().find(|(_, inode, _)| *inode == 77).unwrap();
    let ids = |files: &[cryoscope::model::ids::FileId]| files.iter().map(|id| id.0).collect::<Vec<_>>();
    assert_eq!((ids(&pipe.readers), ids(&pipe.writers)), (vec![901, 903], vec![902, 903]));
}

#[test]
fn a_connection_that_no_file_is_of_is_shown_all_the_same() {
    let stream = TcpStreamEntry {
        inq_len: Some(3),
        inq_seq: Some(2),
        outq_len: Some(2),
        outq_seq: Some(50),
        unsq_len: Some(1),
        opt_mask: Some(0x27),
        ..Default::default()
    };
    let image = image_of(Kind::TcpStream, &[(stream.encode_to_vec(), b"inXou".to_vec())]);
    let members = with("tcp-stream-1f.img", &image);
    let found = rows(&members, "tcp_queues");
    let texts: Vec<_> = found.iter().filter(|row| row["socket"] == 31).map(|row| row["text"].clone()).collect();
    assert_eq!(texts, ["inX", "ou"]);
    // Numbers wrap: the first byte came before the number 0.
    assert_eq!((&found[0]["sequence"], &found[1]["sequence"]), (&json!(u32::MAX), &json!(48)));
    assert_eq!((&found[0]["unsent"], &found[1]["unsent"]), (&Value::Null, &json!(1)));
    let connection = &rows(&members, "tcp_connections")[0];
    assert_eq!(connection["options"], json!(["timestamps", "sack", "window_scale", "syn_data"]));
    assert_eq!((&connection["holders"], &connection["state"]), (&json!([]), &Value::Null));
}

#[test]
fn claims_of_queues_are_bounded_by_what_is_there() {
    let desc = IpcDescEntry { id: Some(3), key: Some(u32::MAX), ..Default::default() };
    let queue = IpcMsgEntry { desc: Some(desc), qbytes: Some(16_384), qnum: Some(u32::MAX) };
    let message = IpcMsg { mtype: Some(u64::MAX), msize: Some(u32::MAX) }.encode_to_vec();
    let mut payload = u32::try_from(message.len()).unwrap().to_le_bytes().to_vec();
    payload.extend(message);
    payload.extend(b"text");
    let mut members = with("ipcns-msg-9.img", &image_of(Kind::IpcnsMsg, &[(queue.encode_to_vec(), payload)]));
    let semaphores = IpcSemEntry { desc: Some(desc), nsems: Some(u32::MAX) };
    let image = image_of(Kind::IpcnsSem, &[(semaphores.encode_to_vec(), vec![5, 0, 6, 0, 7])]);
    members.set("checkpoint/ipcns-sem-9.img", image.bytes());
    let packet = SkPacketEntry { id_for: Some(999), length: Some(u32::MAX), scm: Vec::new() };
    let image = image_of(Kind::SkQueues, &[(packet.encode_to_vec(), b"x".to_vec())]);
    members.set("checkpoint/sk-queues.img", image.bytes());
    let data = BpfmapDataEntry {
        map_id: Some(1),
        keys_bytes: Some(u32::MAX),
        values_bytes: Some(u32::MAX),
        count: Some(u32::MAX),
    };
    let image = image_of(Kind::BpfmapData, &[(data.encode_to_vec(), b"x".to_vec())]);
    members.set("checkpoint/bpfmap-data.img", image.bytes());

    let messages = rows(&members, "ipc_messages");
    assert_eq!((messages.len(), &messages[0]["text"], &messages[0]["type"]), (1, &json!("text"), &json!(-1)));
    let objects = rows(&members, "ipc");
    let of = |kind: &str| objects.iter().find(|row| row["kind"] == kind).unwrap();
    assert_eq!((&of("msg")["key"], &of("msg")["messages"]), (&json!(-1), &json!(u32::MAX)));
    assert_eq!(of("msg")["size"], Value::Null, "not all messages are here");
    assert_eq!((&of("sem")["values"], &of("sem")["semaphores"]), (&json!([5, 6]), &json!(u32::MAX)));
    let packets = rows(&members, "unix_queues");
    assert_eq!((&packets[0]["text"], &packets[0]["missing_bytes"]), (&json!("x"), &json!(u32::MAX - 1)));
    assert_eq!(rows(&members, "bpf_maps")[0]["sha256"], Value::Null);
}
