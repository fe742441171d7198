//! Netlink: messages one after the other, each with a body and attributes. Written by `ip … save`, and by CRIU for the
//! connection tracking table.
//!
//! Source: the kernel's `include/uapi/linux/netlink.h` and `rtnetlink.h`. All lengths are bounded by the available
//! bytes.

use std::net::IpAddr;

use crate::images::ByteOrder;
use crate::int::u64_of;

/// Size of a message header, and the alignment of messages and attributes, in bytes.
const HEADER: usize = 16;
const ALIGNMENT: usize = 4;
/// Flags in an attribute's type: it holds attributes, or is in network byte order.
const TYPE_MASK: u16 = 0x3fff;

/// A message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    /// Type of the message.
    pub(crate) kind: u16,
    /// Body, after the header.
    pub(crate) body: &'a [u8],
}

/// Iterates over the messages in some bytes.
#[derive(Clone, Debug)]
pub(crate) struct Messages<'a> {
    all: usize,
    rest: &'a [u8],
    order: ByteOrder,
    damaged: Option<u64>,
}

impl<'a> Messages<'a> {
    pub(crate) fn parse(bytes: &'a [u8], order: ByteOrder) -> Self {
        Messages { all: bytes.len(), rest: bytes, order, damaged: None }
    }

    /// Offset at which reading stopped because the rest is not a complete message.
    pub(crate) fn damaged(&self) -> Option<u64> {
        self.damaged
    }

    fn message(&self) -> Option<(Message<'a>, &'a [u8])> {
        let len = usize::try_from(u32_at(self.rest, 0, self.order)?).ok().filter(|&len| len >= HEADER)?;
        let kind = u16_at(self.rest, 4, self.order)?;
        let body = self.rest.get(HEADER..len)?;
        let next = len.checked_next_multiple_of(ALIGNMENT)?;
        Some((Message { kind, body }, self.rest.get(next..).unwrap_or_default()))
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Message<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let Some((message, rest)) = self.message() else {
            self.damaged = Some(u64_of(self.all.saturating_sub(self.rest.len())));
            self.rest = &[];
            return None;
        };
        self.rest = rest;
        Some(message)
    }
}

/// Attributes: numbers and values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attributes<'a> {
    bytes: &'a [u8],
    order: ByteOrder,
}

impl<'a> Attributes<'a> {
    pub(crate) fn parse(bytes: &'a [u8], order: ByteOrder) -> Self {
        Attributes { bytes, order }
    }

    /// All attributes, in order, up to the first incomplete one.
    pub(crate) fn iter(self) -> impl Iterator<Item = (u16, &'a [u8])> {
        let mut rest = self.bytes;
        std::iter::from_fn(move || {
            let len = usize::from(u16_at(rest, 0, self.order)?);
            let kind = u16_at(rest, 2, self.order)? & TYPE_MASK;
            let value = rest.get(4..len)?;
            rest = rest.get(len.checked_next_multiple_of(ALIGNMENT)?..).unwrap_or_default();
            Some((kind, value))
        })
    }

    /// The value of an attribute. If there are several, the last, as in the kernel.
    pub(crate) fn get(self, kind: u16) -> Option<&'a [u8]> {
        self.iter().filter(|(k, _)| *k == kind).last().map(|(_, value)| value)
    }

    /// The attributes inside an attribute.
    pub(crate) fn nested(self, kind: u16) -> Option<Attributes<'a>> {
        Some(Attributes { bytes: self.get(kind)?, order: self.order })
    }

    /// A number in the machine's byte order.
    pub(crate) fn u32(self, kind: u16) -> Option<u32> {
        u32_at(self.get(kind)?, 0, self.order)
    }

    /// A byte.
    pub(crate) fn u8(self, kind: u16) -> Option<u8> {
        self.get(kind)?.first().copied()
    }

    /// A number in network byte order.
    pub(crate) fn u16_of_network(self, kind: u16) -> Option<u16> {
        u16_at(self.get(kind)?, 0, ByteOrder::Big)
    }

    /// A number in network byte order.
    pub(crate) fn u32_of_network(self, kind: u16) -> Option<u32> {
        u32_at(self.get(kind)?, 0, ByteOrder::Big)
    }

    /// A number in network byte order.
    pub(crate) fn u64_of_network(self, kind: u16) -> Option<u64> {
        self.get(kind)?.first_chunk().copied().map(u64::from_be_bytes)
    }

    /// An IPv4 or IPv6 address.
    pub(crate) fn address(self, kind: u16) -> Option<IpAddr> {
        address(self.get(kind)?)
    }

    /// Text, without the closing NUL.
    pub(crate) fn text(self, kind: u16) -> Option<Vec<u8>> {
        let value = self.get(kind)?;
        Some(value.split(|&b| b == 0).next().unwrap_or_default().to_vec())
    }
}

