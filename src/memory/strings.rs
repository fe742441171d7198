//! Printable text in memory, as `strings(1)` finds it in files: ASCII, and ASCII characters in UTF-16.
//!
//! Lines are cut into blocks for several threads. A string belongs to the block in which it begins, and is followed to
//! its end; a seam between lines ends it.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::ops::{ControlFlow, Range};

use super::lines::{Key, Line, Lines, View};
use super::parallel;
use crate::int::{u64_of, usize_of};
use crate::model::ids::Pid;

/// Bytes of a line that are processed at once.
const BLOCK: u64 = 1 << 20;
/// Bytes that are read at once of a string that continues past its block.
const MORE: u64 = 64 << 10;

/// Options for finding strings.
#[derive(Clone, Copy, Debug)]
pub struct StringOptions {
    /// Number of threads.
    pub threads: usize,
    /// Least number of characters.
    pub least: usize,
    /// Whether to find ASCII.
    pub ascii: bool,
    /// Whether to find UTF-16, low byte first.
    pub utf16: bool,
}

/// A string in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StringAt {
    /// The process; for shared memory, the first one that sees it.
    pub pid: Pid,
    /// Address of the first byte.
    pub address: u64,
    /// Whether the string is UTF-16 rather than ASCII.
    pub utf16: bool,
    /// Length in characters.
    pub len: u64,
}

/// The strings of a block.
#[derive(Debug)]
pub struct StringBlock<'b> {
    /// Strings by address; at the same address, ASCII first.
    pub strings: Vec<StringAt>,
    /// The address of the first of `bytes`, in the strings' process.
    base: u64,
    bytes: &'b [u8],
}

impl StringBlock<'_> {
    /// The beginning of a string, if it is in the block or just after it: at least 64 KiB, or all of it.
    pub fn text(&self, string: &StringAt) -> Cow<'_, [u8]> {
        let from = usize_of(string.address.saturating_sub(self.base)).min(self.bytes.len());
        let rest = self.bytes.get(from..).unwrap_or_default();
        if string.utf16 {
            Cow::Owned(rest.iter().step_by(2).take(usize_of(string.len)).copied().collect())
        } else {
            Cow::Borrowed(rest.get(..usize_of(string.len)).unwrap_or(rest))
        }
    }
}

