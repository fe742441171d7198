//! Rows as events of the Open Cybersecurity Schema Framework, release 1.8.0: the container as Device Inventory Info
//! (5001), the state at the dump as Live Evidence Info (5040) or as the older query classes (release 1.4.0), findings as
//! Detection Finding (2004), rows without evidence as Base Event (0), warnings as Application Error (6008). Values without a place in the schema are
//! in `unmapped`, under the name of the column. See `docs/siem.md`.

mod class;
mod evidence;
mod finding;

use std::io;

use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};

use self::class::Class;
use self::evidence::{BESIDE, field, object_of};
use super::document::{self, Document, Flow, needs_more, plain};
use super::encoder::Encoded;
use super::finding::Found;
use super::format::{Encode, Kind, Line};
use super::{Columns, Origin};
use crate::abi::ip;
use crate::tables::{Column, Form, Row, Subject, System, Target, Value};
use crate::timeline;

/// Release of the schema.
const VERSION: &str = "1.8.0";
/// Last release before the query classes were deprecated.
const LEGACY_VERSION: &str = "1.4.0";

/// Events of the Open Cybersecurity Schema Framework.
pub(super) struct Ocsf;

impl Encode for Ocsf {
    fn name(&self) -> &'static str {
        "ocsf"
    }

    fn doc(&self) -> &'static str {
        "Events of the Open Cybersecurity Schema Framework, one per line"
    }

    fn kind(&self) -> Kind {
        Kind::Document { timed: true }
    }

    fn encode(&self, line: &Line<'_>) -> io::Result<Encoded> {
        let (origin, id) = line.origin()?;
        let mut out = Vec::new();
        super::line(&mut out, event(line.row, line.columns, origin, id));
        Ok(Encoded::Bytes(out))
    }
}

/// The event of a row.
pub(super) fn event(row: &dyn Row, columns: &Columns, origin: &Origin, id: &str) -> Map<String, Json> {
    let table = row.table();
    let class = Class::of(row, origin);
    let (activity, activity_name) = class.activity;
    let (category, category_name) = class.category;
    let found = Found::of(row);
    let (severity, severity_name) = match &found {
        Some(found) => finding::severity(found.severity),
        None => severity(row),
    };
    let mut event = Document::default();
    event.set("class_uid", class.uid);
    event.set("class_name", class.name);
    event.set("category_uid", category);
    event.set("category_name", category_name);
    event.set("activity_id", activity);
    event.set("activity_name", activity_name);
    event.set("type_uid", class.uid * 100 + activity);
    event.set("type_name", format!("{}: {activity_name}", class.name));
    event.set("severity_id", severity);
    event.set("severity", severity_name);
    let checkpointed = origin.time.as_ref().map(|(time, _)| *time);
    event.set_some("time", timeline::event_time(row).or(checkpointed).map(Timestamp::as_millisecond));
    event.set("message", document::sentence(row));
    event.set("device", device(origin, table.event.subject == Subject::Device).0);
    if let Some(subject) = class.evidence {
        event.set("query_result_id", 1);
        event.set("query_result", "Exists");
        event.set(
            "query_info",
            json!({ "name": table.name, "uid": id, "query_string": format!("table {}", table.name) }),
        );
        let evidence = evidence::evidence(row, columns, origin, subject, id);
        if origin.legacy {
            legacy(&mut event, evidence, subject);
        } else {
            event.set("query_evidence", evidence.0);
        }
        if let Some(pid) = document::pid_of(row).filter(|_| subject != Subject::Process) {
            let at = if class.has_process() { "process" } else { "actor.process" };
            evidence::known_process(&mut event, at, pid, origin);
        }
    }
    if let Some(found) = &found {
        finding::fill(&mut event, row, found, columns, origin);
    }
    let unmapped = unmapped(row, columns, origin, class);
    let observables = observables(row, &event, &unmapped, origin);
    if !observables.is_empty() {
        event.set("observables", observables);
    }
    if !unmapped.is_empty() {
        event.set("unmapped", unmapped);
    }
    event.set("metadata", metadata(&event, origin, class, id).0);
    event.0
}

