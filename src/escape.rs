//! The only escaper for text shown to people. Names, arguments and logs come from the container, and may have been
//! written to attack the reader's terminal.

use std::borrow::Cow;
use std::fmt::Write as _;

use bstr::ByteSlice;

/// Escapes text so that nothing can move the cursor, change colours, hide or reorder text: control characters (C0, C1,
/// DEL), line and paragraph separators, bidirectional and zero-width characters, and bytes that are not UTF-8 are shown
/// by their codes. A trailing space is escaped, too, as it would be invisible: `/tmp/.. ` is not `/tmp/..`.
///
/// ```
/// use cryoscope::formats::escape;
///
/// assert_eq!(escape(b"plain caf\xc3\xa9"), "plain café");
/// assert_eq!(escape(b"\x1b[2Jgone\n"), "\\x1b[2Jgone\\n");
/// assert_eq!(escape("a\u{202e}b".as_bytes()), "a\\u{202e}b");
/// assert_eq!(escape(b"\xff\xfe"), "\\xff\\xfe");
/// assert_eq!(escape(b".. "), "..\\x20");
/// ```
pub fn escape(bytes: &[u8]) -> Cow<'_, str> {
    if let Some(seen) = bytes.strip_suffix(b" ") {
        return Cow::Owned(plain(seen).into_owned() + "\\x20");
    }
    plain(bytes)
}

/// The same, except for a trailing space.
fn plain(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = bytes.to_str()
        && !text.chars().any(is_unsafe)
    {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            escape_char(c, &mut escaped);
        }
        for byte in chunk.invalid() {
            let _ = write!(escaped, "\\x{byte:02x}");
        }
    }
    Cow::Owned(escaped)
}

fn escape_char(c: char, escaped: &mut String) {
    let _ = match c {
        '\n' => write!(escaped, "\\n"),
        '\r' => write!(escaped, "\\r"),
        '\t' => write!(escaped, "\\t"),
        c if is_unsafe(c) && c.is_ascii() => write!(escaped, "\\x{:02x}", u32::from(c)),
        c if is_unsafe(c) => write!(escaped, "\\u{{{:x}}}", u32::from(c)),
        c => write!(escaped, "{c}"),
    };
}

/// Whether a character does something other than being displayed.
pub(crate) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' // soft hyphen, Arabic letter mark, Mongolian vowel separator
            | '\u{200b}'..='\u{200f}' // zero-width characters and direction marks
            | '\u{2028}'..='\u{202e}' // separators, embeddings and overrides
            | '\u{2060}'..='\u{206f}' // word joiner, invisible operators, isolates, deprecated controls
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' // byte order mark, interlinear annotations
            | '\u{e0000}'..='\u{e007f}') // tags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_a_terminal_is_closed() {
        assert_eq!(escape(b"\x1b]0;owned\x07"), "\\x1b]0;owned\\x07");
        assert_eq!(escape("\u{9b}2J".as_bytes()), "\\u{9b}2J", "C1 is another way to write an escape");
        assert_eq!(escape(b"\x9b2J"), "\\x9b2J", "and as a single byte");
        assert_eq!(escape(b"\x7f\r\t\n"), "\\x7f\\r\\t\\n");
        assert_eq!(escape("\u{2066}\u{200b}\u{feff}".as_bytes()), "\\u{2066}\\u{200b}\\u{feff}");
        assert_eq!(escape("a\u{2028}b".as_bytes()), "a\\u{2028}b");
    }

    #[test]
    fn what_is_harmless_is_borrowed() {
        assert!(matches!(escape("naïve 日本語 🦀".as_bytes()), Cow::Borrowed(_)));
        assert!(matches!(escape(b""), Cow::Borrowed("")));
    }
}
