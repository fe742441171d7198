//! Network devices, addresses, routes, rules and tracked connections.

use std::borrow::Cow;

use super::{Bits, name_of, name_or_number, names_of};

/// `IFF_*`. Source: the kernel's `include/uapi/linux/if.h`.
const DEVICE_FLAGS: Bits = &[
    (0x1, "UP"),
    (0x2, "BROADCAST"),
    (0x4, "DEBUG"),
    (0x8, "LOOPBACK"),
    (0x10, "POINTOPOINT"),
    (0x20, "NOTRAILERS"),
    (0x40, "RUNNING"),
    (0x80, "NOARP"),
    (0x100, "PROMISC"),
    (0x200, "ALLMULTI"),
    (0x400, "MASTER"),
    (0x800, "SLAVE"),
    (0x1000, "MULTICAST"),
    (0x2000, "PORTSEL"),
    (0x4000, "AUTOMEDIA"),
    (0x8000, "DYNAMIC"),
    (0x1_0000, "LOWER_UP"),
    (0x2_0000, "DORMANT"),
    (0x4_0000, "ECHO"),
];

/// `nd_type` of CRIU.
const DEVICE_TYPES: Bits = &[
    (1, "loopback"),
    (2, "veth"),
    (3, "tun"),
    (4, "extlink"),
    (5, "venet"),
    (6, "bridge"),
    (7, "macvlan"),
    (8, "sit"),
];

/// `MACVLAN_MODE_*`. Source: the kernel's `include/uapi/linux/if_link.h`.
const MACVLAN_MODES: Bits = &[(1, "private"), (2, "vepa"), (4, "bridge"), (8, "passthru"), (16, "source")];

/// `IFF_TUN` and others. Source: the kernel's `include/uapi/linux/if_tun.h`.
const TUN_FLAGS: Bits = &[
    (0x1, "tun"),
    (0x2, "tap"),
    (0x10, "napi"),
    (0x20, "napi_frags"),
    (0x100, "multi_queue"),
    (0x800, "persist"),
    (0x1000, "no_packet_information"),
    (0x2000, "one_queue"),
    (0x4000, "virtio_header"),
];

/// `IFA_F_*`, as `ip address` names them. Source: the kernel's `include/uapi/linux/if_addr.h`.
const ADDRESS_FLAGS: Bits = &[
    (0x1, "secondary"),
    (0x2, "nodad"),
    (0x4, "optimistic"),
    (0x8, "dadfailed"),
    (0x10, "home"),
    (0x20, "deprecated"),
    (0x40, "tentative"),
    (0x80, "permanent"),
    (0x100, "mngtmpaddr"),
    (0x200, "noprefixroute"),
    (0x400, "autojoin"),
    (0x800, "stable-privacy"),
];

/// `RT_SCOPE_*`. Source, also of the next four: the kernel's `include/uapi/linux/rtnetlink.h`.
const SCOPES: Bits = &[(0, "global"), (200, "site"), (253, "link"), (254, "host"), (255, "nowhere")];
/// `RT_TABLE_*`.
const TABLES: Bits = &[(0, "unspec"), (253, "default"), (254, "main"), (255, "local")];
/// `RTN_*`.
const ROUTE_TYPES: Bits = &[
    (0, "none"),
    (1, "unicast"),
    (2, "local"),
    (3, "broadcast"),
    (4, "anycast"),
    (5, "multicast"),
    (6, "blackhole"),
    (7, "unreachable"),
    (8, "prohibit"),
    (9, "throw"),
    (10, "nat"),
    (11, "xresolve"),
];
/// `RTPROT_*`.
const PROTOCOLS: Bits = &[
    (0, "unspec"),
    (1, "redirect"),
    (2, "kernel"),
    (3, "boot"),
    (4, "static"),
    (8, "gated"),
    (9, "ra"),
    (10, "mrt"),
    (11, "zebra"),
    (12, "bird"),
    (13, "dnrouted"),
    (14, "xorp"),
    (15, "ntk"),
    (16, "dhcp"),
    (17, "mrouted"),
    (18, "keepalived"),
    (42, "babel"),
    (84, "ovn"),
    (99, "openr"),
    (186, "bgp"),
    (187, "isis"),
    (188, "ospf"),
    (189, "rip"),
    (192, "eigrp"),
];
/// `RTNH_F_*` and `RTM_F_CLONED`.
const ROUTE_FLAGS: Bits = &[
    (0x1, "dead"),
    (0x2, "pervasive"),
    (0x4, "onlink"),
    (0x8, "offload"),
    (0x10, "linkdown"),
    (0x20, "unresolved"),
    (0x40, "trap"),
    (0x200, "cloned"),
];

/// `FR_ACT_*`. Source: the kernel's `include/uapi/linux/fib_rules.h`.
const RULE_ACTIONS: Bits =
    &[(1, "lookup"), (2, "goto"), (3, "nop"), (6, "blackhole"), (7, "unreachable"), (8, "prohibit")];

