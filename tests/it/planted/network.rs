//! Networks and namespaces: what `ip` printed in containers before they were frozen, and what it saved and printed of a
//! network with more in it.

use std::collections::BTreeSet;

use cryoscope::Checkpoint;
use cryoscope::images::proto::{
    IrmapCacheEntry, MacvlanLinkEntry, NdType, NetDeviceEntry, NetnsEntry, NetnsId, SitEntry, SysctlEntry, TunLinkEntry,
};
use cryoscope::proc_view::{Content, files};
use prost::Message;
use serde_json::{Value, json};

use super::opened;
use crate::archives::Members;
use crate::fixtures::{self, Rows, rows_of};

/// An archive with images of a network namespace, whose number is 10.
const WITH_NETWORK: &str = "sockets-unix/sockets-unix.tar.zst";

fn truth(case: &str) -> Value {
    serde_json::from_slice(&std::fs::read(fixtures::path(case).join("truth.json")).unwrap()).unwrap()
}

fn rows(checkpoint: &Checkpoint, table: &str) -> Vec<Value> {
    rows_of(checkpoint, &[table]).remove(table).unwrap()
}

/// Addresses of a list of `ip -j addr`: device, address, bits.
fn printed(links: &Value) -> BTreeSet<(String, String, u64)> {
    let links = links.as_array().unwrap().iter();
    let addresses = links.flat_map(|link| {
        let name = link["ifname"].as_str().unwrap();
        let all = link["addr_info"].as_array().unwrap().iter();
        all.map(move |a| (name.to_owned(), a["local"].as_str().unwrap().to_owned(), a["prefixlen"].as_u64().unwrap()))
    });
    addresses.collect()
}

fn found(rows: &[Value]) -> BTreeSet<(String, String, u64)> {
    let text = |row: &Value, column: &str| row[column].as_str().unwrap().to_owned();
    rows.iter()
        .map(|row| (text(row, "interface"), text(row, "address"), row["prefix_length"].as_u64().unwrap()))
        .collect()
}

#[test]
fn addresses_are_those_that_ip_printed() {
    let (mut of_images, mut of_engines) = (0, 0);
    for case in fixtures::cases() {
        let truth = truth(&case);
        let Some(network) = truth["planted"].get("network") else { continue };
        for checkpoint in opened(&case) {
            let addresses = rows(&checkpoint, "addresses");
            let printed = printed(&network["addr"]);
            let (dumped, recorded): (Vec<Value>, Vec<Value>) =
                addresses.into_iter().partition(|row| row["from"] == "image");
            if !dumped.is_empty() {
                assert_eq!(found(&dumped), printed, "{case}");
                of_images += dumped.len();
            }
            // Engines record what they set up, not loopback and what the kernel adds.
            assert!(found(&recorded).is_subset(&printed), "{case}: {recorded:?}");
            of_engines += recorded.len();
        }
    }
    assert!(of_images > 0 && of_engines > 0, "{of_images} of images, {of_engines} of engines");
}

