//! Options for what the user brings to a scan besides the archive, and how it is read.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use cryoscope::analysis::Brought;
use cryoscope::{Limits, RootImage};

use super::Failure;

/// What the user brings to a scan.
#[derive(Debug, Args)]
#[command(next_help_heading = "Rules and lists of your own")]
pub(crate) struct BroughtArgs {
    #[command(flatten)]
    root: RootArgs,
}

impl BroughtArgs {
    /// Reads everything that was named.
    pub(crate) fn read(&self, limits: &Limits) -> Result<Arc<Brought>, Failure> {
        let brought = Brought::default();
        Ok(Arc::new(match self.root.read(limits)? {
            Some(root) => brought.with_root(root),
            None => brought,
        }))
    }
}

/// The image of the container.
#[derive(Debug, Args)]
pub(crate) struct RootArgs {
    /// The container's image, for what checkpoints leave out
    ///
    /// A directory with the root file system, an OCI layout (directory or tar), a `docker save` archive, or a tar of the root
    /// file system. Unchanged pages of programs and libraries are taken from it, and changed ones are compared with it.
    #[arg(long, value_name = "IMAGE")]
    pub(crate) root: Option<PathBuf>,
}

impl RootArgs {
    /// Reads the image, if one was named.
    pub(crate) fn read(&self, limits: &Limits) -> Result<Option<RootImage>, Failure> {
        Ok(self.root.as_ref().map(|path| RootImage::open(path, limits)).transpose()?)
    }
}
