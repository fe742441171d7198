//! The tables in the forms that engines of analysis want, for files of Parquet and of NDJSON. One form a file; what a column is,
//! [`super::kind`] says for all.

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

/// A form of the tables' schemas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SchemaForm {
    /// Arrow's, as JSON: an object with a schema for each table.
    Arrow,
    /// The messages of Parquet.
    #[cfg(feature = "parquet")]
    Parquet,
    /// SQL of Spark. What is between the first line and the last is the schema for its reader.
    Spark,
    /// SQL of `DuckDB`.
    DuckDb,
    /// SQL of `ClickHouse`.
    ClickHouse,
    /// SQL of Trino, of tables over files of Parquet.
    Trino,
    /// SQL of Athena and Hive, of tables over files of Parquet.
    Athena,
}

/// The schemas of some tables in a form, each as what follows the one before it.
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
