//! Contents of the images of network namespaces: devices, addresses, routes, rules, tracked connections, firewall. CRIU
//! dumps them for a namespace that no engine provides.

pub mod address;
pub mod device;
pub mod firewall;
pub mod flow;
pub mod route;
pub mod rule;

use std::collections::HashMap;

pub use self::address::Address;
pub use self::device::Device;
pub use self::flow::Flow;
pub use self::route::Route;
pub use self::rule::Rule;
use super::Model;
use super::engine_files::EngineFiles;
use super::ids::NamespaceId;
use super::netlink::{self, Messages};
use crate::archive::{Absence, Stop};
use crate::images::proto::NetDeviceEntry;
use crate::images::{ByteOrder, Images, Kind};
use crate::limits::Limits;
use crate::warning::{About, Code};

/// Contents of the images of all network namespaces, in the order of the namespaces and of their images.
#[derive(Clone, Debug, Default)]
pub struct Networks {
    /// Devices.
    pub devices: Vec<Device>,
    /// Addresses of devices.
    pub addresses: Vec<Address>,
    /// IPv4 and IPv6 routes.
    pub routes: Vec<Route>,
    /// Rules that choose a routing table.
    pub rules: Vec<Rule>,
    /// Tracked and expected connections.
    pub flows: Vec<Flow>,
    /// Lines of firewalls.
    pub firewall: Vec<firewall::RulesetLine>,
    names: HashMap<(NamespaceId, u32), Vec<u8>>,
}

impl Networks {
    /// The name of the device with an index.
    pub fn device_name(&self, namespace: NamespaceId, index: u32) -> Option<&[u8]> {
        self.names.get(&(namespace, index)).map(Vec::as_slice)
    }
}

/// Reads the images of all network namespaces.
pub(crate) fn read(images: Images<'_>, model: &Model, _: &EngineFiles<'_>) -> Networks {
    let order = model.byte_order();
    let mut networks = Networks::default();
    for (namespace, number) in of_kind(images, Kind::Netdev) {
        images.each::<NetDeviceEntry>(Kind::Netdev, number, |entry, _, _| {
            let name = entry.name.clone().unwrap_or_default();
            networks.names.insert((namespace, entry.ifindex()), name);
            networks.devices.push(Device { namespace, entry });
        });
    }
    each(images, Kind::Ifaddr, Some(ADDRESSES), order, |namespace, message| {
        networks.addresses.extend(Address::parse(namespace, message, order));
    });
    for kind in [Kind::Route, Kind::Route6] {
        each(images, kind, Some(ROUTES), order, |namespace, message| {
            networks.routes.extend(Route::parse(namespace, message, order));
        });
    }
    each(images, Kind::Rule, Some(RULES), order, |namespace, message| {
        networks.rules.extend(Rule::parse(namespace, message, order));
    });
    for kind in [Kind::Conntrack, Kind::ConntrackExpect] {
        each(images, kind, None, order, |namespace, message| {
            networks.flows.extend(Flow::parse(namespace, message, order));
        });
    }
    for kind in [Kind::Iptables, Kind::Ip6tables, Kind::Nftables] {
        for (namespace, number) in of_kind(images, kind) {
            let text = contents(images, kind, number);
            networks.firewall.extend(firewall::lines(namespace, kind, &text));
        }
    }
    networks
}

/// The magic numbers at the start of `ip … save` output. Source: iproute2's `ip/ipaddress.c`, `iproute.c` and
/// `iprule.c`.
const ADDRESSES: u32 = 0x4736_1222;
const ROUTES: u32 = 0x4531_1224;
const RULES: u32 = 0x7170_6986;

/// The images of a kind, each with its namespace.
fn of_kind(images: Images<'_>, kind: Kind) -> Vec<(NamespaceId, u64)> {
    let numbers = images.set.of_kind(images.archive, kind).map(|(number, _)| number);
    numbers.map(|number| (NamespaceId(u32::try_from(number).unwrap_or(u32::MAX)), number)).collect()
}

/// The bytes of an image that has no records, up to a limit.
fn contents(images: Images<'_>, kind: Kind, number: u64) -> Vec<u8> {
    let file = images.set.find(images.archive, kind, number).and_then(|member| images.file(member));
    let Some(file) = file else { return Vec::new() };
    let (bytes, stop) = images.archive.contents(file).prefix(images.limits.assembled_bytes);
    // Unreadable members have a warning of their own.
    if let Some(stop) = stop.filter(|&stop| stop != Stop::Absent(Absence::Unreadable)) {
        let (code, why) = match stop {
            Stop::Limit => (About::from(&Limits::ASSEMBLED_BYTES), "the rest exceeds the limit for one image"),
            Stop::Absent(_) => (Code::ImageTruncated.into(), "the archive ends or is damaged at this point"),
        };
        images.warnings.push(code, images.place(kind, number), || format!("read only {} bytes: {why}", bytes.len()));
    }
    bytes.into_owned()
}

/// Calls `each` with every message in the images of a kind.
fn each(
    images: Images<'_>,
    kind: Kind,
    magic: Option<u32>,
    order: ByteOrder,
    mut each: impl FnMut(NamespaceId, netlink::Message<'_>),
) {
    for (namespace, number) in of_kind(images, kind) {
        let bytes = contents(images, kind, number);
        let body = match magic {
            Some(_) if bytes.is_empty() => continue,
            Some(magic) if netlink::u32_at(&bytes, 0, order) == Some(magic) => bytes.get(4..).unwrap_or_default(),
            Some(magic) => {
                images.warnings.push(Code::ImageMagic, images.place(kind, number), || {
                    format!("does not begin with the magic number of ip(8) dumps ({magic:#x}); skipped")
                });
                continue;
            }
            None => &bytes,
        };
        let head = bytes.len().saturating_sub(body.len());
        let mut messages = Messages::parse(body, order);
        for message in messages.by_ref() {
            each(namespace, message);
        }
        if let Some(at) = messages.damaged() {
            let at = at.saturating_add(crate::int::u64_of(head));
            images.warnings.push(Code::ImageTruncated, images.place(kind, number).at(at), || {
                "the bytes from here on are not a complete netlink message; used the messages before them".to_owned()
            });
        }
    }
}
