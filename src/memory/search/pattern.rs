//! Search patterns: text in UTF-8 or UTF-16, bytes with wildcards, regular expressions over bytes.

use std::fmt::{self, Write as _};

use crate::error::ErrorKind;
use crate::limits::Limit;

/// A search pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The pattern as the user gave it, which matches refer to.
    pub name: String,
    /// The form of the pattern.
    pub(super) shape: Shape,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// These bytes; with `any_case`, ASCII letters match in either case.
    Literal { bytes: Vec<u8>, any_case: bool },
    /// Nibbles, high nibble of each byte first; `None` matches any.
    Mask(Vec<[Option<u8>; 2]>),
    /// A regular expression in the syntax of `regex-syntax`, with Unicode off.
    Regex(String),
    /// A kind of thing that a sieve finds.
    Kind(super::sieve::Kind),
}

/// Why a pattern is not valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError {
    /// The pattern, as the user gave it.
    pub pattern: String,
    /// What is wrong with the pattern, and what to do.
    pub why: String,
    /// The limit that was reached, if one was.
    pub limit: Option<&'static Limit>,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Characters of a pattern that a message quotes.
        const SHOWN: usize = 100;
        let mut chars = self.pattern.chars();
        let head: String = chars.by_ref().take(SHOWN).collect();
        let rest = if chars.next().is_some() { "…" } else { "" };
        write!(f, "pattern {head:?}{rest}: {}", self.why)
    }
}

impl std::error::Error for PatternError {}

impl From<PatternError> for crate::Error {
    fn from(error: PatternError) -> Self {
        ErrorKind::Pattern(error.into()).into()
    }
}

/// The encoding of text in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8.
    Utf8,
    /// UTF-16, low byte first, as used by Windows, Java and JavaScript programs on little-endian machines.
    Utf16Le,
    /// UTF-16, high byte first.
    Utf16Be,
}

impl Encoding {
    /// Encodes text.
    fn bytes(self, text: &str) -> Vec<u8> {
        match self {
            Encoding::Utf8 => text.as_bytes().to_vec(),
            Encoding::Utf16Le => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            Encoding::Utf16Be => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        }
    }
}

impl Pattern {
    /// Text in an encoding, optionally in any case.
    ///
    /// # Errors
    ///
    /// Fails if the text is empty.
    pub fn text(text: &str, encoding: Encoding, any_case: bool) -> Result<Self, PatternError> {
        let name = text.to_owned();
        if text.is_empty() {
            return Err(empty(text));
        }
        if !any_case || text.is_ascii() {
            return Ok(Pattern { name, shape: Shape::Literal { bytes: encoding.bytes(text), any_case } });
        }
        // Beyond ASCII, the upper and lower case of a letter may differ in all bytes.
        let mut regex = String::new();
        for c in text.chars() {
            let mut cases: Vec<String> = vec![c.to_string(), c.to_lowercase().collect(), c.to_uppercase().collect()];
            cases.sort_unstable();
            cases.dedup();
            let cases: Vec<String> = cases.iter().map(|case| escaped(&encoding.bytes(case))).collect();
            let _ = write!(regex, "(?:{})", cases.join("|"));
        }
        Ok(Pattern { name, shape: Shape::Regex(regex) })
    }

    /// The kinds of things that a sieve finds, in order. A search must have all of them, one after another.
    pub fn kinds(name: &str, sieve: &std::sync::Arc<dyn super::Sieve>) -> Vec<Self> {
        let kind = |number| Shape::Kind(super::sieve::Kind { sieve: std::sync::Arc::clone(sieve), number });
        (0..sieve.kinds()).map(|number| Pattern { name: format!("{name} {number}"), shape: kind(number) }).collect()
    }

    /// Exactly these bytes.
    ///
    /// # Errors
    ///
    /// Fails if there are none.
    pub fn bytes(name: &str, bytes: &[u8]) -> Result<Self, PatternError> {
        if bytes.is_empty() {
            return Err(empty(name));
        }
        Ok(Pattern { name: name.to_owned(), shape: Shape::Literal { bytes: bytes.to_vec(), any_case: false } })
    }

