//! ECS documents for the `_bulk` interface of Elasticsearch and OpenSearch: two lines a document, the action and the
//! source. The id is that of the row, so that what is sent again is stored once.

use std::io::{self, Write};

use serde_json::json;

/// What the server does with a document that it has already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BulkAction {
    /// It keeps the first, and says so (409); data streams take nothing else.
    #[default]
    Create,
    /// It replaces it.
    Index,
}

/// Writes the line before a document.
pub(super) fn action(out: &mut dyn Write, action: BulkAction, table: &str, id: &str) -> io::Result<()> {
    let name = match action {
        BulkAction::Create => "create",
        BulkAction::Index => "index",
    };
    writeln!(out, "{}", json!({ name: { "_index": format!("cryoscope-{table}"), "_id": id } }))
}
