//! Section: the environment of each process.

use super::line::{Line, Role};
use super::{Overview, Page, heading};
use crate::formats::escape;
use crate::tables::ProcessEnv;

pub(super) fn write(overview: &Overview, variables: &[ProcessEnv], page: &mut Page) {
    page.section("Environments");
    for (process, rows) in overview.by_process(variables, |row| row.pid) {
        if rows.is_empty() {
            continue;
        }
        page.line(&heading(process));
        for row in rows {
            let mut line = Line::of(Role::Plain, format!("  {}", escape(&row.key)));
            if let Some(value) = &row.value {
                line.push(Role::Faint, "=");
                line.push(Role::Plain, escape(value).into_owned());
            }
            page.line(&line);
        }
    }
}
