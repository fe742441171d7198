//! Parts of memory and bytes that rules declare, and where the bytes were found.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::Checkpoint;
pub use crate::memory::Region;
use crate::memory::{EarlySearch, Found, Matcher, Memory, SearchOptions, Sieve};
use crate::model::ids::Pid;

/// Bytes around a hit that are kept with it.
const CONTEXT: u64 = 4096;
/// Most hits of all patterns together.
const HITS_MOST: u64 = 100_000;
/// The same if words of lists of indicators, which may be many, are among them.
const HITS_WITH_WORDS: u64 = 400_000;

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

/// What a sieve of the search looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Sought {
    /// Secrets, by their detectors.
    Secrets,
    /// Words of the lists of indicators.
    Words,
}

/// A search for patterns, which is the same for every checkpoint.
#[derive(Debug)]
pub(super) struct Search {
    patterns: Vec<Vec<u8>>,
    /// What the sieves look for, with the numbers of their kinds among all patterns.
    sieves: Vec<(Sought, Range<usize>)>,
    matcher: Arc<Matcher>,
}

impl Search {
    /// Prepares a search for bytes, and for what sieves find. `None` if there is nothing to search for.
    pub(super) fn new(mut patterns: Vec<Vec<u8>>, sieves: Vec<(Sought, Arc<dyn Sieve>)>) -> Option<Self> {
        patterns.sort_unstable();
        patterns.dedup();
        let name = |bytes: &[u8]| bytes.escape_ascii().to_string();
        let wanted: Result<Vec<_>, _> =
            patterns.iter().map(|bytes| crate::memory::Pattern::bytes(&name(bytes), bytes)).collect();
        let mut wanted = wanted.ok()?;
        let mut numbers = Vec::new();
        for (sought, sieve) in sieves {
            let first = wanted.len();
            wanted.extend(crate::memory::Pattern::kinds("kind", &sieve));
            numbers.push((sought, first..wanted.len()));
        }
        if wanted.is_empty() {
            return None;
        }
        Some(Search { matcher: Arc::new(Matcher::new(&wanted).ok()?), patterns, sieves: numbers })
    }

    /// What a pattern beyond the bytes is for: the sieve, and the kind.
    fn kind(&self, pattern: usize) -> Option<(Sought, usize)> {
        let (sought, range) = self.sieves.iter().find(|(_, range)| range.contains(&pattern))?;
        Some((*sought, pattern.saturating_sub(range.start)))
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
        let has_words = self.sieves.iter().any(|(sought, _)| *sought == Sought::Words);
        SearchOptions { most: if has_words { HITS_WITH_WORDS } else { HITS_MOST }, ..SearchOptions::default() }
    }
}

/// Where the patterns were found.
#[derive(Debug, Default)]
pub struct Hits {
    by_pattern: HashMap<Vec<u8>, Vec<Found>>,
    /// What the sieves found, by kind.
    by_kind: HashMap<(Sought, usize), Vec<Found>>,
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
                if let Some(kind) = search.kind(one.pattern) {
                    hits.by_kind.entry(kind).or_default().push(one);
                }
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

    /// What a sieve found of a kind, by process and address.
    pub(super) fn of_kind(&self, sought: Sought, kind: usize) -> &[Found] {
        self.by_kind.get(&(sought, kind)).map_or(&[], Vec::as_slice)
    }

    /// Whether there may be more of a kind of secret than was kept.
    pub(super) fn is_full(&self, kind: usize) -> bool {
        let of_secrets = self.by_kind.iter().filter(|((sought, _), _)| *sought == Sought::Secrets);
        let all = of_secrets.map(|(_, found)| found.len()).fold(0, usize::saturating_add);
        let here = self.of_kind(Sought::Secrets, kind).len();
        here >= crate::memory::SIEVED_EACH || all >= crate::memory::SIEVED_ALL && here > 0
    }

    /// The hits of a pattern in a process, by address.
    pub fn within(&self, pattern: &Pattern, pid: Pid) -> impl Iterator<Item = &Found> {
        let all = self.of(pattern);
        let from = all.partition_point(|found| found.pid < pid);
        all.get(from..).unwrap_or_default().iter().take_while(move |found| found.pid == pid)
    }
}
