//! Networks as engines record them.

use cryoscope::images::proto::NetDeviceEntry;
use prost::Message;
use serde_json::{Value, json};

use super::rows;
use crate::archives::Members;
use crate::command::run_with;
use crate::fixtures;

/// An archive of Podman without images of a network, with another `network.status`.
fn with_status(status: &Value) -> Members {
    let mut members = Members::of(&fixtures::archive_of("bridge-net"));
    members.set("network.status", status.to_string());
    members
}

/// Columns of rows.
fn columns(members: &Members, table: &str, columns: &[&str]) -> Vec<Value> {
    let rows = rows(&members.open(), table);
    rows.iter().map(|row| columns.iter().map(|column| row[*column].clone()).collect()).collect()
}

fn interfaces(members: &Members) -> Vec<Value> {
    columns(members, "interfaces", &["network", "interface", "mac", "from", "recorded_in"])
}

fn addresses(members: &Members) -> Vec<Value> {
    columns(members, "addresses", &["interface", "address", "prefix_length", "recorded_in"])
}

fn routes(members: &Members) -> Vec<Value> {
    columns(members, "routes", &["interface", "family", "destination", "prefix_length", "gateway", "recorded_in"])
}

const STATUS: &str = "network.status";

#[test]
fn networks_of_podman_have_interfaces_addresses_and_routes() {
    let members = with_status(&json!({
        "front": {"interfaces": {"eth0": {"mac_address": "aa:bb:cc:00:00:01", "subnets": [
            {"ipnet": "10.88.0.5/16", "gateway": "10.88.0.1"}, {"ipnet": "fd00::5/64", "gateway": "fd00::1"}]}}},
        "inner": {"interfaces": {"eth1": {"mac_address": "aa:bb:cc:00:00:02", "subnets": [{"ipnet": "10.89.0.7/24"}]}}},
    }));
    assert_eq!(
        interfaces(&members),
        [
            json!(["front", "eth0", "aa:bb:cc:00:00:01", "engine", STATUS]),
            json!(["inner", "eth1", "aa:bb:cc:00:00:02", "engine", STATUS]),
        ]
    );
    assert_eq!(
        addresses(&members),
        [
            json!(["eth0", "10.88.0.5", 16, STATUS]),
            json!(["eth0", "fd00::5", 64, STATUS]),
            json!(["eth1", "10.89.0.7", 24, STATUS]),
        ]
    );
    assert_eq!(
        routes(&members),
        [
            json!(["eth0", "inet", "0.0.0.0", 0, "10.88.0.1", STATUS]),
            json!(["eth0", "inet6", "::", 0, "fd00::1", STATUS]),
        ],
        "a network without a gateway leads nowhere else"
    );
    let shown = run_with(&members.tar(), ["inspect", "-"]).out;
    let line = "networks      front eth0 10.88.0.5/16 fd00::5/64 via 10.88.0.1 fd00::1 mac aa:bb:cc:00:00:01";
    assert!(shown.contains(line) && shown.contains("inner eth1 10.89.0.7/24 mac aa:bb:cc:00:00:02"), "{shown}");
}

#[test]
fn results_of_cni_tell_interfaces_and_routes_apart() {
    let members = with_status(&json!([{
        "cniVersion": "0.4.0",
        "interfaces": [
            {"name": "cni-podman0", "mac": "00:00:00:00:00:01"},
            {"name": "eth0", "mac": "00:00:00:00:00:02", "sandbox": "/run/netns/x"},
            {"name": "net1", "mac": "00:00:00:00:00:03", "sandbox": "/run/netns/x"},
        ],
        "ips": [
            {"version": "4", "interface": 1, "address": "10.88.0.5/16", "gateway": "10.88.0.1"},
            {"version": "4", "interface": 2, "address": "10.99.0.5/24", "gateway": "10.99.0.1"},
        ],
        "routes": [{"dst": "0.0.0.0/0", "gw": "10.88.0.1"}, {"dst": "172.16.0.0/12"}],
    }]));
    assert_eq!(
        addresses(&members),
        [json!(["eth0", "10.88.0.5", 16, STATUS]), json!(["net1", "10.99.0.5", 24, STATUS])]
    );
    assert_eq!(
        routes(&members),
        [
            json!(["eth0", "inet", "0.0.0.0", 0, "10.88.0.1", STATUS]),
            json!(["net1", "inet", "172.16.0.0", 12, "10.99.0.1", STATUS]),
        ]
    );
    let old = with_status(&json!([{"cniVersion": "0.2.0", "ip4": {"ip": "10.1.0.5/16", "gateway": "10.1.0.1"}}]));
    assert_eq!(addresses(&old), [json!(["eth0", "10.1.0.5", 16, STATUS])]);
    assert_eq!(routes(&old), [json!(["eth0", "inet", "0.0.0.0", 0, "10.1.0.1", STATUS])]);
    for nothing in [json!(null), json!({}), json!([]), json!({"podman": null})] {
        let members = with_status(&nothing);
        assert!(interfaces(&members).is_empty() && routes(&members).is_empty(), "{nothing}");
    }
}

