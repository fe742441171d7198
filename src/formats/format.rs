//! The trait of formats, and the list of all formats.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};

use super::Origin;
use super::encoder::Encoded;
use super::style::{Columns, Style};
use crate::tables::{Column, Row, Table, Value};

/// How rows become bytes. Each format is a file that implements this trait, and a line in the list.
pub(super) trait Encode: Sync {
    /// The value of `--format`.
    fn name(&self) -> &'static str;

    /// One line of help.
    fn doc(&self) -> &'static str;

    /// File name extension.
    fn extension(&self) -> &'static str {
        "ndjson"
    }

    /// What the format needs, and how its rows are arranged.
    fn kind(&self) -> Kind;

    /// Encodes a row, without what stands between rows.
    fn encode(&self, line: &Line<'_>) -> io::Result<Encoded>;

    /// Begins a table. The returned sheet takes its rows.
    fn begin(&self, _: &Head<'_>, _: &mut dyn Write) -> io::Result<Box<dyn Sheet>> {
        Ok(Box::new(Lines))
    }

    /// Completes an output, with or without a table.
    fn finish(&self, _: &Style, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

/// What a format needs, and how its rows are arranged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Each row is independent.
    Lines,
    /// Rows are grouped by table, across checkpoints.
    ByTable,
    /// The same, but an output holds exactly one table and is not text.
    OneTable,
    /// Each row is a document that names its checkpoint.
    Document {
        /// Whether each document needs a time.
        timed: bool,
    },
}

/// A row to encode, with its leading columns.
pub(super) struct Line<'r> {
    pub(super) row: &'r dyn Row,
    /// The columns after the leading ones.
    pub(super) behind: Cow<'r, Columns>,
    /// All columns to write.
    pub(super) columns: &'r Columns,
    /// Name of the table, if rows name it.
    pub(super) table_name: Option<&'r str>,
    /// Values of the leading columns, such as the archive.
    pub(super) lead: Vec<(&'r str, Value<'r>)>,
    /// Checkpoint of a document, and the id of its row.
    pub(super) origin: Option<(&'r Origin, String)>,
}

impl<'r> Line<'r> {
    /// The leading values, with the name of the table.
    pub(super) fn named_lead(&self) -> impl Iterator<Item = (&'r str, Value<'r>)> + '_ {
        let table = self.table_name.map(|name| ("table", Value::Text(name.into())));
        table.into_iter().chain(self.lead.iter().cloned())
    }

    /// Checkpoint of a document, and the id of its row.
    ///
    /// # Errors
    ///
    /// If the caller did not set the checkpoint.
    pub(super) fn origin(&self) -> io::Result<(&'r Origin, &str)> {
        let missing = || io::Error::new(io::ErrorKind::InvalidInput, "documents need to know their checkpoint");
        self.origin.as_ref().map(|(origin, id)| (*origin, id.as_str())).ok_or_else(missing)
    }
}

/// A table that begins.
pub(super) struct Head<'t> {
    pub(super) style: &'t Style,
    pub(super) table: &'t Table,
    /// The columns after the leading ones.
    pub(super) behind: Cow<'t, Columns>,
    /// Whether it is the first table of its output.
    pub(super) first: bool,
}

impl<'t> Head<'t> {
    /// The columns of the table.
    pub(super) fn columns(&self) -> impl Iterator<Item = &'t Column> + use<'t> {
        self.behind.of(self.table).map(|(_, column)| column)
    }

    /// The names of the leading columns.
    pub(super) fn lead(&self) -> impl Iterator<Item = &'t str> + use<'t> {
        self.style.lead.iter().map(String::as_str)
    }

    /// The same, with that of the table's name.
    pub(super) fn named_lead(&self) -> impl Iterator<Item = &'t str> + use<'t> {
        self.style.name_tables.then_some("table").into_iter().chain(self.lead())
    }
}

/// Takes the rows of a table that was begun.
pub(super) trait Sheet: fmt::Debug + Send {
    /// Takes a row.
    fn put(&mut self, row: Encoded, out: &mut dyn Write) -> io::Result<()>;

    /// Ends the table.
    fn end(self: Box<Self>, _: &Style, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    /// Bytes of memory used by rows that wait to be written together.
    fn waiting(&self) -> usize {
        0
    }

    /// Writes the waiting rows.
    fn write_waiting(&mut self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

/// Rows that are written as they come.
#[derive(Debug)]
pub(super) struct Lines;

impl Sheet for Lines {
    fn put(&mut self, row: Encoded, out: &mut dyn Write) -> io::Result<()> {
        match row {
            Encoded::Bytes(bytes) => out.write_all(&bytes),
            Encoded::Cells(..) => Ok(()),
            #[cfg(feature = "parquet")]
            Encoded::Typed(_) => Ok(()),
        }
    }
}

/// A format of rows.
#[derive(Clone, Copy)]
pub struct Format(pub(super) &'static dyn Encode);

/// Defines the list of formats: one line for each, with its file.
macro_rules! formats {
    ($($(#[$attribute:meta])* $name:ident: $module:ident::$type:ident;)+) => {
        impl Format {
            $(
                #[doc = concat!("The format of the file `", stringify!($module), "`.")]
                $(#[$attribute])*
                pub const $name: Format = Format(&$module::$type);
            )+

            /// All formats, in the order in which they are documented.
            pub const ALL: &[Format] = &[$($(#[$attribute])* Format::$name,)+];
        }
    };
}
pub(super) use formats;

impl Format {
    /// Returns the format with a name, as given to `--format`.
    pub fn find(name: &str) -> Option<Format> {
        Self::ALL.iter().copied().find(|format| format.name() == name)
    }

    /// Name, as given to `--format`.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// One line of help.
    pub fn doc(self) -> &'static str {
        self.0.doc()
    }

    /// File name extension.
    pub fn extension(self) -> &'static str {
        self.0.extension()
    }

    /// Whether rows are grouped by table, across checkpoints. In other formats, each row is independent.
    pub fn is_by_table(self) -> bool {
        matches!(self.0.kind(), Kind::ByTable | Kind::OneTable)
    }

    /// Whether an output holds exactly one table. Such a format is not text.
    pub fn is_one_table(self) -> bool {
        self.0.kind() == Kind::OneTable
    }

    /// Whether rows are documents that name their checkpoint.
    pub fn needs_origin(self) -> bool {
        matches!(self.0.kind(), Kind::Document { .. })
    }

    /// Whether each document needs a time.
    pub fn needs_time(self) -> bool {
        self.0.kind() == Kind::Document { timed: true }
    }

    pub(super) fn rules(self) -> &'static dyn Encode {
        self.0
    }
}

impl PartialEq for Format {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Format {}

impl fmt::Debug for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_has_a_name_of_its_own_and_a_line_of_help() {
        for (number, format) in Format::ALL.iter().enumerate() {
            assert_eq!(Format::ALL.iter().position(|other| other == format), Some(number), "{format:?}");
            assert_eq!(Format::find(format.name()), Some(*format));
            assert!(format.doc().starts_with(char::is_uppercase) && !format.doc().contains('\n'), "{format:?}");
            assert!(!format.needs_time() || format.needs_origin(), "{format:?}");
        }
        assert_eq!(Format::find("xml"), None);
    }
}
