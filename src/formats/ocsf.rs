//! Rows as events of the Open Cybersecurity Schema Framework, release 1.8.0: the container as Device Inventory Info
//! (5001), all else as Live Evidence Info (5040), or as the classes of queries that were there before it. What the schema
//! has no place for stands in `unmapped`, under the column's name. See `docs/siem.md`.

use serde_json::{Map, Value as Json, json};

use super::document::{self, Direction, Document, Flow, PathText, is_empty, needs_more, plain, plain_in};
use super::{Columns, Origin};
use crate::tables::{Form, Row, Subject, System, Target, Value};

/// The release of the schema.
const VERSION: &str = "1.8.0";

/// The event of a row.
pub(super) fn event(row: &dyn Row, columns: &Columns, origin: &Origin, id: &str) -> Map<String, Json> {
    let table = row.table();
    let is_device = table.event.subject == Subject::Device;
    let (evidence, observables) = if is_device { Default::default() } else { evidence(row, columns, origin, id) };
    let legacy = if origin.legacy { legacy(row, &evidence, origin) } else { None };
    let (class, class_name, activity, activity_name) = match &legacy {
        _ if is_device => (5001, "Device Inventory Info", 2, "Collect"),
        Some(legacy) => (legacy.class, legacy.name, 1, "Query"),
        None => (5040, "Live Evidence Info", 1, "Query"),
    };
    let mut event = Document::default();
    event.set("class_uid", class);
    event.set("class_name", class_name);
    event.set("category_uid", 5);
    event.set("category_name", "Discovery");
    event.set("activity_id", activity);
    event.set("activity_name", activity_name);
    event.set("type_uid", class * 100 + activity);
    event.set("type_name", format!("{class_name}: {activity_name}"));
    event.set("severity_id", 1);
    event.set("severity", "Informational");
    event.set_some("time", origin.time.as_ref().map(|(time, _)| time.as_millisecond()));
    event.set("message", document::sentence(row));
    event.set(
        "metadata",
        json!({
            "version": VERSION,
            "uid": id,
            "profiles": ["container"],
            "product": { "name": "cryoscope", "vendor_name": "cryoscope", "version": env!("CARGO_PKG_VERSION") },
        }),
    );
    let mut device = device(origin, is_device);
    if device.get("uid").is_none() && device.get("hostname").is_none() && device.get("ip").is_none() {
        // The schema wants one of them.
        device.set("instance_uid", origin.identity.as_str());
    }
    event.set("device", device.0);
    if !is_device {
        event.set("query_result_id", 1);
        event.set("query_result", "Exists");
        event.set(
            "query_info",
            json!({ "name": table.name, "uid": id, "query_string": format!("table {}", table.name) }),
        );
        match legacy {
            Some(legacy) => event.0.extend(legacy.objects.0),
            None => event.set("query_evidence", evidence.0),
        }
        if !observables.is_empty() {
            event.set("observables", observables);
        }
    }
    let unmapped = unmapped(row, columns, origin);
    if !unmapped.is_empty() {
        event.set("unmapped", unmapped);
    }
    event.0
}

/// A class of queries that 1.5.0 deprecated, and what its events have in the place of evidence.
struct Legacy {
    class: u32,
    name: &'static str,
    objects: Document,
}

/// The class of queries for evidence, if there was one that can hold it: lakes of before 1.5.0 know no other.
fn legacy(row: &dyn Row, evidence: &Document, origin: &Origin) -> Option<Legacy> {
    let pid = document::pid_of(row);
    let (class, name, object) = match subject(row) {
        Subject::Process => (5015, "Process Query", "process"),
        Subject::Connection => (5012, "Network Connection Query", "connection_info"),
        Subject::File => (5007, "File Query", "file"),
        Subject::Module => (5011, "Module Query", "module"),
        _ => return None,
    };
    let mut objects = Document::default();
    objects.set(object, evidence.get(object)?.clone());
    if matches!(class, 5011 | 5012) {
        known_process(&mut objects, "process", pid?, origin);
    }
    if class == 5012 {
        let unknown = Json::from(0);
        objects.set("state_id", evidence.get("tcp_state_id").unwrap_or(&unknown).clone());
        objects.set_some("state", evidence.get("state").cloned());
    }
    Some(Legacy { class, name, objects })
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
        // An image has an id, or there is none.
        inner.remove("image");
    }
    device
}

