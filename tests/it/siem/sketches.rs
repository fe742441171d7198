//! Fields of Timesketch: each is of one type in all tables, and none has a name that means something there.

use std::collections::BTreeMap;

use cryoscope::formats::Format;
use serde_json::Value;

use super::{checkpoints, documents};

/// Names that Timesketch fills or drops itself: `timesketch/lib/definitions.py`, `lib/utils.py` and the importer.
const RESERVED: [&str; 9] = [
    "tag",
    "label",
    "labels",
    "comment",
    "timesketch_label",
    "similarity_score",
    "human_readable",
    "sketch_id",
    "annotations",
];

/// The types that fields had so far.
#[derive(Default)]
pub(super) struct Names(BTreeMap<String, (&'static str, String)>);

impl Names {
    /// Holds an event against those before.
    pub(super) fn take(&mut self, event: &Value) {
        for (name, value) in event.as_object().unwrap() {
            assert!(!RESERVED.contains(&name.as_str()) && !name.starts_with('_'), "{name}");
            for value in value.as_array().map_or_else(|| vec![value], |list| list.iter().collect()) {
                let kind = match value {
                    Value::String(_) => "text",
                    Value::Number(_) => "number",
                    Value::Bool(_) => "switch",
                    other => panic!("{name} is {other}"),
                };
                let data_type = event["data_type"].as_str().unwrap();
                let before = self.0.entry(name.clone()).or_insert_with(|| (kind, data_type.to_owned()));
                assert_eq!(before.0, kind, "{name} is {} in {} and {kind} in {data_type}", before.0, before.1);
            }
        }
    }
}

#[test]
fn no_field_changes_its_type() {
    let mut names = Names::default();
    for checkpoint in checkpoints() {
        for (_, events) in documents(checkpoint, Format::TIMESKETCH) {
            for event in &events {
                names.take(event);
            }
        }
    }
    assert!(names.0.len() > 300, "{}", names.0.len());
    // Of those that differ between tables, each table has its own.
    assert!(names.0.contains_key("log_lines_tag") && names.0.contains_key("pid") && !names.0.contains_key("type_text"));
}
