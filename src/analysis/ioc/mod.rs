//! Compares the indicators that the user brought with everything that a checkpoint has. A match is a *contact* if the thing
//! itself is here: a socket, a tracked connection, a file with that content, a program. It is *text* if only a string says its
//! name.

mod find;
mod indicator_contact;
mod indicator_text;
pub(super) mod keys;
mod places;

pub use self::find::{How, Match, Matches};
use super::Rule;

/// The rules, by id.
pub(super) const RULES: &[&Rule] = &[&indicator_contact::RULE, &indicator_text::RULE];
