//! Rules about sockets and traffic (`NET`): a file each, listed here.

use super::Rule;

/// The rules, by id.
pub(super) const RULES: &[&Rule] = &[];
