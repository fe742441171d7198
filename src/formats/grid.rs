//! Rows as aligned columns for people, fitted to the width of the screen if there is one: columns that may be missed are
//! left out, text is cut, numbers never are; and where even that is too wide, each row is a block of lines.

use std::borrow::Cow;
use std::iter;
use std::ops::Range;

use comfy_table::{Cell, CellAlignment, Table as Rendered, presets};
use unicode_width::UnicodeWidthStr;

use super::text::{cell, cut, cut_front, marked};
use crate::tables::Value;

/// Spaces between columns.
const GAP: usize = 2;
/// Rows from which a grid is large.
const LARGE: usize = 500;
/// Text is not cut below this width.
const NARROWEST: usize = 8;
/// Columns of a cell, whether there is a screen or not: the longest path fits. Every row is as wide as the widest, so one cell
/// without end would cost its length in each. The other formats have all of it.
const CELL_MOST: usize = 4096;
/// Columns are left out, if they may be, before text is cut below this width.
const COMFORTABLE: usize = 16;

/// Collects cells and lays them out.
#[derive(Debug)]
pub struct Grid {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

/// A column of a grid.
#[derive(Clone, Debug)]
pub struct Column {
    title: Cow<'static, str>,
    right: bool,
    /// May be cut to fit the screen. Numbers may not: a cut one is another.
    flexible: bool,
    /// Cut at its beginning: the end of a path says more.
    front: bool,
    /// Left out on narrow screens, the highest first; 0 for never.
    spare: u8,
    /// Left out if there is nothing in it.
    if_any: bool,
}

impl Column {
    /// Text, cut where there is no room.
    pub fn text(title: impl Into<Cow<'static, str>>) -> Self {
        Column { title: title.into(), right: false, flexible: true, front: false, spare: 0, if_any: false }
    }

    /// Text that is never cut.
    pub fn fixed(title: impl Into<Cow<'static, str>>) -> Self {
        Column { flexible: false, ..Self::text(title) }
    }

    /// Numbers, aligned to the right and never cut.
    pub fn number(title: impl Into<Cow<'static, str>>) -> Self {
        Column { right: true, ..Self::fixed(title) }
    }

    /// The same, but cut at its beginning.
    #[must_use]
    pub fn cut_at_front(self) -> Self {
        Column { front: true, ..self }
    }

    /// The same, but left out on narrow screens, before those with lower numbers.
    #[must_use]
    pub fn spared(self, spare: u8) -> Self {
        Column { spare, ..self }
    }

    /// The same, but left out if there is nothing in it.
    pub(super) fn if_any(self) -> Self {
        Column { if_any: true, ..self }
    }

    fn cut<'t>(&self, text: &'t str, width: usize) -> Cow<'t, str> {
        if self.front { cut_front(text, width) } else { cut(text, width) }
    }
}

/// A value as a cell, which is never longer than cells are.
pub(super) fn cell_of(value: &Value<'_>) -> String {
    let text = cell(value);
    let bytes = match value {
        Value::Text(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        _ => text.len(),
    };
    match bounded(&text, bytes) {
        Cow::Owned(cut) => cut,
        Cow::Borrowed(_) => text.into_owned(),
    }
}

/// A cell of at most [`CELL_MOST`] columns; one that is cut tells how many bytes it stands for.
fn bounded(cell: &str, bytes: usize) -> Cow<'_, str> {
    // No character is wider than its bytes are many.
    if cell.len() <= CELL_MOST || cell.width() <= CELL_MOST {
        return Cow::Borrowed(cell);
    }
    let note = format!(" ({bytes} bytes)");
    Cow::Owned(marked(cell, CELL_MOST.saturating_sub(note.len())) + &note)
}

/// The highest of some numbers for which something holds that holds for all below one that it holds for; the lowest, if there
/// is none.
fn widest_that(numbers: Range<usize>, holds: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (numbers.start, numbers.end.max(numbers.start.saturating_add(1)));
    while high.saturating_sub(low) > 1 {
        let middle = low.midpoint(high);
        if holds(middle) { low = middle } else { high = middle }
    }
    low
}

