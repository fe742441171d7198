//! Tracked connections (`netns-ct-NS.img`) and expected ones (`netns-exp-NS.img`), including those of programs that
//! have ended.
//!
//! Source: the kernel's `include/uapi/linux/netfilter/nfnetlink.h` and `nfnetlink_conntrack.h`. Netfilter's numbers are
//! in network byte order.

use std::net::IpAddr;

use crate::images::ByteOrder;
use crate::model::ids::NamespaceId;
use crate::model::netlink::{Attributes, Message};

/// `NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW`.
const CT_NEW: u16 = 0x100;
/// `NFNL_SUBSYS_CTNETLINK_EXP << 8 | IPCTNL_MSG_EXP_NEW`.
const EXP_NEW: u16 = 0x200;
const CTA_TUPLE_ORIG: u16 = 1;
const CTA_TUPLE_REPLY: u16 = 2;
const CTA_STATUS: u16 = 3;
const CTA_PROTOINFO: u16 = 4;
const CTA_TIMEOUT: u16 = 7;
const CTA_MARK: u16 = 8;
const CTA_COUNTERS_ORIG: u16 = 9;
const CTA_COUNTERS_REPLY: u16 = 10;
const CTA_ID: u16 = 12;
const CTA_ZONE: u16 = 18;
const CTA_PROTOINFO_TCP: u16 = 1;
const CTA_PROTOINFO_TCP_STATE: u16 = 1;
const CTA_COUNTERS_PACKETS: u16 = 1;
const CTA_COUNTERS_BYTES: u16 = 2;
const CTA_TUPLE_IP: u16 = 1;
const CTA_TUPLE_PROTO: u16 = 2;
const CTA_IP_V4_SRC: u16 = 1;
const CTA_IP_V4_DST: u16 = 2;
const CTA_IP_V6_SRC: u16 = 3;
const CTA_IP_V6_DST: u16 = 4;
const CTA_PROTO_NUM: u16 = 1;
const CTA_PROTO_SRC_PORT: u16 = 2;
const CTA_PROTO_DST_PORT: u16 = 3;
const CTA_EXPECT_MASTER: u16 = 1;
const CTA_EXPECT_TUPLE: u16 = 2;
const CTA_EXPECT_TIMEOUT: u16 = 4;
const CTA_EXPECT_ID: u16 = 5;
const CTA_EXPECT_ZONE: u16 = 7;

/// One direction of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tuple {
    /// Source address.
    pub source: Option<IpAddr>,
    /// Destination address.
    pub destination: Option<IpAddr>,
    /// Source port.
    pub source_port: Option<u16>,
    /// Destination port.
    pub destination_port: Option<u16>,
    /// IP protocol.
    pub protocol: Option<u8>,
}

/// A tracked or expected connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// The network namespace.
    pub namespace: NamespaceId,
    /// Whether the connection was only expected, announced by another connection.
    pub expected: bool,
    /// The original direction. For an expected connection, as it would begin.
    pub original: Tuple,
    /// The reply direction, which shows how addresses were translated. For an expected connection, the connection that
    /// announced it.
    pub reply: Tuple,
    /// `IPS_*`.
    pub status: Option<u32>,
    /// State of a TCP connection.
    pub tcp_state: Option<u8>,
    /// Seconds until the entry expires.
    pub timeout: Option<u32>,
    /// Mark of the connection.
    pub mark: Option<u32>,
    /// The kernel's id of the entry.
    pub id: Option<u32>,
    /// Conntrack zone.
    pub zone: Option<u16>,
    /// Packets and bytes in the original direction and in replies, if counted.
    pub counted: [Option<(u64, u64)>; 2],
}

impl Flow {
    pub(super) fn parse(namespace: NamespaceId, message: Message<'_>, order: ByteOrder) -> Option<Self> {
        let (_, attributes) = message.body.split_first_chunk::<4>()?;
        let attributes = Attributes::parse(attributes, order);
        let tuple = |kind| attributes.nested(kind).map(tuple).unwrap_or_default();
        match message.kind {
            CT_NEW => Some(Flow {
                namespace,
                expected: false,
                original: tuple(CTA_TUPLE_ORIG),
                reply: tuple(CTA_TUPLE_REPLY),
                status: attributes.u32_of_network(CTA_STATUS),
                tcp_state: attributes
                    .nested(CTA_PROTOINFO)
                    .and_then(|info| info.nested(CTA_PROTOINFO_TCP)?.u8(CTA_PROTOINFO_TCP_STATE)),
                timeout: attributes.u32_of_network(CTA_TIMEOUT),
                mark: attributes.u32_of_network(CTA_MARK),
                id: attributes.u32_of_network(CTA_ID),
                zone: attributes.u16_of_network(CTA_ZONE),
                counted: [CTA_COUNTERS_ORIG, CTA_COUNTERS_REPLY].map(|kind| {
                    let counters = attributes.nested(kind)?;
                    let count = |kind| counters.u64_of_network(kind);
                    Some((count(CTA_COUNTERS_PACKETS)?, count(CTA_COUNTERS_BYTES)?))
                }),
            }),
            EXP_NEW => Some(Flow {
                namespace,
                expected: true,
                original: tuple(CTA_EXPECT_TUPLE),
                reply: tuple(CTA_EXPECT_MASTER),
                timeout: attributes.u32_of_network(CTA_EXPECT_TIMEOUT),
                id: attributes.u32_of_network(CTA_EXPECT_ID),
                zone: attributes.u16_of_network(CTA_EXPECT_ZONE),
                ..Flow::default()
            }),
            _ => None,
        }
    }
}

