//! Options for what the user brings to a scan besides the archive, and how it is read.

use std::sync::Arc;

use clap::Args;
use cryoscope::analysis::Brought;

use super::Failure;

/// What the user brings to a scan.
#[derive(Debug, Args)]
#[command(next_help_heading = "Rules and lists of your own")]
pub(crate) struct BroughtArgs {}

impl BroughtArgs {
    /// Reads everything that was named. `_say` gets what the user should know about it.
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "nothing can be brought yet")]
    pub(crate) fn read(&self, _say: &dyn Fn(&str)) -> Result<Arc<Brought>, Failure> {
        Ok(Arc::new(Brought::default()))
    }
}
