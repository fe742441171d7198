//! Documents for SIEMs: each field that is written is one of the schema, of its type and with a value that it allows; what
//! the schema requires is there; ids are those of the rows; and text that breaks naive formats comes back as it was.

mod every_table;
mod findings;
mod moments;
mod processes;
mod said;
mod sketches;
mod template;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use bstr::BString;
use cryoscope::catalog;
use cryoscope::formats::{Columns, Encoded, Encoder, Format, Origin, Style};
use cryoscope::model::ids::Pid;
use cryoscope::tables::{self, Process, Row, Summary};
use cryoscope::{Checkpoint, Options};
use data_encoding::HEXLOWER;
use serde_json::{Value, json};

use crate::archives::Members;
use crate::command::{run, run_with};
use crate::fixtures;

/// A table of tests/data/siem/, by its header.
fn data(name: &str) -> Vec<BTreeMap<String, String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/siem").join(name);
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split('\t').collect();
    let row = |line: &str| header.iter().map(|&h| h.to_owned()).zip(line.split('\t').map(str::to_owned)).collect();
    lines.map(row).collect()
}

fn encoder(format: Format, checkpoint: &Checkpoint) -> Encoder {
    encoder_of(format, checkpoint, |origin| origin)
}

fn encoder_of(format: Format, checkpoint: &Checkpoint, with: fn(Origin) -> Origin) -> Encoder {
    let style = Style { format, columns: Columns::All, name_tables: false, lead: Vec::new(), width: None };
    let mut encoder = Encoder::new(style);
    let origin = Origin::new(checkpoint.rows().container(), checkpoint.identity(), "archive.tar".to_owned(), None)
        .or_time(Some("2026-01-02T03:04:05Z".parse().unwrap()))
        .with_processes(checkpoint.rows().processes())
        .with_sockets(checkpoint.rows().process_open_sockets())
        .with_terminals(checkpoint.rows().ttys(), checkpoint.rows().process_open_files());
    encoder.origin(Arc::new(with(origin)));
    encoder
}

fn lines(encoded: Encoded) -> Vec<Value> {
    let Encoded::Bytes(bytes) = encoded else { panic!("documents are bytes") };
    assert_eq!(bytes.last(), Some(&b'\n'));
    let lines = bytes.split(|&b| b == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap_or_else(|e| panic!("{e}: {}", BString::from(line)))).collect()
}

/// Rows of a table of a checkpoint that are looked at: those that come behind them are like them.
const LOOKED_AT: usize = 80;

/// The documents of the rows of all tables, and of the checkpoint itself, with their tables.
fn documents(checkpoint: &Checkpoint, format: Format) -> Vec<(&'static str, Vec<Value>)> {
    documents_of(checkpoint, format, LOOKED_AT)
}

fn documents_of(checkpoint: &Checkpoint, format: Format, most: usize) -> Vec<(&'static str, Vec<Value>)> {
    documents_by(encoder(format, checkpoint), checkpoint, most)
}

fn documents_by(mut encoder: Encoder, checkpoint: &Checkpoint, most: usize) -> Vec<(&'static str, Vec<Value>)> {
    let mut documents = Vec::new();
    for source in catalog::all() {
        let mut left = most;
        source.each(checkpoint, &mut |row| {
            documents.push((&*source.table.name, lines(encoder.encode(row).unwrap())));
            left -= 1;
            if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
    }
    documents.push(("checkpoints", lines(encoder.encode(&Summary::of("archive.tar", checkpoint)).unwrap())));
    documents
}

/// Checkpoints of the fixtures that have a truth. Those of old releases of CRIU have the same containers: one is enough.
/// They are opened once for all tests, since what rules found stays with a checkpoint.
fn checkpoints() -> impl Iterator<Item = &'static Checkpoint> {
    static ALL: OnceLock<Vec<Checkpoint>> = OnceLock::new();
    ALL.get_or_init(|| opened().collect()).iter()
}

fn opened() -> impl Iterator<Item = Checkpoint> {
    let is_other_release = |case: &String| {
        // The first did not end well, and says so.
        case.starts_with("criu-") && case != "criu-3.6-aged-lazy" && !case.starts_with("criu-4.2")
    };
    let cases = fixtures::cases().into_iter().filter(move |case| !is_other_release(case));
    let archives = cases.flat_map(|case| fixtures::archives_of(&case));
    archives.flat_map(|archive| Options::new().open(&archive).unwrap())
}

/// The values that are no objects, with their paths; a list counts as one value.
fn leaves<'v>(value: &'v Value, path: &str, found: &mut Vec<(String, &'v Value)>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (name, value) in map {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                leaves(value, &path, found);
            }
        }
        other => found.push((path.to_owned(), other)),
    }
}

