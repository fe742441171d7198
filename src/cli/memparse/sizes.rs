//! `memparse` without a search: how much of each process's memory was recorded, and what was not and why.

use std::io::Write;

use cryoscope::formats::{Columns, Grid, GridColumn, Style, escape, units};
use cryoscope::tables::{MemorySize, Row, TableSource};

use super::super::Outcome;
use super::super::args::{By, Global, MemparseArgs, RowFormat};
use super::super::exit::Exit;
use super::super::rows::{self, Filter, One, pid_of};
use super::super::screen::Screen;
use super::selection::Selected;

pub(super) fn run(one: &One<'_>, selected: &Selected<'_>, args: &MemparseArgs, global: &Global) -> Outcome {
    let checkpoint = one.checkpoint;
    let mut screen = Screen::open(global)?;
    if args.format == RowFormat::Table && args.by.is_none() {
        let pids = selected.pids();
        let mut grid = grid();
        for row in checkpoint.rows().memory_sizes().filter(|row| pids.contains(&row.pid.0)) {
            grid.push(cells(&row));
        }
        screen.out.write_all(grid.render(screen.width).as_bytes())?;
        return screen.finish(Exit::Done);
    }
    let table = match args.by {
        Some(By::Class) => "memory_classes",
        None => "memory_sizes",
    };
    let Some(source) = TableSource::find(table) else { return screen.finish(Exit::Done) };
    let columns = if args.format == RowFormat::Table { Columns::Brief } else { Columns::All };
    let format = args.format.format();
    let lead = one.lead.names(format, false);
    let style = Style { format, columns, name_tables: false, lead, width: screen.width };
    rows::write(&mut screen.out, style, source, one, &args.documents, &OfProcesses(selected.pids()))?;
    screen.finish(Exit::Done)
}

/// Rows about processes that were selected.
struct OfProcesses(Vec<u32>);

impl Filter for OfProcesses {
    fn wants(&self, row: &dyn Row) -> bool {
        pid_of(row).is_some_and(|pid| self.0.contains(&pid))
    }
}

fn grid() -> Grid {
    Grid::new([
        GridColumn::number("PID"),
        GridColumn::text("NAME"),
        GridColumn::number("RECORDED"),
        GridColumn::number("HEAP"),
        GridColumn::number("STACK").spared(2),
        GridColumn::number("ANONYMOUS"),
        GridColumn::number("FILE").spared(3),
        GridColumn::number("MEMFD").spared(4),
        GridColumn::number("SHARED").spared(1),
        GridColumn::number("OTHER").spared(5),
        GridColumn::text("NOT CAPTURED"),
    ])
}

fn cells(row: &MemorySize) -> Vec<String> {
    let size = |bytes| if bytes == 0 { "-".to_owned() } else { units::size(bytes) };
    let missing = [
        (row.parent_bytes, "in a parent that is not here"),
        (row.lazy_bytes, "left in the frozen process"),
        (row.lost_bytes, "lost"),
        (row.file_backed_bytes, "in files"),
    ];
    let missing: Vec<String> = missing
        .into_iter()
        .filter(|(bytes, _)| *bytes > 0)
        .map(|(bytes, why)| format!("{} {why}", units::size(bytes)))
        .collect();
    vec![
        row.pid.to_string(),
        row.name.as_ref().map_or_else(|| "-".to_owned(), |name| escape(name).into_owned()),
        size(row.recorded_bytes),
        size(row.heap),
        size(row.stack),
        size(row.anonymous),
        size(row.file),
        size(row.memfd),
        size(row.shared),
        size(row.vdso.saturating_add(row.other)),
        if missing.is_empty() { "-".to_owned() } else { missing.join(", ") },
    ]
}