/// Processes all lines. `map` is called for each block, on any thread; `take` gets the results in order.
pub(super) fn run<T: Send>(
    lines: &Lines<'_>,
    options: &StringOptions,
    map: impl Fn(&StringBlock<'_>) -> T + Sync,
    mut take: impl FnMut(T) -> ControlFlow<()>,
) {
    let mut blocks = Vec::new();
    for line in &lines.all {
        let mut start = line.start;
        while start < line.end {
            let end = start.saturating_add(BLOCK).min(line.end);
            blocks.push((line, start..end));
            start = end;
        }
    }
    let firsts: Firsts = lines.views.iter().map(|(&key, views)| (key, firsts(views))).collect();
    let (blocks, firsts, map) = (&blocks, &firsts, &map);
    let worker = || {
        let mut buffer = Vec::new();
        move |number: usize| {
            let (line, range) = blocks.get(number)?;
            let result = block(firsts, line, range, options, &mut buffer, map);
            line.source.give_back(range.start, range.end);
            result
        }
    };
    parallel::in_order(blocks.len(), options.threads, worker, |_, result| match result {
        Some(result) => take(result),
        None => ControlFlow::Continue(()),
    });
}

fn block<T>(
    firsts: &Firsts,
    line: &Line<'_>,
    range: &Range<u64>,
    options: &StringOptions,
    buffer: &mut Vec<u8>,
    map: impl Fn(&StringBlock<'_>) -> T,
) -> Option<T> {
    // The two bytes before tell whether a string has begun already.
    let from = range.start.saturating_sub(2).max(line.start);
    let to = range.end.saturating_add(MORE).min(line.end);
    let bytes = line.source.pass(from, to, buffer)?;
    let span = usize_of(range.start.saturating_sub(from))..usize_of(range.end.saturating_sub(from));
    let mut found: Vec<(usize, usize, bool)> = Vec::new();
    if options.ascii {
        let printable = |unit: usize| bytes.get(unit).is_some_and(|&b| is_printable(b));
        runs(&span, options.least, printable, |start, end| found.push((start, end.saturating_sub(start), false)));
    }
    if options.utf16 {
        for parity in 0..2 {
            let place = |unit: usize| unit.saturating_mul(2).saturating_add(parity);
            let printable = |unit: usize| match bytes.get(place(unit)..) {
                Some([low, 0, ..]) => is_printable(*low),
                _ => false,
            };
            let units = |at: usize| at.saturating_sub(parity).div_ceil(2);
            runs(&(units(span.start)..units(span.end)), options.least, printable, |start, end| {
                found.push((place(start), end.saturating_sub(start), true));
            });
        }
    }
    found.sort_unstable_by_key(|&(start, _, utf16)| (start, utf16));
    let (pid, base) = owner(firsts, line, range.start, from)?;
    let strings = found.into_iter().map(|(start, len, utf16)| {
        let width = if utf16 { 2 } else { 1 };
        let end = start.saturating_add(len.saturating_mul(width));
        let reaches_end = end.saturating_add(width) > bytes.len();
        let more = if reaches_end { goes_on(line, from.saturating_add(u64_of(end)), utf16) } else { 0 };
        let address = base.saturating_add(u64_of(start));
        StringAt { pid, address, utf16, len: u64_of(len).saturating_add(more) }
    });
    let strings = strings.collect();
    Some(map(&StringBlock { strings, base, bytes: &bytes }))
}

/// The process that strings of a line are assigned to, and the address at which it sees `from`.
fn owner(firsts: &Firsts, line: &Line<'_>, start: u64, from: u64) -> Option<(Pid, u64)> {
    if let Key::Task(pid) = line.key {
        return Some((pid, from));
    }
    let firsts = firsts.get(&line.key)?;
    let after = firsts.partition_point(|(from, _)| *from <= start);
    let (_, view) = firsts.get(after.checked_sub(1)?)?;
    let view = view.as_ref()?;
    Some((view.pid, view.address.wrapping_add(from).wrapping_sub(view.offset)))
}

/// For each shared object, the first view of each of its parts, by the offset at which the part begins.
type Firsts = BTreeMap<Key, Vec<(u64, Option<View>)>>;

/// The parts of an object in which the same views are open, and the first of these views.
fn firsts(views: &[View]) -> Vec<(u64, Option<View>)> {
    let mut begins: Vec<(u64, usize)> = views.iter().enumerate().map(|(place, view)| (view.offset, place)).collect();
    begins.sort_unstable();
    let mut bounds: Vec<u64> = views.iter().flat_map(|view| [view.offsets().start, view.offsets().end]).collect();
    bounds.sort_unstable();
    bounds.dedup();
    let mut begins = begins.into_iter().peekable();
    let mut open: BinaryHeap<Reverse<usize>> = BinaryHeap::new();
    let mut first = |bound: u64| {
        while let Some((_, place)) = begins.next_if(|(begin, _)| *begin <= bound) {
            open.push(Reverse(place));
        }
        loop {
            let Reverse(place) = *open.peek()?;
            match views.get(place).filter(|view| bound < view.offsets().end) {
                Some(view) => return Some(*view),
                None => drop(open.pop()),
            }
        }
    };
    bounds.into_iter().map(|bound| (bound, first(bound))).collect()
}

/// The number of characters that a string continues for, from an address of its line.
fn goes_on(line: &Line<'_>, from: u64, utf16: bool) -> u64 {
    let mut at = from;
    let mut characters = 0_u64;
    while at < line.end {
        let to = at.saturating_add(MORE).min(line.end);
        let Some(bytes) = line.source.slice(at, to) else { break };
        let here = if utf16 {
            bytes.as_chunks::<2>().0.iter().take_while(|[low, high]| *high == 0 && is_printable(*low)).count()
        } else {
            bytes.iter().take_while(|&&b| is_printable(b)).count()
        };
        characters = characters.saturating_add(u64_of(here));
        let width = if utf16 { 2 } else { 1 };
        if here < bytes.len().checked_div(width).unwrap_or(0) {
            break;
        }
        at = to;
    }
    characters
}

/// The characters that `strings(1)` prints: visible ASCII, spaces and tabs.
fn is_printable(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~')
}

/// The runs of at least `least` printable units that begin in a range; each is followed to its end, even past the
/// range.
///
/// Checks every `least`-th unit first: if it is not printable, no run can cover it.
fn runs(range: &Range<usize>, least: usize, printable: impl Fn(usize) -> bool, mut each: impl FnMut(usize, usize)) {
    let least = least.max(1);
    let mut at = range.start;
    if let Some(before) = at.checked_sub(1)
        && printable(before)
    {
        // It began earlier, so it belongs to another block.
        while printable(at) {
            at = at.saturating_add(1);
        }
    }
    while at < range.end {
        let probe = at.saturating_add(least).saturating_sub(1);
        if !printable(probe) {
            at = probe.saturating_add(1);
            continue;
        }
        let mut start = probe;
        while start > at && printable(start.saturating_sub(1)) {
            start = start.saturating_sub(1);
        }
        let mut end = probe.saturating_add(1);
        while printable(end) {
            end = end.saturating_add(1);
        }
        if start < range.end && end.saturating_sub(start) >= least {
            each(start, end);
        }
        at = end.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naive(bytes: &[u8], range: &Range<usize>, least: usize) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let end = at + bytes[at..].iter().take_while(|&&b| is_printable(b)).count();
            if end - at >= least && range.contains(&at) {
                found.push((at, end));
            }
            at = end + 1;
        }
        found
    }

    /// The first view of an offset, by a look at all of them.
    #[test]
    fn the_first_view_of_each_part_is_found() {
        let view = |pid, offset, len| View { pid: Pid(pid), address: 0, offset, len };
        let views =
            [view(1, 40, 10), view(2, 0, 30), view(3, 20, 100), view(4, 45, 2), view(5, 200, 0), view(6, 300, 1)];
        let found = BTreeMap::from([(Key::Shared(7), firsts(&views))]);
        for offset in 0..310 {
            let expected = views.iter().find(|view| view.offsets().contains(&offset)).map(|view| view.pid);
            let of_key = &found[&Key::Shared(7)];
            let before = of_key.partition_point(|(from, _)| *from <= offset).checked_sub(1);
            assert_eq!(before.and_then(|place| of_key[place].1).map(|view| view.pid), expected, "{offset}");
        }
    }

    #[test]
    fn skipping_finds_what_looking_at_every_byte_does() {
        let mut seed = 1_u32;
        for round in 0..400 {
            let bytes: Vec<u8> = (0..200)
                .map(|_| {
                    seed = seed.wrapping_mul(1_103_515_245).wrapping_add(12345);
                    if (seed >> 16).is_multiple_of(5) { 0 } else { b'a' }
                })
                .collect();
            let range = (round % 50)..(200 - round % 37);
            for least in 1..7 {
                let mut found = Vec::new();
                runs(
                    &range,
                    least,
                    |unit| bytes.get(unit).is_some_and(|&b| is_printable(b)),
                    |s, e| found.push((s, e)),
                );
                assert_eq!(found, naive(&bytes, &range, least), "{bytes:?} {range:?} {least}");
            }
        }
    }
}
