//! Addresses of the container, from whoever recorded them: the engine's `network.status`, its annotations, or the images
//! of the network namespace.

use std::net::IpAddr;

use serde_json::Value;

use super::container::Interface;
use super::document::Document;
use super::process::Process;
use super::side::text_of;
use crate::images::proto::NetDeviceEntry;
use crate::images::{Images, Kind};

/// An address without the length of its prefix.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    text.split('/').next()?.parse().ok()
}

/// The interfaces of `network.status`: an object by network since Podman 4, an array of CNI results before.
pub(super) fn interfaces(document: &Document<'_>) -> Vec<Interface> {
    let mut all = Vec::new();
    match &document.value {
        Value::Null => {}
        Value::Object(networks) => {
            for (network, status) in networks {
                let interfaces = status.get("interfaces").and_then(Value::as_object);
                for (name, interface) in interfaces.into_iter().flatten() {
                    let subnets = interface.get("subnets").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
                    let texts = |key| subnets.iter().filter_map(|s| text_of(s, key)).map(str::to_owned).collect();
                    all.push(Interface {
                        network: network.clone(),
                        name: name.clone(),
                        addresses: texts("ipnet"),
                        gateways: texts("gateway"),
                        mac: text_of(interface, "mac_address").map(str::to_owned),
                    });
                }
            }
        }
        Value::Array(results) => {
            for (i, result) in results.iter().enumerate() {
                let list = |key| result.get(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
                // The container's own interface is the one with a sandbox.
                let inside = list("interfaces").iter().rfind(|i| text_of(i, "sandbox").is_some());
                let texts = |key| list("ips").iter().filter_map(|ip| text_of(ip, key)).map(str::to_owned).collect();
                all.push(Interface {
                    network: format!("cni-{i}"),
                    name: inside.and_then(|i| text_of(i, "name")).unwrap_or("eth0").to_owned(),
                    addresses: texts("address"),
                    gateways: texts("gateway"),
                    mac: inside.and_then(|i| text_of(i, "mac")).map(str::to_owned),
                });
            }
        }
        other => document.unexpected("the document", "an object of networks", other),
    }
    all.sort_by(|a, b| (&a.network, &a.name).cmp(&(&b.network, &b.name)));
    all
}

/// The addresses that CRI-O annotates: `io.kubernetes.cri-o.IP.0` and so on.
pub(super) fn of_annotations(spec: Option<&Document<'_>>) -> Option<Vec<IpAddr>> {
    let annotations = spec?.get(&["annotations"])?.as_object()?;
    let is_ip = |key: &str| key.starts_with("io.kubernetes.cri-o.IP.");
    let addresses: Vec<IpAddr> =
        annotations.iter().filter(|(key, _)| is_ip(key)).filter_map(|(_, v)| address(v.as_str()?)).collect();
    (!addresses.is_empty()).then_some(addresses)
}

/// Whether the container was given a network namespace of its own, with nothing in it.
pub(super) fn is_own_and_empty(spec: Option<&Document<'_>>) -> bool {
    let namespaces = spec.and_then(|spec| spec.get(&["linux", "namespaces"])?.as_array());
    let network = namespaces.into_iter().flatten().find(|n| text_of(n, "type") == Some("network"));
    network.is_some_and(|n| text_of(n, "path").is_none())
}

/// What the images of a network namespace say.
#[derive(Debug, Default)]
pub(super) struct OwnNetwork {
    /// Global addresses; `None` if CRIU did not dump the namespace.
    pub(super) addresses: Option<Vec<IpAddr>>,
    pub(super) macs: Option<Vec<String>>,
}

/// Addresses and devices of the root task's network namespace, where CRIU dumped it.
pub(super) fn of_images(images: Images<'_>, root: Option<&Process>) -> OwnNetwork {
    let Some(number) = root.and_then(|p| p.ids.as_ref()?.net_ns_id).map(u64::from) else { return OwnNetwork::default() };
    let mut macs = Vec::new();
    images.each::<NetDeviceEntry>(Kind::Netdev, number, |device, _, _| {
        let address = device.address.as_deref().filter(|a| a.iter().any(|&b| b != 0));
        macs.extend(address.map(|a| a.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(":")));
    });
    let member = images.set.find(images.archive, Kind::Ifaddr, number).and_then(|member| images.file(member));
    let addresses = member.map(|member| {
        let (bytes, _) = images.archive.contents(member).prefix(images.limits.assembled_bytes);
        ifaddr::addresses(&bytes)
    });
    OwnNetwork { addresses, macs: (!macs.is_empty() || images.has(Kind::Netdev, number)).then_some(macs) }
}

/// `ifaddr-NS.img`: what `ip addr save` wrote, a magic number and netlink messages.
///
/// Source: the kernel's `include/uapi/linux/netlink.h`, `rtnetlink.h` and `if_addr.h`.
mod ifaddr {
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
        let [a, b, c, d, e, f, ..] = *header;
        let len = usize::try_from(u32::from_le_bytes([a, b, c, d])).ok().filter(|&len| len >= 16)?;
        let body = bytes.get(16..len)?;
        let next = len.checked_next_multiple_of(4)?;
        Some((u16::from_le_bytes([e, f]), body, bytes.get(next..).unwrap_or_default()))
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lose_their_prefix() {
        assert_eq!(address("10.88.0.5/16").unwrap().to_string(), "10.88.0.5");
        assert_eq!(address("fd00::5").unwrap().to_string(), "fd00::5");
        assert_eq!(address("eth0"), None);
    }
}