/// What a row is evidence of, and what can be searched for in it.
fn evidence(row: &dyn Row, columns: &Columns, origin: &Origin, id: &str) -> (Document, Vec<Json>) {
    let mut evidence = Document::default();
    let mut observables = Vec::new();
    let subject = subject(row);
    let (number, name) = match subject {
        Subject::Connection => (7, "Network Connection"),
        Subject::File => (2, "File"),
        Subject::Folder => (3, "Folder"),
        Subject::Module => (6, "Module"),
        Subject::Interface => (8, "Network Interfaces"),
        Subject::Process => (10, "Process"),
        _ => (99, row.table().name),
    };
    evidence.set("query_type_id", number);
    evidence.set("query_type", name);
    for (target, value) in targets(row, columns, subject) {
        evidence.set_some(target.field, field(target, &value));
    }
    match subject {
        Subject::Process => process(&mut evidence, row, origin),
        Subject::Connection => connection(&mut evidence, &mut observables, row, origin, id),
        Subject::File => file(&mut evidence, "file", row),
        Subject::Folder => file(&mut evidence, "folder", row),
        Subject::Module => module(&mut evidence, row),
        Subject::Interface => {
            // The schema has a list of them.
            if let Some(Json::Object(interface)) = evidence.0.remove("network_interfaces") {
                evidence.set("network_interfaces", vec![Json::Object(interface)]);
            }
        }
        _ => evidence.set("kernel", json!({ "name": row.table().name, "type_id": 99, "type": row.table().name })),
    }
    (evidence, observables)
}

/// What a row is about. A file that has no path is something that its process holds; a device has a name.
fn subject(row: &dyn Row) -> Subject {
    let table = row.table();
    let has = |column: &str| table.column(column).is_some_and(|column| !is_empty(&row.value(column)));
    match table.event.subject {
        Subject::File | Subject::Folder if has("path") => table.event.subject,
        Subject::Interface if has("interface") => Subject::Interface,
        Subject::File | Subject::Folder | Subject::Interface | Subject::Process | Subject::Other => {
            if document::pid_of(row).is_some() { Subject::Process } else { Subject::Other }
        }
        other => other,
    }
}

/// The object of a subject, which evidence may have no other beside.
fn object_of(subject: Subject) -> &'static str {
    match subject {
        Subject::Process => "process",
        Subject::Connection => "connection_info",
        Subject::File => "file",
        Subject::Folder => "folder",
        Subject::Module => "module",
        Subject::Interface => "network_interfaces",
        _ => "kernel",
    }
}

/// Fields that stand in the evidence itself.
const BESIDE: [&str; 2] = ["state", "tcp_state_id"];

/// The fields that a row's columns go to, as far as the evidence can have them.
fn targets<'r>(
    row: &'r dyn Row,
    columns: &Columns,
    subject: Subject,
) -> impl Iterator<Item = (&'static Target, Value<'r>)> + use<'r> {
    let object = object_of(subject);
    let columns: Vec<_> = columns.of(row.table()).collect();
    columns.into_iter().flat_map(move |(number, column)| {
        let targets = column.targets().iter().filter(move |target| {
            let root = target.field.split('.').next().unwrap_or_default();
            target.system == System::Ocsf && (root == object || BESIDE.contains(&target.field))
        });
        targets.map(move |target| (target, row.value(number)))
    })
}

