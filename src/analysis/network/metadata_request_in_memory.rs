//! NET-019: a request that made the service ask for the machine's credentials.

use bstr::ByteSlice;

use super::super::card::rule;
use super::super::facts::{Facts, ProcessFacts};
use super::super::hits::Pattern;
use super::super::traffic::program;
use super::super::words::shown_within;
use super::super::{Confidence, Evidence, Finding, Link, Next, Report, Severity, Subject};

rule! {
    /// The memory of a process has a request whose parameter is the address of the cloud's metadata service
    /// (`?url=http://169.254.169.254/…`): somebody tried to make the service fetch it. It is low by itself, as scanners send
    /// such requests to every server on the internet. It is high if the same memory has an answer of the metadata service with
    /// credentials. An answer alone is what a library of the cloud leaves, and is passed over.
    "NET-019", metadata_request_in_memory, version 1, Network, Incubating, High,
    title: "A request tried to fetch the machine's credentials",
    why: "With an answer, whoever sent the request has the credentials of the machine.",
    benign: ["Scanners on the internet send such requests to every server; without an answer they found nothing."],
    attack: ["T1552.005", "T1190"],
    cost: Memory,
    tags: ["credential", "cloud"],
    patterns: [Pattern::text("169.254.169.254"), Pattern::text("\"SecretAccessKey\"")],
    check: check,
}

/// Bytes before and after a hit that are looked at.
const AROUND: u64 = 512;
/// Most hits of a pattern in a process that are looked at.
const HITS_MOST: usize = 200;

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let [address, secret] = RULE.patterns else { return };
    for process in facts.living() {
        if !report.look() {
            return;
        }
        let pid = process.pid();
        let mut requests = facts.hits().within(address, pid).take(HITS_MOST);
        let request = requests.find_map(|hit| {
            let (before, after) = around(facts, process, hit.address)?;
            let token = request(&before, &after)?;
            let evidence = Evidence::memory(facts, pid, hit.address, hit.len);
            Some((token.clone(), evidence.with_text(token)))
        });
        let mut answers = facts.hits().within(secret, pid).take(HITS_MOST);
        let answer = answers.find_map(|hit| {
            let (before, after) = around(facts, process, hit.address)?;
            // The secret itself is not shown.
            let evidence = Evidence::memory(facts, pid, hit.address, hit.len);
            is_answer(&before, &after)
                .then(|| evidence.with_note("an answer of the metadata service, with credentials"))
        });
        let Some((token, evidence)) = request else {
            if answer.is_some() {
                report.skip();
            }
            continue;
        };
        let has_answer = answer.is_some();
        let mut finding = Finding::new(&RULE, Subject::Process(pid))
            .severity(if has_answer { Severity::High } else { Severity::Low })
            .confidence(if has_answer { Confidence::High } else { Confidence::Medium })
            .identity([program(process), process.name().into()])
            .sentence(format!(
                "The memory of process {pid} ({}) has the request {}{}.",
                shown_within(process.name(), 20),
                shown_within(&token, 100),
                if has_answer { ", and an answer of the metadata service with credentials" } else { "" }
            ))
            .benign(if has_answer {
                "A test of the own service may have done this. Change the credentials all the same."
            } else {
                "A scanner on the internet may have sent it; no answer was found."
            })
            .next(Next::rows_of("process_memory_map", pid))
            .link(Link::Path(program(process)))
            .evidence(evidence);
        if let Some(answer) = answer {
            finding = finding.evidence(answer);
        }
        report.add(finding);
    }
}

/// The bytes before and after an address.
fn around(facts: &Facts<'_>, process: &ProcessFacts<'_>, address: u64) -> Option<(Vec<u8>, Vec<u8>)> {
    let space = facts.space_of_hits(process.pid())?;
    let from = address.saturating_sub(AROUND);
    let before = space.read(from, address.saturating_sub(from)).map(std::borrow::Cow::into_owned).unwrap_or_default();
    let after = space.read(address, AROUND).map(std::borrow::Cow::into_owned).unwrap_or_default();
    Some((before, after))
}

/// The request that an address is a parameter of: a path with `?`, and the address as a value behind `=`.
fn request(before: &[u8], after: &[u8]) -> Option<Vec<u8>> {
    let in_token = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'`');
    let start = before.iter().rposition(|byte| !in_token(byte)).map_or(0, |at| at.saturating_add(1));
    let head = before.get(start..)?;
    let end = after.iter().position(|byte| !in_token(byte)).unwrap_or(after.len());
    let tail = after.get(..end)?;
    let is_value = ["=http://", "=https://", "=http%3A%2F%2F", "=http%3a%2f%2f", "=", "=gopher://", "=//"]
        .iter()
        .any(|start| head.ends_with(start.as_bytes()));
    (is_value && head.contains(&b'?') && head.find_byte(b'/').is_some()).then(|| [head, tail].concat())
}

/// Whether the name of the secret stands in an answer with credentials: all its parts are there, and the secret has its length.
fn is_answer(before: &[u8], after: &[u8]) -> bool {
    let near = |word: &str| before.contains_str(word) || after.contains_str(word);
    let value = after.splitn_str(4, "\"").nth(3).and_then(|rest| rest.split_str("\"").next()).unwrap_or_default();
    let is_secret = value.len() >= 20 && value.iter().all(u8::is_ascii_graphic);
    is_secret && near("\"AccessKeyId\"") && near("\"Token\"") && near("\"Expiration\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_with_the_address_is_a_request() {
        let found = request(b"GET /fetch?url=http://", b"169.254.169.254/latest/meta-data/iam HTTP/1.1");
        assert_eq!(found.unwrap(), b"/fetch?url=http://169.254.169.254/latest/meta-data/iam");
        assert!(request(b"/f?u=http%3A%2F%2F", b"169.254.169.254%2F").is_some());
        for before in [&b"http://"[..], b"AWS_METADATA=http://", b"no_proxy=", b"is this it? http://"] {
            assert_eq!(request(before, b"169.254.169.254/"), None, "{}", before.as_bstr());
        }
    }

    #[test]
    fn an_answer_has_all_parts_and_a_secret() {
        let after = br#""SecretAccessKey" : "0123456789012345678901234567", "Token" : "x", "Expiration" : "2026""#;
        assert!(is_answer(br#""AccessKeyId" : "ASIA","#, after));
        assert!(!is_answer(
            br#""AccessKeyId":{"shape":"x"},"#,
            br#""SecretAccessKey":{"shape":"y"},"Token":{},"Expiration":{}"#
        ));
    }
}
