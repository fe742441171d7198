//! Rules about the contents and layout of memory (`MEM`): a file each, listed here.

mod anonymous_elf;

use super::Rule;

/// The rules, by id.
pub(super) const RULES: &[&Rule] = &[&anonymous_elf::RULE];
