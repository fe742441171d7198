//! SEC-008: keys in use.

use super::super::card::rule;
use super::super::secrets::value::Context;
use super::super::{Facts, Report, Subject};
use super::{each_value, finding, named, pids, titles};

rule! {
    /// Keys in the form in which programs use them, told by their structure: private keys in DER, inner keys of OpenSSH,
    /// key schedules of AES, secrets of TLS sessions. Servers own theirs, so this is information: what to replace, and
    /// what recorded traffic can be read.
    "SEC-008", key_material, version 1, Secrets, Stable, Info,
    title: "Keys in use are in memory",
    why: "Whoever has this archive has the keys.",
    benign: ["Programs that encrypt or serve TLS or SSH hold their keys."],
    attack: ["T1552.004"],
    cost: Memory,
    tags: ["credential"],
    check: check,
}

const KINDS: [&str; 4] = ["der-private-key", "openssh-private-key", "aes-key-schedule", "tls-session-key"];
const WANTED: [Context; 2] = [Context::Memory, Context::SharedMemory];

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let rule = report.rule();
    each_value(facts, report, |secret, report| {
        let all = pids(secret, &WANTED);
        let Some(first) = all.first().filter(|_| KINDS.contains(&secret.id.as_str())) else { return false };
        let found = finding(facts, rule, secret, Subject::Process(*first), &WANTED).sentence(format!(
            "{} is in the memory of {}.",
            named(secret),
            titles(facts, &all)
        ));
        report.add(found);
        true
    });
}
