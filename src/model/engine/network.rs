//! Networks as engines record them: Podman's `network.status`, annotations from CRI-O and Kubernetes network plugins,
//! and Docker's settings.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use serde_json::{Map, Value};

use super::Documents;
use crate::model::document::Document;
use crate::model::engine_files::text_of;

/// The place where an engine recorded a network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// `network.status`.
    #[default]
    Status,
    /// Annotations in the specification.
    Annotations,
    /// Docker's `config.v2.json`.
    Docker,
}

impl Place {
    /// `network.status`, `annotations` or `config.v2.json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Place::Status => "network.status",
            Place::Annotations => "annotations",
            Place::Docker => "config.v2.json",
        }
    }
}

/// A network interface, as the engine recorded it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// The place where it is recorded.
    pub place: Place,
    /// The network's name.
    pub network: Option<String>,
    /// The interface's name in the container.
    pub name: Option<String>,
    /// Addresses, with their prefix length if recorded.
    pub addresses: Vec<String>,
    /// Gateways of the subnets.
    pub gateways: Vec<String>,
    /// Routes, each with its gateway; `None` if the engine does not record them.
    pub routes: Option<Vec<(String, Option<String>)>>,
    /// Hardware (MAC) address.
    pub mac: Option<String>,
}

impl Interface {
    /// The recorded routes, or else default routes through each gateway.
    pub fn all_routes(&self) -> Vec<(String, Option<String>)> {
        let everywhere = |gateway: &String| {
            let destination = if gateway.contains(':') { "::/0" } else { "0.0.0.0/0" };
            (destination.to_owned(), Some(gateway.clone()))
        };
        let first = |is_ipv6: bool| self.gateways.iter().find(|gateway| gateway.contains(':') == is_ipv6);
        let (ipv4, ipv6) = (first(false), first(true));
        let of_family = |destination: &str| if destination.contains(':') { ipv6 } else { ipv4 }.cloned();
        match &self.routes {
            // A route without its own gateway uses the subnet's.
            Some(routes) => {
                let through =
                    |(to, gateway): &(String, Option<String>)| (to.clone(), gateway.clone().or_else(|| of_family(to)));
                routes.iter().map(through).collect()
            }
            None => self.gateways.iter().map(everywhere).collect(),
        }
    }
}

impl Interface {
    /// Removes invalid addresses, each with a warning.
    fn leave_out_what_cannot_be(&mut self, document: &Document<'_>) {
        let names = [self.network.as_deref(), self.name.as_deref()];
        let whose = names.into_iter().flatten().collect::<Vec<_>>().join(" ");
        let check = |what: &str, text: &str, is_one: bool| {
            if !is_one {
                document.contradicts(|| format!("{what} of network {whose:?} is not valid: {text:?}; skipped"));
            }
            is_one
        };
        let is_address = |text: &str| has_prefix(text) || host(text).is_some();
        // Engines write empty text if there is no address.
        self.addresses.retain(|text| !text.is_empty() && check("an address", text, is_address(text)));
        self.gateways.retain(|text| !text.is_empty() && check("a gateway", text, host(text).is_some()));
        self.mac = self.mac.take().filter(|text| !text.is_empty() && check("the MAC address", text, is_mac(text)));
        if let Some(routes) = &mut self.routes {
            routes.retain(|(to, gateway)| {
                check("the destination of a route", to, is_address(to))
                    && gateway.as_ref().is_none_or(|text| check("the gateway of a route", text, host(text).is_some()))
            });
        }
    }
}

impl<'a> Documents<'a> {
    /// The document that records networks at this place.
    fn of_networks(&self, place: Place) -> Option<&Document<'a>> {
        match place {
            Place::Status => self.network.as_ref(),
            Place::Annotations => self.spec.as_ref(),
            Place::Docker => self.docker.as_ref(),
        }
    }
}

/// An address alone; a link-local one may name its interface (`fe80::1%eth0`).
fn host(text: &str) -> Option<IpAddr> {
    match text.split_once('%') {
        Some((address, zone)) => address.parse().ok().filter(|address: &IpAddr| address.is_ipv6() && !zone.is_empty()),
        None => text.parse().ok(),
    }
}

/// Whether a text is an address with a prefix length.
fn has_prefix(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    let most = match host(address) {
        Some(IpAddr::V4(_)) => 32,
        Some(IpAddr::V6(_)) => 128,
        None => return false,
    };
    bits.parse::<u8>().is_ok_and(|bits| bits <= most)
}

