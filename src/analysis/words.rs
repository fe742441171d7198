//! Words of sentences. Text from the archive is the attacker's: it is escaped and cut before it stands in one.

use crate::escape::escape;

/// Characters of a name that are shown in a sentence.
const LONGEST: usize = 60;

/// Text from the archive for a sentence: escaped, and cut in the middle if it is long, since both ends of a path or a
/// command tell something.
pub(super) fn shown(bytes: &[u8]) -> String {
    shown_within(bytes, LONGEST)
}

/// The same, with at most this many characters.
pub(super) fn shown_within(bytes: &[u8], most: usize) -> String {
    let text = escape(bytes);
    let count = text.chars().count();
    if count <= most {
        return text.into_owned();
    }
    let kept = most.saturating_sub(1);
    let tail = kept / 2;
    let head: String = text.chars().take(kept.saturating_sub(tail)).collect();
    let tail: String = text.chars().skip(count.saturating_sub(tail)).collect();
    format!("{head}…{tail}")
}

/// A number with its noun: `1 page`, `2 pages`.
pub(super) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// The same, for nouns with a plural of their own.
pub(super) fn counted(number: usize, [one, many]: [&str; 2]) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// A size for a sentence: `84 KiB`.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = UNITS.into_iter().find(|(unit, _)| bytes >= *unit);
    match unit.and_then(|(unit, name)| Some((bytes.checked_div(unit)?, name))) {
        Some((number, name)) => format!("{number} {name}"),
        None => format!("{bytes} bytes"),
    }
}

/// Adds words to a sentence.
pub(super) fn add(sentence: &mut String, words: std::fmt::Arguments<'_>) {
    use std::fmt::Write as _;
    // Text takes everything.
    let _ = sentence.write_fmt(words);
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn listed<T: AsRef<str>>(items: &[T]) -> String {
    match items {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [all @ .., last] => {
            let all: Vec<&str> = all.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", all.join(", "), last.as_ref())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_keeps_both_ends_and_control_bytes_are_escaped() {
        assert_eq!(shown(b"/usr/bin/sh"), "/usr/bin/sh");
        assert_eq!(shown_within(b"/very/long/path/to/evil", 11), "/very…/evil");
        assert_eq!(shown(b"a\x1b[2Jb"), "a\\x1b[2Jb");
    }

    #[test]
    fn lists_and_sizes_read_like_sentences() {
        assert_eq!(listed::<&str>(&[]), "");
        assert_eq!(listed(&["a", "b", "c"]), "a, b and c");
        assert_eq!((size(512), size(86_016), size(3 << 20)), ("512 bytes".into(), "84 KiB".into(), "3 MiB".into()));
        assert_eq!((count(1, "page"), count(0, "page")), ("1 page".into(), "0 pages".into()));
    }
}
