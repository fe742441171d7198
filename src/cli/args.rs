//! What the user typed: one struct a command, from which help texts are made.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::builder::styling::{AnsiColor, Styles};
#[cfg(feature = "query")]
use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use cryoscope::formats::{BulkAction, Format, Index, SchemaForm};
use jiff::Timestamp;

use super::evidence::Record;
use super::limits::LimitArgs;
use super::outputs::Outputs;

/// Bytes around a match that may be asked for, and the longest match.
const CONTEXT_MOST: u64 = 1 << 20;
const MATCH_MOST: u64 = 16 << 20;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Yellow.on_default().bold())
    .usage(AnsiColor::Yellow.on_default().bold())
    .literal(AnsiColor::Green.on_default())
    .placeholder(AnsiColor::Cyan.on_default());

/// Opens container checkpoint archives (Kubernetes, Podman, CRI-O, containerd, bare CRIU sets) and answers what ran in
/// them, as whom, talking to whom, holding which files, with what in memory.
#[derive(Debug, Parser)]
#[command(name = "cryoscope", bin_name = "cryoscope", version, styles = STYLES, disable_help_subcommand = true, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 done · 1 done, and nothing was found · 2 could not do it · 3 done as far as the archive allowed, warnings say what is \
                        missing\n\nExample: cryoscope inspect checkpoint-web-0_prod-nginx-2026-01-02T03:04:05Z.tar"
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
    /// The manual page, for `man -l -`
    #[command(after_help = "Example: cryoscope man > cryoscope.1")]
    Man,
}

/// One line per checkpoint: container, image, engine, times, sizes
#[derive(Debug, Args)]
#[command(after_help = "Example: cryoscope show *.tar")]
pub(crate) struct Show {
    /// Archives or directories of images; `-` for standard input. Of a directory of archives, all that are in it
    #[arg(required_unless_present = "files_from")]
    pub(crate) archives: Vec<PathBuf>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = ListFormat::Rows(RowFormat::Table))]
    pub(crate) format: ListFormat,
    #[command(flatten)]
    pub(crate) documents: DocumentArgs,
    /// How many archives are read at once (default: one per processor)
    #[arg(long, visible_alias = "jobs", value_name = "N")]
    pub(crate) threads: Option<usize>,
    #[command(flatten)]
    pub(crate) fleet: FleetArgs,
    #[command(flatten)]
    pub(crate) source: SourceArgs,
}

/// The checkpoints in a directory (default: the kubelet's)
#[derive(Debug, Args)]
#[command(after_help = "Example: cryoscope list /var/lib/kubelet/checkpoints --format ndjson")]
pub(crate) struct List {
    /// Directories to look in, and in those in them
    #[arg(default_value = "/var/lib/kubelet/checkpoints")]
    pub(crate) directories: Vec<PathBuf>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = ListFormat::Rows(RowFormat::Table))]
    pub(crate) format: ListFormat,
    #[command(flatten)]
    pub(crate) documents: DocumentArgs,
    /// How many archives are read at once (default: one per processor)
    #[arg(long, visible_alias = "jobs", value_name = "N")]
    pub(crate) threads: Option<usize>,
    #[command(flatten)]
    pub(crate) source: SourceArgs,
}

