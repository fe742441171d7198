//! Section: open files of each process, with its current and root directory.

use std::collections::HashMap;

use super::sockets::Ends;
use super::{Overview, Page, heading, number, sockets, text};
use crate::formats::text::cell;
use crate::formats::{Grid, GridColumn};
use crate::model::ids::{Fd, Pid};
use crate::tables::{OpenFile, OpenSocket};

pub(super) fn write(overview: &Overview, files: &[OpenFile], page: &mut Page) {
    page.section("Open files");
    let sockets: HashMap<(Pid, Fd), &OpenSocket> =
        overview.sockets.iter().map(|socket| ((socket.pid, socket.fd), socket)).collect();
    let ends = Ends::of(overview);
    for (process, rows) in overview.by_process(files, |file| file.pid) {
        // A process without descriptors still has directories.
        if rows.is_empty() && process.cwd.is_none() && process.root.is_none() {
            continue;
        }
        page.line(&heading(process));
        let mut grid = Grid::new([
            GridColumn::number("FD"),
            GridColumn::fixed("TYPE"),
            GridColumn::fixed("MODE"),
            GridColumn::number("POS"),
            GridColumn::wrapped("PATH"),
        ]);
        for row in rows {
            grid.push(vec![
                row.fd.to_string(),
                row.r#type.unwrap_or("-").to_owned(),
                mode(row),
                number(row.pos.filter(|&pos| pos != 0)),
                text(row.path.as_ref().map(|path| path.as_slice())) + &more(row, &sockets, &ends),
            ]);
        }
        for (what, path) in [("cwd", &process.cwd), ("root", &process.root)] {
            if let Some(path) = path {
                let cells = [what, "directory", "", "-"].map(str::to_owned).to_vec();
                grid.push([cells, vec![text(Some(path))]].concat());
            }
        }
        page.grid(&grid, 2);
    }
}

/// Details that the name of a file does not show: addresses of a socket, a counter, watched files.
fn more(row: &OpenFile, sockets: &HashMap<(Pid, Fd), &OpenSocket>, ends: &Ends<'_>) -> String {
    if let Some(socket) = sockets.get(&(row.pid, row.fd)) {
        return format!("  {}", sockets::brief(socket, ends));
    }
    match (&row.detail, row.r#type) {
        // The detail is its mode. The path is enough.
        (None, _) | (Some(_), Some("regular" | "directory" | "character" | "block" | "path")) => String::new(),
        (Some(detail), _) => format!("  {}", cell(&detail.value())),
    }
}

/// Access mode, append, and close-on-exec.
fn mode(row: &OpenFile) -> String {
    let names = row.flag_names.as_deref().unwrap_or_default();
    let has = |name: &str| names.iter().any(|n| n == name);
    let access = match names.first().map(AsRef::as_ref) {
        Some("O_RDONLY") => "r",
        Some("O_WRONLY") => "w",
        Some("O_RDWR") => "rw",
        _ => "-",
    };
    let append = if has("O_APPEND") { "a" } else { "" };
    let cloexec = if row.cloexec { " cloexec" } else { "" };
    format!("{access}{append}{cloexec}")
}
