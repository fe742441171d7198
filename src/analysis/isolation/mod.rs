//! Rules about how the container is confined (`CTR`): a file each, listed here.

use super::Rule;

/// The rules, by id.
pub(super) const RULES: &[&Rule] = &[];