/// Whether a text is a hardware address: 6 bytes (Ethernet), 8 (EUI-64) or 20 (InfiniBand), as Go prints and reads
/// them.
fn is_mac(text: &str) -> bool {
    let separator = if text.contains('-') { '-' } else { ':' };
    let is_byte = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    matches!(text.split(separator).count(), 6 | 8 | 20) && text.split(separator).all(is_byte)
}

/// All interfaces that the documents record, each address once.
pub(in crate::model) fn interfaces(documents: &Documents<'_>) -> Vec<Interface> {
    let mut all = documents.network.as_ref().map(status).unwrap_or_default();
    if let Some(networks) = documents.docker.as_ref().and_then(|docker| docker.object(&["NetworkSettings", "Networks"]))
    {
        all.extend(networks.iter().filter_map(|(name, network)| of_docker(name, network)));
    }
    if let Some(annotations) = documents.spec.as_ref().and_then(|spec| spec.object(&["annotations"])) {
        all.extend(of_annotations(annotations));
    }
    let bare = |text: &str| text.split('/').next().unwrap_or_default().to_owned();
    let mut seen = HashSet::new();
    for interface in &mut all {
        if let Some(document) = documents.of_networks(interface.place) {
            interface.leave_out_what_cannot_be(document);
        }
        interface.addresses.retain(|address| seen.insert(bare(address)));
    }
    // A bare address belongs to an interface that is already known, or to one without a name.
    all.retain(|interface| interface.name.is_some() || interface.network.is_some() || !interface.addresses.is_empty());
    all
}

