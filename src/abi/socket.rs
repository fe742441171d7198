//! Sockets: families, types, protocols, states.

use std::borrow::Cow;

use super::{Bits, name_of, name_or_number, names_of};

/// `AF_UNIX`.
pub const UNIX: u32 = 1;
/// `AF_INET`.
pub const INET: u32 = 2;
/// `AF_INET6`.
pub const INET6: u32 = 10;
/// `SOCK_STREAM`.
pub const STREAM: u32 = 1;
/// `SOCK_DGRAM`.
pub const DGRAM: u32 = 2;
/// `SOCK_RAW`.
pub const RAW: u32 = 3;
/// `SOCK_SEQPACKET`.
pub const SEQPACKET: u32 = 5;
/// `IPPROTO_TCP`.
pub const TCP: u32 = 6;

/// Address families (`linux/socket.h`) whose sockets CRIU dumps.
const FAMILIES: Bits = &[(0, "unspec"), (1, "unix"), (2, "inet"), (10, "inet6"), (16, "netlink"), (17, "packet")];

const TYPES: Bits =
    &[(1, "stream"), (2, "dgram"), (3, "raw"), (4, "rdm"), (5, "seqpacket"), (6, "dccp"), (10, "packet")];

const PROTOCOLS: Bits = &[
    (0, "ip"),
    (1, "icmp"),
    (2, "igmp"),
    (4, "ipip"),
    (6, "tcp"),
    (8, "egp"),
    (17, "udp"),
    (33, "dccp"),
    (41, "ipv6"),
    (46, "rsvp"),
    (47, "gre"),
    (50, "esp"),
    (51, "ah"),
    (58, "icmpv6"),
    (89, "ospf"),
    (103, "pim"),
    (132, "sctp"),
    (136, "udplite"),
    (255, "raw"),
    (262, "mptcp"),
];

const TCP_STATES: Bits = &[
    (1, "ESTABLISHED"),
    (2, "SYN_SENT"),
    (3, "SYN_RECV"),
    (4, "FIN_WAIT1"),
    (5, "FIN_WAIT2"),
    (6, "TIME_WAIT"),
    (7, "CLOSE"),
    (8, "CLOSE_WAIT"),
    (9, "LAST_ACK"),
    (10, "LISTEN"),
    (11, "CLOSING"),
    (12, "NEW_SYN_RECV"),
];

const NETLINK: Bits = &[
    (0, "route"),
    (1, "unused"),
    (2, "usersock"),
    (3, "firewall"),
    (4, "sock_diag"),
    (5, "nflog"),
    (6, "xfrm"),
    (7, "selinux"),
    (8, "iscsi"),
    (9, "audit"),
    (10, "fib_lookup"),
    (11, "connector"),
    (12, "netfilter"),
    (13, "ip6_fw"),
    (14, "dnrtmsg"),
    (15, "kobject_uevent"),
    (16, "generic"),
    (18, "scsitransport"),
    (19, "ecryptfs"),
    (20, "rdma"),
    (21, "crypto"),
    (22, "smc"),
];

const ETHERTYPES: Bits = &[
    (0x0003, "all"),
    (0x0800, "ip"),
    (0x0806, "arp"),
    (0x8100, "802.1q"),
    (0x86dd, "ipv6"),
    (0x88cc, "lldp"),
    (0x888e, "eapol"),
];

/// The state of an established connection; also of a connected UDP or unix socket.
pub const ESTABLISHED: u32 = 1;
/// The state of a listener, TCP or unix.
pub const LISTEN: u32 = 10;

/// `inet`, `unix`, …
pub fn family_name(number: u32) -> Option<&'static str> {
    name_of(number.into(), FAMILIES)
}

/// The name of an IP protocol by its number alone.
pub fn protocol_name(number: u32) -> Option<&'static str> {
    name_of(number.into(), PROTOCOLS)
}

/// The name of a TCP state, if it has one.
pub fn tcp_state_name(number: u32) -> Option<&'static str> {
    name_of(number.into(), TCP_STATES)
}

/// `stream`, `dgram`, …
pub fn type_name(number: u32) -> Option<&'static str> {
    name_of(number.into(), TYPES)
}

/// The name of an IP protocol, for example `tcp`; the number if it has no name. If `socket(2)` was given 0, the type's
/// default protocol.
pub fn protocol(number: u32, socket_type: u32) -> Cow<'static, str> {
    match (number, socket_type) {
        (0, STREAM) => Cow::Borrowed("tcp"),
        (0, DGRAM) => Cow::Borrowed("udp"),
        _ => name_or_number(number.into(), PROTOCOLS),
    }
}

/// The name of a TCP state.
pub fn tcp_state(number: u32) -> Cow<'static, str> {
    name_or_number(number.into(), TCP_STATES)
}

/// `tcp_info.tcpi_options` of a connection. Source: `include/uapi/linux/tcp.h`.
const TCP_OPTIONS: Bits =
    &[(0x1, "timestamps"), (0x2, "sack"), (0x4, "window_scale"), (0x8, "ecn"), (0x10, "ecn_seen"), (0x20, "syn_data")];

/// Names of the options that both ends of a connection had agreed on.
pub fn tcp_options(mask: u32) -> Vec<Cow<'static, str>> {
    names_of(mask.into(), TCP_OPTIONS)
}

/// Whether the local end of a connection in this state has been closed, so that its end has a sequence number:
/// `FIN_WAIT1`, `FIN_WAIT2`, `LAST_ACK`, `CLOSING`.
pub fn has_sent_end(state: u32) -> bool {
    matches!(state, 4 | 5 | 9 | 11)
}

/// Whether the peer's end of a connection in this state has been received: `TIME_WAIT`, `CLOSE_WAIT`, `LAST_ACK`,
/// `CLOSING`.
pub fn has_received_end(state: u32) -> bool {
    matches!(state, 6 | 8 | 9 | 11)
}

/// The name of a netlink family.
pub fn netlink(number: u32) -> Cow<'static, str> {
    name_or_number(number.into(), NETLINK)
}

/// The name of an Ethernet type, or its four digits.
pub fn ethertype(number: u16) -> Cow<'static, str> {
    name_of(number.into(), ETHERTYPES).map_or_else(|| Cow::Owned(format!("{number:#06x}")), Cow::Borrowed)
}