/// What was running: process tree with files, sockets, mounts, statistics
#[derive(Debug, Args)]
#[command(after_help = "Example: cryoscope inspect --files --sockets --pid 1 checkpoint.tar")]
pub(crate) struct Inspect {
    /// Archives or directories of images; `-` for standard input. Of a directory of archives, all that are in it
    #[arg(required_unless_present = "files_from")]
    pub(crate) archives: Vec<PathBuf>,
    /// Show open files, current and root directories
    #[arg(long)]
    pub(crate) files: bool,
    /// Show sockets
    #[arg(long)]
    pub(crate) sockets: bool,
    /// Show what waited: bytes in pipes, sockets and terminals, signals
    #[arg(long)]
    pub(crate) queues: bool,
    /// Show deleted files, memfds and file systems in memory whose contents are in the archive
    #[arg(long)]
    pub(crate) recovered: bool,
    /// Show what the container changed in its root file system
    #[arg(long)]
    pub(crate) changes: bool,
    /// Show all that the container was allowed
    #[arg(long)]
    pub(crate) isolation: bool,
    /// Show mounts, as they were and as the specification asked for
    #[arg(long)]
    pub(crate) mounts: bool,
    /// Show environments
    #[arg(long, visible_alias = "ps-tree-env")]
    pub(crate) env: bool,
    /// Show mappings
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
    /// Show all of these
    #[arg(long)]
    pub(crate) all: bool,
    /// Show only this process and its descendants
    #[arg(short, long, value_name = "N")]
    pub(crate) pid: Option<u32>,
    /// Show the process tree (as checkpointctl has it; the tree is always shown)
    #[arg(long)]
    pub(crate) ps_tree: bool,
    /// Show whole command lines in the process tree
    #[arg(long)]
    pub(crate) ps_tree_cmd: bool,
    /// How to print it
    #[arg(long, value_enum, default_value_t = InspectFormat::Tree)]
    pub(crate) format: InspectFormat,
    #[command(flatten)]
    pub(crate) documents: DocumentArgs,
    /// How many archives are read at once (default: one per processor)
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<usize>,
    #[command(flatten)]
    pub(crate) fleet: FleetArgs,
    #[command(flatten)]
    pub(crate) source: SourceArgs,
}

/// Memory: sizes, search, strings, hexdump, dump
#[derive(Debug, Args)]
#[command(
    after_help = "Without a search, --hexdump, --strings or --dump: how much memory was recorded, and of --pid alone \
                        a hexdump, as checkpointctl has it.\n\n\
                        Exit codes: 0 found · 1 no match · 2 could not do it · 3 part of the memory is missing\n\n\
                        Example: cryoscope memparse checkpoint.tar --search 'password=' --context 32\n\
                        Example: cryoscope memparse checkpoint.tar --search-hex '48 8b ?? c3' --prot x --format ndjson"
)]
pub(crate) struct MemparseArgs {
    /// Archive or directory of images; `-` for standard input
    pub(crate) archive: PathBuf,
    /// Search for text
    #[arg(short, long, value_name = "TEXT", help_heading = "Search")]
    pub(crate) search: Vec<String>,
    /// Search for bytes: `48 8b ?? c3`
    #[arg(long, value_name = "HEX", help_heading = "Search")]
    pub(crate) search_hex: Vec<String>,
    /// Search for a regular expression over bytes: `.` is any byte, classes are ASCII
    #[arg(short = 'r', long, value_name = "RE", help_heading = "Search")]
    pub(crate) search_regex: Vec<String>,
    /// Search for all patterns of a file: a line each, text unless it begins with `hex:` or `re:`
    #[arg(long, value_name = "FILE", help_heading = "Search")]
    pub(crate) patterns: Vec<PathBuf>,
    /// Search for text in UTF-16, too
    #[arg(long, help_heading = "Search")]
    pub(crate) utf16: bool,
    /// Letters in any case
    #[arg(short, long, help_heading = "Search")]
    pub(crate) ignore_case: bool,
    /// Show so many bytes before and behind each match
    #[arg(short, long, value_name = "N", default_value_t = 0, help_heading = "Search")]
    #[arg(value_parser = clap::value_parser!(u64).range(..=CONTEXT_MOST))]
    pub(crate) context: u64,
    /// Print how many matches there are, by process and pattern
    #[arg(long, help_heading = "Search")]
    pub(crate) count: bool,
    /// Stop at so many matches
    #[arg(long, value_name = "N", default_value_t = 1_000_000, help_heading = "Search")]
    pub(crate) max_matches: u64,
    /// Longest match of a regular expression that is found whole wherever it lies, in bytes
    #[arg(long, value_name = "N", default_value_t = 4096, help_heading = "Search")]
    #[arg(value_parser = clap::value_parser!(u64).range(..=MATCH_MOST))]
    pub(crate) max_match_length: u64,
    /// Search everything in the archive: files, queues, logs, documents, too
    #[arg(long, help_heading = "Search")]
    pub(crate) everywhere: bool,
    /// Print bytes, sixteen a row
    #[arg(long, help_heading = "Contents")]
    pub(crate) hexdump: bool,
    /// Print all rows of a hexdump, also those that equal the one before
    #[arg(long, help_heading = "Contents")]
    pub(crate) no_squeeze: bool,
    /// Print text, in ASCII and UTF-16
    #[arg(long, help_heading = "Contents")]
    pub(crate) strings: bool,
    /// Fewest characters of a string
    #[arg(short = 'n', long, value_name = "N", default_value_t = 4, help_heading = "Contents")]
    pub(crate) min_length: usize,
    /// Write raw bytes: to a file, into a folder (a file for each mapping), or `-` for standard output; of what is missing
    /// zeros, which files do not store. An index tells what lies where
    #[arg(long, value_name = "FILE|DIR|-", help_heading = "Contents")]
    pub(crate) dump: Option<PathBuf>,
    /// Only these processes
    #[arg(short, long, value_name = "N", help_heading = "Filters")]
    pub(crate) pid: Vec<u32>,
    /// Only processes of this name (`*` and `?` are wildcards)
    #[arg(long, value_name = "GLOB", help_heading = "Filters")]
    pub(crate) name: Option<String>,
    /// Only these addresses, in hexadecimal: `0x400000-0x401000`
    #[arg(long, value_name = "A-B", help_heading = "Filters")]
    pub(crate) range: Option<String>,
    /// Only mappings with these permissions: `rwx`; a `-` in its place for one they must not have: `r-x`
    #[arg(long, value_name = "PROT", help_heading = "Filters")]
    pub(crate) prot: Option<String>,
    /// Only mappings of these kinds, as in `inspect --maps`: `heap,stack`
    #[arg(long, value_name = "KINDS", value_delimiter = ',', help_heading = "Filters")]
    pub(crate) kind: Vec<String>,
    /// Only mappings of these paths (`*` and `?` are wildcards)
    #[arg(long, value_name = "GLOB", help_heading = "Filters")]
    pub(crate) path: Option<String>,
    /// Show sizes by class of mapping
    #[arg(long, value_name = "WHAT")]
    pub(crate) by: Option<By>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = RowFormat::Table)]
    pub(crate) format: RowFormat,
    #[command(flatten)]
    pub(crate) documents: DocumentArgs,
    /// How many threads work (default: one per processor)
    #[arg(long, visible_alias = "jobs", value_name = "N")]
    pub(crate) threads: Option<usize>,
    #[command(flatten)]
    pub(crate) source: SourceArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    /// A row for each class of mappings of each process
    Class,
}

