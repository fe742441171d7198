//! The flags of `cryoscope memparse`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::brought::RootArgs;
use super::documents::DocumentArgs;
use super::formats::RowFormat;
use super::source::{FleetArgs, SourceArgs};

/// Upper bounds of `--context` and `--max-match-length`, in bytes.
const CONTEXT_MOST: u64 = 1 << 20;

const MATCH_MOST: u64 = 16 << 20;

/// Memory: sizes, search, strings, hexdump, dump
#[derive(Debug, Args)]
#[command(
    after_help = "By default, prints how much memory was recorded. With --pid alone, prints a hexdump, as checkpointctl does.\n\n\
                        Exit codes: 0 found · 1 no match · 2 failed · 3 part of the memory is missing\n\n\
                        Example: cryoscope memparse checkpoint.tar --search 'password=' --context 32\n\
                        Example: cryoscope memparse checkpoint.tar --search-hex '48 8b ?? c3' --prot x --format ndjson"
)]
pub(crate) struct MemparseArgs {
    /// Archives or image directories; `-` for standard input
    ///
    /// If a directory is not a checkpoint, the archives in it are read. Wildcards are allowed.
    #[arg(required_unless_present = "files_from", value_name = "ARCHIVE")]
    pub(crate) archives: Vec<PathBuf>,
    /// Search for text
    #[arg(short, long, value_name = "TEXT", help_heading = "Search", allow_hyphen_values = true)]
    pub(crate) search: Vec<String>,
    /// Search for bytes, such as `48 8b ?? c3`
    #[arg(long, value_name = "HEX", help_heading = "Search")]
    pub(crate) search_hex: Vec<String>,
    /// Search for a regular expression over bytes
    ///
    /// `.` matches any byte. Classes such as `\w` are ASCII.
    #[arg(short = 'r', long, value_name = "RE", help_heading = "Search", allow_hyphen_values = true)]
    pub(crate) search_regex: Vec<String>,
    /// Search for the patterns in a file, one per line; `-` for standard input
    ///
    /// A line is text unless it begins with `hex:` or `re:`.
    #[arg(long, value_name = "FILE", help_heading = "Search")]
    pub(crate) patterns: Vec<PathBuf>,
    /// Also search for text in UTF-16
    #[arg(long, help_heading = "Search", hide_short_help = true)]
    pub(crate) utf16: bool,
    /// Ignore case
    #[arg(short, long, help_heading = "Search")]
    pub(crate) ignore_case: bool,
    /// Show N bytes before and after each match
    #[arg(short, long, value_name = "N", default_value_t = 0, help_heading = "Search")]
    #[arg(value_parser = clap::value_parser!(u64).range(..=CONTEXT_MOST))]
    pub(crate) context: u64,
    /// Print only the number of matches, by process and pattern
    #[arg(long, help_heading = "Search")]
    pub(crate) count: bool,
    /// Stop after N matches
    #[arg(long, value_name = "N", default_value_t = MemparseArgs::MATCHES, help_heading = "Search", hide_short_help = true)]
    pub(crate) max_matches: u64,
    /// Longest match of a regular expression that is always found, in bytes
    #[arg(long, value_name = "N", default_value_t = MemparseArgs::MATCH_LENGTH, help_heading = "Search", hide_short_help = true)]
    #[arg(value_parser = clap::value_parser!(u64).range(..=MATCH_MOST))]
    pub(crate) max_match_length: u64,
    /// Also search everything else in the archive: files, queues, logs
    #[arg(long, help_heading = "Search")]
    pub(crate) everywhere: bool,
    /// Print bytes in hexadecimal
    #[arg(long, help_heading = "Contents")]
    pub(crate) hexdump: bool,
    /// Print repeated lines of a hexdump in full
    #[arg(long, help_heading = "Contents", hide_short_help = true)]
    pub(crate) no_squeeze: bool,
    /// Print text in ASCII and UTF-16
    #[arg(long, help_heading = "Contents")]
    pub(crate) strings: bool,
    /// Shortest string to print
    #[arg(short = 'n', long, value_name = "N", default_value_t = MemparseArgs::STRING_LENGTH, help_heading = "Contents")]
    pub(crate) min_length: usize,
    /// Write raw bytes to a file, to a directory (one file per mapping), or to standard output
    ///
    /// Missing memory is written as zeros, which take no space in a file. An index next to the file describes each
    /// part.
    #[arg(long, value_name = "FILE|DIR|-", help_heading = "Contents")]
    pub(crate) dump: Option<PathBuf>,
    /// Only these processes
    #[arg(short, long, value_name = "N", value_delimiter = ',', help_heading = "Filters")]
    pub(crate) pid: Vec<u32>,
    /// Only processes with this name (`*` and `?` are wildcards)
    #[arg(long, value_name = "GLOB", help_heading = "Filters")]
    pub(crate) name: Option<String>,
    /// Only these addresses, such as `0x400000-0x401000`
    #[arg(long, value_name = "A-B", help_heading = "Filters")]
    pub(crate) range: Option<String>,
    /// Only mappings with these permissions, such as `x`, `rwx`, `r-x`
    ///
    /// A `-` stands for a permission that must be missing.
    #[arg(long, value_name = "PROT", help_heading = "Filters")]
    pub(crate) prot: Option<String>,
    /// Only mappings of these kinds, such as `heap,stack`
    #[arg(long, value_name = "KINDS", value_delimiter = ',', help_heading = "Filters")]
    pub(crate) kind: Vec<String>,
    /// Only mappings of files with this path (`*` and `?` are wildcards)
    #[arg(long, value_name = "GLOB", help_heading = "Filters")]
    pub(crate) path: Option<String>,
    /// Print a size for each class of mapping
    #[arg(long, value_name = "WHAT")]
    pub(crate) by: Option<By>,
    /// Output format
    #[arg(long, value_enum, default_value_t = RowFormat::Table)]
    pub(crate) format: RowFormat,
    #[command(flatten)]
    pub(crate) root: RootArgs,
    #[command(flatten)]
    pub(crate) documents: DocumentArgs,
    /// Number of threads (default: one per processor)
    #[arg(long, visible_alias = "jobs", value_name = "N", hide_short_help = true)]
    pub(crate) threads: Option<usize>,
    #[command(flatten)]
    pub(crate) fleet: FleetArgs,
    #[command(flatten)]
    pub(crate) source: SourceArgs,
}

impl MemparseArgs {
    /// Default of `--max-matches`.
    pub(crate) const MATCHES: u64 = 1_000_000;
    /// Default of `--max-match-length`, in bytes.
    pub(crate) const MATCH_LENGTH: u64 = 4096;
    /// Default of `--min-length`, in characters.
    pub(crate) const STRING_LENGTH: usize = 4;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    /// One row per process and class of mapping
    Class,
}
