//! The command line as typed: one struct per command. Clap makes the help texts from these.

mod brought;

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr as _;
use std::sync::LazyLock;

use clap::builder::PossibleValue;
use clap::builder::styling::{AnsiColor, Styles};
#[cfg(feature = "query")]
use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use cryoscope::formats::{BulkAction, Format, Index, SchemaForm};
use jiff::Timestamp;

pub(crate) use self::brought::{BroughtArgs, IocArgs, RootArgs, SecretsArgs, Wanted};
use super::condition::Condition;
use super::limits::LimitArgs;
use super::no_input::NoInput;
use super::outputs::Outputs;
use super::record::Record;
use super::sorter::Order;

/// Upper bounds of `--context` and `--max-match-length`, in bytes.
const CONTEXT_MOST: u64 = 1 << 20;
const MATCH_MOST: u64 = 16 << 20;

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

/// One line per checkpoint: container, image, engine, times, sizes
#[derive(Debug, Args)]
#[command(after_help = "Example: cryoscope show *.tar")]
pub(crate) struct Show {
    /// Archives or image directories; `-` for standard input
    ///
    /// If a directory is not a checkpoint, the archives in it are read. Wildcards are allowed.
    #[arg(required_unless_present = "files_from", value_name = "ARCHIVE")]
    pub(crate) archives: Vec<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value_t = ListFormat::Rows(RowFormat::Table))]
    pub(crate) format: ListFormat,
    #[command(flatten)]
    pub(crate) documents: DocumentArgs,
    /// Number of archives to read at once (default: one per processor)
    #[arg(long, visible_alias = "jobs", value_name = "N", hide_short_help = true)]
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
    /// Directories to search, one level deep
    #[arg(default_value = "/var/lib/kubelet/checkpoints", value_name = "DIRECTORY")]
    pub(crate) directories: Vec<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value_t = ListFormat::Rows(RowFormat::Table))]
    pub(crate) format: ListFormat,
    #[command(flatten)]
    pub(crate) documents: DocumentArgs,
    /// Number of archives to read at once (default: one per processor)
    #[arg(long, visible_alias = "jobs", value_name = "N", hide_short_help = true)]
    pub(crate) threads: Option<usize>,
    #[command(flatten)]
    pub(crate) source: SourceArgs,
}

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

/// A process as an ELF core file, for gdb and other debuggers
#[derive(Debug, Args)]
#[command(
    override_usage = "cryoscope core [OPTIONS] --pid <N> <ARCHIVE>",
    after_help = "The core file has the registers of all threads, the list of mapped files, and all memory in the archive. It does \
                        not have unchanged parts of files: gdb reads these from the directory given to `set sysroot`. \
                        Without `set sysroot`, gdb reads the files of the machine that it runs on.\n\n\
                        Example: cryoscope core checkpoint.tar --pid 1 -o core.1\n         \
                        gdb -iex 'set sysroot rootfs' -c core.1"
)]
pub(crate) struct CoreArgs {
    /// Archive or image directory; `-` for standard input
    #[arg(required_unless_present = "files_from", value_name = "ARCHIVE")]
    pub(crate) archives: Vec<PathBuf>,
    /// Process to write
    #[arg(short, long, value_name = "N")]
    pub(crate) pid: u32,
    /// Core file to write; `-` for standard output
    #[arg(id = "output", short, long = "output", value_name = "FILE", help_heading = "Output")]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) root: RootArgs,
    #[command(flatten)]
    pub(crate) fleet: FleetArgs,
}

