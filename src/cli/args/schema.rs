//! The flags of `cryoscope schema`.

use clap::{Args, ValueEnum};
use cryoscope::formats::{Index, SchemaForm};

use super::super::no_input::NoInput;

/// The columns of all tables, for people and programs
#[derive(Debug, Args)]
#[command(after_help = "Example: cryoscope schema --json > cryoscope.schema.json")]
pub(crate) struct SchemaArgs {
    /// As JSON Schema, for programs
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t = SchemaFormat::Table)]
    pub(crate) format: SchemaFormat,
    /// Index or data stream of the template, as given to `--index` (ecs-template, opensearch-template)
    #[arg(long, value_name = "NAME", default_value_t, hide_default_value = true)]
    pub(crate) index: Index,
    /// Only these tables
    #[arg(value_name = "TABLE")]
    pub(crate) tables: Vec<String>,
    #[command(flatten)]
    pub(crate) no_input: NoInput,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaFormat {
    /// Aligned columns
    Table,
    /// JSON Schema of the rows
    Json,
    /// Index template for the documents of `bulk`, for Elasticsearch
    EcsTemplate,
    /// The same for OpenSearch
    OpensearchTemplate,
    /// Arrow schemas as JSON, by table
    Arrow,
    /// Parquet message types, as in the files
    #[cfg(feature = "parquet")]
    Parquet,
    /// SQL that creates the tables in Spark; the lines between the first and the last are for `spark.read.schema`
    Spark,
    /// SQL that creates the tables in DuckDB, for Parquet and NDJSON
    Duckdb,
    /// The same for ClickHouse
    Clickhouse,
    /// SQL that creates tables over Parquet files in Trino
    Trino,
    /// SQL that creates tables over Parquet files in Athena and Hive
    Athena,
}

impl SchemaFormat {
    /// The schema form for engines. `None` for the other formats.
    pub(crate) fn form(self) -> Option<SchemaForm> {
        match self {
            SchemaFormat::Arrow => Some(SchemaForm::Arrow),
            #[cfg(feature = "parquet")]
            SchemaFormat::Parquet => Some(SchemaForm::Parquet),
            SchemaFormat::Spark => Some(SchemaForm::Spark),
            SchemaFormat::Duckdb => Some(SchemaForm::DuckDb),
            SchemaFormat::Clickhouse => Some(SchemaForm::ClickHouse),
            SchemaFormat::Trino => Some(SchemaForm::Trino),
            SchemaFormat::Athena => Some(SchemaForm::Athena),
            SchemaFormat::Table | SchemaFormat::Json | SchemaFormat::EcsTemplate | SchemaFormat::OpensearchTemplate => {
                None
            }
        }
    }
}
