//! The index template that documents of ECS need: what Elasticsearch and OpenSearch would guess of their fields is text
//! twice over, and addresses as words. Fields of the schema have the types that the schema says; those below `cryoscope` the
//! types of their columns.

use serde_json::{Value as Json, json};

use super::bulk::Index;
use super::document::Document;
use super::ecs::{self, Field};
use crate::tables::{self, Type};

/// Whose template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchEngine {
    /// Elasticsearch.
    Elasticsearch,
    /// OpenSearch, 2.15 or later: before that it has no `wildcard`.
    OpenSearch,
}

/// Longer text is stored, but not searched for.
const LONGEST: u32 = 1024;
/// Above the templates that Elasticsearch (100) and its agents (200) have for all of `logs-*-*`.
const PRIORITY: u32 = 500;
/// Fields of one index: of all tables together there are more than the 1000 that servers allow.
const MOST_FIELDS: u32 = 3000;

/// The body of `PUT _index_template/cryoscope`, for the indices or data streams of a name.
pub fn index_template(engine: SearchEngine, index: &Index) -> Json {
    let mut template = json!({
        "index_patterns": [index.pattern()],
        "priority": PRIORITY,
        "template": {
            "settings": { "index.mapping.total_fields.limit": MOST_FIELDS },
            "mappings": {
                // Text that looks like a time is none.
                "date_detection": false,
                "dynamic_templates": [
                    { "text": {
                        "match_mapping_type": "string",
                        "mapping": { "type": "keyword", "ignore_above": LONGEST }
                    } }
                ],
                "properties": properties(engine).0
            }
        }
    });
    if index.is_data_stream() {
        template["data_stream"] = json!({});
    }
    template
}

/// What is said of fields by name.
fn properties(engine: SearchEngine) -> Document {
    let mut properties = Document::default();
    let mut set = |name: &str, mapping: Json| properties.set(&name.replace('.', ".properties."), mapping);
    for field in ecs::fields() {
        set(field.name, mapping(engine, field));
    }
    // Names that whoever made the container chose: as fields they could be any number.
    set("container.labels", names(engine));
    set("cryoscope.checkpointed", moment());
    for table in tables::every() {
        let prefix = if table.event.prefix.is_empty() { &*table.name } else { table.event.prefix };
        for column in table.columns.iter() {
            let name = format!("cryoscope.{prefix}.{}", column.name);
            match column.column_type {
                Type::Time => set(&name, moment()),
                Type::Object => set(&name, names(engine)),
                _ => {}
            }
        }
    }
    properties
}

fn mapping(engine: SearchEngine, field: Field) -> Json {
    let mut mapping = match (field.kind, engine) {
        ("date", _) if field.name != "@timestamp" => moment(),
        // OpenSearch wants the value told, which only the first document tells.
        ("constant_keyword", SearchEngine::OpenSearch) | ("keyword", _) => {
            json!({ "type": "keyword", "ignore_above": LONGEST })
        }
        (kind, _) => json!({ "type": kind }),
    };
    if field.has_words {
        mapping["fields"] = json!({ "text": { "type": "match_only_text" } });
    }
    mapping
}

/// A time that an attacker may have put beyond what servers take: it would cost the whole document.
fn moment() -> Json {
    json!({ "type": "date", "ignore_malformed": true })
}

/// An object of any names.
fn names(engine: SearchEngine) -> Json {
    match engine {
        // A term that Lucene does not take would cost the whole document.
        SearchEngine::Elasticsearch => json!({ "type": "flattened", "ignore_above": LONGEST }),
        SearchEngine::OpenSearch => json!({ "type": "flat_object" }),
    }
}
