//! `ifaddr-NS.img`: what `ip addr save` wrote, a magic number and netlink messages.
//!
//! Source: the kernel's `include/uapi/linux/netlink.h`, `rtnetlink.h` and `if_addr.h`.

use std::net::IpAddr;

const RTM_NEWADDR: u16 = 20;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const SCOPE_UNIVERSE: u8 = 0;

/// Global addresses of all interfaces but loopback.
pub(super) fn addresses(bytes: &[u8]) -> Vec<IpAddr> {
    let mut all = Vec::new();
    let mut rest = bytes.get(4..).unwrap_or_default();
    while let Some((kind, body, after)) = message(rest) {
        if kind == RTM_NEWADDR {
            all.extend(address(body));
        }
        rest = after;
    }
    all
}

/// A netlink message: its type, its body, and what follows. Little-endian, as every machine that runs containers
/// today but s390x.
fn message(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let (header, _) = bytes.split_first_chunk::<16>()?;
    let [len @ .., kind_low, kind_high] = *header.first_chunk::<6>()?;
    let len = usize::try_from(u32::from_le_bytes(len)).ok().filter(|&len| len >= 16)?;
    let body = bytes.get(16..len)?;
    let next = len.checked_next_multiple_of(4)?;
    Some((u16::from_le_bytes([kind_low, kind_high]), body, bytes.get(next..).unwrap_or_default()))
}

fn address(body: &[u8]) -> Option<IpAddr> {
    let ([_, _, _, scope, ..], mut attributes) = body.split_first_chunk::<8>()?;
    if *scope != SCOPE_UNIVERSE {
        return None;
    }
    let mut found = None;
    while let Some(([a, b, c, d], _)) = attributes.split_first_chunk::<4>() {
        let len = usize::from(u16::from_le_bytes([*a, *b]));
        let value = attributes.get(4..len)?;
        match u16::from_le_bytes([*c, *d]) {
            // Of a point-to-point link, the address is the peer's and the local one our own.
            IFA_LOCAL => return ip(value),
            IFA_ADDRESS => found = ip(value),
            _ => {}
        }
        attributes = attributes.get(len.checked_next_multiple_of(4)?..).unwrap_or_default();
    }
    found
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    let address = match bytes.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(bytes).ok()?),
        16 => IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?),
        _ => return None,
    };
    (!address.is_loopback()).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn save(messages: &[(u8, &[u8])]) -> Vec<u8> {
        let mut bytes = 0x4736_1222_u32.to_le_bytes().to_vec();
        for (scope, ip) in messages {
            let attribute = 4 + u16::try_from(ip.len()).unwrap();
            let len = 16 + 8 + u32::from(attribute);
            bytes.extend(len.to_le_bytes());
            bytes.extend(RTM_NEWADDR.to_le_bytes());
            bytes.extend([0; 10]);
            bytes.extend([2, 16, 0, *scope, 2, 0, 0, 0]);
            bytes.extend(attribute.to_le_bytes());
            bytes.extend(IFA_LOCAL.to_le_bytes());
            bytes.extend(*ip);
        }
        bytes
    }

    #[test]
    fn global_addresses_without_loopback() {
        let bytes = save(&[(254, &[127, 0, 0, 1]), (0, &[10, 88, 0, 5]), (0, &[127, 0, 0, 2]), (253, &[0xfe; 16])]);
        assert_eq!(addresses(&bytes), ["10.88.0.5".parse::<IpAddr>().unwrap()]);
        assert!(addresses(&bytes[..40]).is_empty());
        assert!(addresses(b"").is_empty());
    }
}
