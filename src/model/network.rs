//! Addresses of the container, from the engine's `network.status`, from annotations, or from the images of the network
//! namespace.

use std::net::IpAddr;

use super::document::Document;
use super::engine_files::text_of;
use super::netns;
use super::process::Process;
use crate::images::proto::NetDeviceEntry;
use crate::images::{ByteOrder, Images, Kind};

/// An address without its prefix length.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    text.split('/').next()?.parse().ok()
}

/// Whether the container got its own, empty network namespace.
pub(super) fn is_own_and_empty(spec: Option<&Document<'_>>) -> bool {
    let namespaces = spec.and_then(|spec| spec.get(&["linux", "namespaces"])?.as_array());
    let network = namespaces.into_iter().flatten().find(|n| text_of(n, "type") == Some("network"));
    network.is_some_and(|n| text_of(n, "path").is_none())
}

/// Facts from the images of a network namespace.
#[derive(Debug, Default)]
pub(super) struct OwnNetwork {
    /// Global addresses; `None` if CRIU did not dump the namespace.
    pub(super) addresses: Option<Vec<IpAddr>>,
    pub(super) macs: Option<Vec<String>>,
}

/// Addresses and devices of the root task's network namespace, if CRIU dumped it.
pub(super) fn of_images(images: Images<'_>, root: Option<&Process>, order: ByteOrder) -> OwnNetwork {
    let Some(number) = root.and_then(|p| p.ids.as_ref()?.net_ns_id).map(u64::from) else {
        return OwnNetwork::default();
    };
    let mut macs = Vec::new();
    images.each::<NetDeviceEntry>(Kind::Netdev, number, |device, _, _| {
        let address = device.address.as_deref().filter(|a| a.iter().any(|&b| b != 0));
        macs.extend(address.map(|a| a.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(":")));
    });
    let member = images.set.find(images.archive, Kind::Ifaddr, number).and_then(|member| images.file(member));
    let addresses = member.filter(|_| !images.is_unreadable(Kind::Ifaddr, number)).map(|member| {
        let (bytes, _) = images.archive.contents(member).prefix(images.limits.assembled_bytes);
        netns::address::global(&bytes, order)
    });
    OwnNetwork { addresses, macs: (!macs.is_empty() || images.has(Kind::Netdev, number)).then_some(macs) }
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
