//! The flags of `cryoscope table` for datasets.

use clap::{Args, ValueEnum};

/// Parquet in a directory, which grows: `--output-dir` with `--format parquet`.
#[cfg(feature = "parquet")]
#[derive(Debug, Args)]
pub(crate) struct DatasetArgs {
    /// Add to an existing dataset, and skip archives that it already has
    ///
    /// Archives are compared by SHA-256. The second of two copies is skipped.
    #[arg(long, help_heading = "Dataset", hide_short_help = true, requires = "output_dir")]
    pub(crate) skip_known: bool,
    /// Retry archives that could not be read before
    #[arg(long, help_heading = "Dataset", hide_short_help = true, requires = "skip_known")]
    pub(crate) retry_failed: bool,
    /// Number of archives written together (default: 1000); a run that is killed loses at most one batch
    #[arg(long, help_heading = "Dataset", hide_short_help = true, value_name = "N", requires = "output_dir", value_parser = batch)]
    pub(crate) batch: Option<usize>,
    /// Partition the directory of each table by the day of the checkpoint (UTC) or by archive
    #[arg(
        long,
        help_heading = "Dataset",
        hide_short_help = true,
        value_enum,
        value_name = "WHAT",
        requires = "output_dir"
    )]
    pub(crate) partition_by: Option<PartitionBy>,
}

#[cfg(feature = "parquet")]
impl DatasetArgs {
    /// The first of its flags that was given.
    pub(crate) fn given(&self) -> Option<&'static str> {
        let flags = [
            ("--skip-known", self.skip_known),
            ("--batch", self.batch.is_some()),
            ("--partition-by", self.partition_by.is_some()),
        ];
        flags.into_iter().find_map(|(flag, is_given)| is_given.then_some(flag))
    }
}

/// How many archives a batch has.
#[cfg(feature = "parquet")]
fn batch(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=100_000).contains(number));
    number.ok_or_else(|| "give a number from 1 to 100000".to_owned())
}

#[cfg(feature = "parquet")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PartitionBy {
    /// The day of the checkpoint: `date=2026-11-23`
    Date,
    /// The archive: `archive=node1%2Fa.tar`
    Archive,
}