/// A process as an ELF core file, for gdb and other debuggers
#[derive(Debug, Args)]
#[command(
    after_help = "Registers of all threads, mapped files, and all memory that is in the archive. Unchanged parts of files \
                        are not: debuggers read them from the container's files, whose root `set sysroot` of gdb names. \
                        Without it, gdb reads the files of its own machine.\n\n\
                        Example: cryoscope core checkpoint.tar --pid 1 -o core.1\n         \
                        gdb -iex 'set sysroot rootfs' -c core.1"
)]
pub(crate) struct CoreArgs {
    /// Archive or directory of images; `-` for standard input
    pub(crate) archive: PathBuf,
    /// The process
    #[arg(short, long, value_name = "N")]
    pub(crate) pid: u32,
}

/// Recovered files, changed files, volumes, logs, queues, memory, a view of /proc, as files
#[derive(Debug, Args)]
#[command(
    after_help = "Files go into the folder that --output names, which must be new or empty; manifest.ndjson in it says of each what \
                        it was, where it is from, and its SHA-256. Nothing is written elsewhere. Links, devices and named pipes \
                        are not made, they stand in the manifest; links of the view of /proc are files with their text. Files \
                        are yours alone (0600), whatever they were. Of names, bytes that might do harm are written as %0A, \
                        long ones are cut and end with ~ and a hash.\n\n\
                        Exit codes: 0 done · 2 could not do it · 3 part of what was asked for is missing\n\n\
                        Example: cryoscope extract checkpoint.tar -o out\n\
                        Example: cryoscope extract checkpoint.tar -o out --what rootfs,recovered --path '/tmp/*'"
)]
pub(crate) struct ExtractArgs {
    /// Archive or directory of images; `-` for standard input
    pub(crate) archive: PathBuf,
    /// What to extract: recovered, rootfs, tmpfs, devshm, volumes, logs, queues, proc, memory, images, or all (default: all
    /// but memory and images)
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub(crate) what: Vec<String>,
    /// Only these paths in the container (`*` and `?` are wildcards); of logs and images, names in the archive
    #[arg(long, value_name = "GLOB")]
    pub(crate) path: Vec<String>,
    /// Only what these processes held, their memory and queues
    #[arg(short, long, value_name = "N")]
    pub(crate) pid: Vec<u32>,
    /// In the view of /proc, make `exe`, `cwd`, `root`, `fd/N`, `self` symbolic links, which programs need (default: files with
    /// their texts). They lead to whatever this machine has there: mind them when you copy or follow
    #[cfg(unix)]
    #[arg(long)]
    pub(crate) links: bool,
}

