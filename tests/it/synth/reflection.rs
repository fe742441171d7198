//! Every field of the written schema is reachable through `decode`, under its name, shown as the schema says.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use cryoscope::images::Kind;
use serde_json::{Value, json};

use super::{Field, MESSAGES, Message, Writer, image_lines};
use crate::archives::Members;
use crate::command::{Ran, run_with};

/// A number that every type can hold, and that every hint shows as something else than itself.
const NUMBER: u64 = 2;

/// Device numbers that CRIU's own schema does not mark as such, by message and field.
const UNMARKED: [(&str, &str, &str); 3] = [
    ("tty_info_entry", "rdev", "odev dev"),
    ("tty_info_entry", "dev", "odev dev"),
    ("eventpoll_tfd_entry", "dev", "dev"),
];

/// A field of a message with the hint that it has or should have.
fn marked(message: &str, field: &Field) -> Field {
    let hint = UNMARKED.iter().find(|(m, f, _)| (*m, *f) == (message, field.name)).map(|&(.., hint)| hint);
    Field { hint: hint.unwrap_or(field.hint), ..field.clone() }
}

/// What a field is set to, and what `decode` is to show of it.
fn filled(message: Message, field: &Field) -> (Message, Value) {
    let (message, shown) = match (field.ty, field.hint) {
        ("string", _) => (message.bytes(field.name, "text"), json!("text")),
        ("bytes", "conv=unix_name") => (message.bytes(field.name, "/run/s\0"), json!("/run/s")),
        ("bytes", _) => (message.bytes(field.name, [0xfe, 0x01]), json!("fe01")),
        ("bool", _) => (message.number(field.name, 1), json!(true)),
        ("int32" | "sint32", _) => (message.number(field.name, -7), json!(-7)),
        // Two layouts of the field are known at second hand, so it is shown as the bytes that it has.
        (_, "packed") => return (message.packed(field.name, [NUMBER]), json!("02")),
        // A list of one word is an address.
        (_, "ipadd") => (message.number(field.name, 0x0403_0201), json!("1.2.3.4")),
        (_, "dev") => (message.number(field.name, 0x80_0011), json!("8:17")),
        (_, "odev dev") => (message.number(field.name, 0x8803), json!("136:3")),
        (_, "hex") => (message.number(field.name, 255), json!("0xff")),
        (_, "flags=rfile.flags") => (message.number(field.name, NUMBER.into()), json!(["O_RDWR"])),
        (_, "flags=mmap.prot") => (message.number(field.name, NUMBER.into()), json!(["PROT_WRITE"])),
        (_, "flags=mmap.flags") => (message.number(field.name, NUMBER.into()), json!(["MAP_PRIVATE"])),
        (_, "flags=mmap.status") => (message.number(field.name, NUMBER.into()), json!(["VMA_AREA_STACK"])),
        (_, "flags=pmap.flags") => (message.number(field.name, NUMBER.into()), json!(["PE_LAZY"])),
        (_, "flags=seals.flags") => (message.number(field.name, NUMBER.into()), json!(["F_SEAL_SHRINK"])),
        (_, "dict=gen") => (message.number(field.name, NUMBER.into()), json!("dead")),
        (_, "dict=sk") => {
            let name = match field.name {
                "family" => "inet",
                "type" => "dgram",
                "proto" => "igmp",
                "state" => "SYN_SENT",
                other => panic!("no dictionary for {other}"),
            };
            (message.number(field.name, NUMBER.into()), json!(name))
        }
        ("uint32" | "uint64" | "fixed64", "") => (message.number(field.name, NUMBER.into()), json!(NUMBER)),
        // An enumeration, whose names are their own.
        (_, "") => (message.number(field.name, NUMBER.into()), Value::Null),
        (ty, hint) => panic!("{}: {ty} with {hint}", field.name),
    };
    let is_list = field.repeated && field.hint != "ipadd" && !shown.is_null();
    (message, if is_list { json!([shown]) } else { shown })
}

