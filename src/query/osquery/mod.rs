//! osquery's tables, for queries that were written for it: views over ours, and tables that are read from the files of
//! the container. Their names and columns are osquery's. What a checkpoint does not have is null, or a table without rows.

mod files;
mod given;
mod lists;
mod made;
pub mod pack;
mod views;

use std::collections::BTreeSet;

pub(super) use given::{Cell, Given};
pub(super) use made::{MADE, Made};
pub(super) use views::VIEWS;

/// Names of osquery's tables.
pub fn tables() -> impl Iterator<Item = &'static str> {
    VIEWS.iter().map(|view| view.name).chain(MADE.iter().map(|made| made.name))
}

/// What to know about a table before its rows are believed: why it has none, or which are missing.
pub fn note(table: &str) -> Option<&'static str> {
    let of_view = VIEWS.iter().find(|view| view.name == table).and_then(|view| view.note);
    of_view.or_else(|| MADE.iter().find(|made| made.name == table).and_then(|made| made.note))
}

/// The names in lower case, for the guard.
pub(super) fn names() -> BTreeSet<String> {
    tables().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_used_once() {
        let all: Vec<&str> = tables().collect();
        assert_eq!(names().len(), all.len());
        assert!(note("last").is_some() && note("processes").is_none());
    }
}
