//! Rules about the quality of the evidence (`EVD`): a file each, listed here.

mod archive_inconsistent;
mod capture_gap;
mod tool_output_injection;

use super::Rule;

/// The rules, by id.
pub(super) const RULES: &[&Rule] = &[&archive_inconsistent::RULE, &tool_output_injection::RULE, &capture_gap::RULE];
