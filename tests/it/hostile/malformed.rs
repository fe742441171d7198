//! Archives with one fault each: how the command ends, and a line that names the fault and its place.

use std::fs;
use std::sync::Mutex;

use super::commands::{COMMANDS, guarded};
use crate::fixtures;
use crate::forms::{each, exit_code};

/// Bytes that must not come to a terminal.
fn is_raw(byte: u8) -> bool {
    matches!(byte, 0..=8 | 11..=31 | 127)
}

#[test]
fn damage_ends_in_an_answer_or_a_message() {
    let entries = fixtures::manifest("malformed/MANIFEST.jsonl");
    let golden = Mutex::new(Vec::new());
    let wrong = each(&entries, |entry| {
        let name = entry["file"].as_str().unwrap();
        let home = tempfile::tempdir().unwrap();
        let archive = fixtures::path("malformed").join(name);
        let output = guarded(&["inspect", "--all", "IN"], &archive, home.path(), home.path());
        let code = output.status.code();
        let mut wrong = Vec::new();
        if code.is_none() || code != exit_code(&entry["expect"]) && code != exit_code(&entry["also"]) {
            let message = String::from_utf8_lossy(&output.stderr).into_owned();
            wrong.push(format!("{name} ({}): exit {code:?}: {message}", entry["wrong"]));
        }
        if code != Some(0) && output.stderr.is_empty() {
            wrong.push(format!("{name}: exit {code:?} without a message"));
        }
        if output.stdout.iter().chain(&output.stderr).any(|&byte| is_raw(byte)) {
            wrong.push(format!("{name}: control bytes reach the terminal"));
        }
        if fs::read_dir(&home).unwrap().next().is_some() {
            wrong.push(format!("{name}: files are left behind"));
        }
        let messages = String::from_utf8_lossy(&output.stderr).replace(archive.to_str().unwrap(), "");
        let first = messages.lines().next().unwrap_or("-");
        let first = first.trim_start_matches("cryoscope: ").trim_start_matches("warning: ").trim_start_matches(": ");
        let code = code.map_or_else(|| "signal".to_owned(), |code| code.to_string());
        golden.lock().unwrap().push(format!("{name} | {} | {code} | {first}", entry["wrong"].as_str().unwrap()));
        wrong
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(entries.len() > 165, "have fixtures been lost?");
    let mut golden = golden.into_inner().unwrap();
    golden.sort();
    insta::assert_snapshot!("malformed", golden.join("\n"));
}

/// What is asked does not matter: no command panics, is stopped for what it costs, or writes where it was not told.
#[test]
fn no_command_is_brought_down() {
    let entries = fixtures::manifest("malformed/MANIFEST.jsonl");
    let all = std::env::var_os("HOSTILE_ALL").is_some();
    // One command each, another for the next archive; all of them each if that is asked for.
    let runs: Vec<(usize, usize)> = (0..entries.len())
        .flat_map(|entry| (0..COMMANDS.len()).map(move |command| (entry, command)))
        .filter(|(entry, command)| all || entry % COMMANDS.len() == *command)
        // Once is enough for what looks at all of them.
        .filter(|(entry, command)| COMMANDS[*command][0] != "list" || *entry == 0)
        .collect();
    let wrong = each(&runs, |&(entry, command)| {
        let name = entries[entry]["file"].as_str().unwrap();
        let (home, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let output = guarded(COMMANDS[command], &fixtures::path("malformed").join(name), home.path(), out.path());
        let mut wrong = Vec::new();
        if !matches!(output.status.code(), Some(0..=3)) {
            let message = String::from_utf8_lossy(&output.stderr).into_owned();
            wrong.push(format!("{name}: {:?}: {}: {message}", COMMANDS[command], output.status));
        }
        if fs::read_dir(&home).unwrap().next().is_some() {
            wrong.push(format!("{name}: {:?}: files are left behind", COMMANDS[command]));
        }
        wrong
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
