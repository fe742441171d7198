//! Names of columns in Timesketch. All events of a timeline share one set of types: an event with text in a field that
//! is a number in others is refused. Some names are reserved by Timesketch.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use crate::catalog;
use crate::tables::{Column, Form, System, Table, Type};

/// Names with a meaning in Timesketch, its importer or its store. Names that begin with `_` are dropped.
const RESERVED: [&str; 22] = [
    "annotation",
    "annotations",
    "comment",
    "comments",
    "data_type",
    "datetime",
    "doc",
    "doc_type",
    "event_id",
    "human_readable",
    "label",
    "labels",
    "lang",
    "message",
    "script",
    "similarity_score",
    "sketch_id",
    "tag",
    "tags",
    "timesketch_label",
    "timestamp",
    "timestamp_desc",
];

/// Names of text fields that events have besides their columns.
const BESIDE: [&str; 7] =
    ["archive", "archive_sha256", "checkpointed", "process_name", "set", "time_source", "withheld"];

/// Fields of the ends of connections.
const ENDS: [(&str, Kind); 4] =
    [("src_ip", Kind::Text), ("src_port", Kind::Number), ("dst_ip", Kind::Text), ("dst_port", Kind::Number)];

/// The type that the store gives to a value. A list has the type of its items, which are text here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Text,
    Number,
    Switch,
}

impl Kind {
    fn of(column: &Column) -> Self {
        match column.column_type {
            Type::Bool => Kind::Switch,
            Type::Integer => Kind::Number,
            _ => Kind::Text,
        }
    }
}

/// Names with different types in different tables.
static AMBIGUOUS: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    let mut kinds: HashMap<&'static str, HashSet<Kind>> = HashMap::new();
    let mut add = |name, kind| {
        kinds.entry(name).or_default().insert(kind);
    };
    for name in BESIDE {
        add(name, Kind::Text);
    }
    for (name, kind) in ENDS {
        add(name, kind);
    }
    for column in catalog::every().flat_map(|table| table.columns.iter()) {
        add(&*column.name, Kind::of(column));
        let more = column.targets().iter().filter(|t| t.system == System::Timesketch && t.form == Form::Plain);
        for target in more {
            add(target.field, Kind::of(column));
        }
    }
    kinds.into_iter().filter(|(_, kinds)| kinds.len() > 1).map(|(name, _)| name).collect()
});

/// Names of the fields of all events.
static KNOWN: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    let columns = catalog::every().flat_map(|table| table.columns.iter());
    let targets = columns.clone().flat_map(Column::targets).filter(|target| target.system == System::Timesketch);
    let beside = BESIDE.into_iter().chain(ENDS.map(|(name, _)| name));
    columns.map(|column| &*column.name).chain(targets.map(|target| target.field)).chain(beside).collect()
});

/// Whether a name is already in use.
fn is_taken(name: &str) -> bool {
    RESERVED.contains(&name) || name.starts_with('_') || AMBIGUOUS.contains(name)
}

/// The name of a column, or `<table>_<column>` if that name is not free.
pub(super) fn of_column(table: &Table, column: &Column) -> Cow<'static, str> {
    if is_taken(&column.name) { format!("{}_{}", table.name, column.name).into() } else { column.name.clone() }
}

/// The name of a user's field, or `field_<name>` if a column or Timesketch uses that name.
pub(super) fn of_field(name: &str) -> Cow<'_, str> {
    if is_taken(name) || KNOWN.contains(name) { format!("field_{name}").into() } else { name.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// For all columns: no two of a table share a name, and each name has a single type.
    #[test]
    fn every_name_is_free_and_of_one_type() {
        let mut kinds: HashMap<String, (Kind, &str)> =
            BESIDE.iter().map(|name| ((*name).to_owned(), (Kind::Text, "all"))).collect();
        let mut renamed = 0;
        for table in catalog::every() {
            let mut seen = HashSet::new();
            for column in table.columns.iter() {
                let name = of_column(table, column);
                renamed += usize::from(name != column.name);
                assert!(seen.insert(name.clone()), "{}: {name} is there twice", table.name);
                assert!(!RESERVED.contains(&&*name), "{}: {name}", table.name);
                let kind = (Kind::of(column), &*table.name);
                let before = kinds.entry(name.clone().into_owned()).or_insert(kind);
                assert_eq!(before.0, kind.0, "{name} of {} and {}", before.1, kind.1);
            }
        }
        assert!(renamed > 10, "{renamed}");
    }

    #[test]
    fn what_is_said_takes_no_name_of_a_column() {
        assert_eq!(
            ["node", "case", "pid", "tag", "_id", "archive", "src_ip"].map(of_field),
            ["node", "case", "field_pid", "field_tag", "field__id", "field_archive", "field_src_ip"]
        );
    }
}
