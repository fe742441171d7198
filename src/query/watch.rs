//! Decides when a query has to stop: its time is over, or it was stopped by the caller.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

type IsOver = Arc<dyn Fn() -> bool + Send + Sync>;

/// The clock of the current query. Clones share it.
#[derive(Clone)]
pub(super) struct Watch {
    stop: Arc<AtomicBool>,
    is_over: Arc<Mutex<Option<IsOver>>>,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("stop", &self.stop).finish_non_exhaustive()
    }
}

impl Watch {
    /// Creates a watch without a query.
    pub(super) fn new(stop: Arc<AtomicBool>) -> Self {
        Watch { stop, is_over: Arc::default() }
    }

    /// Begins to watch a query. `is_over` is its clock.
    pub(super) fn begin(&self, is_over: impl Fn() -> bool + Send + Sync + 'static) {
        *self.is_over.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(is_over));
    }

    /// Whether the caller stopped the query.
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Whether the query has to stop.
    pub(super) fn is_over(&self) -> bool {
        let is_over = self.is_over.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.is_stopped() || is_over.is_some_and(|is_over| is_over())
    }
}
