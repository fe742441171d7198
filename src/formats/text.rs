//! Values as text for people, and text truncated to a number of columns.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{escape, json};
use crate::tables::Value;

/// A value as text for people. `-` for null.
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

/// Truncates text to at most `width` columns, with a mark at the end.
pub fn cut(text: &str, width: usize) -> Cow<'_, str> {
    if text.width() <= width { Cow::Borrowed(text) } else { Cow::Owned(marked(text, width)) }
}

/// Breaks text into lines of at most `width` columns, between words. A longer word gets a line of its own.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.width().saturating_add(1).saturating_add(word.width()) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The beginning of a text with the truncation mark, together at most `width` columns.
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

/// The last part of a path, with a trailing slash if there is one.
pub(super) fn last_part(path: &str) -> &str {
    path.split_inclusive('/').next_back().unwrap_or(path)
}

/// Shortens a path to at most `width` columns by omitting its middle: `/srv/…/run.sh`. The last part is always kept
/// whole, so the result may be wider.
pub(super) fn cut_middle(path: &str, width: usize) -> Cow<'_, str> {
    if path.width() <= width {
        return Cow::Borrowed(path);
    }
    let parts: Vec<&str> = path.split_inclusive('/').collect();
    let [before @ .., last] = parts.as_slice() else { return Cow::Borrowed(path) };
    if before.is_empty() {
        return Cow::Borrowed(path);
    }
    let mut left = width.saturating_sub(last.width()).saturating_sub("…/".width());
    let mut take = |part: &&&str| {
        let fits = part.width() <= left;
        left = left.saturating_sub(if fits { part.width() } else { 0 });
        fits
    };
    // The root and the first directory stay together.
    let first = if before.first() == Some(&"/") { 2 } else { 1 };
    let mut head = before.iter().take(first).take_while(&mut take).count();
    let rest = before.get(head..).unwrap_or_default();
    let tail = rest.iter().rev().take_while(&mut take).count();
    let rest = rest.get(..rest.len().saturating_sub(tail)).unwrap_or_default();
    head = head.saturating_add(rest.iter().take_while(&mut take).count());
    let behind = before.get(before.len().saturating_sub(tail)..).unwrap_or_default();
    let cut = [before.get(..head).unwrap_or_default().concat().as_str(), "…/", &behind.concat(), last].concat();
    if cut.width() < path.width() { Cow::Owned(cut) } else { Cow::Borrowed(path) }
}

/// Breaks text into lines of at most `width` columns, after blanks, commas or slashes if possible. The last of `most`
/// lines is truncated.
pub(super) fn broken(text: &str, width: usize, most: usize) -> Vec<Cow<'_, str>> {
    let mut lines = Vec::new();
    let mut rest = text;
    while rest.width() > width && lines.len().saturating_add(1) < most {
        let (line, behind) = rest.split_at(break_in(rest, width));
        lines.push(Cow::Borrowed(line.trim_end_matches(' ')));
        rest = behind.trim_start_matches(' ');
    }
    if !rest.is_empty() || lines.is_empty() {
        lines.push(cut(rest, width));
    }
    lines
}

/// Breaks a path into lines of at most `width` columns, after slashes if possible. Nothing is left out: a blank may be part
/// of a name. ` (deleted)` begins a line if it does not fit.
pub(super) fn broken_path(path: &str, width: usize) -> Vec<Cow<'_, str>> {
    const DELETED: &str = " (deleted)";
    let name = path.strip_suffix(DELETED).unwrap_or(path);
    let mut lines = Vec::new();
    let mut rest = name;
    while rest.width() > width {
        let end = fitting(rest, width);
        let line = rest.get(..end).unwrap_or_default();
        // Breaking a name is better than a line that is much too short.
        let behind_slash = line.rfind('/').map(|at| at.saturating_add(1)).filter(|at| at.saturating_mul(2) >= end);
        let (line, behind) = rest.split_at(behind_slash.unwrap_or(end));
        lines.push(Cow::Borrowed(line));
        rest = behind;
    }
    match path.strip_prefix(name).unwrap_or_default() {
        "" if rest.is_empty() && !lines.is_empty() => {}
        "" => lines.push(Cow::Borrowed(rest)),
        suffix if rest.width().saturating_add(suffix.width()) <= width => {
            lines.push(Cow::Owned([rest, suffix].concat()));
        }
        suffix => lines.extend([Cow::Borrowed(rest), Cow::Borrowed(suffix.trim_start())]),
    }
    lines
}

