//! The evidence of a row: a process, a file or a connection. One object per row, as the schema requires.

use serde_json::{Value as Json, json};

use crate::formats::document::{
    self, Direction, Document, Flow, PathText, is_blank, is_empty, needs_more, plain, plain_in,
};
use crate::formats::{Columns, Origin};
use crate::tables::{Form, Row, Subject, System, Target, Value};

/// The evidence of a row.
pub(super) fn evidence(row: &dyn Row, columns: &Columns, origin: &Origin, subject: Subject, id: &str) -> Document {
    let mut evidence = Document::default();
    let (number, name) = match subject {
        Subject::Connection => (7, "Network Connection"),
        Subject::File => (2, "File"),
        Subject::Folder => (3, "Folder"),
        Subject::Module => (6, "Module"),
        Subject::Interface => (8, "Network Interfaces"),
        Subject::Process => (10, "Process"),
        _ => (99, &*row.table().name),
    };
    evidence.set("query_type_id", number);
    evidence.set("query_type", name);
    for (target, value) in targets(row, columns, subject) {
        evidence.set_some(target.field, field(target, &value));
    }
    match subject {
        Subject::Process => process(&mut evidence, row, origin),
        Subject::Connection => connection(&mut evidence, row, origin, id),
        Subject::File => file(&mut evidence, "file", row),
        Subject::Folder => file(&mut evidence, "folder", row),
        Subject::Module => module(&mut evidence, row),
        Subject::Interface => interface(&mut evidence, row),
        _ => evidence.set("kernel", json!({ "name": row.table().name, "type_id": 99, "type": row.table().name })),
    }
    evidence
}

