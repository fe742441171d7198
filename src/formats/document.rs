//! Shared parts of the documents of all schemas: nested objects, and values that every reader returns unchanged.
//!
//! Readers differ in what they keep. Those with only floating point round whole numbers beyond 2^53, so such numbers
//! are text under `<name>_text`. Bytes that are not UTF-8 are in hexadecimal under `<name>_hex`, as in our own JSON.
//! Null values are omitted.

use std::borrow::Cow;
use std::net::IpAddr;

use bstr::ByteSlice;
use data_encoding::HEXLOWER;
use serde_json::{Map, Value as Json};

use super::community_id::community_id;
use crate::abi::ip;
use crate::tables::{Row, System, Value, lossy};

/// The largest whole number up to which floating point is exact.
const EXACT: i128 = 1 << 53;

/// A document under construction.
#[derive(Clone, Debug, Default)]
pub(super) struct Document(pub(super) Map<String, Json>);

impl Document {
    /// Sets the value at a path of names separated by dots. An existing value that is not an object is kept.
    pub(super) fn set(&mut self, path: &str, value: impl Into<Json>) {
        let mut object = &mut self.0;
        let mut path = path;
        while let Some((first, rest)) = path.split_once('.') {
            let inner = object.entry(first).or_insert_with(|| Json::Object(Map::new()));
            let Json::Object(inner) = inner else { return };
            (object, path) = (inner, rest);
        }
        object.insert(path.to_owned(), value.into());
    }

    /// Sets a value if it is not `None`.
    pub(super) fn set_some(&mut self, path: &str, value: Option<impl Into<Json>>) {
        if let Some(value) = value {
            self.set(path, value);
        }
    }

    /// The value at a path.
    pub(super) fn get(&self, path: &str) -> Option<&Json> {
        let mut names = path.split('.');
        let first = self.0.get(names.next()?)?;
        names.try_fold(first, |value, name| value.get(name))
    }

    /// The text at a path.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.get(path)?.as_str()
    }

    /// Adds text to the list at a path, unless it is already there.
    pub(super) fn add(&mut self, path: &str, text: &str) {
        let mut list = match self.get(path) {
            Some(Json::Array(list)) => list.clone(),
            _ => Vec::new(),
        };
        let text = Json::from(text);
        if !list.contains(&text) {
            list.push(text);
            self.set(path, list);
        }
    }
}

/// The entries of a value in an object: its name, and further names for what that entry would lose.
pub(super) fn entries(name: &str, value: &Value<'_>) -> Vec<(String, Json)> {
    if is_empty(value) {
        return Vec::new();
    }
    if is_inexact(value) {
        return vec![(format!("{name}_text"), plain(value))];
    }
    let mut entries = vec![(name.to_owned(), plain(value))];
    entries.extend(hex(value).map(|hex| (format!("{name}_hex"), hex)));
    entries
}

/// Whether a value is null or empty.
pub(super) fn is_empty(value: &Value<'_>) -> bool {
    match value {
        Value::Null => true,
        Value::Json(json) => match json.as_ref() {
            Json::Null => true,
            Json::Array(list) => list.is_empty(),
            Json::Object(entries) => entries.is_empty(),
            _ => false,
        },
        Value::List(list) => list.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        _ => false,
    }
}

/// Whether a value is text of blanks only.
pub(super) fn is_blank(value: &Value<'_>) -> bool {
    match value {
        Value::Text(text) => text.is_empty(),
        Value::Bytes(bytes) => bytes.is_empty(),
        _ => false,
    }
}

/// Whether a value has bytes that are lost as text, or numbers that some readers round.
pub(super) fn needs_more(value: &Value<'_>) -> bool {
    is_inexact(value) || hex(value).is_some()
}

