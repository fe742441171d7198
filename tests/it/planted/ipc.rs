//! System V objects.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{each, is_held};

#[test]
fn messages_have_type_and_text() {
    let mut next: BTreeMap<String, u64> = BTreeMap::new();
    each("message", &["ipc", "ipc_messages"], |case, fact, rows| {
        let position = next.entry(format!("{case} {}", fact["queue"])).or_default();
        let is_it = |row: &&Value| row["queue"] == fact["queue"] && row["position"] == *position;
        let row = rows["ipc_messages"].iter().find(is_it).unwrap_or_else(|| panic!("{case}: {fact}"));
        *position += 1;
        for column in ["key", "type", "bytes"] {
            assert_eq!(row[column], fact[column], "{case}: {column}");
        }
        assert!(row["hex"].as_str().unwrap().starts_with(fact["begins"].as_str().unwrap()), "{case}: {row}");
        let queue = rows["ipc"].iter().find(|row| row["kind"] == "msg" && row["id"] == fact["queue"]).unwrap();
        assert_eq!(queue["key"], fact["key"]);
        assert!(queue["messages"].as_u64().unwrap() >= *position, "{case}: {queue}");
    });
}

#[test]
fn semaphores_have_their_values() {
    each("semaphores", &["ipc"], |case, fact, rows| {
        let row = rows["ipc"].iter().find(|row| row["kind"] == "sem" && row["id"] == fact["id"]).unwrap();
        assert_eq!((&row["key"], &row["values"]), (&fact["key"], &fact["values"]), "{case}");
        assert_eq!(row["semaphores"], fact["values"].as_array().unwrap().len());
    });
}

#[test]
fn segments_have_size_mode_and_who_maps_them() {
    each("shm", &["ipc", "recovered_files"], |case, fact, rows| {
        let row = rows["ipc"].iter().find(|row| row["kind"] == "shm" && row["id"] == fact["id"]).unwrap();
        assert_eq!((&row["key"], &row["size"]), (&fact["key"], &fact["size"]), "{case}");
        if !fact["mode"].is_null() {
            assert_eq!(row["mode"], fact["mode"], "{case}");
        }
        if !fact["attached"].is_null() {
            assert_eq!(is_held(&row["holders"], &fact["pid"], "map"), fact["attached"] != json!(false), "{case}");
        }
        let file = rows["recovered_files"].iter().find(|row| row["source"] == "sysv" && row["inode"] == fact["id"]);
        assert_eq!(file.unwrap()["size"], fact["size"], "{case}");
    });
}
