//! Network devices: `netdev-NS.img`.

use std::net::IpAddr;

use crate::images::ByteOrder;
use crate::images::proto::NetDeviceEntry;
use crate::model::ids::NamespaceId;
use crate::model::netlink;

/// A network device.
#[derive(Clone, Debug)]
pub struct Device {
    /// The network namespace.
    pub namespace: NamespaceId,
    /// The device's record.
    pub entry: NetDeviceEntry,
}

impl Device {
    /// Hardware (MAC) address; `None` if the device has none.
    pub fn mac(&self) -> Option<String> {
        let address = self.entry.address.as_deref().filter(|address| address.iter().any(|&b| b != 0))?;
        Some(address.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":"))
    }
}

/// An address from words that hold its bytes in memory order.
pub fn address(words: &[u32], order: ByteOrder) -> Option<IpAddr> {
    let bytes = words.iter().take(4).flat_map(|word| match order {
        ByteOrder::Little => word.to_le_bytes(),
        ByteOrder::Big => word.to_be_bytes(),
    });
    netlink::address(&bytes.collect::<Vec<u8>>())
}
