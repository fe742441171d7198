//! A table: its name, its columns and their documentation, all defined in one place, the struct of its rows.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::Arc;

use super::event::{Event, PID, Target};
use super::value::{Type, Value};

/// A table. Those of [`super::ALL`] are defined by the struct of their rows; others are created at run time with
/// [`Table::new`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Table {
    /// Name, for example `processes`.
    pub name: Name,
    /// Description of its rows, in a sentence or two.
    pub doc: Name,
    /// The columns that identify a row.
    pub key: Cow<'static, [Name]>,
    /// The columns that fit on a screen.
    pub brief: Cow<'static, [Name]>,
    /// All columns, in order.
    pub columns: Cow<'static, [Column]>,
    /// Mapping of its rows for a SIEM.
    pub event: Event,
}

/// Text that is either static or created at run time.
pub type Name = Cow<'static, str>;

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Column {
    /// Name.
    pub name: Name,
    /// Description, with the unit and the meaning of null.
    pub doc: Name,
    /// Type. Any column can be null.
    pub column_type: Type,
    /// The type of the items of its lists.
    pub item: Option<Type>,
    /// Whether its numbers may exceed an `i64`, even if only in forged archives.
    pub wide: bool,
    /// Whether such numbers occur in genuine archives: inodes of some file systems, limits, cookies. Engines get a type
    /// that holds them.
    pub large: bool,
    /// Its fields in other schemas, as declared by the column.
    pub said: &'static [Target],
}

impl Column {
    /// Creates a column with a name and a type.
    pub fn new(name: impl Into<Name>, column_type: Type) -> Self {
        let name = name.into();
        Column { name, doc: Cow::Borrowed(""), column_type, item: None, wide: false, large: false, said: &[] }
    }

    /// Sets the documentation.
    #[must_use]
    pub fn with_doc(self, doc: impl Into<Name>) -> Self {
        Column { doc: doc.into(), ..self }
    }

    /// Its fields in other schemas.
    pub fn targets(&self) -> &'static [Target] {
        if self.said.is_empty() && self.name == "pid" && self.column_type == Type::Integer { PID } else { self.said }
    }
}

/// A table that a row can keep: one of ours, or one that was made while the program runs and is shared by its rows.
#[derive(Clone, Debug)]
pub struct TableRef(pub(super) Kept);

#[derive(Clone, Debug)]
pub(super) enum Kept {
    Static(&'static Table),
    Shared(Arc<Table>),
}

impl Deref for TableRef {
    type Target = Table;

    fn deref(&self) -> &Table {
        match &self.0 {
            Kept::Static(table) => table,
            Kept::Shared(table) => table,
        }
    }
}

impl From<&'static Table> for TableRef {
    fn from(table: &'static Table) -> Self {
        TableRef(Kept::Static(table))
    }
}

impl From<Table> for TableRef {
    fn from(table: Table) -> Self {
        TableRef(Kept::Shared(Arc::new(table)))
    }
}

impl From<Arc<Table>> for TableRef {
    fn from(table: Arc<Table>) -> Self {
        TableRef(Kept::Shared(table))
    }
}

/// A row of some table.
pub trait Row {
    /// The table it belongs to.
    fn table(&self) -> &Table;

    /// The value of a column, given by number. Null if there is no such column.
    fn value(&self, column: usize) -> Value<'_>;

    /// The columns whose values are withheld, and are null for that reason.
    fn withheld(&self) -> Vec<&str> {
        Vec::new()
    }

    /// The table, for use beyond the lifetime of the row.
    fn shared_table(&self) -> TableRef {
        TableRef::from(self.table().clone())
    }
}

/// Size of a row.
pub(crate) trait Weigh {
    /// Size in memory in bytes, including all its values.
    fn weight(&self) -> u64;
}

impl Table {
    /// Creates a table with a name and columns. Its rows are [`super::Record`]s, or any other type that implements
    /// [`Row`].
    pub fn new(name: impl Into<Name>, columns: Vec<Column>) -> Self {
        Table {
            name: name.into(),
            doc: Cow::Borrowed(""),
            key: Cow::Borrowed(&[]),
            brief: Cow::Borrowed(&[]),
            columns: Cow::Owned(columns),
            event: Event::PLAIN,
        }
    }

    /// Sets the columns that identify a row.
    #[must_use]
    pub fn with_key(self, key: impl IntoIterator<Item = impl Into<Name>>) -> Self {
        Table { key: key.into_iter().map(Into::into).collect(), ..self }
    }

    /// Sets the columns that fit on a screen.
    #[must_use]
    pub fn with_brief(self, brief: impl IntoIterator<Item = impl Into<Name>>) -> Self {
        Table { brief: brief.into_iter().map(Into::into).collect(), ..self }
    }

    /// Sets the documentation.
    #[must_use]
    pub fn with_doc(self, doc: impl Into<Name>) -> Self {
        Table { doc: doc.into(), ..self }
    }

