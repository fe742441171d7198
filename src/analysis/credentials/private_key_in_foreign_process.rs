//! SEC-005: a private key where none belongs.

use super::super::card::rule;
use super::super::secrets::value::Context;
use super::super::{Facts, Report, Subject};
use super::{each_value, finding, is_foreign, named, pids, titles};

rule! {
    /// A private key in the memory of a shell, or of a program that was put into the container later. Servers and
    /// clients of TLS and SSH hold their keys, and so do runtimes that applications run in; they do not count. A shell
    /// has a key in memory when somebody printed or copied it.
    "SEC-005", private_key_in_foreign_process, version 1, Secrets, Incubating, Medium,
    title: "A private key is in a process that should not have it",
    why: "Somebody read the key, and can now pretend to be the service.",
    benign: ["A start script that writes the key of the service from a variable to a file; the key is then in its environment."],
    attack: ["T1552.004"],
    cost: Memory,
    tags: ["credential"],
    check: check,
}

const WANTED: [Context; 3] = [Context::Memory, Context::SharedMemory, Context::DeletedFile];
const KEYS: [&str; 4] = ["private-key", "der-private-key", "openssh-private-key", "putty-private-key"];

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let rule = report.rule();
    each_value(facts, report, |secret, report| {
        if !KEYS.contains(&secret.id.as_str()) {
            return false;
        }
        // A variable is how start scripts get keys.
        if secret.sites.iter().any(|site| matches!(site.context, Context::Environment | Context::Specification)) {
            report.skip();
            return false;
        }
        let is_wrong = |pid: &crate::model::ids::Pid| {
            facts.process(*pid).is_some_and(|process| {
                is_foreign(facts, process) || process.is_shell() && !facts.is_of_entry_point(process)
            })
        };
        let wrong: Vec<_> = pids(secret, &WANTED).into_iter().filter(is_wrong).collect();
        let Some(first) = wrong.first() else { return false };
        let found = finding(facts, rule, secret, Subject::Process(*first), &WANTED).sentence(format!(
            "A private key is in the memory of {}: {}.",
            titles(facts, &wrong),
            named(secret)
        ));
        report.add(found);
        true
    });
}