/// How each message is reached: an image, the number of its record, and the fields that lead to the message.
struct Route {
    file_name: String,
    record: u64,
    path: Vec<(&'static str, Field)>,
}

fn routes() -> BTreeMap<&'static str, Route> {
    let mut routes: BTreeMap<&'static str, Route> = BTreeMap::new();
    let mut left: VecDeque<&'static str> = VecDeque::new();
    for [pattern, _, _, _, records] in image_lines() {
        let file_name = pattern.replace("%04x", "00a1").replace("%lu", "7").replace(['%'], "\u{0}");
        let file_name = file_name.replace("\0u", "7").replace("\0d", "7").replace("\0x", "7");
        let mut names: Vec<&'static str> =
            records.split([' ', ',']).filter_map(|word| MESSAGES.get_key_value(word)).map(|(name, _)| *name).collect();
        names.dedup();
        for (record, name) in names.into_iter().enumerate() {
            if !routes.contains_key(name) {
                let route = Route { file_name: file_name.clone(), record: record as u64, path: Vec::new() };
                routes.insert(name, route);
                left.push_back(name);
            }
        }
    }
    while let Some(name) = left.pop_front() {
        for field in &MESSAGES[name] {
            if let Some((inner, _)) = MESSAGES.get_key_value(field.ty)
                && !routes.contains_key(inner)
            {
                let outer = &routes[name];
                let mut path = outer.path.clone();
                path.push((name, field.clone()));
                let route = Route { file_name: outer.file_name.clone(), record: outer.record, path };
                routes.insert(inner, route);
                left.push_back(inner);
            }
        }
    }
    routes
}

/// Whether a field that holds a message, or one above it, asks for all its numbers in hexadecimal.
fn inherits_hex(route: &Route) -> bool {
    route.path.iter().any(|(_, field)| field.hint == "hex")
}

/// An image with a message in it, at the end of its route.
fn image(route: &Route, message: &Message) -> Vec<u8> {
    let mut record = message.clone();
    for (outer, field) in route.path.iter().rev() {
        record = Message::new(outer).with(field.name, &record);
    }
    let writer = Writer::TODAY;
    if route.file_name.starts_with("amdgpu") {
        return [&writer.u64(record.bytes.len() as u64)[..], &record.bytes].concat();
    }
    let before = if route.record == 0 {
        None
    } else if route.file_name.starts_with("ghost") {
        Some(Message::new("ghost_file_entry").number("chunks", 1))
    } else {
        Some(Message::new("pagemap_head").number("pages_id", 1))
    };
    writer.image(&route.file_name, before.iter().chain([&record]))
}

/// What `decode` shows of a message at the end of its route.
fn shown<'v>(route: &Route, decoded: &'v Value) -> &'v Value {
    let fields = &decoded[0]["records"][usize::try_from(route.record).unwrap()]["fields"];
    route.path.iter().fold(fields, |value, (_, field)| {
        let inner = &value[field.name];
        if field.repeated { &inner[0] } else { inner }
    })
}

/// Decodes one image.
fn decode(file_name: &str, contents: Vec<u8>, arguments: &[&str]) -> Ran {
    let mut members = Members::default();
    members.set("checkpoint/pstree.img", Writer::TODAY.image("pstree.img", [&Message::new("pstree_entry")]));
    members.set(&format!("checkpoint/{file_name}"), contents);
    let arguments = [&["decode", "-", file_name][..], arguments].concat();
    run_with(&members.tar(), arguments)
}

