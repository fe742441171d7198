//! Which three bytes of each mark are looked for, in sixteen groups. A group takes three bytes if each of them has one of
//! its lower halves and one of its upper halves at that place: a test that machines make of many places at once, by looking
//! halves up in tables of 16 entries. This is how Hyperscan's "Teddy" works. What a group takes beyond its marks costs
//! time, so marks are put together whose bytes are alike.

use std::sync::OnceLock;

use super::frequency::{self, Rates};
use super::trigrams::cases;

/// Number of groups.
const BUCKETS: usize = 16;
/// Bytes of a mark that are tested.
pub(super) const TESTED: usize = 3;

/// For each tested byte, for each half of the groups, for each value of half a byte: which groups take it.
pub(super) type Tables = [[[u8; 16]; 2]; TESTED];

/// The groups, as the tests use them.
#[derive(Clone, Debug)]
pub(super) struct Buckets {
    pub(super) low: Tables,
    pub(super) high: Tables,
    /// The same for each tested byte, whole: for machines without vectors, and for short texts.
    pub(super) whole: Vec<[u16; TESTED]>,
}

/// A group: which lower and upper halves it takes at each place, a bit for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Bucket {
    low: [u16; TESTED],
    high: [u16; TESTED],
}

fn bit(number: u8) -> u16 {
    1_u16.wrapping_shl(u32::from(number))
}

impl Bucket {
    /// The group that takes what both take.
    fn and(mut self, other: &Bucket) -> Self {
        self.low.iter_mut().zip(other.low).for_each(|(to, from)| *to |= from);
        self.high.iter_mut().zip(other.high).for_each(|(to, from)| *to |= from);
        self
    }

    /// The group with three more bytes.
    fn with(mut self, bytes: &[u8], any_case: bool) -> Self {
        for ((byte, low), high) in bytes.iter().zip(&mut self.low).zip(&mut self.high) {
            for byte in if any_case { cases(*byte) } else { [*byte; 2] } {
                *low |= bit(byte & 15);
                *high |= bit(byte >> 4);
            }
        }
        self
    }
}

/// Places of a mark of which one is chosen: the rarest.
const WINDOWS: usize = 8;

/// What one look at marks costs, in tests of a place that was taken for nothing.
const LOOK: f64 = 16.0;

/// How often each mark is put into the best group. What the first ones did not know of the others, they know then.
const ROUNDS: usize = 2;

/// The groups of marks, to which more can be added.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups([Bucket; BUCKETS]);

impl Groups {
    /// Puts marks (bytes, whether in any case) into groups. Gives where the tested bytes of each begin.
    pub(super) fn put(&mut self, marks: &[(&[u8], bool)]) -> Vec<usize> {
        static RATES: OnceLock<Rates> = OnceLock::new();
        let rates = RATES.get_or_init(Rates::new);
        let rate = |bucket: &Bucket| rates.of(&bucket.low, &bucket.high);
        let before = self.0;
        let mut now = self.0.map(|bucket| (bucket, rate(&bucket)));
        let windows: Vec<Vec<(f64, usize, &[u8])>> = marks.iter().map(|(bytes, _)| rarest(bytes)).collect();
        // For each mark: its group, and where its tested bytes begin.
        let mut chosen: Vec<Option<(usize, usize)>> = vec![None; marks.len()];
        // Those with the least choice first.
        let mut order: Vec<usize> = (0..marks.len()).collect();
        order.sort_by_key(|mark| marks.get(*mark).map_or(0, |(bytes, _)| bytes.len()));
        for mark in (0..ROUNDS).flat_map(|_| order.iter().copied()) {
            let (Some((_, any_case)), Some(windows)) = (marks.get(mark), windows.get(mark)) else { continue };
            if let Some((group, _)) = chosen.get_mut(mark).and_then(Option::take)
                && let (Some(first), Some(entry)) = (before.get(group), now.get_mut(group))
            {
                // The group without it.
                let others = marks.iter().zip(&chosen).filter_map(|((bytes, any_case), chosen)| {
                    let (_, place) = chosen.filter(|(other, _)| *other == group)?;
                    Some((bytes.get(place..)?, *any_case))
                });
                let bucket = others.fold(*first, |bucket, (bytes, any_case)| bucket.with(bytes, any_case));
                *entry = (bucket, rate(&bucket));
            }
            let mut best: Option<(f64, usize, usize, (Bucket, f64))> = None;
            for (frequency, place, three) in windows {
                // The groups only grow, so the windows from here on cost more.
                if best.as_ref().is_some_and(|(least, ..)| LOOK * frequency >= *least) {
                    break;
                }
                let own = Bucket::default().with(three, *any_case);
                for (number, (bucket, without)) in now.iter().enumerate() {
                    let both = own.and(bucket);
                    let with = if both == *bucket { *without } else { rate(&both) };
                    let cost = with - without + LOOK * frequency;
                    if best.as_ref().is_none_or(|(least, ..)| cost < *least) {
                        best = Some((cost, *place, number, (both, with)));
                    }
                }
            }
            if let Some((_, place, number, with)) = best
                && let (Some(chosen), Some(entry)) = (chosen.get_mut(mark), now.get_mut(number))
            {
                (*chosen, *entry) = (Some((number, place)), with);
            }
        }
        self.0 = now.map(|(bucket, _)| bucket);
        chosen.into_iter().map(|chosen| chosen.map_or(0, |(_, place)| place)).collect()
    }

