//! The index template: its fields are those of the schema, with the schema's types, and every document fits it.

use std::collections::{BTreeMap, BTreeSet};

use cryoscope::catalog;
use cryoscope::tables;
use serde_json::{Value, json};

use super::{Ecs, leaves};
use crate::command::run;
use crate::fixtures;

fn template(arguments: &[&str]) -> Value {
    let all = ["schema", "--format"].iter().chain(arguments);
    serde_json::from_str(&run(all.copied()).ok()).unwrap()
}

/// The types that Elasticsearch's template gives to fields.
pub(super) fn mapped() -> BTreeMap<String, String> {
    types_of(&template(&["ecs-template"]))
}

fn types_of(template: &Value) -> BTreeMap<String, String> {
    let mut found = Vec::new();
    leaves(&template["template"]["mappings"]["properties"], "", &mut found);
    let kind = |(path, kind): &(String, &Value)| {
        let path = path.replace(".properties.", ".");
        Some((path.strip_suffix(".type")?.to_owned(), kind.as_str().unwrap().to_owned()))
    };
    found.iter().filter_map(kind).collect()
}

/// Holds a document against the template: each field of the schema is mapped, and one below `cryoscope` is of the type of
/// which it was in other documents of the table.
pub(super) fn fits(mapped: &BTreeMap<String, String>, document: &Value, types: &mut BTreeMap<String, &'static str>) {
    let mut found = Vec::new();
    leaves(document, "", &mut found);
    for (path, value) in found {
        let above = path.match_indices('.').map(|(at, _)| &path[..at]);
        if above.into_iter().any(|above| mapped.get(above).is_some_and(|kind| kind == "flattened")) {
            continue;
        }
        assert!(mapped.contains_key(&path) || path.starts_with("cryoscope.") || path.starts_with("labels."), "{path}");
        if mapped.contains_key(&path) {
            continue;
        }
        let mut values = Vec::new();
        match value {
            // Objects in a list are fields of the list.
            Value::Array(list) => list.iter().for_each(|item| leaves(item, &path, &mut values)),
            one => values.push((path, one)),
        }
        for (path, value) in values {
            let kind = match value {
                Value::String(_) => "text",
                Value::Number(_) => "number",
                Value::Bool(_) => "switch",
                other => panic!("{path} is {other}"),
            };
            assert_eq!(*types.entry(path.clone()).or_insert(kind), kind, "{path}: {document}");
        }
    }
}

#[test]
fn fields_have_the_types_that_the_schema_gives_them() {
    let fields = Ecs::new().fields;
    let mapped = mapped();
    let own = |field: &str| field.starts_with("cryoscope.") || field == "container.labels";
    for (field, kind) in mapped.iter().filter(|(field, _)| !own(field)) {
        match field.strip_suffix(".fields.text") {
            Some(field) => assert!(kind == "match_only_text" && fields.contains_key(field), "{field}"),
            None => assert_eq!(*kind, fields[field]["type"], "{field}"),
        }
    }
    for wildcard in ["process.command_line", "process.parent.command_line"] {
        assert_eq!(mapped[wildcard], "wildcard");
    }
    for field in ["process.executable", "process.parent.name", "file.path", "process.working_directory"] {
        assert_eq!(mapped[&format!("{field}.fields.text")], "match_only_text");
    }
    // Every column that says a field of the schema says one that is mapped.
    let columns = catalog::all().flat_map(|source| source.table.columns.iter());
    for target in columns.flat_map(tables::Column::targets).filter(|target| target.system == tables::System::Ecs) {
        let is_object = target.form == tables::Form::Process || target.form == tables::Form::Labels;
        assert!(is_object || mapped.contains_key(target.field), "{}", target.field);
    }
}

#[test]
fn times_below_our_own_name_are_moments_that_cost_no_document() {
    let template = template(&["ecs-template"]);
    let properties = &template["template"]["mappings"]["properties"];
    let moment = json!({ "type": "date", "ignore_malformed": true });
    assert_eq!(properties["cryoscope"]["properties"]["log"]["properties"]["time"], moment);
    assert_eq!(properties["event"]["properties"]["start"], moment);
    assert_eq!(properties["@timestamp"], json!({ "type": "date" }), "data streams take no other");
}

#[test]
fn opensearch_has_what_it_knows() {
    let (elastic, open) = (types_of(&template(&["ecs-template"])), types_of(&template(&["opensearch-template"])));
    let differ: BTreeSet<(&str, &str)> = elastic
        .iter()
        .filter(|(field, kind)| open[*field] != **kind)
        .map(|(field, kind)| (kind.as_str(), open[field].as_str()))
        .collect();
    assert_eq!(differ, [("constant_keyword", "keyword"), ("flattened", "flat_object")].into());
    assert_eq!(elastic.len(), open.len());
}

/// The name of an index is said once: template and documents agree.
#[test]
fn the_template_is_for_the_index_that_documents_go_to() {
    let archive = fixtures::path("forms-reference/podman-runc.tar");
    for (name, index, pattern) in [
        ("cryoscope-{table}", "cryoscope-processes", "cryoscope-*"),
        ("logs-cryoscope.{table}-prod", "logs-cryoscope.processes-prod", "logs-cryoscope.*-prod"),
        ("evidence", "evidence", "evidence"),
    ] {
        let template = template(&["ecs-template", "--index", name]);
        assert_eq!(template["index_patterns"], json!([pattern]));
        let is_stream = name.starts_with("logs-");
        assert_eq!(template.get("data_stream").is_some(), is_stream);
        assert!(template["priority"].as_u64() > Some(200), "above those that Elasticsearch brings");
        let table = ["table", archive.to_str().unwrap(), "processes", "--format", "bulk", "--index", name];
        let bulk = run(table).ok();
        let lines: Vec<Value> = bulk.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[0]["create"]["_index"], index);
        let stream = json!({ "type": "logs", "dataset": "cryoscope.processes", "namespace": "prod" });
        assert_eq!(lines[1].get("data_stream"), is_stream.then_some(&stream), "{}", lines[1]);
        assert_eq!(lines[1]["event"]["dataset"], "cryoscope.processes");
        Ecs::new().check("processes", &lines[1]);
    }
    let default = run(["table", archive.to_str().unwrap(), "processes", "--format", "bulk"]).ok();
    assert!(default.starts_with(r#"{"create":{"_index":"cryoscope-processes","#), "{default}");
}

#[test]
fn a_data_stream_replaces_nothing_and_a_bad_name_is_refused() {
    let archive = fixtures::path("forms-reference/podman-runc.tar");
    let table = ["table", archive.to_str().unwrap(), "processes", "--format", "bulk"];
    let stream = ["--index", "logs-cryoscope.{table}-default", "--bulk-op", "index"];
    let ran = run(table.iter().chain(&stream).copied());
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{}", ran.err);
    assert!(ran.err.contains("data stream"), "{}", ran.err);
    let ran = run(table.iter().chain(&["--index", "Cryoscope"]).copied());
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""));
    assert!(ran.err.contains("lower case"), "{}", ran.err);
}
