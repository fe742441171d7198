//! Values as people read them, and text cut to a number of columns.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{escape, json};
use crate::tables::Value;

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

/// Text of at most `width` columns; where its end is cut off is marked.
pub fn cut(text: &str, width: usize) -> Cow<'_, str> {
    if text.width() <= width { Cow::Borrowed(text) } else { Cow::Owned(marked(text, width)) }
}

/// Text in lines of at most `width` columns, broken between words; a longer word has a line of its own.
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

/// Text of at most `width` columns; where its beginning is cut off is marked.
pub(super) fn cut_front(text: &str, width: usize) -> Cow<'_, str> {
    if text.width() <= width {
        return Cow::Borrowed(text);
    }
    let mut used = 1;
    let kept = text.char_indices().rev().take_while(|(_, c)| {
        used = c.width().unwrap_or(0).saturating_add(used);
        used <= width
    });
    let from = kept.last().map_or(text.len(), |(at, _)| at);
    Cow::Owned(format!("…{}", text.get(from..).unwrap_or_default()))
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
        assert_eq!(cut_front("日本語日本語", 7), "…日本語");
        assert_eq!((cut("abc", 3), cut_front("abc", 3)), ("abc".into(), "abc".into()));
        assert_eq!((cut("abc", 1), cut_front("abc", 1)), ("…".into(), "…".into()));
    }
}
