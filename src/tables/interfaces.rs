//! Table `interfaces`.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use bstr::BString;

use super::table::table;
use super::value::{Detail, Object};
use crate::Checkpoint;
use crate::abi::network as abi;
use crate::images::ByteOrder;
use crate::images::proto::{MacvlanLinkEntry, SitEntry, TunLinkEntry};
use crate::model::engine::network::Interface as Recorded;
use crate::model::ids::NamespaceId;
use crate::model::netns::{Device, device};

table! {
    "interfaces", key(namespace, interface), brief(from, namespace, interface, ifindex, type, mac, mtu, flags),
    event(Event::state(&["network"], "interface-state").about(Subject::Interface));
    /// Network devices: first those of the network namespaces that CRIU dumped, then those that the engine recorded.
    /// CRIU does not dump a namespace that the engine made.
    pub struct Interface {
        /// The network namespace: CRIU's id, joins `process_namespaces.net`. Null for devices that the engine recorded.
        pub namespace: Option<NamespaceId>,
        /// Name of the device. Null if the engine does not record it.
        #[to(ocsf("network_interfaces.name"))]
        pub interface: Option<BString>,
        /// The kernel's number of the device, from 1.
        pub ifindex: Option<u32>,
        /// Type of the device: `loopback`, `veth`, `tun`, `extlink` (a device that the engine moves in), `venet`,
        /// `bridge`, `macvlan` or `sit`.
        pub r#type: Option<Cow<'static, str>>,
        /// Hardware (MAC) address. Null if there is none.
        #[to(ocsf("network_interfaces.mac"))]
        pub mac: Option<String>,
        /// Size of the largest packet in bytes.
        pub mtu: Option<u32>,
        /// Flags, as `ip link` names them: `UP`, `LOOPBACK`, `PROMISC`, ….
        pub flags: Option<Vec<Cow<'static, str>>>,
        /// Name of the device that this one is a port of, such as a bridge, or its number if it has no name.
        pub master: Option<BString>,
        /// Number of a veth's other end, in the namespace of that end.
        pub peer_index: Option<u32>,
        /// Number of that namespace, as in `namespaces.net_ids` of this namespace.
        pub peer_nsid: Option<u32>,
        /// Facts that only this type has: flags, owner and group of tun; mode of macvlan; ends of a sit tunnel.
        pub detail: Option<Object>,
        /// The engine's network. Null if the engine did not record one.
        pub network: Option<String>,
        /// `image`: dumped by CRIU. `engine`: recorded by the engine, and no image has the same device.
        pub from: &'static str,
        /// Where the device is recorded: `images`, `network.status` (Podman), `annotations` (CRI-O and network plugins)
        /// or `config.v2.json` (Docker).
        pub recorded_in: &'static str,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = Interface> + '_ {
    let order = checkpoint.model().byte_order();
    let all = &checkpoint.networks().devices;
    let recorded = &checkpoint.model().container().interfaces;
    let by_name: HashMap<&[u8], &Recorded> =
        recorded.iter().filter_map(|interface| Some((interface.name.as_ref()?.as_bytes(), interface))).collect();
    let same_as = |device: &Device| {
        let same = by_name.get(device.entry.name.as_deref()?).copied();
        same.filter(|interface| is_same(device, interface))
    };
    let networks: Vec<Option<&Recorded>> = all.iter().map(same_as).collect();
    let dumped: HashSet<&str> = networks.iter().flatten().filter_map(|interface| interface.name.as_deref()).collect();
    let devices = all.iter().zip(networks).map(move |(device, same)| Interface {
        network: same.and_then(|same| same.network.clone()),
        ..of_image(checkpoint, device, order)
    });
    let is_other = move |interface: &&Recorded| interface.name.as_deref().is_none_or(|name| !dumped.contains(name));
    let others = recorded.iter().filter(is_other);
    // An entry with only addresses says nothing about the interface.
    let others = others.filter(|interface| interface.name.is_some() || interface.network.is_some());
    devices.chain(others.map(of_engine))
}

/// Whether an interface that the engine recorded is the dumped device of that name.
fn is_same(device: &Device, interface: &Recorded) -> bool {
    interface.mac.as_ref().is_none_or(|mac| device.mac().is_some_and(|own| own.eq_ignore_ascii_case(mac)))
}

fn of_image(checkpoint: &Checkpoint, device: &Device, order: ByteOrder) -> Interface {
    let entry = &device.entry;
    let name_of = |index: u32| {
        let name = checkpoint.networks().device_name(device.namespace, index).map(BString::from);
        name.unwrap_or_else(|| BString::from(index.to_string()))
    };
    let mut detail = Vec::new();
    detail.extend(entry.tun.as_ref().map(tun).into_iter().flatten());
    detail.extend(entry.macvlan.as_ref().map(macvlan).into_iter().flatten());
    detail.extend(entry.sit.as_ref().map(|sit| tunnel(sit, order)).into_iter().flatten());
    Interface {
        namespace: Some(device.namespace),
        interface: Some(entry.name.clone().unwrap_or_default().into()),
        ifindex: entry.ifindex,
        r#type: entry.r#type.map(|number| abi::device_type(number.cast_unsigned())),
        mac: device.mac(),
        mtu: entry.mtu,
        flags: entry.flags.map(abi::device_flags),
        master: entry.master.filter(|&index| index != 0).map(name_of),
        peer_index: entry.peer_ifindex,
        peer_nsid: entry.peer_nsid,
        detail: (!detail.is_empty()).then_some(Object(detail)),
        network: None,
        from: "image",
        recorded_in: "images",
    }
}

fn of_engine(interface: &Recorded) -> Interface {
    Interface {
        namespace: None,
        interface: interface.name.clone().map(BString::from),
        ifindex: None,
        r#type: None,
        mac: interface.mac.clone(),
        mtu: None,
        flags: None,
        master: None,
        peer_index: None,
        peer_nsid: None,
        detail: None,
        network: interface.network.clone(),
        from: "engine",
        recorded_in: interface.place.as_str(),
    }
}

type Details = Vec<(&'static str, Detail)>;

fn integer(number: impl Into<i128>) -> Detail {
    Detail::Integer(number.into())
}

fn tun(entry: &TunLinkEntry) -> Details {
    let mut detail = Vec::new();
    detail.extend(
        entry.flags.map(|flags| ("flags", Detail::List(abi::tun_flags(flags).into_iter().map(Detail::Text).collect()))),
    );
    // -1 means anyone.
    detail.extend(entry.owner.filter(|&id| id >= 0).map(|id| ("owner", integer(id))));
    detail.extend(entry.group.filter(|&id| id >= 0).map(|id| ("group", integer(id))));
    detail.extend(entry.vnethdr.map(|size| ("header_size", integer(size))));
    detail.extend(entry.sndbuf.map(|size| ("send_buffer", integer(size))));
    detail
}

fn macvlan(entry: &MacvlanLinkEntry) -> Details {
    let mut detail = Vec::new();
    detail.extend(entry.mode.map(|mode| ("mode", Detail::Text(abi::macvlan_mode(mode)))));
    detail.extend(entry.flags.map(|flags| ("flags", integer(flags))));
    detail
}

fn tunnel(entry: &SitEntry, order: ByteOrder) -> Details {
    let address = |words: &[u32]| device::address(words, order).map(|ip| Detail::Text(Cow::Owned(ip.to_string())));
    let addresses = [
        ("local", &entry.local),
        ("remote", &entry.remote),
        ("rapid_prefix", &entry.rd_prefix),
        ("relay_prefix", &entry.relay_prefix),
    ];
    let numbers = [
        ("link", entry.link),
        ("ttl", entry.ttl),
        ("tos", entry.tos),
        ("protocol", entry.proto),
        ("flags", entry.flags),
        ("encapsulation", entry.encap_type),
        ("encapsulation_flags", entry.encap_flags),
        ("encapsulation_source_port", entry.encap_sport),
        ("encapsulation_destination_port", entry.encap_dport),
        ("rapid_prefix_length", entry.rd_prefixlen),
        ("relay_prefix_length", entry.relay_prefixlen),
    ];
    let mut detail: Details = addresses.iter().filter_map(|(name, words)| Some((*name, address(words)?))).collect();
    detail.extend(numbers.iter().filter_map(|(name, number)| Some((*name, integer((*number)?)))));
    detail.extend(entry.pmtudisc.map(|on| ("path_mtu_discovery", Detail::Bool(on))));
    detail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_a_type_has_is_in_its_detail() {
        let detail = tun(&TunLinkEntry { flags: Some(0x1002), owner: Some(-1), group: Some(5), ..Default::default() });
        let flags = ["tap", "no_packet_information"].map(|name| Detail::Text(name.into())).to_vec();
        assert_eq!(detail, [("flags", Detail::List(flags)), ("group", integer(5))]);
        let entry = SitEntry { remote: vec![0x0900_71cb], ttl: Some(64), ..Default::default() };
        let remote = ("remote", Detail::Text("203.113.0.9".into()));
        assert_eq!(tunnel(&entry, ByteOrder::Little), [remote, ("ttl", integer(64))]);
    }
}
