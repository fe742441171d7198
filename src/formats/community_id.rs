//! The Community ID of a connection, version 1. It is equal for both directions, and network monitors (Zeek, Suricata)
//! store it with their records. See <https://github.com/corelight/community-id-spec>.

use std::net::IpAddr;

use data_encoding::BASE64;
use sha1::{Digest as _, Sha1};

use crate::abi::ip;

/// The default seed.
const SEED: u16 = 0;

/// The id of a connection. The protocol must have ports: 6 TCP, 17 UDP, 132 SCTP.
pub(super) fn community_id(protocol: u8, one: (IpAddr, u16), other: (IpAddr, u16)) -> String {
    // IPv4-mapped addresses of IPv6 sockets appear as IPv4 on the wire.
    let (one, other) = ((ip::on_the_wire(one.0), one.1), (ip::on_the_wire(other.0), other.1));
    let (low, high) = if one <= other { (one, other) } else { (other, one) };
    let mut hash = Sha1::new().chain_update(SEED.to_be_bytes());
    for (address, _) in [low, high] {
        match address {
            IpAddr::V4(address) => hash.update(address.octets()),
            IpAddr::V6(address) => hash.update(address.octets()),
        }
    }
    hash.update([protocol, 0]);
    for (_, port) in [low, high] {
        hash.update(port.to_be_bytes());
    }
    format!("1:{}", BASE64.encode(&hash.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(address: &str, port: u16) -> (IpAddr, u16) {
        (address.parse().unwrap(), port)
    }

    /// From the baseline of the specification.
    #[test]
    fn ids_are_those_of_the_specification_in_both_directions() {
        let vectors = [
            (6, end("128.232.110.120", 34855), end("66.35.250.204", 80), "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
            (17, end("192.168.1.52", 54585), end("8.8.8.8", 53), "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
        ];
        for (protocol, one, other, id) in vectors {
            assert_eq!(community_id(protocol, one, other), id);
            assert_eq!(community_id(protocol, other, one), id);
        }
    }

    #[test]
    fn an_address_of_ipv4_in_one_of_ipv6_is_one_of_ipv4() {
        let (local, remote) = (end("::ffff:192.168.1.52", 54585), end("::ffff:8.8.8.8", 53));
        assert_eq!(community_id(17, local, remote), "1:d/FP5EW3wiY1vCndhwleRRKHowQ=");
    }
}
