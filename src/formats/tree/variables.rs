//! Section: the environment of each process.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use bstr::BString;

use super::{Overview, Page, heading};
use crate::formats::escape;
use crate::formats::line::{Line, Role};
use crate::model::ids::Pid;
use crate::tables::ProcessEnv;

pub(super) fn write(overview: &Overview, variables: &[ProcessEnv], page: &mut Page) {
    page.section("Environments");
    let mut printed: HashMap<Vec<(&BString, Option<&BString>)>, Pid> = HashMap::new();
    for (process, rows) in overview.by_process(variables, |row| row.pid) {
        if rows.is_empty() {
            continue;
        }
        page.line(&heading(process));
        let mut all: Vec<(&BString, Option<&BString>)> =
            rows.iter().map(|row| (&row.key, row.value.as_ref())).collect();
        // Stable sort: of two variables with the same name, the first is used.
        all.sort_by_key(|(key, _)| *key);
        match printed.entry(all) {
            Entry::Occupied(same) => {
                page.line(&Line::of(Role::Faint, format!("  same environment as pid {}", same.get())));
                continue;
            }
            Entry::Vacant(new) => new.insert(process.pid),
        };
        for row in rows {
            let mut line = Line::of(Role::Plain, escape(&row.key).into_owned());
            if let Some(value) = &row.value {
                line.push(Role::Faint, "=");
                line.push(Role::Plain, escape(value).into_owned());
            }
            page.wrapped(&line, 2);
        }
    }
}
