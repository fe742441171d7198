//! Common parts of `CREATE TABLE` for all engines.

use std::fmt::Write as _;

use super::super::kind::{Kind, fields};
use crate::catalog::on_one_line;
use crate::tables::Table;

/// How an engine writes `CREATE TABLE`.
pub(super) struct Dialect {
    /// The words before the name of the table.
    pub(super) create: &'static str,
    /// Quotation mark around names. None of our names contains it.
    pub(super) quote: char,
    /// The type of a column.
    pub(super) type_of: fn(Kind) -> String,
    /// How comments on columns are written.
    pub(super) comment: Comment,
    /// Maximum length of a comment in characters, as some catalogs have a limit.
    pub(super) longest: usize,
    /// The end of the statement, for a name and a comment.
    pub(super) end: fn(&str, &str) -> String,
}

/// Placement of comments.
#[derive(Clone, Copy)]
pub(super) enum Comment {
    /// After the type, as text in which quotes are doubled.
    Doubled,
    /// The same, with a backslash before quotes and backslashes.
    Escaped,
    /// At the end of the line, after two dashes.
    Dashes,
}

impl Comment {
    /// Text as an SQL literal.
    fn text(self, text: &str) -> String {
        match self {
            Comment::Doubled => format!("'{}'", text.replace('\'', "''")),
            Comment::Escaped => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")),
            Comment::Dashes => format!("-- {text}"),
        }
    }
}

/// The SQL that creates a table, with one line per column.
pub(super) fn create(table: &Table, dialect: &Dialect) -> String {
    let (quote, comment) = (dialect.quote, dialect.comment);
    let mut sql = format!("{} {quote}{}{quote} (\n", dialect.create, table.name);
    let fields = fields(table);
    let short = |doc: &str| shortened(doc, dialect.longest);
    let last = fields.len().saturating_sub(1);
    for (number, field) in fields.iter().enumerate() {
        let comma = if number < last { "," } else { "" };
        let (name, of_type, says) = (&field.name, (dialect.type_of)(field.kind), comment.text(&short(&field.doc)));
        let _ = match comment {
            Comment::Dashes => writeln!(sql, "  {quote}{name}{quote} {of_type}{comma} {says}"),
            _ => writeln!(sql, "  {quote}{name}{quote} {of_type} COMMENT {says}{comma}"),
        };
    }
    let says = comment.text(&short(&on_one_line(&table.doc)));
    let _ = writeln!(sql, "){};", (dialect.end)(&table.name, &says));
    if let Comment::Dashes = comment { format!("{says}\n{sql}") } else { sql }
}

/// Truncates text to a number of characters.
fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_escaped_and_bounded() {
        assert_eq!(shortened("äbc", 3), "äbc");
        assert_eq!(shortened("äbcd", 3), "äb…");
        let text = "it's C:\\";
        assert_eq!(Comment::Doubled.text(text), "'it''s C:\\'");
        assert_eq!(Comment::Escaped.text(text), "'it\\'s C:\\\\'");
        assert_eq!(Comment::Dashes.text(text), "-- it's C:\\");
    }
}