/// Recovered and changed files, volumes, logs, queues, memory, a view of /proc, written as files
#[derive(Debug, Args)]
#[command(
    override_usage = "cryoscope extract [OPTIONS] --output <DIR> <ARCHIVE>",
    after_help = "Files are written only to the directory given with --output. Its manifest.ndjson lists each file with \
                        its origin and SHA-256. Links, devices and named pipes are listed but not created. Links in the view of \
                        /proc are written as files that contain the target. All files have mode 0600. Unsafe bytes in names are \
                        written as %0A; long names are truncated and end with ~ and a hash.\n\n\
                        Exit codes: 0 done · 1 nothing to extract · 2 failed · 3 part of what was asked for is missing\n\n\
                        Example: cryoscope extract checkpoint.tar -o out\n\
                        Example: cryoscope extract checkpoint.tar -o out --what rootfs,recovered --path '/tmp/*'"
)]
pub(crate) struct ExtractArgs {
    /// Archive or image directory; `-` for standard input
    #[arg(required_unless_present = "files_from", value_name = "ARCHIVE")]
    pub(crate) archives: Vec<PathBuf>,
    /// Directory to write to, new or empty
    #[arg(id = "output", short, long = "output", value_name = "DIR", help_heading = "Output")]
    pub(crate) folder: Option<PathBuf>,
    /// What to extract: recovered, rootfs, tmpfs, devshm, volumes, logs, queues, proc, memory, elf, images, or all
    /// (default: all but memory, elf and images)
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub(crate) what: Vec<String>,
    /// Only files with these paths (`*` and `?` are wildcards)
    ///
    /// Paths are those inside the container, or inside the archive for logs and images.
    #[arg(long, value_name = "GLOB")]
    pub(crate) path: Vec<String>,
    /// Only files, memory and queues of these processes
    #[arg(short, long, value_name = "N", value_delimiter = ',')]
    pub(crate) pid: Vec<u32>,
    /// In the view of /proc, create `exe`, `cwd`, `root`, `fd/N` and `self` as symbolic links
    ///
    /// By default they are files that contain the target. The links point at files of this machine: take care when
    /// copying or following them.
    #[cfg(unix)]
    #[arg(long)]
    pub(crate) links: bool,
    #[command(flatten)]
    pub(crate) fleet: FleetArgs,
}

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

/// Any image as JSON, field by field
#[derive(Debug, Args)]
#[command(
    after_help = "Fields have CRIU's names. Unknown fields are shown by number, wire type and value. Addresses, flags and device \
                        numbers are shown in readable form, unless --plain is given. Payload after a record (queues, contents of \
                        deleted files) is shown as its length or, with --payload, in hexadecimal. crit-json is what `crit decode` prints.\n\n\
                        Example: cryoscope decode checkpoint.tar core-1.img\n\
                        Example: cryoscope decode checkpoint.tar 'tcp-stream-*.img' --payload --format ndjson\n\
                        Example: cryoscope decode checkpoint.tar:checkpoint/files.img --format crit-json"
)]
pub(crate) struct DecodeArgs {
    /// Image, archive, image directory, or `ARCHIVE:MEMBER`; `-` for an archive on standard input
    pub(crate) input: PathBuf,
    /// Members to decode, by path or file name (`*` and `?` are wildcards); after an image, more images
    #[arg(value_name = "MEMBER")]
    pub(crate) members: Vec<String>,
    /// All images of the archive
    #[arg(long, conflicts_with = "members")]
    pub(crate) all: bool,
    /// Print only kind, magic number, version, sizes and record count of each image
    #[arg(long)]
    pub(crate) info: bool,
    /// Show payload after records, and images without records
    #[arg(long)]
    pub(crate) payload: bool,
    /// Show only the length of payload, even in crit-json (`crit show --nopl`)
    #[arg(long, conflicts_with = "payload")]
    pub(crate) no_payload: bool,
    /// Show plain numbers, as crit-json does without --pretty
    #[arg(long)]
    pub(crate) plain: bool,
    /// Print crit-json indented and with readable values (`crit decode --pretty`)
    #[arg(long, conflicts_with = "plain")]
    pub(crate) pretty: bool,
    /// Output format (default: json; a table with --info)
    #[arg(long, value_enum)]
    pub(crate) format: Option<DecodeFormat>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DecodeFormat {
    /// An array of images, each with its records
    Json,
    /// One record per line
    Ndjson,
    /// The output of CRIU's `crit decode`, one image after another
    CritJson,
}

/// SQL over the tables of one or more archives
#[cfg(feature = "query")]
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

#[cfg(feature = "query")]
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

#[cfg(feature = "query")]
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

/// The columns of all tables, for people and programs
#[derive(Debug, Args)]
#[command(after_help = "Example: cryoscope schema --json > cryoscope.schema.json")]
pub(crate) struct SchemaArgs {
    /// As JSON Schema, for programs
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t = SchemaFormat::Table)]
    pub(crate) format: SchemaFormat,
    /// Index or data stream of the template, as given to `--index` (ecs-template, opensearch-template)
    #[arg(long, value_name = "NAME", default_value_t, hide_default_value = true)]
    pub(crate) index: Index,
    /// Only these tables
    #[arg(value_name = "TABLE")]
    pub(crate) tables: Vec<String>,
    #[command(flatten)]
    pub(crate) no_input: NoInput,
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
    /// Arrow schemas as JSON, by table
    Arrow,
    /// Parquet message types, as in the files
    #[cfg(feature = "parquet")]
    Parquet,
    /// SQL that creates the tables in Spark; the lines between the first and the last are for `spark.read.schema`
    Spark,
    /// SQL that creates the tables in DuckDB, for Parquet and NDJSON
    Duckdb,
    /// The same for ClickHouse
    Clickhouse,
    /// SQL that creates tables over Parquet files in Trino
    Trino,
    /// SQL that creates tables over Parquet files in Athena and Hive
    Athena,
}

