//! Search over address spaces. Shared memory is read once and matches are found for each process that shares it.
//! Matches across pages, pagemap entries, blocks and neighbouring mappings are found exactly once, and never across
//! holes.
//!
//! Lines are cut into blocks, which several threads search. Each block is searched a little past its end, so that all
//! matches that begin in it are found. Seams, where a process's memory continues in another line, are searched
//! afterwards.

mod elsewhere;
mod mask;
mod matcher;
mod pattern;
mod sieve;
mod stream;
mod table;

use std::collections::{BTreeMap, HashMap};
use std::ops::{ControlFlow, Range};

pub(crate) use elsewhere::Search as ElsewhereSearch;
pub use elsewhere::{Elsewhere, Findings as FindingsElsewhere};
pub use matcher::Matcher;
pub use pattern::{Encoding, Pattern, PatternError};
pub use sieve::Sieve;
pub(crate) use sieve::{ALL as SIEVED_ALL, EACH as SIEVED_EACH};
pub use stream::EarlySearch;
pub(crate) use stream::{Searched, StreamSearch};

use self::matcher::Match;
use self::sieve::Room;
use super::lines::{Join, Key, Line, Lines, View};
use super::overlaps::Overlaps;
use super::parallel;
use super::space::AddressSpace;
use crate::int::{u64_of, usize_of};
use crate::model::ids::Pid;

/// Bytes of a line that are searched at once.
const BLOCK: u64 = 1 << 20;
/// Bytes before a block that a regular expression may look at, such as for `\b`.
const BEHIND: u64 = 16;

/// Options of a search.
#[derive(Clone, Copy, Debug)]
pub struct SearchOptions {
    /// Number of threads.
    pub threads: usize,
    /// Length of the longest match of a regular expression that is always found whole; longer ones may end at a
    /// multiple of 1 MiB.
    pub longest: u64,
    /// Greatest number of matches.
    pub most: u64,
}

impl Default for SearchOptions {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        SearchOptions { threads, longest: 4096, most: 1_000_000 }
    }
}

/// A match in a process's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// The process.
    pub pid: Pid,
    /// Address of the first byte.
    pub address: u64,
    /// Number of the pattern.
    pub pattern: usize,
    /// Length in bytes.
    pub len: u64,
}

/// Results of a search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Matches by process, address and pattern.
    pub found: Vec<Found>,
    /// Whether there are more matches than the limit.
    pub more: bool,
    /// Number of recorded bytes that could not be searched, because they were not kept or cannot be inflated.
    pub unread: u64,
}

/// Searches all lines and seams.
pub(super) fn run(
    lines: &Lines<'_>,
    matcher: &Matcher,
    options: &SearchOptions,
    searched: Option<&Searched>,
) -> Findings {
    let most = usize_of(options.most);
    let mut findings = Findings::default();
    // The caller checks whether the ranges are whole processes.
    let searched = searched.filter(|searched| searched.answers(matcher, options, true));
    let owners = Owners::of(lines);
    let mut left = Vec::new();
    let mut room = Room::default();
    for line in &lines.all {
        match searched.and_then(|searched| hits_of(line, searched)) {
            Some(hits) => {
                let mut hits = hits.iter();
                while findings.found.len() <= most
                    && let Some(m) = hits.next()
                {
                    owners.add(line, m, views(matcher, m), &mut findings.found);
                }
            }
            None => left.push(*line),
        }
    }
    findings.more = searched.is_some_and(|searched| searched.more);
    findings.unread = in_lines(&left, matcher, options, |line, m| {
        let most_of = matcher.most_of(m.pattern);
        if most_of.is_none_or(|most| room.take(m.pattern, most)) {
            let before = findings.found.len();
            owners.add(line, m, views(matcher, m), &mut findings.found);
            if let Some(most) = most_of {
                room.charge(findings.found.len().saturating_sub(before), most);
            }
        }
        findings.found.len() <= most
    });
    let reach = reach(matcher, options);
    for join in &lines.joins {
        if findings.found.len() <= most {
            across(join, matcher, reach, most, &mut findings.found);
        }
    }
    findings.found.sort_unstable_by_key(|f| (f.pid, f.address, f.pattern, std::cmp::Reverse(f.len)));
    findings.found.dedup();
    drop_overlaps(matcher, &mut findings.found);
    findings.more |= findings.found.len() > most;
    findings.found.truncate(most);
    findings
}

impl AddressSpace<'_> {
    /// Searches the whole address space, and calls `visit` with each match, by address, until it has enough.
    pub fn search(&self, matcher: &Matcher, options: &SearchOptions, visit: impl FnMut(Found) -> ControlFlow<()>) {
        let lines = Lines::of(&self.memory.objects, &[(self.pid, *self, std::iter::once(0..u64::MAX).collect())]);
        let findings = run(&lines, matcher, options, self.memory.searched.as_deref());
        let _ = findings.found.into_iter().try_for_each(visit);
    }
}

