//! Processes numbered parts in several threads and returns the results in order. The output does not depend on the
//! number of threads, and only as many parts are in flight as they need.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Condvar, Mutex, PoisonError};

/// Parts per thread that may be done or in progress ahead of the first unfinished one.
const AHEAD: usize = 4;

/// Processes `count` parts in `threads` threads, each with its own worker. `take` gets the results in order, on this
/// thread, until it has enough.
pub(super) fn in_order<T: Send, W: FnMut(usize) -> T>(
    count: usize,
    threads: usize,
    worker: impl Fn() -> W + Sync,
    mut take: impl FnMut(usize, T) -> ControlFlow<()>,
) {
    let threads = threads.clamp(1, count.max(1));
    if threads == 1 {
        let mut work = worker();
        for number in 0..count {
            if take(number, work(number)).is_break() {
                return;
            }
        }
        return;
    }
    let queue = Queue { count, ahead: threads.saturating_mul(AHEAD), state: Mutex::default(), changed: Condvar::new() };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let _guard = StopOnPanic(&queue);
                let mut work = worker();
                while let Some(number) = queue.next() {
                    let result = work(number);
                    queue.done(number, result);
                }
            });
        }
        for number in 0..count {
            let Some(result) = queue.wait_for(number) else { break };
            if take(number, result).is_break() {
                queue.stop();
                break;
            }
        }
    });
}

struct Queue<T> {
    count: usize,
    ahead: usize,
    state: Mutex<State<T>>,
    changed: Condvar,
}

/// A worker that panics must not leave the others waiting for its result; the scope passes its panic on.
struct StopOnPanic<'q, T>(&'q Queue<T>);

impl<T> Drop for StopOnPanic<'_, T> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop();
        }
    }
}

struct State<T> {
    /// The next part to start.
    next: usize,
    /// The next part to take.
    taken: usize,
    results: BTreeMap<usize, T>,
    stopped: bool,
}

impl<T> Default for State<T> {
    fn default() -> Self {
        State { next: 0, taken: 0, results: BTreeMap::new(), stopped: false }
    }
}

impl<T> Queue<T> {
    /// The number of a part to work on; waits if too many are done ahead.
    fn next(&self) -> Option<usize> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if state.stopped || state.next >= self.count {
                return None;
            }
            if state.next < state.taken.saturating_add(self.ahead) {
                let number = state.next;
                state.next = number.saturating_add(1);
                return Some(number);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn done(&self, number: usize, result: T) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.results.insert(number, result);
        drop(state);
        self.changed.notify_all();
    }

    fn wait_for(&self, number: usize) -> Option<T> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if state.stopped {
                return None;
            }
            if let Some(result) = state.results.remove(&number) {
                state.taken = number.saturating_add(1);
                drop(state);
                self.changed.notify_all();
                return Some(result);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn stop(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.stopped = true;
        drop(state);
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_on_any_number_of_threads() {
        for threads in [1, 2, 7] {
            let mut seen = Vec::new();
            in_order(
                100,
                threads,
                || |number: usize| number.wrapping_mul(3),
                |number, result| {
                    seen.push((number, result));
                    if number == 80 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                },
            );
            let expected: Vec<_> = (0..=80).map(|n| (n, n * 3)).collect();
            assert_eq!(seen, expected, "{threads} threads");
        }
    }

    #[test]
    #[should_panic(expected = "a scoped thread panicked")]
    fn a_worker_that_dies_hangs_nobody() {
        in_order(9, 3, || |number: usize| assert_ne!(number, 5), |_, ()| ControlFlow::Continue(()));
    }

    #[test]
    fn nothing_to_do_ends_at_once() {
        in_order(0, 4, || |_| (), |_, ()| ControlFlow::Continue(()));
    }
}
