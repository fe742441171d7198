//! Arrow schemas, in the JSON of Arrow's integration tests.

use serde_json::{Map, Value as Json, json};

use super::super::json;
use super::super::kind::{Kind, Scalar, fields};
use crate::tables::Table;

/// An object with the schema of each table.
pub(super) fn schemas(tables: impl Iterator<Item = &'static Table>) -> String {
    let schemas: Map<String, Json> = tables.map(|table| (table.name.to_string(), schema(table))).collect();
    json::pretty(&Json::Object(schemas)) + "\n"
}

fn schema(table: &Table) -> Json {
    let one = |field: super::super::kind::Field| {
        let mut json = of_kind(&field.name, field.kind);
        if let Some(json) = json.as_object_mut() {
            json.insert("metadata".to_owned(), json!([{ "key": "description", "value": field.doc }]));
        }
        json
    };
    json!({ "fields": fields(table).into_iter().map(one).collect::<Vec<_>>() })
}

fn of_kind(name: &str, kind: Kind) -> Json {
    if kind.list {
        let item = of_kind("element", Kind { list: false, ..kind });
        return json!({ "name": name, "type": { "name": "list" }, "nullable": true, "children": [item] });
    }
    let of_type = match kind.scalar {
        Scalar::Bool => json!({ "name": "bool" }),
        Scalar::Number => json!({ "name": "int", "bitWidth": 64, "isSigned": true }),
        Scalar::Large => json!({ "name": "decimal", "precision": 20, "scale": 0, "bitWidth": 128 }),
        Scalar::Time => json!({ "name": "timestamp", "unit": "MICROSECOND", "timezone": "UTC" }),
        Scalar::Text => json!({ "name": "utf8" }),
    };
    json!({ "name": name, "type": of_type, "nullable": true, "children": [] })
}
