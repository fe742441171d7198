//! Section: the threads of each process.

use super::{Overview, Page, heading, number, text};
use crate::formats::{Grid, GridColumn};
use crate::tables::Thread;

pub(super) fn write(overview: &Overview, threads: &[Thread], page: &mut Page) {
    page.section("Threads");
    for (process, rows) in overview.by_process(threads, |row| row.pid) {
        if rows.is_empty() {
            continue;
        }
        page.line(&heading(process));
        let mut grid = Grid::new([
            GridColumn::number("TID"),
            GridColumn::text("NAME"),
            GridColumn::fixed("INSTRUCTION"),
            GridColumn::fixed("STACK"),
            GridColumn::text("POLICY").spared(1),
            GridColumn::number("NICE").spared(2),
            GridColumn::text("SECCOMP").spared(3),
            GridColumn::fixed("BLOCKED SIGNALS"),
        ]);
        for row in rows {
            grid.push(vec![
                row.tid.to_string(),
                text(row.name.as_ref().map(|name| name.as_slice())),
                number(row.instruction_pointer),
                number(row.stack_pointer),
                row.scheduler_policy.as_deref().unwrap_or("-").to_owned(),
                number(row.nice),
                row.seccomp.unwrap_or("-").to_owned(),
                row.signals_blocked.map_or_else(|| "-".to_owned(), |mask| format!("{:016x}", mask.0)),
            ]);
        }
        page.grid(&grid, 2);
    }
}
