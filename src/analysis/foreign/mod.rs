//! Rules of others, which the user brings, and our own YARA rules: what they are run over, and the findings that rest on
//! them.

mod sigma_events;
mod sigma_match;
mod yara_builtin;
mod yara_database;
mod yara_findings;
mod yara_images;
mod yara_match;
mod yara_matches;
mod yara_memory;
mod yara_scan;
mod yara_targets;

use super::Rule;
pub(super) use yara_matches::{Matched, Matches};
pub(super) use yara_targets::Target;

/// The rules, by id.
pub(super) const RULES: &[&Rule] = &[&yara_match::RULE, &yara_builtin::RULE, &sigma_match::RULE];