/// Nothing is null, anywhere, and no list is empty.
fn nothing_is_null(value: &Value) {
    match value {
        Value::Null => panic!("null"),
        Value::Array(list) => {
            assert!(!list.is_empty());
            list.iter().for_each(nothing_is_null);
        }
        Value::Object(map) => map.values().for_each(nothing_is_null),
        _ => {}
    }
}

/// Nothing that is unknown is written.
fn nothing_is_filled(document: &Value) {
    let mut found = Vec::new();
    leaves(document, "", &mut found);
    for (path, value) in found {
        assert!(!value.is_null() && *value != json!([]) && *value != json!({}), "{path} is empty: {document}");
        assert!(value.as_f64().is_none_or(|n| n.abs() <= 9_007_199_254_740_992.0), "{path}: {value} would be rounded");
    }
}

struct Ecs {
    fields: BTreeMap<String, BTreeMap<String, String>>,
    types_of: BTreeMap<String, BTreeSet<String>>,
}

impl Ecs {
    fn new() -> Self {
        let fields = data("ecs-fields.tsv").into_iter().map(|row| (row["field"].clone(), row)).collect();
        let split = |text: &str| text.split(',').map(str::to_owned).collect();
        let types_of = data("ecs-category-types.tsv")
            .into_iter()
            .map(|row| (row["event.category"].clone(), split(&row["expected event.type"])))
            .collect();
        Ecs { fields, types_of }
    }

    fn check(&self, table: &str, document: &Value) {
        nothing_is_filled(document);
        for required in ["@timestamp", "ecs", "event"] {
            assert!(document.get(required).is_some(), "{required} is missing: {document}");
        }
        assert_eq!(document["ecs"]["version"], "9.4.0");
        assert_eq!(document["event"]["dataset"], format!("cryoscope.{table}"));
        assert_eq!(document["event"]["id"].as_str().unwrap().len(), 22);
        assert!(document["host"].get("hostname").is_none(), "the container's name is not the host's");
        let mut found = Vec::new();
        leaves(document, "", &mut found);
        for (path, value) in found {
            if path.starts_with("cryoscope.") {
                continue;
            }
            if let Some(label) = ["container.labels.", "labels."].iter().find_map(|prefix| path.strip_prefix(prefix)) {
                assert!(value.is_string() && !label.contains('.'), "{path}: {value}");
                continue;
            }
            let field = self.fields.get(&path).unwrap_or_else(|| panic!("{path} is no field of ECS: {document}"));
            let values: Vec<&Value> = match value {
                Value::Array(list) => list.iter().collect(),
                one => vec![one],
            };
            // Any field may have several values, but those that are meant to have them always are lists.
            let may_be_list = field["array"] == "yes" || path == "process.supplemental_groups.id";
            assert_eq!(value.is_array(), may_be_list, "{path}: {value}");
            for value in values {
                let fits = match field["type"].as_str() {
                    "long" => value.is_i64() || value.is_u64(),
                    "float" => value.is_f64(),
                    "boolean" => value.is_boolean(),
                    "date" => value.as_str().is_some_and(|t| t.ends_with('Z') && t.parse::<jiff::Timestamp>().is_ok()),
                    "ip" => value.as_str().is_some_and(|t| t.parse::<std::net::IpAddr>().is_ok()),
                    "keyword" | "constant_keyword" | "wildcard" | "match_only_text" => {
                        value.as_str().is_some_and(|text| text.len() <= 32766)
                    }
                    other => panic!("{path} is of type {other}"),
                };
                assert!(fits, "{path} ({}): {value}", field["type"]);
                for list in ["allowed_values", "expected_values"] {
                    let allowed = field.get(list).filter(|text| !text.is_empty());
                    let text = value.as_str().unwrap_or_default();
                    assert!(allowed.is_none_or(|list| list.split(',').any(|v| v == text)), "{path}: {value}");
                }
            }
        }
        self.types(&document["event"]);
    }

    /// Each type is one that a category of the document expects.
    fn types(&self, event: &Value) {
        let texts = |name: &str| -> Vec<String> {
            event[name].as_array().into_iter().flatten().map(|v| v.as_str().unwrap().to_owned()).collect()
        };
        let expected: BTreeSet<&String> = texts("category").iter().flat_map(|c| &self.types_of[c]).collect();
        assert!(!expected.is_empty() && texts("type").iter().all(|t| expected.contains(t)), "{event}");
    }
}