/// The matches in a line of a pages image that was searched while it was inflated.
fn hits_of(line: &Line<'_>, searched: &Searched) -> Option<Vec<InLine>> {
    let (path, offset) = line.source.image(line.start, line.end)?;
    let hits = searched.hits.get(path)?;
    let end = offset.saturating_add(line.end.saturating_sub(line.start));
    let first = hits.partition_point(|m| m.start < offset);
    let inside = hits.iter().skip(first).take_while(|m| m.start < end).filter(|m| m.end <= end);
    let moved = |at: u64| line.start.saturating_add(at.saturating_sub(offset));
    Some(inside.map(|m| InLine { start: moved(m.start), end: moved(m.end), pattern: m.pattern }).collect())
}

/// The matches in each line, in the order of the lines; `each` says whether more are wanted. Returns the number of
/// bytes that could not be read.
pub(super) fn in_lines(
    lines: &[Line<'_>],
    matcher: &Matcher,
    options: &SearchOptions,
    mut each: impl FnMut(&Line<'_>, &InLine) -> bool,
) -> u64 {
    let mut unread = 0_u64;
    let blocks = blocks(lines);
    let reach = reach(matcher, options);
    let search = Pass { lines, blocks: &blocks, reach, most: usize_of(options.most).saturating_add(1) };
    let mut ends = Ends::default();
    parallel::in_order(
        blocks.len(),
        options.threads,
        || {
            let (matcher, mut buffer) = (matcher.clone(), Vec::new());
            move |number| search.block(&matcher, number, &mut buffer)
        },
        |number, hits| {
            let Some(hits) = hits else {
                let len = blocks.get(number).map_or(0, |block| block.end.saturating_sub(block.start));
                unread = unread.saturating_add(len);
                return ControlFlow::Continue(());
            };
            let Some((line, settled)) = search.settle(matcher, number, hits, &mut ends) else {
                return ControlFlow::Continue(());
            };
            if settled.iter().all(|m| each(line, m)) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        },
    );
    unread
}

/// Bytes after a block in which matches that begin in it may end.
fn reach(matcher: &Matcher, options: &SearchOptions) -> u64 {
    let literals = u64_of(matcher.longest_fixed().saturating_sub(1));
    if matcher.has_regexes() { literals.max(options.longest) } else { literals }
}

/// A part of a line.
#[derive(Clone, Copy, Debug)]
struct Block {
    line: usize,
    start: u64,
    end: u64,
}

fn blocks(lines: &[Line<'_>]) -> Vec<Block> {
    let mut blocks = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let mut start = line.start;
        while start < line.end {
            let end = start.saturating_add(BLOCK).min(line.end);
            blocks.push(Block { line: number, start, end });
            start = end;
        }
    }
    blocks
}

/// A match in a line, by the line's addresses or offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct InLine {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) pattern: usize,
}

/// Where the last match of each expression ended in the current line.
#[derive(Debug, Default)]
struct Ends {
    line: usize,
    of: HashMap<usize, u64>,
}

/// A search over blocks.
#[derive(Clone, Copy)]
struct Pass<'s> {
    lines: &'s [Line<'s>],
    blocks: &'s [Block],
    reach: u64,
    most: usize,
}

impl Pass<'_> {
    /// Matches that begin in a block; `None` if it cannot be read.
    fn block(&self, matcher: &Matcher, number: usize, buffer: &mut Vec<u8>) -> Option<Vec<InLine>> {
        self.with(number, Some(buffer), |haystack, base, span| {
            matcher.find(haystack, span, self.most).iter().map(|m| in_line(m, base)).collect()
        })
    }

    /// Calls `search` with the bytes of a block and around it, the address of the first byte, and the block's place
    /// among them. The buffer is for callers that read each block once.
    fn with<R>(
        &self,
        number: usize,
        buffer: Option<&mut Vec<u8>>,
        search: impl FnOnce(&[u8], u64, Range<usize>) -> R,
    ) -> Option<R> {
        let block = self.blocks.get(number)?;
        let line = self.lines.get(block.line)?;
        let from = block.start.saturating_sub(BEHIND).max(line.start);
        let to = block.end.saturating_add(self.reach).min(line.end);
        let passes = buffer.is_some();
        let haystack = match buffer {
            Some(buffer) => line.source.pass(from, to, buffer)?,
            None => line.source.slice(from, to)?,
        };
        let span = usize_of(block.start.saturating_sub(from))..usize_of(block.end.saturating_sub(from));
        let result = search(&haystack, from, span);
        if passes {
            line.source.give_back(block.start, block.end);
        }
        Some(result)
    }

    /// The matches of a block, given the blocks before it: a match of an expression that continues from the block
    /// before replaces the matches that it overlaps.
    fn settle(
        &self,
        matcher: &Matcher,
        number: usize,
        mut hits: Vec<InLine>,
        ends: &mut Ends,
    ) -> Option<(&Line<'_>, Vec<InLine>)> {
        let block = self.blocks.get(number)?;
        let line = self.lines.get(block.line)?;
        if ends.line != block.line {
            *ends = Ends { line: block.line, of: HashMap::new() };
        }
        resolve(matcher, &mut hits, &mut ends.of, |pattern, end| {
            let again = self.with(number, None, |haystack, base, span| {
                let from = usize_of(end.saturating_sub(base));
                let rest = from.min(span.end)..span.end;
                matcher.find_one(pattern, haystack, rest, self.most).iter().map(|m| in_line(m, base)).collect()
            });
            again.unwrap_or_default()
        });
        Some((line, hits))
    }
}

