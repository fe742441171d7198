//! A column of a grid: its title, its alignment, and how it shrinks.

use std::borrow::Cow;

use unicode_width::UnicodeWidthStr as _;

use crate::formats::text::{broken, broken_path, cut, cut_middle, last_part};
use crate::tables::{Column as TableColumn, Type};

/// Text is not cut below this width.
pub(super) const NARROWEST: usize = 12;
/// The narrowest column of cells that take several lines.
const LINE_LEAST: usize = 16;
/// The most lines of a wrapped cell. Paths take as many as they need.
const LINES: usize = 8;
/// How many lines a path takes before it loses its middle, if it is to be shown in full.
const PATH_LINES: usize = 4;

/// A column of a grid.
#[derive(Clone, Debug)]
pub struct Column {
    pub(super) title: Cow<'static, str>,
    pub(super) right: bool,
    pub(super) fit: Fit,
    /// Skipped on narrow screens, the highest first; 0 for never.
    pub(super) spare: u8,
    /// Skipped if all its cells are empty.
    pub(super) if_any: bool,
    /// On a line of its own below each row if rows do not fit.
    pub(super) beneath: bool,
    /// How many lines a path takes before it loses its middle.
    pub(super) path_lines: usize,
}

/// How a column shrinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// Not at all: a part of a number, an address or a hash would look like another one.
    Never,
    /// Its end is cut off.
    Cut,
    /// Paths lose their middle, never their last part.
    Path,
    /// Cells take several lines.
    Wrap,
}

/// Last words of the names of columns that people search for. They are never cut.
const KEYS: &[&str] = &[
    "address",
    "addresses",
    "broadcast",
    "code",
    "device",
    "digest",
    "family",
    "gateway",
    "hash",
    "id",
    "kind",
    "mac",
    "mode",
    "permissions",
    "port",
    "ports",
    "protocol",
    "rdev",
    "severity",
    "sha256",
    "signal",
    "state",
    "type",
    "uid",
];
/// Last words of the names of columns that hold paths, or names built like paths.
const PATHS: &[&str] =
    &["archive", "cwd", "exe", "file", "folder", "image", "link", "member", "path", "root", "source"];

impl Column {
    /// Text. Its end is cut if there is no room.
    pub fn text(title: impl Into<Cow<'static, str>>) -> Self {
        let title = title.into();
        Column { title, right: false, fit: Fit::Cut, spare: 0, if_any: false, beneath: false, path_lines: 1 }
    }

    /// Text that is never cut.
    pub fn fixed(title: impl Into<Cow<'static, str>>) -> Self {
        Column { fit: Fit::Never, ..Self::text(title) }
    }

    /// Numbers, aligned to the right and never cut.
    pub fn number(title: impl Into<Cow<'static, str>>) -> Self {
        Column { right: true, ..Self::fixed(title) }
    }

    /// Paths. They lose their middle if there is no room, never their last part.
    pub fn path(title: impl Into<Cow<'static, str>>) -> Self {
        Column { fit: Fit::Path, ..Self::text(title) }
    }

    /// Text that takes several lines if there is no room.
    pub fn wrapped(title: impl Into<Cow<'static, str>>) -> Self {
        Column { fit: Fit::Wrap, ..Self::text(title) }
    }

    /// A column of a table, by its type and its name.
    pub(in crate::formats) fn of(column: &TableColumn) -> Self {
        let title = column.name.to_uppercase();
        match column.column_type {
            Type::Integer => Column::number(title),
            Type::Text if column.name == "text" => Column::wrapped(title),
            Type::Text => Column::named(&column.name),
            Type::List => Column::wrapped(title),
            Type::Object => Column::text(title),
            _ => Column::fixed(title),
        }
    }

    /// A column of text, by its name.
    pub(in crate::formats) fn named(name: &str) -> Self {
        let title = name.to_uppercase();
        let word = name.rsplit('_').next().unwrap_or(name).to_ascii_lowercase();
        if KEYS.contains(&word.as_str()) {
            Column::fixed(title)
        } else if PATHS.contains(&word.as_str()) {
            Column::path(title)
        } else {
            Column::text(title)
        }
    }

    /// The same, but skipped on narrow screens, before columns with lower numbers.
    #[must_use]
    pub fn spared(self, spare: u8) -> Self {
        Column { spare, ..self }
    }

    /// The same, but skipped if all cells are empty.
    #[must_use]
    pub fn if_any(self) -> Self {
        Column { if_any: true, ..self }
    }

    /// The same, but a path takes several lines before it loses its middle: where its directories matter.
    #[must_use]
    pub fn in_full(self) -> Self {
        Column { path_lines: PATH_LINES, ..self }
    }