#[test]
fn every_document_is_one_of_ecs() {
    let (ecs, mut seen, mut with_rows) = (Ecs::new(), BTreeSet::new(), BTreeSet::new());
    let (mapped, mut types) = (template::mapped(), BTreeMap::new());
    for checkpoint in checkpoints() {
        for source in catalog::all() {
            source.each(checkpoint, &mut |_| {
                with_rows.insert(&*source.table.name);
                ControlFlow::Break(())
            });
        }
        for (table, documents) in documents(checkpoint, Format::ECS) {
            for document in &documents {
                ecs.check(table, document);
                template::fits(&mapped, document, &mut types);
            }
            assert_eq!(documents.len(), 1);
            seen.insert(table);
        }
    }
    assert!(with_rows.is_subset(&seen), "{:?}", with_rows.difference(&seen));
    assert!(seen.len() > tables::ALL.len() / 2, "{seen:?}");
}

/// The attributes of a class or of an object, by name: each is a row of a table.
type Attributes = BTreeMap<String, BTreeMap<String, String>>;

struct Ocsf {
    version: &'static str,
    classes: BTreeMap<String, Attributes>,
    objects: BTreeMap<String, Attributes>,
    constraints: Vec<BTreeMap<String, String>>,
    bases: BTreeMap<String, String>,
}

impl Ocsf {
    fn new() -> Self {
        Ocsf::of("1.8.0", "ocsf")
    }

    fn legacy() -> Self {
        Ocsf::of("1.4.0", "ocsf-1.4.0")
    }

    fn of(version: &'static str, prefix: &str) -> Self {
        let attributes = |table: &str, of: &str| {
            let mut all: BTreeMap<String, Attributes> = BTreeMap::new();
            for row in data(&format!("{prefix}-{table}.tsv")) {
                let attributes = all.entry(row[of].clone()).or_default();
                assert_eq!(attributes.insert(row["attribute"].clone(), row), None, "an attribute is there twice");
            }
            all
        };
        let (classes, objects) = (attributes("classes", "class_uid"), attributes("objects", "object"));
        let bases = data("ocsf-types.tsv");
        let bases = bases.into_iter().map(|row| (row["type"].clone(), row.get("base").cloned().unwrap_or_default()));
        let constraints = data(&format!("{prefix}-constraints.tsv"));
        Ocsf { version, classes, objects, constraints, bases: bases.collect() }
    }

    fn check(&self, event: &Value) {
        nothing_is_filled(event);
        let class = event["class_uid"].as_u64().unwrap();
        let mut profiles = BTreeSet::new();
        self.attributes("", event, &self.classes[&class.to_string()], &mut profiles);
        assert_eq!(event["type_uid"], class * 100 + event["activity_id"].as_u64().unwrap());
        assert_eq!(event["metadata"]["version"], self.version);
        let said = event["metadata"].get("profiles").and_then(Value::as_array);
        let said: BTreeSet<String> = said.into_iter().flatten().map(|v| v.as_str().unwrap().to_owned()).collect();
        assert_eq!(said, profiles, "profiles that are used are declared, and no others: {event}");
        for observable in event.get("observables").and_then(Value::as_array).into_iter().flatten() {
            Self::observable(event, observable);
        }
    }

    /// The name of an observable is a path to an attribute that the event has.
    fn observable(event: &Value, observable: &Value) {
        // The types stand in a dictionary of their own.
        let known = [(2, "IP Address"), (8, "File Hash"), (11, "Port")];
        let kind = (observable["type_id"].as_u64().unwrap(), observable["type"].as_str().unwrap());
        assert!(known.contains(&kind), "{observable}");
        let Some(name) = observable.get("name") else { return };
        let mut found = vec![event];
        for part in name.as_str().unwrap().split('.') {
            let step = found.iter().flat_map(|value| match value {
                Value::Array(list) => list.iter().filter_map(|value| value.get(part)).collect(),
                other => other.get(part).into_iter().collect::<Vec<_>>(),
            });
            found = step.collect();
        }
        let text = |value: &&Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let value = observable["value"].as_str().unwrap();
        assert!(found.iter().any(|found| text(found) == value), "{observable}: {found:?}");
    }

    fn attributes(&self, path: &str, value: &Value, attributes: &Attributes, profiles: &mut BTreeSet<String>) {
        let map = value.as_object().unwrap_or_else(|| panic!("{path} is no object: {value}"));
        for (name, value) in map {
            let attribute = attributes.get(name).unwrap_or_else(|| panic!("{path}.{name} is no attribute: {map:?}"));
            if !attribute["profile"].is_empty() {
                profiles.insert(attribute["profile"].clone());
            }
            self.value(&format!("{path}.{name}"), value, attribute, profiles);
            Self::caption(path, map, name, attribute);
        }
        for (name, _) in attributes.iter().filter(|(_, row)| row["requirement"] == "required") {
            assert!(map.contains_key(name), "{path}: {name} is required: {map:?}");
        }
    }

