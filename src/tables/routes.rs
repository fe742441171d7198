//! Table `routes`.

use std::borrow::Cow;
use std::collections::HashSet;
use std::net::IpAddr;

use bstr::{BStr, BString};

use super::table::table;
use crate::Checkpoint;
use crate::abi::network as abi;
use crate::model::engine::network::Interface;
use crate::model::ids::NamespaceId;
use crate::model::netns::route::Hop;
use crate::model::netns::{Networks, Route};

table! {
    "routes", key(namespace, family, route_table, destination, prefix_length, metric),
    brief(namespace, route_table, destination, prefix_length, gateway, interface, source, metric, type),
    event(Event::state(&["network"], "route"));
    /// Routes of the network namespaces that CRIU dumped, IPv4 before IPv6, in the kernel's order; then routes that the
    /// engine recorded, which have only the columns up to `metric`. CRIU does not dump a namespace that the engine
    /// made.
    pub struct RouteRow {
        /// The network namespace: CRIU's id, joins `interfaces`. Null for routes that the engine recorded.
        pub namespace: Option<NamespaceId>,
        /// `inet` or `inet6`.
        pub family: Option<Cow<'static, str>>,
        /// Routing table: `main`, `local`, `default`, or its number.
        pub route_table: Option<Cow<'static, str>>,
        /// Destination; `0.0.0.0` or `::` with prefix length 0 is the default route.
        pub destination: Option<String>,
        /// Prefix length of the destination, in bits.
        pub prefix_length: Option<u32>,
        /// Next hop. Null if the destination is reached directly, or if there are several next hops.
        #[to(ecs("related.ip").related())]
        pub gateway: Option<String>,
        /// Name of the outgoing device, or its number if the device was not dumped.
        pub interface: Option<BString>,
        /// Preferred source address.
        pub source: Option<String>,
        /// Metric of the route; lower is preferred.
        pub metric: Option<u32>,
        /// Type of the route: `unicast`, `local`, `broadcast`, `blackhole`, `unreachable`, ….
        pub r#type: Option<Cow<'static, str>>,
        /// Scope of the route: `global`, `link`, `host`, ….
        pub scope: Option<Cow<'static, str>>,
        /// Who set the route: `kernel`, `boot` (usually by hand), `static`, `dhcp`, `ra`, ….
        pub protocol: Option<Cow<'static, str>>,
        /// Flags of the route: `onlink`, `linkdown`, ….
        pub flags: Option<Vec<Cow<'static, str>>>,
        /// Size of the largest packet in bytes. Null if the route does not set it.
        pub mtu: Option<u32>,
        /// Type of service that packets must have. Null for all.
        pub tos: Option<u32>,
        /// Source prefix that packets must have: `10.0.0.0/8`. Null for all.
        pub from: Option<String>,
        /// Device that packets must have come in by. Null for all.
        pub input_interface: Option<BString>,
        /// Preference among IPv6 routers: 0 medium, 1 high, 3 low.
        pub preference: Option<u32>,
        /// Seconds until the route expires. Null if never.
        pub expires: Option<u32>,
        /// Next hops that share the load, each as `gateway device weight`. Null if there is only one.
        pub next_hops: Option<Vec<BString>>,
        /// Where the route is recorded: `images`, `network.status` (Podman), `annotations` (CRI-O and network plugins)
        /// or `config.v2.json` (Docker). An engine that records only gateways sends everything through them.
        pub recorded_in: &'static str,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = RouteRow> + '_ {
    let networks = checkpoint.networks();
    let of_images = networks.routes.iter().map(move |route| row(networks, route));
    let key = |row: &RouteRow| (row.destination.clone(), row.prefix_length, row.gateway.clone());
    let dumped: HashSet<_> = networks.routes.iter().map(|route| key(&row(networks, route))).collect();
    let recorded = checkpoint.model().container().interfaces.iter();
    let recorded = recorded.flat_map(|interface| {
        interface.all_routes().into_iter().map(move |(to, gateway)| of_engine(interface, &to, gateway.as_deref()))
    });
    of_images.chain(recorded.filter(move |row| !dumped.contains(&key(row))))
}

fn of_engine(interface: &Interface, to: &str, gateway: Option<&str>) -> RouteRow {
    let (to, prefix) = to.split_once('/').map_or((to, None), |(to, prefix)| (to, Some(prefix)));
    let one_spelling = |text: &str| text.parse::<IpAddr>().map_or_else(|_| text.to_owned(), |ip| ip.to_string());
    let family = to.parse::<IpAddr>().ok().map(|to| if to.is_ipv4() { "inet" } else { "inet6" });
    RouteRow {
        namespace: None,
        family: family.map(Cow::Borrowed),
        route_table: None,
        destination: Some(one_spelling(to)),
        prefix_length: prefix.and_then(|prefix| prefix.parse().ok()),
        gateway: gateway.map(one_spelling),
        interface: interface.name.clone().map(BString::from),
        source: None,
        metric: None,
        r#type: None,
        scope: None,
        protocol: None,
        flags: None,
        mtu: None,
        tos: None,
        from: None,
        input_interface: None,
        preference: None,
        expires: None,
        next_hops: None,
        recorded_in: interface.place.as_str(),
    }
}

fn row(networks: &Networks, route: &Route) -> RouteRow {
    let name = |index: u32| {
        let name = networks.device_name(route.namespace, index).map(BString::from);
        name.unwrap_or_else(|| index.to_string().into())
    };
    let hop = |hop: &Hop| {
        let gateway = hop.gateway.map_or_else(|| "-".to_owned(), |gateway| gateway.to_string());
        let device = name(hop.index);
        BString::from(format!("{gateway} {} {}", BStr::new(&device), hop.weight))
    };
    let text = |address: Option<IpAddr>| address.map(|address| address.to_string());
    RouteRow {
        namespace: Some(route.namespace),
        family: Some(abi::family(route.family)),
        route_table: Some(abi::route_table(route.table)),
        destination: text(route.destination).or_else(|| everywhere(route).map(str::to_owned)),
        prefix_length: Some(route.destination_prefix.into()),
        gateway: text(route.gateway),
        interface: route.index.map(name),
        source: text(route.source),
        metric: route.metric,
        r#type: Some(abi::route_type(route.kind)),
        scope: Some(abi::scope(route.scope)),
        protocol: Some(abi::route_protocol(route.protocol)),
        flags: Some(abi::route_flags(route.flags)),
        mtu: route.mtu,
        tos: Some(route.tos.into()).filter(|&tos| tos != 0),
        from: route.from.map(|from| format!("{from}/{}", route.from_prefix)),
        input_interface: route.input.map(name),
        preference: route.preference.map(u32::from),
        expires: route.expires,
        next_hops: (!route.hops.is_empty()).then(|| route.hops.iter().map(hop).collect()),
        recorded_in: "images",
    }
}

/// The destination of a route that does not name one.
fn everywhere(route: &Route) -> Option<&'static str> {
    match (route.family, route.destination_prefix) {
        (2, 0) => Some("0.0.0.0"),
        (10, 0) => Some("::"),
        _ => None,
    }
}
