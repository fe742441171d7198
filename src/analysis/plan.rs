//! What the rules together read of memory. It is known before an archive is read, so memory is read once: pages of a
//! compressed archive are kept or searched while they are inflated.

use std::sync::Arc;

use super::hits::Search;
use super::{Brought, rules};
use crate::memory::{EarlySearch, Keep, Sieve};

/// What is kept of an archive that is read as a stream for the rules.
pub const KEEP: Keep = Keep::Evidence;

/// The search for the patterns of all rules, for others, and for what a sieve finds. `None` if there is nothing to look
/// for.
pub(super) fn search(more: Vec<Vec<u8>>, sieve: Option<&Arc<dyn Sieve>>) -> Option<Search> {
    let own = rules::all().flat_map(|rule| rule.patterns.iter().map(|pattern| pattern.bytes.to_vec()));
    Search::new(own.chain(more).collect(), sieve)
}

/// The search for all patterns of rules and of what was brought, for [`Options::search`](crate::Options::search).
pub fn early_search(brought: &Brought) -> Option<EarlySearch> {
    brought.search().map(|search| search.early())
}