#[test]
fn hardware_addresses_are_those_that_ip_printed() {
    let mut compared = 0;
    for case in fixtures::cases() {
        let truth = truth(&case);
        let Some(network) = truth["planted"].get("network") else { continue };
        for checkpoint in opened(&case) {
            for row in rows(&checkpoint, "interfaces") {
                let links = network["links"].as_array().unwrap();
                let link = links.iter().find(|link| link["ifname"] == row["interface"]).unwrap();
                if !row["mac"].is_null() {
                    assert_eq!(row["mac"], link["address"], "{case}");
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 0);
}

#[test]
fn host_names_are_those_of_the_truth() {
    let mut compared = 0;
    for case in fixtures::cases() {
        let truth = truth(&case);
        let container = &truth["tables"]["container"];
        let Some(name) = container.get(0).unwrap_or(container).get("hostname").and_then(Value::as_str) else {
            continue;
        };
        for checkpoint in opened(&case) {
            let namespaces = rows(&checkpoint, "namespaces");
            for row in namespaces.iter().filter(|row| row["kind"] == "uts" && !row["hostname"].is_null()) {
                assert_eq!(row["hostname"], name, "{case}");
                compared += 1;
            }
        }
    }
    assert!(compared > 10, "only {compared} names");
}

#[test]
fn members_of_namespaces_are_those_of_the_processes() {
    let mut shared = 0;
    for case in fixtures::cases() {
        for checkpoint in opened(&case) {
            let namespaces = rows(&checkpoint, "namespaces");
            for process in rows(&checkpoint, "process_namespaces") {
                for (column, kind) in
                    [("mnt", "mnt"), ("net", "net"), ("pid_ns", "pid"), ("uts", "uts"), ("user", "user")]
                {
                    if process[column].is_null() {
                        continue;
                    }
                    let row = namespaces.iter().find(|row| row["kind"] == kind && row["namespace"] == process[column]);
                    let members = row.unwrap()["processes"].as_array().unwrap();
                    assert!(members.contains(&process["pid"]), "{case}: {kind}");
                }
            }
            shared += namespaces.iter().filter(|row| row["shared"] == true).count();
        }
    }
    assert!(shared > 10, "{shared} shared with the host");
}

#[test]
fn user_namespaces_have_the_maps_that_the_truth_was_translated_by() {
    let [checkpoint] = &opened("creds")[..] else { panic!("one checkpoint") };
    let namespaces = rows(checkpoint, "namespaces");
    let user = namespaces.iter().find(|row| row["kind"] == "user" && !row["uid_map"].is_null()).unwrap();
    assert_eq!(user["uid_map"][0], "0 100000 65536");
    assert_eq!(user["shared"], false);
}

#[test]
fn what_the_runtime_noted_of_the_first_descriptors_is_what_they_were() {
    let mut compared = 0;
    for case in fixtures::cases() {
        let truth = truth(&case);
        let Some(files) = truth["tables"]["process_open_files"].as_array() else { continue };
        for checkpoint in opened(&case) {
            for row in rows(&checkpoint, "host_descriptors") {
                let of_first = |file: &&Value| file["pid"] == 1 && file["fd"] == row["fd"];
                let Some(file) = files.iter().find(of_first) else { continue };
                // A program may have opened another one since.
                if file["path"].as_str().is_some_and(|path| path.starts_with("pipe:")) {
                    assert_eq!(row["path"], file["path"], "{case}");
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 10, "only {compared} descriptors");
}

/// An archive whose network namespace has what `ip` saved of another one; what it printed of that; and the rows.
fn saved() -> (Value, Rows) {
    let read = |name: &str| std::fs::read(fixtures::path("netlink").join(name)).unwrap();
    let printed: Value = serde_json::from_slice(&read("ip.json")).unwrap();
    let mut members = Members::of(&fixtures::path(WITH_NETWORK));
    for kind in ["ifaddr", "route", "route6", "rule"] {
        members.set(&format!("checkpoint/{kind}-10.img"), read(&format!("{kind}.img")));
    }
    let devices: Vec<NetDeviceEntry> = printed["addr"].as_array().unwrap().iter().map(device).collect();
    set_devices(&mut members, &devices);
    let tables = ["interfaces", "addresses", "routes", "routing_rules", "warnings"];
    let checkpoint = members.open();
    checkpoint.read_all();
    (printed, rows_of(&checkpoint, &tables))
}

/// The record that CRIU would make of a device that `ip -j addr` printed.
fn device(link: &Value) -> NetDeviceEntry {
    let bytes = link["address"].as_str().unwrap().split(':').map(|byte| u8::from_str_radix(byte, 16).unwrap());
    NetDeviceEntry {
        r#type: Some(if link["ifname"] == "lo" { NdType::Loopback } else { NdType::Veth }.into()),
        ifindex: Some(link["ifindex"].as_u64().unwrap().try_into().unwrap()),
        name: Some(link["ifname"].as_str().unwrap().into()),
        mtu: Some(link["mtu"].as_u64().unwrap().try_into().unwrap()),
        address: Some(bytes.collect()),
        ..Default::default()
    }
}

fn set_devices(members: &mut Members, devices: &[NetDeviceEntry]) {
    members.parts("checkpoint/netdev-10.img", |image| {
        image.records = devices.iter().map(|device| (device.encode_to_vec(), Vec::new())).collect();
    });
}

#[test]
fn saved_addresses_are_those_that_ip_prints() {
    let (printed, rows) = saved();
    let addresses: Vec<&Value> = rows["addresses"].iter().filter(|row| row["from"] == "image").collect();
    let mut compared = 0;
    for link in printed["addr"].as_array().unwrap() {
        for expected in link["addr_info"].as_array().unwrap() {
            let is_it = |row: &&&Value| row["interface"] == link["ifname"] && row["address"] == expected["local"];
            let row = addresses.iter().find(is_it).unwrap_or_else(|| panic!("no {expected}"));
            assert_eq!(row["family"], expected["family"]);
            assert_eq!(row["prefix_length"], expected["prefixlen"]);
            assert_eq!(row["scope"], expected["scope"]);
            assert_eq!(row["broadcast"], expected["broadcast"]);
            assert_eq!(row["label"], expected["label"]);
            assert_eq!(row["point_to_point"], expected["address"]);
            let flags = row["flags"].as_array().unwrap();
            assert_eq!(flags.contains(&json!("tentative")), expected["tentative"] == true, "{row}");
            assert_eq!(!flags.contains(&json!("permanent")), expected["dynamic"] == true, "{row}");
            for (column, key) in [("valid_lifetime", "valid_life_time"), ("preferred_lifetime", "preferred_life_time")]
            {
                let forever = expected[key] == u32::MAX;
                assert_eq!(row[column], if forever { Value::Null } else { expected[key].clone() }, "{row}");
            }
            compared += 1;
        }
    }
    assert_eq!(compared, addresses.len());
}

#[test]
fn saved_routes_are_those_that_ip_prints() {
    let (printed, rows) = saved();
    let expected: Vec<&Value> =
        ["routes", "routes6"].iter().flat_map(|list| printed[list].as_array().unwrap()).collect();
    assert_eq!(rows["routes"].len(), expected.len());
    for (row, expected) in rows["routes"].iter().zip(expected) {
        let destination = match (row["destination"].as_str().unwrap(), row["prefix_length"].as_u64().unwrap()) {
            ("0.0.0.0" | "::", 0) => "default".to_owned(),
            (address, 32) if row["family"] == "inet" => address.to_owned(),
            (address, bits) => format!("{address}/{bits}"),
        };
        assert_eq!(expected["dst"], destination);
        for (column, key) in [("gateway", "gateway"), ("interface", "dev"), ("metric", "metric"), ("source", "prefsrc")]
        {
            // Of what leads nowhere, IPv4 routes have no device in this.
            assert_eq!(row[column], expected[key], "{row}");
        }
        assert_eq!(row["type"], expected.get("type").cloned().unwrap_or_else(|| json!("unicast")));
        assert_eq!(row["route_table"], "main");
        match expected.get("protocol").and_then(Value::as_str) {
            // Under another option, ip(8) prints numbers.
            Some("2") => assert_eq!(row["protocol"], "kernel"),
            Some(protocol) => assert_eq!(row["protocol"], protocol),
            None => assert_eq!(row["protocol"], "boot"),
        }
        if let Some(scope) = expected.get("scope") {
            assert_eq!(row["scope"], *scope);
        }
        let (expires, printed) = (row["expires"].as_u64(), expected["expires"].as_u64());
        assert!(expires.abs_diff_of(printed) <= Some(1), "{row}");
        let hops: Option<Vec<Value>> = expected["nexthops"].as_array().map(|hops| {
            let text = |hop: &Value| {
                format!("{} {} {}", hop["gateway"].as_str().unwrap(), hop["dev"].as_str().unwrap(), hop["weight"])
            };
            hops.iter().map(|hop| json!(text(hop))).collect()
        });
        assert_eq!(row["next_hops"].as_array(), hops.as_ref());
    }
}

/// How far two numbers are apart, if there are two; none if there is none.
trait Apart {
    fn abs_diff_of(self, other: Self) -> Option<u64>;
}

impl Apart for Option<u64> {
    fn abs_diff_of(self, other: Self) -> Option<u64> {
        match (self, other) {
            (Some(a), Some(b)) => Some(a.abs_diff(b)),
            (None, None) => None,
            _ => Some(u64::MAX),
        }
    }
}

#[test]
fn saved_rules_are_those_that_ip_prints() {
    let (printed, rows) = saved();
    let expected = printed["rules"].as_array().unwrap();
    assert_eq!(rows["routing_rules"].len(), expected.len());
    for (row, expected) in rows["routing_rules"].iter().zip(expected) {
        assert_eq!(row["priority"], expected["priority"]);
        assert_eq!(row["route_table"], expected["table"]);
        let from = match (expected["src"].as_str().unwrap(), expected["srclen"].as_u64()) {
            ("all", _) => Value::Null,
            (address, bits) => json!(format!("{address}/{}", bits.unwrap_or(32))),
        };
        assert_eq!(row["from"], from);
        assert_eq!(
            row["to"],
            expected.get("dst").map_or(Value::Null, |dst| json!(format!("{}/32", dst.as_str().unwrap())))
        );
        assert_eq!(row["interface"], expected["iif"]);
        let mark = expected["fwmark"].as_str().zip(expected["fwmask"].as_str());
        assert_eq!(row["mark"], mark.map_or(Value::Null, |(mark, mask)| json!(format!("{mark}/{mask}"))));
        assert_eq!(row["action"], expected.get("action").cloned().unwrap_or_else(|| json!("lookup")));
    }
    assert!(rows["warnings"].is_empty(), "{:?}", rows["warnings"]);
}

#[test]
fn routes_and_addresses_are_in_the_view_of_proc() {
    let read = |name: &str| std::fs::read(fixtures::path("netlink").join(name)).unwrap();
    let printed: Value = serde_json::from_slice(&read("ip.json")).unwrap();
    let mut members = Members::of(&fixtures::path(WITH_NETWORK));
    members.set("checkpoint/ifaddr-10.img", read("ifaddr.img"));
    members.set("checkpoint/route-10.img", read("route.img"));
    let devices: Vec<NetDeviceEntry> = printed["addr"].as_array().unwrap().iter().map(device).collect();
    set_devices(&mut members, &devices);
    let checkpoint = members.open();
    let text = |name: &str| {
        let file = files(&checkpoint).find(|file| file.path == name).unwrap();
        let Content::Bytes(bytes) = file.content else { panic!("{name} is a link") };
        String::from_utf8(bytes).unwrap()
    };
    assert_eq!(text("1/net/route"), include_str!("../../../fixtures/netlink/proc_net_route"));
    // The kernel's order of these is that of a table of hashes.
    let sorted = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(sorted(&text("1/net/if_inet6")), sorted(include_str!("../../../fixtures/netlink/proc_net_if_inet6")));
}

#[test]
fn devices_of_every_type_show_what_is_particular_to_them() {
    let device = |kind: NdType, index: u32, name: &str| NetDeviceEntry {
        r#type: Some(kind.into()),
        ifindex: Some(index),
        name: Some(name.into()),
        mtu: Some(1400),
        flags: Some(0x1043),
        ..Default::default()
    };
    let devices = [
        device(NdType::Bridge, 5, "br0"),
        NetDeviceEntry {
            address: Some(vec![2, 0, 0, 0, 0, 0x5f]),
            peer_ifindex: Some(9),
            peer_nsid: Some(3),
            master: Some(5),
            ..device(NdType::Veth, 6, "eth0")
        },
        NetDeviceEntry {
            tun: Some(TunLinkEntry { flags: Some(0x1001), owner: Some(1000), group: Some(-1), ..Default::default() }),
            ..device(NdType::Tun, 7, "tun0")
        },
        NetDeviceEntry {
            macvlan: Some(MacvlanLinkEntry { mode: Some(4), flags: Some(0) }),
            ..device(NdType::Macvlan, 8, "mac0")
        },
        NetDeviceEntry {
            sit: Some(SitEntry {
                local: vec![0x0502_000a],
                remote: vec![0x0971_00cb],
                ttl: Some(64),
                ..Default::default()
            }),
            ..device(NdType::Sit, 9, "sit1")
        },
    ];
    let mut members = Members::of(&fixtures::path(WITH_NETWORK));
    set_devices(&mut members, &devices);
    members.edit::<NetnsEntry>("checkpoint/netns-10.img", |_, entry| {
        entry.nsids = vec![NetnsId { target_ns_id: Some(14), netnsid_value: Some(3) }];
    });
    let checkpoint = members.open();
    let found = rows(&checkpoint, "interfaces");
    let named = |name: &str| found.iter().find(|row| row["interface"] == name).unwrap();
    assert_eq!(named("eth0")["mac"], "02:00:00:00:00:5f");
    assert_eq!(named("eth0")["master"], "br0");
    assert_eq!((&named("eth0")["peer_index"], &named("eth0")["peer_nsid"]), (&json!(9), &json!(3)));
    assert_eq!(named("br0")["flags"], json!(["UP", "BROADCAST", "RUNNING", "MULTICAST"]));
    assert_eq!(named("tun0")["detail"], json!({"flags": ["tun", "no_packet_information"], "owner": 1000}));
    assert_eq!(named("mac0")["detail"], json!({"mode": "bridge", "flags": 0}));
    assert_eq!(named("sit1")["detail"], json!({"local": "10.0.2.5", "remote": "203.0.113.9", "ttl": 64}));
    let namespaces = rows(&checkpoint, "namespaces");
    let net = namespaces.iter().find(|row| row["kind"] == "net").unwrap();
    assert_eq!(net["net_ids"], json!(["14=3"]));
}

#[test]
fn settings_of_namespaces_have_their_names() {
    let members = Members::of(&fixtures::path(WITH_NETWORK));
    let value =
        |rows: &[Value], name: &str| rows.iter().find(|row| row["name"] == name).map(|row| row["value"].clone());
    let found = rows(&members.open(), "sysctls");
    assert_eq!(value(&found, "net.ipv6.conf.lo.mtu"), Some(json!("65536")), "as the device has it");
    assert_eq!(value(&found, "net.ipv4.conf.lo.rp_filter"), Some(json!("0")));
    assert_eq!(value(&found, "kernel.shmmni"), Some(json!("4096")));
    assert_eq!(value(&found, "net.ipv6.conf.all.stable_secret"), Some(Value::Null), "the kernel gives none");
    let mut older = members;
    older.edit::<NetnsEntry>("checkpoint/netns-10.img", |_, entry| {
        entry.all_conf4.truncate(28);
        entry.all_conf4[3] = SysctlEntry { iarg: Some(77), ..Default::default() };
    });
    let found = rows(&older.open(), "sysctls");
    let folder: Vec<&Value> = found.iter().filter(|row| row["folder"] == "net.ipv4.conf.all").collect();
    assert_eq!(folder.len(), 28);
    assert!(folder.iter().all(|row| row["name"].is_null()), "an order that is not known");
    assert_eq!((&folder[3]["position"], &folder[3]["value"]), (&json!(3), &json!("77")));
}

#[test]
fn rules_of_the_lock_are_told_from_others() {
    let mut members = Members::of(&fixtures::path(WITH_NETWORK));
    members.set(
        "checkpoint/iptables-10.img",
        "# Generated\n*filter\n:INPUT ACCEPT [0:0]\n:CRIU - [0:0]\n-A INPUT -j CRIU\n-A INPUT -s 203.0.113.66/32 -j ACCEPT\n\
         -A CRIU -m mark --mark 0xc114 -j ACCEPT\n-A CRIU -j DROP\nCOMMIT\n",
    );
    let found = rows(&members.open(), "firewall");
    let own: Vec<&str> = found
        .iter()
        .filter(|row| row["source"] == "iptables" && row["criu"] == false && !row["chain"].is_null())
        .map(|row| row["rule"].as_str().unwrap())
        .collect();
    assert_eq!(own, [":INPUT ACCEPT [0:0]", "-A INPUT -s 203.0.113.66/32 -j ACCEPT"]);
    let locked = found.iter().filter(|row| row["source"] == "nftables" && row["criu"] == true);
    assert_eq!(locked.count(), 10, "those of the archive itself");
}

#[test]
fn tracked_connections_are_rows() {
    // A TCP connection to a web server, whose source was translated; built from the kernel's headers.
    let attribute = |kind: u16, value: &[u8]| {
        let mut bytes = [u16::try_from(value.len() + 4).unwrap().to_le_bytes(), kind.to_le_bytes()].concat();
        bytes.extend_from_slice(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    };
    let tuple = |kind: u16, source: [u8; 4], destination: [u8; 4], ports: [u16; 2]| {
        let ip = [attribute(1, &source), attribute(2, &destination)].concat();
        let ports = [attribute(2, &ports[0].to_be_bytes()), attribute(3, &ports[1].to_be_bytes())].concat();
        let protocol = [attribute(1, &[6]), ports].concat();
        attribute(kind, &[attribute(0x8001, &ip), attribute(0x8002, &protocol)].concat())
    };
    let body = [
        vec![2, 0, 0, 0],
        tuple(0x8001, [10, 0, 0, 5], [203, 0, 113, 9], [40000, 443]),
        tuple(0x8002, [203, 0, 113, 9], [198, 51, 100, 1], [443, 40000]),
        attribute(3, &0x18e_u32.to_be_bytes()),
        attribute(0x8004, &attribute(0x8001, &attribute(1, &[3]))),
        attribute(7, &431_999_u32.to_be_bytes()),
        attribute(12, &77_u32.to_be_bytes()),
    ]
    .concat();
    let mut message = u32::try_from(body.len() + 16).unwrap().to_le_bytes().to_vec();
    message.extend([0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    message.extend(body);
    let mut members = Members::of(&fixtures::path(WITH_NETWORK));
    members.set("checkpoint/netns-ct-10.img", [message.as_slice(), &message[..30]].concat());
    let checkpoint = members.open();
    let found = rows(&checkpoint, "conntrack");
    let [row] = &found[..] else { panic!("one connection, not {}", found.len()) };
    for (column, value) in [
        ("protocol", json!("tcp")),
        ("state", json!("ESTABLISHED")),
        ("source", json!("10.0.0.5")),
        ("source_port", json!(40000)),
        ("destination", json!("203.0.113.9")),
        ("destination_port", json!(443)),
        ("reply_destination", json!("198.51.100.1")),
        ("timeout", json!(431_999)),
        ("id", json!(77)),
        ("status", json!(["SEEN_REPLY", "ASSURED", "CONFIRMED", "SRC_NAT_DONE", "DST_NAT_DONE"])),
    ] {
        assert_eq!(row[column], value, "{column}");
    }
    let warnings = rows(&checkpoint, "warnings");
    let cut = warnings.iter().find(|row| row["place"]["member"] == "checkpoint/netns-ct-10.img").unwrap();
    assert_eq!((&cut["code"], &cut["place"]["offset"]), (&json!("image_truncated"), &json!(message.len())));
}

#[test]
fn paths_of_watched_inodes_are_rows() {
    let entry = IrmapCacheEntry { dev: Some(0x0080_0011), inode: Some(42), path: Some(b"/etc/passwd".to_vec()) };
    let message = entry.encode_to_vec();
    let mut members = Members::of(&fixtures::path(WITH_NETWORK));
    let mut image = [0x5510_5940_u32.to_le_bytes(), 0x5700_4059_u32.to_le_bytes()].concat();
    image.extend(u32::try_from(message.len()).unwrap().to_le_bytes());
    image.extend(message);
    members.set("checkpoint/irmap-cache", image);
    let found = rows(&members.open(), "inode_paths");
    assert_eq!(found, [json!({"table": "inode_paths", "device": "8:17", "inode": 42, "path": "/etc/passwd"})]);
}
