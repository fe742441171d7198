//! The flags of `cryoscope scan`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::brought::BroughtArgs;
use super::documents::DocumentArgs;
use super::formats::ScanFormat;
use super::source::{FleetArgs, SourceArgs};

/// What is wrong in a container, with the bytes that prove it
#[derive(Debug, Args)]
#[command(
    after_help = "Findings that belong together are printed as one story, the worst first. In text, only findings of medium or \
                        worse are printed; other formats have all (`--min-severity`). The tables `findings`, `evidence` and \
                        `rule_coverage` hold what rules found, what proves it, and what could not be checked.\n\n\
                        Exit codes: 0 done · 1 a finding of --fail-on or worse · 2 failed · 3 part of the archive is missing\n\n\
                        Example: cryoscope scan checkpoint.tar\n\
                        Example: cryoscope scan /var/lib/kubelet/checkpoints --fail-on high --format ndjson"
)]
pub(crate) struct ScanArgs {
    /// Archives or image directories; `-` for standard input
    ///
    /// For a directory that is not a checkpoint, the archives in it are read. Wildcards are allowed.
    #[arg(value_name = "ARCHIVE")]
    pub(crate) archives: Vec<PathBuf>,
    /// Show findings of this severity and worse (default: medium as text, info in other formats)
    #[arg(long, value_name = "SEVERITY", help_heading = "Findings")]
    pub(crate) min_severity: Option<Level>,
    /// End with exit code 1 if there is a finding of this severity or worse
    #[arg(long, value_name = "SEVERITY", help_heading = "Findings")]
    pub(crate) fail_on: Option<Level>,
    /// Hide the findings in this file, which --write-baseline made
    #[arg(long, value_name = "FILE", help_heading = "Findings")]
    pub(crate) baseline: Option<PathBuf>,
    /// Write the findings to this file, as a baseline for later scans
    #[arg(long, value_name = "FILE", help_heading = "Findings")]
    pub(crate) write_baseline: Option<PathBuf>,
    /// Hide findings by the rules of this TOML file
    ///
    /// Tables `[[suppress]]` with `rule` and `reason`, and maybe `image`, `path`, `name`, `id` (wildcards) and `until` (a date).
    #[arg(long, value_name = "FILE", help_heading = "Findings")]
    pub(crate) suppress: Option<PathBuf>,
    /// Tell in how many of the checkpoints each finding is
    ///
    /// Archives are scanned first, and printed when all are known.
    #[arg(long, help_heading = "Findings")]
    pub(crate) rarity: bool,
    /// Run only these rules: ids, names, families such as MEM, or wildcards
    #[arg(long, value_name = "RULES", value_delimiter = ',', help_heading = "Rules")]
    pub(crate) rules: Vec<String>,
    /// Do not run these rules
    #[arg(long, value_name = "RULES", value_delimiter = ',', help_heading = "Rules")]
    pub(crate) exclude_rules: Vec<String>,
    /// Also run experimental rules
    #[arg(long, help_heading = "Rules")]
    pub(crate) experimental: bool,
    /// List the rules; needs no archive
    #[arg(long, help_heading = "Rules", conflicts_with_all = ["archives", "explain"])]
    pub(crate) list: bool,
    /// Explain a rule; needs no archive
    #[arg(long, value_name = "RULE", help_heading = "Rules", conflicts_with = "archives")]
    pub(crate) explain: Option<String>,
    /// Output format
    #[arg(long, value_enum, default_value_t = ScanFormat::Text)]
    pub(crate) format: ScanFormat,
    #[command(flatten)]
    pub(crate) documents: DocumentArgs,
    #[command(flatten)]
    pub(crate) brought: BroughtArgs,
    /// Number of archives to read at once (default: one per processor)
    #[arg(long, visible_alias = "jobs", value_name = "N", hide_short_help = true)]
    pub(crate) threads: Option<usize>,
    #[command(flatten)]
    pub(crate) fleet: FleetArgs,
    #[command(flatten)]
    pub(crate) source: SourceArgs,
}

/// A severity of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Level {
    /// A fact worth a line
    Info,
    /// A weakness or an oddity
    Low,
    /// Suspicious, with a plausible innocent cause
    Medium,
    /// A strong sign of compromise
    High,
    /// An attacker is or was active
    Critical,
}