fn is_inexact(value: &Value<'_>) -> bool {
    match value {
        Value::Integer(number) => number.abs() > EXACT,
        Value::List(list) => list.iter().any(|item| matches!(item, Value::Integer(_)) && is_inexact(item)),
        Value::Json(json) => match json.as_ref() {
            Json::Number(number) => number.as_i128().is_some_and(|number| number.abs() > EXACT),
            _ => false,
        },
        _ => false,
    }
}

/// A value for a field of a schema. Addresses are written as in packets, so that IPv4-mapped addresses of IPv6 sockets
/// are found by their IPv4 form.
pub(super) fn plain_in(field: &str, value: &Value<'_>) -> Json {
    let json = plain(value);
    match json.as_str() {
        Some(text) if field.rsplit(['.', '_']).next() == Some("ip") => ip::text_on_the_wire(text).into(),
        _ => json,
    }
}

/// A value as JSON. Numbers that some readers round become text.
pub(super) fn plain(value: &Value<'_>) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(on) => (*on).into(),
        Value::Integer(number) => match i64::try_from(*number) {
            Ok(exact) if number.abs() <= EXACT => exact.into(),
            _ => number.to_string().into(),
        },
        Value::Text(text) => text.as_ref().into(),
        Value::Bytes(bytes) => text_of(bytes).into_owned().into(),
        Value::Address(address) => format!("{address:#x}").into(),
        Value::Mask(mask) => format!("{mask:016x}").into(),
        Value::Time(time) => super::units::instant(*time).into(),
        Value::List(list) => {
            // All items become text, so that all have one type.
            let as_text = is_inexact(value);
            let item = |item: &Value<'_>| match item {
                Value::Integer(number) if as_text => number.to_string().into(),
                other => plain(other),
            };
            list.iter().map(item).collect::<Vec<Json>>().into()
        }
        Value::Object(list) => {
            Json::Object(list.iter().flat_map(|(name, value)| entries(name, value)).collect::<Map<String, Json>>())
        }
        Value::Json(json) => of_json(json),
    }
}

/// A value of one of the engine's JSON documents, whose numbers may be rounded, too.
fn of_json(json: &Json) -> Json {
    match json {
        Json::Number(number) if number.as_i128().is_some_and(|number| number.abs() > EXACT) => {
            number.to_string().into()
        }
        Json::Array(list) => list.iter().map(of_json).collect::<Vec<_>>().into(),
        Json::Object(map) => Json::Object(map.iter().map(|(name, value)| (name.clone(), of_json(value))).collect()),
        other => other.clone(),
    }
}

/// Bytes as text, with U+FFFD for each byte that is not UTF-8.
pub(super) fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    bytes.to_str().map_or_else(|_| Cow::Owned(lossy(bytes)), Cow::Borrowed)
}

/// All bytes in hexadecimal, if text would lose some.
fn hex(value: &Value<'_>) -> Option<Json> {
    match value {
        Value::Bytes(bytes) if bytes.to_str().is_err() => Some(HEXLOWER.encode(bytes).into()),
        Value::List(list) if list.iter().any(|item| matches!(item, Value::Bytes(b) if b.to_str().is_err())) => {
            let hex_of = |item: &Value<'_>| match item {
                Value::Bytes(bytes) => HEXLOWER.encode(bytes).into(),
                _ => Json::Null,
            };
            Some(list.iter().map(hex_of).collect::<Vec<Json>>().into())
        }
        _ => None,
    }
}

/// Numbers as text, alone or in a list.
pub(super) fn as_text(value: &Value<'_>) -> Json {
    match value {
        Value::Integer(number) => number.to_string().into(),
        Value::List(list) => list.iter().map(as_text).collect::<Vec<_>>().into(),
        other => plain(other),
    }
}

/// Text in lower case.
pub(super) fn lower(value: &Value<'_>) -> Option<Json> {
    plain(value).as_str().map(|text| text.to_lowercase().into())
}

/// An absolute path, and whether the file was deleted.
pub(super) struct PathText {
    pub(super) path: String,
    pub(super) deleted: bool,
}

