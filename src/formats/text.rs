//! Rows as a table for people: aligned, escaped, and cut to the width of the screen if there is one.

use std::borrow::Cow;

use comfy_table::{Cell, CellAlignment, Table as Rendered, presets};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{Columns, escape, json};
use crate::tables::{Row, Table, Type, Value};

/// Spaces between columns.
const GAP: usize = 2;
/// Rows from which a grid is large.
const LARGE: usize = 500;
/// Text is not cut below this width.
const NARROWEST: usize = 8;

/// Collects cells and lays them out.
#[derive(Debug)]
pub struct Grid {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

/// A column of a grid.
#[derive(Debug)]
struct Column {
    title: String,
    right: bool,
    /// May be cut to fit the screen. Numbers may not: a cut one is another.
    flexible: bool,
}

impl Grid {
    /// A grid for some columns of a table.
    pub(super) fn of_table(table: &Table, columns: &Columns) -> Self {
        let mut grid = Grid { columns: Vec::new(), rows: Vec::new() };
        for (_, column) in columns.of(table) {
            let (right, flexible) = match column.column_type {
                Type::Integer => (true, false),
                Type::Text | Type::List | Type::Object => (false, true),
                _ => (false, false),
            };
            grid.columns.push(Column { title: column.name.to_uppercase(), right, flexible });
        }
        grid
    }

    /// A grid with titles; those that begin with `>` are aligned to the right and never cut.
    pub fn with_titles(titles: &[&str]) -> Self {
        let column = |title: &&str| match title.strip_prefix('>') {
            Some(title) => Column { title: title.to_owned(), right: true, flexible: false },
            None => Column { title: (*title).to_owned(), right: false, flexible: true },
        };
        Grid { columns: titles.iter().map(column).collect(), rows: Vec::new() }
    }

    /// Adds a row of a table.
    pub(super) fn add(&mut self, row: &dyn Row, columns: &Columns) {
        let cells = columns.of(row.table()).map(|(number, _)| cell(&row.value(number)).into_owned());
        self.rows.push(cells.collect());
    }

