//! Section: what the container changed in its root file system.

use super::{Page, number, text};
use crate::formats::{Grid, GridColumn, units};
use crate::tables::RootfsChange;

pub(super) fn write(rows: &[RootfsChange], page: &mut Page) {
    page.section("Changed files");
    let mut grid = Grid::new([
        GridColumn::text("CHANGE"),
        GridColumn::text("TYPE"),
        GridColumn::text("MODE"),
        GridColumn::number("UID"),
        GridColumn::number("BYTES"),
        GridColumn::text("MODIFIED (UTC)"),
        GridColumn::text("PATH"),
    ]);
    for row in rows.iter().filter(|row| !row.engine_noise) {
        grid.push(vec![
            row.change.replace('_', " "),
            row.r#type.unwrap_or("-").to_owned(),
            row.mode.clone().unwrap_or_else(|| "-".to_owned()),
            number(row.uid),
            number(row.size),
            row.mtime.map_or_else(|| "-".to_owned(), units::second),
            text(Some(&row.path)),
        ]);
    }
    if grid.is_empty() { page.text.push_str("  none that the archive shows\n") } else { page.grid(&grid, 2) }
}
