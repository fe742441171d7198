//! Compares the indicators that the user brought with everything that a checkpoint has. A match is a *contact* if the thing
//! itself is here: a socket, a tracked connection, a file with that content, a program. It is *text* if only a string says its
//! name.

mod find;
mod indicator_contact;
mod indicator_text;
pub(super) mod keys;
mod places;

pub use self::find::{How, Match, Matches};
use std::sync::Arc;

use self::find::Collector;
use super::{Facts, Rule};

/// The rules, by id.
pub(super) const RULES: &[&Rule] = &[&indicator_contact::RULE, &indicator_text::RULE];

impl Matches {
    /// Compares the indicators that were brought with a checkpoint. That is done once.
    pub fn of(facts: &Facts<'_>) -> Arc<Matches> {
        facts.checkpoint().attached(|| match facts.brought().indicators() {
            Some(indicators) => {
                let mut collector = Collector::new(facts, indicators);
                places::network(&mut collector);
                places::processes(&mut collector);
                places::files(&mut collector);
                places::images(&mut collector);
                places::texts(&mut collector);
                places::memory(&mut collector);
                collector.finish()
            }
            None => Matches::default(),
        })
    }
}
