//! A line of text whose parts have styles. Its width is known without the styles, so that it can be truncated.

use std::borrow::Cow;
use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr;

use super::text::marked;

/// The role of a part, which decides its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Ordinary text.
    Plain,
    /// A title.
    Title,
    /// Orientation: lines of the tree, units, counts.
    Faint,
    /// Signs of an attack that are easily overlooked: deleted executables, memfds, zombies.
    Alarm,
    /// Notable, but not wrong: root, stopped processes.
    Notable,
    /// Listening sockets.
    Listens,
    /// A connection.
    Peer,
}

impl Role {
    fn style(self) -> Style {
        let color = |color: AnsiColor| color.on_default();
        match self {
            Role::Plain => Style::new(),
            Role::Title => Style::new().bold(),
            Role::Faint => Style::new().dimmed(),
            Role::Alarm => color(AnsiColor::Red).bold(),
            Role::Notable => color(AnsiColor::Yellow),
            Role::Listens => color(AnsiColor::Green),
            Role::Peer => color(AnsiColor::Cyan),
        }
    }
}

/// A line.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    parts: Vec<(Role, String)>,
}

impl Line {
    /// A line with a single part.
    pub(super) fn of(role: Role, text: impl Into<String>) -> Self {
        let mut line = Line::default();
        line.push(role, text);
        line
    }

    /// Adds a part. The text must already be escaped.
    pub(super) fn push(&mut self, role: Role, text: impl Into<String>) {
        self.parts.push((role, text.into()));
    }

    /// Adds the parts of another line.
    pub(super) fn append(&mut self, other: Line) {
        self.parts.extend(other.parts);
    }

    /// Width in columns.
    pub(super) fn width(&self) -> usize {
        self.parts.iter().map(|(_, text)| text.width()).sum()
    }

    /// The text without styles.
    pub(super) fn text(&self) -> String {
        self.parts.iter().map(|(_, text)| text.as_str()).collect()
    }

    /// The text, truncated to a width if there is one, with colours if wanted.
    pub(super) fn render(&self, width: Option<usize>, color: bool) -> String {
        let mut rendered = String::new();
        let mut left = width.unwrap_or(usize::MAX);
        let too_wide = self.width() > left;
        for (role, text) in &self.parts {
            // Room for the mark, if something after this part will be truncated.
            let is_last_that_fits = too_wide && text.width() >= left;
            let text: Cow<'_, str> = if is_last_that_fits { marked(text, left).into() } else { text.into() };
            left = left.saturating_sub(text.width());
            let style = role.style();
            let _ = if color { write!(rendered, "{style}{text}{style:#}") } else { write!(rendered, "{text}") };
            if is_last_that_fits {
                break;
            }
        }
        if color { rendered } else { rendered.trim_end().to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Line {
        let mut line = Line::of(Role::Title, "one ");
        line.push(Role::Alarm, "two ");
        line.push(Role::Plain, "three");
        line
    }

    #[test]
    fn width_does_not_count_colours() {
        assert_eq!(line().width(), 13);
        assert_eq!(line().render(None, false), "one two three");
        let colored = line().render(None, true);
        assert!(colored.contains("\x1b[31m") && colored.ends_with("three"), "{colored:?}");
    }

    #[test]
    fn a_cut_line_is_marked() {
        assert_eq!(line().render(Some(10), false), "one two t…");
        assert_eq!(line().render(Some(13), false), "one two three");
        assert_eq!(line().render(Some(8), false), "one two…");
    }
}
