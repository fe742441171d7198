//! The flags of `cryoscope table`.

use std::path::PathBuf;
use std::str::FromStr as _;

use clap::Args;

use super::super::condition::Condition;
use super::super::sorter::Order;
use super::brought::BroughtArgs;
use super::dataset::DatasetArgs;
use super::documents::DocumentArgs;
use super::formats::RowFormat;
use super::source::{FleetArgs, SourceArgs};

/// Rows of any table
#[derive(Debug, Args)]
#[command(
    after_help = "Arguments that name a table select it; all others are archives. Without arguments, lists the tables.\n\n\
                        Example: cryoscope table checkpoint.tar processes process_open_sockets --format ndjson\n\
                        Example: cryoscope table *.tar processes --where uid=0 --where 'path~^/tmp/' --sort pid\n\
                        Example: cryoscope table /evidence --all --format parquet --output-dir dataset --skip-known"
)]
pub(crate) struct TableArgs {
    /// Archives or image directories (`-` for standard input), and names of tables
    #[arg(value_name = "ARCHIVE|TABLE")]
    pub(crate) names: Vec<PathBuf>,
    /// All tables
    #[arg(long)]
    pub(crate) all: bool,
    /// Describe tables and their columns: those named, or all; needs no archive
    #[arg(long, conflicts_with_all = ["all", "columns", "hash", "pid", "conditions", "sort", "limit"])]
    pub(crate) list: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t = RowFormat::Table)]
    pub(crate) format: RowFormat,
    #[command(flatten)]
    pub(crate) documents: DocumentArgs,
    /// Columns to print, in this order; `all` for all
    ///
    /// By default, text output has the columns that fit on a screen, and other formats have all columns. `archive`,
    /// `set` and the columns of --field come first, unless they are named here.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) columns: Vec<String>,
    /// Only rows about these processes and what they had open
    #[arg(short, long, value_name = "N", value_delimiter = ',', help_heading = "Rows")]
    pub(crate) pid: Vec<u32>,
    /// Only rows that meet a condition: COLUMN=VALUE, or != < <= > >= ~
    ///
    /// `~` takes a regular expression. If the option is repeated, all conditions must hold. `null` matches a value
    /// that is unknown; quote it to match the text. A list meets a condition if one of its items does. `archive`,
    /// `set` and the columns of --field are columns, too.
    #[arg(long = "where", value_name = "EXPR", help_heading = "Rows", value_parser = Condition::from_str)]
    pub(crate) conditions: Vec<Condition>,
    /// Sort the rows of each table by a column; null is last
    ///
    /// Rows are sorted in memory, up to 256 MiB for each table. With --limit, only the rows to print are kept.
    #[arg(long, value_name = "COLUMN[:desc]", help_heading = "Rows", value_parser = Order::from_str)]
    pub(crate) sort: Option<Order>,
    /// Print at most N rows of each table
    #[arg(long, value_name = "N", help_heading = "Rows")]
    pub(crate) limit: Option<usize>,
    /// Hash contents: fills `sha256` of `members`, `rootfs_changes`, `volume_files`
    #[arg(long)]
    pub(crate) hash: bool,
    /// Write a file for each table to this directory
    ///
    /// For Parquet, each table gets a directory, to which later runs can add. Directories are created if needed.
    #[arg(long, value_name = "DIR", conflicts_with = "output")]
    pub(crate) output_dir: Option<PathBuf>,
    #[cfg(feature = "parquet")]
    #[command(flatten)]
    pub(crate) dataset: DatasetArgs,
    /// Largest `bulk` file in that directory, in bytes; more documents go to `processes.0002.ndjson`
    #[arg(long, hide_short_help = true, value_name = "N", default_value_t = 5 << 20, requires = "output_dir",
          value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) bulk_size: u64,
    /// Number of archives to read at once (default: one per processor)
    #[arg(long, visible_alias = "jobs", value_name = "N", hide_short_help = true)]
    pub(crate) threads: Option<usize>,
    #[command(flatten)]
    pub(crate) brought: BroughtArgs,
    #[command(flatten)]
    pub(crate) fleet: FleetArgs,
    #[command(flatten)]
    pub(crate) source: SourceArgs,
}