    /// Whether a column holds paths of members of the archive.
    pub(crate) fn names_members(&self, column: &str) -> bool {
        column == "member" || column == "path" && matches!(&*self.name, "members" | "images")
    }

    /// The number of a column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}

/// The name of a column whose field is a raw identifier.
pub(crate) const fn plain(name: &'static str) -> &'static str {
    match name.as_bytes() {
        [b'r', b'#', rest @ ..] => match std::str::from_utf8(rest) {
            Ok(rest) => rest,
            Err(_) => name,
        },
        _ => name,
    }
}

/// Defines a table by the struct of its rows. The doc comments are the documentation of the table and its columns.
///
/// Mappings to other schemas are declared there, too: `event(Event::state(…))` after `brief(…)`, and
/// `#[to(ecs("process.name"), …)]` between a column's documentation and its field (see [`super::event`]).
/// `#[large("why")]` before that declares that the numbers of a `u64` need more than an `i64` (see [`Column::large`]).
macro_rules! table {
    (
        $name:literal, key($($key:ident),*), brief($($brief:ident),*) $(, event($event:expr))?;
        $(#[doc = $doc:literal])+
        pub struct $row:ident {
            $(
                $(#[doc = $column_doc:literal])+
                $(#[large($why:literal)])?
                $(#[to($($target:expr),+)])?
                pub $column:ident: $type:ty,
            )+
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug)]
        #[non_exhaustive]
        pub struct $row { $($(#[doc = $column_doc])+ pub $column: $type,)+ }

        impl $row {
            /// The table's name, documentation and columns.
            pub const TABLE: $crate::tables::Table = $crate::tables::Table {
                name: std::borrow::Cow::Borrowed($name),
                doc: std::borrow::Cow::Borrowed(concat!($($doc, "\n"),+)),
                key: std::borrow::Cow::Borrowed(&[$(std::borrow::Cow::Borrowed($crate::tables::table::plain(stringify!($key)))),*]),
                brief: std::borrow::Cow::Borrowed(&[$(std::borrow::Cow::Borrowed($crate::tables::table::plain(stringify!($brief)))),*]),
                columns: std::borrow::Cow::Borrowed(&[$($crate::tables::Column {
                    name: std::borrow::Cow::Borrowed($crate::tables::table::plain(stringify!($column))),
                    doc: std::borrow::Cow::Borrowed(concat!($($column_doc, "\n"),+)),
                    column_type: <$type as $crate::tables::value::Cell>::TYPE,
                    item: <$type as $crate::tables::value::Cell>::ITEM,
                    wide: <$type as $crate::tables::value::Cell>::WIDE,
                    large: $crate::tables::table::large!($($why)?),
                    said: $crate::tables::table::said!($($($target),+)?),
                }),+]),
                event: $crate::tables::table::event!($($event)?),
            };
        }

        impl $crate::tables::table::Weigh for $row {
            fn weight(&self) -> u64 {
                let cells = [$($crate::tables::value::Cell::weight(&self.$column)),+];
                $crate::int::u64_of(cells.into_iter().fold(size_of::<Self>(), usize::saturating_add))
            }
        }

        impl $crate::tables::Row for $row {
            fn table(&self) -> &$crate::tables::Table {
                &Self::TABLE
            }

            fn shared_table(&self) -> $crate::tables::TableRef {
                $crate::tables::TableRef::from(&Self::TABLE)
            }

            fn value(&self, column: usize) -> $crate::tables::Value<'_> {
                let getters: &[fn(&Self) -> $crate::tables::Value<'_>] =
                    &[$(|row| $crate::tables::value::Cell::value(&row.$column)),+];
                getters.get(column).map_or($crate::tables::Value::Null, |get| get(self))
            }
        }

        impl serde::Serialize for $row {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let row: &dyn $crate::tables::Row = self;
                serde::Serialize::serialize(row, serializer)
            }
        }
    };
}
pub(crate) use table;

/// The fields of a column in other schemas.
macro_rules! said {
    () => { &[] };
    ($($target:expr),+) => {{
        #[allow(unused_imports, reason = "few columns need all of them")]
        use $crate::tables::event::{Form, ecs, flow, moment, ocsf, timesketch};
        &[$($target),+]
    }};
}
pub(crate) use said;

/// Whether the numbers of a column are declared to be large.
macro_rules! large {
    () => {
        false
    };
    ($why:literal) => {
        true
    };
}
pub(crate) use large;

/// The mapping of a table's rows for a SIEM.
macro_rules! event {
    () => {
        $crate::tables::event::Event::PLAIN
    };
    ($event:expr) => {{
        #[allow(unused_imports, reason = "few tables need both")]
        use $crate::tables::event::{Event, Subject};
        $event
    }};
}
pub(crate) use event;