#[test]
fn a_result_of_cni_alone_is_read_as_one_of_several() {
    for version in ["0.4.0", "1.1.0"] {
        let result = json!({
            "cniVersion": version,
            "interfaces": [{"name": "eth0", "mac": "00:00:00:00:00:02", "sandbox": "/run/netns/x"}],
            "ips": [{"interface": 0, "address": "10.88.0.5/16", "gateway": "10.88.0.1"}],
        });
        let (alone, listed) = (with_status(&result), with_status(&json!([result])));
        assert_eq!(addresses(&alone), [json!(["eth0", "10.88.0.5", 16, STATUS])]);
        assert_eq!((interfaces(&alone), routes(&alone)), (interfaces(&listed), routes(&listed)));
    }
    let old = with_status(&json!({"ip4": {"ip": "10.1.0.5/16", "gateway": "10.1.0.1"}}));
    assert_eq!(addresses(&old), [json!(["eth0", "10.1.0.5", 16, STATUS])]);
    // A network may have the name of one of its keys.
    let named = with_status(&json!({"ips": {"interfaces": {"eth0": {"subnets": [{"ipnet": "10.1.0.5/16"}]}}}}));
    assert_eq!(addresses(&named), [json!(["eth0", "10.1.0.5", 16, STATUS])]);
}

#[test]
fn what_cannot_be_an_address_is_named_and_left_out() {
    let members = with_status(&json!({"front": {"interfaces": {"eth0": {
        "mac_address": "not a mac",
        "subnets": [
            {"ipnet": "10.88.0.5/16", "gateway": "10.88.0.999"}, {"ipnet": "10.88.0.6/33", "gateway": "10.88.0.1"},
            {"ipnet": "fe80::5/64", "gateway": "fe80::1%eth0"}],
    }}}}));
    let ran = run_with(&members.tar(), ["inspect", "-"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    for (what, text) in [("a gateway", "10.88.0.999"), ("an address", "10.88.0.6/33"), ("the MAC address", "not a mac")]
    {
        let message = format!("{what} of network \"front eth0\" is not valid: \"{text}\"; skipped");
        assert!(ran.err.contains(&message), "{message}: {ran:?}");
    }
    assert!(!ran.err.contains("fe80") && !ran.out.contains("10.88.0.999"), "{ran:?}");
    assert_eq!(interfaces(&members), [json!(["front", "eth0", Value::Null, "engine", STATUS])]);
    let ran = run_with(&with_status(&json!({"front": "up"})).tar(), ["inspect", "-"]);
    assert!(ran.err.contains("network \"front\" is text, not an object"), "{ran:?}");
}

/// Pods' addresses are annotated by CRI-O, and their networks by plugins; of an address that both tell, once.
#[test]
fn annotations_tell_addresses_of_pods() {
    let mut members = Members::of(&fixtures::archive_of("crio-logs"));
    let mut spec: Value = serde_json::from_slice(members.get("spec.dump")).unwrap();
    let annotations = spec["annotations"].as_object_mut().unwrap();
    annotations.retain(|key, _| !key.starts_with("io.kubernetes.cri-o.IP."));
    annotations.insert("io.kubernetes.cri-o.IP.0".to_owned(), json!("10.244.3.40"));
    members.set("spec.dump", spec.to_string());
    assert_eq!(addresses(&members), [json!([null, "10.244.3.40", null, "annotations"])]);
    assert!(interfaces(&members).is_empty(), "its name is not recorded");

    let status = json!([
        {"name": "cbr0", "interface": "eth0", "ips": ["10.244.3.40"], "mac": "0a:58:0a:f4:03:28", "default": true},
        {"name": "prod/storage", "interface": "net1", "ips": ["192.168.9.4"], "mac": "0a:58:0a:f4:03:29"},
    ]);
    let annotations = spec["annotations"].as_object_mut().unwrap();
    annotations.insert("k8s.v1.cni.cncf.io/network-status".to_owned(), json!(status.to_string()));
    members.set("spec.dump", spec.to_string());
    assert_eq!(
        addresses(&members),
        [json!(["eth0", "10.244.3.40", null, "annotations"]), json!(["net1", "192.168.9.4", null, "annotations"])]
    );
    assert_eq!(interfaces(&members)[1], json!(["prod/storage", "net1", "0a:58:0a:f4:03:29", "engine", "annotations"]));
}

#[test]
fn what_images_have_is_not_told_twice() {
    let read = |name: &str| std::fs::read(fixtures::path("netlink").join(name)).unwrap();
    let mut members = Members::of(&fixtures::path("sockets-unix/sockets-unix.tar.zst"));
    members.set("checkpoint/ifaddr-10.img", read("ifaddr.img"));
    members.set("checkpoint/route-10.img", read("route.img"));
    let printed: Value = serde_json::from_slice(&read("ip.json")).unwrap();
    let device = printed["addr"].as_array().unwrap().iter().find(|link| link["ifname"] == "dum0").unwrap();
    let mac = device["address"].as_str().unwrap();
    let entry = NetDeviceEntry {
        ifindex: Some(device["ifindex"].as_u64().unwrap().try_into().unwrap()),
        name: Some(b"dum0".to_vec()),
        address: Some(mac.split(':').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()),
        ..Default::default()
    };
    members.parts("checkpoint/netdev-10.img", |image| image.records = vec![(entry.encode_to_vec(), Vec::new())]);
    let status = |address: &str| {
        json!({"lab": {"interfaces": {"dum0": {
            "mac_address": mac.to_uppercase(),
            "subnets": [{"ipnet": address, "gateway": "10.1.2.1"}]}}}})
    };
    members.set("network.status", status("10.1.2.3/24").to_string());
    let all = interfaces(&members);
    assert_eq!(all, [json!(["lab", "dum0", mac, "image", "images"])], "the image's, with the name of the network");
    let of_engine = |rows: Vec<Value>| rows.into_iter().filter(|row| row.to_string().contains(STATUS)).count();
    assert_eq!((of_engine(addresses(&members)), of_engine(routes(&members))), (0, 0));
    members.set("network.status", status("10.1.2.3/16").to_string());
    assert_eq!(of_engine(addresses(&members)), 1, "where they disagree, both are there");
}
