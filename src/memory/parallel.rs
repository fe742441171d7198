//! Processes numbered parts in several threads and returns the results in order. The output does not depend on the
//! number of threads, and only as many parts are in flight as they need.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Condvar, Mutex, PoisonError};

/// Parts per thread that may be done or in progress ahead of the first unfinished one.
const AHEAD: usize = 4;

/// Processes `count` parts in `threads` threads, of which this is one, each with its own worker. `take` gets the results in
/// order, on this thread, until it has enough.
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
    let ahead = threads.saturating_mul(AHEAD);
    let queue = Queue { count, ahead, state: Mutex::default(), ready: Condvar::new(), room: Condvar::new() };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|| {
                let _guard = StopOnPanic(&queue);
                let mut work = worker();
                while let Some(number) = queue.next() {
                    let result = work(number);
                    queue.done(number, result);
                }
            });
        }
        let _guard = StopOnPanic(&queue);
        let mut work = worker();
        loop {
            match queue.turn() {
                Turn::Take(number, result) => {
                    if take(number, result).is_break() {
                        break;
                    }
                }
                Turn::Work(number) => {
                    let result = work(number);
                    queue.done(number, result);
                }
                Turn::Nothing => break,
            }
        }
        queue.stop();
    });
}

struct Queue<T> {
    count: usize,
    ahead: usize,
    state: Mutex<State<T>>,
    /// The result that is taken next is there.
    ready: Condvar,
    /// Another part may be started.
    room: Condvar,
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

/// What the thread does next that takes the results.
enum Turn<T> {
    /// Take the result of a part.
    Take(usize, T),
    /// Work on a part.
    Work(usize),
    /// All is done, or a worker died.
    Nothing,
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

impl<T> State<T> {
    /// Starts the next part. `None` if all are started, or too many are done ahead.
    fn start(&mut self, count: usize, ahead: usize) -> Option<usize> {
        let number = self.next;
        let may = number < count && number < self.taken.saturating_add(ahead);
        self.next = number.saturating_add(usize::from(may));
        may.then_some(number)
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
            if let Some(number) = state.start(self.count, self.ahead) {
                return Some(number);
            }
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn done(&self, number: usize, result: T) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.results.insert(number, result);
        let is_next = number == state.taken;
        drop(state);
        if is_next {
            self.ready.notify_one();
        }
    }

    /// What to do next; waits if there is nothing.
    fn turn(&self) -> Turn<T> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let number = state.taken;
            if state.stopped || number >= self.count {
                return Turn::Nothing;
            }
            if let Some(result) = state.results.remove(&number) {
                state.taken = number.saturating_add(1);
                drop(state);
                self.room.notify_one();
                return Turn::Take(number, result);
            }
            if let Some(number) = state.start(self.count, self.ahead) {
                return Turn::Work(number);
            }
            state = self.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn stop(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.stopped = true;
        drop(state);
        self.ready.notify_all();
        self.room.notify_all();
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
    fn a_worker_that_dies_hangs_nobody() {
        for part in 0..9 {
            let died = std::panic::catch_unwind(|| {
                in_order(9, 3, || move |number: usize| assert_ne!(number, part), |_, ()| ControlFlow::Continue(()));
            });
            assert!(died.is_err(), "{part}");
        }
    }

    #[test]
    fn nothing_to_do_ends_at_once() {
        in_order(0, 4, || |_| (), |_, ()| ControlFlow::Continue(()));
    }
}
