//! Table `firewall`.

use bstr::BString;

use super::table::table;
use crate::Checkpoint;
use crate::images::Kind;
use crate::model::ids::NamespaceId;
use crate::model::netns::firewall::RulesetLine;

table! {
    "firewall", key(namespace, source, line), brief(namespace, source, table_name, chain, criu, rule),
    event(Event::state(&["network"], "firewall-line"));
    /// Firewalls of the network namespaces that CRIU dumped: the significant lines of `iptables-save`, `ip6tables-save`
    /// and `nft list ruleset`. A rule of iptables-nft appears in both.
    pub struct FirewallLine {
        /// The network namespace: CRIU's id, joins `interfaces`.
        pub namespace: NamespaceId,
        /// Source of the line: `iptables`, `ip6tables` or `nftables`.
        pub source: &'static str,
        /// Line number, from 1.
        pub line: u64,
        /// The firewall table: `filter`, `nat`, …. For nftables, with the family before it: `ip filter`.
        pub table_name: Option<BString>,
        /// The chain. Null for lines outside a chain.
        pub chain: Option<BString>,
        /// The line, without leading and trailing spaces.
        pub rule: BString,
        /// Whether the line belongs to the network lock that CRIU set for the dump and was not there before.
        pub criu: bool,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = FirewallLine> + '_ {
    checkpoint.networks().firewall.iter().map(row)
}

fn row(line: &RulesetLine) -> FirewallLine {
    FirewallLine {
        namespace: line.namespace,
        source: match line.kind {
            Kind::Iptables => "iptables",
            Kind::Ip6tables => "ip6tables",
            _ => "nftables",
        },
        line: line.number,
        table_name: line.table.clone().map(BString::from),
        chain: line.chain.clone().map(BString::from),
        rule: line.text.clone().into(),
        criu: line.of_criu,
    }
}