/// A value as a field has it, if it can.
fn field(target: &Target, value: &Value<'_>) -> Option<Json> {
    if is_empty(value) {
        return None;
    }
    match target.form {
        // Lists of addresses keep what they have: `ip` is one address.
        Form::Plain => {
            (!matches!(value, Value::Integer(_)) || !needs_more(value)).then(|| plain_in(target.field, value))
        }
        Form::Text => Some(document::as_text(value)),
        Form::Lower => document::lower(value),
        Form::Path => PathText::of(value).map(|path| path.path.into()),
        Form::Pairs => Some(document::pairs(value)),
        Form::First => match value {
            Value::List(list) => list.first().map(|first| plain_in(target.field, first)),
            _ => None,
        },
        Form::Uuid => plain(value).as_str().filter(|text| is_uuid(text)).map(Json::from),
        Form::TcpState => plain(value).as_str().and_then(tcp_state).map(Json::from),
        Form::FileType => document::file_type(value).map(|name| file_type(&name).into()),
        Form::Sha256 => {
            plain(value).as_str().map(|hash| json!([{ "algorithm_id": 3, "algorithm": "SHA-256", "value": hash }]))
        }
        Form::Process
        | Form::ChangeType
        | Form::Capabilities
        | Form::Image
        | Form::Digest
        | Form::Labels
        | Form::Related
        | Form::Moment => None,
    }
}

fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// The numbers of the states that the kernel names.
fn tcp_state(name: &str) -> Option<u32> {
    const STATES: [&str; 11] = [
        "ESTABLISHED",
        "SYN_SENT",
        "SYN_RECV",
        "FIN_WAIT1",
        "FIN_WAIT2",
        "TIME_WAIT",
        "CLOSE",
        "CLOSE_WAIT",
        "LAST_ACK",
        "LISTEN",
        "CLOSING",
    ];
    STATES.iter().zip(1..).find(|(state, _)| **state == name).map(|(_, number)| number)
}

fn file_type(name: &str) -> u32 {
    match name {
        "regular" => 1,
        "directory" => 2,
        "character" | "tty" => 3,
        "block" => 4,
        "socket" => 5,
        "fifo" => 6,
        "symlink" => 7,
        _ => 99,
    }
}

/// The process that a row is about, and its parent.
fn process(evidence: &mut Document, row: &dyn Row, origin: &Origin) {
    let Some(pid) = document::pid_of(row) else { return };
    known_process(evidence, "process", pid, origin);
    evidence.set("process.namespace_pid", pid);
    let parent = row.table().columns.iter().position(|column| {
        column.targets().iter().any(|target| target.system == System::Ocsf && target.field == "process.parent_process")
    });
    if let Some(Value::Integer(parent)) = parent.map(|column| row.value(column))
        && let Ok(parent) = u32::try_from(parent)
        && origin.process(parent).is_some()
    {
        known_process(evidence, "process.parent_process", parent, origin);
    }
}

fn known_process(evidence: &mut Document, at: &str, pid: u32, origin: &Origin) {
    evidence.set(&format!("{at}.pid"), pid);
    evidence.set(&format!("{at}.uid"), origin.entity(pid));
    let Some(known) = origin.process(pid) else { return };
    let path = known.path.as_ref().and_then(|path| PathText::of(&Value::Bytes((&***path).into())));
    let texts = [
        ("name", known.name.as_ref().map(|name| document::text_of(name).into_owned())),
        ("path", path.map(|path| path.path)),
        ("cmd_line", known.cmdline.as_ref().filter(|l| !l.is_empty()).map(|l| document::text_of(l).into_owned())),
    ];
    for (name, text) in texts {
        let field = format!("{at}.{name}");
        if evidence.get(&field).is_none() {
            evidence.set_some(&field, text);
        }
    }
}

