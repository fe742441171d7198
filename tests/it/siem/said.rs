//! What is said of all rows of an archive: node, cluster, case.

use cryoscope::Checkpoint;
use cryoscope::formats::{Format, Origin};
use serde_json::{Value, json};

use super::{Ecs, Ocsf, encoder_of, lines};
use crate::fixtures;

fn said(origin: Origin) -> Origin {
    let fields = [("node", "worker-7"), ("cluster", "prod"), ("case", "2026-11"), ("pid", "hidden?"), ("a.b", "c")];
    origin.with_fields(fields.map(|(name, text)| (name.to_owned(), text.to_owned())).to_vec())
}

fn one(format: Format, with: fn(Origin) -> Origin) -> Value {
    let checkpoint = Checkpoint::open(fixtures::path("forms-reference/podman-runc.tar")).unwrap();
    let row = checkpoint.rows().processes().next().unwrap();
    let lines = lines(encoder_of(format, &checkpoint, with).encode(&row).unwrap());
    lines.into_iter().next().unwrap()
}

#[test]
fn what_is_said_stands_where_each_schema_has_it() {
    let document = one(Format::ECS, said);
    Ecs::new().check("processes", &document);
    assert_eq!(document["host"]["name"], "worker-7");
    assert_eq!(document["orchestrator"]["cluster"]["name"], "prod");
    assert_eq!(document["labels"], json!({ "case": "2026-11", "pid": "hidden?", "a_b": "c" }));
    assert_eq!(document["related"]["hosts"], json!(["tick-host", "worker-7"]));

    let event = one(Format::OCSF, said);
    Ocsf::new().check(&event);
    assert_eq!(event["unmapped"]["node"], "worker-7");
    assert!(event["metadata"]["tags"].as_array().unwrap().contains(&json!({ "name": "case", "value": "2026-11" })));

    let event = one(Format::HEC, said);
    assert_eq!((&event["host"], &event["fields"]["case"]), (&json!("worker-7"), &json!("2026-11")));
    assert_eq!(event["event"]["pid"], 1, "what is said hides nothing");

    let event = one(Format::TIMESKETCH, said);
    assert_eq!((&event["node"], &event["case"]), (&json!("worker-7"), &json!("2026-11")));
    assert_eq!((&event["pid"], &event["field_pid"]), (&json!(1), &json!("hidden?")));
}

#[test]
fn without_a_node_the_host_is_called_as_the_container_called_it() {
    let document = one(Format::ECS, |origin| origin);
    assert_eq!(document["host"]["name"], "tick-host");
    assert!(document.get("labels").is_none());
    assert_eq!(one(Format::HEC, |origin| origin)["host"], "tick-host");
}
