//! What the rules together read of memory. It is known before an archive is read, so memory is read once: pages of a
//! compressed archive are kept or searched while they are inflated.

use std::sync::OnceLock;

use super::hits::Search;
use super::rules;
use crate::memory::{EarlySearch, Keep};

/// What is kept of an archive that is read as a stream for the rules.
pub const KEEP: Keep = Keep::Evidence;

/// The search for the patterns of all rules.
pub(super) fn search() -> Option<&'static Search> {
    static SEARCH: OnceLock<Option<Search>> = OnceLock::new();
    let make = || Search::new(rules::all().flat_map(|rule| rule.patterns.iter().copied()).collect());
    SEARCH.get_or_init(make).as_ref()
}

/// The same search, for [`Options::search`](crate::Options::search).
pub fn early_search() -> Option<EarlySearch> {
    search().map(Search::early)
}
