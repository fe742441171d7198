//! Searches pages while they are inflated: a thread searches each block as soon as it arrives, and only matches are
//! kept. The pagemaps, which engines write before the pages, say what the blocks belong to. If they come later, or if
//! pages of several dumps form one line, the pages are kept and searched afterwards.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use bstr::BString;

use super::sieve::Room;
use super::{BEHIND, BLOCK, InLine, Matcher, SearchOptions, in_line, reach, resolve};
use crate::archive::Island;
use crate::int::{u64_of, usize_of};

/// Number of blocks that may wait to be searched.
const WAITING: usize = 4;
/// Most bytes around a match for which pages need not be kept.
const CONTEXT_MOST: u64 = 64 << 10;

/// A search that is known before an archive is opened, so that data can be searched while it is inflated.
#[derive(Clone, Debug)]
pub struct EarlySearch {
    /// What is searched for. A search for the same patterns uses what was found.
    pub matcher: Arc<Matcher>,
    /// Options of the search.
    pub options: SearchOptions,
    /// Bytes around each match that are kept with it.
    pub context: u64,
}

impl EarlySearch {
    /// Bytes after a block that are searched with it.
    fn reach(&self) -> u64 {
        reach(&self.matcher, &self.options)
    }

    /// Bytes at both ends of a line that a search across seams, or a row, may read.
    pub(crate) fn edge(&self) -> u64 {
        self.reach().saturating_add(self.context)
    }

    /// Bytes around a match of a pattern that are kept.
    fn context_of(&self, pattern: usize) -> u64 {
        self.matcher.sieve_of(pattern).map_or(self.context, |sieve| self.context.min(sieve.context()))
    }

    /// Whether the search is possible without keeping pages.
    pub(crate) fn is_possible(&self) -> bool {
        self.context <= CONTEXT_MOST
    }
}

/// Results of a search while an archive was inflated.
#[derive(Debug)]
pub(crate) struct Searched {
    matcher: Arc<Matcher>,
    options: SearchOptions,
    context: u64,
    /// By the path of the pages image: matches as offsets in it. Images that were searched without a match are here,
    /// too.
    pub(super) hits: HashMap<BString, Vec<InLine>>,
    /// Whether there are more matches.
    pub(super) more: bool,
}

impl Searched {
    /// Whether pages were searched, and not kept.
    pub(crate) fn has_passed(&self) -> bool {
        !self.hits.is_empty()
    }

    /// Whether another search has the same result, where `is_whole` tells whether whole processes are searched.
    pub(crate) fn answers(&self, matcher: &Matcher, options: &SearchOptions, is_whole: bool) -> bool {
        let is_enough = !self.more || options.most <= self.options.most;
        let same_regexes = !matcher.has_regexes() || is_whole && options.longest == self.options.longest;
        self.matcher.is_same(matcher) && is_enough && same_regexes
    }

    /// Whether the bytes of matches were kept, with `context` bytes around them.
    pub(crate) fn has_bytes_of(&self, matcher: &Matcher, context: u64) -> bool {
        self.matcher.is_same(matcher) && context <= self.context
    }
}

/// A block of a pages image.
struct Job {
    /// Number of the image.
    image: usize,
    /// Whether this is the first block of its line.
    first: bool,
    bytes: Vec<u8>,
    /// Number of bytes that are searched; the others belong to the next block.
    len: usize,
    /// Offset of the first byte in the image.
    base: u64,
    /// Range of the bytes in which matches may begin.
    span: Range<usize>,
}

/// Results of the searching thread.
#[derive(Default)]
struct Result {
    hits: Vec<(usize, InLine)>,
    islands: Vec<(usize, Island)>,
    more: bool,
}

/// The image that is currently inflated.
#[derive(Debug)]
struct Current {
    image: usize,
    lines: VecDeque<Range<u64>>,
    /// Offset of the next byte in the image.
    position: u64,
    /// Offset of the current block.
    block: u64,
    /// Bytes from `base`.
    bytes: Vec<u8>,
    base: u64,
    /// Whether the next block is the first of its line.
    first: bool,
}

/// Feeds blocks to the searching thread.
#[derive(Debug)]
pub(crate) struct StreamSearch {
    early: EarlySearch,
    jobs: SyncSender<Job>,
    /// Buffers that have been searched, for reuse.
    used: Receiver<Vec<u8>>,
    thread: JoinHandle<Result>,
    images: Vec<BString>,
    current: Option<Current>,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").field("base", &self.base).field("len", &self.len).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Result {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Result").field("hits", &self.hits.len()).finish_non_exhaustive()
    }
}

impl StreamSearch {
    /// Starts the searching thread. `kept` bounds the bytes that are kept of matches.
    pub(crate) fn new(early: &EarlySearch, kept: u64) -> Self {
        let (jobs, todo) = sync_channel(WAITING);
        let (done, used) = channel();
        let of_thread = early.clone();
        let thread = std::thread::spawn(move || search(&of_thread, kept, &todo, &done));
        StreamSearch { early: early.clone(), jobs, used, thread, images: Vec::new(), current: None }
    }

    /// Announces the next pages image, whose lines are these ranges.
    pub(crate) fn begin(&mut self, path: &BString, lines: Vec<Range<u64>>) {
        let image = self.images.len();
        self.images.push(path.clone());
        let start = lines.first().map_or(0, |line| line.start);
        let bytes = self.buffer();
        self.current =
            Some(Current { image, lines: lines.into(), position: 0, block: start, bytes, base: start, first: true });
    }

    fn buffer(&self) -> Vec<u8> {
        let mut buffer = self.used.try_recv().unwrap_or_default();
        buffer.clear();
        buffer
    }

