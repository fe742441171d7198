//! Routes: `route-NS.img` and `route6-NS.img`.
//!
//! Source: the kernel's `include/uapi/linux/rtnetlink.h`.

use std::net::IpAddr;

use crate::images::ByteOrder;
use crate::model::ids::NamespaceId;
use crate::model::netlink::{Attributes, Message, u16_at, u32_at};

const RTM_NEWROUTE: u16 = 24;
const RTA_DST: u16 = 1;
const RTA_SRC: u16 = 2;
const RTA_IIF: u16 = 3;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RTA_PRIORITY: u16 = 6;
const RTA_PREFSRC: u16 = 7;
const RTA_METRICS: u16 = 8;
const RTA_MULTIPATH: u16 = 9;
const RTA_CACHEINFO: u16 = 12;
const RTA_TABLE: u16 = 15;
const RTA_VIA: u16 = 18;
const RTA_PREF: u16 = 20;
const RTA_EXPIRES: u16 = 23;
const RTAX_MTU: u16 = 2;

/// A route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The network namespace.
    pub namespace: NamespaceId,
    /// `AF_INET` or `AF_INET6`.
    pub family: u8,
    /// Destination; `None` for the default route.
    pub destination: Option<IpAddr>,
    /// Prefix length of the destination, in bits.
    pub destination_prefix: u8,
    /// Source prefix that packets must have.
    pub from: Option<IpAddr>,
    /// Length of that prefix, in bits.
    pub from_prefix: u8,
    /// Type of service that packets must have.
    pub tos: u8,
    /// The next hop.
    pub gateway: Option<IpAddr>,
    /// Index of the outgoing device.
    pub index: Option<u32>,
    /// Index of the device that packets must have come in by.
    pub input: Option<u32>,
    /// Preferred source address.
    pub source: Option<IpAddr>,
    /// Metric; lower is preferred.
    pub metric: Option<u32>,
    /// The routing table.
    pub table: u32,
    /// Who set the route (`RTPROT_*`).
    pub protocol: u8,
    /// Scope (`RT_SCOPE_*`).
    pub scope: u8,
    /// Type of the route (`RTN_*`).
    pub kind: u8,
    /// `RTNH_F_*` and `RTM_F_*`.
    pub flags: u32,
    /// Size of the largest packet in bytes.
    pub mtu: Option<u32>,
    /// Preference among IPv6 routers.
    pub preference: Option<u8>,
    /// Seconds until the route expires.
    pub expires: Option<u32>,
    /// Next hops that share the load.
    pub hops: Vec<Hop>,
}

/// One of several next hops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Address of the next hop.
    pub gateway: Option<IpAddr>,
    /// Index of the outgoing device.
    pub index: u32,
    /// Weight of the hop.
    pub weight: u32,
    /// `RTNH_F_*`.
    pub flags: u8,
}

impl Route {
    pub(super) fn parse(namespace: NamespaceId, message: Message<'_>, order: ByteOrder) -> Option<Self> {
        let (head, attributes) = message.body.split_first_chunk::<12>()?;
        let [family, destination_prefix, from_prefix, tos, table, protocol, scope, kind, flags @ ..] = *head;
        if message.kind != RTM_NEWROUTE {
            return None;
        }
        let attributes = Attributes::parse(attributes, order);
        // The kernel's ticks for programs, of which there are 100 per second.
        let ticks = attributes.get(RTA_CACHEINFO).and_then(|info| u32_at(info, 8, order)).filter(|&ticks| ticks != 0);
        let expires = attributes.u32(RTA_EXPIRES).or(ticks.map(|ticks| ticks / 100));
        Some(Route {
            namespace,
            family,
            destination: attributes.address(RTA_DST),
            destination_prefix,
            from: attributes.address(RTA_SRC),
            from_prefix,
            tos,
            gateway: gateway(attributes),
            index: attributes.u32(RTA_OIF),
            input: attributes.u32(RTA_IIF),
            source: attributes.address(RTA_PREFSRC),
            metric: attributes.u32(RTA_PRIORITY),
            table: attributes.u32(RTA_TABLE).unwrap_or(table.into()),
            protocol,
            scope,
            kind,
            flags: u32_at(&flags, 0, order)?,
            mtu: attributes.nested(RTA_METRICS).and_then(|metrics| metrics.u32(RTAX_MTU)),
            preference: attributes.u8(RTA_PREF),
            expires,
            hops: attributes.get(RTA_MULTIPATH).map(|bytes| hops(bytes, order)).unwrap_or_default(),
        })
    }
}

/// A gateway of the route's own family, or of another, whose number comes first.
fn gateway(attributes: Attributes<'_>) -> Option<IpAddr> {
    let other = || crate::model::netlink::address(attributes.get(RTA_VIA)?.get(2..)?);
    attributes.address(RTA_GATEWAY).or_else(other)
}

/// Next hops: each has a length, flags, weight minus one, index and attributes.
fn hops(mut bytes: &[u8], order: ByteOrder) -> Vec<Hop> {
    const HEAD: usize = 8;
    let mut hops = Vec::new();
    while let Some(&[_, _, flags, weight, ..]) = bytes.first_chunk::<HEAD>() {
        let len = u16_at(bytes, 0, order).map_or(0, usize::from);
        let (Some(attributes), Some(index)) = (bytes.get(HEAD..len), u32_at(bytes, 4, order)) else { break };
        let attributes = Attributes::parse(attributes, order);
        hops.push(Hop { gateway: gateway(attributes), index, weight: u32::from(weight).saturating_add(1), flags });
        bytes = len.checked_next_multiple_of(4).and_then(|next| bytes.get(next..)).unwrap_or_default();
    }
    hops
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::netlink::Messages;
    use crate::model::netlink::tests::{attribute, message};

    #[test]
    fn several_next_hops_share_the_load() {
        let hop = |weight: u8, gateway: [u8; 4]| {
            let attributes = attribute(RTA_GATEWAY, &gateway);
            [&[16, 0, 0, weight, 3, 0, 0, 0][..], &attributes].concat()
        };
        let all = [hop(1, [10, 1, 2, 9]), hop(0, [10, 1, 2, 10])].concat();
        let found = hops(&all, ByteOrder::Little);
        assert_eq!((found.len(), found[0].weight, found[1].weight, found[1].index), (2, 2, 1, 3));
        assert_eq!(found[1].gateway.unwrap().to_string(), "10.1.2.10");
        assert_eq!(hops(&all[..20], ByteOrder::Little).len(), 1, "the second is cut");
        assert!(hops(&[0; 16], ByteOrder::Little).is_empty(), "a hop of no length");
    }

    #[test]
    fn the_table_may_have_a_number_of_more_than_a_byte() {
        let head = [2, 16, 0, 0, 0, 4, 0, 1, 0, 0, 0, 0];
        let attributes = [attribute(RTA_DST, &[10, 55, 0, 0]), attribute(RTA_TABLE, &1000_u32.to_le_bytes())];
        let bytes = message(RTM_NEWROUTE, &head, &attributes);
        let message = Messages::parse(&bytes, ByteOrder::Little).next().unwrap();
        let route = Route::parse(NamespaceId(1), message, ByteOrder::Little).unwrap();
        assert_eq!((route.table, route.destination_prefix, route.gateway), (1000, 16, None));
    }
}
