//! What the rules together read of memory. It is known before an archive is read, so memory is read once: pages of a
//! compressed archive are kept or searched while they are inflated.

use std::sync::Arc;

use super::hits::Search;
use super::{Brought, Facts, rules};
use crate::Checkpoint;
use crate::memory::{EarlySearch, Keep};

/// What is kept of an archive that is read as a stream for the rules.
pub const KEEP: Keep = Keep::Evidence;

/// What is kept for the rules and for what was brought.
pub fn keep(brought: &Brought) -> Keep {
    if brought.reads_everything() { Keep::Everything } else { KEEP }
}

/// The search for the patterns of all rules, for secrets, and for what was brought. `None` if there is nothing to look for.
pub(super) fn search(brought: &Brought) -> Option<Arc<Search>> {
    brought.search(|| {
        let own = rules::all().flat_map(|rule| rule.patterns.iter().map(|pattern| pattern.bytes.to_vec()));
        Search::new(own.collect(), brought.sieves())
    })
}

/// What rules look at in a checkpoint.
pub(super) fn facts(checkpoint: &Checkpoint) -> Facts<'_> {
    let brought = Brought::of(checkpoint);
    let search = search(&brought);
    Facts::new(checkpoint, brought, search)
}

/// The same search, for [`Options::search`](crate::Options::search).
pub fn early_search(brought: &Brought) -> Option<EarlySearch> {
    search(brought).map(|search| search.early())
}