impl PathText {
    pub(super) fn of(value: &Value<'_>) -> Option<Self> {
        let text = match value {
            Value::Bytes(bytes) => text_of(bytes),
            Value::Text(text) => Cow::Borrowed(text.as_ref()),
            _ => return None,
        };
        if !text.starts_with('/') {
            return None;
        }
        let (path, deleted) = text.strip_suffix(" (deleted)").map_or((&*text, false), |path| (path, true));
        Some(PathText { path: path.to_owned(), deleted })
    }

    /// The part after the last slash, or the whole path if that part is empty.
    pub(super) fn name(&self) -> &str {
        self.path.rsplit('/').find(|part| !part.is_empty()).unwrap_or(&self.path)
    }

    /// The part before the name.
    pub(super) fn directory(&self) -> Option<&str> {
        match self.path.rsplit_once('/')? {
            (_, "") => None,
            ("", _) => Some("/"),
            (directory, _) => Some(directory),
        }
    }

    /// The part after the last dot of the name.
    pub(super) fn extension(&self) -> Option<&str> {
        let (stem, extension) = self.name().rsplit_once('.')?;
        (!stem.is_empty() && !extension.is_empty()).then_some(extension)
    }
}

/// `name:value` for each entry of an object.
pub(super) fn pairs(value: &Value<'_>) -> Json {
    let Value::Object(entries) = value else { return Json::Null };
    let pair = |(name, value): &(Cow<'_, str>, Value<'_>)| match plain(value) {
        Json::String(text) => format!("{name}:{text}").into(),
        other => format!("{name}:{other}").into(),
    };
    entries.iter().map(pair).collect::<Vec<Json>>().into()
}

/// One end of a connection, or both.
#[derive(Debug, Default)]
pub(super) struct Flow {
    pub(super) family: Option<String>,
    pub(super) transport: Option<String>,
    pub(super) local: End,
    pub(super) remote: End,
    pub(super) listening: bool,
    pub(super) direction: Option<Direction>,
}

/// An address and a port.
#[derive(Clone, Debug, Default)]
pub(super) struct End {
    pub(super) ip: Option<String>,
    pub(super) port: Option<u32>,
}

/// Which end opened the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Ingress,
    Egress,
}

/// Ports that the kernel assigns automatically by default (`net.ipv4.ip_local_port_range`).
const EPHEMERAL: std::ops::RangeInclusive<u32> = 32768..=60999;

impl Flow {
    /// The connection of a row, if it is about an end of an internet connection.
    pub(super) fn of(row: &dyn Row, origin: &super::Origin) -> Option<Self> {
        let transport = row.table().event.transport.map(str::to_owned);
        let mut flow = Flow { transport, ..Flow::default() };
        let (mut state, mut namespace) = (None, None);
        for (number, column) in row.table().columns.iter().enumerate() {
            let fields = column.targets().iter().filter(|target| target.system == System::Flow);
            for target in fields {
                let json = plain(&row.value(number));
                let text = || json.as_str().map(str::to_owned);
                let wire = || json.as_str().map(|text| ip::text_on_the_wire(text).into_owned());
                let port = || json.as_u64().and_then(|port| u32::try_from(port).ok());
                match target.field {
                    "family" => flow.family = text(),
                    "transport" => flow.transport = text(),
                    "state" => state = text(),
                    "namespace" => namespace = port(),
                    "local.ip" => flow.local.ip = wire(),
                    "local.port" => flow.local.port = port(),
                    "remote.ip" => flow.remote.ip = wire(),
                    "remote.port" => flow.remote.port = port(),
                    _ => {}
                }
            }
        }
        let is_ip4 = |end: &End| Some(end.ip.as_ref()?.parse::<IpAddr>().ok()?.is_ipv4());
        let families = [is_ip4(&flow.local), is_ip4(&flow.remote)];
        if families.contains(&Some(true)) {
            // Also for an IPv6 socket whose packets are IPv4.
            flow.family = Some("inet".to_owned());
        } else if flow.family.is_none() && families.contains(&Some(false)) {
            flow.family = Some("inet6".to_owned());
        }
        if !matches!(flow.family.as_deref(), Some("inet" | "inet6")) {
            return None;
        }
        let specified = |ip: &String| ip.parse().is_ok_and(|ip| !ip::is_unspecified(ip));
        if !flow.remote.ip.as_ref().is_some_and(specified) {
            flow.remote = End::default();
        }
        flow.listening = state.as_deref() == Some("LISTEN");
        flow.direction = match (flow.local.port, &flow.transport, &flow.remote.ip) {
            (Some(port), Some(transport), Some(_)) if origin.listens(namespace, transport, port) => {
                Some(Direction::Ingress)
            }
            (Some(port), _, Some(_)) if EPHEMERAL.contains(&port) => Some(Direction::Egress),
            _ => None,
        };
        Some(flow)
    }