/// The subject of a row. A file without a path is an object of its process; a device has a name.
pub(super) fn subject(row: &dyn Row) -> Subject {
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

/// Fields of the evidence itself.
pub(super) const BESIDE: [&str; 2] = ["state", "tcp_state_id"];

/// The fields that the columns of a row map to, if the evidence can have them.
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

/// A value in the type of a field, if possible.
pub(super) fn field(target: &Target, value: &Value<'_>) -> Option<Json> {
    if is_empty(value) || is_blank(value) {
        return None;
    }
    match target.form {
        // A list of addresses stays as it is: `ip` is a single address.
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
        Form::Millis => match value {
            Value::Time(time) => Some(time.as_millisecond().into()),
            _ => None,
        },
        Form::Octal => u32::from_str_radix(plain(value).as_str()?, 8).ok().map(Json::from),
        Form::TcpState => plain(value).as_str().and_then(tcp_state).map(Json::from),
        Form::FileType => document::file_type(value).map(|name| file_type(&name).0.into()),
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

/// TCP states, from 1, with the kernel's names.
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

/// The number of a TCP state with the kernel's name.
fn tcp_state(name: &str) -> Option<u32> {
    STATES.iter().zip(1..).find(|(state, _)| **state == name).map(|(_, number)| number)
}

/// The schema's name for a TCP state.
pub(super) fn tcp_state_name(number: u64) -> Option<&'static str> {
    const CLOSED: usize = 6;
    let index = usize::try_from(number).ok()?.checked_sub(1)?;
    if index == CLOSED { Some("CLOSED") } else { STATES.get(index).copied() }
}

/// The number and the schema's name of a file type. Other types keep our name.
fn file_type(name: &str) -> (u32, &str) {
    match name {
        "regular" => (1, "Regular File"),
        "directory" => (2, "Folder"),
        "character" | "tty" => (3, "Character Device"),
        "block" => (4, "Block Device"),
        "socket" => (5, "Local Socket"),
        "fifo" => (6, "Named Pipe"),
        "symlink" => (7, "Symbolic Link"),
        other => (99, other),
    }
}

/// The process of a row, and its parent.
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

/// A process, with known values where none is set yet.
pub(super) fn known_process(evidence: &mut Document, at: &str, pid: u32, origin: &Origin) {
    evidence.set(&format!("{at}.pid"), pid);
    evidence.set(&format!("{at}.uid"), origin.entity(pid));
    let Some(known) = origin.process(pid) else { return };
    let path = known.path.as_ref().and_then(|path| PathText::of(&Value::Bytes((&***path).into())));
    let texts = [
        ("name", known.name.as_ref().map(|name| document::text_of(name).into_owned())),
        ("path", path.map(|path| path.path)),
        ("cmd_line", known.command(origin.secrets).1.map(|line| document::text_of(&line).into_owned())),
    ];
    for (name, text) in texts {
        let field = format!("{at}.{name}");
        if evidence.get(&field).is_none() {
            evidence.set_some(&field, text);
        }
    }
    let user = format!("{at}.user.uid");
    if evidence.get(&user).is_none() {
        evidence.set_some(&user, known.user.map(|user| user.to_string()));
    }
}

/// An end of a connection. The schema has no addresses here: they are observables.
fn connection(evidence: &mut Document, row: &dyn Row, origin: &Origin, id: &str) {
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
        // State numbers apply to TCP only.
        evidence.0.remove("tcp_state_id");
        return;
    };
    evidence.set_some("connection_info.protocol_name", flow.keyword());
    evidence.set_some("connection_info.protocol_num", flow.number());
    let (version, name) = match flow.family.as_deref() {
        Some("inet6") => (6, "Internet Protocol version 6 (IPv6)"),
        _ => (4, "Internet Protocol version 4 (IPv4)"),
    };
    evidence.set("connection_info.protocol_ver_id", version);
    evidence.set("connection_info.protocol_ver", name);
    evidence.set_some("connection_info.community_uid", flow.community_id());
}

/// A file by its path. Without a path, by its name.
fn file(evidence: &mut Document, at: &str, row: &dyn Row) {
    let column = |name: &str| row.table().column(name).map(|column| row.value(column));
    let Some(path) = column("path") else { return };
    let name = match PathText::of(&path) {
        Some(path) => path.name().to_owned(),
        None => plain(&path).as_str().unwrap_or_default().to_owned(),
    };
    evidence.set(&format!("{at}.name"), name);
    if let Some(path) = PathText::of(&path) {
        evidence.set_some(&format!("{at}.parent_folder"), path.directory());
        evidence.set_some(&format!("{at}.ext"), path.extension().filter(|_| at == "file"));
    }
    let known = column("type").and_then(|value| document::file_type(&value));
    let (number, name) = match &known {
        _ if at == "folder" => (2, "Folder"),
        Some(name) => file_type(name),
        None => (0, "Unknown"),
    };
    evidence.set(&format!("{at}.type_id"), number);
    evidence.set(&format!("{at}.type"), name);
}

/// A network device. The schema has a list of them, and only a few types.
fn interface(evidence: &mut Document, row: &dyn Row) {
    let kind = row.table().column("type").and_then(|column| plain(&row.value(column)).as_str().map(str::to_owned));
    let (number, name) = match kind.as_deref() {
        Some("tun" | "sit") => (4, "Tunnel"),
        Some(other) => (99, other),
        None => (0, "Unknown"),
    };
    evidence.set("network_interfaces.type_id", number);
    evidence.set("network_interfaces.type", name);
    if let Some(interface) = evidence.0.remove("network_interfaces") {
        evidence.set("network_interfaces", vec![interface]);
    }
}

/// A mapping: of a file, or of its kind.
fn module(evidence: &mut Document, row: &dyn Row) {
    let column = |name: &str| row.table().column(name).map(|column| row.value(column));
    if let Some(path) = column("path").and_then(|path| PathText::of(&path)) {
        evidence.set("module.load_type_id", 4);
        evidence.set("module.load_type", "Mapped");
        evidence.set("module.file.name", path.name());
        evidence.set("module.file.type_id", 0);
        evidence.set("module.file.type", "Unknown");
    } else {
        evidence.set("module.load_type_id", 99);
        let kind = column("kind").map(|kind| plain(&kind)).filter(|kind| !kind.is_null());
        evidence.set("module.load_type", kind.unwrap_or_else(|| "other".into()));
    }
}

/// The object of a subject, which evidence may have no other beside.
pub(super) fn object_of(subject: Subject) -> &'static str {
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
