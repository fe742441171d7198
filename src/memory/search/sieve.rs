//! A search that a caller makes by itself: it looks at each block once, with the others, and says what it found there.

use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

/// Finds things of several kinds in bytes.
pub trait Sieve: Debug + Send + Sync {
    /// Number of kinds.
    fn kinds(&self) -> usize;

    /// Bytes behind a place that a thing which begins there may have.
    fn reach(&self) -> usize;

    /// Most things of a kind that are kept.
    fn most(&self) -> usize {
        EACH
    }

    /// Bytes before and behind a thing that are kept with it, if not all of memory is.
    fn context(&self) -> u64 {
        128
    }

    /// Calls `each` with the kind and the range of each thing that begins in a span of the bytes. What is before and
    /// behind the span is there to be looked at.
    fn find(&self, bytes: &[u8], span: Range<usize>, each: &mut dyn FnMut(usize, Range<usize>));
}

/// One kind of a sieve, as a pattern. Two are the same if they are of the same sieve.
#[derive(Clone, Debug)]
pub(super) struct Kind {
    pub(super) sieve: Arc<dyn Sieve>,
    pub(super) number: usize,
}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.sieve, &other.sieve) && self.number == other.number
    }
}

impl Eq for Kind {}

/// How many things of one kind, and of all kinds together, are kept.
pub(crate) const EACH: usize = 10_000;
pub(crate) const ALL: usize = 40_000;

/// Counts things, so that those of one kind leave room for others.
#[derive(Debug, Default)]
pub(super) struct Room {
    of_kind: std::collections::HashMap<usize, usize>,
    all: usize,
}

impl Room {
    /// Whether there is room for one more of a kind, given by its pattern's number, of which `most` are kept.
    pub(super) fn take(&mut self, pattern: usize, most: usize) -> bool {
        let count = self.of_kind.entry(pattern).or_default();
        if *count >= most || most <= EACH && self.all >= ALL {
            return false;
        }
        *count = count.saturating_add(1);
        true
    }

    /// Whether there is room for one more, which is then kept.
    pub(super) fn keep(&mut self, pattern: usize, most: usize) -> bool {
        let is_room = self.take(pattern, most);
        self.charge(usize::from(is_room), most);
        is_room
    }

    /// Counts what was kept of a kind of which `most` are kept. Kinds with a limit of their own leave the others theirs.
    pub(super) fn charge(&mut self, kept: usize, most: usize) {
        if most <= EACH {
            self.all = self.all.saturating_add(kept);
        }
    }
}
