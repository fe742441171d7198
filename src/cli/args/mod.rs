//! The command line as typed: one struct per command, each in its own file. Clap makes the help texts from these.

mod brought;
mod core;
mod dataset;
mod decode;
mod documents;
mod extract;
mod formats;
mod inspect;
mod iocs;
mod memparse;
#[cfg(feature = "query")]
mod query;
mod scan;
mod schema;
mod show;
mod source;
mod table;

use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use super::limits::LimitArgs;
use super::no_input::NoInput;
use super::outputs::Outputs;
use super::record::Record;

pub(crate) use self::brought::{BroughtArgs, IocArgs, RootArgs, SecretsArgs, Wanted};
pub(crate) use self::core::CoreArgs;
pub(crate) use self::dataset::{DatasetArgs, PartitionBy};
pub(crate) use self::decode::{DecodeArgs, DecodeFormat};
pub(crate) use self::documents::{BulkOp, DocumentArgs};
pub(crate) use self::extract::ExtractArgs;
pub(crate) use self::formats::{InspectFormat, ListFormat, RowFormat, ScanFormat};
pub(crate) use self::inspect::Inspect;
pub(crate) use self::iocs::{HuntFormat, IocsArgs};
pub(crate) use self::memparse::{By, MemparseArgs};
#[cfg(feature = "query")]
pub(crate) use self::query::{QueryArgs, QueryFormat};
pub(crate) use self::scan::{Level, ScanArgs};
pub(crate) use self::schema::{SchemaArgs, SchemaFormat};
pub(crate) use self::show::{List, Show};
pub(crate) use self::source::{FleetArgs, NameArgs, SourceArgs, SourceId};
pub(crate) use self::table::TableArgs;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Yellow.on_default().bold())
    .usage(AnsiColor::Yellow.on_default().bold())
    .literal(AnsiColor::Green.on_default())
    .placeholder(AnsiColor::Cyan.on_default());

/// Reads container checkpoint archives (Kubernetes, Podman, CRI-O, containerd, plain CRIU images) and shows what ran in
/// them: processes, users, connections, open files, memory.
#[derive(Debug, Parser)]
#[command(name = "cryoscope", bin_name = "cryoscope", version, styles = STYLES, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 done · 1 nothing found · 2 failed · 3 part of the archive is missing or damaged, and warnings \
                        say what\n\nExample: cryoscope inspect checkpoint-web-0_prod-nginx-2026-01-02T03:04:05Z.tar"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) global: Global,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Show(Show),
    List(List),
    Scan(Box<ScanArgs>),
    Iocs(IocsArgs),
    Inspect(Box<Inspect>),
    Memparse(Box<MemparseArgs>),
    Core(CoreArgs),
    Extract(ExtractArgs),
    Table(Box<TableArgs>),
    Decode(DecodeArgs),
    #[cfg(feature = "query")]
    Query(QueryArgs),
    Schema(SchemaArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
}

/// The manual page, for `man -l -`
#[derive(Debug, Args)]
#[command(after_help = "Example: cryoscope man > cryoscope.1")]
pub(crate) struct ManArgs {
    #[command(flatten)]
    pub(crate) no_input: NoInput,
}

/// Completions for a shell
#[derive(Debug, Args)]
#[command(after_help = "Example: cryoscope completions bash > /etc/bash_completion.d/cryoscope")]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: Shell,
    #[command(flatten)]
    pub(crate) no_input: NoInput,
}

/// Flags of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Write to this file instead of standard output
    #[arg(short, long, global = true, value_name = "FILE", help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,
    /// Replace existing files
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) force: bool,
    /// Truncate lines to N columns (default: the width of the terminal; no limit elsewhere)
    #[arg(long, global = true, value_name = "N", help_heading = "Output", hide_short_help = true)]
    pub(crate) width: Option<usize>,
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, help_heading = "Output", hide_short_help = true)]
    pub(crate) color: Color,
    /// Do not print warnings
    #[arg(short, long, global = true, help_heading = "Output")]
    pub(crate) quiet: bool,
    /// Also print notes: what is odd, although nothing is missing
    #[arg(short, long, global = true, help_heading = "Output")]
    pub(crate) verbose: bool,
    /// Do not show progress (it is only shown on a terminal)
    #[arg(long, hide_short_help = true, global = true, help_heading = "Output")]
    pub(crate) no_progress: bool,
    /// Checkpoint to read, if the archive holds several
    #[arg(long, global = true, value_name = "DIRECTORY", help_heading = "Input")]
    pub(crate) set: Option<String>,
    /// Archive of the parent dump; may be repeated for a chain, newest first
    ///
    /// It holds the pages that this dump leaves out.
    #[arg(long, global = true, value_name = "ARCHIVE", help_heading = "Input")]
    pub(crate) parent: Vec<PathBuf>,
    /// Read archives as streams instead of mapping them into memory
    #[arg(long, hide_short_help = true, global = true, help_heading = "Input")]
    pub(crate) no_mmap: bool,
    /// Print the SHA-256 of each archive, and whether it changed while it was read
    #[arg(long, global = true, help_heading = "Evidence", hide_short_help = true)]
    pub(crate) verify: bool,
    /// Refuse archives with another SHA-256; may be repeated
    #[arg(long, global = true, value_name = "HEX", help_heading = "Evidence", hide_short_help = true, value_parser = sha256)]
    pub(crate) expect_sha256: Vec<String>,
    /// Write a record of the run: arguments, limits, inputs and outputs with hashes, times, warnings, exit code
    ///
    /// Use `-` for standard output, if everything else goes to files.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Evidence", hide_short_help = true)]
    pub(crate) manifest: Option<PathBuf>,
    /// Case number, for the manifest
    #[arg(
        long,
        global = true,
        value_name = "ID",
        help_heading = "Evidence",
        hide_short_help = true,
        requires = "manifest"
    )]
    pub(crate) case: Option<String>,
    /// Name of the examiner, for the manifest
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        help_heading = "Evidence",
        hide_short_help = true,
        requires = "manifest"
    )]
    pub(crate) examiner: Option<String>,
    /// Evidence number, for the manifest
    #[arg(
        long,
        global = true,
        value_name = "ID",
        help_heading = "Evidence",
        hide_short_help = true,
        requires = "manifest"
    )]
    pub(crate) evidence_id: Option<String>,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
    /// The record of the run.
    #[arg(skip)]
    pub(crate) record: Record,
    /// The files that the run reads and writes.
    #[arg(skip)]
    pub(crate) outputs: Outputs,
}

/// A SHA-256, in hexadecimal.
fn sha256(text: &str) -> Result<String, String> {
    let is_hash = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hash { Ok(text.to_ascii_lowercase()) } else { Err("a SHA-256 has 64 hexadecimal digits".to_owned()) }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}
