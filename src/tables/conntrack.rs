//! Table `conntrack`.

use std::borrow::Cow;
use std::net::IpAddr;

use super::table::table;
use crate::Checkpoint;
use crate::abi::network as abi;
use crate::model::ids::NamespaceId;
use crate::model::netns::Flow;

table! {
    "conntrack", key(namespace, id),
    brief(namespace, protocol, state, source, source_port, destination, destination_port, status, timeout),
    event(Event::state(&["network"], "tracked-connection"));
    /// Connections that the kernel tracked in the network namespaces that CRIU dumped, in the kernel's order, including
    /// those of programs that have ended. Expected connections come last.
    pub struct TrackedConnection {
        /// The network namespace: CRIU's id, joins `interfaces`.
        pub namespace: NamespaceId,
        /// The kernel's id of the entry.
        pub id: Option<u32>,
        /// Whether the connection was only expected. It had not begun: another connection, shown in the reply columns,
        /// announced it.
        pub expected: bool,
        /// Protocol: `tcp`, `udp`, `icmp`, ….
        #[to(ecs("network.transport"))]
        pub protocol: Option<Cow<'static, str>>,
        /// State of a TCP connection: `ESTABLISHED`, `TIME_WAIT`, ….
        pub state: Option<Cow<'static, str>>,
        /// Address of the side that began the connection.
        #[to(ecs("source.ip"), timesketch("src_ip"))]
        pub source: Option<String>,
        /// Port of the side that began the connection.
        #[to(ecs("source.port"), timesketch("src_port"))]
        pub source_port: Option<u32>,
        /// Address that the connection was made to.
        #[to(ecs("destination.ip"), timesketch("dst_ip"))]
        pub destination: Option<String>,
        /// Port that the connection was made to.
        #[to(ecs("destination.port"), timesketch("dst_port"))]
        pub destination_port: Option<u32>,
        /// Source address of replies. It differs from `destination` if that was translated (NAT).
        #[to(ecs("related.ip").related())]
        pub reply_source: Option<String>,
        /// Source port of replies.
        pub reply_source_port: Option<u32>,
        /// Destination address of replies. It differs from `source` if that was translated (NAT).
        #[to(ecs("related.ip").related())]
        pub reply_destination: Option<String>,
        /// Destination port of replies.
        pub reply_destination_port: Option<u32>,
        /// Status flags: `SEEN_REPLY`, `ASSURED`, `SRC_NAT`, `DST_NAT`, ….
        pub status: Option<Vec<Cow<'static, str>>>,
        /// Seconds until the entry expires.
        pub timeout: Option<u32>,
        /// Mark of the connection. Null if not recorded.
        pub mark: Option<u32>,
        /// Conntrack zone. Null for the default zone.
        pub zone: Option<u32>,
        /// Packets sent by the side that began the connection. Null if not counted.
        pub packets: Option<u64>,
        /// Bytes sent by the side that began the connection. Null if not counted.
        pub bytes: Option<u64>,
        /// Packets of replies. Null if not counted.
        pub reply_packets: Option<u64>,
        /// Bytes of replies. Null if not counted.
        pub reply_bytes: Option<u64>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = TrackedConnection> + '_ {
    checkpoint.networks().flows.iter().map(row)
}

fn row(flow: &Flow) -> TrackedConnection {
    let (original, reply) = (&flow.original, &flow.reply);
    let text = |address: Option<IpAddr>| address.map(|address| address.to_string());
    let [counted, counted_replies] = flow.counted;
    TrackedConnection {
        namespace: flow.namespace,
        id: flow.id,
        expected: flow.expected,
        protocol: original.protocol.map(abi::ip_protocol),
        state: flow.tcp_state.map(abi::tracked_tcp_state),
        source: text(original.source),
        source_port: original.source_port.map(u32::from),
        destination: text(original.destination),
        destination_port: original.destination_port.map(u32::from),
        reply_source: text(reply.source),
        reply_source_port: reply.source_port.map(u32::from),
        reply_destination: text(reply.destination),
        reply_destination_port: reply.destination_port.map(u32::from),
        status: flow.status.map(abi::connection_status),
        timeout: flow.timeout,
        mark: flow.mark,
        zone: flow.zone.map(u32::from),
        packets: counted.map(|(packets, _)| packets),
        bytes: counted.map(|(_, bytes)| bytes),
        reply_packets: counted_replies.map(|(packets, _)| packets),
        reply_bytes: counted_replies.map(|(_, bytes)| bytes),
    }
}
