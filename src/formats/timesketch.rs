//! Rows as events for Timesketch, one object per line: one event for each time of the row, or one at the time of the
//! dump. Columns keep their names if those are free and have a single type. See `docs/siem.md`.

mod names;

use std::borrow::Cow;
use std::io;

use jiff::Timestamp;
use jiff::tz::Offset;
use serde_json::{Map, Value as Json};

use super::document::{self, Flow, plain_in};
use super::encoder::Encoded;
use super::format::{Encode, Kind, Line};
use super::{Columns, Origin};
use crate::tables::{Form, Row, System, Value};
use crate::timeline;

/// Events for Timesketch.
pub(super) struct Timesketch;

impl Encode for Timesketch {
    fn name(&self) -> &'static str {
        "timesketch"
    }

    fn doc(&self) -> &'static str {
        "Events for Timesketch, one per line (`.jsonl`)"
    }

    fn extension(&self) -> &'static str {
        "jsonl"
    }

    fn kind(&self) -> Kind {
        Kind::Document { timed: true }
    }

    fn encode(&self, line: &Line<'_>) -> io::Result<Encoded> {
        let (origin, id) = line.origin()?;
        let mut out = Vec::new();
        for event in events(line.row, line.columns, origin, id) {
            super::line(&mut out, event);
        }
        Ok(Encoded::Bytes(out))
    }
}

/// The events of a row.
pub(super) fn events(row: &dyn Row, columns: &Columns, origin: &Origin, id: &str) -> Vec<Map<String, Json>> {
    let table = row.table();
    let moments = timeline::moments(row, columns.of(table).map(|(number, _)| number));
    let mut times: Vec<_> = moments.into_iter().map(|moment| (moment.time, moment.meaning)).collect();
    if times.is_empty() {
        times.extend(origin.time.as_ref().map(|(time, _)| (*time, timeline::CHECKPOINT_CREATED.into())));
    }
    let fields = fields(row, columns, origin);
    let several = times.len() > 1;
    let event = |(number, (time, description)): (usize, (Timestamp, Cow<'static, str>))| {
        let mut event = Map::new();
        event.insert("message".to_owned(), document::sentence(row).into());
        event.insert("datetime".to_owned(), datetime(time).into());
        event.insert("timestamp".to_owned(), time.as_microsecond().into());
        event.insert("timestamp_desc".to_owned(), description.into_owned().into());
        event.insert("data_type".to_owned(), format!("cryoscope:{}:{}", table.name, table.event.kind).into());
        let id = if several { format!("{id}-{number}") } else { id.to_owned() };
        event.insert("event_id".to_owned(), id.into());
        for (name, value) in &fields {
            event.entry(name.clone()).or_insert_with(|| value.clone());
        }
        event
    };
    times.into_iter().enumerate().map(event).collect()
}

/// ISO 8601 with microseconds and an offset.
fn datetime(time: Timestamp) -> String {
    format!("{:.6}", time.display_with_offset(Offset::UTC))
}

/// The columns of a row, and the fields of its checkpoint.
fn fields(row: &dyn Row, columns: &Columns, origin: &Origin) -> Map<String, Json> {
    let mut fields = Map::new();
    let container = &origin.container;
    for (number, column) in container.table().columns.iter().enumerate() {
        let targets = column.targets().iter().filter(|t| t.system == System::Timesketch && t.form == Form::Plain);
        let mut targets = targets.peekable();
        if targets.peek().is_none() {
            continue;
        }
        let value = container.value(number);
        for target in targets.filter(|_| !document::is_empty(&value)) {
            fields.insert(target.field.to_owned(), plain_in(target.field, &value));
        }
    }
    fields.insert("archive".to_owned(), origin.archive.as_str().into());
    if let Some(set) = &origin.set {
        fields.insert("set".to_owned(), set.as_str().into());
    }
    if let Some(hash) = &origin.archive_sha256 {
        fields.insert("archive_sha256".to_owned(), hash.as_str().into());
    }
    if let Some((time, source)) = &origin.time {
        fields.insert("checkpointed".to_owned(), format!("{time:.9}").into());
        fields.insert("time_source".to_owned(), source.as_str().into());
    }
    for (name, text) in &origin.fields {
        fields.insert(names::of_field(name).into_owned(), text.as_str().into());
    }
    if let Some(pid) = document::pid_of(row)
        && let Some(name) = origin.process(pid).and_then(|known| known.name.as_ref())
    {
        fields.insert("process_name".to_owned(), document::text_of(name).into());
    }
    for (number, column) in columns.of(row.table()) {
        let value = row.value(number);
        if document::is_empty(&value) {
            continue;
        }
        let name = names::of_column(row.table(), column);
        match &value {
            // Objects would become hundreds of fields.
            Value::Object(_) | Value::Json(_) => {
                fields.insert(name.into_owned(), super::json::to_text(&value).into());
            }
            Value::List(list) => {
                let texts = Value::List(list.iter().map(text_of).collect());
                fields.extend(document::entries(&name, &texts));
            }
            _ => fields.extend(document::entries(&name, &value)),
        }
        let targets = column.targets().iter().filter(|t| t.system == System::Timesketch && t.form == Form::Plain);
        // A number written as text, because readers would round it, must not use a numeric field.
        let targets = targets.filter(|_| !matches!(value, Value::Integer(_)) || !document::needs_more(&value));
        for target in targets {
            fields.insert(target.field.to_owned(), plain_in(target.field, &value));
        }
    }
    if !row.withheld().is_empty() {
        fields.insert("withheld".to_owned(), row.withheld().into());
    }
    if let Some(flow) = Flow::of(row, origin) {
        let (source, destination) = flow.ends();
        let port = |port: Option<u32>| port.map(Json::from);
        let named = [
            ("src_ip", source.ip.map(Json::from)),
            ("src_port", port(source.port)),
            ("dst_ip", destination.ip.map(Json::from)),
            ("dst_port", port(destination.port)),
        ];
        fields.extend(named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    }
    fields
}

/// An item of a list as text, so that lists with the same name have the same type.
fn text_of<'v>(item: &'v Value<'v>) -> Value<'v> {
    match item {
        Value::Bytes(bytes) => Value::Bytes(bytes.as_ref().into()),
        Value::Text(text) => Value::Text(text.as_ref().into()),
        Value::Address(_) | Value::Mask(_) | Value::Time(_) => item.clone(),
        other => Value::Text(super::json::to_text(other).into()),
    }
}
