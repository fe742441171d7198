//! What the rules read of memory. It is known before an archive is read, so memory is read once: pages of a compressed
//! archive are kept or searched while they are inflated.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use super::rules;
use crate::Checkpoint;
pub use crate::memory::Region;
use crate::memory::{EarlySearch, Found, Keep, Matcher, Memory, SearchOptions};
use crate::model::ids::Pid;

/// Bytes around a hit that are kept with it.
const CONTEXT: u64 = 4096;
/// Most hits of all patterns together.
const HITS_MOST: u64 = 100_000;

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

/// The patterns of all rules, each once.
fn patterns() -> Vec<Pattern> {
    let mut all: Vec<Pattern> = rules::all().flat_map(|rule| rule.patterns.iter().copied()).collect();
    all.sort_by_key(|pattern| pattern.bytes);
    all.dedup();
    all
}

fn matcher() -> Option<&'static (Vec<Pattern>, Arc<Matcher>)> {
    static MATCHER: OnceLock<Option<(Vec<Pattern>, Arc<Matcher>)>> = OnceLock::new();
    let make = || {
        let all = patterns();
        let wanted: Result<Vec<_>, _> = all
            .iter()
            .map(|pattern| crate::memory::Pattern::bytes(&pattern.bytes.escape_ascii().to_string(), pattern.bytes))
            .collect();
        let matcher = Matcher::new(&wanted.ok()?).ok()?;
        Some((all, Arc::new(matcher)))
    };
    MATCHER.get_or_init(make).as_ref().filter(|(all, _)| !all.is_empty())
}

fn options() -> SearchOptions {
    SearchOptions { most: HITS_MOST, ..SearchOptions::default() }
}

/// What is kept of an archive that is read as a stream for the rules.
pub const KEEP: Keep = Keep::Evidence;

/// The search for the patterns of all rules, for [`Options::search`](crate::Options::search).
pub fn early_search() -> Option<EarlySearch> {
    let (_, matcher) = matcher()?;
    Some(EarlySearch { matcher: Arc::clone(matcher), options: options(), context: CONTEXT })
}

/// The memory that was searched for the patterns, with their hits and the bytes around them.
pub(super) fn searched(checkpoint: &Checkpoint) -> Option<&Memory> {
    let (_, matcher) = matcher()?;
    Some(checkpoint.searched_memory(matcher, CONTEXT))
}

/// Where the patterns were found.
#[derive(Debug, Default)]
pub struct Hits {
    by_pattern: HashMap<&'static [u8], Vec<Found>>,
    /// Whether there are more hits than the limit.
    pub more: bool,
    /// Recorded bytes that could not be searched.
    pub unread: u64,
}

impl Hits {
    /// Searches all memory, unless that was done while the archive was inflated.
    pub(super) fn search(checkpoint: &Checkpoint) -> Self {
        let Some((patterns, matcher)) = matcher() else { return Hits::default() };
        let found = checkpoint.memory().search(matcher, &options());
        let mut hits = Hits { more: found.more, unread: found.unread, ..Hits::default() };
        for one in found.found {
            if let Some(pattern) = patterns.get(one.pattern) {
                hits.by_pattern.entry(pattern.bytes).or_default().push(one);
            }
        }
        hits
    }

    /// The hits of a pattern, by process and address.
    pub fn of(&self, pattern: &Pattern) -> &[Found] {
        self.by_pattern.get(pattern.bytes).map_or(&[], Vec::as_slice)
    }

    /// The hits of a pattern in a process, by address.
    pub fn within(&self, pattern: &Pattern, pid: Pid) -> impl Iterator<Item = &Found> {
        let all = self.of(pattern);
        let from = all.partition_point(|found| found.pid < pid);
        all.get(from..).unwrap_or_default().iter().take_while(move |found| found.pid == pid)
    }
}
