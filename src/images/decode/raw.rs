//! Images without CRIU's framing that can still be divided into parts.

use super::{Body, Decoded, Tail};
use crate::images::byte_order::{ByteOrder, split_u32};
use crate::images::framing::COMMON;
use crate::int::{u64_of, usize_of};

/// A number in a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// A number.
    Plain(u64),
    /// An address.
    Hex(u64),
    /// A code, with its name if it has one.
    Code(u64, Option<&'static str>),
}

/// What stands behind a length of 64 bits.
pub(super) fn behind_length(bytes: &[u8], order: ByteOrder) -> Option<&[u8]> {
    let (len, rest) = bytes.split_first_chunk::<8>()?;
    rest.get(..usize_of(order.u64(*len)))
}

/// The magic numbers before addresses, routes and rules in iproute2's dumps (`ip/ipaddress.c`, `iproute.c`,
/// `iprule.c`).
const SAVED: [u32; 3] = [0x4736_1222, 0x4531_1224, 0x7170_6986];

/// The iproute2 magic number that bytes begin with, and their byte order.
pub(super) fn saved_magic(bytes: &[u8]) -> Option<(u32, ByteOrder)> {
    let with = |order| Some((split_u32(bytes, order)?.0, order)).filter(|(magic, _)| SAVED.contains(magic));
    with(ByteOrder::Little).or_else(|| with(ByteOrder::Big))
}

/// Types of netlink messages in dumps of namespaces (`linux/rtnetlink.h`; `linux/netfilter/nfnetlink.h`, where a type
/// is a subsystem and a message).
const MESSAGE_TYPES: &[(u64, &str)] = &[
    (3, "NLMSG_DONE"),
    (20, "RTM_NEWADDR"),
    (24, "RTM_NEWROUTE"),
    (32, "RTM_NEWRULE"),
    (0x100, "IPCTNL_MSG_CT_NEW"),
    (0x200, "IPCTNL_MSG_EXP_NEW"),
];

/// Netlink messages, one after the other.
#[derive(Debug)]
pub(super) struct NetlinkMessages<'i> {
    bytes: &'i [u8],
    offset: usize,
    padded: bool,
    order: ByteOrder,
    number: u64,
}

impl<'i> NetlinkMessages<'i> {
    pub(super) fn new(bytes: &'i [u8], start: usize, padded: bool, order: ByteOrder) -> Self {
        NetlinkMessages { bytes, offset: start, padded, order, number: 0 }
    }

    /// Number of bytes that were not read.
    pub(super) fn left(&self) -> u64 {
        u64_of(self.bytes.len().saturating_sub(self.offset))
    }
}

impl<'i> Iterator for NetlinkMessages<'i> {
    type Item = Decoded<'i>;

    fn next(&mut self) -> Option<Decoded<'i>> {
        /// Size of `struct nlmsghdr` (`linux/netlink.h`) in bytes.
        const HEADER: usize = 16;
        let rest = self.bytes.get(self.offset..)?;
        let (len, after) = split_u32(rest, self.order)?;
        let (kind, after) = after.split_first_chunk::<2>()?;
        let (flags, after) = after.split_first_chunk::<2>()?;
        let (seq, after) = split_u32(after, self.order)?;
        let (pid, _) = split_u32(after, self.order)?;
        let payload = rest.get(HEADER..usize_of(len.into()))?;
        let kind = u64::from(self.order.u16(*kind));
        let name = MESSAGE_TYPES.iter().find(|(number, _)| *number == kind).map(|&(_, name)| name);
        let fields = vec![
            ("type", Number::Code(kind, name)),
            ("flags", Number::Hex(self.order.u16(*flags).into())),
            ("seq", Number::Plain(seq.into())),
            ("pid", Number::Plain(pid.into())),
        ];
        let decoded = Decoded {
            number: self.number,
            offset: u64_of(self.offset),
            body: Body::Header("nlmsghdr", fields),
            tail: Tail::Bytes(payload),
            tail_bytes: u64_of(payload.len()),
        };
        let len = usize_of(len.into());
        let len = if self.padded { len.checked_next_multiple_of(4)? } else { len };
        self.offset = self.offset.saturating_add(len).min(self.bytes.len());
        self.number = self.number.saturating_add(1);
        Some(decoded)
    }
}

