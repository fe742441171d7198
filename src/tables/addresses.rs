//! Table `addresses`.

use std::borrow::Cow;
use std::collections::HashSet;

use bstr::BString;

use super::table::table;
use crate::Checkpoint;
use crate::abi::network as abi;
use crate::model::engine::network::Interface;
use crate::model::ids::NamespaceId;
use crate::model::netns::Address as Set;

table! {
    "addresses", key(namespace, interface, address), brief(from, namespace, interface, address, prefix_length, scope, flags),
    event(Event::state(&["network"], "address-state").about(Subject::Interface));
    /// Addresses of network devices: first those of the network namespaces that CRIU dumped, then those that the engine
    /// recorded. CRIU does not dump a namespace that the engine made.
    pub struct InterfaceAddress {
        /// The network namespace: CRIU's id, joins `interfaces`. Null for addresses that the engine recorded.
        pub namespace: Option<NamespaceId>,
        /// Name of the device, or its number if the device was not dumped. Null if the engine does not record it.
        #[to(ocsf("network_interfaces.name"))]
        pub interface: Option<BString>,
        /// `inet` or `inet6`.
        pub family: Option<&'static str>,
        /// The address.
        #[to(ecs("related.ip").related(), ocsf("network_interfaces.ip"))]
        pub address: String,
        /// Prefix length, in bits.
        #[to(ocsf("network_interfaces.subnet_prefix"))]
        pub prefix_length: Option<u32>,
        /// The address at the other end of a point-to-point link.
        pub point_to_point: Option<String>,
        /// The broadcast address.
        pub broadcast: Option<String>,
        /// Scope in which the address is valid: `global`, `site`, `link`, `host` or `nowhere`.
        pub scope: Option<Cow<'static, str>>,
        /// Label of an IPv4 address: the device's name, or text that begins with it.
        pub label: Option<BString>,
        /// Flags, as `ip address` names them: `permanent`, `secondary`, `tentative`, ….
        pub flags: Option<Vec<Cow<'static, str>>>,
        /// Metric of the route that the kernel adds for the address.
        pub metric: Option<u32>,
        /// Seconds left of the preferred lifetime. Null if it has no end.
        pub preferred_lifetime: Option<u32>,
        /// Seconds left of the valid lifetime. Null if it has no end.
        pub valid_lifetime: Option<u32>,
        /// Who set the address: 1 the kernel (loopback), 2 a router, 3 the kernel (link-local). Null if not recorded.
        pub protocol: Option<u32>,
        /// `image`: dumped by CRIU. `engine`: recorded by the engine, and no image has the same address.
        pub from: &'static str,
        /// Where the address is recorded: `images`, `network.status` (Podman), `annotations` (CRI-O and network
        /// plugins) or `config.v2.json` (Docker).
        pub recorded_in: &'static str,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = InterfaceAddress> + '_ {
    let networks = checkpoint.networks();
    let of_images = networks.addresses.iter().map(|address| {
        let name = networks.device_name(address.namespace, address.index).map(BString::from);
        of_image(address, name.unwrap_or_else(|| address.index.to_string().into()))
    });
    let recorded = checkpoint.model().container().interfaces.iter();
    let recorded =
        recorded.flat_map(|interface| interface.addresses.iter().map(move |text| of_engine(interface, text)));
    // A checkpoint may record thousands of addresses and dump thousands.
    let key = |address: &Set| (address.address.to_string(), u32::from(address.prefix));
    let dumped: HashSet<(String, u32)> = networks.addresses.iter().map(key).collect();
    let plain: HashSet<String> = dumped.iter().map(|(address, _)| address.clone()).collect();
    let is_dumped = move |row: &InterfaceAddress| match row.prefix_length {
        Some(bits) => dumped.contains(&(row.address.clone(), bits)),
        None => plain.contains(&row.address),
    };
    of_images.chain(recorded.filter(move |row| !is_dumped(row)))
}

fn of_image(set: &Set, interface: BString) -> InterfaceAddress {
    let [preferred_lifetime, valid_lifetime] = set.lifetimes;
    InterfaceAddress {
        namespace: Some(set.namespace),
        interface: Some(interface),
        family: Some(if set.address.is_ipv4() { "inet" } else { "inet6" }),
        address: set.address.to_string(),
        prefix_length: Some(set.prefix.into()),
        point_to_point: set.peer.map(|peer| peer.to_string()),
        broadcast: set.broadcast.map(|address| address.to_string()),
        scope: Some(abi::scope(set.scope)),
        label: set.label.clone().map(BString::from),
        flags: Some(abi::address_flags(set.flags)),
        metric: set.metric,
        preferred_lifetime,
        valid_lifetime,
        protocol: set.protocol.map(u32::from),
        from: "image",
        recorded_in: "images",
    }
}

fn of_engine(interface: &Interface, text: &str) -> InterfaceAddress {
    let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
    let parsed = address.parse::<std::net::IpAddr>().ok();
    InterfaceAddress {
        namespace: None,
        interface: interface.name.clone().map(BString::from),
        family: parsed.map(|address| if address.is_ipv4() { "inet" } else { "inet6" }),
        // Spelt as the images spell addresses.
        address: parsed.map_or_else(|| address.to_owned(), |address| address.to_string()),
        prefix_length: prefix.and_then(|prefix| prefix.parse().ok()),
        point_to_point: None,
        broadcast: None,
        scope: None,
        label: None,
        flags: None,
        metric: None,
        preferred_lifetime: None,
        valid_lifetime: None,
        protocol: None,
        from: "engine",
        recorded_in: interface.place.as_str(),
    }
}
