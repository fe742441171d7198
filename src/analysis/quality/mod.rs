//! Rules about the quality of the archive as evidence (`EVD`): a file each, listed here.

use super::Rule;

/// The rules, by id.
pub(super) const RULES: &[&Rule] = &[];
