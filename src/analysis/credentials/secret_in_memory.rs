//! SEC-001: a secret in memory.

use super::super::card::rule;
use super::super::secrets::value::Context;
use super::super::{Facts, Report, Severity, Subject};
use super::{each_value, finding, holders, is_foreign, named, pids, titles};

rule! {
    /// A password, key or token in the memory of a process, or in a queue between processes. Programs hold the
    /// credentials that they use, so this is information: it is the list of what is burnt if the container was
    /// compromised. It is worse if a process that is none of the container's own has a value that its services have,
    /// too: somebody took it.
    "SEC-001", secret_in_memory, version 1, Secrets, Stable, Info,
    title: "A secret is in memory",
    why: "Whoever controls the process, or has this archive, has the secret.",
    benign: ["Programs hold the credentials that they use."],
    attack: ["T1552"],
    cost: Memory,
    tags: ["credential"],
    check: check,
}

const WANTED: [Context; 3] = [Context::Memory, Context::SharedMemory, Context::Queue];

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let rule = report.rule();
    each_value(facts, report, |secret, report| {
        if !secret.sites.iter().any(|site| WANTED.contains(&site.context)) {
            return false;
        }
        let all = pids(secret, &WANTED);
        let foreign: Vec<_> = all
            .iter()
            .copied()
            .filter(|pid| facts.process(*pid).is_some_and(|process| is_foreign(facts, process)))
            .collect();
        // A child has what its parent had. Only what a process holds by itself was taken.
        let is_inherited = secret.sites.iter().any(|site| {
            matches!(site.context, Context::Environment) && site.pid.is_some_and(|pid| foreign.contains(&pid))
        });
        let is_shared = secret.holders.keys().any(|pid| !foreign.contains(pid))
            || secret.sites.iter().any(|site| site.context.is_file() || site.context == Context::Specification);
        let is_taken = !foreign.is_empty() && is_shared && !is_inherited;
        let first = if is_taken { foreign.first() } else { all.first() };
        let subject = first.map_or(Subject::Archive, |pid| Subject::Process(*pid));
        let found = finding(facts, rule, secret, subject, &WANTED);
        let what = named(secret);
        let found = if is_taken {
            let who = titles(facts, &foreign);
            let sentence = format!("{who} holds a secret of the container's services: {what}.{}", holders(secret));
            found.severity(Severity::Medium).sentence(capital(&sentence))
        } else if all.is_empty() {
            found.sentence(format!("{what} is in a queue."))
        } else {
            found.sentence(format!("{what} is in the memory of {}.{}", titles(facts, &all), holders(secret)))
        };
        report.add(found);
        true
    });
}

/// The first letter in upper case.
fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
