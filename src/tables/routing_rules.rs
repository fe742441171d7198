//! Table `routing_rules`.

use std::borrow::Cow;

use bstr::BString;

use super::table::table;
use crate::Checkpoint;
use crate::abi::network as abi;
use crate::model::ids::NamespaceId;
use crate::model::netns::Rule;

table! {
    "routing_rules", key(namespace, family, priority),
    brief(namespace, family, priority, from, to, interface, mark, action, route_table),
    event(Event::state(&["network"], "routing-rule"));
    /// Rules that choose the routing table for a packet, of the network namespaces that CRIU dumped, in the kernel's
    /// order. A condition that a rule does not have is null.
    pub struct RoutingRule {
        /// The network namespace: CRIU's id, joins `interfaces`.
        pub namespace: NamespaceId,
        /// `inet` or `inet6`.
        pub family: Cow<'static, str>,
        /// Priority; the lowest comes first.
        pub priority: u32,
        /// Source prefix: `10.0.0.0/8`.
        pub from: Option<String>,
        /// Destination prefix.
        pub to: Option<String>,
        /// Incoming device.
        pub interface: Option<BString>,
        /// Outgoing device.
        pub output_interface: Option<BString>,
        /// Mark of the packet, and its mask: `0x10/0xff`.
        pub mark: Option<String>,
        /// User ids of the socket: `1000-1999`.
        pub users: Option<String>,
        /// IP protocol.
        pub ip_protocol: Option<Cow<'static, str>>,
        /// Source ports: `1024-65535`.
        pub source_ports: Option<String>,
        /// Destination ports.
        pub destination_ports: Option<String>,
        /// Type of service.
        pub tos: Option<u32>,
        /// Whether the rule applies to packets that do not match its conditions.
        pub inverted: bool,
        /// Action: `lookup`, `goto`, `nop`, `blackhole`, `unreachable` or `prohibit`.
        pub action: Cow<'static, str>,
        /// Routing table to look in: `main`, `local`, `default`, or its number. Null for other actions.
        pub route_table: Option<Cow<'static, str>>,
        /// Priority of the rule to continue with.
        pub goto: Option<u32>,
        /// Who set the rule: `kernel`, `boot`, `static`, …. Null if not recorded.
        pub protocol: Option<Cow<'static, str>>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = RoutingRule> + '_ {
    checkpoint.networks().rules.iter().map(row)
}

fn row(rule: &Rule) -> RoutingRule {
    let action = abi::rule_action(rule.action);
    let range = |(first, last): (u64, u64)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    let ports = |ports: Option<(u16, u16)>| ports.map(|(first, last)| range((first.into(), last.into())));
    RoutingRule {
        namespace: rule.namespace,
        family: abi::family(rule.family),
        priority: rule.priority,
        from: rule.source.map(|(address, bits)| format!("{address}/{bits}")),
        to: rule.destination.map(|(address, bits)| format!("{address}/{bits}")),
        interface: rule.input.clone().map(BString::from),
        output_interface: rule.output.clone().map(BString::from),
        mark: rule.mark.map(|(mark, mask)| format!("{mark:#x}/{mask:#x}")),
        users: rule.users.map(|(first, last)| range((first.into(), last.into()))),
        ip_protocol: rule.ip_protocol.map(abi::ip_protocol),
        source_ports: ports(rule.source_ports),
        destination_ports: ports(rule.destination_ports),
        tos: Some(rule.tos.into()).filter(|&tos| tos != 0),
        inverted: rule.inverted,
        route_table: (action == "lookup").then(|| abi::route_table(rule.table)),
        action,
        goto: rule.goto,
        protocol: rule.protocol.map(abi::route_protocol),
    }
}
