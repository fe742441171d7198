//! The detectors as a part of the one search of memory.

use std::ops::Range;
use std::sync::Arc;

use super::engine::{Engine, REACH};
use crate::memory;

/// The detectors, as the search of memory calls them. Behind the kinds of the detectors is one for blocks that were not
/// searched to their end.
#[derive(Debug)]
pub(crate) struct Sieve(pub(crate) Arc<Engine>);

impl memory::Sieve for Sieve {
    fn kinds(&self) -> usize {
        self.0.count().saturating_add(1)
    }

    fn reach(&self) -> usize {
        REACH
    }

    fn also(&self, literals: &[&[u8]]) -> Option<Arc<dyn memory::Sieve>> {
        let engine = self.0.with_literals(literals)?;
        Some(Arc::new(Sieve(Arc::new(engine))))
    }

    fn find(&self, bytes: &[u8], span: Range<usize>, each: &mut dyn FnMut(usize, Range<usize>)) {
        let start = span.start;
        // The number of what is no detector is the number of a literal, and comes behind that one.
        let kind = |number: usize| number.saturating_add(usize::from(number >= self.0.count()));
        let tired = self.0.raw(bytes, span, true, &mut |number, found, _| each(kind(number), found.span));
        if tired.0 {
            each(self.0.count(), start..start.saturating_add(1));
        }
    }
}