    /// The groups, as the tests use them.
    pub(super) fn tables(&self) -> Buckets {
        tables(&self.0)
    }
}

/// The windows of a mark of which one is chosen, with how often they are seen.
fn rarest(mark: &[u8]) -> Vec<(f64, usize, &[u8])> {
    let mut windows: Vec<(f64, usize, &[u8])> =
        mark.windows(TESTED).enumerate().map(|(place, three)| (frequency::of(three), place, three)).collect();
    windows.sort_by(|(a, ..), (b, ..)| a.total_cmp(b));
    windows.truncate(WINDOWS);
    windows
}

fn tables(buckets: &[Bucket; BUCKETS]) -> Buckets {
    let mut all = Buckets { low: Tables::default(), high: Tables::default(), whole: Vec::new() };
    for (half, eight) in buckets.as_chunks::<8>().0.iter().enumerate() {
        for (number, bucket) in (0_u32..).zip(eight) {
            let own = 1_u8.wrapping_shl(number);
            let fill = |tables: &mut Tables, halves: &[u16; TESTED]| {
                for (table, taken) in tables.iter_mut().zip(halves) {
                    let entries = table.get_mut(half).into_iter().flatten();
                    for (_, entry) in (0_u8..).zip(entries).filter(|(value, _)| taken & bit(*value) != 0) {
                        *entry |= own;
                    }
                }
            };
            fill(&mut all.low, &bucket.low);
            fill(&mut all.high, &bucket.high);
        }
    }
    let of = |tables: &Tables, half: u8| {
        tables.map(|table| {
            u16::from_le_bytes(table.map(|entries| entries.get(usize::from(half)).copied().unwrap_or_default()))
        })
    };
    all.whole = (0..=u8::MAX)
        .map(|byte| {
            let (low, high) = (of(&all.low, byte & 15), of(&all.high, byte >> 4));
            let mut both = low;
            both.iter_mut().zip(high).for_each(|(both, high)| *both &= high);
            both
        })
        .collect();
    all
}

/// Puts marks into groups that are new.
#[cfg(test)]
pub(super) fn choose(marks: &[(&[u8], bool)]) -> (Buckets, Vec<usize>) {
    let mut groups = Groups::default();
    let begins = groups.put(marks);
    (groups.tables(), begins)
}

#[cfg(test)]
impl Buckets {
    /// The test of one place, as simply as it can be written.
    pub(super) fn takes(&self, three: [u8; TESTED]) -> bool {
        (0..2).any(|half| {
            let groups = (0..TESTED).map(|place| {
                let (low, high) = (self.low[place][half], self.high[place][half]);
                low[usize::from(three[place] & 15)] & high[usize::from(three[place] >> 4)]
            });
            groups.fold(u8::MAX, |all, these| all & these) != 0
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_taken_and_little_else() {
        let marks: [(&[u8], bool); 4] = [(b"ghp_", false), (b"password", true), (b"eyJ", false), (b"$1$", false)];
        let (buckets, begins) = choose(&marks);
        for ((bytes, any_case), begin) in marks.iter().zip(&begins) {
            let three: [u8; 3] = bytes[*begin..*begin + 3].try_into().unwrap();
            assert!(buckets.takes(three), "{three:?}");
            assert!(!any_case || buckets.takes(three.map(|byte| byte.to_ascii_uppercase())));
        }
        let taken = (0..1_u32 << 24).step_by(131).filter(|n| buckets.takes(n.to_le_bytes()[..3].try_into().unwrap()));
        assert!(taken.count() < 8);
    }
}