/// Severity of a row: state is informational; something that could not be read is more severe.
fn severity(row: &dyn Row) -> (u32, &'static str) {
    let table = row.table();
    let said = table.column("severity").filter(|_| table.event.subject == Subject::Fault);
    match said.map(|column| row.value(column)) {
        Some(Value::Text(text)) if text == "warning" => (2, "Low"),
        _ => (1, "Informational"),
    }
}

/// The metadata of the event.
fn metadata(event: &Document, origin: &Origin, class: Class, id: &str) -> Document {
    let mut metadata = Document::default();
    metadata.set("version", if origin.legacy { LEGACY_VERSION } else { VERSION });
    metadata.set("uid", id);
    let has_host = !class.has_device || event.get("actor").is_some();
    let profiles = [("container", has_container(&event.0)), ("host", has_host)];
    let profiles: Vec<&str> = profiles.into_iter().filter(|(_, used)| *used).map(|(name, _)| name).collect();
    if !profiles.is_empty() {
        metadata.set("profiles", profiles);
    }
    let tags = origin.fields.iter().map(|(name, text)| json!({ "name": name, "value": text }));
    let tags: Vec<Json> = tags.collect();
    if !tags.is_empty() {
        metadata.set("tags", tags);
    }
    metadata.set(
        "product",
        json!({ "name": "cryoscope", "vendor_name": "cryoscope", "version": env!("CARGO_PKG_VERSION") }),
    );
    metadata
}

/// Whether an event has attributes of the profile `container`.
fn has_container(event: &Map<String, Json>) -> bool {
    event.iter().filter(|(name, _)| *name != "unmapped").any(|(name, value)| {
        matches!(name.as_str(), "container" | "namespace_pid") || value.as_object().is_some_and(has_container)
    })
}

/// Moves evidence to its place in the classes before Live Evidence Info.
fn legacy(event: &mut Document, mut evidence: Document, subject: Subject) {
    let object = object_of(subject);
    if let Some(Json::Object(process)) = evidence.0.get_mut(object)
        && let Some(thread) = process.remove("ptid")
    {
        process.insert("tid".to_owned(), thread);
    }
    event.set_some(object, evidence.0.remove(object));
    if subject == Subject::Connection {
        let number = evidence.get("tcp_state_id").and_then(Json::as_u64);
        let (number, name) = match (number, evidence.text("state")) {
            (Some(number), Some(state)) => (number, evidence::tcp_state_name(number).unwrap_or(state)),
            (_, Some(state)) => (99, state),
            (_, None) => (0, "Unknown"),
        };
        event.set("state_id", number);
        event.set("state", name);
    }
}

/// The observables of an event: the ends of a connection, which have no attribute of their own, and the digests of
/// files.
fn observables(row: &dyn Row, event: &Document, unmapped: &Map<String, Json>, origin: &Origin) -> Vec<Json> {
    let mut observables = Vec::new();
    let mut add = |name: Option<String>, (number, kind): (u32, &str), value: String| {
        let mut observable = Document::default();
        observable.set_some("name", name);
        observable.set("type_id", number);
        observable.set("type", kind);
        observable.set("value", value);
        observables.push(Json::Object(observable.0));
    };
    if row.table().event.subject == Subject::Connection
        && let Some(flow) = Flow::of(row, origin)
    {
        let column = |part: &str| {
            let told = |target: &Target| target.system == System::Flow && target.field == part;
            let column = row.table().columns.iter().find(|column| column.targets().iter().any(told))?;
            unmapped.contains_key(&*column.name).then(|| format!("unmapped.{}", column.name))
        };
        for (ip, port, end) in [("local.ip", "local.port", flow.local), ("remote.ip", "remote.port", flow.remote)] {
            let Some(address) = end.ip else { continue };
            add(column(ip), (2, "IP Address"), address);
            if let Some(number) = end.port {
                add(column(port), (11, "Port"), number.to_string());
            }
        }
    }
    if row.table().event.subject == Subject::Finding
        && let Some((ip, port)) = finding::end(row, origin)
    {
        let name = |column: &str| unmapped.contains_key(column).then(|| format!("unmapped.{column}"));
        add(name("remote_address"), (2, "IP Address"), ip);
        if let Some(port) = port {
            add(name("remote_port"), (11, "Port"), port.to_string());
        }
    }
    for file in ["query_evidence.file", "file"] {
        let hashes = event.get(file).and_then(|file| file.get("hashes")).and_then(Json::as_array);
        for value in hashes.into_iter().flatten().filter_map(|hash| hash.get("value")?.as_str()) {
            add(Some(format!("{file}.hashes.value")), (8, "File Hash"), value.to_owned());
        }
    }
    observables
}