/// Replaces matches of expressions that begin inside a match of an earlier block, and records where the last match of
/// each ends. `again` finds the matches of one expression from a place.
fn resolve(
    matcher: &Matcher,
    hits: &mut Vec<InLine>,
    ends: &mut HashMap<usize, u64>,
    again: impl Fn(usize, u64) -> Vec<InLine>,
) {
    for (&pattern, &end) in ends.iter() {
        if hits.iter().any(|m| m.pattern == pattern && m.start < end) {
            hits.retain(|m| m.pattern != pattern);
            hits.extend(again(pattern, end));
        }
    }
    for m in hits.iter().filter(|m| matcher.is_regex(m.pattern)) {
        let end = ends.entry(m.pattern).or_default();
        *end = m.end.max(*end);
    }
}

fn in_line(m: &Match, base: u64) -> InLine {
    let at = |place: usize| base.saturating_add(u64_of(place));
    InLine { start: at(m.start), end: at(m.end), pattern: m.pattern }
}

/// The views of shared objects, by the offsets that they show.
struct Owners(BTreeMap<Key, Overlaps<View>>);

/// Most processes for which a match in a shared object counts. What a sieve finds leaves room for others.
fn views(matcher: &Matcher, m: &InLine) -> usize {
    const SIFTED: usize = 1000;
    if matcher.most_of(m.pattern).is_some() { SIFTED } else { usize::MAX }
}

impl Owners {
    fn of(lines: &Lines<'_>) -> Self {
        let of_key = |views: &[View]| Overlaps::new(views.iter().map(|view| (view.offsets(), *view)));
        Owners(lines.views.iter().map(|(&key, views)| (key, of_key(views))).collect())
    }

    /// Turns a match in a line into one match for each process that sees all of it there.
    fn add(&self, line: &Line<'_>, m: &InLine, most: usize, found: &mut Vec<Found>) {
        let len = m.end.saturating_sub(m.start);
        if let Key::Task(pid) = line.key {
            found.push(Found { pid, address: m.start, pattern: m.pattern, len });
            return;
        }
        let Some(views) = self.0.get(&line.key) else { return };
        let mut left = most;
        views.containing(&(m.start..m.end), &mut |view| {
            let Some(less) = left.checked_sub(1) else { return ControlFlow::Break(()) };
            left = less;
            let address = view.address.saturating_add(m.start.saturating_sub(view.offset));
            found.push(Found { pid: view.pid, address, pattern: m.pattern, len });
            ControlFlow::Continue(())
        });
    }
}

/// Matches across seams.
fn across(join: &Join<'_>, matcher: &Matcher, reach: u64, most: usize, found: &mut Vec<Found>) {
    let mut earlier = join.start;
    for &seam in &join.seams {
        let (from, to) = (seam.saturating_sub(reach).max(join.start), seam.saturating_add(reach).min(join.end));
        if let Ok(bytes) = join.space.read(from, to.saturating_sub(from)) {
            for m in matcher.find(&bytes, 0..usize_of(seam.saturating_sub(from)), most) {
                let InLine { start, end, pattern } = in_line(&m, from);
                // A match across several seams is found at the first.
                if start >= earlier && end > seam {
                    found.push(Found { pid: join.pid, address: start, pattern, len: end.saturating_sub(start) });
                }
            }
        }
        earlier = seam;
    }
}

/// Of overlapping matches of an expression, keeps those that begin first, and of these the longest.
fn drop_overlaps(matcher: &Matcher, found: &mut Vec<Found>) {
    let mut ends: BTreeMap<usize, (Pid, u64)> = BTreeMap::new();
    found.retain(|f| {
        if !matcher.is_regex(f.pattern) {
            return true;
        }
        let end = ends.entry(f.pattern).or_insert((f.pid, 0));
        if end.0 == f.pid && f.address < end.1 {
            return false;
        }
        *end = (f.pid, f.address.saturating_add(f.len));
        true
    });
}
