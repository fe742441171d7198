//! Events of MISP in its core format, ready to be imported.

use serde_json::{Value, json};

use super::uuid::uuid;
use super::{Hunted, description};
use crate::analysis::Confidence;
use crate::analysis::hunt::Observable;
use crate::analysis::indicators::Kind;

/// One event for each checkpoint that yields something: alone, or as the list that MISP's search answers with.
pub fn misp(hunted: &[Hunted]) -> String {
    let mut events: Vec<Value> = hunted.iter().map(event).collect();
    let document = match events.len() {
        1 => events.pop().unwrap_or(Value::Null),
        _ => json!({ "response": events }),
    };
    crate::formats::pretty(&document) + "\n"
}

fn event(one: &Hunted) -> Value {
    let at = one.time();
    let attributes: Vec<Value> = one.observables().filter_map(|observable| attribute(one, observable)).collect();
    json!({ "Event": {
        "uuid": uuid(&format!("event {}", one.identity())),
        "info": format!("Checkpoint of {}", one.title()),
        "date": at.strftime("%Y-%m-%d").to_string(),
        "timestamp": at.as_second().to_string(),
        // Undefined, since findings say it and not this list; analysis has begun; only for the own organisation.
        "threat_level_id": "4",
        "analysis": "1",
        "distribution": "0",
        "published": false,
        "attribute_count": attributes.len().to_string(),
        "Tag": [{ "name": "tlp:amber" }],
        "Attribute": attributes,
    }})
}

fn attribute(hunted: &Hunted, one: &Observable) -> Option<Value> {
    const NETWORK: &str = "Network activity";
    const DROPPED: &str = "Artifacts dropped";
    let way = if one.direction == Some("inbound") { "ip-src" } else { "ip-dst" };
    let (kind, category, value) = match (one.kind, one.port) {
        (Kind::Md5, _) => ("md5".to_owned(), DROPPED, one.value.clone()),
        (Kind::Sha1, _) => ("sha1".to_owned(), DROPPED, one.value.clone()),
        (Kind::Sha256, _) => ("sha256".to_owned(), DROPPED, one.value.clone()),
        (Kind::Address, Some(port)) => (format!("{way}|port"), NETWORK, format!("{}|{port}", one.value)),
        (Kind::Address | Kind::Network, _) => (way.to_owned(), NETWORK, one.value.clone()),
        (Kind::Domain, _) => ("domain".to_owned(), NETWORK, one.value.clone()),
        (Kind::Url, _) => ("url".to_owned(), NETWORK, one.value.clone()),
        (Kind::Path | Kind::Name, _) => ("filename".to_owned(), DROPPED, one.value.clone()),
        (Kind::Directory, _) => ("filename".to_owned(), DROPPED, format!("{}/", one.value)),
        (Kind::Command | Kind::Text, _) => ("pattern-in-memory".to_owned(), DROPPED, one.value.clone()),
        (Kind::Socket, _) => ("mutex".to_owned(), DROPPED, one.value.clone()),
        (Kind::Port, Some(port)) => ("port".to_owned(), NETWORK, port.to_string()),
        (Kind::SshKey, _) => ("ssh-fingerprint".to_owned(), NETWORK, one.value.clone()),
        _ => return None,
    };
    let is_sure = one.left_out.is_none();
    Some(json!({
        "uuid": uuid(&format!("attribute {} {kind} {value}", hunted.identity())),
        "type": kind,
        "category": category,
        "value": value,
        "to_ids": is_sure,
        "comment": format!("{}; confidence {}", description(one), one.confidence.as_str()),
        "timestamp": hunted.time().as_second().to_string(),
        "distribution": "5",
        "disable_correlation": one.confidence == Confidence::Low,
    }))
}
