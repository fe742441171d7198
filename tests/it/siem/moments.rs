//! Rows that are events of a moment of their own stand there; the moment of the dump is told beside it.

use cryoscope::Checkpoint;
use cryoscope::catalog;
use cryoscope::formats::Format;
use cryoscope::tables::Type;
use serde_json::{Value, json};

use super::documents;
use crate::fixtures;

fn of_table(format: Format, table: &str) -> Vec<Value> {
    let checkpoint = Checkpoint::open(fixtures::path("forms-reference/podman-runc.tar")).unwrap();
    let all = documents(&checkpoint, format).into_iter().filter(|(name, _)| *name == table);
    all.flat_map(|(_, documents)| documents).collect()
}

#[test]
fn a_line_of_a_log_is_of_its_own_moment_in_every_format() {
    let (line, dump) = ("2026-11-23T11:16:47.681859032Z", "2026-11-23T11:16:48.000000000Z");
    let document = &of_table(Format::ECS, "log_lines")[0];
    assert_eq!((&document["@timestamp"], &document["cryoscope"]["checkpointed"]), (&json!(line), &json!(dump)));
    let event = &of_table(Format::OCSF, "log_lines")[0];
    assert_eq!((&event["time"], &event["unmapped"]["checkpointed"]), (&json!(1_795_432_607_681_u64), &json!(dump)));
    let event = &of_table(Format::HEC, "log_lines")[0];
    assert_eq!(
        (event["time"].to_string().as_str(), &event["fields"]["checkpointed"]),
        ("1795432607.681859", &json!(dump))
    );
    let event = &of_table(Format::TIMESKETCH, "log_lines")[0];
    assert_eq!(
        (&event["datetime"], &event["checkpointed"]),
        (&json!("2026-11-23T11:16:47.681859+00:00"), &json!(dump))
    );
}

#[test]
fn what_was_there_is_of_the_moment_of_the_dump() {
    for document in of_table(Format::ECS, "processes") {
        assert_eq!(document["@timestamp"], "2026-11-23T11:16:48.000Z");
        assert_eq!(document["cryoscope"]["checkpointed"], "2026-11-23T11:16:48.000000000Z");
    }
}

/// What happened happened at some moment, and what was there did not.
#[test]
fn tables_of_events_say_which_column_is_their_moment() {
    for table in catalog::all().map(|source| source.table) {
        let at = table.event.at.map(|at| table.columns[table.column(at).unwrap()].column_type);
        assert_eq!(at, (table.event.kind == "event").then_some(Type::Time), "{}", table.name);
    }
}

#[test]
fn warnings_have_a_category() {
    let archive = crate::archives::Members::of(&fixtures::path("forms-reference/podman-runc.tar")).tar();
    let cut = &archive[..archive.len() / 2];
    let ran = crate::command::run_with(cut, ["table", "-", "warnings", "--format", "ecs", "-q"]);
    let documents: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!documents.is_empty());
    for document in documents {
        let event = &document["event"];
        assert_eq!((&event["kind"], &event["category"]), (&json!("pipeline_error"), &json!(["host"])));
        super::Ecs::new().check("warnings", &document);
    }
}
