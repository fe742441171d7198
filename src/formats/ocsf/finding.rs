//! Findings in OCSF: Detection Finding (2004).

use serde_json::{Value as Json, json};

use super::evidence::known_process;
use crate::analysis::Severity;
use crate::formats::document::{Document, Flow, PathText, pid_of};
use crate::formats::finding::{Found, parent, tactic};
use crate::formats::{Columns, Origin};
use crate::tables::attack::Technique;
use crate::tables::{Row, Value};

/// Release of ATT&CK that ids are of.
const ATTACK: &str = "18";

/// The number and the name of a severity.
pub(super) fn severity(severity: Severity) -> (u32, &'static str) {
    match severity {
        Severity::Info => (1, "Informational"),
        Severity::Low => (2, "Low"),
        Severity::Medium => (3, "Medium"),
        Severity::High => (4, "High"),
        Severity::Critical => (5, "Critical"),
    }
}

/// Fills the event of a finding.
pub(super) fn fill(event: &mut Document, row: &dyn Row, found: &Found<'_>, columns: &Columns, origin: &Origin) {
    event.set_some("message", found.text("sentence"));
    let (status, status_name) = if found.is_suppressed() { (3, "Suppressed") } else { (1, "New") };
    event.set("status_id", status);
    event.set("status", status_name);
    event.set("is_alert", found.is_alert());
    event.set_some("risk_score", found.number("score"));
    let (confidence, name) = match found.text("confidence").as_deref() {
        Some("low") => (1, "Low"),
        Some("medium") => (2, "Medium"),
        Some("high") => (3, "High"),
        _ => (0, "Unknown"),
    };
    event.set("confidence_id", confidence);
    event.set("confidence", name);
    info(event, found, origin);
    event.set("evidences", [evidence(row, found, columns, origin)].as_slice());
    resources(event, origin);
}

/// What was found, and by which rule.
fn info(event: &mut Document, found: &Found<'_>, origin: &Origin) {
    event.set("finding_info.uid", found.text("id").unwrap_or_else(|| origin.identity.clone()));
    event.set_some("finding_info.title", found.text("title"));
    event.set_some("finding_info.desc", found.text("sentence"));
    event.set("finding_info.data_sources", ["CRIU checkpoint"].as_slice());
    let time = origin.time.as_ref().map(|(time, _)| time.as_millisecond());
    event.set_some("finding_info.created_time", time);
    if let Some(rule) = found.text("rule") {
        event.set("finding_info.analytic.type_id", 1);
        event.set("finding_info.analytic.type", "Rule");
        event.set("finding_info.analytic.uid", rule);
        analytic(event, found);
    }
    let Some(rule) = found.rule else { return };
    event.set("finding_info.types", [rule.family.title()].as_slice());
    let attacks: Vec<Json> = found.techniques().map(attack).collect();
    if !attacks.is_empty() {
        event.set("finding_info.attacks", attacks);
    }
}

/// Name and version of the rule.
fn analytic(event: &mut Document, found: &Found<'_>) {
    event.set_some("finding_info.analytic.name", found.text("rule_name"));
    event.set_some("finding_info.analytic.version", found.number("rule_version").map(|version| version.to_string()));
}

/// A technique, with the first of its tactics.
fn attack(technique: &'static Technique) -> Json {
    let mut attack = Document::default();
    attack.set("version", ATTACK);
    if let Some((id, name)) = technique.tactics.first().and_then(|short| tactic(short)) {
        attack.set("tactic", json!({ "uid": id, "name": name }));
    }
    let whole = parent(technique);
    if whole.is_some() {
        attack.set("sub_technique", json!({ "uid": technique.id, "name": technique.name }));
    }
    let whole = whole.unwrap_or(technique);
    attack.set("technique", json!({ "uid": whole.id, "name": whole.name }));
    Json::Object(attack.0)
}

/// The process, the file and the other end of the connection that it is about. Pieces of evidence are events of their
/// own, which the id of the finding joins.
fn evidence(row: &dyn Row, found: &Found<'_>, columns: &Columns, origin: &Origin) -> Json {
    let mut evidence = Document::default();
    if let Some(pid) = pid_of(row) {
        known_process(&mut evidence, "process", pid, origin);
    }
    if found.text("subject_kind").as_deref() == Some("file")
        && let Some(path) = found.text("path")
        && let Some(path) = PathText::of(&Value::Text(path.into()))
    {
        evidence.set("file", json!({ "name": path.name(), "path": path.path, "type_id": 0, "type": "Unknown" }));
    }
    let has = |name: &str| columns.of(row.table()).any(|(_, column)| column.name == name);
    let texts = ["subject_kind", "subject", "next"].into_iter().filter(|name| has(name));
    let mut data = Document::default();
    texts.for_each(|name| data.set_some(name, found.text(name)));
    data.set_some("finding", found.text("id"));
    if data.0.is_empty() {
        data.set("finding", origin.identity.as_str());
    }
    evidence.set("data", data.0);
    if !origin.legacy {
        evidence.set("verdict_id", 4);
        evidence.set("verdict", "Suspicious");
    }
    Json::Object(evidence.0)
}

/// The container.
fn resources(event: &mut Document, origin: &Origin) {
    let container = &origin.container;
    let mut resource = Document::default();
    resource.set("uid", container.id.as_deref().unwrap_or(&origin.identity));
    resource.set_some("name", container.name.as_deref());
    resource.set_some("namespace", container.namespace.as_deref());
    resource.set("type", "container");
    event.set("resources", [Json::Object(resource.0)].as_slice());
}

/// The other end of the connection that is evidence.
pub(super) fn end(row: &dyn Row, origin: &Origin) -> Option<(String, Option<u32>)> {
    let remote = Flow::of(row, origin)?.remote;
    Some((remote.ip?, remote.port))
}