    /// Bytes in hexadecimal, with or without spaces; `?` matches any digit: `48 8b ?? c3`, `4?`.
    ///
    /// # Errors
    ///
    /// Fails if it is empty, has a character that is not a digit, half a byte, or only wildcards.
    pub fn hex(hex: &str) -> Result<Self, PatternError> {
        let fail = |why: &str| Err(PatternError { pattern: hex.to_owned(), why: why.to_owned(), limit: None });
        let mut nibbles = Vec::new();
        for c in hex.chars().filter(|c| !c.is_whitespace()) {
            match (c, c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())) {
                ('?', _) => nibbles.push(None),
                (_, Some(digit)) => nibbles.push(Some(digit)),
                _ => return fail(&format!("{c:?} is not a hexadecimal digit; write bytes as 48 8b ?? c3, without 0x")),
            }
        }
        let (pairs, rest) = nibbles.as_chunks::<2>();
        if nibbles.is_empty() {
            return Err(empty(hex));
        }
        if !rest.is_empty() {
            return fail("the last byte has only one digit; write two digits for each byte, as in 0a");
        }
        if nibbles.iter().all(Option::is_none) {
            return fail("a pattern of only wildcards matches everywhere; give at least one digit");
        }
        let byte = |high: u8, low: u8| high.wrapping_shl(4) | low;
        let fixed: Option<Vec<u8>> = pairs.iter().map(|&[high, low]| Some(byte(high?, low?))).collect();
        let shape = match fixed {
            Some(bytes) => Shape::Literal { bytes, any_case: false },
            None => Shape::Mask(pairs.to_vec()),
        };
        Ok(Pattern { name: hex.to_owned(), shape })
    }

    /// A regular expression over bytes, in the syntax of the `regex` crate: `.` matches any byte, classes are ASCII,
    /// `(?u)` turns Unicode on.
    pub fn regex(regex: &str, any_case: bool) -> Self {
        let shape = Shape::Regex(if any_case { format!("(?i:{regex})") } else { regex.to_owned() });
        Pattern { name: regex.to_owned(), shape }
    }
}

fn empty(pattern: &str) -> PatternError {
    PatternError { pattern: pattern.to_owned(), why: "there is nothing to search for".to_owned(), limit: None }
}

/// A regular expression for exactly these bytes.
pub(super) fn escaped(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut regex, byte| {
        let _ = write!(regex, r"\x{byte:02x}");
        regex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(bytes: &[u8]) -> Shape {
        Shape::Literal { bytes: bytes.to_vec(), any_case: false }
    }

    #[test]
    fn hex_has_blanks_and_wildcards() {
        assert_eq!(Pattern::hex("48 8B c3").unwrap().shape, literal(b"\x48\x8b\xc3"));
        assert_eq!(Pattern::hex("488bc3").unwrap().shape, literal(b"\x48\x8b\xc3"));
        let mask = vec![[Some(4), Some(8)], [None, None], [Some(4), None]];
        assert_eq!(Pattern::hex("48 ?? 4?").unwrap().shape, Shape::Mask(mask));
    }

    #[test]
    fn what_cannot_be_searched_for_says_why() {
        for (hex, why) in [("", "nothing"), ("4", "one digit"), ("0x48", "without 0x"), ("????", "wildcards")] {
            let error = Pattern::hex(hex).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
        assert!(Pattern::text("", Encoding::Utf8, false).is_err());
    }

    #[test]
    fn text_has_encodings_and_cases() {
        let shape = |text, encoding, any_case| Pattern::text(text, encoding, any_case).unwrap().shape;
        assert_eq!(shape("aß", Encoding::Utf8, false), literal("aß".as_bytes()));
        assert_eq!(shape("a", Encoding::Utf16Le, false), literal(b"a\0"));
        assert_eq!(shape("a", Encoding::Utf16Be, false), literal(b"\0a"));
        assert_eq!(shape("a", Encoding::Utf8, true), Shape::Literal { bytes: b"a".to_vec(), any_case: true });
        assert_eq!(shape("ä", Encoding::Utf8, true), Shape::Regex(r"(?:\xc3\x84|\xc3\xa4)".to_owned()));
    }
}