    /// Adds a row of cells that are escaped already.
    pub fn push(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The text, each line ended; no wider than `width` columns, as far as numbers allow.
    pub fn render(&self, width: Option<usize>) -> String {
        let widths = self.widths(width);
        if self.rows.len() > LARGE { self.padded(&widths) } else { self.laid_out(&widths) }
    }

    /// The text of a large grid, line by line: a layout of so many cells would take more memory than the rows.
    fn padded(&self, widths: &[usize]) -> String {
        let mut text = String::new();
        let titles: Vec<String> = self.columns.iter().map(|column| column.title.clone()).collect();
        for row in std::iter::once(&titles).chain(&self.rows) {
            let start = text.len();
            for ((cell, &width), column) in row.iter().zip(widths).zip(&self.columns) {
                if text.len() > start {
                    text.push_str("  ");
                }
                let cell = cut(cell, width);
                let blanks = " ".repeat(width.saturating_sub(cell.width()));
                let (before, behind) = if column.right { (blanks.as_str(), "") } else { ("", blanks.as_str()) };
                text.push_str(before);
                text.push_str(&cell);
                text.push_str(behind);
            }
            text.truncate(text.trim_end_matches(' ').len().max(start));
            text.push('\n');
        }
        text
    }

    fn laid_out(&self, widths: &[usize]) -> String {
        let mut table = Rendered::new();
        table.load_style(presets::NOTHING);
        let cells = |row: &[String]| -> Vec<Cell> {
            let cut = |i: usize, text: &str| cut(text, widths.get(i).copied().unwrap_or(usize::MAX)).into_owned();
            row.iter().enumerate().map(|(i, text)| Cell::new_owned(cut(i, text))).collect()
        };
        let titles: Vec<String> = self.columns.iter().map(|column| column.title.clone()).collect();
        table.set_header(cells(&titles));
        for row in &self.rows {
            table.add_row(cells(row));
        }
        for (column, i) in self.columns.iter().zip(0..) {
            if let Some(rendered) = table.column_mut(i) {
                rendered.set_padding((0, 2));
                if column.right {
                    rendered.set_cell_alignment(CellAlignment::Right);
                }
            }
        }
        let mut text = String::new();
        for line in table.lines() {
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    /// How wide each column may be: as wide as its widest cell, and where all together are too wide, the widest of those
    /// that may be cut give way first.
    fn widths(&self, width: Option<usize>) -> Vec<usize> {
        let natural: Vec<usize> = (0..self.columns.len())
            .map(|i| {
                let cells = self.rows.iter().filter_map(|row| row.get(i));
                let title = self.columns.get(i).map_or(0, |column| column.title.width());
                cells.map(|cell| cell.width()).fold(title, usize::max)
            })
            .collect();
        let Some(width) = width else { return natural };
        let gaps = GAP.saturating_mul(self.columns.len().saturating_sub(1));
        let is_flexible = |i: usize| self.columns.get(i).is_some_and(|column| column.flexible);
        let rigid: usize = natural.iter().enumerate().filter(|(i, _)| !is_flexible(*i)).map(|(_, w)| w).sum();
        let room = width.saturating_sub(gaps).saturating_sub(rigid);
        let at_most = |most: usize| natural.iter().map(move |&w| w.min(most));
        let fits = |most: usize| {
            let sum: usize = at_most(most).enumerate().filter(|(i, _)| is_flexible(*i)).map(|(_, w)| w).sum();
            sum <= room
        };
        let widest = natural.iter().copied().max().unwrap_or(0);
        let most = (NARROWEST..=widest).rev().find(|&most| fits(most)).unwrap_or(NARROWEST);
        let limited = natural.iter().zip(at_most(most)).enumerate();
        limited.map(|(i, (&natural, limited))| if is_flexible(i) { limited } else { natural }).collect()
    }
}

/// A value as people read it; `-` for null.
pub(super) fn cell<'a>(value: &'a Value<'_>) -> Cow<'a, str> {
    match value {
        Value::Null => Cow::Borrowed("-"),
        Value::Bool(on) => Cow::Borrowed(if *on { "yes" } else { "no" }),
        Value::Integer(number) => Cow::Owned(number.to_string()),
        Value::Text(text) => escape(text.as_bytes()),
        Value::Bytes(bytes) => escape(bytes),
        Value::Address(address) => Cow::Owned(format!("{address:#x}")),
        Value::Mask(mask) => Cow::Owned(format!("{mask:016x}")),
        Value::Time(time) => Cow::Owned(time.to_string()),
        Value::List(list) => Cow::Owned(list.iter().map(cell).collect::<Vec<_>>().join(" ")),
        Value::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| format!("{}={}", escape(key.as_bytes()), cell(value)));
            Cow::Owned(entries.collect::<Vec<_>>().join(" "))
        }
        Value::Json(_) => Cow::Owned(escape(json::to_text(value).as_bytes()).into_owned()),
    }
}

/// Text of at most `width` columns; what is cut is marked.
pub fn cut(text: &str, width: usize) -> Cow<'_, str> {
    if text.width() <= width { Cow::Borrowed(text) } else { Cow::Owned(marked(text, width)) }
}

/// The beginning of a text with the mark of something cut, together at most `width` columns.
pub(super) fn marked(text: &str, width: usize) -> String {
    let mut used = 1;
    let mut cut: String = text
        .chars()
        .take_while(|c| {
            used = c.width().unwrap_or(0).saturating_add(used);
            used <= width
        })
        .collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid {
        let mut grid = Grid::with_titles(&[">PID", "NAME", "COMMAND"]);
        grid.push(vec!["1".into(), "sh".into(), "sh -c 'while true; do sleep 1; done'".into()]);
        grid.push(vec!["1234567".into(), "sleep".into(), "sleep 1".into()]);
        grid
    }

    #[test]
    fn columns_are_aligned_and_lines_have_no_trailing_blanks() {
        let expected =
            "    PID  NAME   COMMAND\n      1  sh     sh -c 'while true; do sleep 1; done'\n1234567  sleep  sleep 1\n";
        assert_eq!(grid().render(None), expected);
    }

    #[test]
    fn large_grids_look_like_small_ones() {
        let mut grid = grid();
        grid.push(vec![String::new(), "日本語".into(), String::new()]);
        for width in [None, Some(30), Some(24), Some(3)] {
            let widths = grid.widths(width);
            assert_eq!(grid.padded(&widths), grid.laid_out(&widths), "{width:?}");
        }
    }

    #[test]
    fn the_widest_text_gives_way_and_numbers_never_do() {
        let text = grid().render(Some(30));
        assert!(text.lines().all(|line| line.width() <= 30), "{text}");
        assert!(text.contains("1234567") && text.contains("sh -c '…") || text.contains('…'), "{text}");
    }

    #[test]
    fn text_is_cut_by_columns_not_bytes() {
        assert_eq!(cut("日本語日本語", 7), "日本語…");
        assert_eq!(cut("abc", 3), "abc");
    }
}
