//! Baselines: findings that are known and accepted, by their stable ids.

use std::collections::HashSet;

use serde_json::{Value, json};
use thiserror::Error as ThisError;

use super::Scan;

/// Length of an id.
const ID: usize = 32;

/// The ids of known findings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline(HashSet<String>);

/// A line of a baseline is neither an id nor a finding.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[error("line {line}: expected the id of a finding (32 hexadecimal digits) or a finding as JSON")]
pub struct BaselineError {
    /// The line, from 1.
    pub line: usize,
}

impl Baseline {
    /// Reads a baseline: a line each, an id or a JSON object with the key `id`. Empty lines and lines that begin with `#`
    /// do not count.
    ///
    /// # Errors
    ///
    /// If a line is neither.
    pub fn parse(text: &str) -> Result<Self, BaselineError> {
        let mut ids = HashSet::new();
        for (line, text) in (1_usize..).zip(text.lines()) {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            ids.insert(id_of(text).ok_or(BaselineError { line })?);
        }
        Ok(Baseline(ids))
    }

    /// Marks the findings that are in the baseline as suppressed.
    pub fn apply(&self, scan: &mut Scan) {
        for finding in scan.findings.iter_mut().filter(|finding| finding.suppressed.is_none()) {
            if self.0.contains(&finding.id()) {
                finding.suppressed = Some("baseline".to_owned());
            }
        }
    }

    /// A scan as a baseline: a line of JSON for each finding.
    pub fn write(scan: &Scan) -> String {
        let line = |finding: &super::Finding| {
            json!({
                "id": finding.id(),
                "rule": finding.rule.id,
                "severity": finding.severity.as_str(),
                "sentence": finding.sentence,
            })
            .to_string()
        };
        scan.findings.iter().map(|finding| line(finding) + "\n").collect()
    }
}

fn id_of(text: &str) -> Option<String> {
    let id = if text.starts_with('{') {
        serde_json::from_str::<Value>(text).ok()?.get("id")?.as_str()?.to_owned()
    } else {
        text.split_whitespace().next()?.to_owned()
    };
    let is_id = id.len() == ID && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then(|| id.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_ids_or_findings() {
        let id = "0123456789abcdef0123456789ABCDEF";
        let text = format!("# known\n\n{id} a note\n{{\"id\":\"{id}\",\"rule\":\"X\"}}\n");
        assert_eq!(Baseline::parse(&text).unwrap().0, HashSet::from([id.to_ascii_lowercase()]));
        assert_eq!(Baseline::parse("nonsense"), Err(BaselineError { line: 1 }));
        assert_eq!(Baseline::parse(&format!("{id}\n{{}}")), Err(BaselineError { line: 2 }));
    }
}
