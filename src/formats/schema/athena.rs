//! Athena and Hive.

use super::super::kind::{Kind, Scalar};
use super::sql::{Comment, Dialect};

pub(super) const DIALECT: Dialect = Dialect {
    create: "CREATE EXTERNAL TABLE",
    quote: '`',
    type_of,
    comment: Comment::Escaped,
    longest: 255,
    end: |name, comment| format!(" COMMENT {comment} STORED AS PARQUET LOCATION 's3://BUCKET/{name}/'"),
};

fn type_of(kind: Kind) -> String {
    let one = match kind.scalar {
        Scalar::Bool => "boolean",
        Scalar::Number => "bigint",
        Scalar::Large => "decimal(20,0)",
        Scalar::Time => "timestamp",
        Scalar::Text => "string",
    };
    if kind.list { format!("array<{one}>") } else { one.to_owned() }
}