/// Raw rows of any table
#[derive(Debug, Args)]
#[command(
    after_help = "An argument that matches a table name is taken as a table; anything else is an archive: `./processes` \
                        is one. Rows of several archives say which one they are from. Without a table, the tables are listed.\n\n\
                        Example: cryoscope table checkpoint.tar processes process_open_sockets --format ndjson\n\
                        Example: cryoscope table /var/lib/kubelet/checkpoints processes --format bulk --output-dir out\n\
                        Example: cryoscope table /evidence --all --format parquet --output-dir dataset --skip-known\n\
                        Example: cryoscope table --list processes"
)]
pub(crate) struct TableArgs {
    /// Archives or directories of images, `-` for standard input; and names of tables
    #[arg(value_name = "ARCHIVE|TABLE")]
    pub(crate) names: Vec<PathBuf>,
    /// All tables
    #[arg(long)]
    pub(crate) all: bool,
    /// Instead of rows, say what the tables that are named (or all) and their columns mean; needs no archive
    #[arg(long, conflicts_with_all = ["all", "columns", "hash"])]
    pub(crate) list: bool,
    /// How to print it
    #[arg(long, value_enum, default_value_t = RowFormat::Table)]
    pub(crate) format: RowFormat,
    #[command(flatten)]
    pub(crate) documents: DocumentArgs,
    /// Columns to print, in this order; `all` for all (as text, only those are printed that fit a screen)
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) columns: Vec<String>,
    /// Hash the contents of files: fills `sha256` of members, `rootfs_changes` and `volume_files`
    #[arg(long)]
    pub(crate) hash: bool,
    /// Write a file for each table into this directory, named after it; of Parquet, a folder for each table, to which later runs
    /// can add. The directory is made if it is not there
    #[arg(long, value_name = "DIR", conflicts_with = "output")]
    pub(crate) output_dir: Option<PathBuf>,
    #[cfg(feature = "parquet")]
    #[command(flatten)]
    pub(crate) dataset: DatasetArgs,
    /// Bytes of a file of `bulk` in that directory; what is more begins another (`processes.0002.ndjson`)
    #[arg(long, value_name = "N", default_value_t = 5 << 20, requires = "output_dir",
          value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) bulk_size: u64,
    /// How many archives are read at once (default: one per processor)
    #[arg(long, visible_alias = "jobs", value_name = "N")]
    pub(crate) threads: Option<usize>,
    #[command(flatten)]
    pub(crate) fleet: FleetArgs,
    #[command(flatten)]
    pub(crate) source: SourceArgs,
}

