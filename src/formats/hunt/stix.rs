//! A bundle of STIX 2.1: indicators, a grouping for each checkpoint, and who made them.
//!
//! Source: the OASIS standard *STIX Version 2.1*: sections 3.2 (common properties), 4.4 (grouping), 4.5 (identity), 4.7
//! (indicator), 8 (bundle), 9 (patterns).

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::uuid::uuid;
use super::{Hunted, description, rules};
use crate::analysis::Confidence;
use crate::analysis::hunt::Observable;
use crate::analysis::indicators::Kind;

/// The bundle. Its ids and times follow from the checkpoints: the same archives give the same bundle.
pub fn stix(hunted: &[Hunted]) -> String {
    let identity = format!("identity--{}", uuid("identity"));
    let mut objects: Vec<Value> = Vec::new();
    let mut seen = BTreeSet::new();
    let first = hunted.iter().map(Hunted::time).min().unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let first = time(first);
    objects.push(json!({
        "type": "identity",
        "spec_version": "2.1",
        "id": identity,
        "created": "2026-01-01T00:00:00.000Z",
        "modified": "2026-01-01T00:00:00.000Z",
        "name": "cryoscope",
        "identity_class": "system",
    }));
    for one in hunted {
        let at = time(one.time());
        let mut refs = Vec::new();
        for observable in one.observables() {
            let Some(pattern) = pattern(observable) else { continue };
            let id = format!("indicator--{}", uuid(&format!("{} {pattern}", one.identity())));
            if seen.insert(id.clone()) {
                objects.push(indicator(observable, &pattern, &id, &identity, &at));
            }
            refs.push(Value::String(id));
        }
        if refs.is_empty() {
            continue;
        }
        let id = format!("grouping--{}", uuid(&format!("grouping {}", one.identity())));
        if seen.insert(id.clone()) {
            objects.push(json!({
                "type": "grouping",
                "spec_version": "2.1",
                "id": id,
                "created_by_ref": identity,
                "created": at,
                "modified": at,
                "name": format!("Checkpoint of {}", one.title()),
                "context": "suspicious-activity",
                "object_refs": refs,
            }));
        }
    }
    let names: Vec<&str> = objects.iter().filter_map(|object| object.get("id")?.as_str()).collect();
    let bundle = json!({
        "type": "bundle",
        "id": format!("bundle--{}", uuid(&format!("bundle {first} {}", names.join(" ")))),
        "objects": objects,
    });
    crate::formats::pretty(&bundle) + "\n"
}

fn indicator(one: &Observable, pattern: &str, id: &str, identity: &str, at: &str) -> Value {
    let confidence = match one.confidence {
        Confidence::Low => 15,
        Confidence::Medium => 50,
        Confidence::High => 85,
    };
    let mut object = Map::new();
    let mut set = |key: &str, value: Value| object.insert(key.to_owned(), value);
    set("type", "indicator".into());
    set("spec_version", "2.1".into());
    set("id", id.into());
    set("created_by_ref", identity.into());
    set("created", at.into());
    set("modified", at.into());
    set("name", crate::escape::escape(super::endpoint(one).as_bytes()).into_owned().into());
    set("description", description(one).into());
    set("indicator_types", json!([if one.left_out.is_some() { "benign" } else { "malicious-activity" }]));
    set("pattern", pattern.into());
    set("pattern_type", "stix".into());
    set("pattern_version", "2.1".into());
    set("valid_from", at.into());
    set("confidence", confidence.into());
    let mut labels: Vec<String> = one.direction.map(str::to_owned).into_iter().collect();
    labels.extend(rules(one).into_iter().map(str::to_lowercase));
    if !labels.is_empty() {
        set("labels", labels.into());
    }
    Value::Object(object)
}

/// A time with milliseconds, as STIX wants at least.
fn time(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// The pattern of an observable.
fn pattern(one: &Observable) -> Option<String> {
    let value = quoted(&one.value);
    let address = |value: &str| {
        if one.value.contains(':') {
            format!("ipv6-addr:value = {value}")
        } else {
            format!("ipv4-addr:value = {value}")
        }
    };
    let comparison = match (one.kind, one.port) {
        (Kind::Md5, _) => format!("file:hashes.MD5 = {value}"),
        (Kind::Sha1, _) => format!("file:hashes.'SHA-1' = {value}"),
        (Kind::Sha256, _) => format!("file:hashes.'SHA-256' = {value}"),
        (Kind::Address, Some(port)) => {
            let end = if one.direction == Some("inbound") { "src" } else { "dst" };
            format!("network-traffic:{end}_ref.value = {value} AND network-traffic:{end}_port = {port}")
        }
        (Kind::Address | Kind::Network, _) => address(&value),
        (Kind::Domain, _) => format!("domain-name:value = {value}"),
        (Kind::Url, _) => format!("url:value = {value}"),
        (Kind::Directory, _) => format!("directory:path = {value}"),
        (Kind::Path, _) => {
            let (directory, name) = one.value.rsplit_once('/')?;
            if directory.is_empty() {
                format!("file:name = {}", quoted(name))
            } else {
                format!("file:name = {} AND file:parent_directory_ref.path = {}", quoted(name), quoted(directory))
            }
        }
        (Kind::Name, _) => format!("file:name = {value}"),
        (Kind::Process, _) => format!("process:name = {value}"),
        (Kind::Command, _) => format!("process:command_line = {value}"),
        (Kind::Socket, _) => format!("mutex:name = {value}"),
        (Kind::Port, Some(port)) => format!("network-traffic:dst_port = {port}"),
        (Kind::SshKey, _) => format!("x-cryoscope-ssh-key:fingerprint_sha256 = {value}"),
        _ => return None,
    };
    Some(format!("[{comparison}]"))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
