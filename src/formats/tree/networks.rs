//! The container's networks, for the header.

use std::borrow::Cow;
use std::collections::HashMap;

use bstr::BString;

use super::{named, some};
use crate::formats::escape;
use crate::tables::{Interface, InterfaceAddress, RouteRow};

/// Maximum number of networks shown.
const NETWORKS: usize = 8;
/// Maximum number of addresses shown for each.
const ADDRESSES: usize = 4;

/// Rows of all network tables.
#[derive(Debug, Default)]
pub struct Networks {
    /// Rows of `interfaces`.
    pub interfaces: Vec<Interface>,
    /// Rows of `addresses`.
    pub addresses: Vec<InterfaceAddress>,
    /// Rows of `routes`.
    pub routes: Vec<RouteRow>,
}

impl Networks {
    /// Each network of the engine in a few words: name, interface, addresses, gateways, hardware address.
    pub(super) fn facts(&self) -> Vec<String> {
        let mut addresses: HashMap<Option<&BString>, Vec<String>> = HashMap::new();
        for row in self.addresses.iter().filter(|row| row.scope.as_deref().is_none_or(|scope| scope == "global")) {
            let bits = row.prefix_length.map_or_else(String::new, |bits| format!("/{bits}"));
            let address = format!("{}{bits}", escape(row.address.as_bytes()));
            addresses.entry(row.interface.as_ref()).or_default().push(address);
        }
        let mut gateways: HashMap<Option<&BString>, Vec<String>> = HashMap::new();
        for row in self.routes.iter().filter(|row| row.prefix_length == Some(0)) {
            let gateway = row.gateway.as_ref().map(|gateway| escape(gateway.as_bytes()).into_owned());
            gateways.entry(row.interface.as_ref()).or_default().extend(gateway);
        }
        let of_engine: Vec<&Interface> = self.interfaces.iter().filter(|row| row.network.is_some()).collect();
        let fact = |row: &&Interface| {
            let key = row.interface.as_ref();
            let name = [row.network.as_ref().map(|name| escape(name.as_bytes())), key.map(|name| escape(name))];
            let mut words: Vec<String> = name.into_iter().flatten().map(Cow::into_owned).collect();
            words.extend(addresses.get(&key).map(|list| some(list, ADDRESSES)));
            let through = gateways.get(&key).filter(|list| !list.is_empty());
            words.extend(through.map(|list| format!("via {}", some(list, ADDRESSES))));
            words.extend(row.mac.as_ref().map(|mac| format!("mac {}", escape(mac.as_bytes()))));
            words.join(" ")
        };
        let mut facts: Vec<String> = of_engine.iter().take(NETWORKS).map(fact).collect();
        if of_engine.len() > NETWORKS {
            facts.push(named(std::iter::empty(), of_engine.len().saturating_sub(NETWORKS), 0));
        }
        facts
    }
}