/// Magic number of the page images that CRIU wrote before pagemaps existed.
const OLD_PAGES: u32 = 0x5608_4025;
/// Page size of the machines that CRIU supported then: x86 and arm.
const OLD_PAGE: usize = 4096;

/// Pages after their addresses.
#[derive(Debug)]
pub(crate) struct OldPages<'i> {
    pub(super) magics: Vec<u32>,
    pub(super) order: ByteOrder,
    bytes: &'i [u8],
    offset: usize,
    number: u64,
}

/// The pages of an image from before pagemaps existed; `None` if it is not one. Only whole pages count, however the
/// image begins.
pub(crate) fn old_pages(bytes: &[u8]) -> Option<OldPages<'_>> {
    let order = ByteOrder::Little;
    if bytes.len().is_multiple_of(OLD_PAGE) {
        return None;
    }
    let (first, rest) = split_u32(bytes, order)?;
    let magics = match first {
        OLD_PAGES => vec![first],
        COMMON => vec![first, split_u32(rest, order).map(|(second, _)| second).filter(|&n| n == OLD_PAGES)?],
        _ => return None,
    };
    let offset = magics.len().saturating_mul(4);
    Some(OldPages { magics, order, bytes, offset, number: 0 })
}

impl<'i> OldPages<'i> {
    /// The next page: its address, its offset in the image, and its bytes.
    pub(crate) fn page(&mut self) -> Option<(u64, u64, &'i [u8])> {
        let (address, rest) = self.bytes.get(self.offset..)?.split_first_chunk::<8>()?;
        let address = self.order.u64(*address);
        // An address of 0 ends the list.
        if address == 0 {
            return None;
        }
        let page = rest.get(..OLD_PAGE).unwrap_or(rest);
        let at = self.offset.saturating_add(8);
        self.offset = at.saturating_add(page.len());
        Some((address, u64_of(at), page))
    }
}

impl<'i> Iterator for OldPages<'i> {
    type Item = Decoded<'i>;

    fn next(&mut self) -> Option<Decoded<'i>> {
        let (address, at, page) = self.page()?;
        let number = self.number;
        self.number = number.saturating_add(1);
        Some(Decoded {
            number,
            offset: at.saturating_sub(8),
            body: Body::Header("page_entry", vec![("vaddr", Number::Hex(address))]),
            tail: Tail::Bytes(page),
            tail_bytes: u64_of(page.len()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_before_there_were_pagemaps_have_addresses() {
        let mut image = OLD_PAGES.to_le_bytes().to_vec();
        for address in [0x7000_u64, 0x40_0000] {
            image.extend(address.to_le_bytes());
            image.extend([7; OLD_PAGE]);
        }
        let places = |image: &[u8]| {
            let mut pages = old_pages(image).unwrap();
            std::iter::from_fn(|| pages.page()).map(|(address, at, page)| (address, at, page.len())).collect::<Vec<_>>()
        };
        let expected = [(0x7000, 12, 4096), (0x40_0000, 4116, 4096)];
        assert_eq!(places(&image), expected);
        image.extend([0; 8]);
        assert_eq!(places(&image), expected, "an address of 0 ends the list");
        image.truncate(5_000);
        assert_eq!(places(&image), [(0x7000, 12, 4096), (0x40_0000, 4116, 884)], "the last is cut");
        assert!(old_pages(&[0; 4096]).is_none() && old_pages(&[0; 5]).is_none() && old_pages(&[]).is_none());
    }

    #[test]
    fn netlink_messages_end_where_they_are_damaged() {
        let mut image = SAVED[0].to_le_bytes().to_vec();
        image.extend([18, 0, 0, 0, 20, 0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, b'a', b'b', 0, 0]);
        let good = image.len();
        image.extend([200, 0, 0, 0, 20, 0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(saved_magic(&image), Some((SAVED[0], ByteOrder::Little)));
        let mut messages = NetlinkMessages::new(&image, 4, true, ByteOrder::Little);
        let first = messages.next().unwrap();
        assert!(matches!(first.tail, Tail::Bytes(b"ab")), "{first:?}");
        assert!(messages.next().is_none());
        assert_eq!(messages.left(), u64_of(image.len() - good));
    }
}
