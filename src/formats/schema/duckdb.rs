//! `DuckDB`.

use super::super::kind::{Kind, Scalar};
use super::sql::{Comment, Dialect};

pub(super) const DIALECT: Dialect = Dialect {
    create: "CREATE TABLE",
    quote: '"',
    type_of,
    comment: Comment::Dashes,
    longest: usize::MAX,
    end: |_, _| String::new(),
};

fn type_of(kind: Kind) -> String {
    let one = match kind.scalar {
        Scalar::Bool => "BOOLEAN",
        Scalar::Number => "BIGINT",
        Scalar::Large => "DECIMAL(20,0)",
        Scalar::Time => "TIMESTAMPTZ",
        Scalar::Text => "VARCHAR",
    };
    if kind.list { format!("{one}[]") } else { one.to_owned() }
}
