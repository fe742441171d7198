//! Special internet addresses. An IPv4 address inside an IPv6 address (`::ffff:127.0.0.1`), as dual-stack sockets have
//! it, counts as the IPv4 address.

use std::borrow::Cow;
use std::net::IpAddr;

/// The address as it goes over the wire.
pub fn on_the_wire(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// The same for text. Text that is not an address is unchanged.
pub fn text_on_the_wire(text: &str) -> Cow<'_, str> {
    match text.parse::<IpAddr>() {
        Ok(address) if on_the_wire(address) != address => Cow::Owned(on_the_wire(address).to_string()),
        _ => Cow::Borrowed(text),
    }
}

/// Whether packets to the address never leave the machine.
pub fn is_loopback(address: IpAddr) -> bool {
    on_the_wire(address).is_loopback()
}

/// Whether the address is unspecified.
pub fn is_unspecified(address: IpAddr) -> bool {
    on_the_wire(address).is_unspecified()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_ipv4_within_ipv6_are_of_ipv4() {
        let of = |text: &str| text.parse::<IpAddr>().unwrap();
        for loopback in ["127.0.0.1", "127.8.0.1", "::1", "::ffff:127.0.0.1"] {
            assert!(is_loopback(of(loopback)) && !is_unspecified(of(loopback)), "{loopback}");
        }
        for unspecified in ["0.0.0.0", "::", "::ffff:0.0.0.0"] {
            assert!(is_unspecified(of(unspecified)) && !is_loopback(of(unspecified)), "{unspecified}");
        }
        assert!(!is_loopback(of("::ffff:10.0.0.1")) && !is_loopback(of("fe80::1")));
        assert_eq!(text_on_the_wire("::ffff:10.0.0.1"), "10.0.0.1");
        assert_eq!(text_on_the_wire("::1"), "::1", "an address of IPv6 that only looks like one of IPv4");
        assert_eq!(text_on_the_wire("eth0"), "eth0");
    }
}
