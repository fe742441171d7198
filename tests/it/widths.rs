//! Whatever the width of the screen, what people search for is on it whole: addresses, ports, hashes, pids, names of files.

use serde_json::Value;

use crate::command::run;

const WEBAPP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/webapp-compromise/webapp-compromise.tar.zst");
const PACKETS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/sockets-udp/sockets-udp.tar.gz");
const TREE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/tree/tree.tar.zst");
const WIDTHS: [&str; 5] = ["40", "60", "80", "120", "200"];

fn rows(table: &str) -> Vec<Value> {
    let out = run(["table", WEBAPP, table, "--format", "ndjson"]).ok();
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The text without line breaks and the blanks around them, so that what goes on in the next line is found.
fn joined(text: &str) -> String {
    text.lines().map(str::trim).collect()
}

fn last_part(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

#[test]
fn tables_show_addresses_ports_and_names_of_files_at_any_width() {
    let columns = [
        ("tcp_connections", vec!["socket", "remote_address", "remote_port"]),
        ("process_open_sockets", vec!["pid", "fd", "local_address", "local_port", "remote_address", "remote_port"]),
        ("processes", vec!["pid", "path"]),
        ("recovered_files", vec!["path"]),
        ("process_memory_map", vec!["pid", "start", "end"]),
    ];
    for (table, columns) in columns {
        let rows = rows(table);
        assert!(!rows.is_empty());
        for width in WIDTHS {
            let text = run(["table", WEBAPP, table, "--width", width]).ok();
            let (text, joined) = (text.as_str(), joined(text.as_str()));
            for (row, column) in rows.iter().flat_map(|row| columns.iter().map(move |column| (row, *column))) {
                let shown = match &row[column] {
                    Value::Null => continue,
                    // Names may be broken between their words.
                    Value::String(path) if column == "path" => {
                        joined.contains(&last_part(path).replace(" (", "(")) || joined.contains(last_part(path))
                    }
                    Value::String(whole) => text.contains(whole.as_str()),
                    number => text.contains(&number.to_string()),
                };
                assert!(shown, "{table}.{column} {} at {width}:\n{text}", row[column]);
            }
        }
    }
}

#[test]
fn inspect_shows_peers_hashes_and_changed_files_at_any_width() {
    let (sockets, recovered, changes) = (rows("process_open_sockets"), rows("recovered_files"), rows("rootfs_changes"));
    for width in WIDTHS {
        let flags = ["--sockets", "--recovered", "--changes"];
        let text = run(["inspect", WEBAPP, "--width", width].iter().chain(&flags)).ok();
        for row in &sockets {
            if let (Some(address), Some(port)) = (row["remote_address"].as_str(), row["remote_port"].as_u64()) {
                assert!(text.contains(&format!("{address}:{port}")), "{address}:{port} at {width}:\n{text}");
            }
        }
        for hash in recovered.iter().filter(|row| row["type"] == "regular").filter_map(|row| row["sha256"].as_str()) {
            assert!(text.contains(hash), "{hash} at {width}:\n{text}");
        }
        let joined = joined(&text);
        for row in changes.iter().filter(|row| row["engine_noise"] == false) {
            let name = last_part(row["path"].as_str().unwrap().trim_end());
            assert!(joined.contains(name), "{name} at {width}:\n{text}");
        }
    }
}

#[test]
fn what_listens_to_all_packets_is_red() {
    let text = run(["inspect", PACKETS, "--color", "always"]).ok();
    assert!(text.contains("\x1b[1m\x1b[31m  listens to packets"), "{text:?}");
    let raw = text.split("\x1b[33m  listens on raw ").count();
    assert!(raw > 1, "raw sockets are yellow: {text:?}");
    assert!(!text.contains("\x1b[32m  listens to packets") && !text.contains("\x1b[32m  listens on raw"), "{text:?}");
}

#[test]
fn the_other_end_of_a_unix_socket_is_named_even_if_it_is_not_shown() {
    let text = run(["inspect", WEBAPP, "--pid", "23", "--sockets", "--files"]).ok();
    for named in ["unix stream CONNECTED → 23:7 python3", "→ 23:4 python3 /tmp/.cache/.x/ctl.sock"] {
        assert!(text.contains(named), "{named}:\n{text}");
    }
    let shown: Vec<&str> = text.lines().filter(|line| line.contains("unix stream") && line.contains("[3329")).collect();
    assert!(
        shown.iter().any(|line| line.ends_with("23:7 python3          -") || line.contains("23:7 python3")),
        "{text}"
    );
}

#[test]
fn equal_environments_are_printed_once() {
    let text = run(["inspect", WEBAPP, "--env"]).ok();
    let same: Vec<&str> = text.lines().filter(|line| line.starts_with("  same environment as pid ")).collect();
    assert!(!same.is_empty());
    let printed = text.lines().filter(|line| line.starts_with("  DATABASE_URL=")).count();
    let has = |row: &&Value| row["key"] == "DATABASE_URL";
    assert_eq!(printed + same.len(), rows("process_envs").iter().filter(has).count(), "{text}");
    // The order in which a program found them does not matter to it.
    let tree = run(["inspect", TREE, "--env"]).ok();
    assert!(tree.contains("  same environment as pid 1\n"), "{tree}");
}
