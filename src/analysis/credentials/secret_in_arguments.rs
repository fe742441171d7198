//! SEC-003: a secret in a command line.

use super::super::card::rule;
use super::super::secrets::value::Context;
use super::super::{Facts, Next, Report, Subject};
use super::{each_value, finding, named, pids, titles};

rule! {
    /// A password, key or token among the arguments of a process: a URL with a password, `--password=…`, `-p…` of
    /// database clients. Every user of the container, and of the host, can read command lines.
    "SEC-003", secret_in_arguments, version 1, Secrets, Stable, Low,
    title: "A secret is in a command line",
    why: "Command lines can be read by all users, and are written to logs.",
    benign: ["Scripts that call clients with passwords; an option that reads a file avoids it."],
    attack: ["T1552.001"],
    cost: Memory,
    tags: ["credential"],
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let rule = report.rule();
    each_value(facts, report, |secret, report| {
        let all = pids(secret, &[Context::Arguments]);
        let Some(first) = all.first() else { return false };
        let found = finding(facts, rule, secret, Subject::Process(*first), &[Context::Arguments])
            .sentence(format!("The command line of {} has a secret: {}.", titles(facts, &all), named(secret)))
            .next(Next::rows_of("processes", *first));
        report.add(found);
        true
    });
}