    /// Beside each number of a list stands what the list says of it; beside 99 and what has no list, what we say.
    fn caption(path: &str, map: &serde_json::Map<String, Value>, name: &str, attribute: &BTreeMap<String, String>) {
        // Of a state of TCP in evidence, the schema has no such sibling.
        let Some(stem) = name.strip_suffix("_id").filter(|stem| !matches!(*stem, "tcp_state")) else { return };
        let sibling = if stem == "activity" { "activity_name" } else { stem };
        let text = map.get(sibling).and_then(Value::as_str);
        let text = text.unwrap_or_else(|| panic!("{path}.{name} has no {sibling}: {map:?}"));
        assert!(!text.is_empty());
        let number = map[name].to_string();
        let said = attribute["enum"].split(';').find_map(|entry| entry.strip_prefix(&format!("{number}=")));
        assert!(
            number == "99" || path.ends_with("observables") || said == Some(text),
            "{path}.{name}: {text} is not {said:?}"
        );
    }

    fn value(&self, path: &str, value: &Value, attribute: &BTreeMap<String, String>, profiles: &mut BTreeSet<String>) {
        if let Some(item) = attribute["type"].strip_suffix("[]") {
            let list = value.as_array().unwrap_or_else(|| panic!("{path} is no list: {value}"));
            for value in list {
                self.one(path, value, item, profiles);
            }
        } else {
            self.one(path, value, &attribute["type"], profiles);
        }
        let numbers: Vec<&str> =
            attribute.get("enum").into_iter().flat_map(|e| e.split(';')).filter_map(|e| e.split('=').next()).collect();
        // The types of observables stand in a dictionary of their own: those that we use are 2 (address) and 11 (port).
        if numbers != [""] && !numbers.is_empty() && !path.ends_with("observables.type_id") {
            assert!(numbers.contains(&value.to_string().as_str()), "{path}: {value} is none of {numbers:?}");
        }
    }

    fn one(&self, path: &str, value: &Value, kind: &str, profiles: &mut BTreeSet<String>) {
        if kind == "object" {
            assert!(value.is_object(), "{path}");
            return;
        }
        if let Some(attributes) = self.objects.get(kind) {
            self.attributes(path, value, attributes, profiles);
            for constraint in self.constraints.iter().filter(|row| row["object"] == kind) {
                let names = constraint["attributes"].split(',').filter(|name| value.get(name).is_some()).count();
                let holds = if constraint["constraint"] == "just_one" { names == 1 } else { names > 0 };
                assert!(holds, "{path}: {} of {}: {value}", constraint["constraint"], constraint["attributes"]);
            }
            return;
        }
        let base = self.bases.get(kind).unwrap_or_else(|| panic!("{path}: no type {kind}"));
        let fits = match (kind, base.as_str()) {
            ("integer_t" | "long_t", _) | (_, "integer_t" | "long_t") => value.is_i64() || value.is_u64(),
            ("boolean_t", _) => value.is_boolean(),
            // Any JSON.
            ("json_t", _) => true,
            _ => value.is_string(),
        };
        assert!(fits, "{path} ({kind}): {value}");
        match kind {
            "ip_t" => assert!(value.as_str().unwrap().parse::<std::net::IpAddr>().is_ok(), "{path}: {value}"),
            "uuid_t" => assert_eq!(value.as_str().unwrap().split('-').count(), 5, "{path}: {value}"),
            "mac_t" => assert_eq!(value.as_str().unwrap().len(), 17, "{path}: {value}"),
            _ => {}
        }
    }
}

#[test]
fn every_event_is_one_of_ocsf() {
    let ocsf = Ocsf::new();
    let mut classes = BTreeSet::new();
    let mut types = BTreeSet::new();
    for checkpoint in checkpoints() {
        for (_, events) in documents(checkpoint, Format::OCSF) {
            for event in events {
                ocsf.check(&event);
                classes.insert(event["class_uid"].as_u64());
                let is_evidence = event.get("query_evidence").is_some();
                assert_eq!(is_evidence, event["class_uid"] == 5040);
                types.insert(event["query_evidence"]["query_type_id"].as_u64());
            }
        }
    }
    assert_eq!(classes, [Some(0), Some(2004), Some(5001), Some(5040), Some(6008)].into());
    assert_eq!(types, [None, Some(2), Some(3), Some(6), Some(7), Some(8), Some(10), Some(99)].into());
}

/// Lakes that know no Live Evidence Info get the queries of before it.
#[test]
fn events_of_old_classes_are_of_ocsf_too() {
    let ocsf = Ocsf::legacy();
    let mut classes = BTreeSet::new();
    for checkpoint in checkpoints() {
        let encoder = encoder_of(Format::OCSF, checkpoint, Origin::with_legacy_classes);
        for (_, events) in documents_by(encoder, checkpoint, 20) {
            for event in events {
                ocsf.check(&event);
                classes.insert(event["class_uid"].as_u64().unwrap());
            }
        }
    }
    assert_eq!(classes, [0, 2004, 5001, 5006, 5007, 5008, 5011, 5012, 5013, 5015, 6008].into());
}

