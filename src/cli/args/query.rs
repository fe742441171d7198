//! The flags of `cryoscope query`.

use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::{Args, ValueEnum};
use cryoscope::formats::Format;

use super::brought::BroughtArgs;
use super::source::{FleetArgs, NameArgs};

/// SQL over the tables of one or more archives
#[derive(Debug, Args)]
#[command(
    override_usage = "cryoscope query [OPTIONS] <ARCHIVE>... [SQL]\n       cryoscope query [OPTIONS] [SQL] <ARCHIVE>...",
    after_help = "The SQL is SQLite's. Queries read the tables that `cryoscope table` lists, and nothing else. Each begins with the columns \
                  `archive` and \"set\". Lists and objects are JSON text. Without SQL, the query is read from \
                  standard input; on a terminal, a prompt opens.\n\n\
                  Exit codes: 0 rows · 1 no rows · 2 failed · 3 part of an archive is missing\n\n\
                  Example: cryoscope query checkpoint.tar \"SELECT pid, path FROM processes WHERE uid = 0\"\n\
                  Example: cryoscope query *.tar --format csv < question.sql"
)]
pub(crate) struct QueryArgs {
    /// Archives or image directories (`-` for standard input), and the query as one argument
    #[arg(required_unless_present = "files_from", value_name = "ARCHIVE", value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub(crate) archives: Vec<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value_t = QueryFormat::Table)]
    pub(crate) format: QueryFormat,
    /// Stop a query after this time, not counting the opening of archives
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0)]
    pub(crate) timeout: f64,
    /// Largest value, and largest row, in bytes
    #[arg(long, hide_short_help = true, value_name = "BYTES", default_value_t = 64 << 20, value_parser = clap::value_parser!(u64).range(1..=1 << 30))]
    pub(crate) max_value: u64,
    /// Memory for tables and answers, in bytes
    #[arg(long, hide_short_help = true, value_name = "BYTES", default_value_t = 4 << 30, value_parser = clap::value_parser!(u64).range(1 << 20..))]
    pub(crate) max_sql_memory: u64,
    /// Hash contents: fills `sha256` of `members`, `rootfs_changes`, `volume_files`
    #[arg(long)]
    pub(crate) hash: bool,
    /// Run the queries of a pack of osquery: a file in its JSON, or YAML
    ///
    /// The tables then have osquery's names and columns. A query that cannot run is named, and the others run.
    #[arg(long, value_name = "FILE")]
    pub(crate) pack: Vec<PathBuf>,
    /// Do not save the history of the prompt (default: saved in the user's state directory)
    #[cfg(feature = "prompt")]
    #[arg(long, hide_short_help = true)]
    pub(crate) no_history: bool,
    /// Number of archives to open at once (default: one per processor)
    #[arg(long, visible_alias = "jobs", value_name = "N", hide_short_help = true)]
    pub(crate) threads: Option<usize>,
    #[command(flatten)]
    pub(crate) brought: BroughtArgs,
    #[command(flatten)]
    pub(crate) fleet: FleetArgs,
    #[command(flatten)]
    pub(crate) name: NameArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum QueryFormat {
    /// Aligned columns
    Table,
    /// An array of objects
    Json,
    /// One object per line
    Ndjson,
    /// Comma-separated values
    Csv,
}

impl From<QueryFormat> for Format {
    fn from(format: QueryFormat) -> Self {
        match format {
            QueryFormat::Table => Format::TABLE,
            QueryFormat::Json => Format::JSON,
            QueryFormat::Ndjson => Format::NDJSON,
            QueryFormat::Csv => Format::CSV,
        }
    }
}
