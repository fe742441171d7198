//! Every planted fact of the fixtures' truth files stands in its table, with the planted value. One family a file.

mod proc;

use serde_json::Value;

use crate::fixtures;

/// The planted facts of a kind, by case, for all cases that have some.
#[allow(dead_code, reason = "until the first family is here")]
pub(crate) fn planted(kind: &str) -> Vec<(String, Vec<Value>)> {
    let mut all = Vec::new();
    for case in fixtures::cases() {
        let text = std::fs::read_to_string(fixtures::path(&case).join("truth.json")).unwrap();
        let truth: Value = serde_json::from_str(&text).unwrap();
        let facts = truth["planted"][kind].as_array().cloned().unwrap_or_default();
        if !facts.is_empty() {
            all.push((case, facts));
        }
    }
    assert!(!all.is_empty(), "no fixture has a planted {kind}");
    all
}