fn tuple(attributes: Attributes<'_>) -> Tuple {
    let (ip, protocol) = (attributes.nested(CTA_TUPLE_IP), attributes.nested(CTA_TUPLE_PROTO));
    let address = |kinds: [u16; 2]| kinds.iter().find_map(|&kind| ip?.address(kind));
    let port = |kind| protocol.and_then(|protocol| protocol.u16_of_network(kind));
    Tuple {
        source: address([CTA_IP_V4_SRC, CTA_IP_V6_SRC]),
        destination: address([CTA_IP_V4_DST, CTA_IP_V6_DST]),
        source_port: port(CTA_PROTO_SRC_PORT),
        destination_port: port(CTA_PROTO_DST_PORT),
        protocol: protocol.and_then(|protocol| protocol.u8(CTA_PROTO_NUM)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::netlink::Messages;
    use crate::model::netlink::tests::{attribute, message};

    const NESTED: u16 = 0x8000;

    fn tuple_of(kind: u16, source: [u8; 4], destination: [u8; 4], ports: [u16; 2]) -> Vec<u8> {
        let ip = [attribute(CTA_IP_V4_SRC, &source), attribute(CTA_IP_V4_DST, &destination)].concat();
        let protocol = [
            attribute(CTA_PROTO_NUM, &[6]),
            attribute(CTA_PROTO_SRC_PORT, &ports[0].to_be_bytes()),
            attribute(CTA_PROTO_DST_PORT, &ports[1].to_be_bytes()),
        ];
        let both = [attribute(CTA_TUPLE_IP | NESTED, &ip), attribute(CTA_TUPLE_PROTO | NESTED, &protocol.concat())];
        attribute(kind | NESTED, &both.concat())
    }

    #[test]
    fn a_connection_has_two_directions() {
        let state = attribute(CTA_PROTOINFO_TCP_STATE, &[3]);
        let info = attribute(CTA_PROTOINFO_TCP | NESTED, &state);
        let counters = [
            attribute(CTA_COUNTERS_PACKETS, &7_u64.to_be_bytes()),
            attribute(CTA_COUNTERS_BYTES, &900_u64.to_be_bytes()),
        ];
        let attributes = [
            tuple_of(CTA_TUPLE_ORIG, [10, 0, 0, 5], [203, 0, 113, 9], [40000, 443]),
            tuple_of(CTA_TUPLE_REPLY, [203, 0, 113, 9], [198, 51, 100, 1], [443, 40001]),
            attribute(CTA_STATUS, &0x1e_u32.to_be_bytes()),
            attribute(CTA_PROTOINFO | NESTED, &info),
            attribute(CTA_TIMEOUT, &431_999_u32.to_be_bytes()),
            attribute(CTA_COUNTERS_ORIG | NESTED, &counters.concat()),
        ];
        let bytes = message(CT_NEW, &[2, 0, 0, 0], &attributes);
        let found = Messages::parse(&bytes, ByteOrder::Little).next().unwrap();
        let flow = Flow::parse(NamespaceId(1), found, ByteOrder::Little).unwrap();
        assert_eq!((flow.original.source_port, flow.original.destination_port), (Some(40000), Some(443)));
        assert_eq!(flow.reply.destination.unwrap().to_string(), "198.51.100.1");
        assert_eq!((flow.status, flow.tcp_state, flow.timeout), (Some(0x1e), Some(3), Some(431_999)));
        assert_eq!(flow.counted, [Some((7, 900)), None]);
        for cut in 0..found.body.len() {
            // No prefix of it makes trouble.
            let _ = Flow::parse(NamespaceId(1), Message { body: &found.body[..cut], ..found }, ByteOrder::Little);
        }
    }
}