    /// Takes the next bytes of the image.
    pub(crate) fn watch(&mut self, mut bytes: &[u8]) {
        let Some(mut current) = self.current.take() else { return };
        while let Some(line) = current.lines.front().cloned().filter(|_| !bytes.is_empty()) {
            if current.position < line.start {
                let skip = usize_of(line.start.saturating_sub(current.position)).min(bytes.len());
                bytes = bytes.get(skip..).unwrap_or_default();
                current.position = current.position.saturating_add(u64_of(skip));
                continue;
            }
            let take = usize_of(line.end.saturating_sub(current.position)).min(bytes.len());
            let (now, rest) = bytes.split_at_checked(take).unwrap_or((bytes, &[]));
            current.bytes.extend_from_slice(now);
            current.position = current.position.saturating_add(u64_of(take));
            bytes = rest;
            self.send_whole_blocks(&mut current, &line);
        }
        self.current = Some(current);
    }

    /// Sends the blocks of a line that have all the bytes that they need.
    fn send_whole_blocks(&self, current: &mut Current, line: &Range<u64>) {
        let around = self.early.context;
        loop {
            let end = current.block.saturating_add(BLOCK).min(line.end);
            let needed = end.saturating_add(self.early.edge()).min(line.end);
            if current.position < needed || current.block >= line.end {
                return;
            }
            let place = |at: u64| usize_of(at.saturating_sub(current.base));
            let (len, span) = (place(needed), place(current.block)..place(end));
            let next_base = if end == line.end { end } else { end.saturating_sub(BEHIND.max(around)).max(line.start) };
            let mut next = self.buffer();
            next.extend_from_slice(current.bytes.get(place(next_base)..).unwrap_or_default());
            let bytes = std::mem::replace(&mut current.bytes, next);
            let job = Job { image: current.image, first: current.first, bytes, len, base: current.base, span };
            // The thread ends only when told to.
            let _ = self.jobs.send(job);
            (current.base, current.block, current.first) = (next_base, end, false);
            if end == line.end {
                current.lines.pop_front();
                let start = current.lines.front().map_or(end, |line| line.start);
                (current.base, current.block, current.first) = (start, start, true);
                current.bytes.clear();
                return;
            }
        }
    }

    /// Waits for the thread.
    pub(crate) fn finish(self) -> (Searched, Vec<Island>) {
        let StreamSearch { early, jobs, thread, images, .. } = self;
        drop(jobs);
        let result = match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        let mut hits: HashMap<BString, Vec<InLine>> = images.iter().map(|path| (path.clone(), Vec::new())).collect();
        for (image, hit) in result.hits {
            if let Some(list) = images.get(image).and_then(|path| hits.get_mut(path)) {
                list.push(hit);
            }
        }
        let named = |(image, island): (usize, Island)| Some(Island { path: images.get(image)?.clone(), ..island });
        let islands = result.islands.into_iter().filter_map(named).collect();
        let (options, context) = (early.options, early.context);
        (Searched { matcher: early.matcher, options, context, hits, more: result.more }, islands)
    }
}

/// The searching thread.
fn search(early: &EarlySearch, kept: u64, todo: &Receiver<Job>, done: &Sender<Vec<u8>>) -> Result {
    let mut result = Result::default();
    let mut ends: HashMap<usize, u64> = HashMap::new();
    let most = usize_of(early.options.most).saturating_add(1);
    let mut room = kept;
    let mut kinds = Room::default();
    for job in todo {
        let haystack = job.bytes.get(..job.len).unwrap_or(&job.bytes);
        if job.first {
            ends.clear();
        }
        if !result.more {
            let found = early.matcher.find(haystack, job.span.clone(), most);
            let mut hits: Vec<InLine> = found.iter().map(|m| in_line(m, job.base)).collect();
            resolve(&early.matcher, &mut hits, &mut ends, |pattern, end| {
                let from = usize_of(end.saturating_sub(job.base)).min(job.span.end);
                let again = early.matcher.find_one(pattern, haystack, from..job.span.end, most);
                again.iter().map(|m| in_line(m, job.base)).collect()
            });
            hits.retain(|hit| early.matcher.most_of(hit.pattern).is_none_or(|most| kinds.keep(hit.pattern, most)));
            if let Some(island) = island(haystack, job.base, &hits, early, &mut room) {
                result.islands.push((job.image, island));
            }
            result.hits.extend(hits.into_iter().map(|hit| (job.image, hit)));
            result.more = result.hits.len() > usize_of(early.options.most);
        }
        // No one waits for it after the stream has ended.
        let _ = done.send(job.bytes);
    }
    result
}

/// The bytes of matches and around them, while there is room.
fn island(haystack: &[u8], base: u64, hits: &[InLine], early: &EarlySearch, room: &mut u64) -> Option<Island> {
    let mut wanted: Vec<Range<usize>> = hits
        .iter()
        .map(|hit| {
            let place = |at: u64| usize_of(at.saturating_sub(base)).min(haystack.len());
            let context = early.context_of(hit.pattern);
            place(hit.start.saturating_sub(context))..place(hit.end.saturating_add(context))
        })
        .collect();
    wanted.sort_unstable_by_key(|range| range.start);
    let mut island = Island { path: BString::default(), runs: Vec::new(), bytes: Vec::new() };
    let mut end = 0_usize;
    for range in wanted {
        let Some(bytes) = haystack.get(range.start.max(end)..range.end) else { continue };
        let Some(left) = room.checked_sub(u64_of(bytes.len())).filter(|_| !bytes.is_empty()) else { continue };
        *room = left;
        let at = base.saturating_add(u64_of(range.start.max(end)));
        let from = island.bytes.len();
        island.bytes.extend_from_slice(bytes);
        island.runs.push((at, from..island.bytes.len()));
        end = range.end;
    }
    (!island.runs.is_empty()).then_some(island)
}
