//! SEC-006: temporary credentials of a cloud, complete.

use std::collections::BTreeMap;

use super::super::card::rule;
use super::super::secrets::value::Context;
use super::super::{Evidence, Facts, Finding, Next, Report, Severity, Subject};
use super::Secrets;
use super::is_foreign;
use crate::model::ids::Pid;

rule! {
    /// The id of a temporary key of AWS, a secret key and a session token within four kibibytes of one process's memory:
    /// an answer of the metadata service, or what a program made of it. Together they are all that is needed to act as
    /// the container's role. Programs that use AWS have them, so this is information, unless the process is none of the
    /// container's own.
    "SEC-006", cloud_credential_triplet, version 1, Secrets, Incubating, Info,
    title: "Complete temporary credentials of a cloud are in memory",
    why: "With the three parts, everybody is the container's role until they expire.",
    benign: ["Programs that use AWS get such credentials from the metadata service and keep them."],
    attack: ["T1528", "T1552.005"],
    cost: Memory,
    tags: ["credential"],
    check: check,
}

/// Bytes in which the three parts must be.
const NEAR: u64 = 4096;

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let secrets = Secrets::of(facts);
    for gap in &secrets.gaps {
        report.not_checked(gap);
    }
    // By process: the places of each part.
    let mut places: BTreeMap<Pid, [Vec<u64>; 3]> = BTreeMap::new();
    for secret in secrets.values.iter().filter(|secret| !secret.is_harmless()) {
        let part = match secret.id.as_str() {
            "aws-access-key-id" if secret.value.starts_with(b"ASIA") => 0,
            "aws-secret-access-key" => 1,
            "aws-session-token" => 2,
            _ => continue,
        };
        if !report.look() {
            break;
        }
        for site in secret.sites.iter().filter(|site| site.context == Context::Memory) {
            let (Some(pid), Some(address)) = (site.pid, site.address) else { continue };
            if let Some(list) = places.entry(pid).or_default().get_mut(part) {
                list.push(address);
            }
        }
    }
    for (pid, [ids, keys, tokens]) in places {
        let near = |list: &[u64], id: u64| list.iter().copied().find(|at| at.abs_diff(id) <= NEAR);
        let whole = ids.iter().find_map(|id| Some((*id, near(&keys, *id)?, near(&tokens, *id)?)));
        let (Some((id, key, token)), Some(process)) = (whole, facts.process(pid)) else { continue };
        let is_foreign = is_foreign(facts, process);
        let mut found = Finding::new(report.rule(), Subject::Process(pid))
            .severity(if is_foreign { Severity::Medium } else { Severity::Info })
            .sentence(format!(
                "{} holds the id of a temporary key of AWS, its secret and its session token beside each other.",
                process.title()
            ))
            .identity(process.identity())
            .next(Next::rows_where("secrets", "provider", "AWS"));
        for (address, what) in [(id, "key id"), (key, "secret key"), (token, "session token")] {
            let evidence = Evidence { kind: "bytes", pid: Some(pid), address: Some(address), ..Evidence::default() };
            found = found.evidence(evidence.with_note(what));
        }
        report.add(found);
    }
}
