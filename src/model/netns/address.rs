//! Addresses of network devices: `ifaddr-NS.img`.
//!
//! Source: the kernel's `include/uapi/linux/if_addr.h`.

use std::net::IpAddr;

use crate::abi::ip;
use crate::images::ByteOrder;
use crate::model::ids::NamespaceId;
use crate::model::netlink::{Attributes, Message, Messages, u32_at};

const RTM_NEWADDR: u16 = 20;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_LABEL: u16 = 3;
const IFA_BROADCAST: u16 = 4;
const IFA_CACHEINFO: u16 = 6;
const IFA_FLAGS: u16 = 8;
const IFA_RT_PRIORITY: u16 = 9;
const IFA_PROTO: u16 = 11;
const SCOPE_UNIVERSE: u8 = 0;
/// A lifetime without end.
const FOREVER: u32 = u32::MAX;

/// An address of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The network namespace.
    pub namespace: NamespaceId,
    /// Index of the device.
    pub index: u32,
    /// The device's own address.
    pub address: IpAddr,
    /// The address at the other end of a point-to-point link.
    pub peer: Option<IpAddr>,
    /// Prefix length, in bits.
    pub prefix: u8,
    /// Scope (`RT_SCOPE_*`).
    pub scope: u8,
    /// Label of an IPv4 address.
    pub label: Option<Vec<u8>>,
    /// Broadcast address.
    pub broadcast: Option<IpAddr>,
    /// `IFA_F_*`.
    pub flags: u32,
    /// Metric of the address's route.
    pub metric: Option<u32>,
    /// Who set the address (`IFAPROT_*`).
    pub protocol: Option<u8>,
    /// Preferred and valid lifetimes, in seconds; `None` if they have no end.
    pub lifetimes: [Option<u32>; 2],
}

impl Address {
    pub(super) fn parse(namespace: NamespaceId, message: Message<'_>, order: ByteOrder) -> Option<Self> {
        let (&[_, prefix, flags, scope, ..], attributes) = message.body.split_first_chunk::<8>()?;
        if message.kind != RTM_NEWADDR {
            return None;
        }
        let attributes = Attributes::parse(attributes, order);
        // On a point-to-point link, IFA_ADDRESS is the peer's address and IFA_LOCAL is ours.
        let (local, other) = (attributes.address(IFA_LOCAL), attributes.address(IFA_ADDRESS));
        let address = local.or(other)?;
        let life = |offset| u32_at(attributes.get(IFA_CACHEINFO)?, offset, order).filter(|&life| life != FOREVER);
        Some(Address {
            namespace,
            index: u32_at(message.body, 4, order)?,
            address,
            peer: other.filter(|&other| other != address),
            prefix,
            scope,
            label: attributes.text(IFA_LABEL),
            broadcast: attributes.address(IFA_BROADCAST),
            flags: attributes.u32(IFA_FLAGS).unwrap_or(flags.into()),
            metric: attributes.u32(IFA_RT_PRIORITY),
            protocol: attributes.u8(IFA_PROTO),
            lifetimes: [life(0), life(4)],
        })
    }
}

/// Global addresses in an image, without loopback.
pub(crate) fn global(image: &[u8], order: ByteOrder) -> Vec<IpAddr> {
    let messages = Messages::parse(image.get(4..).unwrap_or_default(), order);
    let all = messages.filter_map(|message| Address::parse(NamespaceId(0), message, order));
    let global = all.filter(|address| address.scope == SCOPE_UNIVERSE && !ip::is_loopback(address.address));
    global.map(|address| address.address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::netlink::tests::{attribute, message};

    fn saved(scope: u8, ip: &[u8]) -> Vec<u8> {
        message(RTM_NEWADDR, &[2, 16, 0x80, scope, 2, 0, 0, 0], &[attribute(IFA_LOCAL, ip)])
    }

    #[test]
    fn global_addresses_without_loopback() {
        let messages = [
            saved(254, &[127, 0, 0, 1]),
            saved(0, &[10, 88, 0, 5]),
            saved(0, &[127, 0, 0, 2]),
            saved(253, &[0xfe; 16]),
        ];
        let bytes = [0x4736_1222_u32.to_le_bytes().to_vec(), messages.concat()].concat();
        assert_eq!(global(&bytes, ByteOrder::Little), ["10.88.0.5".parse::<IpAddr>().unwrap()]);
        assert!(global(&bytes[..40], ByteOrder::Little).is_empty());
        assert!(global(b"", ByteOrder::Little).is_empty());
    }

    #[test]
    fn an_address_has_a_peer_or_lives_for_a_time() {
        let attributes = [
            attribute(IFA_ADDRESS, &[10, 9, 9, 2]),
            attribute(IFA_LOCAL, &[10, 9, 9, 1]),
            attribute(IFA_LABEL, b"dum1\0"),
            attribute(IFA_CACHEINFO, &[100, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0]),
            attribute(IFA_FLAGS, &[0, 2, 0, 0]),
        ];
        let bytes = message(RTM_NEWADDR, &[2, 32, 0, 0, 7, 0, 0, 0], &attributes);
        let message = Messages::parse(&bytes, ByteOrder::Little).next().unwrap();
        let address = Address::parse(NamespaceId(1), message, ByteOrder::Little).unwrap();
        assert_eq!((address.index, address.prefix, address.flags), (7, 32, 0x200));
        assert_eq!(
            (address.address.to_string(), address.peer.unwrap().to_string()),
            ("10.9.9.1".into(), "10.9.9.2".into())
        );
        assert_eq!(address.lifetimes, [Some(100), None]);
        let cut = Message { body: &message.body[..6], ..message };
        assert_eq!(Address::parse(NamespaceId(1), cut, ByteOrder::Little), None);
    }
}
