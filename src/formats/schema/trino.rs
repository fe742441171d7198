//! Trino's Hive connector. Its times are in milliseconds, unless `hive.timestamp-precision` sets another precision.

use super::super::kind::{Kind, Scalar};
use super::sql::{Comment, Dialect};

pub(super) const DIALECT: Dialect = Dialect {
    create: "CREATE TABLE",
    quote: '"',
    type_of,
    comment: Comment::Doubled,
    longest: 255,
    end: |name, comment| {
        format!(" COMMENT {comment} WITH (external_location = 's3://BUCKET/{name}/', format = 'PARQUET')")
    },
};

fn type_of(kind: Kind) -> String {
    let one = match kind.scalar {
        Scalar::Bool => "boolean",
        Scalar::Number => "bigint",
        Scalar::Large => "decimal(20,0)",
        Scalar::Time => "timestamp(3)",
        Scalar::Text => "varchar",
    };
    if kind.list { format!("array({one})") } else { one.to_owned() }
}