/// `IPS_*`. Source: the kernel's `include/uapi/linux/netfilter/nf_conntrack_common.h`.
const CONNECTION_STATUS: Bits = &[
    (0x1, "EXPECTED"),
    (0x2, "SEEN_REPLY"),
    (0x4, "ASSURED"),
    (0x8, "CONFIRMED"),
    (0x10, "SRC_NAT"),
    (0x20, "DST_NAT"),
    (0x40, "SEQ_ADJUST"),
    (0x80, "SRC_NAT_DONE"),
    (0x100, "DST_NAT_DONE"),
    (0x200, "DYING"),
    (0x400, "FIXED_TIMEOUT"),
    (0x800, "TEMPLATE"),
    (0x1000, "NAT_CLASH"),
    (0x2000, "HELPER"),
    (0x4000, "OFFLOAD"),
    (0x8000, "HW_OFFLOAD"),
];

/// `TCP_CONNTRACK_*`. Source: the kernel's `include/uapi/linux/netfilter/nf_conntrack_tcp.h`.
const TRACKED_TCP: Bits = &[
    (0, "NONE"),
    (1, "SYN_SENT"),
    (2, "SYN_RECV"),
    (3, "ESTABLISHED"),
    (4, "FIN_WAIT"),
    (5, "CLOSE_WAIT"),
    (6, "LAST_ACK"),
    (7, "TIME_WAIT"),
    (8, "CLOSE"),
    (9, "SYN_SENT2"),
];

/// Protocols that tracked connections usually have. Source: the kernel's `include/uapi/linux/in.h`.
const IP_PROTOCOLS: Bits = &[
    (1, "icmp"),
    (2, "igmp"),
    (4, "ipip"),
    (6, "tcp"),
    (17, "udp"),
    (33, "dccp"),
    (41, "ipv6"),
    (47, "gre"),
    (50, "esp"),
    (51, "ah"),
    (58, "icmpv6"),
    (132, "sctp"),
    (136, "udplite"),
];

/// Names of a device's flags, as `ip link` prints them.
pub fn device_flags(flags: u32) -> Vec<Cow<'static, str>> {
    names_of(flags.into(), DEVICE_FLAGS)
}

/// The name of a device type, by CRIU's number.
pub fn device_type(number: u32) -> Cow<'static, str> {
    name_or_number(number.into(), DEVICE_TYPES)
}

/// The name of a macvlan's mode.
pub fn macvlan_mode(number: u32) -> Cow<'static, str> {
    name_or_number(number.into(), MACVLAN_MODES)
}

/// Names of a TUN or TAP device's flags.
pub fn tun_flags(flags: u32) -> Vec<Cow<'static, str>> {
    names_of(flags.into(), TUN_FLAGS)
}

/// Names of an address's flags.
pub fn address_flags(flags: u32) -> Vec<Cow<'static, str>> {
    names_of(flags.into(), ADDRESS_FLAGS)
}

/// The name of a scope.
pub fn scope(number: u8) -> Cow<'static, str> {
    name_or_number(number.into(), SCOPES)
}

/// The name of a routing table.
pub fn route_table(number: u32) -> Cow<'static, str> {
    name_or_number(number.into(), TABLES)
}

/// The type of a route.
pub fn route_type(number: u8) -> Cow<'static, str> {
    name_or_number(number.into(), ROUTE_TYPES)
}

/// The origin of a route or rule.
pub fn route_protocol(number: u8) -> Cow<'static, str> {
    name_or_number(number.into(), PROTOCOLS)
}

/// Names of a route's flags.
pub fn route_flags(flags: u32) -> Vec<Cow<'static, str>> {
    names_of(flags.into(), ROUTE_FLAGS)
}

/// The action of a rule.
pub fn rule_action(number: u8) -> Cow<'static, str> {
    name_or_number(number.into(), RULE_ACTIONS)
}

/// Names of a tracked connection's status.
pub fn connection_status(status: u32) -> Vec<Cow<'static, str>> {
    names_of(status.into(), CONNECTION_STATUS)
}

/// The state of a tracked TCP connection.
pub fn tracked_tcp_state(number: u8) -> Cow<'static, str> {
    name_or_number(number.into(), TRACKED_TCP)
}

/// The name of an IP protocol.
pub fn ip_protocol(number: u8) -> Cow<'static, str> {
    name_or_number(number.into(), IP_PROTOCOLS)
}

/// `inet` or `inet6`.
pub fn family(number: u8) -> Cow<'static, str> {
    match name_of(number.into(), &[(2, "inet"), (10, "inet6")]) {
        Some(name) => Cow::Borrowed(name),
        None => Cow::Owned(number.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_name_is_a_number() {
        assert_eq!((route_table(254), route_table(200)), ("main".into(), "200".into()));
        assert_eq!(device_flags(0x1_0049), ["UP", "LOOPBACK", "RUNNING", "LOWER_UP"]);
        assert_eq!((family(2), family(7)), ("inet".into(), "7".into()));
    }
}