impl SchemaFormat {
    /// The schema form for engines. `None` for the other formats.
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

/// Several archives at once.
#[derive(Debug, Default, Args)]
pub(crate) struct FleetArgs {
    /// Read names of archives from a file; `-` for standard input
    ///
    /// The file has one name per line, or names separated by NUL.
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    pub(crate) files_from: Vec<PathBuf>,
    /// The names read from those files.
    #[arg(skip)]
    pub(crate) listed: std::sync::OnceLock<Vec<PathBuf>>,
}

/// How rows name their archive.
#[derive(Clone, Debug, Args)]
pub(crate) struct NameArgs {
    /// Value of the column `archive`: the path of the archive, its file name, or its SHA-256 (default: path)
    #[arg(long, value_enum, value_name = "WHAT", help_heading = "Input", hide_short_help = true)]
    pub(crate) source_id: Option<SourceId>,
    /// Value of the column `archive` for standard input
    ///
    /// The last part of the name is read as a file name, in which the kubelet stores pod, namespace and container.
    #[arg(long, value_name = "NAME", default_value = "-", help_heading = "Input", hide_short_help = true)]
    pub(crate) source_name: OsString,
}

/// The columns in front of each row.
#[derive(Clone, Debug, Args)]
pub(crate) struct SourceArgs {
    #[command(flatten)]
    pub(crate) name: NameArgs,
    /// Add a column to each row, such as `node=worker-3`; may be repeated
    ///
    /// In ECS, `node` is `host.name`, `cluster` is `orchestrator.cluster.name`, and any other is a label.
    #[arg(long = "field", value_name = "KEY=VALUE", value_parser = super::field::field, help_heading = "Output", hide_short_help = true)]
    pub(crate) fields: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SourceId {
    /// The path, as it was given
    Path,
    /// SHA-256 of the file or of standard input; for a directory, its path
    Sha256,
    /// The file name without its directory
    Name,
}

impl SourceId {
    /// The value of the flag.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            SourceId::Path => "path",
            SourceId::Sha256 => "sha256",
            SourceId::Name => "name",
        }
    }
}

