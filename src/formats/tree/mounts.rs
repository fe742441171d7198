//! Section: mounts, actual and specified.

use super::{Page, text};
use crate::formats::{Grid, GridColumn};
use crate::tables::Mount;

/// The source of a mount, and its root directory unless that is `/`: `tmpfs[/docker.sock]`, as `findmnt` prints it.
fn source(row: &Mount) -> String {
    let source = text(row.source.as_ref().map(|source| source.as_slice()));
    match row.root.as_ref().filter(|root| !matches!(root.as_slice(), b"/" | b"")) {
        Some(root) => format!("{source}[{}]", text(Some(root))),
        None => source,
    }
}

pub(super) fn write(mounts: &[Mount], page: &mut Page) {
    let (was, asked): (Vec<&Mount>, Vec<&Mount>) = mounts.iter().partition(|mount| mount.from == "image");
    for (title, rows) in [("Mounts", was), ("Mounts that the specification asks for", asked)] {
        if rows.is_empty() {
            continue;
        }
        page.section(title);
        let mut grid = Grid::new([
            GridColumn::path("PATH"),
            GridColumn::text("TYPE"),
            GridColumn::path("SOURCE"),
            GridColumn::wrapped("OPTIONS"),
        ]);
        for row in rows {
            let options: Vec<String> =
                row.options.iter().map(|option| crate::formats::escape(option).into_owned()).collect();
            grid.push(vec![
                text(Some(&row.path)),
                text(row.r#type.as_ref().map(|t| t.as_slice())),
                source(row),
                options.join(","),
            ]);
        }
        page.grid(&grid, 2);
    }
}
