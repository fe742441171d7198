//! Commands in the pages print exactly the output shown below them, at a width of 100 columns. `UPDATE_DOCS=1 cargo test
//! commands_print` rewrites that output.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use crate::command::Ran;

#[test]
fn commands_print_what_the_readme_says() {
    let commands = run_all("README.md");
    assert!(commands.len() >= 7, "a first command, the tests and five examples: {commands:?}");
    assert!(commands.iter().any(|command| command == "cargo test"), "how to run the tests");
}

#[test]
fn commands_print_what_the_page_on_siems_says() {
    assert_eq!(run_all("docs/siem.md").len(), 1);
}

#[test]
fn commands_print_what_the_guide_says() {
    assert!(run_all("docs/guide.md").len() >= 15);
}

#[test]
fn commands_print_what_the_page_on_moving_says() {
    assert!(run_all("docs/moving.md").len() >= 5);
}

#[test]
fn commands_print_what_the_page_on_memory_says() {
    assert!(run_all("docs/memory.md").len() >= 5);
}

#[test]
fn commands_print_what_the_answers_say() {
    assert!(run_all("docs/faq.md").len() >= 2);
}

#[test]
fn commands_print_what_the_pages_on_rules_of_others_say() {
    let pages = ["docs/yara.md", "docs/sigma.md", "docs/osquery.md"];
    for (page, commands) in pages.into_iter().zip([4, 3, 2]) {
        assert!(run_all(page).len() >= commands, "{page}");
    }
}

/// Runs the commands of all `console` blocks of a page in order, in one directory that has `fixtures` and `docs`. Returns the
/// commands.
fn run_all(page: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let home = tempfile::tempdir().unwrap();
    for folder in ["fixtures", "docs"] {
        symlink(root.join(folder), home.path().join(folder)).unwrap();
    }
    let wrapper = home.path().join("bin/cryoscope");
    fs::create_dir(home.path().join("bin")).unwrap();
    let script = format!("#!/bin/sh\nexec '{}' --width 100 \"$@\"\n", env!("CARGO_BIN_EXE_cryoscope"));
    fs::write(&wrapper, script).unwrap();
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();

    let text = fs::read_to_string(root.join(page)).unwrap();
    let (mut written, mut commands) = (String::new(), Vec::new());
    let mut lines = text.lines().peekable();
    let mut inside = false;
    while let Some(line) = lines.next() {
        written.extend([line, "\n"]);
        inside = if inside { line != "```" } else { line == "```console" };
        let Some(command) = line.strip_prefix("$ ").filter(|_| inside) else { continue };
        let mut expected = String::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with("$ ") && *line != "```") {
            expected.extend([line, "\n"]);
        }
        let printed = match command {
            "cargo test" => String::new(),
            _ => print(home.path(), &command.replacen("cargo run --release --", "cryoscope", 1)),
        };
        if std::env::var_os("UPDATE_DOCS").is_none() {
            assert_eq!(printed, expected, "{page}: {command}");
        }
        written.push_str(&printed);
        commands.push(command.to_owned());
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(root.join(page), written).unwrap();
    }
    commands
}

/// Runs a line of shell. Returns its standard output.
fn print(home: &Path, command: &str) -> String {
    let mut path = OsString::from(home.join("bin"));
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let mut shell = Command::new("sh");
    let ran = Ran::of(shell.args(["-c", command]).current_dir(home).env("PATH", path).output().unwrap());
    assert_eq!(ran.code, Some(0), "{command}: {}", ran.err);
    // With several archives, standard error says how many were read.
    assert!(ran.err.is_empty() || ran.err.ends_with(" read, 0 failed\n"), "{command}: {}", ran.err);
    ran.out
}
