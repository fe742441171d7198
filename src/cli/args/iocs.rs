//! The flags of `cryoscope iocs`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::source::{FleetArgs, SourceArgs};

/// What an archive yields to hunt for elsewhere: addresses, domains, hashes, paths, keys
#[derive(Debug, Args)]
#[command(
    after_help = "Findings of medium or worse decide what belongs to an attack. What belongs to the container itself or to everybody \
                        is left out; `--all` prints it with the reason. `scan --ioc` reads every format again.\n\n\
                        Exit codes: 0 done · 1 nothing to hunt for · 2 failed · 3 part of the archive is missing\n\n\
                        Example: cryoscope iocs checkpoint.tar --format stix -o iocs.json\n\
                        Example: cryoscope scan other/*.tar --ioc iocs.json"
)]
pub(crate) struct IocsArgs {
    /// Archives or image directories; `-` for standard input
    ///
    /// For a directory that is not a checkpoint, the archives in it are read. Wildcards are allowed.
    #[arg(required_unless_present = "files_from", value_name = "ARCHIVE")]
    pub(crate) archives: Vec<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value_t = HuntFormat::Csv)]
    pub(crate) format: HuntFormat,
    /// Also print what is left out, with the reason
    #[arg(long)]
    pub(crate) all: bool,
    /// Number of archives to read at once (default: one per processor)
    #[arg(long, visible_alias = "jobs", value_name = "N", hide_short_help = true)]
    pub(crate) threads: Option<usize>,
    #[command(flatten)]
    pub(crate) fleet: FleetArgs,
    #[command(flatten)]
    pub(crate) source: SourceArgs,
}

/// A format of indicators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum HuntFormat {
    /// A bundle of STIX 2.1
    Stix,
    /// CSV with a header
    Csv,
    /// Events of MISP
    Misp,
    /// One a line; no command lines, names or ports alone
    Txt,
}
