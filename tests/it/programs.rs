//! Programs of the system that some tests compare with. Where one is missing, the test says so and is skipped; the gate, which
//! installs them all, sets `CRYOSCOPE_ALL_PROGRAMS`, and then a missing one is a failure.

use std::io::Write as _;
use std::process::{Command, Stdio};

/// Whether a program runs with these arguments.
pub(crate) fn runs(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let runs = command.status().is_ok_and(|status| status.success());
    if !runs {
        let what = format!("`{program} {}` does not run here", arguments.join(" "));
        assert!(std::env::var_os("CRYOSCOPE_ALL_PROGRAMS").is_none(), "{what}");
        // Not a macro: the test runner would keep what it prints to itself.
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        let _ = writeln!(std::io::stderr(), "{test}: skipped, at least in part: {what}");
    }
    runs
}
