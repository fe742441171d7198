//! Section: the mappings of each process, with the stored memory of each.

use super::{Overview, Page, heading};
use crate::formats::{Grid, GridColumn, escape, units};
use crate::tables::Mapping;

pub(super) fn write(overview: &Overview, maps: &[Mapping], page: &mut Page) {
    page.section("Mappings");
    for (process, rows) in overview.by_process(maps, |row| row.pid) {
        if rows.is_empty() {
            continue;
        }
        page.line(&heading(process));
        let mut grid = Grid::new([
            GridColumn::fixed("START"),
            GridColumn::fixed("END"),
            GridColumn::fixed("PERM"),
            GridColumn::number("SIZE").spared(1),
            GridColumn::number("RECORDED"),
            GridColumn::path("PATH"),
        ]);
        for row in rows {
            let name = if row.path.is_empty() { format!("({})", row.kind) } else { escape(&row.path).into_owned() };
            grid.push(vec![
                row.start.to_string(),
                row.end.to_string(),
                row.permissions.clone(),
                units::size(row.end.0.saturating_sub(row.start.0)),
                recorded(row),
                name,
            ]);
        }
        page.grid(&grid, 2);
    }
}

fn recorded(row: &Mapping) -> String {
    match (row.recorded_bytes, row.parent_bytes, row.lazy_bytes) {
        (0, 0, 0) => "-".to_owned(),
        (0, 0, lazy) => format!("lazy {}", units::size(lazy)),
        (0, parent, _) => format!("in parent {}", units::size(parent)),
        (here, ..) => units::size(here),
    }
}
