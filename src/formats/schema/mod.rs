//! Schemas of the tables for analysis engines, for Parquet and NDJSON files. One form per file. [`super::kind`] defines
//! the types of columns for all.

mod arrow;
mod athena;
mod clickhouse;
mod duckdb;
#[cfg(feature = "parquet")]
mod parquet;
mod spark;
mod sql;
mod trino;

use crate::tables::Table;

/// A form of schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SchemaForm {
    /// Arrow schemas as JSON: an object with a schema for each table.
    Arrow,
    /// Parquet message types.
    #[cfg(feature = "parquet")]
    Parquet,
    /// SQL for Spark. The lines between the first and the last are the schema for its reader.
    Spark,
    /// SQL for `DuckDB`.
    DuckDb,
    /// SQL for `ClickHouse`.
    ClickHouse,
    /// SQL for Trino, for tables over Parquet files.
    Trino,
    /// SQL for Athena and Hive, for tables over Parquet files.
    Athena,
}

/// Returns the schemas of some tables in a form, one after another.
pub fn schema_in(form: SchemaForm, tables: impl Iterator<Item = &'static Table>) -> String {
    let each: fn(&Table) -> String = match form {
        SchemaForm::Arrow => return arrow::schemas(tables),
        #[cfg(feature = "parquet")]
        SchemaForm::Parquet => parquet::message,
        SchemaForm::Spark => |table| sql::create(table, &spark::DIALECT),
        SchemaForm::DuckDb => |table| sql::create(table, &duckdb::DIALECT),
        SchemaForm::ClickHouse => |table| sql::create(table, &clickhouse::DIALECT),
        SchemaForm::Trino => |table| sql::create(table, &trino::DIALECT),
        SchemaForm::Athena => |table| sql::create(table, &athena::DIALECT),
    };
    tables.map(each).collect::<Vec<_>>().join("\n")
}
