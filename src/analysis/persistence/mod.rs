//! Rules about means to come back (`PERS`): a file each, listed here.

use super::Rule;

/// The rules, by id.
pub(super) const RULES: &[&Rule] = &[];