#[test]
fn every_field_is_reachable_and_shown_as_the_schema_says() {
    let routes = routes();
    // Of what follows the records of a queue.
    let unreached: BTreeSet<_> = MESSAGES.keys().filter(|name| !routes.contains_key(*name)).copied().collect();
    assert_eq!(unreached, BTreeSet::from(["ipc_msg"]));
    let mut seen = 0;
    for (name, route) in &routes {
        let mut message = Message::new(name);
        let mut expected = Vec::new();
        for field in MESSAGES[name].iter().filter(|field| !MESSAGES.contains_key(field.ty)) {
            // Lengths of what follows would have to be true.
            let (set, value) = filled(message, &marked(name, field));
            message = set;
            let is_number =
                value == json!(NUMBER) || value == json!([NUMBER]) || value == json!(-7) || value == json!([-7]);
            let value = match (inherits_hex(route) && is_number, field.repeated) {
                (false, _) => value,
                (true, false) => json!("0x2"),
                (true, true) => json!(["0x2"]),
            };
            expected.push((field, value));
        }
        let ran = decode(&route.file_name, image(route, &message), &[]);
        let decoded = ran.json();
        let shown = shown(route, &decoded);
        for (field, value) in expected {
            let found = &shown[field.name];
            if value.is_null() {
                assert!(found.is_string() || found.is_u64() || found.is_array(), "{name}.{}: {found}", field.name);
            } else {
                assert_eq!(found, &value, "{name}.{} in {}: {}", field.name, route.file_name, ran.err);
            }
            seen += 1;
        }
        assert_eq!(shown.get("unknown_fields"), None, "{name}");
        // The messages in it.
        let message = MESSAGES[name].iter().filter(|field| MESSAGES.contains_key(field.ty));
        let message = message.fold(Message::new(name), |m, field| m.with(field.name, &Message::new(field.ty)));
        let decoded = decode(&route.file_name, image(route, &message), &[]).json();
        for field in MESSAGES[name].iter().filter(|field| MESSAGES.contains_key(field.ty)) {
            let empty = if field.repeated { json!([{}]) } else { json!({}) };
            assert_eq!(self::shown(route, &decoded)[field.name], empty, "{name}.{}", field.name);
            seen += 1;
        }
    }
    assert!(seen > 1_000, "only {seen} fields");
}

/// `ipc_msg` stands behind the record of its queue.
#[test]
fn messages_of_queues_are_reachable() {
    let writer = Writer::TODAY;
    let queue = Message::new("ipc_msg_entry").number("qnum", 1);
    let message = Message::new("ipc_msg").number("mtype", 9).number("msize", 5);
    let after = [&writer.record(&message, b"hello")[..], &[0; 3]].concat();
    let image = [writer.image("ipcns-msg-7.img", []), writer.record(&queue, &after)].concat();
    let decoded = decode("ipcns-msg-7.img", image.clone(), &["--payload"]).json();
    let messages = &decoded[0]["records"][0]["messages"];
    assert_eq!(messages, &json!([{ "fields": { "mtype": 9, "msize": 5 }, "payload": "68656c6c6f" }]));
    let crit = decode("ipcns-msg-7.img", image, &["--payload", "--format", "crit-json"]).json();
    assert_eq!(crit["entries"][0]["extra"], json!([{ "mtype": 9, "msize": 5 }, "aGVsbG8=\n"]));
}

/// Each kind of the written table of images is known by its name, with its magic number and its message.
#[test]
fn every_kind_of_image_is_known() {
    let mut known = 0;
    for [pattern, constant, magic, framing, records] in image_lines() {
        if matches!(pattern, "parent") || pattern.ends_with("(old)") {
            continue;
        }
        let name = pattern
            .replace("%04x", "00a1")
            .replace("%lu", "7")
            .replace("%u", "7")
            .replace("%d", "7")
            .replace("%x", "7");
        let (kind, _) = Kind::from_file_name(name.as_bytes()).unwrap_or_else(|| panic!("{pattern} is of no kind"));
        if constant != "-" {
            assert_eq!(kind.as_str(), constant, "{pattern}");
        }
        let number = magic.strip_prefix("0x").map(|digits| u32::from_str_radix(digits, 16).unwrap());
        assert_eq!(kind.magic(), number, "{pattern}");
        let first = records.split([' ', ',']).find(|word| MESSAGES.contains_key(word));
        assert_eq!(kind.message(0), first, "{pattern}, {framing}");
        known += 1;
    }
    assert!(known > 85, "only {known}");
}
