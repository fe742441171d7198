//! The text of a fitted grid: rows in lines, or blocks of lines.

use std::borrow::Cow;
use std::iter;

use comfy_table::{Cell, CellAlignment, Table as Rendered, presets};
use unicode_width::UnicodeWidthStr as _;

use super::{Column, GAP, Grid, LARGE};

/// A row: for each column its width and the lines of its cell.
struct Row<'g> {
    cells: Vec<(&'g Column, usize, Vec<Cow<'g, str>>)>,
    beneath: Vec<(&'g Column, Vec<Cow<'g, str>>)>,
}

impl Row<'_> {
    fn height(&self) -> usize {
        self.cells.iter().map(|(.., lines)| lines.len()).max().unwrap_or(0).max(1)
    }

    /// Writes the lines below the row, each with its title.
    fn write_beneath(&self, text: &mut String) {
        for (column, lines) in &self.beneath {
            for (number, line) in lines.iter().enumerate() {
                let title = if number == 0 { column.title.as_ref() } else { "" };
                text.push_str("  ");
                text.push_str(title);
                text.extend(iter::repeat_n(
                    ' ',
                    column.title.width().saturating_sub(title.width()).saturating_add(GAP),
                ));
                text.extend([line.as_ref(), "\n"]);
            }
        }
    }
}

impl Grid {
    /// The text of rows in lines.
    pub(super) fn in_lines(&self, columns: &[(usize, usize)], beneath: &[(usize, usize)]) -> String {
        if self.rows.len() > LARGE { self.padded(columns, beneath) } else { self.laid_out(columns, beneath) }
    }

    /// Titles and rows, of the columns that are shown.
    fn lines<'g>(
        &'g self,
        columns: &'g [(usize, usize)],
        beneath: &'g [(usize, usize)],
    ) -> impl Iterator<Item = Row<'g>> {
        let titles = columns.iter().filter_map(|&(i, width)| {
            let column = self.columns.get(i)?;
            Some((column, width, column.title_lines(width).into_iter().map(Cow::Borrowed).collect::<Vec<_>>()))
        });
        let mut titles = Row { cells: titles.collect(), beneath: Vec::new() };
        let height = titles.height();
        for (.., lines) in &mut titles.cells {
            // Short titles stand on the last line.
            let blank = iter::repeat_n(Cow::Borrowed(""), height.saturating_sub(lines.len()));
            lines.splice(0..0, blank);
        }
        let rows = self.rows.iter().map(move |row| {
            let cell = |i: usize| Some((self.columns.get(i)?, row.get(i)?.as_str()));
            let cells = columns.iter().filter_map(|&(i, width)| {
                let (column, cell) = cell(i)?;
                Some((column, width, column.lines(cell, width)))
            });
            let beneath = beneath.iter().filter_map(|&(i, width)| {
                let (column, cell) = cell(i).filter(|(_, cell)| !matches!(*cell, "" | "-"))?;
                Some((column, column.lines(cell, width)))
            });
            Row { cells: cells.collect(), beneath: beneath.collect() }
        });
        iter::once(titles).chain(rows)
    }

    /// The text of a large grid, line by line: a layout of so many cells would take more memory than the rows.
    pub(super) fn padded(&self, columns: &[(usize, usize)], beneath: &[(usize, usize)]) -> String {
        let mut text = String::new();
        for row in self.lines(columns, beneath) {
            for number in 0..row.height() {
                let start = text.len();
                for (at, (column, width, lines)) in row.cells.iter().enumerate() {
                    if at > 0 {
                        text.push_str("  ");
                    }
                    let line = lines.get(number).map_or("", |line| line.as_ref());
                    let blanks = width.saturating_sub(line.width());
                    if column.right {
                        text.extend(iter::repeat_n(' ', blanks));
                        text.push_str(line);
                    } else {
                        text.push_str(line);
                        text.extend(iter::repeat_n(' ', blanks));
                    }
                }
                text.truncate(text.trim_end_matches(' ').len().max(start));
                text.push('\n');
            }
            row.write_beneath(&mut text);
        }
        text
    }

    pub(super) fn laid_out(&self, columns: &[(usize, usize)], beneath: &[(usize, usize)]) -> String {
        let rows: Vec<Row<'_>> = self.lines(columns, beneath).collect();
        let mut table = Rendered::new();
        table.load_style(presets::NOTHING);
        for (number, row) in rows.iter().enumerate() {
            let cells = row.cells.iter().map(|(column, _, lines)| {
                let alignment = if column.right { CellAlignment::Right } else { CellAlignment::Left };
                Cell::new_owned(lines.join("\n")).set_alignment(alignment)
            });
            if number == 0 {
                table.set_header(cells);
            } else {
                table.add_row(cells);
            }
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        let mut text = String::new();
        let mut lines = table.lines();
        for row in &rows {
            for line in lines.by_ref().take(row.height()) {
                text.push_str(line.trim_end());
                text.push('\n');
            }
            row.write_beneath(&mut text);
        }
        text
    }

    /// Each row as a block of lines, a column a line.
    pub(super) fn blocks(&self, shown: &[usize], width: usize) -> String {
        let columns = || shown.iter().filter_map(|&i| Some((i, self.columns.get(i)?)));
        let titles = columns().map(|(_, column)| column.title.width()).max().unwrap_or(0);
        let before = titles.saturating_add(GAP);
        let room = width.saturating_sub(before).max(super::column::NARROWEST);
        let mut text = String::new();
        for row in &self.rows {
            if !text.is_empty() {
                text.push('\n');
            }
            let cells = columns().filter_map(|(i, column)| Some((column, row.get(i)?)));
            for (column, cell) in cells.filter(|(column, cell)| !(column.if_any && cell.is_empty())) {
                for (number, line) in column.lines(cell, room).into_iter().enumerate() {
                    let title = if number == 0 { column.title.as_ref() } else { "" };
                    text.push_str(title);
                    text.extend(iter::repeat_n(' ', before.saturating_sub(title.width())));
                    text.push_str(&line);
                    text.truncate(text.trim_end_matches(' ').len());
                    text.push('\n');
                }
            }
        }
        text
    }
}
