//! What a table is: its name, its columns and their documentation, all defined in one place, the row's struct.

use super::event::{Event, PID, Target};
use super::value::{Type, Value};

/// A table.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// Its name, for example `processes`.
    pub name: &'static str,
    /// What its rows are, in a sentence or two.
    pub doc: &'static str,
    /// The columns that identify a row.
    pub key: &'static [&'static str],
    /// The columns that fit a screen.
    pub brief: &'static [&'static str],
    /// All columns, in order.
    pub columns: &'static [Column],
    /// What its rows tell a SIEM.
    pub event: Event,
}

/// A column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it means, with units and what null stands for.
    pub doc: &'static str,
    /// Its type. Any column can be null.
    pub column_type: Type,
    /// What the items of its lists are.
    pub item: Option<Type>,
    /// Whether its numbers may be greater than an `i64` holds, be it that an archive lies.
    pub wide: bool,
    /// Whether they are in archives that do not lie: inodes of some file systems, limits, cookies. Engines get a type that
    /// holds them.
    pub large: bool,
    /// What it is called in other schemas, as far as it says.
    pub said: &'static [Target],
}

impl Column {
    /// What it is called in other schemas.
    pub fn targets(&self) -> &'static [Target] {
        if self.said.is_empty() && self.name == "pid" && self.column_type == Type::Integer { PID } else { self.said }
    }
}

/// A row of some table.
pub trait Row {
    /// The table it belongs to.
    fn table(&self) -> &'static Table;

    /// The value of the column of a number; null where there is none.
    fn value(&self, column: usize) -> Value<'_>;

    /// The columns that hold something which is not told, and that are null for that.
    fn withheld(&self) -> Vec<&'static str> {
        Vec::new()
    }
}

/// What a row costs.
pub(crate) trait Weigh {
    /// Bytes that it takes in memory, with all that it has.
    fn weight(&self) -> u64;
}

impl Table {
    /// Whether a column has paths of members of the archive.
    pub(crate) fn names_members(&self, column: &str) -> bool {
        column == "member" || column == "path" && matches!(self.name, "members" | "images")
    }

    /// The number of a column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}

/// The name of a column whose field had to be written as a raw identifier.
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
/// What it is called in other schemas may stand beside them: `event(Event::state(…))` behind `brief(…)`, and
/// `#[to(ecs("process.name"), …)]` between a column's documentation and its field (see [`super::event`]). `#[large("why")]`
/// before that says that the numbers of a `u64` need more than an `i64` (see [`Column::large`]).
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
        pub struct $row { $($(#[doc = $column_doc])+ pub $column: $type,)+ }

        impl $row {
            /// The table's name, documentation and columns.
            pub const TABLE: $crate::tables::Table = $crate::tables::Table {
                name: $name,
                doc: concat!($($doc, "\n"),+),
                key: &[$($crate::tables::table::plain(stringify!($key))),*],
                brief: &[$($crate::tables::table::plain(stringify!($brief))),*],
                columns: &[$($crate::tables::Column {
                    name: $crate::tables::table::plain(stringify!($column)),
                    doc: concat!($($column_doc, "\n"),+),
                    column_type: <$type as $crate::tables::value::Cell>::TYPE,
                    item: <$type as $crate::tables::value::Cell>::ITEM,
                    wide: <$type as $crate::tables::value::Cell>::WIDE,
                    large: $crate::tables::table::large!($($why)?),
                    said: $crate::tables::table::said!($($($target),+)?),
                }),+],
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
            fn table(&self) -> &'static $crate::tables::Table {
                &Self::TABLE
            }

            fn value(&self, column: usize) -> $crate::tables::Value<'_> {
                let getters: &[fn(&Self) -> $crate::tables::Value<'_>] =
                    &[$(|row| $crate::tables::value::Cell::value(&row.$column)),+];
                getters.get(column).map_or($crate::tables::Value::Null, |get| get(self))
            }
        }
    };
}
pub(crate) use table;

/// What a column is called in other schemas.
macro_rules! said {
    () => { &[] };
    ($($target:expr),+) => {{
        #[allow(unused_imports, reason = "few columns need all of them")]
        use $crate::tables::event::{Form, ecs, flow, moment, ocsf, timesketch};
        &[$($target),+]
    }};
}
pub(crate) use said;

/// Whether somebody says why the numbers of a column are large.
macro_rules! large {
    () => {
        false
    };
    ($why:literal) => {
        true
    };
}
pub(crate) use large;

/// What the rows of a table tell a SIEM.
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
