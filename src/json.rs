//! Parses untrusted JSON, up to a limit on its nesting depth.

use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use crate::int::usize_of;

/// The greatest limit that can be set, because values are processed recursively.
const DEEPEST: u64 = 1024;

/// Why a text is not a JSON value.
#[derive(Debug)]
pub(crate) enum Unparsed {
    /// It is nested deeper than this limit.
    Deep(u64),
    /// It is not JSON.
    Invalid(serde_json::Error),
}

impl fmt::Display for Unparsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unparsed::Deep(limit) => {
                write!(f, "nested more than {limit} deep; skipped")
            }
            Unparsed::Invalid(error) => write!(f, "not valid JSON: {error}"),
        }
    }
}

/// Parses a text that is nested at most `depth` deep.
///
/// # Errors
///
/// Fails if it is not valid JSON, or nested deeper.
pub(crate) fn parse(text: &[u8], depth: u64) -> Result<Value, Unparsed> {
    let depth = depth.min(DEEPEST);
    if depth_of(text) > usize_of(depth) {
        return Err(Unparsed::Deep(depth));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    deserializer.disable_recursion_limit();
    let value = Value::deserialize(&mut deserializer).map_err(Unparsed::Invalid)?;
    deserializer.end().map_err(Unparsed::Invalid)?;
    Ok(value)
}

/// The nesting depth of the brackets of a text, outside of strings. For invalid JSON it may be too large, but never less
/// than a parser reaches before it notices.
fn depth_of(text: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for &byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth = depth.saturating_add(1);
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(open: &str, close: &str, depth: usize) -> String {
        format!("{}1{}", open.repeat(depth), close.repeat(depth))
    }

    #[test]
    fn values_may_be_as_deep_as_the_limit_and_no_deeper() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            assert!(parse(nested(open, close, 200).as_bytes(), 200).is_ok());
            assert!(matches!(parse(nested(open, close, 201).as_bytes(), 200), Err(Unparsed::Deep(200))));
            assert!(matches!(parse(nested(open, close, 1 << 20).as_bytes(), u64::MAX), Err(Unparsed::Deep(DEEPEST))));
        }
        let strings = format!("[{}]", vec![r#""[[[\"[[[""#; 100].join(","));
        assert!(parse(strings.as_bytes(), 1).is_ok(), "brackets in strings are none");
    }

    #[test]
    fn what_follows_a_value_is_an_error() {
        assert!(matches!(parse(b"{} {}", 9), Err(Unparsed::Invalid(_))));
        assert!(matches!(parse(b"[\"", 9), Err(Unparsed::Invalid(_))));
    }
}
