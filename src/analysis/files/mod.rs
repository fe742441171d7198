//! Rules about changed, deleted and hidden files (`FS`): a file each, listed here.

use super::Rule;

/// The rules, by id.
pub(super) const RULES: &[&Rule] = &[];
