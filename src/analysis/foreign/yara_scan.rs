//! Runs YARA rules over everything in a checkpoint, once for all who ask.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use super::super::Brought;
use super::super::yara::Rules;
use super::yara_images;
use super::yara_matches::{Done, Kept, Matches, scan};
use super::yara_targets::Targets;
use crate::Checkpoint;
use crate::int::u64_of;

/// All scans of a checkpoint together may take this many times the limit on one.
const ALL_TIMES: u32 = 20;
/// Threads, at most.
const THREADS: usize = 16;

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
    let kept = Mutex::new(Kept::new(checkpoint));
    let until = Instant::now().checked_add(rules.time().saturating_mul(ALL_TIMES));
    let work = || {
        while let Some(&number) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            let Some(target) = targets.all.get(number) else { continue };
            let done = if until.is_some_and(|until| Instant::now() >= until) {
                Done::out_of_time()
            } else {
                scan(&targets.bytes(target), number, target, rules)
            };
            if !done.is_quiet() {
                kept.lock().unwrap_or_else(PoisonError::into_inner).add(number, done);
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
    let mut kept = kept.into_inner().unwrap_or_else(PoisonError::into_inner);
    yara_images::scan(checkpoint, rules, until, &mut targets, &mut kept);
    let mut matches = kept.finish(checkpoint);
    matches.looked_at = u64_of(targets.all.len()).saturating_sub(matches.not_read);
    matches.not_checked.extend(targets.room.not_checked);
    matches.targets = targets.all;
    matches
}
