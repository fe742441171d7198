//! Sockets without connections, addresses of IPv4 in sockets of IPv6, and lists that are longer than there is room.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::{rows, set};
use crate::command::run_with;
use crate::synth::{Message, Set};

const STREAM: i128 = 1;
const DGRAM: i128 = 2;
const RAW: i128 = 3;
const ESTABLISHED: i128 = 1;
const CLOSE: i128 = 7;
const LISTEN: i128 = 10;

/// A socket: type, protocol, state, both ends.
type Inet<'a> = (i128, i128, i128, &'a str, &'a str);

/// A process that holds some sockets.
fn holding(sockets: &[Inet<'_>]) -> Set {
    let mut set = set(&[(7, Message::new("thread_core_entry").number("futex_rla", 0).number("futex_rla_len", 24))]);
    let no_owner = ["uid", "euid", "signum", "pid_type", "pid"]
        .into_iter()
        .fold(Message::new("fown_entry"), |message, name| message.number(name, 0));
    let end = |text: &str| {
        let (address, port) = text.rsplit_once(' ').unwrap();
        let bytes = match address.parse().unwrap() {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        (bytes, port.parse::<i128>().unwrap())
    };
    let (mut files, mut descriptors) = (Vec::new(), Vec::new());
    for (fd, &(socket_type, protocol, state, local, remote)) in (3_i128..).zip(sockets) {
        let ((local, local_port), (remote, remote_port)) = (end(local), end(remote));
        let family = if local.len() == 4 { 2 } else { 10 };
        let isk = Message::new("inet_sk_entry").number("id", fd).number("ino", fd + 1000).number("family", family);
        let isk = isk.number("type", socket_type).number("proto", protocol).number("state", state);
        let isk = isk.number("src_port", local_port).number("dst_port", remote_port).number("flags", 2);
        let isk = isk.number("backlog", 0).numbers("src_addr", set.writer.address(&local));
        let isk = isk.numbers("dst_addr", set.writer.address(&remote)).with("fown", &no_owner);
        let isk = isk.with("opts", &Message::new("sk_opts_entry"));
        files.push(Message::new("file_entry").number("type", 4).number("id", fd).with("isk", &isk));
        let descriptor = Message::new("fdinfo_entry").number("id", fd).number("flags", 0);
        descriptors.push(descriptor.number("type", 4).number("fd", fd));
    }
    set.image("files.img", &files);
    set.image("fdinfo-1.img", &descriptors);
    set
}

fn inspect(set: &Set, more: &[&str]) -> String {
    run_with(&set.members.tar(), [&["inspect", "-"], more].concat()).out
}

/// What is said behind the one process.
fn behind(set: &Set) -> String {
    let shown = inspect(set, &[]);
    let line = shown.lines().find(|line| line.contains("[program]")).unwrap_or_else(|| panic!("{shown}"));
    line.split_once("[program]").unwrap().1.trim().to_owned()
}

const UNCONNECTED: [Inet<'_>; 7] = [
    (DGRAM, 17, CLOSE, "127.0.0.1 53", "0.0.0.0 0"),
    (DGRAM, 17, CLOSE, "0.0.0.0 5353", "0.0.0.0 0"),
    (DGRAM, 136, CLOSE, "2001:db8::1 7", "::0 0"),
    (RAW, 1, CLOSE, "10.0.0.1 1", "0.0.0.0 0"),
    (RAW, 58, CLOSE, "::0 58", "::0 0"),
    (RAW, 255, CLOSE, "0.0.0.0 255", "0.0.0.0 0"),
    (DGRAM, 17, ESTABLISHED, "10.0.0.1 4000", "9.9.9.9 53"),
];

#[test]
fn sockets_without_connections_have_the_state_of_the_kernel() {
    let rows = rows(&holding(&UNCONNECTED).members.open(), "process_open_sockets");
    let states: Vec<&Value> = rows.iter().map(|row| &row["kernel_state"]).collect();
    assert_eq!(states, ["CLOSE", "CLOSE", "CLOSE", "CLOSE", "CLOSE", "CLOSE", "ESTABLISHED"]);
    assert!(rows.iter().all(|row| row["state"].is_null()), "no connection of TCP or unix");
    let shown = inspect(&holding(&UNCONNECTED), &["--sockets"]);
    assert_eq!((shown.matches(" UNCONNECTED ").count(), shown.matches(" ESTABLISHED ").count()), (6, 1), "{shown}");
}

#[test]
fn listeners_without_connections_keep_their_address() {
    let of = |sockets: &[Inet<'_>]| behind(&holding(sockets));
    assert_eq!(of(&UNCONNECTED[..3]), "listens on udp 127.0.0.1:53 udp:5353 udplite [2001:db8::1]:7");
    assert_eq!(of(&UNCONNECTED[3..]), "listens on raw icmp 10.0.0.1 icmpv6  peer 9.9.9.9:53");
    assert_eq!(of(&[(DGRAM, 17, CLOSE, "0.0.0.0 0", "0.0.0.0 0")]), "", "bound to nothing");
    assert_eq!(of(&[(RAW, 1, ESTABLISHED, "0.0.0.0 1", "9.9.9.9 0")]), "raw peer icmp 9.9.9.9");
    assert_eq!(of(&[(DGRAM, 1, ESTABLISHED, "10.0.0.1 77", "9.9.9.9 0")]), "peer icmp 9.9.9.9", "a ping");
    assert_eq!(of(&[(STREAM, 6, LISTEN, "::ffff:0.0.0.0 80", "::0 0")]), "listens on tcp:80", "any address of IPv4");
}

#[test]
fn loopback_of_ipv4_in_ipv6_is_loopback() {
    let connected = |remote| (STREAM, 6, ESTABLISHED, "::ffff:127.0.0.1 80", remote);
    let inside = connected("::ffff:127.0.0.1 9");
    let set = holding(&[inside, connected("::1 8"), connected("2001:db8::9 7")]);
    assert_eq!(behind(&set), "peers [2001:db8::9]:7 [::ffff:127.0.0.1]:9 [::1]:8", "peers elsewhere come first");
}

#[test]
fn a_list_that_is_cut_says_how_many_more() {
    let locals: Vec<String> = (0..29).map(|n| format!("2001:db8:1111:2222:3333:4444:5555:{n} 8080")).collect();
    let sockets: Vec<Inet<'_>> = locals.iter().map(|local| (STREAM, 6, LISTEN, local.as_str(), "::0 0")).collect();
    let set = holding(&sockets);
    assert!(behind(&set).ends_with(":2]:8080 +26"), "{}", behind(&set));
    let narrow = |width: &str| {
        let shown = run_with(&set.members.tar(), ["inspect", "-", "--width", width]);
        shown.out.lines().find(|line| line.contains("[program]")).unwrap().to_owned()
    };
    assert!(narrow("100").ends_with(":0]:8080 +28"), "{}", narrow("100"));
    assert!(narrow("60").ends_with("  29 listeners"), "{}", narrow("60"));
}

#[test]
fn documents_have_addresses_of_ipv4_as_such() {
    let mapped = (STREAM, 6, ESTABLISHED, "::ffff:10.0.0.1 40000", "::ffff:9.9.9.9 443");
    let tar = holding(&[mapped, (STREAM, 6, ESTABLISHED, "2001:db8::1 40001", "2001:db8::2 443")]).members.tar();
    let documents = |format: &str| -> Vec<Value> {
        let ran = run_with(&tar, ["table", "-", "process_open_sockets", "--format", format]);
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let ecs = documents("ecs");
    assert_eq!(ecs[0]["source"], json!({"address": "10.0.0.1", "ip": "10.0.0.1", "port": 40000}));
    assert_eq!(ecs[0]["destination"]["ip"], "9.9.9.9");
    assert_eq!((&ecs[0]["network"]["type"], &ecs[1]["network"]["type"]), (&json!("ipv4"), &json!("ipv6")));
    assert_eq!(ecs[0]["related"]["ip"], json!(["10.0.0.1", "9.9.9.9"]));
    assert_eq!(ecs[0]["cryoscope"]["socket"]["local_address"], "::ffff:10.0.0.1", "as it is recorded");
    let ocsf = documents("ocsf");
    let version = |event: &Value| event["query_evidence"]["connection_info"]["protocol_ver_id"].clone();
    assert_eq!((version(&ocsf[0]), version(&ocsf[1])), (json!(4), json!(6)));
    assert_eq!(ocsf[0]["observables"][0]["value"], "10.0.0.1");
    let timesketch = documents("timesketch");
    assert_eq!((&timesketch[0]["src_ip"], &timesketch[0]["dst_ip"]), (&json!("10.0.0.1"), &json!("9.9.9.9")));
}
