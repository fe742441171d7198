//! What columns are called in Timesketch. All events of a timeline have one set of types: an event of which one field is
//! text where it is a number in others is refused. And some names are Timesketch's own.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use crate::tables::{self, Column, Form, System, Table, Type};

/// Names that Timesketch, its importer or its store give a meaning; what begins with `_` they drop.
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

/// Names of what events have beside their columns, all of them text.
const BESIDE: [&str; 7] =
    ["archive", "archive_sha256", "checkpointed", "process_name", "set", "time_source", "withheld"];

/// Ends of connections.
const ENDS: [(&str, Kind); 4] =
    [("src_ip", Kind::Text), ("src_port", Kind::Number), ("dst_ip", Kind::Text), ("dst_port", Kind::Number)];

/// What a store makes of a value. A list is of the type of its items, which are text here.
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

/// Names that mean different types in different tables.
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
    for column in tables::every().flat_map(|table| table.columns.iter()) {
        add(&*column.name, Kind::of(column));
        let more = column.targets().iter().filter(|t| t.system == System::Timesketch && t.form == Form::Plain);
        for target in more {
            add(target.field, Kind::of(column));
        }
    }
    kinds.into_iter().filter(|(_, kinds)| kinds.len() > 1).map(|(name, _)| name).collect()
});

/// Names that some event has.
static KNOWN: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    let columns = tables::every().flat_map(|table| table.columns.iter());
    let targets = columns.clone().flat_map(Column::targets).filter(|target| target.system == System::Timesketch);
    let beside = BESIDE.into_iter().chain(ENDS.map(|(name, _)| name));
    columns.map(|column| &*column.name).chain(targets.map(|target| target.field)).chain(beside).collect()
});

/// Whether a name is not free for whoever likes.
fn is_taken(name: &str) -> bool {
    RESERVED.contains(&name) || name.starts_with('_') || AMBIGUOUS.contains(name)
}

/// What a column is called: its name, or where that is not free, `<table>_<column>`.
pub(super) fn of_column(table: &Table, column: &Column) -> Cow<'static, str> {
    if is_taken(&column.name) { format!("{}_{}", table.name, column.name).into() } else { column.name.clone() }
}

/// What a field is called that is said of all rows: its name, or where a column or Timesketch has that, `field_<name>`.
pub(super) fn of_field(name: &str) -> Cow<'_, str> {
    if is_taken(name) || KNOWN.contains(name) { format!("field_{name}").into() } else { name.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever columns are added: no two of a table have one name, and a name is of one type.
    #[test]
    fn every_name_is_free_and_of_one_type() {
        let mut kinds: HashMap<String, (Kind, &str)> =
            BESIDE.iter().map(|name| ((*name).to_owned(), (Kind::Text, "all"))).collect();
        let mut renamed = 0;
        for table in tables::every() {
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