    /// The client and the server if known; otherwise the local and the remote end.
    pub(super) fn ends(&self) -> (End, End) {
        let (local, remote) = (self.local.clone(), self.remote.clone());
        match self.direction {
            _ if self.listening => (End::default(), local),
            Some(Direction::Ingress) => (remote, local),
            _ => (local, remote),
        }
    }

    /// The id that network monitors give the connection, if both ends are known and the protocol has ports.
    pub(super) fn community_id(&self) -> Option<String> {
        let protocol = self.number().filter(|number| matches!(number, 6 | 17 | 132))?;
        let end = |end: &End| -> Option<(IpAddr, u16)> {
            let port = u16::try_from(end.port?).ok().filter(|&port| port != 0)?;
            Some((end.ip.as_ref()?.parse().ok()?, port))
        };
        let (local, remote) = (end(&self.local)?, end(&self.remote)?);
        let specified = !ip::is_unspecified(local.0);
        specified.then(|| community_id(u8::try_from(protocol).unwrap_or_default(), local, remote))
    }

    /// The protocol, as IANA's keyword.
    pub(super) fn keyword(&self) -> Option<&str> {
        match self.transport.as_deref()? {
            "icmpv6" => Some("ipv6-icmp"),
            other => Some(other),
        }
    }

    /// The protocol, as IANA's number.
    pub(super) fn number(&self) -> Option<u32> {
        Some(match self.keyword()? {
            "icmp" => 1,
            "tcp" => 6,
            "udp" => 17,
            "dccp" => 33,
            "ipv6-icmp" => 58,
            "sctp" => 132,
            "udplite" => 136,
            number => number.parse().ok()?,
        })
    }
}

/// The value of the column `pid` of a row.
pub(super) fn pid_of(row: &dyn Row) -> Option<u32> {
    match row.value(row.table().column("pid")?) {
        Value::Integer(pid) => u32::try_from(pid).ok(),
        _ => None,
    }
}

/// The file type in a column of a row, in the words of our tables.
pub(super) fn file_type(value: &Value<'_>) -> Option<String> {
    plain(value).as_str().map(str::to_owned)
}

/// A row as a sentence: the columns that fit on a screen and have a value. At most 1,000 characters.
pub(super) fn sentence(row: &dyn Row) -> String {
    const MOST: usize = 1000;
    let table = row.table();
    let mut text = format!("{}:", table.name);
    for name in table.brief.iter() {
        let Some(column) = table.column(name) else { continue };
        let value = row.value(column);
        if is_empty(&value) || matches!(&value, Value::Text(t) if t.is_empty()) {
            continue;
        }
        let shown = match &value {
            Value::Text(_) | Value::Bytes(_) => format!("{:?}", super::text::cell(&value)),
            other => super::text::cell(other).into_owned(),
        };
        text.extend([" ", name, " ", shown.as_ref(), ","]);
    }
    let text = text.trim_end_matches([',', ':']);
    super::cut(text, MOST).into_owned()
}
