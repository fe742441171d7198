//! Rows as events for Splunk's HTTP Event Collector, one object per line. The event is the row as in our JSON; its
//! checkpoint is described by indexed fields. See `docs/siem.md`.

use std::borrow::Cow;
use std::io::{self, Write};

use jiff::Timestamp;
use serde_json::{Map, Value as Json};

use super::encoder::Encoded;
use super::format::{Encode, Kind, Line};
use super::{Columns, Origin, document, json};
use crate::tables::{Row, Value};
use crate::timeline;

/// Events for Splunk's HTTP Event Collector.
pub(super) struct Hec;

impl Encode for Hec {
    fn name(&self) -> &'static str {
        "hec"
    }

    fn doc(&self) -> &'static str {
        "Events for Splunk's HTTP Event Collector, one per line"
    }

    fn kind(&self) -> Kind {
        Kind::Document { timed: false }
    }

    fn encode(&self, line: &Line<'_>) -> io::Result<Encoded> {
        let (origin, id) = line.origin()?;
        let mut out = Vec::new();
        let lead: Vec<(&str, Value<'_>)> = line.named_lead().collect();
        event(&mut out, line.row, &line.behind, &lead, origin, id)?;
        Ok(Encoded::Bytes(out))
    }
}

/// Writes a row.
fn event(
    out: &mut dyn Write,
    row: &dyn Row,
    columns: &Columns,
    lead: &[(&str, Value<'_>)],
    origin: &Origin,
    id: &str,
) -> io::Result<()> {
    let text = |text: &str| json::to_text(&Value::Text(text.to_owned().into()));
    let table = row.table();
    out.write_all(b"{")?;
    let checkpointed = origin.time.as_ref().map(|(time, _)| *time);
    if let Some(time) = timeline::event_time(row).or(checkpointed) {
        write!(out, "\"time\":{},", seconds(time))?;
    }
    if let Some(name) = origin.host_name() {
        write!(out, "\"host\":{},", text(&name))?;
    }
    let base = origin.archive.rsplit('/').find(|part| !part.is_empty()).unwrap_or(&origin.archive);
    write!(out, "\"source\":{},", text(&format!("cryoscope:{base}")))?;
    write!(out, "\"sourcetype\":{},\"event\":", text(&format!("cryoscope:{}", table.name)))?;
    let mut cells: Vec<(&str, Value<'_>)> = lead.to_vec();
    cells.extend(columns.of(table).map(|(number, column)| (&*column.name, known(row.value(number)))));
    cells.retain(|(_, value)| !document::is_empty(value));
    if cells.is_empty() {
        // Splunk refuses empty events.
        cells.push(("table", Value::Text((&*table.name).into())));
    }
    json::named(out, cells.iter().map(|(name, value)| (*name, value)))?;
    let fields = Json::Object(fields(row, origin, id));
    writeln!(out, ",\"fields\":{}}}", json::to_text(&Value::Json(Cow::Owned(fields))))
}

/// A value without the null entries of objects.
fn known(value: Value<'_>) -> Value<'_> {
    match value {
        Value::Object(entries) => {
            let entries = entries.into_iter().map(|(name, value)| (name, known(value)));
            Value::Object(entries.filter(|(_, value)| !document::is_empty(value)).collect())
        }
        other => other,
    }
}

/// The indexed fields that describe the checkpoint. Each is a text or a list of texts.
fn fields(row: &dyn Row, origin: &Origin, id: &str) -> Map<String, Json> {
    let container = &origin.container;
    let checkpointed = origin.time.as_ref().map(|(time, _)| format!("{time:.9}"));
    let known = [
        ("event_id", Some(id)),
        ("archive", Some(&*origin.archive)),
        ("archive_sha256", origin.archive_sha256.as_deref()),
        ("set", origin.set.as_deref()),
        ("checkpointed", checkpointed.as_deref()),
        ("time_source", origin.time.as_ref().map(|(_, source)| &**source)),
        ("container_id", container.id.as_deref()),
        ("container_name", container.name.as_deref()),
        ("image", container.image.as_deref()),
        ("engine", container.engine),
        ("pod", container.pod.as_deref()),
        ("namespace", container.namespace.as_deref()),
    ];
    let mut fields = Map::new();
    let said = origin.fields.iter().map(|(name, text)| (name.as_str(), Some(text.as_str())));
    for (name, value) in known.into_iter().chain(said) {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            // A user's field does not hide a known value.
            fields.entry(name).or_insert_with(|| value.into());
        }
    }
    if !row.withheld().is_empty() {
        fields.insert("withheld".to_owned(), row.withheld().into());
    }
    fields
}

/// Seconds since 1970, with microseconds.
fn seconds(time: Timestamp) -> String {
    let all = time.as_microsecond();
    format!("{}.{:06}", all.div_euclid(1_000_000), all.rem_euclid(1_000_000))
}