#[test]
fn every_event_has_what_timesketch_and_splunk_need() {
    for checkpoint in checkpoints() {
        let mut ids = BTreeSet::new();
        for (table, events) in documents(checkpoint, Format::TIMESKETCH) {
            for event in events {
                nothing_is_filled(&event);
                assert!(!event["message"].as_str().unwrap().is_empty());
                assert!(!event["timestamp_desc"].as_str().unwrap().is_empty());
                let datetime = event["datetime"].as_str().unwrap();
                assert!(datetime.ends_with("+00:00") && datetime.len() == 32, "{datetime}");
                let time: jiff::Timestamp = datetime.parse().unwrap();
                assert_eq!(event["timestamp"], time.as_microsecond());
                assert!(event["data_type"].as_str().unwrap().starts_with(&format!("cryoscope:{table}:")));
                assert!(event.as_object().unwrap().values().all(|value| !value.is_object()), "flat: {event}");
                assert!(ids.insert(event["event_id"].as_str().unwrap().to_owned()), "{event}");
            }
        }
        for (table, events) in documents(checkpoint, Format::HEC) {
            let [event] = events.as_slice() else { panic!("one a row") };
            assert!(event["time"].is_number() && event["sourcetype"] == format!("cryoscope:{table}"));
            assert!(event["event"].as_object().is_some_and(|row| !row.is_empty()));
            nothing_is_null(event);
            let texts = |value: &Value| value.as_array().is_some_and(|list| list.iter().all(Value::is_string));
            let fields = event["fields"].as_object().unwrap();
            assert!(fields.values().all(|value| value.is_string() || texts(value)), "{event}");
        }
    }
}

