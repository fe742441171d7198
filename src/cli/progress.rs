//! Progress on a terminal. It appears only if the work takes long: a bar that flashes up tells nothing.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How long the work takes before progress is shown.
const DELAY: Duration = Duration::from_millis(500);
/// How often the bar is drawn.
const TICK: Duration = Duration::from_millis(100);

/// Progress of some work.
pub(crate) struct Progress {
    bar: ProgressBar,
    since: Instant,
    delay: Duration,
    /// Where the bar will be drawn.
    target: Mutex<Option<ProgressDrawTarget>>,
}

impl Progress {
    /// Progress on standard error, in a style of `indicatif`.
    pub(crate) fn new(style: &str) -> Self {
        Progress::within(style, DELAY, ProgressDrawTarget::stderr_with_hz(10))
    }

    fn within(style: &str, delay: Duration, target: ProgressDrawTarget) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        Progress { bar, since: Instant::now(), delay, target: Mutex::new(Some(target)) }
    }

    /// Changes what the bar shows.
    pub(crate) fn update(&self, change: impl FnOnce(&ProgressBar)) {
        change(&self.bar);
        if self.since.elapsed() < self.delay {
            return;
        }
        if let Some(target) = self.target.lock().unwrap_or_else(PoisonError::into_inner).take() {
            self.bar.set_draw_target(target);
            self.bar.enable_steady_tick(TICK);
        }
    }

    /// Removes the bar. It does not come back.
    pub(crate) fn clear(&self) {
        drop(self.target.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.bar.finish_and_clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use indicatif::TermLike;

    use super::*;

    /// A terminal that counts what is written to it.
    #[derive(Clone, Debug, Default)]
    struct Terminal(Arc<AtomicUsize>);

    impl Terminal {
        fn note(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl TermLike for Terminal {
        fn width(&self) -> u16 {
            80
        }

        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            self.note();
            Ok(())
        }

        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            self.note();
            Ok(())
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            self.note();
            Ok(())
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            self.note();
            Ok(())
        }

        fn write_line(&self, _: &str) -> io::Result<()> {
            self.note();
            Ok(())
        }

        fn write_str(&self, _: &str) -> io::Result<()> {
            self.note();
            Ok(())
        }

        fn clear_line(&self) -> io::Result<()> {
            self.note();
            Ok(())
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    fn drawn(delay: Duration) -> usize {
        let terminal = Terminal::default();
        let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
        let progress = Progress::within("{msg} {pos}", delay, target);
        for number in 0..10 {
            progress.update(|bar| bar.set_position(number));
        }
        drop(progress);
        terminal.0.load(Ordering::Relaxed)
    }

    #[test]
    fn short_work_shows_nothing() {
        assert_eq!(drawn(Duration::from_hours(1)), 0);
        assert!(drawn(Duration::ZERO) > 0, "long work does");
    }
}
