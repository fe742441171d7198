//! Rows as aligned columns for people, fitted to the width of the screen if there is one.
//!
//! Numbers, addresses, ports, hashes, pids and the last part of a path are never cut. They get their width first. Other text
//! shrinks: paths lose their middle, prose its end, and lists take several lines. If that is still too wide, spare columns
//! are skipped, titles take several lines, and hashes get a line of their own. The last resort is a block of lines for each
//! row.
//!
//! `comfy-table` lays out grids of up to [`LARGE`] rows. Larger ones are padded here, line by line, to the same text, because
//! the crate holds a table twice, as cells and as lines. Measured on 1,000,000 rows of five columns, beyond the rows
//! themselves (November 2026, one core): `comfy-table` 6.8 s and 1,470 MiB; `comfy-table` in batches of 500 rows 3.6 s and
//! less than 1 MiB; the code here 0.27 s and less than 1 MiB.

mod column;
mod fit;
mod layout;

use std::borrow::Cow;

use unicode_width::UnicodeWidthStr;

pub use self::column::Column;
use self::fit::Fitted;
use super::text::{cell, marked};
use crate::tables::Value;

/// Spaces between columns.
const GAP: usize = 2;
/// Rows from which a grid is large.
const LARGE: usize = 500;
/// Columns of a cell, whether there is a screen or not: the longest path fits. Every row is as wide as the widest, so one cell
/// without end would cost its length in each. The other formats have all of it.
const CELL_MOST: usize = 4096;

/// Collects cells and lays them out.
#[derive(Debug)]
pub struct Grid {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
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

    /// The text, each line ended. Lines are at most `width` columns wide, unless something that is never cut is wider.
    pub fn render(&self, width: Option<usize>) -> String {
        match (self.fitted(width), width) {
            (Fitted::Lines { columns, beneath }, _) => self.in_lines(&columns, &beneath),
            (Fitted::Blocks(shown), width) => self.blocks(&shown, width.unwrap_or(usize::MAX)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_at(grid: &Grid, width: usize) -> Vec<String> {
        grid.render(Some(width)).lines().map(str::to_owned).collect()
    }

    #[test]
    fn what_may_be_beneath_is_where_its_last_part_does_not_fit() {
        let mut grid = Grid::new([Column::text("NAME"), Column::path("ARCHIVE").or_beneath()]);
        grid.push(vec!["web".into(), "/backup/checkpoint-logs_team-a.tar".into()]);
        assert_eq!(lines_at(&grid, 40)[1], "web   /backup/checkpoint-logs_team-a.tar");
        assert_eq!(lines_at(&grid, 34)[1], "web   …/checkpoint-logs_team-a.tar");
        assert_eq!(lines_at(&grid, 30), ["NAME", "web", "  ARCHIVE  …/checkpoint-logs_t", "           eam-a.tar"]);
    }

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
        for width in [None, Some(30), Some(29)] {
            let Fitted::Lines { columns, beneath } = grid.fitted(width) else { panic!("no lines at {width:?}") };
            assert_eq!(grid.padded(&columns, &beneath), grid.laid_out(&columns, &beneath), "{width:?}");
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
        assert!(narrow.lines().any(|line| line.starts_with("  TEXT  aaa")), "{}", narrow.len());
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
            Column::path("ARCHIVE"),
        ]);
        let archive = "/var/lib/kubelet/checkpoints/checkpoint-web.tar";
        grid.push(["web", "17", "registry.example/web:1", archive].map(str::to_owned).to_vec());
        assert!(grid.render(Some(200)).contains("IMAGE"));
        assert_eq!(
            grid.render(Some(40)).lines().nth(1),
            Some("web     17  /var/…/checkpoint-web.tar"),
            "not wider than 40"
        );
        assert_eq!(grid.render(Some(31)).lines().next(), Some("NAME  ARCHIVE"));
    }

    #[test]
    fn what_one_searches_for_is_whole_at_any_width() {
        let hash = "3efe3aa28687a245c2225fc20ae81d7dabf2c3ab1d85b4f6cd9ca0a1b6ac0b0f";
        let (address, path) = ("203.0.113.66:4444", "/srv/shop/releases/current/run.sh");
        let columns = || {
            [
                Column::number("PID"),
                Column::fixed("REMOTE"),
                Column::fixed("SHA-256"),
                Column::text("COMMAND"),
                Column::path("PATH"),
            ]
        };
        let mut grid = Grid::new(columns());
        let cells = ["4711", address, hash, "sh -c 'while true; do sleep 1; done'", path];
        grid.push(cells.map(str::to_owned).to_vec());
        for width in 20..200 {
            let text = grid.render(Some(width));
            for whole in ["4711", address, hash, "run.sh"] {
                assert!(text.contains(whole), "{whole} at {width}:\n{text}");
            }
        }
        let expected = "
 PID  REMOTE             COMMAND                   PATH
4711  203.0.113.66:4444  sh -c 'while true; do s…  /srv/…/current/run.sh
  SHA-256  3efe3aa28687a245c2225fc20ae81d7dabf2c3ab1d85b4f6cd9ca0a1b6ac0b0f
";
        assert_eq!(grid.render(Some(75)), expected.trim_start_matches('\n'), "a hash has a line of its own");
    }

    #[test]
    fn long_titles_of_short_cells_are_broken() {
        let mut grid = Grid::new([Column::number("RECEIVE_QUEUE"), Column::wrapped("HOLDERS")]);
        grid.push(vec!["17".into(), "11:0 11:1 11:2 34:0 34:1 34:2".into()]);
        let expected = "RECEIVE_\n   QUEUE  HOLDERS\n      17  11:0 11:1 11:2\n          34:0 34:1 34:2\n";
        assert_eq!(grid.render(Some(27)), expected);
        assert_eq!(grid.rows.len(), 1);
    }

    #[test]
    fn rows_that_fit_no_line_are_blocks() {
        let expected =
            "PID      1\nNAME     sh\nCOMMAND  sh -c 'while…\n\nPID      1234567\nNAME     sleep\nCOMMAND  sleep 1\n";
        assert_eq!(grid().render(Some(22)), expected);
    }
}