/// An IPv4 or IPv6 address.
pub(crate) fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => Some(IpAddr::from(*bytes.first_chunk::<4>()?)),
        16 => Some(IpAddr::from(*bytes.first_chunk::<16>()?)),
        _ => None,
    }
}

/// A number at an offset.
pub(crate) fn u16_at(bytes: &[u8], offset: usize, order: ByteOrder) -> Option<u16> {
    let bytes = *bytes.get(offset..)?.first_chunk()?;
    Some(match order {
        ByteOrder::Little => u16::from_le_bytes(bytes),
        ByteOrder::Big => u16::from_be_bytes(bytes),
    })
}

/// A number at an offset.
pub(crate) fn u32_at(bytes: &[u8], offset: usize, order: ByteOrder) -> Option<u32> {
    let bytes = *bytes.get(offset..)?.first_chunk()?;
    Some(match order {
        ByteOrder::Little => u32::from_le_bytes(bytes),
        ByteOrder::Big => u32::from_be_bytes(bytes),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An attribute, padded.
    pub(crate) fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let len = u16::try_from(value.len() + 4).unwrap();
        let mut bytes = [len.to_le_bytes(), kind.to_le_bytes()].concat();
        bytes.extend_from_slice(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    /// A message with a head and attributes.
    pub(crate) fn message(kind: u16, head: &[u8], attributes: &[Vec<u8>]) -> Vec<u8> {
        let body = [head, &attributes.concat()].concat();
        let mut bytes = u32::try_from(body.len() + HEADER).unwrap().to_le_bytes().to_vec();
        bytes.extend(kind.to_le_bytes());
        bytes.extend([0; 10]);
        bytes.extend(body);
        bytes
    }

    #[test]
    fn messages_and_attributes_of_both_byte_orders() {
        let bytes = [
            message(20, &[1, 2, 3, 4], &[attribute(1, &[7, 0, 0, 0]), attribute(0x8002, b"eth0\0")]),
            message(3, &[], &[]),
        ]
        .concat();
        let messages: Vec<Message<'_>> = Messages::parse(&bytes, ByteOrder::Little).collect();
        assert_eq!((messages.len(), messages[0].kind, messages[1].body.len()), (2, 20, 0));
        let attributes = Attributes::parse(&messages[0].body[4..], ByteOrder::Little);
        assert_eq!((attributes.u32(1), attributes.text(2), attributes.get(3)), (Some(7), Some(b"eth0".to_vec()), None));
        let big = [0, 0, 0, 24, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 1, 0, 0, 0, 9];
        let message = Messages::parse(&big, ByteOrder::Big).next().unwrap();
        assert_eq!(Attributes::parse(message.body, ByteOrder::Big).u32(1), Some(9));
    }

    #[test]
    fn damage_ends_the_list_and_is_told() {
        let bytes = [message(20, &[0; 4], &[]), message(20, &[0; 4], &[])].concat();
        let mut cut = Messages::parse(&bytes[..bytes.len() - 1], ByteOrder::Little);
        assert_eq!((cut.by_ref().count(), cut.damaged()), (1, Some(20)));
        for (len, kind) in [(0_u32, 0_u16), (15, 0), (u32::MAX, 20)] {
            let mut bytes = len.to_le_bytes().to_vec();
            bytes.extend(kind.to_le_bytes());
            bytes.extend([0; 26]);
            let mut messages = Messages::parse(&bytes, ByteOrder::Little);
            assert_eq!((messages.by_ref().count(), messages.damaged()), (0, Some(0)), "{len}");
        }
        for bytes in [&[3, 0, 1, 0][..], &[0, 0, 0, 0], &[0xff, 0xff, 1, 0, 1], &[8]] {
            assert_eq!(Attributes::parse(bytes, ByteOrder::Little).iter().count(), 0, "{bytes:?}");
        }
    }
}