    /// The same, but on a line of its own below each row if rows do not fit.
    #[must_use]
    pub fn or_beneath(self) -> Self {
        Column { beneath: true, ..self }
    }

    /// The least width of a cell.
    pub(super) fn least(&self, cell: &str, width: usize) -> usize {
        match self.fit {
            Fit::Never => width,
            Fit::Cut => width.min(NARROWEST),
            Fit::Path => last_part(cell).width().saturating_add("…/".width()).min(width),
            Fit::Wrap => width.min(LINE_LEAST),
        }
    }

    /// The least width if paths may take several lines.
    pub(super) fn least_of_lines(&self, least: usize) -> usize {
        if self.fit == Fit::Path { least.min(LINE_LEAST) } else { least }
    }

    /// A cell in lines of at most `width` columns.
    pub(super) fn lines<'t>(&self, cell: &'t str, width: usize) -> Vec<Cow<'t, str>> {
        if self.fit == Fit::Never || cell.width() <= width {
            return vec![Cow::Borrowed(cell)];
        }
        match self.fit {
            Fit::Path => match cut_middle(cell, width.saturating_mul(self.path_lines)) {
                Cow::Borrowed(path) => self.path_broken(path, width),
                Cow::Owned(path) => {
                    self.path_broken(&path, width).into_iter().map(|line| Cow::Owned(line.into_owned())).collect()
                }
            },
            Fit::Wrap => broken(cell, width, LINES),
            _ => vec![cut(cell, width)],
        }
    }

    fn path_broken<'t>(&self, path: &'t str, width: usize) -> Vec<Cow<'t, str>> {
        if self.path_lines > 1 { broken_path(path, width) } else { broken(path, width, usize::MAX) }
    }

    /// The title in lines, broken between its words.
    pub(super) fn title_lines(&self, width: usize) -> Vec<&str> {
        let mut lines: Vec<&str> = Vec::new();
        let mut from = 0_usize;
        for word in self.title.split_inclusive(['_', ' ']) {
            let to = from.saturating_add(word.len());
            let start = lines.last().map_or(from, |line: &&str| from.saturating_sub(line.len()));
            match (self.title.get(start..to), lines.last_mut()) {
                (Some(both), Some(line)) if both.trim_end().width() <= width => *line = both,
                _ => lines.push(word),
            }
            from = to;
        }
        lines.into_iter().map(str::trim_end).collect()
    }

    /// The width of the widest word of the title.
    pub(super) fn title_least(&self) -> usize {
        self.title.split_inclusive(['_', ' ']).map(|word| word.trim_end().width()).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_search_for_is_known_by_its_name() {
        let fit = |name: &str| Column::named(name).fit;
        for key in ["remote_address", "local_port", "sha256", "container_id", "mac", "state"] {
            assert_eq!(fit(key), Fit::Never, "{key}");
        }
        for path in ["path", "cwd", "target_path", "member", "archive"] {
            assert_eq!(fit(path), Fit::Path, "{path}");
        }
        for text in ["cmdline", "name", "value", "message", "hostname"] {
            assert_eq!(fit(text), Fit::Cut, "{text}");
        }
    }

    #[test]
    fn titles_are_broken_between_their_words() {
        let column = Column::text("RECEIVE_QUEUE_OF");
        assert_eq!(column.title_lines(20), ["RECEIVE_QUEUE_OF"]);
        assert_eq!(column.title_lines(14), ["RECEIVE_QUEUE_", "OF"]);
        assert_eq!(column.title_lines(8), ["RECEIVE_", "QUEUE_OF"]);
        assert_eq!(column.title_least(), 8);
        assert_eq!(Column::text("NOT CAPTURED").title_lines(8), ["NOT", "CAPTURED"]);
    }

    #[test]
    fn a_path_that_must_shrink_loses_its_middle() {
        let path = Column::path("PATH");
        assert_eq!(path.lines("/srv/a/b/c/run.sh", 13), ["/srv/…/run.sh"]);
        assert_eq!(path.lines("/srv/a-name-without-end", 10), ["…/a-name-w", "ithout-end"]);
        assert_eq!(path.lines("socket:[331972]", 10), ["socket:[33", "1972]"], "no path, and whole all the same");
    }

    #[test]
    fn a_path_in_full_takes_lines_first() {
        let path = Column::path("PATH").in_full();
        assert_eq!(path.lines("/srv/a/b/c/run.sh", 13), ["/srv/a/b/c/", "run.sh"]);
        let long = format!("/srv/{}run.sh", "directory/".repeat(9));
        let lines = path.lines(&long, 20);
        assert!(
            lines.len() <= PATH_LINES + 1 && lines.concat().contains("…/") && lines.concat().ends_with("/run.sh"),
            "{lines:?}"
        );
    }
}
