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

    /// The same sieve, which also finds some bytes wherever they are. Their kinds come after its own. `None` if it cannot; the
    /// bytes are then looked for by themselves.
    fn also(&self, _literals: &[&[u8]]) -> Option<Arc<dyn Sieve>> {
        None
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

/// A sieve as the search uses it.
#[derive(Clone, Debug)]
pub(super) struct Sifter {
    sieve: Arc<dyn Sieve>,
    /// The number of the pattern of its first kind.
    first: usize,
    /// Number of its own kinds.
    kinds: usize,
    /// The literals that it also finds, by the numbers of their patterns.
    literals: Vec<usize>,
}

impl Sifter {
    /// A sieve whose first kind is a pattern.
    pub(super) fn new(sieve: &Arc<dyn Sieve>, first: usize) -> Self {
        Sifter { sieve: Arc::clone(sieve), first, kinds: sieve.kinds(), literals: Vec::new() }
    }

    /// Bytes behind a place that a thing which begins there may have.
    pub(super) fn reach(&self) -> usize {
        self.sieve.reach()
    }

    /// Whether it also finds literals from now on, given with the numbers of their patterns.
    pub(super) fn take(&mut self, literals: &[(usize, &[u8])]) -> bool {
        let bytes: Vec<&[u8]> = literals.iter().map(|(_, bytes)| *bytes).collect();
        let taken = self.sieve.also(&bytes);
        if let Some(sieve) = taken {
            self.sieve = sieve;
            self.literals = literals.iter().map(|(number, _)| *number).collect();
            return true;
        }
        false
    }

    /// Calls `each` with the pattern and the range of everything it finds, and with at most `most` literals.
    pub(super) fn find(
        &self,
        bytes: &[u8],
        span: Range<usize>,
        most: usize,
        each: &mut dyn FnMut(usize, Range<usize>),
    ) {
        let mut literals = 0_usize;
        self.sieve.find(bytes, span, &mut |kind, range| match kind.checked_sub(self.kinds) {
            None => each(self.first.saturating_add(kind), range),
            Some(literal) if literals < most => {
                if let Some(pattern) = self.literals.get(literal) {
                    literals = literals.saturating_add(1);
                    each(*pattern, range);
                }
            }
            Some(_) => {}
        });
    }
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
