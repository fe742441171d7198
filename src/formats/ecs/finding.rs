//! Findings in ECS documents: the rule, the severity as a number, ATT&CK, and the process or file.

use super::Filling;
use crate::analysis::{Family, Severity};
use crate::formats::document::PathText;
use crate::formats::finding::{Found, parent};
use crate::tables::Value;

/// Tags of rules that find malware.
const MALWARE: [&str; 5] = ["fileless", "miner", "rootkit", "webshell", "malware"];

impl Filling<'_> {
    /// Adds what a finding has besides its columns.
    pub(super) fn finding(&mut self, found: &Found<'_>) {
        let document = &mut self.document;
        document.set("event.kind", if found.is_alert() { "alert" } else { "event" });
        // The usual scale of alerts.
        let severity = match found.severity {
            Severity::Info => 1,
            Severity::Low => 21,
            Severity::Medium => 47,
            Severity::High => 73,
            Severity::Critical => 99,
        };
        document.set("event.severity", severity);
        document.set_some("event.risk_score", found.number("score").map(f64::from));
        document.set_some("message", found.text("sentence"));
        document.set("rule.ruleset", super::NAME);
        if let Some(rule) = found.rule {
            document.set("event.action", rule.slug);
            document.set("rule.category", rule.family.prefix());
            let about: &[&str] = match rule.family {
                Family::Memory | Family::Process | Family::Sigma => &["intrusion_detection", "process"],
                Family::Network => &["intrusion_detection", "network"],
                Family::Isolation => &["intrusion_detection", "configuration"],
                Family::Files | Family::Persistence => &["intrusion_detection", "file"],
                Family::Secrets => &["intrusion_detection", "iam"],
                Family::Indicators => &["intrusion_detection", "threat"],
                Family::Yara => &["intrusion_detection", "malware"],
                Family::Evidence => &["host"],
            };
            document.set("event.category", about);
            if rule.tags.iter().any(|tag| MALWARE.contains(tag)) {
                document.add("event.category", "malware");
            }
        }
        self.threat(found);
        if found.is_suppressed() {
            self.document.add("tags", "suppressed");
        }
        if found.text("subject_kind").as_deref() == Some("file")
            && let Some(path) = found.text("path")
            && PathText::of(&Value::Text(path.as_str().into())).is_some()
        {
            self.path("file.path", &Value::Text(path.into()));
        }
    }

    /// Adds techniques and tactics. The lists of ids, names and references are parallel. A sub-technique stands apart
    /// from the technique that it belongs to.
    fn threat(&mut self, found: &Found<'_>) {
        let mut techniques: Vec<(&str, &str)> = Vec::new();
        let mut parts: Vec<(&str, &str)> = Vec::new();
        for technique in found.techniques() {
            let whole = parent(technique);
            if whole.is_some() {
                parts.push((technique.id, technique.name));
            }
            let whole = whole.unwrap_or(technique);
            if !techniques.contains(&(whole.id, whole.name)) {
                techniques.push((whole.id, whole.name));
            }
        }
        if techniques.is_empty() {
            return;
        }
        self.document.set("threat.framework", "MITRE ATT&CK");
        let tactics: Vec<(&str, &str)> = found.tactics().collect();
        for (field, folder, list) in [
            ("threat.tactic", "tactics", tactics),
            ("threat.technique", "techniques", techniques),
            ("threat.technique.subtechnique", "techniques", parts),
        ] {
            if list.is_empty() {
                continue;
            }
            let links =
                list.iter().map(|(id, _)| format!("https://attack.mitre.org/{folder}/{}/", id.replace('.', "/")));
            self.document.set(&format!("{field}.reference"), links.collect::<Vec<String>>());
            self.document.set(&format!("{field}.id"), list.iter().map(|(id, _)| *id).collect::<Vec<&str>>());
            self.document.set(&format!("{field}.name"), list.iter().map(|(_, name)| *name).collect::<Vec<&str>>());
        }
    }
}
