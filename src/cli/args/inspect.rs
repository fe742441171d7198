//! The flags of `cryoscope inspect`.

use std::path::PathBuf;

use clap::Args;

use super::brought::IocArgs;
use super::documents::DocumentArgs;
use super::formats::InspectFormat;
use super::source::{FleetArgs, SourceArgs};

/// Process tree with files, sockets, mounts, statistics
#[derive(Debug, Args)]
#[command(
    after_help = "Marks in the tree: `runs from a memfd` (a program that is in no file system), `executable deleted`, `connection on \
                        stdio` (its input or output is a network connection), `name of another program`, `code without a file` \
                        (executable memory, and no runtime that makes such), `on a terminal`, `session began outside`. Each can have \
                        an innocent cause: `scan` judges. The line `findings` counts what its quick rules found; `scan` runs all.\n\n\
                        Example: cryoscope inspect --files --sockets --pid 1 checkpoint.tar"
)]
pub(crate) struct Inspect {
    /// Archives or image directories; `-` for standard input
    ///
    /// If a directory is not a checkpoint, the archives in it are read. Wildcards are allowed.
    #[arg(required_unless_present = "files_from", value_name = "ARCHIVE")]
    pub(crate) archives: Vec<PathBuf>,
    /// Show open files, current and root directories
    #[arg(long)]
    pub(crate) files: bool,
    /// Show sockets
    #[arg(long)]
    pub(crate) sockets: bool,
    /// Show queues: bytes in pipes, sockets and terminals, pending signals
    #[arg(long)]
    pub(crate) queues: bool,
    /// Show recovered files: deleted files, memfds, file systems in memory
    #[arg(long)]
    pub(crate) recovered: bool,
    /// Show changes to the root file system
    #[arg(long)]
    pub(crate) changes: bool,
    /// Show capabilities, namespaces, seccomp and other limits of the container
    #[arg(long)]
    pub(crate) isolation: bool,
    /// Show mounts, actual and specified
    #[arg(long)]
    pub(crate) mounts: bool,
    /// Show environment variables
    #[arg(long, visible_alias = "ps-tree-env")]
    pub(crate) env: bool,
    /// Show memory mappings
    #[arg(long)]
    pub(crate) maps: bool,
    /// Show threads
    #[arg(long)]
    pub(crate) threads: bool,
    /// Show statistics of the dump
    #[arg(long)]
    pub(crate) stats: bool,
    /// Show labels, annotations, ids and digests
    #[arg(long)]
    pub(crate) metadata: bool,
    /// Show all of the above
    #[arg(long)]
    pub(crate) all: bool,
    /// Show only this process and its descendants (`table --pid` leaves out the descendants)
    #[arg(short, long, value_name = "N")]
    pub(crate) pid: Option<u32>,
    /// Accepted for compatibility with checkpointctl: the tree is always shown
    #[arg(long, hide_short_help = true)]
    pub(crate) ps_tree: bool,
    /// Show full command lines in the process tree
    #[arg(long)]
    pub(crate) ps_tree_cmd: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t = InspectFormat::Tree)]
    pub(crate) format: InspectFormat,
    #[command(flatten)]
    pub(crate) documents: DocumentArgs,
    /// Number of archives to read at once (default: one per processor)
    #[arg(long, value_name = "N", hide_short_help = true)]
    pub(crate) jobs: Option<usize>,
    #[command(flatten)]
    pub(crate) lists: IocArgs,
    #[command(flatten)]
    pub(crate) fleet: FleetArgs,
    #[command(flatten)]
    pub(crate) source: SourceArgs,
}