/// Parquet in a directory, which grows: `--output-dir` with `--format parquet`.
#[cfg(feature = "parquet")]
#[derive(Debug, Args)]
pub(crate) struct DatasetArgs {
    /// Add to the dataset that is there (also with --force), and leave out archives that are in it already, by the SHA-256 of
    /// their bytes; of two copies, the second
    #[arg(long, help_heading = "Dataset", requires = "output_dir")]
    pub(crate) skip_known: bool,
    /// Read archives again that could not be read before
    #[arg(long, help_heading = "Dataset", requires = "skip_known")]
    pub(crate) retry_failed: bool,
    /// Archives that are written together (default: 1000): what a run that is killed may have to read again
    #[arg(long, help_heading = "Dataset", value_name = "N", requires = "output_dir", value_parser = batch)]
    pub(crate) batch: Option<usize>,
    /// Folders below that of each table: by the day of the checkpoint in UTC, or by archive, whose rows have the value from
    /// the folder's name then
    #[arg(long, help_heading = "Dataset", value_enum, value_name = "WHAT", requires = "output_dir")]
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

/// Any image as JSON, field by field
#[derive(Debug, Args)]
#[command(
    after_help = "Fields have CRIU's names; those that the schema does not know are shown by number, wire type and value. \
                        Addresses, flags, device numbers and internet addresses are shown as such, unless --plain is \
                        given. What follows records (queues, contents of deleted files) is shown by its length and, with \
                        --payload, in hexadecimal. --format crit-json prints what `crit decode` prints, and \
                        `crit encode` takes it back.\n\n\
                        Example: cryoscope decode checkpoint.tar core-1.img\n\
                        Example: cryoscope decode checkpoint.tar 'tcp-stream-*.img' --payload --format ndjson\n\
                        Example: cryoscope decode checkpoint.tar:checkpoint/files.img --format crit-json\n\
                        Example: cryoscope decode checkpoint.tar --info"
)]
pub(crate) struct DecodeArgs {
    /// An image, an archive or directory of images, or `ARCHIVE:MEMBER`; `-` for an archive on standard input
    pub(crate) input: PathBuf,
    /// Members to decode: paths in the archive or file names (`*` and `?` are wildcards); after an image, more images
    #[arg(value_name = "MEMBER")]
    pub(crate) members: Vec<String>,
    /// All images of the archive
    #[arg(long, conflicts_with = "members")]
    pub(crate) all: bool,
    /// Only what each image is: kind, magic number, version, records, sizes; of all images, unless some are named
    #[arg(long)]
    pub(crate) info: bool,
    /// Show what follows records, and images without records, whole
    #[arg(long)]
    pub(crate) payload: bool,
    /// Show only the length of what follows records, in crit-json, too (`crit show --nopl`)
    #[arg(long, conflicts_with = "payload")]
    pub(crate) no_payload: bool,
    /// Show numbers as they are; crit-json always does, unless --pretty is given
    #[arg(long)]
    pub(crate) plain: bool,
    /// Lay crit-json out in lines, with flags, addresses and devices in words (`crit decode --pretty`)
    #[arg(long, conflicts_with = "plain")]
    pub(crate) pretty: bool,
    /// How to print it (default: json; of --info, a table)
    #[arg(long, value_enum)]
    pub(crate) format: Option<DecodeFormat>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DecodeFormat {
    /// An array of images, each with its records
    Json,
    /// A record a line
    Ndjson,
    /// What CRIU's `crit decode` prints, an image after the other
    CritJson,
}

/// SQL over the tables of one archive or of many
#[cfg(feature = "query")]
#[derive(Debug, Args)]
#[command(
    override_usage = "cryoscope query [OPTIONS] <ARCHIVE>... [SQL]",
    after_help = "The SQL is SQLite's; queries only read, and reach nothing but the tables that `cryoscope table` lists. Each has \
                  the columns `archive` and `set` before its own (`set` is a word of SQL: write \"set\"). Lists and objects are JSON text. Without SQL, it is read from standard \
                  input; on a terminal, there is a prompt.\n\n\
                  Example: cryoscope query checkpoint.tar \"SELECT pid, path FROM processes WHERE path LIKE '%(deleted)'\"\n\
                  Example: cryoscope query *.tar --format csv < question.sql"
)]
pub(crate) struct QueryArgs {
    /// Archives or directories of images, `-` for standard input; and behind them the query, one argument. Of a directory of
    /// archives, all that are in it
    #[arg(required_unless_present = "files_from", value_name = "ARCHIVE", value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub(crate) archives: Vec<PathBuf>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = QueryFormat::Table)]
    pub(crate) format: QueryFormat,
    /// Stop a query that takes longer, without the opening of archives
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0)]
    pub(crate) timeout: f64,
    /// Bytes of a value, and of a row
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 20, value_parser = clap::value_parser!(u64).range(1..=1 << 30))]
    pub(crate) max_value: u64,
    /// Bytes of memory that tables and answers may take
    #[arg(long, value_name = "BYTES", default_value_t = 4 << 30, value_parser = clap::value_parser!(u64).range(1 << 20..))]
    pub(crate) max_sql_memory: u64,
    /// Keep no history of the prompt (it is kept in the user's state directory)
    #[cfg(feature = "prompt")]
    #[arg(long)]
    pub(crate) no_history: bool,
    /// How many archives are opened at once (default: one per processor)
    #[arg(long, visible_alias = "jobs", value_name = "N")]
    pub(crate) threads: Option<usize>,
    #[command(flatten)]
    pub(crate) fleet: FleetArgs,
    #[command(flatten)]
    pub(crate) name: NameArgs,
}

