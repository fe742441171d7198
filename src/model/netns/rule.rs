//! Rules that choose a routing table: `rule-NS.img`.
//!
//! Source: the kernel's `include/uapi/linux/fib_rules.h`.

use std::net::IpAddr;

use crate::images::ByteOrder;
use crate::model::ids::NamespaceId;
use crate::model::netlink::{Attributes, Message, u16_at, u32_at};

const RTM_NEWRULE: u16 = 32;
const FRA_DST: u16 = 1;
const FRA_SRC: u16 = 2;
const FRA_IIFNAME: u16 = 3;
const FRA_GOTO: u16 = 4;
const FRA_PRIORITY: u16 = 6;
const FRA_FWMARK: u16 = 10;
const FRA_TABLE: u16 = 15;
const FRA_FWMASK: u16 = 16;
const FRA_OIFNAME: u16 = 17;
const FRA_UID_RANGE: u16 = 20;
const FRA_PROTOCOL: u16 = 21;
const FRA_IP_PROTO: u16 = 22;
const FRA_SPORT_RANGE: u16 = 23;
const FRA_DPORT_RANGE: u16 = 24;

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The network namespace.
    pub namespace: NamespaceId,
    /// `AF_INET` or `AF_INET6`.
    pub family: u8,
    /// Priority; the lowest comes first.
    pub priority: u32,
    /// Source prefix and its length.
    pub source: Option<(IpAddr, u8)>,
    /// Destination prefix and its length.
    pub destination: Option<(IpAddr, u8)>,
    /// Type of service.
    pub tos: u8,
    /// Incoming device.
    pub input: Option<Vec<u8>>,
    /// Outgoing device.
    pub output: Option<Vec<u8>>,
    /// Mark of packets, and its mask.
    pub mark: Option<(u32, u32)>,
    /// Range of user ids of sockets.
    pub users: Option<(u32, u32)>,
    /// IP protocol.
    pub ip_protocol: Option<u8>,
    /// Range of source ports.
    pub source_ports: Option<(u16, u16)>,
    /// Range of destination ports.
    pub destination_ports: Option<(u16, u16)>,
    /// Whether the rule applies to packets that do not match its conditions.
    pub inverted: bool,
    /// Action (`FR_ACT_*`).
    pub action: u8,
    /// The routing table to look in.
    pub table: u32,
    /// Priority of the rule to continue with.
    pub goto: Option<u32>,
    /// Who set the rule (`RTPROT_*`).
    pub protocol: Option<u8>,
}

impl Rule {
    pub(super) fn parse(namespace: NamespaceId, message: Message<'_>, order: ByteOrder) -> Option<Self> {
        /// `FIB_RULE_INVERT`.
        const INVERT: u32 = 2;
        let (head, attributes) = message.body.split_first_chunk::<12>()?;
        let [family, destination, source, tos, table, _, _, action, flags @ ..] = *head;
        if message.kind != RTM_NEWRULE {
            return None;
        }
        let attributes = Attributes::parse(attributes, order);
        let pair = |kind| {
            let value = attributes.get(kind)?;
            Some((u32_at(value, 0, order)?, u32_at(value, 4, order)?))
        };
        let ports = |kind| {
            let value = attributes.get(kind)?;
            Some((u16_at(value, 0, order)?, u16_at(value, 2, order)?))
        };
        Some(Rule {
            namespace,
            family,
            priority: attributes.u32(FRA_PRIORITY).unwrap_or(0),
            source: attributes.address(FRA_SRC).map(|address| (address, source)),
            destination: attributes.address(FRA_DST).map(|address| (address, destination)),
            tos,
            input: attributes.text(FRA_IIFNAME),
            output: attributes.text(FRA_OIFNAME),
            mark: attributes.u32(FRA_FWMARK).map(|mark| (mark, attributes.u32(FRA_FWMASK).unwrap_or(u32::MAX))),
            users: pair(FRA_UID_RANGE),
            ip_protocol: attributes.u8(FRA_IP_PROTO),
            source_ports: ports(FRA_SPORT_RANGE),
            destination_ports: ports(FRA_DPORT_RANGE),
            inverted: u32_at(&flags, 0, order)? & INVERT != 0,
            action,
            table: attributes.u32(FRA_TABLE).unwrap_or(table.into()),
            goto: attributes.u32(FRA_GOTO),
            protocol: attributes.u8(FRA_PROTOCOL),
        })
    }
}