/// The length of the longest beginning of at most `width` columns, but of at least one character.
fn fitting(text: &str, width: usize) -> usize {
    let mut used = 0_usize;
    let mut fits = |c: char| {
        used = used.saturating_add(c.width().unwrap_or(0));
        used <= width
    };
    let end = text.find(|c| !fits(c)).unwrap_or(text.len());
    if end > 0 { end } else { text.chars().next().map_or(text.len(), char::len_utf8) }
}

/// The end of the first line of a text that is wider than `width`.
fn break_in(text: &str, width: usize) -> usize {
    let end = fitting(text, width);
    let line = text.get(..end).unwrap_or_default();
    if let Some(behind) = text.get(end..)
        && behind.starts_with(' ')
    {
        return end;
    }
    let behind = |at: usize| at.saturating_add(1);
    // Breaking a word is better than a line that is much too short.
    let ending_in = |mark| line.rfind(mark).map(behind).filter(|at| at.saturating_mul(2) >= end);
    let in_path = ending_in(',').or_else(|| ending_in('/'));
    if let Some(at) = line.trim_start_matches(' ').rfind(' ').and(line.rfind(' ')).map(behind).or(in_path) {
        return at;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_broken_between_words() {
        assert_eq!(wrapped("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrapped("incomprehensible to me", 5), ["incomprehensible", "to me"]);
        assert!(wrapped("", 5).is_empty());
    }

    #[test]
    fn text_is_cut_by_columns_not_bytes() {
        assert_eq!(cut("日本語日本語", 7), "日本語…");
        assert_eq!((cut("abc", 3), cut("abc", 1)), ("abc".into(), "…".into()));
    }

    #[test]
    fn a_path_keeps_its_last_part_and_as_much_of_the_others_as_fits() {
        let path = "/var/lib/kubelet/checkpoints/web.tar";
        assert_eq!(cut_middle(path, 36), path);
        assert_eq!(cut_middle(path, 35), "/var/…/kubelet/checkpoints/web.tar");
        assert_eq!(cut_middle(path, 30), "/var/lib/…/checkpoints/web.tar");
        assert_eq!(cut_middle(path, 20), "/var/lib/…/web.tar");
        assert_eq!(cut_middle(path, 14), "/var/…/web.tar");
        assert_eq!(cut_middle(path, 10), "/…/web.tar");
        assert_eq!(cut_middle(path, 3), "…/web.tar", "never its last part");
        assert_eq!(cut_middle("checkpoint/日本語/core-10.img", 22), "…/日本語/core-10.img");
        assert_eq!(cut_middle("a/b/folder/", 10), "…/folder/", "a folder is a part, too");
        assert_eq!(cut_middle("socket:[4711]", 5), "socket:[4711]");
        assert_eq!(cut_middle("/memfd: (deleted)", 9), "/memfd: (deleted)", "nothing would be won");
        assert_eq!(last_part("/a/b (deleted)"), "b (deleted)");
    }

    #[test]
    fn broken_paths_lose_nothing() {
        assert_eq!(broken_path("/home/app/new dir/added", 16), ["/home/app/", "new dir/added"]);
        assert_eq!(broken_path("/srv/a-name-without-end", 10), ["/srv/", "a-name-wit", "hout-end"]);
        assert_eq!(broken_path("/memfd: (deleted)", 9), ["/memfd:", "(deleted)"]);
        assert_eq!(broken_path("/tmp/x (deleted)", 20), ["/tmp/x (deleted)"]);
        assert_eq!(broken_path("日本語", 1), ["日", "本", "語"], "even where a character is wider than the line");
    }

    #[test]
    fn broken_text_loses_nothing() {
        assert_eq!(broken("one two three", 7, 9), ["one two", "three"]);
        assert_eq!(broken("/usr/lib/python3", 9, 9), ["/usr/lib/", "python3"]);
        assert_eq!(broken("0123456789", 4, 9), ["0123", "4567", "89"]);
        assert_eq!(broken("0123456789", 4, 2), ["0123", "456…"]);
        assert_eq!(broken("日本語", 1, 9), ["日", "本", "語"], "even where a character is wider than the line");
        assert_eq!(broken("a  b", 9, 9), ["a  b"]);
    }
}