/// A strict reader of the protocol: an action and a source in turn, each a line; an id of at most 512 bytes, once.
#[test]
fn bulk_is_what_the_protocol_wants_and_ids_are_once() {
    for checkpoint in checkpoints() {
        let mut ids = BTreeSet::new();
        for (table, pair) in documents_of(checkpoint, Format::BULK, usize::MAX) {
            let [action, source] = pair.as_slice() else { panic!("two lines: {pair:?}") };
            let expected =
                json!({ "create": { "_index": format!("cryoscope-{table}"), "_id": source["event"]["id"] } });
            assert_eq!(*action, expected);
            let id = source["event"]["id"].as_str().unwrap();
            assert!(id.len() <= 512 && ids.insert((table, id.to_owned())), "{table} {id} is there twice");
        }
    }
    let archive = fixtures::path("forms-reference/podman-runc.tar");
    let bulk = run(["table", archive.to_str().unwrap(), "mounts", "--format", "bulk", "--bulk-op", "index"]).ok();
    assert!(bulk.starts_with(r#"{"index":{"_index":"cryoscope-mounts","_id":"#) && bulk.ends_with("}\n"));
}

/// Values of environments are in no document, unless somebody asks; that there is something is said.
#[test]
fn secrets_are_not_spread() {
    let archive = fixtures::path("forms-reference/podman-runc.tar");
    let archive = archive.to_str().unwrap();
    let value = |row: &Value| row["value"].as_str().filter(|value| value.len() > 6).map(str::to_owned);
    let plain = run(["table", archive, "process_envs", "--format", "ndjson"]).ok();
    // Such as the container's own name is told elsewhere.
    let elsewhere = run(["table", archive, "container", "processes", "--format", "ndjson"]).ok();
    let values = plain.lines().filter_map(|row| value(&serde_json::from_str(row).unwrap()));
    let planted: BTreeSet<String> = values.filter(|value| !elsewhere.contains(value.as_str())).collect();
    assert!(!planted.is_empty());
    for format in ["ecs", "bulk", "ocsf", "timesketch", "hec"] {
        let ask = |more: &[&str]| {
            let all = ["table", archive, "process_envs", "declared", "--format", format];
            run(all.iter().copied().chain(more.iter().copied())).ok()
        };
        let (bare, whole) = (ask(&[]), ask(&["--with-env"]));
        for secret in &planted {
            assert!(!bare.contains(secret.as_str()), "{format} has {secret}");
            assert!(whole.contains(secret.as_str()), "{format} lacks {secret}");
        }
        assert!(bare.contains("withheld") && !whole.contains("withheld"), "{format}");
        assert_eq!(bare.lines().count(), whole.lines().count());
    }
}

/// The document of a checkpoint needs nothing of its processes, which `show` does not read of a compressed archive.
#[test]
fn show_makes_documents_of_compressed_archives_without_a_warning() {
    let archive = fixtures::archive_of("webapp-compromise");
    for format in ["ecs", "bulk", "ocsf", "timesketch", "hec"] {
        run(["show", archive.to_str().unwrap(), "--format", format]).ok();
    }
}

/// Programs write titles over their environment: what is left of a value has no name.
#[test]
fn what_is_left_of_a_secret_is_no_name() {
    let mut members = Members::of(&fixtures::path("forms-reference/podman-runc.tar"));
    let (variable, left) = (b"GREETING=good day\0", b"\0\0\0\0\0\0\0\0\0\0od day\0\0");
    let mut changed = 0;
    for member in members.0.iter_mut().filter(|member| member.name.contains("/pages-")) {
        let at = member.contents.windows(variable.len()).position(|bytes| bytes == variable);
        if let Some(at) = at {
            member.contents[at..at + left.len()].copy_from_slice(left);
            changed += 1;
        }
    }
    assert!(changed > 0);
    let archive = members.tar();
    let rows = run_with(&archive, ["table", "-", "process_envs", "--format", "ndjson", "-q"]).out;
    assert!(rows.contains(r#""key":"od day","value":null"#), "{rows}");
    for format in ["ecs", "bulk", "ocsf", "timesketch", "hec"] {
        let out = run_with(&archive, ["table", "-", "--all", "--format", format, "-q"]).out;
        assert!(out.contains("GREETING") && !out.contains("od day\""), "{format}");
        let out = run_with(&archive, ["table", "-", "process_envs", "--format", format, "--with-env", "-q"]).out;
        assert!(out.contains("od day"), "{format}");
    }
}

/// ECS has the host's pid in `process.pid`, which no archive knows.
#[test]
fn strict_documents_have_no_pid_of_the_host() {
    let archive = fixtures::path("forms-reference/podman-runc.tar");
    let all = ["table", archive.to_str().unwrap(), "processes", "process_open_files", "--format", "ecs"];
    let documents = run(all.iter().copied().chain(["--strict-ecs"])).ok();
    for document in documents.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        assert!(document["process"]["vpid"].is_u64() && document["process"].get("pid").is_none(), "{document}");
        assert!(!document.to_string().contains("pid_in_namespace"), "{document}");
    }
    assert!(run(all).ok().contains("pid_in_namespace"));
}

#[test]
fn ids_and_times_are_those_of_the_checkpoint_not_of_its_file() {
    let original = fixtures::archive_of("pod");
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy");
    std::fs::copy(&original, &copy).unwrap();
    let ids = |path: &Path| -> Vec<(Value, Value)> {
        let out =
            run(["inspect", path.to_str().unwrap(), "--all", "--format", "ecs", "--time", "2020-01-01T00:00:00Z"]);
        let documents = out.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        documents.map(|document| (document["event"]["id"].clone(), document["@timestamp"].clone())).collect()
    };
    assert_eq!(ids(&original), ids(&copy));
    assert!(!ids(&copy).is_empty());
}

#[test]
fn a_document_needs_a_time() {
    // Without a document of the engine, and with files that are of no time.
    let members = Members::of(&fixtures::path("forms-reference/podman-runc.tar"));
    let folder = tempfile::tempdir().unwrap();
    let mut bare = tar::Builder::new(Vec::new());
    let archive = members.tar();
    for entry in tar::Archive::new(archive.as_slice()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().into_owned();
        if path.starts_with("checkpoint") && entry.header().entry_type().is_file() {
            let mut header = entry.header().clone();
            header.set_mtime(0);
            let mut contents = Vec::new();
            std::io::copy(&mut entry, &mut contents).unwrap();
            bare.append_data(&mut header, path, contents.as_slice()).unwrap();
        }
    }
    let path = folder.path().join("bare.tar");
    std::fs::write(&path, bare.into_inner().unwrap()).unwrap();
    let path = path.to_str().unwrap();
    for format in ["ecs", "ocsf", "timesketch", "bulk"] {
        let ran = run(["table", path, "processes", "--format", format]);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{}", ran.err);
        assert!(ran.err.contains("--time"), "{}", ran.err);
    }
    let given = run(["table", path, "processes", "--format", "ecs", "--time", "2026-01-02T03:04:05.678Z"]);
    let document: Value = serde_json::from_str(given.out.lines().next().unwrap()).unwrap();
    assert_eq!(document["@timestamp"], "2026-01-02T03:04:05.678Z");
    assert_eq!(document["cryoscope"]["time_source"], "given");
    let splunk = run(["table", path, "processes", "--format", "hec"]);
    let event: Value = serde_json::from_str(splunk.out.lines().next().unwrap()).unwrap();
    assert!(event.get("time").is_none() && event["event"]["pid"].is_u64(), "Splunk takes the time of arrival");
}

/// Texts that break what is written without care.
fn hostile() -> Vec<Vec<u8>> {
    vec![
        b"two\nlines\r\n".to_vec(),
        b"a\0b".to_vec(),
        b"\xff\xfe\x80 bad".to_vec(),
        b"</script><script>alert(1)</script>".to_vec(),
        b"=cmd|' /C calc'!A0".to_vec(),
        b"+1\t-1\t@SUM(A1)".to_vec(),
        b"\"quotes\", 'more', \\ and ,".to_vec(),
        "\u{202e}\u{2028}\u{feff}\u{7f}\u{9b}2J\u{1b}[31m".as_bytes().to_vec(),
        b"{\"index\":{}}\n".to_vec(),
        vec![b'x'; 33_000],
    ]
}

/// A row with hostile text everywhere, and numbers as large as they get.
fn hostile_row(checkpoint: &Checkpoint, text: &[u8]) -> Process {
    let mut row = checkpoint.rows().processes().next().unwrap();
    let name = BString::from(text);
    let bytes = Some(name.clone());
    row.pid = Pid(u32::MAX);
    (row.name, row.cwd, row.cmdline) = (bytes.clone(), bytes.clone(), bytes.clone());
    row.argv = Some(vec![name.clone(), "plain".into(), name]);
    row.total_size = Some(u64::MAX);
    row.recorded_size = Some((1 << 53) + 1);
    row.oom_score_adj = Some(i32::MIN);
    row
}

fn lossy(bytes: &[u8]) -> String {
    bytes.utf8_chunks().map(|c| c.valid().to_owned() + &"\u{fffd}".repeat(c.invalid().len())).collect()
}

fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

/// That a text stands in an object as it was, under a name, or under that name in hexadecimal.
fn is_lossless(object: &Value, name: &str, text: &[u8]) {
    assert_eq!(object[name].as_str(), Some(&*lossy(text)), "{name}");
    if std::str::from_utf8(text).is_err() {
        assert_eq!(object[format!("{name}_hex")].as_str(), Some(&*hex(text)), "{name}_hex");
    }
}

#[test]
fn hostile_text_comes_back_from_every_format() {
    let checkpoint = Checkpoint::open(fixtures::path("forms-reference/podman-runc.tar")).unwrap();
    for text in hostile() {
        let row = hostile_row(&checkpoint, &text);
        let one = |format| {
            let lines = lines(encoder(format, &checkpoint).encode(&row).unwrap());
            lines.last().unwrap().clone()
        };
        let valid = std::str::from_utf8(&text).is_ok();
        for format in [Format::NDJSON, Format::HEC] {
            let document = one(format);
            let object = if format == Format::HEC { &document["event"] } else { &document };
            is_lossless(object, "cwd", &text);
            assert_eq!(object["total_size"], u64::MAX);
            assert_eq!(object["argv"][2].as_str(), Some(&*lossy(&text)));
        }
        for format in [Format::ECS, Format::BULK] {
            let document = one(format);
            let own = &document["cryoscope"]["process"];
            if text.len() > 32766 {
                assert!(document["tags"].as_array().unwrap().contains(&"truncated".into()));
                is_lossless(own, "cwd", &text);
                assert_eq!(document["process"]["working_directory"].as_str().map(str::len), Some(32766));
            } else if valid {
                assert_eq!(document["process"]["working_directory"].as_str(), Some(&*lossy(&text)));
                assert!(own.get("cwd").is_none());
            } else {
                is_lossless(own, "cwd", &text);
            }
            assert_eq!(own["total_size_text"], "18446744073709551615");
            assert_eq!(own["recorded_size_text"], "9007199254740993");
            Ecs::new().check("processes", &document);
        }
        let event = one(Format::OCSF);
        Ocsf::new().check(&event);
        assert_eq!(event["query_evidence"]["process"]["working_directory"].as_str(), Some(&*lossy(&text)));
        assert_eq!(event["unmapped"]["total_size_text"], "18446744073709551615");
        if !valid {
            is_lossless(&event["unmapped"], "cwd", &text);
        }
        let event = one(Format::TIMESKETCH);
        is_lossless(&event, "cwd", &text);
        assert_eq!(event["total_size_text"], "18446744073709551615");
        assert!(event["message"].as_str().unwrap().chars().all(|c| !c.is_control()));
    }
}

/// What comes back from CSV is what people see: the bytes are escaped, and formulas have an apostrophe before them.
#[test]
fn hostile_text_in_csv_is_escaped_and_stays_in_its_cell() {
    let checkpoint = Checkpoint::open(fixtures::path("forms-reference/podman-runc.tar")).unwrap();
    let column = |name: &str| Process::TABLE.column(name).unwrap();
    for text in hostile() {
        let row = hostile_row(&checkpoint, &text);
        let Encoded::Bytes(line) = encoder(Format::CSV, &checkpoint).encode(&row).unwrap() else { panic!() };
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_slice());
        let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        let [record] = records.as_slice() else { panic!("one row is one record") };
        assert_eq!(record.len(), row.table().columns.len());
        let shown = cryoscope::formats::escape(&text);
        let guard = if shown.starts_with(['=', '+', '-', '@']) { "'" } else { "" };
        assert_eq!(record.get(column("cwd")), Some(&*format!("{guard}{shown}")));
        assert_eq!(record.get(column("total_size")), Some("18446744073709551615"));
        assert!(record.iter().all(|cell| !cell.contains(char::is_control)), "nothing moves a cursor");
    }
}

#[test]
fn connections_have_their_ends_where_searches_look() {
    let checkpoint = Checkpoint::open(fixtures::archive_of("sockets-tcp")).unwrap();
    let sockets: Vec<Value> = documents(&checkpoint, Format::ECS)
        .into_iter()
        .filter(|(table, _)| *table == "process_open_sockets")
        .flat_map(|(_, documents)| documents)
        .collect();
    let mut seen = BTreeSet::new();
    for socket in &sockets {
        let row = &socket["cryoscope"]["socket"];
        let (local, remote) = (&row["local_port"], &row["remote_port"]);
        let tagged = socket["tags"].as_array().unwrap().contains(&"listener".into());
        let direction = socket["network"].get("direction").and_then(Value::as_str);
        match (row["state"].as_str(), direction) {
            (Some("LISTEN"), _) => {
                assert!(tagged && socket.get("source").is_none() && socket["destination"]["port"] == *local);
                seen.insert("listener");
            }
            (_, Some("ingress")) => {
                assert!(socket["source"]["port"] == *remote && socket["destination"]["port"] == *local, "{socket}");
                seen.insert("ingress");
            }
            (_, Some("egress")) => {
                assert!(socket["source"]["port"] == *local && socket["destination"]["port"] == *remote, "{socket}");
                seen.insert("egress");
            }
            (_, _) => assert!(!tagged),
        }
    }
    assert_eq!(seen, ["egress", "ingress", "listener"].into(), "{} sockets", sockets.len());
    // Both ends of a connection within the container are the same connection.
    let ids = |direction: &str| -> BTreeSet<String> {
        let sockets = sockets.iter().filter(|socket| socket["network"]["direction"] == direction);
        sockets.filter_map(|socket| Some(socket["network"]["community_id"].as_str()?.to_owned())).collect()
    };
    assert!(ids("egress").intersection(&ids("ingress")).next().is_some());
}

#[test]
fn what_waited_in_a_connection_has_its_ends_and_what_waited_is_found_by_its_hash() {
    let checkpoint = Checkpoint::open(fixtures::archive_of("webapp-compromise")).unwrap();
    let queues: Vec<Value> = documents(&checkpoint, Format::ECS)
        .into_iter()
        .filter(|(table, _)| table.ends_with("_queues"))
        .flat_map(|(_, documents)| documents)
        .collect();
    let implant = queues.iter().find(|queue| queue["destination"]["port"] == 8443).unwrap();
    assert_eq!(implant["network"]["transport"], "tcp");
    assert_eq!(implant["network"]["direction"], "egress");
    assert_eq!(implant["destination"]["ip"], "203.0.113.66");
    let hashed = queues.iter().filter(|queue| {
        let own = queue["cryoscope"].as_object().unwrap().values().find_map(|own| own.get("sha256"));
        let related = queue["related"].get("hash").and_then(Value::as_array);
        own.is_some_and(|own| related.is_some_and(|related| related.contains(own)))
    });
    assert!(hashed.count() >= 4, "two connections and two sockets had bytes: {queues:?}");
}

#[test]
fn addresses_of_devices_are_where_searches_look() {
    let checkpoint = Checkpoint::open(fixtures::archive_of("bridge-net")).unwrap();
    let of = |format| {
        let all = documents(&checkpoint, format).into_iter();
        all.filter(|(table, _)| *table == "addresses").flat_map(|(_, rows)| rows).collect::<Vec<Value>>()
    };
    let documents = of(Format::ECS);
    assert!(!documents.is_empty());
    for document in &documents {
        let address = &document["cryoscope"]["addresses"]["address"];
        assert!(document["related"]["ip"].as_array().unwrap().contains(address), "{document}");
    }
    for event in of(Format::OCSF) {
        let [interface] = event["query_evidence"]["network_interfaces"].as_array().unwrap().as_slice() else {
            panic!("{event}")
        };
        assert!(interface["name"].is_string() && interface["ip"].is_string(), "{event}");
    }
}
