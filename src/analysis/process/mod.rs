//! Rules about processes, their identity and ancestry (`PROC`): a file each, listed here.

mod kernel_thread_lookalike;

use super::Rule;

/// The rules, by id.
pub(super) const RULES: &[&Rule] = &[&kernel_thread_lookalike::RULE];
