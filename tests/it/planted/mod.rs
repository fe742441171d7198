//! Every planted fact of the fixtures' truth files stands in its table, with the planted value. One family a file.

mod ipc;
mod process;
mod queues;
mod recovered;
mod restrictions;
mod watches;

use std::collections::BTreeMap;

use cryoscope::memory::Keep;
use cryoscope::{Checkpoint, Options};
use serde_json::{Map, Value};

use crate::fixtures;

/// The planted facts of a kind, by case, for all cases that have some.
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

/// What `/proc` said of a kind, by process, thread or descriptor; by case, for all cases that have some.
pub(crate) fn captured(kind: &str) -> Vec<(String, Map<String, Value>)> {
    let mut all = Vec::new();
    for case in fixtures::cases() {
        let text = std::fs::read_to_string(fixtures::path(&case).join("truth.json")).unwrap();
        let truth: Value = serde_json::from_str(&text).unwrap();
        let facts = truth["planted"][kind].as_object().cloned().unwrap_or_default();
        if !facts.is_empty() {
            all.push((case, facts));
        }
    }
    assert!(!all.is_empty(), "nothing was captured of {kind} in any fixture");
    all
}

/// The checkpoints of a case: of all its archives.
pub(crate) fn opened(case: &str) -> Vec<Checkpoint> {
    let archives = fixtures::archives_of(case);
    archives.iter().flat_map(|archive| Options::new().keep(Keep::Everything).open(archive).unwrap()).collect()
}

/// Opens each case that has a planted fact of a kind, and gives every fact with the rows of some tables.
pub(crate) fn each(kind: &str, tables: &[&str], mut check: impl FnMut(&str, &Value, &fixtures::Rows)) {
    let mut checked = BTreeMap::new();
    for (case, facts) in planted(kind) {
        for checkpoint in opened(&case).iter().filter(|checkpoint| !checkpoint.model().processes().is_empty()) {
            let rows = fixtures::rows_of(checkpoint, tables);
            for fact in &facts {
                check(&case, fact, &rows);
            }
            *checked.entry(case.clone()).or_insert(0) += facts.len();
        }
    }
    assert!(checked.values().all(|&facts| facts > 0), "no fact of {kind} was checked in some case: {checked:?}");
}

/// Whether a list of holders has a descriptor.
pub(crate) fn is_held(holders: &Value, pid: &Value, how: &str) -> bool {
    holders.as_array().unwrap().iter().any(|holder| holder == &format!("{pid}:{how}"))
}

/// The planted facts of the compromised web application, which are a list, by kind.
pub(crate) fn of_compromise(kind: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(fixtures::path("webapp-compromise").join("truth.json")).unwrap();
    let truth: Value = serde_json::from_str(&text).unwrap();
    let facts = truth["planted"].as_array().unwrap().iter().filter(|fact| fact["kind"] == kind).cloned();
    let facts: Vec<Value> = facts.collect();
    assert!(!facts.is_empty(), "nothing of kind {kind} was planted");
    facts
}
