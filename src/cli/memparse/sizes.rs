//! `memparse` without a search: how much of each process's memory was stored, and what was not stored and why.

use std::io::{self, Write};

use cryoscope::Checkpoint;
use cryoscope::formats::{Columns, Grid, GridColumn, escape, units};
use cryoscope::tables::{MemoryClass, MemorySize, Row};

use super::super::args::{By, RowFormat};
use super::super::exit::Exit;
use super::super::rows::{Filter, OfProcesses, One};
use super::super::screen::Screen;
use super::super::{Failure, Outcome};
use super::rows::Rows;
use super::selection::Selected;
use super::{Context, Task};

/// Sizes, as text or as rows.
pub(super) struct Sizes<'a> {
    context: Context<'a>,
    output: Output<'a>,
}

enum Output<'a> {
    Text(Box<Screen>, Grid),
    Rows(Box<Rows<'a>>),
}

impl<'a> Sizes<'a> {
    pub(super) fn new(context: Context<'a>) -> Result<Self, Failure> {
        let Context { args, global, .. } = context;
        let screen = Screen::open(global)?;
        let table = match args.by {
            Some(By::Class) => &MemoryClass::TABLE,
            None => &MemorySize::TABLE,
        };
        let output = if args.format != RowFormat::Table || args.by.is_some() {
            let columns = if args.format == RowFormat::Table { Columns::Brief } else { Columns::All };
            Output::Rows(Box::new(Rows::new(screen, table, columns, args, &context.lead, context.several)))
        } else {
            Output::Text(Box::new(screen), grid(context.several))
        };
        Ok(Sizes { context, output })
    }
}

impl Task for Sizes<'_> {
    fn read(&mut self, one: &One<'_>, selected: &Selected<'_>) -> Result<(), Failure> {
        let by = self.context.args.by;
        match &mut self.output {
            Output::Text(_, grid) => {
                let archive = self.context.several.then(|| escape(&one.id).into_owned());
                let wanted = OfProcesses(selected.pids().into_iter().collect());
                let rows: Vec<MemorySize> =
                    selected.with_part(|part| MemorySize::of_part(one.checkpoint, part).collect());
                for row in rows.iter().filter(|row| wanted.wants(*row) && is_any(row, selected)) {
                    grid.push(archive.iter().cloned().chain(cells(row)).collect());
                }
                Ok(())
            }
            Output::Rows(rows) => {
                let writer = rows.of(one)?;
                each(one.checkpoint, selected, by, &mut |row| writer.row(row))?;
                Ok(rows.flush()?)
            }
        }
    }

    fn finish(self: Box<Self>) -> Outcome {
        match self.output {
            Output::Text(mut screen, grid) => {
                let text = grid.render(screen.width);
                screen.out.write_all(text.as_bytes())?;
                screen.finish(Exit::Done)
            }
            Output::Rows(rows) => rows.finish(),
        }
    }
}

/// Calls a function with the rows of the selected part of a checkpoint.
fn each(
    checkpoint: &Checkpoint,
    selected: &Selected<'_>,
    by: Option<By>,
    put: &mut dyn FnMut(&dyn Row) -> io::Result<()>,
) -> io::Result<()> {
    let wanted = OfProcesses(selected.pids().into_iter().collect());
    selected.with_part(|part| match by {
        Some(By::Class) => {
            MemoryClass::of_part(checkpoint, part).filter(|row| wanted.wants(row)).try_for_each(|row| put(&row))
        }
        None => {
            let is_wanted = |row: &MemorySize| wanted.wants(row) && is_any(row, selected);
            MemorySize::of_part(checkpoint, part).filter(is_wanted).try_for_each(|row| put(&row))
        }
    })
}

/// Whether a process has some of the selected memory. If all memory is selected, each has.
fn is_any(row: &MemorySize, selected: &Selected<'_>) -> bool {
    !selected.is_part() || row.mapped_bytes > 0 || row.recorded_bytes > 0
}

fn grid(several: bool) -> Grid {
    let archive = several.then(|| GridColumn::path("ARCHIVE"));
    Grid::new(archive.into_iter().chain([
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
    ]))
}

fn cells(row: &MemorySize) -> Vec<String> {
    let size = |bytes| if bytes == 0 { "-".to_owned() } else { units::size(bytes) };
    let missing = [
        (row.parent_bytes, "in a parent dump that is missing"),
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
