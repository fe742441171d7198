//! Parts of memory and bytes that rules declare, and where the bytes were found.

use std::collections::HashMap;
use std::sync::Arc;

use crate::Checkpoint;
pub use crate::memory::Region;
use crate::memory::{EarlySearch, Finder, Found, Matcher, Memory, SearchOptions};
use crate::model::ids::Pid;

/// Bytes around a hit that are kept with it.
const CONTEXT: u64 = 4096;
/// Most hits of all patterns together.
const HITS_MOST: u64 = 100_000;
/// Most hits if there is a finder, whose words may be many.
const HITS_WITH_FINDER: u64 = 400_000;

/// Bytes that a rule looks for in all memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The bytes, at least four. Rare ones cost less.
    pub bytes: &'static [u8],
}

impl Pattern {
    /// A pattern of ASCII text.
    pub const fn text(text: &'static str) -> Self {
        Pattern { bytes: text.as_bytes() }
    }
}

/// A search for patterns, which is the same for every checkpoint.
#[derive(Debug)]
pub(super) struct Search {
    patterns: Vec<Vec<u8>>,
    has_finder: bool,
    matcher: Arc<Matcher>,
}

impl Search {
    /// Prepares a search. `None` if there is nothing to search for.
    pub(super) fn new(mut patterns: Vec<Vec<u8>>, finder: Option<Arc<dyn Finder>>) -> Option<Self> {
        patterns.sort_unstable();
        patterns.dedup();
        let name = |bytes: &[u8]| bytes.escape_ascii().to_string();
        let wanted: Result<Vec<_>, _> =
            patterns.iter().map(|bytes| crate::memory::Pattern::bytes(&name(bytes), bytes)).collect();
        let has_finder = finder.is_some();
        // The finder comes behind the patterns, whose numbers are places in the list.
        let finder = finder.map(|finder| crate::memory::Pattern::found_by("words of lists", finder));
        let wanted: Vec<_> = wanted.ok()?.into_iter().chain(finder).collect();
        if wanted.is_empty() {
            return None;
        }
        Some(Search { matcher: Arc::new(Matcher::new(&wanted).ok()?), patterns, has_finder })
    }

    /// The search, to be made while an archive is inflated.
    pub(super) fn early(&self) -> EarlySearch {
        EarlySearch { matcher: Arc::clone(&self.matcher), options: self.options(), context: CONTEXT }
    }

    /// The memory that was searched, with the hits and the bytes around them.
    pub(super) fn memory<'c>(&self, checkpoint: &'c Checkpoint) -> &'c Memory {
        checkpoint.searched_memory(&self.matcher, CONTEXT)
    }

    fn options(&self) -> SearchOptions {
        let most = if self.has_finder { HITS_WITH_FINDER } else { HITS_MOST };
        SearchOptions { most, ..SearchOptions::default() }
    }
}

/// Where the patterns were found.
#[derive(Debug, Default)]
pub struct Hits {
    by_pattern: HashMap<Vec<u8>, Vec<Found>>,
    by_finder: Vec<Found>,
    /// Whether there are more hits than the limit.
    pub more: bool,
    /// Recorded bytes that could not be searched.
    pub unread: u64,
}

impl Hits {
    /// Searches all memory, unless that was done while the archive was inflated.
    pub(super) fn find(checkpoint: &Checkpoint, search: &Search) -> Self {
        let found = checkpoint.memory().search(&search.matcher, &search.options());
        let mut hits = Hits { more: found.more, unread: found.unread, ..Hits::default() };
        for one in found.found {
            let Some(bytes) = search.patterns.get(one.pattern) else {
                hits.by_finder.push(one);
                continue;
            };
            match hits.by_pattern.get_mut(bytes) {
                Some(all) => all.push(one),
                None => drop(hits.by_pattern.insert(bytes.clone(), vec![one])),
            }
        }
        hits
    }

    /// The hits of a pattern, by process and address.
    pub fn of(&self, pattern: &Pattern) -> &[Found] {
        self.of_bytes(pattern.bytes)
    }

    /// The hits of bytes that were searched for, by process and address.
    pub fn of_bytes(&self, bytes: &[u8]) -> &[Found] {
        self.by_pattern.get(bytes).map_or(&[], Vec::as_slice)
    }

    /// What the finder of the lists of indicators found, by process and address.
    pub fn of_finder(&self) -> &[Found] {
        &self.by_finder
    }

    /// The hits of a pattern in a process, by address.
    pub fn within(&self, pattern: &Pattern, pid: Pid) -> impl Iterator<Item = &Found> {
        let all = self.of(pattern);
        let from = all.partition_point(|found| found.pid < pid);
        all.get(from..).unwrap_or_default().iter().take_while(move |found| found.pid == pid)
    }
}
