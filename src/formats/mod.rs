//! Turns rows into bytes: text, JSON, NDJSON, CSV, trees, documents for SIEMs. One format per file. No format knows
//! where rows come from: a format sees a [`Row`](crate::tables::Row), and for documents the [`Origin`] that they are from.

mod bulk;
mod community_id;
mod csv;
pub mod decode;
mod document;
mod ecs;
mod encoder;
mod finding;
mod format;
mod grid;
mod hec;
mod hexdump;
pub mod hunt;
mod json;
mod kind;
mod known;
mod line;
mod ndjson;
mod ocsf;
mod origin;
#[cfg(feature = "parquet")]
mod parquet;
mod scan;
mod schema;
mod style;
mod table;
mod template;
mod text;
mod timesketch;
pub mod tree;
pub mod units;
mod withheld;
mod writer;

pub use crate::escape::escape;
pub use bulk::{BadIndex, BulkAction, Index};
pub use encoder::{Content, Encoded, Encoder};
pub use format::Format;
pub use grid::{Column as GridColumn, Grid};
pub use hexdump::hexdump;
pub use json::pretty;
#[cfg(feature = "query")]
pub(crate) use json::to_text as json_of;
pub use origin::Origin;
#[cfg(feature = "parquet")]
pub use parquet::Cells as TypedCells;
pub use scan::{Rarity, ScanText, explain};
pub use schema::{SchemaForm, schema_in};
pub use style::{Columns, Style};
pub use template::{SearchEngine, index_template};
pub use text::{cut, wrapped};
pub use writer::RowWriter;

use serde_json::{Map, Value as Json};

format::formats! {
    TABLE: table::Aligned;
    JSON: json::Json;
    NDJSON: ndjson::Ndjson;
    CSV: csv::Csv;
    ECS: ecs::Ecs;
    OCSF: ocsf::Ocsf;
    TIMESKETCH: timesketch::Timesketch;
    BULK: bulk::Bulk;
    HEC: hec::Hec;
    #[cfg(feature = "parquet")]
    PARQUET: parquet::Parquet;
}

/// Writes a document as a line.
fn line(out: &mut Vec<u8>, document: Map<String, Json>) {
    out.extend_from_slice(json::harmless(Json::Object(document).to_string()).as_bytes());
    out.push(b'\n');
}
