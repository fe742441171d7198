//! What processes were forbidden: filters of system calls, held against the profile that the engine asked for; control
//! groups; terminals.

use std::collections::{BTreeMap, BTreeSet};

use cryoscope::Checkpoint;
use cryoscope::tables::SeccompRule;
use serde_json::Value;

use super::planted;
use crate::archives::Members;
use crate::fixtures;

/// The specification of an archive, if it has one.
fn spec(case: &str) -> Option<Value> {
    let members = Members::of(&fixtures::archives_of(case)[0]);
    let spec = members.0.iter().find(|member| member.name == "spec.dump")?;
    Some(serde_json::from_slice(&spec.contents).unwrap())
}

fn open(case: &str) -> Checkpoint {
    Checkpoint::open(&fixtures::archives_of(case)[0]).unwrap()
}

/// Calls of the profile that are allowed whatever their arguments are, those that depend on them, and all that is refused
/// by name with the error.
#[derive(Default)]
struct Profile {
    allowed: BTreeSet<String>,
    conditional: BTreeSet<String>,
    refused: BTreeMap<String, u64>,
    /// The error of all that it does not name.
    default: u64,
}

fn profile(spec: &Value) -> Option<Profile> {
    let seccomp = &spec["linux"]["seccomp"];
    let default = seccomp["defaultErrnoRet"].as_u64().unwrap_or(1);
    let mut profile = Profile { default, ..Profile::default() };
    for rule in seccomp["syscalls"].as_array()? {
        let has_arguments = rule["args"].as_array().is_some_and(|args| !args.is_empty());
        for name in rule["names"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()) {
            match rule["action"].as_str().unwrap() {
                _ if has_arguments => drop(profile.conditional.insert(name)),
                "SCMP_ACT_ALLOW" => drop(profile.allowed.insert(name)),
                "SCMP_ACT_ERRNO" => drop(profile.refused.insert(name, rule["errnoRet"].as_u64().unwrap_or(1))),
                other => panic!("{other}"),
            }
        }
    }
    Some(profile)
}

/// What the first filter of a checkpoint does with each call of 64-bit programs.
fn actions(checkpoint: &Checkpoint) -> BTreeMap<String, Vec<String>> {
    let mut actions = BTreeMap::new();
    let is_native = |rule: &SeccompRule| rule.filter == 0 && !rule.with_previous && rule.architecture == "x86_64";
    for rule in checkpoint.rows().seccomp_rules().filter(is_native) {
        for call in &rule.syscalls {
            let names = rule.actions.iter().map(ToString::to_string).collect();
            assert!(actions.insert(call.to_string(), names).is_none(), "{call} is listed twice");
        }
    }
    actions
}

#[test]
fn filters_do_what_the_profile_asked_for() {
    let (mut cases, mut calls) = (0, 0);
    for case in fixtures::cases() {
        let Some(profile) = spec(&case).as_ref().and_then(profile) else { continue };
        let checkpoint = open(&case);
        let actions = actions(&checkpoint);
        assert!(!actions.is_empty(), "{case}: the processes are filtered, says the specification");
        let mut missed = Vec::new();
        for (name, actions) in &actions {
            let expected = if profile.conditional.contains(name) {
                assert!(actions.len() > 1, "{case}: {name} depends on its arguments: {actions:?}");
                continue;
            } else if profile.allowed.contains(name) {
                "allow".to_owned()
            } else {
                match profile.refused.get(name).unwrap_or(&profile.default) {
                    1 => "errno(EPERM)".to_owned(),
                    38 => "errno(ENOSYS)".to_owned(),
                    other => panic!("{case}: error {other}"),
                }
            };
            calls += 1;
            if *actions != [expected.clone()] {
                missed.push((name, expected, actions));
            }
        }
        // The library that made the program did not know the newest calls, and leaves to the default what it does not know.
        missed.retain(|(_, _, actions)| **actions != ["errno(ENOSYS)"]);
        assert!(missed.is_empty(), "{case}: {missed:?}");
        assert_eq!(actions["read"], ["allow"], "{case}");
        assert!(actions.values().filter(|actions| **actions == ["allow"]).count() > 290, "{case}");
        cases += 1;
    }
    assert!(cases > 5 && calls > 1000, "{calls} calls in {cases} cases");
}

