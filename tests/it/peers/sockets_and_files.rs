//! Sockets and files: addresses, states, peers, and names in the place of numbers.

use cryoscope::images::proto::{FileEntry, InetSkEntry};
use serde_json::Value;

use super::{open, reference};
use crate::command::{run, run_with};
use crate::fixtures;

/// The reference, with its TCP sockets changed.
fn with_inet(change: impl Fn(&mut InetSkEntry)) -> crate::archives::Members {
    let mut members = reference();
    members.edit("checkpoint/files.img", |_, entry: &mut FileEntry| {
        if let Some(socket) = &mut entry.isk {
            change(socket);
        }
    });
    members
}

/// An IPv6 address as CRIU records it.
fn words(address: &str) -> Vec<u32> {
    let octets = address.parse::<std::net::Ipv6Addr>().unwrap().octets();
    octets.chunks(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect()
}

/// W21: peers print all four words of an IPv6 address over the first, and no brackets before the port.
#[test]
fn ipv6_addresses_are_whole_and_have_brackets() {
    let members = with_inet(|socket| {
        socket.family = Some(10);
        socket.src_addr = words("2001:db8::1:2");
        socket.dst_addr = words("2001:db8:dead:beef::7");
        socket.dst_port = Some(8443);
    });
    let row = members.open().rows().process_open_sockets().find(|s| s.family == "inet6").unwrap();
    assert_eq!(row.local_address.unwrap(), "2001:db8::1:2");
    assert_eq!(row.remote_address.unwrap(), "2001:db8:dead:beef::7");
    let screen = run_with(&members.tar(), ["inspect", "--sockets", "-"]);
    assert!(screen.out.contains("[2001:db8:dead:beef::7]:8443"), "{}", screen.out);
    let json = run_with(&members.tar(), ["inspect", "--sockets", "--format", "checkpointctl-json", "-"]).json();
    let data = &json[0]["sockets"][0]["open_sockets"][0]["data"];
    assert_eq!((&data["src"], &data["dst"]), (&"2001:db8::1:2".into(), &"2001:db8:dead:beef::7".into()));
}

/// W22: peers leave out descriptor, inode, namespace, the type, state and peer of unix sockets, and protocols they do not know.
#[test]
fn sockets_have_what_joins_them() {
    let checkpoint = open("sockets-unix");
    let sockets: Vec<_> = checkpoint.rows().process_open_sockets().filter(|s| s.family == "unix").collect();
    let listener = sockets.iter().find(|s| s.state.as_deref() == Some("LISTEN")).unwrap();
    assert!(listener.path.is_some() && listener.backlog.is_some() && listener.socket.is_some());
    let connected = sockets.iter().find(|s| s.state.as_deref() == Some("CONNECTED") && s.peer.is_some()).unwrap();
    assert!(sockets.iter().any(|s| s.socket == connected.peer), "the peer of a pair is found by its inode");
    assert!(sockets.iter().all(|s| s.r#type.is_some() && s.net_namespace.is_some()));
    assert!(sockets.iter().any(|s| s.path.as_ref().is_some_and(|path| path.starts_with(b"@"))), "abstract names");

    let udp: Vec<_> = open("sockets-udp").rows().process_open_sockets().collect();
    let protocols: std::collections::BTreeSet<_> =
        udp.iter().filter_map(|s| Some(format!("{} {}", s.family, s.protocol.as_ref()?))).collect();
    for expected in ["inet udp", "inet udplite", "netlink route"] {
        assert!(protocols.contains(expected), "{expected} is not among {protocols:?}");
    }

    let sctp = with_inet(|socket| socket.proto = Some(132)).open();
    assert_eq!(sctp.rows().process_open_sockets().next().unwrap().protocol.unwrap(), "sctp");
    let unknown = with_inet(|socket| socket.proto = Some(199)).open();
    assert_eq!(
        unknown.rows().process_open_sockets().next().unwrap().protocol.unwrap(),
        "199",
        "a number is better than nothing"
    );
}

/// W22: peers take the sizes of buffers for queues.
#[test]
fn queues_are_what_waits_not_what_could() {
    let sockets: Vec<_> = open("forms-reference").rows().process_open_sockets().collect();
    let unread = sockets.iter().find(|s| s.receive_queue == Some(26)).expect("26 bytes wait to be read");
    assert_eq!(unread.state.as_deref(), Some("ESTABLISHED"));
    let screen =
        run(["inspect".as_ref(), "--sockets".as_ref(), fixtures::archive_of("forms-reference").as_os_str()]).ok();
    assert!(
        screen.lines().any(|line| line.contains("ESTABLISHED") && line.split_whitespace().any(|word| word == "26")),
        "{screen}"
    );
}

/// W23: peers print `MEMFD.7`, `TTY.3`, `EVENTPOLL.44`.
#[test]
fn files_have_names_not_numbers() {
    let path_of = |case: &str, kind: &str| {
        let row = open(case)
            .rows()
            .process_open_files()
            .find(|f| f.r#type == Some(kind))
            .unwrap_or_else(|| panic!("no {kind}"));
        row.path.unwrap().to_string()
    };
    assert!(path_of("files", "memfd").starts_with("/memfd:"));
    assert!(path_of("console", "tty").starts_with("/dev/"));
    assert_eq!(path_of("files", "eventfd"), "anon_inode:[eventfd]");
    let files: Vec<_> = ["files", "files-more"]
        .into_iter()
        .flat_map(|case| fixtures::rows_of(&open(case), &["process_open_files"]).remove("process_open_files").unwrap())
        .collect();
    let detail = |kind: &str, key: &str| {
        let row = files.iter().find(|f| f["type"] == kind).unwrap_or_else(|| panic!("no {kind}"));
        row["detail"][key].clone()
    };
    assert!(detail("eventpoll", "targets").as_array().is_some_and(|targets| targets[0]["fd"].is_u64()));
    assert!(detail("timerfd", "clock").is_string());
    assert!(detail("signalfd", "signals").is_string());
    assert!(detail("eventfd", "counter").is_u64());
    let deleted = files.iter().find(|f| f["type"] == "regular" && f["deleted"] == true).unwrap();
    assert!(deleted["path"].as_str().unwrap().ends_with(" (deleted)"));
    assert!(files.iter().all(|f| f["file_id"].is_u64() && f["flags"] != Value::Null || f["type"] == "pidfd"));
}

/// W29: peers show nothing of a container's network but the address that Podman noted. What the images have of it are rows.
#[test]
fn the_network_around_the_container_is_shown() {
    let checkpoint = open("sockets-unix");
    let rows = fixtures::rows_of(
        &checkpoint,
        &["interfaces", "addresses", "routing_rules", "firewall", "sysctls", "namespaces"],
    );
    for (table, of_table) in &rows {
        assert!(!of_table.is_empty(), "{table} has no rows");
    }
    assert!(rows["addresses"].iter().any(|row| row["address"] == "127.0.0.1" && row["interface"] == "lo"));
    // The rules of CRIU's own lock are in the image, but were not the container's.
    assert!(rows["firewall"].iter().any(|row| row["criu"] == true));
    let net = rows["namespaces"].iter().find(|row| row["kind"] == "net").unwrap();
    assert_eq!(net["shared"], false, "a network of the container's own");
}
