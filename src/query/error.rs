//! Why a query failed.

use std::fmt;
use std::time::Duration;

use rusqlite::Error as Sqlite;
use rusqlite::ErrorCode;
use thiserror::Error as ThisError;

use super::{ARCHIVE, FUNCTIONS, KEYWORDS, SET};
use crate::catalog;
use crate::error::ErrorKind;
use crate::tables::{self, nearest, usual_name};

/// Names of columns that are words of SQL, so that a query must quote them.
const RESERVED: [&str; 4] = ["from", SET, "to", "values"];

/// Why a query failed: what, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum Error {
    /// The query is not valid.
    #[error("{}{message}{}{}", at(position.as_ref()), meant(nearest.as_deref()), then(advice.as_deref()))]
    Sql {
        /// The message of the engine.
        message: String,
        /// The position of the error.
        position: Option<Position>,
        /// The name or word that was probably meant.
        nearest: Option<String>,
        /// Further advice.
        advice: Option<String>,
    },
    /// The query reads or does something other than reading rows of tables.
    #[error("{0} is not allowed: a query can only read the tables of archives")]
    Refused(String),
    /// There is no query.
    #[error("there is no query")]
    Empty,
    /// Another query follows the first.
    #[error("more than one query; give one at a time")]
    Several,
    /// The query took too long.
    #[error("the query was stopped after {} seconds; ask for less", .0.as_secs_f64())]
    TimedOut(Duration),
    /// The query was stopped by the caller.
    #[error("the query was stopped")]
    Stopped,
    /// The query needed too much memory.
    #[error("the query was stopped: it needs more than {0} bytes of memory; ask for less")]
    Memory(u64),
    /// A value or a row of the result was too long.
    #[error("a value or a row is too long: more than {0} bytes")]
    TooLong(u64),
    /// The engine failed.
    #[error("{0}")]
    Engine(String),
}

impl From<Error> for crate::Error {
    fn from(error: Error) -> Self {
        ErrorKind::Query(error.into()).into()
    }
}

/// A position in a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
}

