//! Parquet message types, as its tools print them.

use ::parquet::schema::printer::print_schema;

use super::super::kind::fields;
use super::super::parquet::schema_of;
use crate::tables::Table;

pub(super) fn message(table: &Table) -> String {
    let mut text = Vec::new();
    let fields = fields(table);
    // All names and types are our own, so none can be refused.
    if let Ok(schema) = schema_of(&table.name, fields.iter().map(|field| (&*field.name, field.kind))) {
        print_schema(&mut text, &schema);
    }
    String::from_utf8_lossy(&text).into_owned()
}
