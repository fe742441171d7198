//! Flags about several archives at once, and about how rows name their archive.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Several archives at once.
#[derive(Debug, Default, Args)]
pub(crate) struct FleetArgs {
    /// Read names of archives from a file; `-` for standard input
    ///
    /// The file has one name per line, or names separated by NUL.
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    pub(crate) files_from: Vec<PathBuf>,
    /// The names read from those files.
    #[arg(skip)]
    pub(crate) listed: std::sync::OnceLock<Vec<PathBuf>>,
}

/// How rows name their archive.
#[derive(Clone, Debug, Args)]
pub(crate) struct NameArgs {
    /// Value of the column `archive`: the path of the archive, its file name, or its SHA-256 (default: path)
    #[arg(long, value_enum, value_name = "WHAT", help_heading = "Input", hide_short_help = true)]
    pub(crate) source_id: Option<SourceId>,
    /// Value of the column `archive` for standard input
    ///
    /// The last part of the name is read as a file name, in which the kubelet stores pod, namespace and container.
    #[arg(long, value_name = "NAME", default_value = "-", help_heading = "Input", hide_short_help = true)]
    pub(crate) source_name: OsString,
}

/// The columns in front of each row.
#[derive(Clone, Debug, Args)]
pub(crate) struct SourceArgs {
    #[command(flatten)]
    pub(crate) name: NameArgs,
    /// Add a column to each row, such as `node=worker-3`; may be repeated
    ///
    /// In ECS, `node` is `host.name`, `cluster` is `orchestrator.cluster.name`, and any other is a label.
    #[arg(long = "field", value_name = "KEY=VALUE", value_parser = super::super::field::field, help_heading = "Output", hide_short_help = true)]
    pub(crate) fields: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SourceId {
    /// The path, as it was given
    Path,
    /// SHA-256 of the file or of standard input; for a directory, its path
    Sha256,
    /// The file name without its directory
    Name,
}

impl SourceId {
    /// The value of the flag.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            SourceId::Path => "path",
            SourceId::Sha256 => "sha256",
            SourceId::Name => "name",
        }
    }
}
