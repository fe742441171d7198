//! Spark: `spark.sql` creates the table. The lines of columns are valid for `spark.read.schema`.

use super::super::kind::{Kind, Scalar};
use super::sql::{Comment, Dialect};

pub(super) const DIALECT: Dialect = Dialect {
    create: "CREATE TABLE",
    quote: '`',
    type_of,
    comment: Comment::Escaped,
    longest: usize::MAX,
    end: |_, comment| format!(" USING parquet COMMENT {comment}"),
};

fn type_of(kind: Kind) -> String {
    let one = match kind.scalar {
        Scalar::Bool => "BOOLEAN",
        Scalar::Number => "BIGINT",
        Scalar::Large => "DECIMAL(20,0)",
        Scalar::Time => "TIMESTAMP",
        Scalar::Text => "STRING",
    };
    if kind.list { format!("ARRAY<{one}>") } else { one.to_owned() }
}
