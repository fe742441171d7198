//! Tells the query from the archives among the arguments.

use std::path::PathBuf;

use super::super::args::QueryArgs;

/// The words that SQL statements begin with, allowed or not.
const VERBS: [&str; 16] = [
    "SELECT", "WITH", "VALUES", "EXPLAIN", "INSERT", "UPDATE", "DELETE", "REPLACE", "CREATE", "DROP", "ALTER",
    "ATTACH", "DETACH", "PRAGMA", "VACUUM", "BEGIN",
];

/// Commands of the prompt. As a query they are refused, with a tip.
pub(super) const COMMANDS: [&str; 5] = [".exit", ".help", ".quit", ".schema", ".tables"];

/// The arguments of `query`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Split {
    pub(crate) archives: Vec<PathBuf>,
    /// The arguments that are queries. There should be one at most.
    pub(crate) queries: Vec<String>,
}

/// The archives and queries, in any order.
pub(crate) fn split(args: &QueryArgs) -> Split {
    parts(&args.archives, !args.fleet.files_from.is_empty())
}

/// The same. `listed` is set if a list also names archives. A query is an argument that begins like SQL and is not the
/// name of a file. If there is none, the last argument is one if it has a blank: it may be misspelt.
fn parts(arguments: &[PathBuf], listed: bool) -> Split {
    let text = |argument: &PathBuf| argument.to_str().filter(|_| !argument.exists()).map(str::to_owned);
    let (queries, mut archives): (Vec<PathBuf>, Vec<PathBuf>) =
        arguments.iter().cloned().partition(|argument| text(argument).is_some_and(|text| is_query(&text)));
    let mut queries: Vec<String> = queries.iter().filter_map(text).collect();
    let has_blank = |text: &String| text.is_empty() || text.contains(char::is_whitespace);
    if queries.is_empty()
        && (listed || archives.len() > 1)
        && let Some(last) = archives.last().and_then(text).filter(has_blank)
    {
        queries.push(last);
        archives.pop();
    }
    Split { archives, queries }
}

fn is_query(text: &str) -> bool {
    begins_as_sql(text) || COMMANDS.iter().any(|command| command.eq_ignore_ascii_case(text))
}

/// Whether a text begins with a word of SQL, and goes on as no file name does.
fn begins_as_sql(text: &str) -> bool {
    let text = behind_comments(text).trim_start_matches(|c: char| c.is_whitespace() || c == '(');
    let (word, rest) = text.split_at(text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len()));
    let goes_on = rest.is_empty() || rest.starts_with(|c: char| c.is_whitespace() || "(*'\"[`;/".contains(c));
    goes_on && VERBS.iter().any(|verb| word.eq_ignore_ascii_case(verb))
}

/// A query without the comments at its beginning.
fn behind_comments(text: &str) -> &str {
    let mut rest = text.trim_start();
    loop {
        let comment = rest.strip_prefix("--").map(|rest| rest.split_once('\n'));
        let Some(Some((_, behind))) = comment.or_else(|| Some(rest.strip_prefix("/*")?.split_once("*/"))) else {
            return rest;
        };
        rest = behind.trim_start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts_of(arguments: &[&str], listed: bool) -> (usize, Vec<String>) {
        let arguments: Vec<PathBuf> = arguments.iter().map(PathBuf::from).collect();
        let Split { archives, queries } = parts(&arguments, listed);
        (archives.len(), queries)
    }

    #[test]
    fn the_query_is_what_is_no_file() {
        let one = |sql: &str| vec![sql.to_owned()];
        assert_eq!(parts_of(&["a.tar", "b.tar", "SELECT 1"], false), (2, one("SELECT 1")));
        assert_eq!(parts_of(&["a.tar", "b.tar"], false), (2, vec![]));
        assert_eq!(parts_of(&["no such.tar"], false), (1, vec![]), "the first is always an archive");
        assert_eq!(parts_of(&["a.tar", "-"], false), (2, vec![]));
        assert_eq!(parts_of(&["SELECT 1"], true), (0, one("SELECT 1")), "archives are in a list");
        assert_eq!(parts_of(&["SELECT 1", "a.tar", "b.tar"], false), (2, one("SELECT 1")));
        assert_eq!(parts_of(&["a.tar", "with x as (values (1)) select * from x", "b.tar"], false).0, 2);
        assert_eq!(parts_of(&["a.tar", "-- why\nSELECT 1"], false).0, 1);
        assert_eq!(parts_of(&["select.tar", "SELECT 1"], false), (1, one("SELECT 1")));
        assert_eq!(parts_of(&["a.tar", "selekt 1"], false), (1, one("selekt 1")));
        assert_eq!(parts_of(&["a.tar", ""], false), (1, one("")));
        assert_eq!(parts_of(&["a.tar", ".tables"], false), (1, one(".tables")));
    }

    #[test]
    fn a_file_with_a_blank_in_its_name_is_no_query_beside_one() {
        assert_eq!(parts_of(&["SELECT 1", "no such.tar"], false), (1, vec!["SELECT 1".to_owned()]));
        assert_eq!(parts_of(&["a.tar", "SELECT 1", "SELECT 2"], false).1.len(), 2);
    }

    #[test]
    fn sql_needs_no_blank() {
        for sql in
            ["values(1)", "select(1)", "SELECT*FROM mounts", "(values(1))", "select'x'", "/* why */ select 1", "select"]
        {
            assert!(begins_as_sql(sql), "{sql}");
        }
        for name in ["select.tar", "values-1.tar", "with_x", "selection", "/select", "--select", "", "begin.tar.zst"] {
            assert!(!begins_as_sql(name), "{name}");
        }
    }
}