#[test]
fn filters_bind_the_threads_that_proc_calls_filtered() {
    let mut compared = 0;
    for case in fixtures::cases() {
        let text = std::fs::read_to_string(fixtures::path(&case).join("truth.json")).unwrap();
        let truth: Value = serde_json::from_str(&text).unwrap();
        let processes = truth["tables"]["processes"].as_array().cloned().unwrap_or_default();
        if !processes.iter().any(|row| row["seccomp"].is_string()) {
            continue;
        }
        let filtered: BTreeSet<u64> = processes
            .iter()
            .filter(|row| row["seccomp"] == "filter" && row["state"] != "zombie")
            .map(|row| row["pid"].as_u64().unwrap())
            .collect();
        let bound: BTreeSet<u64> = open(&case)
            .rows()
            .seccomp_filters()
            .flat_map(|row| row.pids.to_vec())
            .map(|pid| u64::from(pid.0))
            .collect();
        assert_eq!(bound, filtered, "{case}");
        compared += filtered.len();
    }
    assert!(compared > 20, "only {compared}");
}

/// A process that is filtered cannot ask for the strict mode, too: the kernel refused, so it is still filtered.
#[test]
fn a_process_that_was_refused_the_strict_mode_is_filtered() {
    let mut compared = 0;
    for (case, facts) in planted("refused_by_kernel") {
        for fact in facts.iter().filter(|fact| fact["refused"] == "seccomp strict") {
            assert_eq!(fact["errno"], 22);
            let pid = fact["pid"].as_u64().unwrap();
            let checkpoint = open(&case);
            let process = checkpoint.rows().processes().find(|p| u64::from(p.pid.0) == pid).unwrap();
            assert_eq!(process.seccomp, Some("filter"), "{case}");
            let binds = |row: &cryoscope::tables::SeccompFilter| row.pids.iter().any(|p| u64::from(p.0) == pid);
            assert!(checkpoint.rows().seccomp_filters().any(|row| binds(&row)), "{case}");
            compared += 1;
        }
    }
    assert!(compared > 0);
}

#[test]
fn control_groups_are_those_that_the_engine_made() {
    let mut compared = 0;
    for case in fixtures::cases() {
        let Some(spec) = spec(&case) else { continue };
        let Some(path) = spec["linux"]["cgroupsPath"].as_str().filter(|path| path.starts_with('/')) else { continue };
        let checkpoint = open(&case);
        let known: Vec<_> = checkpoint.rows().cgroups().filter(|row| row.path.is_some()).collect();
        if known.is_empty() {
            continue;
        }
        let of_root = |row: &&cryoscope::tables::Cgroup| row.pid.0 == 1;
        let paths: Vec<String> =
            known.iter().filter(of_root).map(|row| row.path.clone().unwrap().to_string()).collect();
        assert!(paths.iter().any(|found| found == path), "{case}: {path} is not among {paths:?}");
        compared += 1;
    }
    assert!(compared > 5, "only {compared}");
}

#[test]
fn a_console_is_a_terminal_with_its_session_and_the_usual_keys() {
    let checkpoint = open("console");
    let row = checkpoint.rows().ttys().next().unwrap();
    assert_eq!((row.path.unwrap().to_string().as_str(), row.r#type), ("/dev/pts/0", Some("pty")));
    let root = checkpoint.rows().processes().next().unwrap();
    assert_eq!((row.session, row.foreground_group), (root.session, root.pgroup));
    let holders: BTreeSet<u32> = checkpoint
        .rows()
        .process_open_files()
        .filter(|file| file.r#type == Some("tty"))
        .map(|file| file.pid.0)
        .collect();
    assert_eq!(row.pids.iter().map(|pid| pid.0).collect::<BTreeSet<_>>(), holders);
    let local = row.local_modes.unwrap();
    assert!(["ISIG", "ICANON", "ECHO"].iter().all(|mode| local.iter().any(|found| found == mode)), "{local:?}");
    let rows = fixtures::rows_of(&checkpoint, &["ttys"]);
    let keys = &rows["ttys"][0]["control_characters"];
    // What a new terminal has: control and C, \, D, Z; delete.
    for (key, character) in [("VINTR", 3), ("VQUIT", 28), ("VERASE", 127), ("VEOF", 4), ("VMIN", 1), ("VSUSP", 26)] {
        assert_eq!(keys[key], character, "{keys}");
    }
}