#[cfg(feature = "query")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum QueryFormat {
    /// Aligned columns
    Table,
    /// An array of objects
    Json,
    /// An object a line
    Ndjson,
    /// Comma-separated values
    Csv,
}

#[cfg(feature = "query")]
impl From<QueryFormat> for cryoscope::formats::ResultFormat {
    fn from(format: QueryFormat) -> Self {
        match format {
            QueryFormat::Table => Self::Table,
            QueryFormat::Json => Self::Json,
            QueryFormat::Ndjson => Self::Ndjson,
            QueryFormat::Csv => Self::Csv,
        }
    }
}

/// What rows look like: the columns of all tables
#[derive(Debug, Args)]
#[command(after_help = "Example: cryoscope schema --json > cryoscope.schema.json")]
pub(crate) struct SchemaArgs {
    /// As JSON Schema, for programs
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
    /// How to print it
    #[arg(long, value_enum, default_value_t = SchemaFormat::Table)]
    pub(crate) format: SchemaFormat,
    /// For which documents: the name that `--index` gives them (ecs-template, opensearch-template)
    #[arg(long, value_name = "NAME", default_value_t, hide_default_value = true)]
    pub(crate) index: Index,
    /// Only these tables
    #[arg(value_name = "TABLE")]
    pub(crate) tables: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaFormat {
    /// Aligned columns
    Table,
    /// JSON Schema of the rows
    Json,
    /// Index template for the documents of `bulk`, for Elasticsearch
    EcsTemplate,
    /// The same for OpenSearch
    OpensearchTemplate,
    /// Schemas of Arrow as JSON, by table
    Arrow,
    /// Messages of Parquet, as its files have them
    #[cfg(feature = "parquet")]
    Parquet,
    /// SQL that makes the tables in Spark; the lines between the first and the last are for `spark.read.schema`
    Spark,
    /// SQL that makes the tables in DuckDB, for Parquet and NDJSON
    Duckdb,
    /// The same for ClickHouse
    Clickhouse,
    /// SQL of Trino, of tables over files of Parquet
    Trino,
    /// SQL of Athena and Hive, of tables over files of Parquet
    Athena,
}

impl SchemaFormat {
    /// The form for engines that it is.
    pub(crate) fn form(self) -> Option<SchemaForm> {
        match self {
            SchemaFormat::Arrow => Some(SchemaForm::Arrow),
            #[cfg(feature = "parquet")]
            SchemaFormat::Parquet => Some(SchemaForm::Parquet),
            SchemaFormat::Spark => Some(SchemaForm::Spark),
            SchemaFormat::Duckdb => Some(SchemaForm::DuckDb),
            SchemaFormat::Clickhouse => Some(SchemaForm::ClickHouse),
            SchemaFormat::Trino => Some(SchemaForm::Trino),
            SchemaFormat::Athena => Some(SchemaForm::Athena),
            SchemaFormat::Table | SchemaFormat::Json | SchemaFormat::EcsTemplate | SchemaFormat::OpensearchTemplate => {
                None
            }
        }
    }
}

/// Completions for a shell
#[derive(Debug, Args)]
#[command(after_help = "Example: cryoscope completions bash > /etc/bash_completion.d/cryoscope")]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: Shell,
}

/// Several archives at once.
#[derive(Debug, Args)]
pub(crate) struct FleetArgs {
    /// Read names of archives from a file, a line each, or ended by NUL; `-` for standard input
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    pub(crate) files_from: Vec<PathBuf>,
    /// What they name.
    #[arg(skip)]
    pub(crate) listed: std::sync::OnceLock<Vec<PathBuf>>,
}

/// What rows call their archive.
#[derive(Clone, Debug, Args)]
pub(crate) struct NameArgs {
    /// What the column `archive` of each row has: the path of the archive, its file name, or the SHA-256 of its bytes
    /// (default: the path)
    #[arg(long, value_enum, value_name = "WHAT", help_heading = "Input")]
    pub(crate) source_id: Option<SourceId>,
    /// What the column `archive` has for standard input: a path, an address. Its last part counts as the name of the file, in
    /// which the kubelet has pod, namespace and container
    #[arg(long, value_name = "NAME", default_value = "-", help_heading = "Input")]
    pub(crate) source_name: OsString,
}

