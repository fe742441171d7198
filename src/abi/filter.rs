//! Socket filters: the facts about a packet that the kernel offers in addition to its bytes. Source:
//! `include/uapi/linux/filter.h`.

use super::{Bits, name_of};

/// `SKF_AD_*`.
const ANCILLARY: Bits = &[
    (0, "protocol"),
    (4, "packet_type"),
    (8, "interface_index"),
    (12, "netlink_attribute"),
    (16, "nested_netlink_attribute"),
    (20, "mark"),
    (24, "queue"),
    (28, "hardware_type"),
    (32, "rx_hash"),
    (36, "cpu"),
    (40, "a_xor_x"),
    (44, "vlan_tag"),
    (48, "vlan_tag_present"),
    (52, "payload_offset"),
    (56, "random"),
    (60, "vlan_protocol"),
];

/// The name of the fact at an offset from `SKF_AD_OFF`.
pub fn ancillary(offset: u32) -> Option<&'static str> {
    name_of(offset.into(), ANCILLARY)
}
