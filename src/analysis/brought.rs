//! What the user brings to a scan besides the archive: lists of indicators, rules of other tools, the image of the
//! container. Rules read it from [`Facts`](super::Facts); tables find it with the checkpoint.

use std::sync::{Arc, OnceLock};

use super::Family;
use super::hits::Search;
use super::indicators::Indicators;
use crate::memory::Finder;
use crate::{Checkpoint, RootImage};

/// What the user brings to a scan. Give it to [`Options::bring`](crate::Options::bring) before an archive is opened, so
/// that memory is read once for everything.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Brought {
    indicators: Option<Indicators>,
    /// The search for the patterns of rules and of what was brought, made on first use.
    search: OnceLock<Option<Arc<Search>>>,
    /// The image of the container.
    root: Option<RootImage>,
}

impl Brought {
    /// Adds the image of the container, with which files and code are compared.
    #[must_use]
    pub fn with_root(self, root: RootImage) -> Self {
        Brought { root: Some(root), ..self }
    }

    /// The image of the container.
    pub fn root(&self) -> Option<&RootImage> {
        self.root.as_ref()
    }

    /// What was brought for a checkpoint. Nothing, if [`Options::bring`](crate::Options::bring) was not called.
    pub fn of(checkpoint: &Checkpoint) -> Arc<Brought> {
        static NOTHING: OnceLock<Arc<Brought>> = OnceLock::new();
        checkpoint.brought().unwrap_or_else(|| Arc::clone(NOTHING.get_or_init(Arc::default)))
    }

    /// Sets the indicators.
    #[must_use]
    pub fn with_indicators(self, indicators: Indicators) -> Self {
        Brought { indicators: Some(indicators), search: OnceLock::new(), ..self }
    }

    /// The indicators.
    pub fn indicators(&self) -> Option<&Indicators> {
        self.indicators.as_ref()
    }

    /// Whether there is what the rules of a family need.
    pub(super) fn serves(&self, family: Family) -> bool {
        match family {
            Family::Indicators => self.indicators.is_some(),
            _ => true,
        }
    }

    /// The search for all patterns, the same for every checkpoint. It is made on first use.
    pub(super) fn search(&self, make: impl FnOnce() -> Option<Search>) -> Option<Arc<Search>> {
        self.search.get_or_init(|| make().map(Arc::new)).clone()
    }

    /// What finds the words of lists in all memory.
    pub(super) fn finder(&self) -> Option<Arc<dyn Finder>> {
        self.indicators.as_ref()?.finder()
    }
}
