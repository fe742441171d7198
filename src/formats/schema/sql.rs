//! What the engines' ways to make a table have in common.

use std::fmt::Write as _;

use super::super::kind::{Kind, fields};
use crate::tables::{Table, on_one_line};

/// How an engine writes what makes a table.
pub(super) struct Dialect {
    /// What a table is made by, before its name.
    pub(super) create: &'static str,
    /// What stands around names. None of ours has it.
    pub(super) quote: char,
    /// The type of a column.
    pub(super) type_of: fn(Kind) -> String,
    /// How text says what a column means.
    pub(super) comment: Comment,
    /// Characters of a comment, at most: some catalogs take no more.
    pub(super) longest: usize,
    /// What stands behind the columns: of a name and a comment.
    pub(super) end: fn(&str, &str) -> String,
}

/// Where comments stand.
#[derive(Clone, Copy)]
pub(super) enum Comment {
    /// Behind the type, as text in which a quote is written twice.
    Doubled,
    /// The same, where a backslash escapes quotes and itself.
    Escaped,
    /// At the end of the line, behind two dashes.
    Dashes,
}

impl Comment {
    /// Text as it stands in SQL.
    fn text(self, text: &str) -> String {
        match self {
            Comment::Doubled => format!("'{}'", text.replace('\'', "''")),
            Comment::Escaped => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")),
            Comment::Dashes => format!("-- {text}"),
        }
    }
}

/// The SQL that makes a table: a line for each column.
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

/// Text that has only so many characters.
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
