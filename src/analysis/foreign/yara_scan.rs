//! Runs YARA rules over everything in a checkpoint, once for all who ask.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use super::super::Brought;
use super::super::yara::{RawString, Regions as _, Rules, Scanned};
use super::yara_database::{self, Databases};
use super::yara_targets::{Bytes, Target, Targets};
use crate::Checkpoint;
use crate::int::{u64_of, usize_of};

/// Most matches of rules that are kept of a checkpoint.
const MATCHES: usize = 100_000;
/// All scans of a checkpoint together may take this many times the limit on one.
const ALL_TIMES: u32 = 20;
/// Threads, at most.
const THREADS: usize = 16;

/// A rule that matches a target.
#[derive(Debug)]
pub(in crate::analysis) struct Matched {
    /// Number of the rule.
    pub(in crate::analysis) rule: usize,
    /// Number of the target.
    pub(in crate::analysis) target: usize,
    /// The strings that were found, a few of each.
    pub(in crate::analysis) strings: Vec<RawString>,
    /// Whether all of them are in a database of signatures.
    pub(in crate::analysis) in_database: bool,
}

/// What rules found in a checkpoint.
#[derive(Debug, Default)]
pub(in crate::analysis) struct Matches {
    /// What was scanned and something matched, and the rest, in order.
    pub(in crate::analysis) targets: Vec<Target>,
    /// Matches by target, then in the order of the rules.
    pub(in crate::analysis) all: Vec<Matched>,
    /// The places of databases of signatures, by target.
    pub(in crate::analysis) databases: BTreeMap<usize, Range<u64>>,
    /// Why something was not scanned, or not wholly.
    pub(in crate::analysis) not_checked: Vec<String>,
    /// Number of targets that were scanned.
    pub(in crate::analysis) looked_at: u64,
}

/// What one scan came to.
#[derive(Default)]
struct Done {
    matched: Vec<Matched>,
    database: Option<Range<u64>>,
    not_checked: Option<String>,
    is_read: bool,
}

impl Matches {
    /// What the rules that were brought find in a checkpoint. It is made once and kept with the checkpoint.
    pub(in crate::analysis) fn of(checkpoint: &Checkpoint) -> Arc<Matches> {
        checkpoint.attached(|| match Brought::of(checkpoint).yara() {
            Some(rules) => run(checkpoint, rules),
            None => Matches::default(),
        })
    }
}

fn run(checkpoint: &Checkpoint, rules: &Rules) -> Matches {
    let mut targets = Targets::of(checkpoint);
    // The largest first, so that no thread waits for another at the end.
    let mut order: Vec<usize> = (0..targets.all.len()).collect();
    order.sort_by_key(|&number| std::cmp::Reverse(targets.all.get(number).map_or(0, |target| target.bytes)));
    let next = AtomicUsize::new(0);
    let results: Mutex<BTreeMap<usize, Done>> = Mutex::default();
    let until = Instant::now().checked_add(rules.time().saturating_mul(ALL_TIMES));
    let work = || {
        while let Some(&number) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            let Some(target) = targets.all.get(number) else { continue };
            let done = if until.is_some_and(|until| Instant::now() >= until) {
                let why = "the limit on the time of all YARA scans of a checkpoint was reached";
                Done { not_checked: Some(why.to_owned()), ..Done::default() }
            } else {
                scan(&targets, number, target, rules)
            };
            if !done.matched.is_empty() || done.not_checked.is_some() || !done.is_read {
                results.lock().unwrap_or_else(PoisonError::into_inner).insert(number, done);
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS).min(order.len());
    if threads <= 1 {
        work();
    } else {
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(work);
            }
        });
    }
    let mut matches = Matches { not_checked: std::mem::take(&mut targets.not_checked), ..Matches::default() };
    matches.looked_at = u64_of(targets.all.len());
    for (number, done) in results.into_inner().unwrap_or_else(PoisonError::into_inner) {
        if !done.is_read {
            matches.looked_at = matches.looked_at.saturating_sub(1);
        }
        matches.not_checked.extend(done.not_checked);
        if let Some(range) = done.database {
            matches.databases.insert(number, range);
        }
        let room = MATCHES.saturating_sub(matches.all.len());
        if done.matched.len() > room {
            matches.not_checked.push(format!("more than {MATCHES} matches; the rest is left out"));
        }
        matches.all.extend(done.matched.into_iter().take(room));
    }
    matches.targets = targets.all;
    matches
}

fn scan(targets: &Targets<'_>, number: usize, target: &Target, rules: &Rules) -> Done {
    let bytes = targets.bytes(target);
    let what = match &bytes {
        Bytes::Whole(bytes) => Scanned::Whole(bytes),
        Bytes::Memory(space) => Scanned::Memory(space),
        Bytes::Missing(why) => return Done { not_checked: Some(why.clone()), ..Done::default() },
    };
    let outcome = rules.scan(what, &target.variables());
    let not_checked = outcome.stopped.map(|why| match target.kind {
        "process" => format!("the memory of a process was not scanned to the end: {why}"),
        _ => format!("a file or queue was not scanned to the end: {why}"),
    });
    let Databases { inside, range } =
        yara_database::judge(&outcome.matches, rules.infos(), &|range| part(&bytes, range));
    let matched = outcome.matches.into_iter().zip(inside).map(|(one, in_database)| Matched {
        rule: one.rule,
        target: number,
        strings: one.strings,
        in_database,
    });
    let matched: Vec<Matched> = matched.collect();
    let database = range.filter(|_| matched.iter().any(|one| one.in_database));
    Done { matched, database, not_checked, is_read: true }
}

/// Bytes of a range of a target, as far as they are there.
fn part(bytes: &Bytes<'_>, range: Range<u64>) -> Vec<u8> {
    match bytes {
        Bytes::Missing(_) => Vec::new(),
        Bytes::Whole(bytes) => {
            let end = usize_of(range.end).min(bytes.len());
            bytes.get(usize_of(range.start)..end).unwrap_or_default().to_vec()
        }
        Bytes::Memory(space) => {
            let mut all = Vec::new();
            let ranges = space.ranges();
            let first = ranges.partition_point(|region| region.end <= range.start);
            let touched = ranges.iter().enumerate().skip(first).take_while(|(_, region)| region.start < range.end);
            for (_, region) in touched {
                all.extend(space.read(range.start.max(region.start)..range.end.min(region.end)));
            }
            all
        }
    }
}
