//! Runs the command.

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The command, at home in a folder of its own.
pub(crate) fn cryoscope(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cryoscope"));
    command.current_dir(home).env("TMPDIR", home).env_remove("NO_COLOR");
    command
}

/// What the command did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("all output is text");
        Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// The output, of a run that went well.
    pub(crate) fn ok(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{}", self.out);
        self.out
    }

    /// The output as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}{}", self.out, self.err))
    }
}

/// Runs it.
pub(crate) fn run(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Ran {
    let home = tempfile::tempdir().unwrap();
    Ran::of(cryoscope(home.path()).args(arguments).output().unwrap())
}

/// Runs it with something on its standard input.
pub(crate) fn run_with(input: &[u8], arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Ran {
    let home = tempfile::tempdir().unwrap();
    let mut command = cryoscope(home.path());
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        // It may stop reading early.
        scope.spawn(move || drop(stdin.write_all(input)));
        Ran::of(child.wait_with_output().unwrap())
    })
}
