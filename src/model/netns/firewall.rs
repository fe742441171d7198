//! Firewalls: `iptables-NS.img` and `ip6tables-NS.img` hold the output of `iptables-save`, `nftables-NS.img` that of
//! `nft list ruleset`. During a dump CRIU locks the network with its own rules, which are in these images too.

use bstr::ByteSlice;

use crate::images::Kind;
use crate::int::u64_of;
use crate::model::ids::NamespaceId;

/// The name of CRIU's chain, and the prefix of the name of its table.
const CRIU: &[u8] = b"CRIU";
/// Bytes of a name of a table or chain that are kept, which each of its lines repeats. The kernel's are shorter.
const NAME: usize = 512;

/// A line of a ruleset: neither empty nor the end of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RulesetLine {
    /// The network namespace that it is of.
    pub namespace: NamespaceId,
    /// The kind of image that has the line.
    pub kind: Kind,
    /// Line number, from 1.
    pub number: u64,
    /// The firewall table, with its family in nftables.
    pub table: Option<Vec<u8>>,
    /// The chain.
    pub chain: Option<Vec<u8>>,
    /// The line, without leading and trailing spaces.
    pub text: Vec<u8>,
    /// Whether the line is part of CRIU's network lock, not of the container's firewall.
    pub of_criu: bool,
}

/// The lines of an image that say something: neither empty nor the end of what another line began.
pub(super) fn lines(namespace: NamespaceId, kind: Kind, text: &[u8]) -> Vec<RulesetLine> {
    let mut lines = Vec::new();
    let mut place = Place::default();
    for (number, line) in (1_u64..).zip(text.lines()) {
        let line = line.trim();
        place.enter(line, kind);
        let says = !line.is_empty() && !matches!(line, b"}" | b"COMMIT");
        if says {
            let of_criu = place.is_of_criu() || jumps_to_criu(line);
            let (table, chain) = (place.table.clone(), place.chain.clone());
            lines.push(RulesetLine { namespace, kind, number, table, chain, text: line.to_vec(), of_criu });
        }
        place.leave(line, kind);
    }
    lines
}

/// Position in a rule set.
#[derive(Default)]
struct Place {
    table: Option<Vec<u8>>,
    chain: Option<Vec<u8>>,
    /// Number of open braces.
    depth: u64,
}

impl Place {
    fn enter(&mut self, line: &[u8], kind: Kind) {
        if kind == Kind::Nftables {
            let name = |word: &str| Some(cut(line.strip_prefix(word.as_bytes())?.strip_suffix(b"{")?.trim()));
            self.table = name("table ").or_else(|| self.table.take());
            self.chain = name("chain ").or_else(|| self.chain.take());
        } else {
            self.table = line.strip_prefix(b"*").map(cut).or_else(|| self.table.take());
            // A chain's policy begins with its name, a rule with the chain that it is added to.
            let mut words = line.fields();
            self.chain = match words.next() {
                Some([b':', name @ ..]) => Some(cut(name)),
                Some(b"-A") => words.next().map(cut),
                _ => None,
            };
        }
    }

    fn leave(&mut self, line: &[u8], kind: Kind) {
        if kind == Kind::Nftables {
            let count = |brace: &[u8]| u64_of(line.find_iter(brace).count());
            let (opened, closed) = (count(b"{"), count(b"}"));
            self.depth = self.depth.saturating_add(opened).saturating_sub(closed);
            self.chain = self.chain.take().filter(|_| self.depth > 1);
            self.table = self.table.take().filter(|_| self.depth > 0);
        } else if line == b"COMMIT" {
            self.table = None;
        }
    }

    fn is_of_criu(&self) -> bool {
        // In nftables, the family comes before the name.
        let table = self.table.as_deref().and_then(|table| table.fields().last());
        self.chain.as_deref() == Some(CRIU) || table.is_some_and(|table| table.starts_with(CRIU))
    }
}

fn cut(name: &[u8]) -> Vec<u8> {
    name.get(..NAME).unwrap_or(name).to_vec()
}

/// Whether a rule jumps to CRIU's chain.
fn jumps_to_criu(line: &[u8]) -> bool {
    let words: Vec<&[u8]> = line.fields().collect();
    words.windows(2).any(|pair| matches!(pair, [b"-j" | b"jump", chain] if *chain == CRIU))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: Kind, text: &str) -> Vec<(u64, String, String, bool)> {
        let text_of = |bytes: Option<Vec<u8>>| String::from_utf8(bytes.unwrap_or_default()).unwrap();
        let lines = lines(NamespaceId(1), kind, text.as_bytes()).into_iter();
        lines.map(|line| (line.number, text_of(line.table), text_of(line.chain), line.of_criu)).collect()
    }

    #[test]
    fn lines_of_iptables_and_the_lock_of_criu() {
        let text = "*filter\n:INPUT ACCEPT [0:0]\n:CRIU - [0:0]\n-A INPUT -j CRIU\n-A INPUT -p tcp --dport 22 -j DROP\n\
                    -A CRIU -j DROP\nCOMMIT\n*nat\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n";
        let filter = |number, chain: &str, of_criu| (number, "filter".to_owned(), chain.to_owned(), of_criu);
        let expected = vec![
            filter(1, "", false),
            filter(2, "INPUT", false),
            filter(3, "CRIU", true),
            filter(4, "INPUT", true),
            filter(5, "INPUT", false),
            filter(6, "CRIU", true),
            (8, "nat".to_owned(), String::new(), false),
            (9, "nat".to_owned(), "OUTPUT".to_owned(), false),
        ];
        assert_eq!(of(Kind::Iptables, text), expected);
    }

    #[test]
    fn lines_of_nftables_and_the_table_of_criu() {
        let text = "table ip filter {\n\tset bad {\n\t\telements = { 1.2.3.4 }\n\t}\n\n\tchain INPUT {\n\t\tjump CRIU\n\
                    \t\tip saddr @bad drop\n\t}\n}\ntable inet CRIU-7f {\n\tchain output {\n\t\tdrop\n\t}\n}\n";
        let found = of(Kind::Nftables, text);
        let filter = |number, chain: &str, of_criu| (number, "ip filter".to_owned(), chain.to_owned(), of_criu);
        assert_eq!(found[..3], [filter(1, "", false), filter(2, "", false), filter(3, "", false)]);
        assert_eq!(found[3..6], [filter(6, "INPUT", false), filter(7, "INPUT", true), filter(8, "INPUT", false)]);
        assert!(found[6..].iter().all(|(.., of_criu)| *of_criu) && found.len() == 9, "{found:?}");
    }

    #[test]
    fn unbalanced_text_is_kept() {
        assert_eq!(of(Kind::Nftables, "}}}\nchain x {\n{{{{\n").len(), 3);
        assert!(of(Kind::Iptables, "").is_empty());
    }
}
