//! Inputs with the properties of archives, images and situations that people reported in public. Each `case.json` says
//! which commands run and what their output has, as regular expressions.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use regex_automata::meta::Regex;
use regex_automata::util::syntax;
use serde_json::Value;

use crate::archives::inflated;
use crate::command::cryoscope;
use crate::fixtures;
use crate::programs;

/// Whoever is root reads everything: a case about permissions runs as somebody else.
const NOBODY: [&str; 3] = ["--reuid=65534", "--regid=65534", "--clear-groups"];

#[test]
fn inputs_that_people_met_are_answered_as_they_should_be() {
    let mut ran = 0;
    let mut wrong = Vec::new();
    let mut cases: Vec<_> = fs::read_dir(fixtures::path("field")).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    for folder in &cases {
        let case: Value = serde_json::from_slice(&fs::read(folder.join("case.json")).unwrap()).unwrap();
        if case["as_nobody"] == true && !can_be_nobody() {
            println!("skipped {}: needs root, and setpriv", folder.display());
            continue;
        }
        ran += 1;
        wrong.extend(check(folder, &case));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(ran >= 17, "have cases been lost?");
}

fn can_be_nobody() -> bool {
    programs::runs("setpriv", &[&NOBODY[..], &["true"]].concat())
}

/// What is wrong with a case.
fn check(folder: &Path, case: &Value) -> Vec<String> {
    let name = case["input"].as_str().unwrap();
    let home = tempfile::tempdir().unwrap();
    open_to_all(home.path());
    let input = home.path().join(name);
    fs::write(&input, zstd::decode_all(fs::File::open(folder.join(format!("{name}.zst"))).unwrap()).unwrap()).unwrap();
    let unpacked = home.path().join("d");
    if case["unpack"] == true {
        let tar = inflated(&fs::read(&input).unwrap());
        tar::Archive::new(tar.as_slice()).unpack(&unpacked).unwrap();
    }
    if let Some(line) = case["prepare"].as_str() {
        assert!(Command::new("bash").args(["-ec", line]).current_dir(home.path()).status().unwrap().success());
    }
    let mut wrong = Vec::new();
    for run in case["runs"].as_array().unwrap() {
        let arguments: Vec<String> = strings(&run["args"])
            .map(|argument| {
                let argument = argument.replace("{input}", input.to_str().unwrap());
                argument.replace("{dir}", unpacked.to_str().unwrap())
            })
            .collect();
        let command = cryoscope(home.path());
        let mut command = if case["as_nobody"] == true {
            let copy = home.path().join("cryoscope");
            fs::copy(command.get_program(), &copy).unwrap();
            let mut nobody = Command::new("setpriv");
            nobody.args(NOBODY).arg(copy).current_dir(home.path());
            nobody
        } else {
            command
        };
        let output = command.args(&arguments).stdin(Stdio::null()).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let mut fault = |what: String| wrong.push(format!("{}: {arguments:?}: {what}\n{err}", folder.display()));
        let code = output.status.code().map(i64::from);
        if let Some(expected) = run["exit"].as_array()
            && !expected.iter().any(|expected| expected.as_i64() == code)
        {
            fault(format!("exit {code:?}, expected one of {expected:?}"));
        }
        for (key, text, expected) in
            [("stdout", &out, true), ("no_stdout", &out, false), ("stderr", &err, true), ("no_stderr", &err, false)]
        {
            for pattern in strings(&run[key]) {
                let syntax = syntax::Config::new().multi_line(true).case_insensitive(true);
                let regex = Regex::builder().syntax(syntax).build(pattern).unwrap();
                if regex.is_match(text.as_bytes()) != expected {
                    fault(format!("{key} {pattern:?}"));
                }
            }
        }
    }
    wrong
}

fn strings(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().map_or(&[][..], Vec::as_slice).iter().filter_map(Value::as_str)
}

#[cfg(unix)]
fn open_to_all(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
}

#[cfg(not(unix))]
fn open_to_all(_: &Path) {}
