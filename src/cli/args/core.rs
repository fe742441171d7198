//! The flags of `cryoscope core`.

use std::path::PathBuf;

use clap::Args;

use super::brought::RootArgs;
use super::source::FleetArgs;

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
