//! SEC-002: a secret in an environment.

use super::super::card::rule;
use super::super::secrets::value::Context;
use super::super::words::shown;
use super::super::{Facts, Next, Report, Subject};
use super::{each_value, finding, named, pids, titles};

rule! {
    /// A password, key or token in an environment variable. That is how most containers get their credentials, and
    /// everything that they start inherits them. It is a list of what to change after a compromise.
    "SEC-002", secret_in_environment, version 1, Secrets, Stable, Low,
    title: "A secret is in the environment",
    why: "All programs that the container starts inherit it, those of an attacker too.",
    benign: ["The usual way to give a container its credentials; a mounted file is seen by fewer programs."],
    attack: ["T1552.007"],
    cost: Memory,
    tags: ["credential"],
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let rule = report.rule();
    each_value(facts, report, |secret, report| {
        let Some(site) = secret.sites.iter().find(|site| site.context == Context::Environment) else { return false };
        let all = pids(secret, &[Context::Environment]);
        let Some(first) = all.first() else { return false };
        let variable = site.variable.clone().unwrap_or_default();
        let name = shown(&variable);
        let found = finding(facts, rule, secret, Subject::Process(*first), &[Context::Environment])
            .sentence(format!("The variable {name} of {} has a secret: {}.", titles(facts, &all), named(secret)))
            .next(Next::rows_where("secrets", "variable", variable.to_string()));
        report.add(found);
        true
    });
}