/// The interfaces of `network.status`: since Podman 4 an object by network; before, an array of CNI results or a single
/// one.
fn status(document: &Document<'_>) -> Vec<Interface> {
    let mut all = Vec::new();
    match &document.value {
        Value::Null => {}
        Value::Object(result) if is_cni(result) => all.extend(of_cni(&document.value, "cni-0", Place::Status)),
        Value::Object(networks) => {
            for (network, status) in networks {
                if !status.is_object() && !status.is_null() {
                    document.unexpected(&format!("network {network:?}"), "an object", status);
                }
                let interfaces = status.get("interfaces").and_then(Value::as_object);
                for (name, interface) in interfaces.into_iter().flatten() {
                    let subnets = list(interface, "subnets");
                    let texts = |key| subnets.iter().filter_map(|s| text_of(s, key)).map(str::to_owned).collect();
                    all.push(Interface {
                        network: Some(network.clone()),
                        name: Some(name.clone()),
                        addresses: texts("ipnet"),
                        gateways: texts("gateway"),
                        mac: text_of(interface, "mac_address").map(str::to_owned),
                        ..Interface::default()
                    });
                }
            }
        }
        Value::Array(results) => {
            for (i, result) in results.iter().enumerate() {
                if !result.is_object() && !result.is_null() {
                    document.unexpected(&format!("network {i}"), "an object", result);
                    continue;
                }
                all.extend(of_cni(result, &format!("cni-{i}"), Place::Status));
            }
        }
        other => document.unexpected("the document", "an object of networks", other),
    }
    all.sort_by(|a, b| (&a.network, &a.name).cmp(&(&b.network, &b.name)));
    all
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn owned(value: &Value, key: &str) -> Option<String> {
    text_of(value, key).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Whether an object is a CNI result, and not an object of networks by name.
fn is_cni(object: &Map<String, Value>) -> bool {
    let is = |key: &str, test: fn(&Value) -> bool| object.get(key).is_some_and(test);
    is("cniVersion", Value::is_string)
        || ["interfaces", "ips", "routes"].iter().any(|key| is(key, Value::is_array))
        || ["ip4", "ip6"].iter().any(|key| is(key, |ip| ip.get("ip").is_some_and(Value::is_string)))
}

/// The interfaces of a CNI result. Source: the CNI specification, versions 0.2 to 1.1.
fn of_cni(result: &Value, network: &str, place: Place) -> Vec<Interface> {
    let interfaces = list(result, "interfaces");
    // The container's own interfaces have a sandbox.
    let mut inside: Vec<(Option<usize>, Interface)> = Vec::new();
    for (number, interface) in
        interfaces.iter().enumerate().filter(|(_, i)| text_of(i, "sandbox").is_some_and(|s| !s.is_empty()))
    {
        let (name, mac) = (owned(interface, "name"), owned(interface, "mac"));
        inside.push((Some(number), Interface { name, mac, ..Interface::default() }));
    }
    if inside.is_empty() {
        // Plugins that name no interface create this one.
        inside.push((None, Interface { name: Some("eth0".to_owned()), ..Interface::default() }));
    }
    // Versions before 0.3 have one address for each family.
    let places: HashMap<usize, usize> =
        inside.iter().enumerate().filter_map(|(place, (number, _))| Some(((*number)?, place))).collect();
    let last = inside.len().saturating_sub(1);
    let old = ["ip4", "ip6"].iter().filter_map(|key| result.get(*key));
    let old: Vec<(&Value, Option<String>)> = old.map(|ip| (ip, owned(ip, "ip"))).collect();
    let new = list(result, "ips").iter().map(|ip| (ip, owned(ip, "address")));
    for (ip, address) in new.chain(old.iter().cloned()) {
        let number = ip.get("interface").and_then(Value::as_u64).and_then(|number| usize::try_from(number).ok());
        let own = number.and_then(|number| places.get(&number).copied());
        let Some((_, interface)) = inside.get_mut(own.unwrap_or(last)) else { continue };
        interface.addresses.extend(address);
        interface.gateways.extend(owned(ip, "gateway"));
    }
    let routes = list(result, "routes").iter().chain(old.iter().flat_map(|(ip, _)| list(ip, "routes")));
    let routes: Vec<(String, Option<String>)> =
        routes.filter_map(|route| Some((owned(route, "dst")?, owned(route, "gw")))).collect();
    let says_routes = result.get("routes").is_some() || old.iter().any(|(ip, _)| ip.get("routes").is_some());
    let mut all: Vec<Interface> = inside
        .into_iter()
        .map(|(_, interface)| Interface {
            place,
            network: Some(network.to_owned()),
            routes: says_routes.then(Vec::new),
            ..interface
        })
        .collect();
    // The result does not say which interface a route uses: it is the one with that gateway, or else the last one.
    let through = |(place, interface): (usize, &Interface)| {
        interface.gateways.iter().map(|gateway| (gateway.clone(), place)).collect::<Vec<_>>()
    };
    let gateways: HashMap<String, usize> = all.iter().enumerate().flat_map(through).collect();
    for (to, gateway) in routes {
        let own = gateway.as_ref().and_then(|gateway| gateways.get(gateway).copied());
        if let Some(routes) = all.get_mut(own.unwrap_or(last)).and_then(|interface| interface.routes.as_mut()) {
            routes.push((to, gateway));
        }
    }
    all
}

/// Interfaces from annotations of CRI-O and network plugins.
fn of_annotations(annotations: &Map<String, Value>) -> Vec<Interface> {
    let json = |key: &str| annotations.get(key)?.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let mut all = Vec::new();
    // Multus, including its older name.
    let multus = ["k8s.v1.cni.cncf.io/network-status", "k8s.v1.cni.cncf.io/networks-status"].into_iter().find_map(json);
    for status in multus.as_ref().and_then(Value::as_array).into_iter().flatten() {
        let texts = |key: &str| list(status, key).iter().filter_map(Value::as_str).map(str::to_owned).collect();
        all.push(Interface {
            place: Place::Annotations,
            network: owned(status, "name"),
            name: owned(status, "interface"),
            addresses: texts("ips"),
            gateways: texts("gateway"),
            mac: owned(status, "mac"),
            routes: None,
        });
    }
    if all.is_empty()
        && let Some(result) = json("io.kubernetes.cri-o.CNIResult")
    {
        all.extend(of_cni(&result, "cni-0", Place::Annotations));
    }
    // `io.kubernetes.cri-o.IP.0` and so on, which do not record the interface.
    let addresses = annotations.iter().filter(|(key, _)| key.starts_with("io.kubernetes.cri-o.IP."));
    let addresses: Vec<String> = addresses.filter_map(|(_, value)| value.as_str().map(str::to_owned)).collect();
    all.push(Interface { place: Place::Annotations, addresses, ..Interface::default() });
    all
}

/// A network from Docker's settings, which do not name the interface. A network that the container had not joined yet
/// has no address.
fn of_docker(name: &str, network: &Value) -> Option<Interface> {
    let address = |key, length| {
        let address = owned(network, key)?;
        let bits = network.get(length).and_then(Value::as_u64).filter(|&bits| bits != 0);
        Some(bits.map_or_else(|| address.clone(), |bits| format!("{address}/{bits}")))
    };
    let addresses = [address("IPAddress", "IPPrefixLen"), address("GlobalIPv6Address", "GlobalIPv6PrefixLen")];
    let addresses: Vec<String> = addresses.into_iter().flatten().collect();
    (!addresses.is_empty()).then(|| Interface {
        place: Place::Docker,
        network: Some(name.to_owned()),
        name: None,
        addresses,
        gateways: ["Gateway", "IPv6Gateway"].iter().filter_map(|key| owned(network, key)).collect(),
        routes: None,
        mac: owned(network, "MacAddress"),
    })
}
