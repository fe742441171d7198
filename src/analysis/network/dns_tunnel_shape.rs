//! NET-011: names that carry data.

use std::collections::{BTreeSet, HashMap};

use super::super::card::rule;
use super::super::traffic::program;
use super::super::words::shown;
use super::super::{Confidence, Evidence, Facts, Finding, Link, Next, Report, Severity, Subject};
use crate::memory::Content;

rule! {
    /// A process that asks a name server by itself has many names of one registered domain in its memory, each with a long
    /// first label that looks like encoded data; the labels between may be counters. Networks for content delivery, black lists and telemetry use names like these, and only
    /// processes with a socket for port 53 are looked at, so that the rule misses programs that ask through a resolver. For
    /// both reasons it is experimental.
    "NET-011", dns_tunnel_shape, version 2, Network, Experimental, Medium,
    title: "Names in memory look like data that is sent over DNS",
    why: "DNS passes most firewalls, and names can carry data out.",
    benign: ["Content delivery networks, black lists of mail servers and telemetry use long names."],
    attack: ["T1071.004", "T1572"],
    cost: Memory,
    tags: ["tunnel"],
    check: check,
}

/// Fewest names of a domain.
const NAMES_FEWEST: usize = 20;
/// Shortest label that may carry data.
const LABEL_SHORTEST: usize = 30;
/// Most bytes of a process that are read.
const BYTES_MOST: u64 = 64 << 20;
/// Most names of one domain that are counted.
const NAMES_MOST: usize = 100;
/// Most domains that are counted.
const DOMAINS_MOST: usize = 1024;

/// The registered domain of a name whose first label may carry data: tools put counters and names of hosts between.
fn carrier(name: &[u8]) -> Option<&[u8]> {
    let at = name.iter().position(|&byte| byte == b'.')?;
    let (label, rest) = (name.get(..at)?, name.get(at.saturating_add(1)..)?);
    let has_digits = label.iter().any(u8::is_ascii_digit);
    let has_letters = label.iter().any(u8::is_ascii_alphabetic);
    let is_domain = rest.contains(&b'.') && rest.len() >= 4 && rest.last().is_some_and(u8::is_ascii_alphabetic);
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (label.len() >= LABEL_SHORTEST
        && label.len() <= 63
        && has_digits
        && has_letters
        && is_domain
        && label.iter().all(plain))
    .then(|| registered(rest))
}

/// The part of a name that somebody registered: its last two labels, or three below a suffix such as `co.uk`.
fn registered(name: &[u8]) -> &[u8] {
    const SECOND: [&[u8]; 9] = [b"co", b"com", b"net", b"org", b"gov", b"edu", b"ac", b"or", b"ne"];
    let mut labels = name.rsplit(|&byte| byte == b'.');
    let (Some(top), Some(second)) = (labels.next(), labels.next()) else { return name };
    let third = labels.next().filter(|_| top.len() == 2 && SECOND.contains(&second));
    let len = [Some(top), Some(second), third].into_iter().flatten();
    let len = len.fold(0_usize, |len, label| len.saturating_add(label.len()).saturating_add(1)).saturating_sub(1);
    name.get(name.len().saturating_sub(len)..).unwrap_or(name)
}

/// The different names of each domain, at most as many as are told.
type Domains = HashMap<Vec<u8>, BTreeSet<Vec<u8>>>;

/// Counts the names of each domain in some bytes, each name once.
fn count_names(bytes: &[u8], domains: &mut Domains) {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    for name in bytes.split(|byte| !is_name(byte)).filter(|name| name.len() > LABEL_SHORTEST && name.len() <= 253) {
        let Some(domain) = carrier(name) else { continue };
        if domains.len() < DOMAINS_MOST || domains.contains_key(domain) {
            let names = domains.entry(domain.to_vec()).or_default();
            if names.len() < NAMES_MOST {
                names.insert(name.to_vec());
            }
        }
    }
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        let asks = facts.sockets().of(process.pid()).any(|socket| socket.remote_port == Some(53));
        if !asks {
            continue;
        }
        if !report.look() {
            return;
        }
        let Some(space) = facts.space(process.pid()) else {
            report.not_checked("the layout of its memory is not in the archive");
            continue;
        };
        let mut domains = Domains::new();
        let mut left = BYTES_MOST;
        let writable = process.mappings().iter().filter(|mapping| mapping.permissions.contains('w'));
        for mapping in writable {
            let end = mapping.end.0.min(mapping.start.0.saturating_add(left));
            left = left.saturating_sub(end.saturating_sub(mapping.start.0));
            for (_, content) in space.pieces(mapping.start.0, end) {
                if let Content::Bytes(bytes) = content {
                    count_names(&bytes, &mut domains);
                }
            }
        }
        let counted = domains.into_iter().map(|(domain, names)| (names.len(), domain));
        let Some((count, domain)) = counted.max() else { continue };
        if count < NAMES_FEWEST {
            continue;
        }
        let path = program(process);
        report.add(
            Finding::new(&RULE, Subject::Process(process.pid()))
                .severity(Severity::Medium)
                .confidence(Confidence::Low)
                .identity([path.clone(), domain.as_slice().into()])
                .sentence(format!(
                    "{} has {count} names below {} in its memory that look like encoded data.",
                    process.title(),
                    shown(&domain)
                ))
                .next(Next::rows_of("process_open_sockets", process.pid()))
                .link(Link::Path(path))
                .evidence(Evidence::process(process.pid()).with_text(domain)),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_labels_with_digits_carry_data() {
        let label = "a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4";
        assert_eq!(carrier(format!("{label}.t.evil.example").as_bytes()), Some(&b"evil.example"[..]));
        assert_eq!(carrier(format!("{label}.t7.a.example.co.uk").as_bytes()), Some(&b"example.co.uk"[..]));
        assert_eq!(carrier(b"www.evil.example"), None);
        assert_eq!(carrier(format!("{label}.com").as_bytes()), None);
    }

    #[test]
    fn names_are_counted_by_domain() {
        let mut domains = Domains::new();
        let text = (0..25)
            .map(|n| format!("\0aaaaaaaabbbbbbbbccccccccdddddd{n:04}.t{n}.evil.example"))
            .collect::<Vec<_>>()
            .concat();
        count_names(text.as_bytes(), &mut domains);
        count_names(text.as_bytes(), &mut domains);
        assert_eq!(domains.get(&b"evil.example"[..]).map(BTreeSet::len), Some(25));
    }
}