impl Position {
    /// The position of a byte.
    fn of(sql: &str, offset: usize) -> Self {
        let before = sql.get(..offset).unwrap_or(sql);
        let line = before.rsplit('\n').next().unwrap_or_default();
        Position {
            line: before.matches('\n').count().saturating_add(1),
            column: line.chars().count().saturating_add(1),
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

fn at(position: Option<&Position>) -> String {
    position.map_or_else(String::new, |position| format!("{position}: "))
}

fn meant(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean {name}?"))
}

fn then(advice: Option<&str>) -> String {
    advice.map_or_else(String::new, |advice| format!("; {advice}"))
}

impl Error {
    /// The error for a message of the engine.
    pub(super) fn of(error: Sqlite, sql: &str) -> Self {
        match error {
            Sqlite::SqlInputError { msg, offset, .. } => Error::sql(msg, sql, usize::try_from(offset).ok()),
            Sqlite::SqliteFailure(failure, Some(message)) if failure.code == ErrorCode::Unknown => {
                Error::sql(message, sql, None)
            }
            Sqlite::SqliteFailure(_, Some(message)) => Error::Engine(message),
            Sqlite::UserFunctionError(error) => Error::Engine(error.to_string()),
            Sqlite::MultipleStatement => Error::Several,
            Sqlite::Empty => Error::Empty,
            other => Error::Engine(other.to_string()),
        }
    }

    pub(super) fn sql(message: String, sql: &str, offset: Option<usize>) -> Self {
        let unknown = unknown(&message);
        let (nearest, advice) = match unknown {
            Some(("table", name)) => (usual_name(name).or_else(|| nearest(name, table_names())), None),
            Some(("function", name)) => (nearest(name, FUNCTIONS.iter().map(|function| function.name)), None),
            Some((_, name)) => match elsewhere(name, sql) {
                Some(tables) => (None, Some(tables)),
                None => (nearest(name, columns_of(sql)), None),
            },
            None if message.ends_with(": syntax error") => (misspelt(sql, offset), None),
            None => (None, ambiguous(&message, sql)),
        };
        // The engine gives no position for an unknown table or an incomplete query.
        let end = (message == "incomplete input").then(|| sql.trim_end().len());
        let offset = offset.or(end).or_else(|| unknown.and_then(|(_, name)| sql.find(name)));
        Error::Sql {
            position: offset.map(|offset| Position::of(sql, offset)),
            nearest: nearest.map(str::to_owned),
            advice,
            message,
        }
    }
}

/// The kind of an unknown name, and the name without that of its table.
fn unknown(message: &str) -> Option<(&str, &str)> {
    let (kind, name) = message.strip_prefix("no such ")?.split_once(": ")?;
    // An unknown name in double quotes is followed by advice.
    let name = name.split(" - ").next()?.trim_matches('"');
    Some((kind, name.rsplit('.').next()?))
}

/// Names other tables that have a column which those of the query do not have.
fn elsewhere(name: &str, sql: &str) -> Option<String> {
    if columns_of(sql).iter().any(|column| column.eq_ignore_ascii_case(name)) {
        return None;
    }
    let has = |source: &&tables::TableSource| {
        source.table.columns.iter().any(|column| column.name.eq_ignore_ascii_case(name))
    };
    let names: Vec<&str> = catalog::all().filter(has).map(|source| &*source.table.name).collect();
    match names.as_slice() {
        [] => None,
        [first, second, _, ..] => Some(format!("it is a column of {first}, {second} and other tables")),
        few => Some(format!("it is a column of {}", few.join(" and "))),
    }
}

/// The misspelt word at a syntax error: the word there, or the one before it, which the engine read as a name.
fn misspelt(sql: &str, offset: Option<usize>) -> Option<&'static str> {
    let (before, behind) = sql.split_at_checked(offset?)?;
    let there = super::guard::words(behind).into_iter().next();
    let last = super::guard::words(before).into_iter().next_back();
    // A word that is correct, or the beginning of a correct one, is never replaced.
    let is_right = |word: &&str| KEYWORDS.iter().any(|keyword| keyword.eq_ignore_ascii_case(word));
    let is_name = |word: &&str| table_names().chain(columns_of(sql)).any(|name| name.eq_ignore_ascii_case(word));
    let mut words = there.into_iter().chain(last).filter(|word| !is_right(word) && !is_name(word) && word.len() > 2);
    words.find_map(|word| KEYWORDS.iter().copied().find(|keyword| is_slip(word, keyword)))
}

/// Whether a word is a keyword with a typing error: one letter missing, added or replaced, or two swapped.
fn is_slip(word: &str, keyword: &str) -> bool {
    let word = word.to_ascii_uppercase();
    let (mut letters, mut expected): (Vec<u8>, Vec<u8>) = (word.bytes().collect(), keyword.bytes().collect());
    if letters.len().abs_diff(expected.len()) > 1 {
        return false;
    }
    let begin = letters.iter().zip(&expected).take_while(|(a, b)| a == b).count();
    let end =
        letters.iter().skip(begin).rev().zip(expected.iter().skip(begin).rev()).take_while(|(a, b)| a == b).count();
    letters.truncate(letters.len().saturating_sub(end));
    expected.truncate(expected.len().saturating_sub(end));
    let (differ, other) = (letters.split_off(begin), expected.split_off(begin));
    match (differ.as_slice(), other.as_slice()) {
        ([], [_]) | ([_], [] | [_]) => true,
        ([a, b], [c, d]) => (a, b) == (d, c),
        _ => false,
    }
}

/// Advice for a column that several tables have.
fn ambiguous(message: &str, sql: &str) -> Option<String> {
    let name = message.strip_prefix("ambiguous column name: ")?;
    if let Some((table, _)) = name.rsplit_once('.') {
        return Some(format!("two tables are called {table}; give each an alias: `AS a` and `AS b`"));
    }
    let words = super::guard::words(sql);
    let has = |source: &&tables::TableSource| {
        let table = source.table;
        let is_added = [ARCHIVE, SET].iter().any(|added| name.eq_ignore_ascii_case(added));
        let is_own = table.columns.iter().any(|column| column.name.eq_ignore_ascii_case(name));
        (is_added || is_own) && words.iter().any(|word| word.eq_ignore_ascii_case(&table.name))
    };
    let quoted = if RESERVED.iter().any(|reserved| name.eq_ignore_ascii_case(reserved)) { "\"" } else { "" };
    let column = format!("{quoted}{name}{quoted}");
    let with_it: Vec<&str> = catalog::all().filter(has).map(|source| &*source.table.name).collect();
    Some(match with_it.as_slice() {
        [table] => format!("give each {table} an alias, `AS a` and `AS b`, and write `a.{column}`"),
        _ => format!("write its table before it, or the alias of the table: `TABLE.{column}`"),
    })
}

fn table_names() -> impl Iterator<Item = &'static str> {
    catalog::all().map(|source| &*source.table.name)
}

/// The columns of the tables named in a query, or of all tables if none is named.
fn columns_of(sql: &str) -> Vec<&'static str> {
    let words = super::guard::words(sql);
    let named = |name: &str| words.iter().any(|word| word.eq_ignore_ascii_case(name));
    let any = table_names().any(named);
    let tables = catalog::all().map(|source| source.table).filter(|table| !any || named(&table.name));
    tables.flat_map(|table| table.columns.iter().map(|column| &*column.name)).chain([ARCHIVE]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_from_what_the_engine_says() {
        assert_eq!(unknown("no such table: x"), Some(("table", "x")));
        assert_eq!(unknown("no such column: p.pidd"), Some(("column", "pidd")));
        let advice = "no such column: \"x y\" - should this be a string literal in single-quotes?";
        assert_eq!(unknown(advice), Some(("column", "x y")));
        assert_eq!(unknown("near \"x\": syntax error"), None);
    }

    #[test]
    fn places_are_counted_in_characters() {
        assert_eq!(Position::of("SELECT 'ä',\n x", 14), Position { line: 2, column: 2 });
        assert_eq!(Position::of("x", 99), Position { line: 1, column: 2 });
    }
}