/// Settings of documents.
#[derive(Clone, Debug, Args)]
pub(crate) struct DocumentArgs {
    /// Time of the dump, for archives that do not store it (ECS, OCSF, Timesketch)
    #[arg(long, value_name = "RFC3339", help_heading = "SIEM documents", hide_short_help = true)]
    pub(crate) time: Option<Timestamp>,
    /// What the server does with a document that it already has (bulk)
    #[arg(long, value_enum, value_name = "ACTION", default_value_t = BulkOp::Create, help_heading = "SIEM documents", hide_short_help = true)]
    pub(crate) bulk_op: BulkOp,
    /// Index or data stream of documents; `{table}` stands for the table (bulk, ECS)
    #[arg(
        long,
        value_name = "NAME",
        default_value_t,
        hide_default_value = true,
        help_heading = "SIEM documents",
        hide_short_help = true
    )]
    pub(crate) index: Index,
    /// Include values of environment variables, which are often secrets (ECS, OCSF, Timesketch, bulk, hec)
    #[arg(long, help_heading = "SIEM documents", hide_short_help = true)]
    pub(crate) with_env: bool,
    /// Omit `process.pid`: in ECS it is the pid on the host, which archives do not store (ECS, bulk)
    #[arg(long, help_heading = "SIEM documents", hide_short_help = true)]
    pub(crate) strict_ecs: bool,
    /// Also mark each process as started, for rules about process starts (ECS, bulk)
    #[arg(long, help_heading = "SIEM documents", hide_short_help = true)]
    pub(crate) ecs_start: bool,
    /// Write version 1.4.0, with its query classes (OCSF)
    #[arg(long, help_heading = "SIEM documents", hide_short_help = true)]
    pub(crate) ocsf_legacy: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BulkOp {
    /// Keep the old one
    Create,
    /// Replace the old one
    Index,
}

impl From<BulkOp> for BulkAction {
    fn from(op: BulkOp) -> Self {
        match op {
            BulkOp::Create => BulkAction::Create,
            BulkOp::Index => BulkAction::Index,
        }
    }
}

/// Defines the formats of rows: one line for each, with its name in the library.
macro_rules! row_formats {
    ($($(#[$attribute:meta])* $name:ident: $format:ident;)+) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum RowFormat {
            $($(#[$attribute])* $name,)+
        }

        impl RowFormat {
            const ALL: &[RowFormat] = &[$($(#[$attribute])* RowFormat::$name,)+];

            /// The format in the library.
            pub(crate) fn format(self) -> Format {
                match self {
                    $($(#[$attribute])* RowFormat::$name => Format::$format,)+
                }
            }
        }
    };
}

row_formats! {
    Table: TABLE;
    Json: JSON;
    Ndjson: NDJSON;
    Csv: CSV;
    Ecs: ECS;
    Ocsf: OCSF;
    Timesketch: TIMESKETCH;
    Bulk: BULK;
    Hec: HEC;
    #[cfg(feature = "parquet")]
    Parquet: PARQUET;
}

impl ValueEnum for RowFormat {
    fn value_variants<'a>() -> &'a [Self] {
        Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let format = self.format();
        Some(PossibleValue::new(format.name()).help(format.doc()))
    }
}

/// Defines the formats of a command that has others besides those of rows.
macro_rules! formats {
    ($name:ident: $($own:ident $own_name:literal $own_help:literal),+) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name {
            $($own,)+
            Rows(RowFormat),
        }

        impl ValueEnum for $name {
            fn value_variants<'a>() -> &'a [Self] {
                static ALL: LazyLock<Vec<$name>> = LazyLock::new(|| {
                    [$($name::$own),+].into_iter().chain(RowFormat::ALL.iter().copied().map($name::Rows)).collect()
                });
                &ALL
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

formats! { ScanFormat: Text "text" "Findings as text, grouped" }
formats! { ListFormat: CheckpointctlJson "checkpointctl-json" "The keys of checkpointctl's JSON" }
formats! {
    InspectFormat: Tree "tree" "A tree", CheckpointctlJson "checkpointctl-json" "The keys of checkpointctl's JSON"
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
