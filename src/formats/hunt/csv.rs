//! CSV with a header.

use super::{Hunted, description, rules};

/// The names of the columns.
const HEADER: [&str; 12] = [
    "indicator",
    "type",
    "direction",
    "protocol",
    "port",
    "confidence",
    "description",
    "rules",
    "findings",
    "left_out",
    "archive",
    "container",
];

/// The rows.
pub fn csv(hunted: &[Hunted]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Memory takes everything.
    let _ = writer.write_record(HEADER);
    for one in hunted {
        for observable in one.observables() {
            let findings: Vec<&str> = observable.findings.iter().map(|(_, id)| id.as_str()).collect();
            let _ = writer.write_record([
                &shown(&observable.value),
                observable.kind.as_str(),
                observable.direction.unwrap_or_default(),
                observable.protocol.as_deref().unwrap_or_default(),
                &observable.port.map_or_else(String::new, |port| port.to_string()),
                observable.confidence.as_str(),
                &description(observable),
                &rules(observable).join(" "),
                &findings.join(" "),
                observable.left_out.as_deref().unwrap_or_default(),
                &one.archive,
                one.container.id.as_deref().unwrap_or_default(),
            ]);
        }
    }
    writer.into_inner().map_or_else(|_| String::new(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// A value. Only what could attack a terminal is escaped: blanks at the end of a path belong to it.
fn shown(value: &str) -> String {
    if value.chars().any(crate::escape::is_unsafe) {
        return crate::escape::escape(value.as_bytes()).into_owned();
    }
    value.to_owned()
}
