//! The flags of `cryoscope extract`.

use std::path::PathBuf;

use clap::Args;

use super::source::FleetArgs;

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
