//! The index template for ECS documents. Without it, Elasticsearch and OpenSearch would index fields twice as text, and
//! addresses as words. Schema fields have the types of the schema; fields under `cryoscope` have the types of their
//! columns.

use serde_json::{Value as Json, json};

use super::bulk::Index;
use super::document::Document;
use super::ecs::{self, Field};
use crate::catalog;
use crate::tables::Type;

/// The server of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchEngine {
    /// Elasticsearch.
    Elasticsearch,
    /// OpenSearch, 2.15 or later. Earlier versions do not have the type `wildcard`.
    OpenSearch,
}

/// Longer text is stored, but not indexed.
const LONGEST: u32 = 1024;
/// Higher than Elasticsearch's own templates (100) and those of its agents (200) for `logs-*-*`.
const PRIORITY: u32 = 500;
/// Number of fields of an index. All tables together have more than the servers' default of 1000.
const MOST_FIELDS: u32 = 3000;

/// The body of `PUT _index_template/cryoscope` for the indices or data streams with a name.
pub fn index_template(engine: SearchEngine, index: &Index) -> Json {
    let mut template = json!({
        "index_patterns": [index.pattern()],
        "priority": PRIORITY,
        "template": {
            "settings": { "index.mapping.total_fields.limit": MOST_FIELDS },
            "mappings": {
                // Text that looks like a time is not a time.
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

/// The mappings of fields by name.
fn properties(engine: SearchEngine) -> Document {
    let mut properties = Document::default();
    let mut set = |name: &str, mapping: Json| properties.set(&name.replace('.', ".properties."), mapping);
    for field in ecs::fields() {
        set(field.name, mapping(engine, field));
    }
    // Names chosen by the author of the container: there could be any number of fields.
    set("container.labels", names(engine));
    set("cryoscope.checkpointed", moment());
    for table in catalog::every() {
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
        // OpenSearch needs the value in the mapping, but only the first document has it.
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

/// A time. An attacker may have set one that servers refuse, which would lose the whole document.
fn moment() -> Json {
    json!({ "type": "date", "ignore_malformed": true })
}

/// An object with arbitrary names.
fn names(engine: SearchEngine) -> Json {
    match engine {
        // A term that Lucene refuses would lose the whole document.
        SearchEngine::Elasticsearch => json!({ "type": "flattened", "ignore_above": LONGEST }),
        SearchEngine::OpenSearch => json!({ "type": "flat_object" }),
    }
}
