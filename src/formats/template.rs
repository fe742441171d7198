//! The index template that `_bulk` documents need: what Elasticsearch and OpenSearch would guess of their fields is text
//! twice over, and addresses as words.

use serde_json::{Value as Json, json};

/// Whose template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchEngine {
    /// Elasticsearch.
    Elasticsearch,
    /// OpenSearch.
    OpenSearch,
}

/// The body of `PUT _index_template/cryoscope`.
pub fn index_template(engine: SearchEngine) -> Json {
    let names = match engine {
        // A term that Lucene does not take would cost the whole document.
        SearchEngine::Elasticsearch => json!({ "type": "flattened", "ignore_above": 1024 }),
        SearchEngine::OpenSearch => json!({ "type": "flat_object" }),
    };
    // So would a time of a file that an attacker put beyond what servers take.
    let moment = json!({ "type": "date", "ignore_malformed": true });
    json!({
        "index_patterns": ["cryoscope-*"],
        "template": { "mappings": {
            // Text that looks like a time is none.
            "date_detection": false,
            "dynamic_templates": [
                { "ips": {
                    "match_pattern": "regex",
                    "path_match": "^(source|destination|related|orchestrator\\.resource)\\.ip$",
                    "mapping": { "type": "ip" }
                } },
                { "text": {
                    "match_mapping_type": "string",
                    "mapping": { "type": "keyword", "ignore_above": 1024 }
                } }
            ],
            "properties": {
                "@timestamp": { "type": "date" },
                "message": { "type": "text" },
                "container": { "properties": { "labels": names } },
                "error": { "properties": { "message": { "type": "text" } } },
                "event": { "properties": { "start": moment.clone() } },
                "file": { "properties": { "accessed": moment.clone(), "mtime": moment } },
                "process": { "properties": { "args_count": { "type": "long" } } }
            }
        } }
    })
}
