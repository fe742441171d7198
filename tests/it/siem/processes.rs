//! What rules of detection ask of a process.

use cryoscope::Checkpoint;
use cryoscope::formats::{Format, Origin};
use serde_json::{Value, json};

use super::{documents_by, encoder_of};
use crate::command::run;
use crate::fixtures;

fn processes(case: &str, with: fn(Origin) -> Origin) -> Vec<Value> {
    let checkpoint = Checkpoint::open(fixtures::archive_of(case)).unwrap();
    let all = documents_by(encoder_of(Format::ECS, &checkpoint, with), &checkpoint, usize::MAX);
    all.into_iter().filter(|(table, _)| *table == "processes").flat_map(|(_, documents)| documents).collect()
}

fn of_pid(documents: &[Value], pid: u32) -> &Value {
    documents.iter().find(|document| document["process"]["vpid"] == pid).unwrap()
}

#[test]
fn a_shell_at_a_terminal_is_interactive_and_the_terminal_is_told() {
    let documents = processes("webapp-compromise", |origin| origin);
    let shell = &of_pid(&documents, 35)["process"];
    assert_eq!((&shell["name"], &shell["interactive"]), (&json!("bash"), &json!(true)), "{shell}");
    assert_eq!(shell["tty"]["char_device"], json!({ "major": 136, "minor": 0 }), "its own side, not the master");
    // Who holds the other side of the terminal sits at none.
    let opener = &of_pid(&documents, 34)["process"];
    assert_eq!((&opener["interactive"], opener.get("tty")), (&json!(false), None));
}

#[test]
fn parents_and_leaders_are_told_with_what_rules_ask() {
    let documents = processes("webapp-compromise", |origin| origin);
    let document = of_pid(&documents, 35);
    let (process, user) = (&document["process"], &document["user"]);
    let parent = &process["parent"];
    for field in ["name", "executable", "args", "args_count", "command_line", "entity_id", "vpid", "pid"] {
        assert!(parent.get(field).is_some() && process.get(field).is_some(), "{field}: {process}");
    }
    assert_eq!(parent["args_count"], parent["args"].as_array().unwrap().len());
    assert_eq!((&user["id"], &parent["user"]["id"]), (&process["user"]["id"], &json!("0")));
    let session = &process["session_leader"];
    assert_eq!((&session["vpid"], &session["same_as_process"]), (&json!(35), &json!(true)));
    let entry = &process["entry_leader"];
    assert_eq!((&entry["vpid"], &entry["same_as_process"]), (&json!(1), &json!(false)));
    assert_eq!(entry["entry_meta"]["type"], "container");
    assert_eq!(entry["entity_id"], of_pid(&documents, 1)["process"]["entity_id"]);
    assert_eq!(document["host"]["os"]["type"], "linux");
}

/// What was brought in by `exec` did not come in by the root task, though it is its child now. By whom is not known.
#[test]
fn a_process_that_was_taken_over_has_no_entry_leader() {
    let documents = processes("exec-into", |origin| origin);
    assert_eq!(of_pid(&documents, 1)["process"]["entry_leader"]["vpid"], 1);
    let entered = of_pid(&documents, 11);
    assert_eq!(entered["cryoscope"]["process"]["entered"], true);
    assert!(entered["process"].get("entry_leader").is_none(), "{entered}");
}

/// Other documents of a process name it, its parent and its user.
#[test]
fn files_and_sockets_name_their_process_and_its_parent() {
    let archive = fixtures::archive_of("webapp-compromise");
    let all = ["process_open_files", "process_open_sockets"];
    let tables = ["table", archive.to_str().unwrap()].into_iter().chain(all).chain(["--format", "ecs", "-q"]);
    let documents = run(tables).ok();
    let mut seen = 0;
    for document in documents.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        let process = &document["process"];
        assert!(process["name"].is_string() && document["user"]["id"].is_string(), "{document}");
        if process["vpid"] != 1 {
            assert!(process["parent"]["name"].is_string() && process["parent"]["executable"].is_string(), "{document}");
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
}

/// Most rules look at starts of processes, which nobody saw: they are told if somebody asks.
#[test]
fn a_start_is_told_only_on_demand() {
    let plain = processes("tree", |origin| origin);
    let started = processes("tree", Origin::with_starts);
    assert_eq!(plain.len(), started.len());
    for (plain, started) in plain.iter().zip(&started) {
        assert_eq!((&plain["event"]["type"], &plain["event"]["action"]), (&json!(["info"]), &json!("process-state")));
        assert_eq!(
            (&started["event"]["type"], &started["event"]["action"]),
            (&json!(["info", "start"]), &json!("exec"))
        );
        assert_eq!(plain["event"]["id"], started["event"]["id"]);
        assert!(started["tags"].as_array().unwrap().contains(&json!("state_as_start")));
        super::Ecs::new().check("processes", started);
    }
    let archive = fixtures::archive_of("tree");
    let out = run(["table", archive.to_str().unwrap(), "threads", "--format", "ecs", "--ecs-start"]).ok();
    assert!(!out.contains("\"start\""), "a thread is no process");
}
