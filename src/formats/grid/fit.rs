//! Fits a grid to the width of a screen: which columns are shown, where, and how wide.

use std::ops::Range;

use unicode_width::UnicodeWidthStr as _;

use super::column::{Fit, NARROWEST};
use super::{Column, GAP, Grid};

/// Spare columns are skipped before text is cut below this width.
const COMFORTABLE: usize = 16;
/// A column that is never cut and at least this wide gets a line of its own if rows do not fit: a hash.
const BENEATH: usize = 32;

/// A grid, fitted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fitted {
    /// Rows in lines: the columns and their widths, and those of columns that have a line of their own below each row.
    Lines { columns: Vec<(usize, usize)>, beneath: Vec<(usize, usize)> },
    /// A line for each column of each row.
    Blocks(Vec<usize>),
}

/// Widths of a column.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Widths {
    /// Nothing is cut.
    whole: usize,
    /// Nothing is cut, and the title takes several lines.
    whole_of_cells: usize,
    /// Cells are cut as far as they can be.
    least: usize,
    /// The same, and paths take several lines.
    least_of_lines: usize,
}

/// Ways to save width.
#[derive(Clone, Copy, Debug)]
struct Effort {
    /// Titles take several lines.
    titles: bool,
    /// Wide columns are below their rows.
    beneath: bool,
    /// Paths take several lines.
    paths: bool,
}

/// From what looks best to what fits most.
const EFFORTS: [Effort; 6] = [
    Effort { titles: false, beneath: false, paths: false },
    Effort { titles: false, beneath: true, paths: false },
    Effort { titles: true, beneath: false, paths: false },
    Effort { titles: true, beneath: true, paths: false },
    Effort { titles: true, beneath: false, paths: true },
    Effort { titles: true, beneath: true, paths: true },
];

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

impl Widths {
    fn of(column: &Column, cells: impl Iterator<Item = impl AsRef<str>>) -> Self {
        let mut widths = Widths::default();
        for cell in cells {
            let width = cell.as_ref().width();
            widths.whole_of_cells = widths.whole_of_cells.max(width);
            // Only what is wider can raise it.
            if width > widths.least {
                widths.least = widths.least.max(column.least(cell.as_ref(), width));
            }
        }
        widths.whole = widths.whole_of_cells.max(column.title.width());
        widths.whole_of_cells = widths.whole_of_cells.max(column.title_least());
        widths.least_of_lines = column.least_of_lines(widths.least);
        widths
    }

    /// The width of a column of at most `most`, or the least that it can have.
    fn at(self, column: &Column, most: usize, effort: Effort) -> usize {
        let whole = if effort.titles { self.whole_of_cells } else { self.whole };
        if column.fit == Fit::Never {
            return whole;
        }
        let least = if effort.paths { self.least_of_lines } else { self.least };
        let title = if effort.titles { column.title_least() } else { column.title.width() };
        whole.min(most).max(least).max(title)
    }
}

impl Grid {
    pub(super) fn all_widths(&self) -> Vec<Widths> {
        let widths_of = |(i, column)| Widths::of(column, self.rows.iter().filter_map(move |row| row.get(i)));
        self.columns.iter().enumerate().map(widths_of).collect()
    }

    /// Fits the grid to a screen, if there is one.
    pub(super) fn fitted(&self, width: Option<usize>) -> Fitted {
        let all = self.all_widths();
        let shown = self.shown(&all, width);
        for effort in EFFORTS {
            let (beneath, beside) = if effort.beneath { self.split(&all, &shown) } else { (Vec::new(), shown.clone()) };
            if width.is_none_or(|width| self.needed(&all, &beside, NARROWEST, effort) <= width) {
                let beneath = beneath.into_iter().map(|i| (i, self.room_beneath(i, width))).collect();
                return Fitted::Lines { columns: self.widths(&all, &beside, width, effort), beneath };
            }
        }
        Fitted::Blocks(shown)
    }

    /// The width that some columns need if those that shrink are at most `most` wide.
    fn needed(&self, all: &[Widths], shown: &[usize], most: usize, effort: Effort) -> usize {
        let gaps = GAP.saturating_mul(shown.len().saturating_sub(1));
        shown.iter().map(|&i| self.width_at(all, i, most, effort)).fold(gaps, usize::saturating_add)
    }

    fn width_at(&self, all: &[Widths], i: usize, most: usize, effort: Effort) -> usize {
        let widths = all.get(i).copied().unwrap_or_default();
        self.columns.get(i).map_or(0, |column| widths.at(column, most, effort))
    }

    /// The columns for which there is room.
    fn shown(&self, all: &[Widths], width: Option<usize>) -> Vec<usize> {
        let has_any =
            |i: usize| self.rows.iter().any(|row| row.get(i).is_some_and(|cell| !matches!(cell.as_str(), "" | "-")));
        let columns = self.columns.iter().enumerate().filter(|(i, column)| !column.if_any || has_any(*i));
        let mut shown: Vec<usize> = columns.map(|(i, _)| i).collect();
        let Some(width) = width else { return shown };
        let spare = |i: &usize| self.columns.get(*i).map_or(0, |column| column.spare);
        while self.needed(all, &shown, COMFORTABLE, EFFORTS[0]) > width {
            let Some(first) = shown.iter().copied().max_by_key(spare).filter(|i| spare(i) > 0) else { break };
            shown.retain(|&i| i != first);
        }
        shown
    }

    /// Columns below the rows, and the others.
    fn split(&self, all: &[Widths], shown: &[usize]) -> (Vec<usize>, Vec<usize>) {
        let is_beneath = |i: &usize| {
            let is_wide = || all.get(*i).is_some_and(|widths| widths.whole >= BENEATH);
            self.columns.get(*i).is_some_and(|column| column.beneath || column.fit == Fit::Never && is_wide())
        };
        shown.iter().copied().partition(is_beneath)
    }

    /// The width of a line below a row, without its title.
    fn room_beneath(&self, i: usize, width: Option<usize>) -> usize {
        let title = self.columns.get(i).map_or(0, |column| column.title.width());
        let before = title.saturating_add(GAP.saturating_mul(2));
        width.map_or(usize::MAX, |width| width.saturating_sub(before).max(NARROWEST))
    }

    /// How wide each column that is shown may be: as wide as its widest cell, and where all together are too wide, the
    /// widest of those that can give way do so first.
    fn widths(&self, all: &[Widths], shown: &[usize], width: Option<usize>, effort: Effort) -> Vec<(usize, usize)> {
        let widest = all.iter().map(|widths| widths.whole).max().unwrap_or(0);
        let fits = |most: usize| width.is_none_or(|width| self.needed(all, shown, most, effort) <= width);
        let most = widest_that(NARROWEST..widest.saturating_add(1), fits);
        shown.iter().map(|&i| (i, self.width_at(all, i, most, effort))).collect()
    }
}
