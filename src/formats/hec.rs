//! Rows as events for Splunk's HTTP Event Collector, an object a line. The event is the row as our JSON has it; what tells
//! of its checkpoint stands in indexed fields. See `docs/siem.md`.

use std::io::{self, Write};

use jiff::Timestamp;
use serde_json::{Map, Value as Json};

use super::{Columns, Origin, document, json};
use crate::tables::{Row, Value};

/// Writes a row.
pub(super) fn event(
    out: &mut dyn Write,
    row: &dyn Row,
    columns: &Columns,
    lead: &[(&str, Value<'_>)],
    origin: &Origin,
    id: &str,
) -> io::Result<()> {
    let text = |text: &str| json::to_text(&Value::Text(text.to_owned().into()));
    out.write_all(b"{")?;
    if let Some((time, _)) = &origin.time {
        write!(out, "\"time\":{},", seconds(*time))?;
    }
    let container = &origin.container;
    if let Some(name) = container.hostname.as_ref().filter(|name| !name.is_empty()) {
        write!(out, "\"host\":{},", text(&document::text_of(name)))?;
    }
    let base = origin.archive.rsplit('/').find(|part| !part.is_empty()).unwrap_or(&origin.archive);
    write!(out, "\"source\":{},", text(&format!("cryoscope:{base}")))?;
    write!(out, "\"sourcetype\":{},\"event\":", text(&format!("cryoscope:{}", row.table().name)))?;
    json::row(out, lead, row, columns)?;
    let mut fields = Map::new();
    let known = [
        ("event_id", Some(id)),
        ("archive", Some(&*origin.archive)),
        ("set", origin.set.as_deref()),
        ("time_source", origin.time.as_ref().map(|(_, source)| &**source)),
        ("container_id", container.id.as_deref()),
        ("container_name", container.name.as_deref()),
        ("image", container.image.as_deref()),
        ("engine", container.engine),
        ("pod", container.pod.as_deref()),
        ("namespace", container.namespace.as_deref()),
    ];
    let withheld = row.withheld().join(" ");
    for (name, value) in known.into_iter().chain([("withheld", Some(&*withheld))]) {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            fields.insert(name.to_owned(), value.into());
        }
    }
    writeln!(out, ",\"fields\":{}}}", json::to_text(&Value::Json(&Json::Object(fields))))
}

/// Seconds since 1970, with milliseconds.
fn seconds(time: Timestamp) -> String {
    let all = time.as_millisecond();
    format!("{}.{:03}", all.div_euclid(1000), all.rem_euclid(1000))
}
