//! Types of columns for analysis engines. Parquet and all forms of schema use them, so that a file and the table
//! created for it agree.

use crate::tables::{Column, Name, Table, Type};

/// The column for what text and numbers of a row lose.
pub(super) const HEX: &str = "_hex";

/// The leading columns of files: the archive and checkpoint of the row.
const LEAD: [(&str, &str); 3] = [
    ("archive", "Archive of the row."),
    ("set", "Directory in the archive, if it holds several checkpoints."),
    ("archive_sha256", "SHA-256 of the archive, if it was hashed."),
];

/// Description of the column `_hex`.
const HEX_DOC: &str = "JSON: by column, the bytes of text that is not UTF-8 in hexadecimal, and numbers that the column's type cannot \
                       hold.";

/// A value that is not a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scalar {
    /// A boolean.
    Bool,
    /// A signed number of 64 bits.
    Number,
    /// A number of up to 20 digits.
    Large,
    /// Microseconds of UTC.
    Time,
    /// Text. JSON for objects.
    Text,
}

/// Type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// Type of its values, or of the items of its lists.
    pub(super) scalar: Scalar,
    /// Whether values are lists.
    pub(super) list: bool,
}

impl Kind {
    /// Text.
    pub(super) const TEXT: Kind = Kind { scalar: Scalar::Text, list: false };

    /// The type of a table's column. It does not depend on the data.
    pub(super) fn of(column: &Column) -> Self {
        match column.column_type {
            Type::List => Kind { scalar: column.item.map_or(Scalar::Text, scalar), list: true },
            _ if column.large => Kind { scalar: Scalar::Large, list: false },
            one => Kind { scalar: scalar(one), list: false },
        }
    }
}

fn scalar(of: Type) -> Scalar {
    match of {
        Type::Bool => Scalar::Bool,
        Type::Integer => Scalar::Number,
        Type::Time => Scalar::Time,
        Type::Text | Type::Address | Type::Mask | Type::List | Type::Object | Type::Any => Scalar::Text,
    }
}

/// A column of a file.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) name: Name,
    /// Its description, in one line.
    pub(super) doc: String,
    pub(super) kind: Kind,
}

/// All columns that a file of a table can have.
pub(super) fn fields(table: &Table) -> Vec<Field> {
    let text = |(name, doc): (&'static str, &str)| Field { name: name.into(), doc: doc.to_owned(), kind: Kind::TEXT };
    let of = |column: &Column| Field {
        name: column.name.clone(),
        doc: crate::catalog::on_one_line(&column.doc),
        kind: Kind::of(column),
    };
    // A column that the table itself has goes in the same place.
    let said = |name: &str| table.columns.iter().find(|column| column.name == name);
    let lead = LEAD.into_iter().map(|(name, doc)| said(name).map_or_else(|| text((name, doc)), of));
    let own = table.columns.iter().filter(|column| !LEAD.iter().any(|(name, _)| *name == column.name));
    lead.chain(own.map(of)).chain([text((HEX, HEX_DOC))]).collect()
}
