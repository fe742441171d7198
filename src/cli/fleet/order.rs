//! Works on many items at once and delivers results in the order of the items.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread;

/// Messages of an archive that may wait for those before it.
const WAITING: usize = 16;

/// Sends messages of an archive. It blocks if many messages wait and earlier archives are not finished.
pub(crate) struct Speaker<M>(SyncSender<M>);

/// The receiver is gone.
pub(crate) struct Gone;

impl<M> Speaker<M> {
    pub(crate) fn say(&self, message: M) -> Result<(), Gone> {
        self.0.send(message).map_err(|_| Gone)
    }
}

/// Does some work for each of `count` items, several at once, and passes the messages on in their order. The number of
/// waiting messages is bounded, so memory does not grow with the number of items.
pub(crate) fn in_order<M: Send, E>(
    count: usize,
    threads: Option<usize>,
    work: impl Fn(usize, &Speaker<M>) + Sync,
    mut take: impl FnMut(usize, M) -> Result<(), E>,
) -> Result<(), E> {
    let all = || thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = threads.unwrap_or_else(all).clamp(1, count.max(1));
    let (line, waiting) = channel::<Receiver<M>>();
    let next = Mutex::new(0);
    let stopped = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..threads {
            let (line, next, stopped, work) = (line.clone(), &next, &stopped, &work);
            scope.spawn(move || {
                loop {
                    let (number, speaker) = {
                        // Items are queued in the order in which they are taken.
                        let mut next = next.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                        let (speaker, listener) = sync_channel(WAITING);
                        if *next == count || stopped.load(Ordering::Relaxed) || line.send(listener).is_err() {
                            return;
                        }
                        *next += 1;
                        (*next - 1, Speaker(speaker))
                    };
                    work(number, &speaker);
                }
            });
        }
        drop(line);
        let taken = waiting
            .iter()
            .enumerate()
            .try_for_each(|(number, listener)| listener.iter().try_for_each(|message| take(number, message)));
        stopped.store(true, Ordering::Relaxed);
        // Threads that still send are told that the receiver is gone.
        drop(waiting);
        taken
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_comes_in_order_and_waits_its_turn() {
        for threads in [1, 2, 7] {
            let mut heard = Vec::new();
            let work = |number: usize, speaker: &Speaker<usize>| {
                // The first items are the slowest, and each sends more messages than may wait.
                thread::sleep(std::time::Duration::from_millis(10_u64.saturating_sub(number as u64)));
                (0..2 * WAITING).for_each(|i| {
                    let _ = speaker.say(number * 100 + i);
                });
            };
            let taken: Result<(), ()> = in_order(12, Some(threads), work, |number, message| {
                assert_eq!(number, message / 100);
                heard.push(message);
                Ok(())
            });
            assert_eq!(taken, Ok(()));
            assert_eq!(heard.len(), 12 * 2 * WAITING);
            assert!(heard.is_sorted());
        }
    }

    #[test]
    fn nobody_waits_for_who_has_gone() {
        let work = |_: usize, speaker: &Speaker<usize>| while speaker.say(1).is_ok() {};
        assert_eq!(in_order(5, Some(2), work, |_, _| Err("enough")), Err("enough"));
        assert_eq!(in_order(0, None, work, |_, _| Err("none")), Ok(()));
    }
}
