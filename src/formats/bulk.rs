//! ECS documents for the `_bulk` interface of Elasticsearch and OpenSearch. Each document takes two lines: the action
//! and the source. Its id is the id of the row, so that a document sent twice is stored once.

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use serde_json::json;

use super::ecs;
use super::encoder::Encoded;
use super::format::{Encode, Kind, Line};
use crate::catalog;

/// ECS documents for `_bulk`.
pub(super) struct Bulk;

impl Encode for Bulk {
    fn name(&self) -> &'static str {
        "bulk"
    }

    fn doc(&self) -> &'static str {
        "ECS documents for `_bulk` of Elasticsearch and OpenSearch"
    }

    fn kind(&self) -> Kind {
        Kind::Document { timed: true }
    }

    fn encode(&self, line: &Line<'_>) -> io::Result<Encoded> {
        let (origin, id) = line.origin()?;
        let mut out = Vec::new();
        action(&mut out, origin.bulk_action, &origin.index, &line.row.table().name, id)?;
        super::line(&mut out, ecs::document(line.row, line.columns, origin, id));
        Ok(Encoded::Bytes(out))
    }
}

/// What the server does with a document that it already has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BulkAction {
    /// Keeps the first and reports a conflict (409). Data streams accept only this action.
    #[default]
    Create,
    /// Replaces it.
    Index,
}

/// Where documents are stored: the name of an index or a data stream, which may contain the name of the table.
///
/// The default is an index for each table. A data stream starts a new index when the current one is full or old, and
/// ids are unique only within one index: a document sent again after that is stored twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index(String);

/// Placeholder for the name of the table.
const TABLE: &str = "{table}";
/// Longest name that servers accept, in bytes.
const LONGEST: usize = 255;

impl Default for Index {
    fn default() -> Self {
        Index(format!("cryoscope-{TABLE}"))
    }
}

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why an index name is not valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an index is named in lower case, without spaces and \\ / * ? \" < > | , # :, does not begin with - _ or +, and has at most 255 bytes; {{table}} stands for the table"
)]
pub struct BadIndex;

impl FromStr for Index {
    type Err = BadIndex;

    fn from_str(name: &str) -> Result<Self, BadIndex> {
        let plain = name.replace(TABLE, "");
        let is_bad =
            |c: char| c.is_uppercase() || c.is_whitespace() || c.is_control() || r#"\/*?"<>|,#:{}"#.contains(c);
        let longest = catalog::every().map(|table| name.replace(TABLE, &table.name).len()).max().unwrap_or(0);
        let fits = !name.is_empty() && name != "." && name != ".." && longest <= LONGEST;
        if !fits || plain.contains(is_bad) || name.starts_with(['-', '_', '+']) {
            return Err(BadIndex);
        }
        Ok(Index(name.to_owned()))
    }
}

/// The three parts of a data stream's name, in Elastic's naming scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DataStream {
    pub(super) kind: String,
    pub(super) dataset: String,
    pub(super) namespace: String,
}

impl Index {
    /// The name for a table.
    pub(super) fn of(&self, table: &str) -> String {
        self.0.replace(TABLE, table)
    }

    /// The pattern of the names for all tables.
    pub(super) fn pattern(&self) -> String {
        self.0.replace(TABLE, "*")
    }

    /// Whether it is a data stream: its name follows Elastic's naming scheme, `logs-DATASET-NAMESPACE`.
    pub fn is_data_stream(&self) -> bool {
        self.data_stream("").is_some()
    }

    /// The parts of a data stream's name.
    pub(super) fn data_stream(&self, table: &str) -> Option<DataStream> {
        let (kind, rest) = self.0.split_once('-').filter(|(kind, _)| *kind == "logs")?;
        let (dataset, namespace) =
            rest.split_once('-').filter(|(dataset, space)| !dataset.is_empty() && !space.is_empty())?;
        let named = |part: &str| part.replace(TABLE, table);
        Some(DataStream { kind: kind.to_owned(), dataset: named(dataset), namespace: named(namespace) })
    }
}

/// Writes the action line of a document.
pub(super) fn action(out: &mut dyn Write, action: BulkAction, index: &Index, table: &str, id: &str) -> io::Result<()> {
    let name = match action {
        BulkAction::Create => "create",
        BulkAction::Index => "index",
    };
    writeln!(out, "{}", json!({ name: { "_index": index.of(table), "_id": id } }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_indices_are_those_that_servers_take() {
        for good in ["cryoscope", "cryoscope-{table}", "logs-cryoscope.{table}-default", "fälle-2026.11"] {
            assert_eq!(good.parse::<Index>().map(|index| index.to_string()).as_deref(), Ok(good));
        }
        for bad in [
            "",
            ".",
            "..",
            "Case",
            "a b",
            "a/b",
            "a:b",
            "a*",
            "-a",
            "_a",
            "+a",
            "a,b",
            "a\nb",
            "{pod}",
            &"x".repeat(256),
            &"{table}".repeat(20),
        ] {
            assert_eq!(bad.parse::<Index>(), Err(BadIndex), "{bad}");
        }
    }

    #[test]
    fn a_name_of_the_scheme_is_a_data_stream() {
        let index: Index = "logs-cryoscope.{table}-prod".parse().unwrap();
        let stream = index.data_stream("mounts").unwrap();
        assert_eq!([stream.kind, stream.dataset, stream.namespace], ["logs", "cryoscope.mounts", "prod"]);
        assert_eq!(
            (index.of("mounts"), index.pattern()),
            ("logs-cryoscope.mounts-prod".into(), "logs-cryoscope.*-prod".into())
        );
        for other in ["cryoscope-{table}", "logs-cryoscope", "logs--default", "metrics-a-b"] {
            assert!(!other.parse::<Index>().unwrap().is_data_stream(), "{other}");
        }
    }
}
