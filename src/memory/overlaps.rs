//! Ranges that may overlap: which of them contain another range, and what they cover together.

use std::ops::{ControlFlow, Range};

/// Ranges, each with a value. Those that contain another range are found without a look at the rest: a thousand processes
/// may see a thousand parts of one shared object.
#[derive(Debug)]
pub(crate) struct Overlaps<T> {
    /// Sorted by start. The list is a tree: the middle of a part is the root of the two halves beside it.
    sorted: Vec<(Range<u64>, T)>,
    /// The greatest end in the part of which each range is the middle.
    ends: Vec<u64>,
}

impl<T> Overlaps<T> {
    pub(crate) fn new(ranges: impl Iterator<Item = (Range<u64>, T)>) -> Self {
        let mut sorted: Vec<(Range<u64>, T)> = ranges.collect();
        sorted.sort_by_key(|(range, _)| range.start);
        let all = 0..sorted.len();
        let mut overlaps = Overlaps { ends: vec![0; all.len()], sorted };
        overlaps.fill(&all);
        overlaps
    }

    fn fill(&mut self, part: &Range<usize>) -> u64 {
        let Some((left, middle, right)) = halves(part) else { return 0 };
        let own = self.sorted.get(middle).map_or(0, |(range, _)| range.end);
        let greatest = own.max(self.fill(&left)).max(self.fill(&right));
        if let Some(end) = self.ends.get_mut(middle) {
            *end = greatest;
        }
        greatest
    }

    /// Calls `each` with every range that contains another one, by start, until it has enough.
    pub(crate) fn containing(&self, inner: &Range<u64>, each: &mut dyn FnMut(&T) -> ControlFlow<()>) {
        let _ = self.search(&(0..self.sorted.len()), inner, each);
    }

    fn search(
        &self,
        part: &Range<usize>,
        inner: &Range<u64>,
        each: &mut dyn FnMut(&T) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let Some((left, middle, right)) = halves(part) else { return ControlFlow::Continue(()) };
        if self.ends.get(middle).is_none_or(|&end| end < inner.end) {
            return ControlFlow::Continue(());
        }
        self.search(&left, inner, each)?;
        match self.sorted.get(middle) {
            Some((range, value)) if range.start <= inner.start => {
                if inner.end <= range.end {
                    each(value)?;
                }
                self.search(&right, inner, each)
            }
            // Those behind it begin no earlier.
            _ => ControlFlow::Continue(()),
        }
    }
}

/// The middle of a part, and what comes before and after it. `None` if it is empty.
fn halves(part: &Range<usize>) -> Option<(Range<usize>, usize, Range<usize>)> {
    let middle = part.start.midpoint(part.end);
    (!part.is_empty()).then(|| (part.start..middle, middle, middle.saturating_add(1)..part.end))
}

/// What ranges cover, in order: overlapping and touching ones are merged, and empty ones left out.
pub(crate) fn union(ranges: impl IntoIterator<Item = Range<u64>>) -> Vec<Range<u64>> {
    let mut sorted: Vec<Range<u64>> = ranges.into_iter().filter(|range| !range.is_empty()).collect();
    sorted.sort_unstable_by_key(|range| (range.start, range.end));
    let mut union: Vec<Range<u64>> = Vec::new();
    for range in sorted {
        match union.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => union.push(range),
        }
    }
    union
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn containing(overlaps: &Overlaps<usize>, inner: &Range<u64>, most: usize) -> Vec<usize> {
        let mut found = Vec::new();
        overlaps.containing(inner, &mut |&number| {
            found.push(number);
            if found.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        found
    }

    proptest! {
        #[test]
        fn what_contains_a_range_is_what_a_look_at_all_finds(
            ranges in prop::collection::vec((0_u64..50, 0_u64..20), 0..40),
            (start, len) in (0_u64..60, 0_u64..5),
        ) {
            let (ranges, inner) = (ranges.iter().map(|(start, len)| *start..start + len), start..start + len);
            let overlaps = Overlaps::new(ranges.clone().zip(0..));
            let mut found = containing(&overlaps, &inner, usize::MAX);
            found.sort_unstable();
            let is_around = |range: &Range<u64>| range.start <= inner.start && inner.end <= range.end;
            let expected: Vec<usize> = ranges.zip(0..).filter(|(range, _)| is_around(range)).map(|(_, n)| n).collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn one_that_has_enough_gets_no_more() {
        let overlaps = Overlaps::new((0..100).map(|number| (0..1000, number)));
        assert_eq!(containing(&overlaps, &(5..6), 3), [0, 1, 2]);
    }

    #[test]
    fn ranges_that_overlap_or_touch_are_one() {
        assert_eq!(union([5..9, 0..2, 2..4, 6..7, 12..12]), [0..4, 5..9]);
        assert_eq!(union([0..4, 4..8, 6..7, 10..12, 12..12]), [0..8, 10..12]);
    }
}
