//! All commands, as they are run over what is hostile.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::command::run;

/// What is asked of an archive: each command in its ways. `OUT` is a folder for what is written, `IN` the archive.
pub(crate) const COMMANDS: &[&[&str]] = &[
    &["show", "IN", "--verify"],
    &["list", "DIR"],
    &["scan", "IN", "--min-severity", "info", "--experimental"],
    &["iocs", "IN", "--all", "--format", "stix"],
    &["inspect", "IN", "--all"],
    &["inspect", "IN", "--all", "--format", "csv"],
    &["inspect", "IN", "--all", "--format", "checkpointctl-json"],
    &["table", "IN", "--all", "--format", "ndjson", "--hash"],
    &["table", "IN", "--all", "--format", "bulk", "--time", "2026-01-01T00:00:00Z"],
    &["memparse", "IN"],
    &["memparse", "IN", "--search-regex", "[a-z]{3}=", "--everywhere", "--max-matches", "1000"],
    &["memparse", "IN", "--strings", "--pid", "1"],
    &["memparse", "IN", "--hexdump", "--pid", "1", "--kind", "stack"],
    &["memparse", "IN", "--dump", "OUT/pages/"],
    &["decode", "IN", "--all", "--payload"],
    &["decode", "IN", "--info"],
    &["core", "IN", "--pid", "1", "--output", "OUT/core.1"],
    &["extract", "IN", "--what", "all", "--output", "OUT/extracted", "--max-files", "2000"],
    #[cfg(feature = "query")]
    &["query", "IN", "SELECT count(*) FROM processes JOIN process_open_files USING (archive, pid)"],
];

/// Commands that read no archive.
const WITHOUT_ARCHIVE: [&str; 4] = ["schema", "completions", "man", "help"];

/// The commands that the help lists are those that are tried: a new one has to be added above.
#[test]
fn all_commands_are_tried() {
    let help = run(["--help"]).ok();
    let (_, list) = help.split_once("Commands:\n").unwrap();
    let (list, _) = list.split_once("\n\n").unwrap();
    let names: Vec<&str> = list.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).collect();
    assert!(names.len() >= 6, "{names:?}");
    for name in names.into_iter().filter(|name| !name.is_empty()) {
        assert!(
            COMMANDS.iter().any(|command| command[0] == name) || WITHOUT_ARCHIVE.contains(&name),
            "the command {name} is not tried on hostile archives"
        );
    }
}

/// Runs a command as an analyst would who trusts nobody: it may use a minute of processor time and 1 GiB of addresses,
/// and has one folder to write to.
pub(crate) fn guarded(command: &[&str], archive: &Path, home: &Path, out: &Path) -> Output {
    let arguments = command.iter().map(|argument| match *argument {
        "IN" => archive.as_os_str().to_owned(),
        "DIR" => archive.parent().unwrap().as_os_str().to_owned(),
        other => other.replace("OUT", out.to_str().unwrap()).into(),
    });
    Command::new("sh")
        .args(["-c", "ulimit -t 60; ulimit -v 1048576; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_cryoscope")])
        .args(arguments)
        .current_dir(home)
        .env("TMPDIR", home)
        .env("RAYON_NUM_THREADS", "2")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}
