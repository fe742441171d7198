//! Section: ids, labels, annotations.

use serde_json::{Map, Value};

use super::{Overview, Page};
use crate::formats::escape;
use crate::formats::line::{Line, Role};

pub(super) fn write(overview: &Overview, page: &mut Page) {
    let Some(container) = &overview.container else { return };
    page.section("Metadata");
    let texts = [
        ("id", &container.id),
        ("image id", &container.image_id),
        ("image digest", &container.image_digest),
        ("pod uid", &container.pod_uid),
        ("runtime version", &container.runtime_version),
    ];
    for (name, value) in texts {
        if let Some(value) = value {
            entry(page, 2, name, value);
        }
    }
    if let Some(started) = container.started {
        entry(page, 2, "started", &started.to_string());
    }
    if let Some(macs) = container.mac_addresses.as_ref().filter(|macs| !macs.is_empty()) {
        entry(page, 2, "mac addresses", &macs.join(" "));
    }
    if let Some(pid) = container.root_pid {
        entry(page, 2, "root pid", &pid.to_string());
    }
    for (title, object) in [("labels", &container.labels), ("annotations", &container.annotations)] {
        if let Some(object) = object.as_ref().filter(|object| !object.is_empty()) {
            page.line(&Line::of(Role::Faint, format!("  {title}")));
            entries(page, object);
        }
    }
}

fn entries(page: &mut Page, object: &Map<String, Value>) {
    for (key, value) in object {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        // Engines store whole JSON documents in annotations.
        match serde_json::from_str::<Value>(&text) {
            Ok(Value::Object(inner)) => {
                page.line(&Line::of(Role::Plain, format!("    {}", escape(key.as_bytes()))));
                for (key, value) in &inner {
                    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    entry(page, 6, key, &text);
                }
            }
            _ => entry(page, 4, key, &text),
        }
    }
}

fn entry(page: &mut Page, indent: usize, name: &str, value: &str) {
    let mut line = Line::of(Role::Plain, format!("{}: ", escape(name.as_bytes())));
    line.push(Role::Plain, escape(value.as_bytes()).into_owned());
    page.wrapped(&line, indent);
}
