//! The command `cryoscope`: see `cryoscope --help`.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
