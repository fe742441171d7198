//! What the documents of all schemas are made with: objects in objects, and values that every reader gives back as they
//! were.
//!
//! Readers differ in what they keep. Whole numbers beyond 2^53 are rounded by those that have only floating point, so they
//! are text, under `<name>_text`. Bytes that are not UTF-8 are in hexadecimal under `<name>_hex`, as in our own JSON.
//! What is null is left out.

use std::borrow::Cow;
use std::net::IpAddr;

use bstr::ByteSlice;
use data_encoding::HEXLOWER;
use serde_json::{Map, Value as Json};

use super::community_id::community_id;
use crate::abi::ip;
use crate::tables::{Row, System, Value, lossy};

/// The largest whole number up to which floating point has all.
const EXACT: i128 = 1 << 53;

/// A document that is being made.
#[derive(Clone, Debug, Default)]
pub(super) struct Document(pub(super) Map<String, Json>);

impl Document {
    /// Sets the value at a path of names with dots between them. What stands in the way stays.
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

    /// Sets a value if there is one.
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

    /// Adds text to the list at a path, unless it has it.
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

/// A value as entries of an object: under its name, and what that would lose under the name with an ending.
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

/// Whether there is nothing to say.
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

/// Whether it is text of no letters.
pub(super) fn is_blank(value: &Value<'_>) -> bool {
    match value {
        Value::Text(text) => text.is_empty(),
        Value::Bytes(bytes) => bytes.is_empty(),
        _ => false,
    }
}

/// Whether it has bytes that its text loses, or numbers that some readers round.
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

/// A value in a field of a schema: as it is, but for addresses. Schemas have them as packets have them, so that what a
/// socket of IPv6 has of IPv4 is found by who searches for it.
pub(super) fn plain_in(field: &str, value: &Value<'_>) -> Json {
    let json = plain(value);
    match json.as_str() {
        Some(text) if field.rsplit(['.', '_']).next() == Some("ip") => ip::text_on_the_wire(text).into(),
        _ => json,
    }
}

/// A value as JSON. Numbers that some readers round are text.
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
            // Of one kind, so that all have one type.
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

/// A value of a document of the engine, whose numbers may be rounded, too.
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

/// Bytes as text, with U+FFFD for each that is not UTF-8.
pub(super) fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    bytes.to_str().map_or_else(|_| Cow::Owned(lossy(bytes)), Cow::Borrowed)
}

/// All bytes in hexadecimal, if text loses some.
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

/// An absolute path, and whether the file had no name any more.
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

    /// What stands behind the last slash; the whole path if nothing does.
    pub(super) fn name(&self) -> &str {
        self.path.rsplit('/').find(|part| !part.is_empty()).unwrap_or(&self.path)
    }

    /// What stands before the name.
    pub(super) fn directory(&self) -> Option<&str> {
        match self.path.rsplit_once('/')? {
            (_, "") => None,
            ("", _) => Some("/"),
            (directory, _) => Some(directory),
        }
    }

    /// What stands behind the name's last dot.
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

/// An end of a connection, or both.
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

/// Who began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Ingress,
    Egress,
}

/// Ports that the kernel gives to who asks for none, unless it was told others (`net.ipv4.ip_local_port_range`).
const EPHEMERAL: std::ops::RangeInclusive<u32> = 32768..=60999;

impl Flow {
    /// That of a row, if it is about an end of a connection of internet protocols.
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
            // Of a socket of IPv6, too, whose packets are those of IPv4.
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

    /// Who began and who was asked, as far as that is known; else the own end and the other.
    pub(super) fn ends(&self) -> (End, End) {
        let (local, remote) = (self.local.clone(), self.remote.clone());
        match self.direction {
            _ if self.listening => (End::default(), local),
            Some(Direction::Ingress) => (remote, local),
            _ => (local, remote),
        }
    }

    /// What network monitors call the connection, if both ends are known and its protocol has ports.
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

    /// The protocol, by IANA's keyword.
    pub(super) fn keyword(&self) -> Option<&str> {
        match self.transport.as_deref()? {
            "icmpv6" => Some("ipv6-icmp"),
            other => Some(other),
        }
    }

    /// The protocol, by IANA's number.
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

/// The pid that a row has in its column `pid`.
pub(super) fn pid_of(row: &dyn Row) -> Option<u32> {
    match row.value(row.table().column("pid")?) {
        Value::Integer(pid) => u32::try_from(pid).ok(),
        _ => None,
    }
}

/// The type of files that a row's column says, as our tables name it.
pub(super) fn file_type(value: &Value<'_>) -> Option<String> {
    plain(value).as_str().map(str::to_owned)
}

/// A row in words: the columns that fit a screen, as far as they have something. At most 1,000 characters.
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