/// What stands before the columns of each row.
#[derive(Clone, Debug, Args)]
pub(crate) struct SourceArgs {
    #[command(flatten)]
    pub(crate) name: NameArgs,
    /// Add a column with this value to each row, such as `node=worker-3`; may be given several times. In ECS, `node` is
    /// `host.name`, `cluster` is `orchestrator.cluster.name`, any other is a label
    #[arg(long = "field", value_name = "KEY=VALUE", value_parser = super::lead::field, help_heading = "Output")]
    pub(crate) fields: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SourceId {
    /// The path, as it was given
    Path,
    /// SHA-256 of the file, or of what was read from standard input; of a directory the path
    Sha256,
    /// The file name, without its folder
    Name,
}

impl SourceId {
    /// What the flag calls it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            SourceId::Path => "path",
            SourceId::Sha256 => "sha256",
            SourceId::Name => "name",
        }
    }
}

/// What documents need beside their rows.
#[derive(Clone, Debug, Args)]
pub(crate) struct DocumentArgs {
    /// The moment of the dump, for archives that do not tell one (ECS, OCSF, Timesketch)
    #[arg(long, value_name = "RFC3339", help_heading = "Output")]
    pub(crate) time: Option<Timestamp>,
    /// What a server does with documents that it has already (bulk)
    #[arg(long, value_enum, value_name = "ACTION", default_value_t = BulkOp::Create, help_heading = "Output")]
    pub(crate) bulk_op: BulkOp,
    /// Where documents are stored; `{table}` stands for the table. `logs-DATASET-NAMESPACE` is a data stream (bulk, ECS)
    #[arg(long, value_name = "NAME", default_value_t, hide_default_value = true, help_heading = "Output")]
    pub(crate) index: Index,
    /// With the values of environments, which are secrets more often than not (ECS, OCSF, Timesketch, bulk, hec)
    #[arg(long, help_heading = "Output")]
    pub(crate) with_env: bool,
    /// Without `process.pid`: ECS means that of the host, which no archive knows (ECS, bulk)
    #[arg(long, help_heading = "Output")]
    pub(crate) strict_ecs: bool,
    /// Say of each process that it started, too, so that rules about starts see it (ECS, bulk)
    #[arg(long, help_heading = "Output")]
    pub(crate) ecs_start: bool,
    /// As version 1.4.0, with its queries of processes, connections, files and others (OCSF)
    #[arg(long, help_heading = "Output")]
    pub(crate) ocsf_legacy: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BulkOp {
    /// It keeps the first
    Create,
    /// It replaces it
    Index,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RowFormat {
    /// Aligned columns
    Table,
    /// An array of objects; of several tables, an object of arrays
    Json,
    /// An object a line
    Ndjson,
    /// Comma-separated values; several tables one below the other
    Csv,
    /// Documents of the Elastic Common Schema, one a line
    Ecs,
    /// Events of the Open Cybersecurity Schema Framework, one a line
    Ocsf,
    /// Events for Timesketch, one a line (`.jsonl`)
    Timesketch,
    /// ECS documents for `_bulk` of Elasticsearch and OpenSearch
    Bulk,
    /// Events for Splunk's HTTP Event Collector, one a line
    Hec,
    /// Apache Parquet, one table a file
    #[cfg(feature = "parquet")]
    Parquet,
}

impl RowFormat {
    /// The format, with what else was said of it.
    pub(crate) fn with(self, documents: &DocumentArgs) -> Format {
        match self {
            RowFormat::Table => Format::Table,
            RowFormat::Json => Format::Json,
            RowFormat::Ndjson => Format::Ndjson,
            RowFormat::Csv => Format::Csv,
            RowFormat::Ecs => Format::Ecs,
            RowFormat::Ocsf => Format::Ocsf,
            RowFormat::Timesketch => Format::Timesketch,
            RowFormat::Bulk => Format::Bulk(match documents.bulk_op {
                BulkOp::Create => BulkAction::Create,
                BulkOp::Index => BulkAction::Index,
            }),
            RowFormat::Hec => Format::Hec,
            #[cfg(feature = "parquet")]
            RowFormat::Parquet => Format::Parquet,
        }
    }

    /// How files in it are named.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            RowFormat::Table => "txt",
            RowFormat::Json => "json",
            RowFormat::Csv => "csv",
            RowFormat::Timesketch => "jsonl",
            #[cfg(feature = "parquet")]
            RowFormat::Parquet => "parquet",
            _ => "ndjson",
        }
    }
}