impl Grid {
    /// A grid of some columns.
    pub fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        Grid { columns: columns.into_iter().collect(), rows: Vec::new() }
    }

    /// Adds a row of cells that are escaped already. A cell of more than 4096 columns is cut, and says how many bytes it had.
    pub fn push(&mut self, cells: Vec<String>) {
        let bounded = |cell: String| match bounded(&cell, cell.len()) {
            Cow::Borrowed(_) => cell,
            Cow::Owned(cut) => cut,
        };
        self.rows.push(cells.into_iter().map(bounded).collect());
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The text, each line ended; no wider than `width` columns, as far as numbers allow.
    pub fn render(&self, width: Option<usize>) -> String {
        let natural = self.natural_widths();
        let shown = self.shown(&natural, width);
        if let Some(width) = width.filter(|&width| self.needed(&natural, &shown, NARROWEST) > width) {
            return self.blocks(&shown, width);
        }
        let widths = self.widths(&natural, &shown, width);
        if self.rows.len() > LARGE { self.padded(&shown, &widths) } else { self.laid_out(&shown, &widths) }
    }

    /// How wide each column is if nothing is cut.
    fn natural_widths(&self) -> Vec<usize> {
        let width_of = |(i, column): (usize, &Column)| {
            let cells = self.rows.iter().filter_map(|row| row.get(i));
            cells.map(|cell| cell.width()).fold(column.title.width(), usize::max)
        };
        self.columns.iter().enumerate().map(width_of).collect()
    }

    /// Columns of the screen that are needed for some columns, text being cut to `least`.
    fn needed(&self, natural: &[usize], shown: &[usize], least: usize) -> usize {
        let gaps = GAP.saturating_mul(shown.len().saturating_sub(1));
        let width_of = |&i: &usize| {
            let natural = natural.get(i).copied().unwrap_or(0);
            if self.columns.get(i).is_some_and(|column| column.flexible) { natural.min(least) } else { natural }
        };
        shown.iter().map(width_of).fold(gaps, usize::saturating_add)
    }

    /// The columns for which there is room.
    fn shown(&self, natural: &[usize], width: Option<usize>) -> Vec<usize> {
        let has_any =
            |i: usize| self.rows.iter().any(|row| row.get(i).is_some_and(|cell| !matches!(cell.as_str(), "" | "-")));
        let columns = self.columns.iter().enumerate().filter(|(i, column)| !column.if_any || has_any(*i));
        let mut shown: Vec<usize> = columns.map(|(i, _)| i).collect();
        let Some(width) = width else { return shown };
        let spare = |i: &usize| self.columns.get(*i).map_or(0, |column| column.spare);
        while self.needed(natural, &shown, COMFORTABLE) > width {
            let Some(first) = shown.iter().copied().max_by_key(spare).filter(|i| spare(i) > 0) else { break };
            shown.retain(|&i| i != first);
        }
        shown
    }

    /// How wide each column that is shown may be: as wide as its widest cell, and where all together are too wide, the
    /// widest of those that may be cut give way first.
    fn widths(&self, natural: &[usize], shown: &[usize], width: Option<usize>) -> Vec<usize> {
        let widest = natural.iter().copied().max().unwrap_or(0);
        let fits = |most: usize| width.is_none_or(|width| self.needed(natural, shown, most) <= width);
        let most = widest_that(NARROWEST..widest.saturating_add(1), fits);
        let width_of = |&i: &usize| {
            let natural = natural.get(i).copied().unwrap_or(0);
            if self.columns.get(i).is_some_and(|column| column.flexible) { natural.min(most) } else { natural }
        };
        shown.iter().map(width_of).collect()
    }

    /// Titles and rows, of the columns that are shown.
    fn lines<'g>(&'g self, shown: &'g [usize]) -> impl Iterator<Item = Vec<(&'g Column, &'g str)>> {
        let titles = shown.iter().filter_map(|&i| self.columns.get(i).map(|column| (column, column.title.as_ref())));
        let rows = self.rows.iter().map(|row| {
            let cells = shown.iter().filter_map(|&i| Some((self.columns.get(i)?, row.get(i)?.as_str())));
            cells.collect()
        });
        iter::once(titles.collect()).chain(rows)
    }

    /// The text of a large grid, line by line: a layout of so many cells would take more memory than the rows.
    fn padded(&self, shown: &[usize], widths: &[usize]) -> String {
        let mut text = String::new();
        for line in self.lines(shown) {
            let start = text.len();
            for (number, ((column, cell), &width)) in line.into_iter().zip(widths).enumerate() {
                if number > 0 {
                    text.push_str("  ");
                }
                let cell = column.cut(cell, width);
                let blanks = " ".repeat(width.saturating_sub(cell.width()));
                let (before, behind) = if column.right { (blanks.as_str(), "") } else { ("", blanks.as_str()) };
                text.extend([before, &cell, behind]);
            }
            text.truncate(text.trim_end_matches(' ').len().max(start));
            text.push('\n');
        }
        text
    }

    fn laid_out(&self, shown: &[usize], widths: &[usize]) -> String {
        let mut table = Rendered::new();
        table.load_style(presets::NOTHING);
        for (number, line) in self.lines(shown).enumerate() {
            let cells = line.iter().zip(widths).map(|((column, text), &width)| {
                let alignment = if column.right { CellAlignment::Right } else { CellAlignment::Left };
                Cell::new_owned(column.cut(text, width).into_owned()).set_alignment(alignment)
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
        for line in table.lines() {
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    /// Each row as a block of lines, a column a line.
    fn blocks(&self, shown: &[usize], width: usize) -> String {
        let titles = shown.iter().filter_map(|&i| self.columns.get(i)).map(|column| column.title.width()).max();
        let titles = titles.unwrap_or(0);
        let room = width.saturating_sub(titles).saturating_sub(GAP).max(NARROWEST);
        let mut text = String::new();
        for row in self.lines(shown).skip(1) {
            if !text.is_empty() {
                text.push('\n');
            }
            for (column, cell) in row {
                let blanks = " ".repeat(titles.saturating_sub(column.title.width()).saturating_add(GAP));
                let cell = if column.flexible { column.cut(cell, room) } else { Cow::Borrowed(cell) };
                text.extend([&column.title, blanks.as_str(), &cell]);
                text.truncate(text.trim_end_matches(' ').len());
                text.push('\n');
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid {
        let mut grid = Grid::new([Column::number("PID"), Column::text("NAME"), Column::text("COMMAND")]);
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
        for width in [None, Some(30), Some(27)] {
            let (natural, shown) = (grid.natural_widths(), [0, 1, 2]);
            let widths = grid.widths(&natural, &shown, width);
            assert_eq!(grid.padded(&shown, &widths), grid.laid_out(&shown, &widths), "{width:?}");
        }
    }

    #[test]
    fn wide_characters_and_empty_cells_keep_columns_aligned() {
        let mut grid = Grid::new([Column::text("M"), Column::text("NAME"), Column::text("END")]);
        grid.push(vec![String::new(), "日本語".into(), "a".into()]);
        grid.push(vec![String::new(), "x".into(), String::new()]);
        assert_eq!(grid.render(None), "M  NAME    END\n   日本語  a\n   x\n");
    }

    #[test]
    fn a_cell_without_end_does_not_make_every_row_as_wide() {
        let mut grid = Grid::new([Column::fixed("TEXT"), Column::number("N")]);
        grid.push(vec!["a".repeat(10_000_000), "1".into()]);
        grid.push(vec!["b".repeat(CELL_MOST), "2".into()]);
        let text = grid.render(None);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.iter().all(|line| line.width() <= CELL_MOST + 3), "{}", text.len());
        assert!(lines[1].ends_with("aaa… (10000000 bytes)  1"), "it says how long it was");
        assert!(lines[2].ends_with("bbb  2"), "what just fits is whole");
        let narrow = grid.render(Some(40));
        assert!(narrow.lines().next().is_some_and(|line| line.starts_with("TEXT  aaa")), "{}", narrow.len());
    }

    #[test]
    fn the_widest_text_gives_way_and_numbers_never_do() {
        let text = grid().render(Some(30));
        assert!(text.lines().all(|line| line.width() <= 30), "{text}");
        assert_eq!(text.lines().nth(1), Some("      1  sh     sh -c 'while …"));
        assert!(text.contains("1234567"), "{text}");
    }

    #[test]
    fn what_may_be_missed_is_left_out_first() {
        let mut grid = Grid::new([
            Column::text("NAME"),
            Column::number("SIZE").spared(1),
            Column::text("IMAGE").spared(2),
            Column::text("ARCHIVE").cut_at_front(),
        ]);
        let archive = "/var/lib/kubelet/checkpoints/checkpoint-web.tar";
        grid.push(["web", "17", "registry.example/web:1", archive].map(str::to_owned).to_vec());
        assert!(grid.render(Some(200)).contains("IMAGE"));
        assert_eq!(
            grid.render(Some(40)).lines().nth(1),
            Some("web     17  …ckpoints/checkpoint-web.tar"),
            "not wider than 40"
        );
        assert_eq!(grid.render(Some(25)).lines().next(), Some("NAME  ARCHIVE"));
    }

    #[test]
    fn rows_that_fit_no_line_are_blocks() {
        let expected =
            "PID      1\nNAME     sh\nCOMMAND  sh -c 'w…\n\nPID      1234567\nNAME     sleep\nCOMMAND  sleep 1\n";
        assert_eq!(grid().render(Some(18)), expected);
    }
}
