//! Section: files whose contents are in the archive, but may no longer be on any disk.

use super::{Page, number, text};
use crate::formats::{Grid, GridColumn};
use crate::tables::RecoveredFile;

pub(super) fn write(rows: &[RecoveredFile], page: &mut Page) {
    page.section("Recovered files");
    let mut grid = Grid::new([
        GridColumn::fixed("FROM"),
        GridColumn::number("BYTES"),
        GridColumn::wrapped("HELD BY"),
        GridColumn::fixed("SHA-256"),
        GridColumn::path("PATH").in_full(),
    ]);
    // Directories, links and devices of in-memory file systems have no contents.
    for row in rows.iter().filter(|row| row.r#type == "regular") {
        let hash = row.sha256.clone().unwrap_or_else(|| row.missing_reason.unwrap_or("-").to_owned());
        grid.push(vec![
            row.source.to_owned(),
            number(row.size),
            super::holders(&row.holders),
            hash,
            text(row.path.as_ref().map(|path| path.as_slice())),
        ]);
    }
    if grid.is_empty() { page.text.push_str("  none\n") } else { page.grid(&grid, 2) }
}
