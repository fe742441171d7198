//! Section: mounts, as they were and as the specification asked for.

use super::{Page, text};
use crate::formats::{Grid, GridColumn};
use crate::tables::Mount;

pub(super) fn write(mounts: &[Mount], page: &mut Page) {
    let (was, asked): (Vec<&Mount>, Vec<&Mount>) = mounts.iter().partition(|mount| mount.from == "image");
    for (title, rows) in [("Mounts", was), ("Mounts that the specification asks for", asked)] {
        if rows.is_empty() {
            continue;
        }
        page.section(title);
        let mut grid = Grid::new([
            GridColumn::text("PATH"),
            GridColumn::text("TYPE"),
            GridColumn::text("SOURCE"),
            GridColumn::text("ROOT"),
            GridColumn::text("OPTIONS"),
        ]);
        for row in rows {
            let options: Vec<String> =
                row.options.iter().map(|option| crate::formats::escape(option).into_owned()).collect();
            grid.push(vec![
                text(Some(&row.path)),
                text(row.r#type.as_ref().map(|t| t.as_slice())),
                text(row.source.as_ref().map(|s| s.as_slice())),
                text(row.root.as_ref().map(|r| r.as_slice())),
                options.join(","),
            ]);
        }
        page.grid(&grid, 2);
    }
}
