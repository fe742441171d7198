//! `ClickHouse`. Its lists cannot be null, so null lists become empty.

use super::super::kind::{Kind, Scalar};
use super::sql::{Comment, Dialect};

pub(super) const DIALECT: Dialect = Dialect {
    create: "CREATE TABLE",
    quote: '`',
    type_of,
    comment: Comment::Escaped,
    longest: usize::MAX,
    end: |_, comment| format!(" ENGINE = MergeTree ORDER BY tuple() COMMENT {comment}"),
};

fn type_of(kind: Kind) -> String {
    let one = match kind.scalar {
        Scalar::Bool => "Nullable(Bool)",
        Scalar::Number => "Nullable(Int64)",
        Scalar::Large => "Nullable(Decimal(20, 0))",
        Scalar::Time => "Nullable(DateTime64(6, 'UTC'))",
        Scalar::Text => "Nullable(String)",
    };
    if kind.list { format!("Array({one})") } else { one.to_owned() }
}
