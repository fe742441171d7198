//! Options for what the user brings to a scan besides the archive, and for secrets.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// What the user brings to a scan.
#[derive(Debug, Args)]
#[command(next_help_heading = "Rules and lists of your own")]
pub(crate) struct BroughtArgs {
    #[command(flatten)]
    pub(crate) lists: IocArgs,
    /// Look for YARA rules in memory, files and queues: a file, a directory with files *.yar and *.yara, or `builtin`
    ///
    /// `builtin` stands for the rules that are part of cryoscope, which do not run otherwise; for a file of that name, write
    /// ./builtin. A file that does not load is named, and the others run. All memory is kept when a compressed archive is
    /// read: first in memory, then in a temporary file.
    #[arg(long, value_name = "RULES", hide_short_help = true)]
    pub(crate) yara: Vec<PathBuf>,
    /// Stop the YARA scan of a process or file after this time
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0, requires = "yara", hide_short_help = true)]
    pub(crate) yara_timeout: f64,
    /// Ask Sigma rules about processes, files and connections: a file, or a directory with files *.yml and *.yaml
    ///
    /// What is wrong in them is named, and the others run. Rules for other logs are counted in the coverage.
    #[arg(long, value_name = "RULES", hide_short_help = true)]
    pub(crate) sigma: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) root: RootArgs,
    #[command(flatten)]
    pub(crate) secrets: SecretsArgs,
}

/// Lists of indicators.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Rules and lists of your own")]
pub(crate) struct IocArgs {
    /// Compare with indicators: lists of lines, CSV, STIX 2.1 bundles, MISP events and feeds
    ///
    /// A directory stands for its files, or for the feed of MISP that it is; `-` for standard input. What a file is follows
    /// from its contents.
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(crate) ioc: Vec<PathBuf>,
    /// Also use indicators that are too general or, in MISP, not marked for detection
    #[arg(long, requires = "ioc", hide_short_help = true)]
    pub(crate) ioc_all: bool,
    /// Pass over indicators that are too general, by MISP's warninglists in this directory
    #[arg(long, value_name = "DIR", requires = "ioc", hide_short_help = true)]
    pub(crate) warninglists: Option<PathBuf>,
}

/// The image of the container.
#[derive(Debug, Default, Args)]
pub(crate) struct RootArgs {
    /// The container's image, for what checkpoints leave out
    ///
    /// A directory with the root file system, an OCI layout (directory or tar), a `docker save` archive, or a tar of the root
    /// file system. Unchanged pages of programs and libraries are taken from it, and changed ones are compared with it.
    #[arg(long, value_name = "IMAGE", hide_short_help = true)]
    pub(crate) root: Option<PathBuf>,
}

/// Which secrets are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Wanted {
    /// None
    No,
    /// All but published examples, lists of signatures, and states of random number generators
    Yes,
    /// All
    All,
}

/// How secrets are looked for and shown.
#[derive(Debug, Args)]
#[command(next_help_heading = "Secrets")]
pub(crate) struct SecretsArgs {
    /// Whether to look for passwords, keys and tokens
    #[arg(long, value_enum, value_name = "WHICH", default_value_t = Wanted::Yes)]
    pub(crate) secrets: Wanted,
    /// Also look for secrets by the rules of this file, in the TOML of gitleaks
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(crate) secrets_rules: Vec<PathBuf>,
    /// Show secrets whole, in the column `revealed` of the table `secrets`
    ///
    /// Only on a terminal, or with --output, which writes a file that nobody else can read.
    #[arg(long, hide_short_help = true)]
    pub(crate) reveal: bool,
    /// Make the hashes of passwords the same in each run, so that runs can be compared
    ///
    /// Short passwords can then be found from their hash.
    #[arg(long, hide_short_help = true)]
    pub(crate) stable_secret_hash: bool,
}