/// Defines the formats of a command that has more than those of rows.
macro_rules! formats {
    ($name:ident: $($own:ident $own_name:literal $own_help:literal),+) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name {
            $($own,)+
            Rows(RowFormat),
        }

        impl ValueEnum for $name {
            fn value_variants<'a>() -> &'a [Self] {
                use RowFormat::{Bulk, Csv, Ecs, Hec, Json, Ndjson, Ocsf, Table, Timesketch};
                const ALL: &[$name] = &[
                    $($name::$own,)+
                    $name::Rows(Table), $name::Rows(Json), $name::Rows(Ndjson), $name::Rows(Csv), $name::Rows(Ecs),
                    $name::Rows(Ocsf), $name::Rows(Timesketch), $name::Rows(Bulk), $name::Rows(Hec),
                    #[cfg(feature = "parquet")]
                    $name::Rows(RowFormat::Parquet),
                ];
                ALL
            }

            fn to_possible_value(&self) -> Option<PossibleValue> {
                match self {
                    $($name::$own => Some(PossibleValue::new($own_name).help($own_help)),)+
                    $name::Rows(format) => format.to_possible_value(),
                }
            }
        }
    };
}

formats! { ListFormat: CheckpointctlJson "checkpointctl-json" "The keys of checkpointctl's JSON" }
formats! {
    InspectFormat: Tree "tree" "A tree", CheckpointctlJson "checkpointctl-json" "The keys of checkpointctl's JSON"
}

/// Flags of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Write to this file, not to standard output
    #[arg(short, long, global = true, value_name = "FILE", help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) force: bool,
    /// Cut lines to so many columns (default: those of the terminal; into pipes and files, lines are not cut)
    #[arg(long, global = true, value_name = "COLUMNS", help_heading = "Output")]
    pub(crate) width: Option<usize>,
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, help_heading = "Output")]
    pub(crate) color: Color,
    /// Do not print warnings (the exit code still tells)
    #[arg(short, long, global = true, help_heading = "Output")]
    pub(crate) quiet: bool,
    /// Print notes, too: what is odd although nothing is missing
    #[arg(short, long, global = true, help_heading = "Output")]
    pub(crate) verbose: bool,
    /// Do not show progress (it is only shown on a terminal)
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) no_progress: bool,
    /// Of an archive that holds several checkpoints, only this one
    #[arg(long, global = true, value_name = "FOLDER", help_heading = "Input")]
    pub(crate) set: Option<String>,
    /// An archive with an earlier dump that has the pages this one omits; repeat for each, newest first
    #[arg(long, global = true, value_name = "ARCHIVE", help_heading = "Input")]
    pub(crate) parent: Vec<PathBuf>,
    /// Read files, do not map them
    #[arg(long, global = true, help_heading = "Input")]
    pub(crate) no_mmap: bool,
    /// Hash the archive and print its SHA-256, and whether it was changed while it was read
    #[arg(long, global = true, help_heading = "Evidence")]
    pub(crate) verify: bool,
    /// Refuse an archive that has another SHA-256; given several times, any of them will do
    #[arg(long, global = true, value_name = "HEX", help_heading = "Evidence", value_parser = sha256)]
    pub(crate) expect_sha256: Vec<String>,
    /// Write a record of the run: tool, arguments, limits, inputs and outputs with their hashes, times, warnings, exit code; `-`
    /// for standard output, if all else goes to files
    #[arg(long, global = true, value_name = "FILE", help_heading = "Evidence")]
    pub(crate) manifest: Option<PathBuf>,
    /// Case, for the manifest
    #[arg(long, global = true, value_name = "ID", help_heading = "Evidence", requires = "manifest")]
    pub(crate) case: Option<String>,
    /// Who examines, for the manifest
    #[arg(long, global = true, value_name = "NAME", help_heading = "Evidence", requires = "manifest")]
    pub(crate) examiner: Option<String>,
    /// Piece of evidence, for the manifest
    #[arg(long, global = true, value_name = "ID", help_heading = "Evidence", requires = "manifest")]
    pub(crate) evidence_id: Option<String>,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
    /// What the run is found to do.
    #[arg(skip)]
    pub(crate) record: Record,
    /// What it reads, and may write.
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
