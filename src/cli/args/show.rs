//! The flags of `cryoscope show` and `cryoscope list`.

use std::path::PathBuf;

use clap::Args;

use super::documents::DocumentArgs;
use super::formats::{ListFormat, RowFormat};
use super::source::{FleetArgs, SourceArgs};

/// One line per checkpoint: container, image, engine, times, sizes
#[derive(Debug, Args)]
#[command(after_help = "Example: cryoscope show *.tar")]
pub(crate) struct Show {
    /// Archives or image directories; `-` for standard input
    ///
    /// If a directory is not a checkpoint, the archives in it are read. Wildcards are allowed.
    #[arg(required_unless_present = "files_from", value_name = "ARCHIVE")]
    pub(crate) archives: Vec<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value_t = ListFormat::Rows(RowFormat::Table))]
    pub(crate) format: ListFormat,
    #[command(flatten)]
    pub(crate) documents: DocumentArgs,
    /// Number of archives to read at once (default: one per processor)
    #[arg(long, visible_alias = "jobs", value_name = "N", hide_short_help = true)]
    pub(crate) threads: Option<usize>,
    #[command(flatten)]
    pub(crate) fleet: FleetArgs,
    #[command(flatten)]
    pub(crate) source: SourceArgs,
}

/// The checkpoints in a directory (default: the kubelet's)
#[derive(Debug, Args)]
#[command(after_help = "Example: cryoscope list /var/lib/kubelet/checkpoints --format ndjson")]
pub(crate) struct List {
    /// Directories to search, one level deep
    #[arg(default_value = "/var/lib/kubelet/checkpoints", value_name = "DIRECTORY")]
    pub(crate) directories: Vec<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value_t = ListFormat::Rows(RowFormat::Table))]
    pub(crate) format: ListFormat,
    #[command(flatten)]
    pub(crate) documents: DocumentArgs,
    /// Number of archives to read at once (default: one per processor)
    #[arg(long, visible_alias = "jobs", value_name = "N", hide_short_help = true)]
    pub(crate) threads: Option<usize>,
    #[command(flatten)]
    pub(crate) source: SourceArgs,
}
