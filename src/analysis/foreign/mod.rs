//! Rules of others, which the user brings, and our own YARA rules: what they are run over, and the findings that rest on
//! them.

mod sigma_events;
mod sigma_match;
mod yara_builtin;
mod yara_database;
mod yara_findings;
mod yara_match;
mod yara_scan;
mod yara_targets;

use super::{Brought, Rule};
pub(super) use yara_scan::{Matched, Matches};
pub(super) use yara_targets::Target;

/// The rules, by id.
pub(super) const RULES: &[&Rule] = &[&yara_match::RULE, &yara_builtin::RULE, &sigma_match::RULE];

/// Whether what a rule needs was brought. A rule without it does not run and is not in the coverage.
pub(super) fn serves(brought: &Brought, rule: &Rule) -> bool {
    let has_yara = |is_builtin: bool| brought.yara().is_some_and(|rules| rules.has(is_builtin));
    match rule.id {
        "YARA-001" => has_yara(false),
        "YARA-002" => has_yara(true),
        "SIGMA-001" => brought.sigma().is_some(),
        _ => true,
    }
}