/// An end of a connection. The schema has no addresses here: they are what can be searched for.
fn connection(evidence: &mut Document, observables: &mut Vec<Json>, row: &dyn Row, origin: &Origin, id: &str) {
    evidence.set("connection_info.uid", id);
    let flow = Flow::of(row, origin);
    let (direction, name) = match flow.as_ref().and_then(|flow| flow.direction) {
        Some(Direction::Ingress) => (1, "Inbound"),
        Some(Direction::Egress) => (2, "Outbound"),
        None => (0, "Unknown"),
    };
    evidence.set("connection_info.direction_id", direction);
    evidence.set("connection_info.direction", name);
    let Some(flow) = flow else {
        // Numbers of states are those of TCP.
        evidence.0.remove("tcp_state_id");
        return;
    };
    evidence.set_some("connection_info.protocol_name", flow.keyword());
    evidence.set_some("connection_info.protocol_num", flow.number());
    let version = if flow.family.as_deref() == Some("inet6") { 6 } else { 4 };
    evidence.set("connection_info.protocol_ver_id", version);
    let (source, destination) = flow.ends();
    for (name, end) in [("src_endpoint", source), ("dst_endpoint", destination)] {
        let Some(ip) = end.ip else { continue };
        observables.push(json!({ "name": format!("{name}.ip"), "type_id": 2, "type": "IP Address", "value": ip }));
        if let Some(port) = end.port {
            let port = port.to_string();
            observables.push(json!({ "name": format!("{name}.port"), "type_id": 11, "type": "Port", "value": port }));
        }
    }
}

/// A file by its path; what is no path is its name.
fn file(evidence: &mut Document, at: &str, row: &dyn Row) {
    let column = |name: &str| row.table().column(name).map(|column| row.value(column));
    let Some(path) = column("path") else { return };
    let name = match PathText::of(&path) {
        Some(path) => path.name().to_owned(),
        None => plain(&path).as_str().unwrap_or_default().to_owned(),
    };
    evidence.set(&format!("{at}.name"), name);
    let field = format!("{at}.type_id");
    let known = column("type").and_then(|value| document::file_type(&value));
    match known {
        _ if at == "folder" => evidence.set(&field, 2),
        Some(name) => {
            let number = file_type(&name);
            evidence.set(&field, number);
            if number == 99 {
                evidence.set(&format!("{at}.type"), name);
            }
        }
        None => evidence.set(&field, 0),
    }
}

/// A mapping: of a file, or of what its kind says.
fn module(evidence: &mut Document, row: &dyn Row) {
    let column = |name: &str| row.table().column(name).map(|column| row.value(column));
    if let Some(path) = column("path").and_then(|path| PathText::of(&path)) {
        evidence.set("module.load_type_id", 4);
        evidence.set("module.load_type", "Mapped");
        evidence.set("module.file.name", path.name());
        evidence.set("module.file.type_id", 0);
    } else {
        evidence.set("module.load_type_id", 99);
        let kind = column("kind").map(|kind| plain(&kind)).filter(|kind| !kind.is_null());
        evidence.set("module.load_type", kind.unwrap_or_else(|| "other".into()));
    }
}

/// What the schema has no place for, under the names of our columns.
fn unmapped(row: &dyn Row, columns: &Columns, origin: &Origin) -> Map<String, Json> {
    let table = row.table();
    let subject = if table.event.subject == Subject::Device { Subject::Device } else { subject(row) };
    let mut unmapped = Map::new();
    for (number, column) in columns.of(table) {
        let value = row.value(number);
        let whole = column.targets().iter().filter(|target| target.system == System::Ocsf).any(|target| {
            let root = target.field.split('.').next().unwrap_or_default();
            let stands = subject == Subject::Device || root == object_of(subject) || BESIDE.contains(&target.field);
            let says_all = |json: Json| target.form == Form::Text || json == plain(&value);
            stands && (target.form == Form::Process || field(target, &value).is_some_and(says_all))
        });
        if !whole || needs_more(&value) {
            unmapped.extend(document::entries(column.name, &value));
        }
    }
    if !row.withheld().is_empty() {
        unmapped.insert("withheld".to_owned(), row.withheld().into());
    }
    unmapped.insert("archive".to_owned(), origin.archive.as_str().into());
    if let Some(set) = &origin.set {
        unmapped.insert("set".to_owned(), set.as_str().into());
    }
    if let Some((_, source)) = &origin.time {
        unmapped.insert("time_source".to_owned(), source.as_str().into());
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
