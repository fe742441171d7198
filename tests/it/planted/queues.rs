//! What waited in sockets, pipes and terminals.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{each, is_held, of_compromise, opened};
use crate::fixtures::{Rows, rows_of};

/// The rows that the descriptor of a fact holds.
fn held<'r>(rows: &'r Rows, table: &str, fact: &Value) -> Vec<&'r Value> {
    let by_fd = |row: &&Value| is_held(&row["holders"], &fact["pid"], &fact["fd"].to_string());
    rows[table].iter().filter(by_fd).collect()
}

/// Whether a row has the bytes of a fact, of which the truth may have only the first.
fn begins(row: &Value, fact: &Value) -> bool {
    let first = fact["begins"].as_str().unwrap_or_default();
    row["bytes"] == fact["bytes"] && row["hex"].as_str().unwrap().starts_with(first)
}

#[test]
fn tcp_queues_have_what_was_not_read() {
    each("tcp_queue", &["tcp_queues", "tcp_connections"], |case, fact, rows| {
        let found = held(rows, "tcp_queues", fact);
        let row = found.iter().find(|row| row["queue"] == fact["queue"]).unwrap_or_else(|| panic!("{case}: {fact}"));
        assert!(begins(row, fact), "{case}: {fact}: {row}");
        assert_eq!(row["hex"].as_str().unwrap().len() as u64, 2 * fact["bytes"].as_u64().unwrap());
        let connection = held(rows, "tcp_connections", fact)[0];
        assert_eq!(connection["receive_queue"], fact["bytes"], "{case}: {fact}");
        assert!(connection["mss"].as_u64().unwrap() > 500, "{case}: {connection}");
    });
}

#[test]
fn what_was_written_waits_at_one_end_or_the_other() {
    each("tcp_flood", &["tcp_queues"], |case, fact, rows| {
        let bytes = |fd: &Value, queue: &str| {
            let found = held(rows, "tcp_queues", &json!({"pid": fact["pid"], "fd": fd}));
            let row = *found.iter().find(|row| row["queue"] == queue).unwrap();
            (row["bytes"].as_u64().unwrap(), row["sequence"].as_u64().unwrap(), row["missing_bytes"].clone())
        };
        let (sent, received) = (bytes(&fact["fd"], "send"), bytes(&fact["to"], "receive"));
        assert_eq!(sent.0 + received.0, fact["bytes"].as_u64().unwrap(), "{case}");
        assert_eq!((&sent.2, &received.2), (&json!(0), &json!(0)));
        // The first byte that was not acknowledged follows the last that was received.
        assert_eq!((received.1 + received.0) % (1 << 32), sent.1, "{case}");
    });
}

#[test]
fn unix_queues_have_every_packet() {
    let mut next: BTreeMap<String, usize> = BTreeMap::new();
    each("unix_queue", &["unix_queues"], |case, fact, rows| {
        let place = next.entry(format!("{case} {} {}", fact["pid"], fact["fd"])).or_default();
        let found = held(rows, "unix_queues", fact);
        let row = found.get(*place).unwrap_or_else(|| panic!("{case}: {fact} has {} packets", found.len()));
        assert!(begins(row, fact), "{case}: {fact}: {row}");
        assert_eq!(row["position"], *place);
        *place += 1;
    });
}

#[test]
fn packets_add_up_to_the_queue() {
    each("socket_queue", &["unix_queues"], |case, fact, rows| {
        let sum: u64 = held(rows, "unix_queues", fact).iter().map(|row| row["bytes"].as_u64().unwrap()).sum();
        assert_eq!(sum, fact["receive_queue"].as_u64().unwrap(), "{case}: {fact}");
    });
}

#[test]
fn descriptors_in_flight_have_their_paths() {
    each("in_flight", &["unix_queues"], |case, fact, rows| {
        let found = held(rows, "unix_queues", fact);
        let paths = found.iter().flat_map(|row| row["descriptors"].as_array().unwrap()).map(|d| &d["path"]);
        assert!(paths.into_iter().any(|path| path == &fact["path"]), "{case}: {fact}: {found:?}");
    });
}

#[test]
fn a_connection_that_nobody_accepted_leads_to_the_listener() {
    each("pending", &["process_open_sockets"], |case, fact, rows| {
        let socket = |fd: &Value| {
            let by_fd = |row: &&Value| row["pid"] == fact["pid"] && row["fd"] == *fd;
            rows["process_open_sockets"].iter().find(by_fd).unwrap()
        };
        let (listener, client) = (socket(&fact["listener"]), socket(&fact["client"]));
        assert_eq!(listener["state"], "LISTEN", "{case}");
        assert_eq!(client["state"], "CONNECTED", "{case}");
        assert_eq!(client["peer"], listener["socket"], "{case}");
    });
}

#[test]
fn pipes_have_what_waited_in_them() {
    let mut kinds = BTreeMap::new();
    each("content", &["pipes"], |case, fact, rows| {
        let what = fact["what"].as_str().unwrap();
        if !["pipe", "fifo"].contains(&what) {
            return;
        }
        *kinds.entry(what.to_owned()).or_insert(0) += 1;
        // Of a pipe, the truth names an end.
        let ends = |row: &&Value| {
            ["readers", "writers"].iter().any(|end| is_held(&row[*end], &fact["pid"], &fact["fd"].to_string()))
        };
        let row = rows["pipes"].iter().find(ends).unwrap_or_else(|| panic!("{case}: {fact}"));
        assert_eq!(row["kind"], what, "{case}");
        assert!(begins(row, fact), "{case}: {fact}: {row}");
        assert!(row["capacity"].as_u64() >= fact["bytes"].as_u64(), "{case}: {row}");
    });
    assert_eq!(kinds.len(), 2, "both kinds were looked at: {kinds:?}");
}

/// A pipe of which only the end to write to was in the container: what waited in it is not known, which is not nothing.
#[test]
fn a_pipe_that_leads_out_is_not_empty_but_unknown() {
    let rows = rows_of(&opened("files")[0], &["pipes"]);
    let out = rows["pipes"].iter().find(|row| is_held(&row["writers"], &json!(1), "1")).unwrap();
    assert_eq!((&out["readers"], &out["bytes"], &out["sha256"]), (&json!([]), &Value::Null, &Value::Null));
    let empty = rows["pipes"].iter().find(|row| row["bytes"] == 0).unwrap();
    assert_eq!(empty["text"], "");
}

#[test]
fn commands_that_an_implant_had_not_read_are_shown() {
    let rows = rows_of(&opened("webapp-compromise")[0], &["tcp_queues", "unix_queues"]);
    for fact in of_compromise("queued-command") {
        let fd = json!({"pid": fact["pid"], "fd": fact["fds"][0]});
        let tables = ["tcp_queues", "unix_queues"];
        let found: Vec<&Value> = tables.iter().flat_map(|table| held(&rows, table, &fd)).collect();
        assert!(found.iter().any(|row| row["text"] == fact["queue"]), "{}: {found:?}", fact["id"]);
    }
}
