//! What the user brings to a scan besides the archive: lists of indicators, rules of other tools, the image of the
//! container. Rules read it from [`Facts`](super::Facts); tables find it with the checkpoint.

use std::sync::{Arc, OnceLock};

use super::hits::Search;
use super::plan;
use crate::{Checkpoint, RootImage};

/// What the user brings to a scan. Give it to [`Options::bring`](crate::Options::bring) before an archive is opened, so
/// that memory is read once for everything.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Brought {
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

    /// The search for all patterns, the same for every checkpoint.
    pub(super) fn search(&self) -> Option<&Arc<Search>> {
        self.search.get_or_init(|| plan::search(self.patterns()).map(Arc::new)).as_ref()
    }

    /// Bytes to look for in all memory, besides those of the rules.
    #[expect(clippy::unused_self, reason = "nothing that can be brought has patterns yet")]
    fn patterns(&self) -> Vec<Vec<u8>> {
        Vec::new()
    }
}