/// The container, as a device.
fn device(origin: &Origin, own: bool) -> Document {
    let mut device = Document::default();
    device.set("type_id", 6);
    device.set("type", "Virtual");
    let container = &origin.container;
    device.set_some("uid", container.id.as_deref());
    for (number, column) in container.table().columns.iter().enumerate() {
        let mut targets =
            column.targets().iter().filter(|target| target.system == System::Ocsf && (own || !target.own)).peekable();
        if targets.peek().is_none() {
            continue;
        }
        let value = container.value(number);
        for target in targets {
            device.set_some(target.field, field(target, &value));
        }
    }
    if container.pod.is_some() {
        device.set("container.orchestrator", "kubernetes");
    }
    if container.image_id.is_none()
        && let Some(Json::Object(inner)) = device.0.get_mut("container")
    {
        // An image needs an id here.
        inner.remove("image");
    }
    if ["uid", "hostname", "ip"].iter().all(|name| device.get(name).is_none()) {
        // The schema requires one of them.
        device.set("instance_uid", origin.identity.as_str());
    }
    device
}

/// Whether a column is the address of an end of a connection.
fn is_address(column: &Column) -> bool {
    let is_ip = |target: &Target| target.system == System::Flow && matches!(target.field, "local.ip" | "remote.ip");
    column.targets().iter().any(is_ip)
}

/// Values without a place in the schema, under the names of our columns.
fn unmapped(row: &dyn Row, columns: &Columns, origin: &Origin, class: Class) -> Map<String, Json> {
    let table = row.table();
    let is_device = table.event.subject == Subject::Device;
    let mut unmapped = Map::new();
    for (number, column) in columns.of(table) {
        let value = row.value(number);
        let whole = column.targets().iter().filter(|target| target.system == System::Ocsf).any(|target| {
            let root = target.field.split('.').next().unwrap_or_default();
            let stands = is_device
                || class.evidence.is_some_and(|subject| root == object_of(subject) || BESIDE.contains(&target.field));
            let says_all = |json: Json| target.form == Form::Text || json == plain(&value);
            stands && (target.form == Form::Process || field(target, &value).is_some_and(says_all))
        });
        if !whole || needs_more(&value) {
            let entries = document::entries(&column.name, &value).into_iter();
            // Addresses are written as in packets, like those of observables.
            unmapped.extend(entries.map(|(name, json)| {
                let wire =
                    json.as_str().filter(|_| is_address(column)).map(|text| ip::text_on_the_wire(text).into_owned());
                (name, wire.map_or(json, Json::from))
            }));
        }
    }
    if !row.withheld().is_empty() {
        unmapped.insert("withheld".to_owned(), row.withheld().into());
    }
    unmapped.insert("archive".to_owned(), origin.archive.as_str().into());
    if let Some(set) = &origin.set {
        unmapped.insert("set".to_owned(), set.as_str().into());
    }
    if let Some(hash) = &origin.archive_sha256 {
        unmapped.insert("archive_sha256".to_owned(), hash.as_str().into());
    }
    if let Some((time, source)) = &origin.time {
        unmapped.insert("checkpointed".to_owned(), format!("{time:.9}").into());
        unmapped.insert("time_source".to_owned(), source.as_str().into());
    }
    for (name, text) in &origin.fields {
        unmapped.entry(name.as_str()).or_insert_with(|| text.as_str().into());
    }
    let container = &origin.container;
    for (name, text) in [("pod", &container.pod), ("namespace", &container.namespace)] {
        if let Some(text) = text {
            unmapped.insert(name.to_owned(), text.as_str().into());
        }
    }
    if container.image_id.is_none()
        && let Some(image) = &container.image
    {
        unmapped.insert("image".to_owned(), image.as_str().into());
    }
    unmapped
}
