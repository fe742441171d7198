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
    /// Connections that the kernel tracked in the network namespaces that CRIU dumped, in its order, also those of programs
    /// that have ended; then those that it expected.
    pub struct TrackedConnection {
        /// The network namespace: CRIU's id, joins `interfaces`.
        pub namespace: NamespaceId,
        /// The kernel's number of it.
        pub id: Option<u32>,
        /// It had not begun: another connection, which stands in the columns of the reply, told of it.
        pub expected: bool,
        /// `tcp`, `udp`, `icmp`, ….
        #[to(ecs("network.transport"))]
        pub protocol: Option<Cow<'static, str>>,
        /// State of a TCP connection: `ESTABLISHED`, `TIME_WAIT`, ….
        pub state: Option<Cow<'static, str>>,
        /// Who began it.
        #[to(ecs("source.ip"), timesketch("src_ip"))]
        pub source: Option<String>,
        /// Port of who began it.
        #[to(ecs("source.port"), timesketch("src_port"))]
        pub source_port: Option<u32>,
        /// With whom.
        #[to(ecs("destination.ip"), timesketch("dst_ip"))]
        pub destination: Option<String>,
        /// Port with whom.
        #[to(ecs("destination.port"), timesketch("dst_port"))]
        pub destination_port: Option<u32>,
        /// Who answers; another than `destination` if that was translated.
        #[to(ecs("related.ip").related())]
        pub reply_source: Option<String>,
        /// Port of who answers.
        pub reply_source_port: Option<u32>,
        /// Whom is answered; another than `source` if that was translated.
        #[to(ecs("related.ip").related())]
        pub reply_destination: Option<String>,
        /// Port of whom is answered.
        pub reply_destination_port: Option<u32>,
        /// What is known of it: `SEEN_REPLY`, `ASSURED`, `SRC_NAT`, `DST_NAT`, ….
        pub status: Option<Vec<Cow<'static, str>>>,
        /// Seconds until it was to be forgotten.
        pub timeout: Option<u32>,
        /// Its mark; null where not recorded.
        pub mark: Option<u32>,
        /// Its zone; null for the default one.
        pub zone: Option<u32>,
        /// Packets of who began it, where they were counted.
        pub packets: Option<u64>,
        /// Bytes of who began it, where they were counted.
        pub bytes: Option<u64>,
        /// Packets of answers, where they were counted.
        pub reply_packets: Option<u64>,
        /// Bytes of answers, where they were counted.
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
