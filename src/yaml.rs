//! YAML that may be anybody's: what would take its parser very long is refused before.

use std::collections::HashSet;

/// How deep brackets may be nested. The parser looks at all open ones for each word.
const DEPTH: usize = 256;
/// Most directives. The parser compares each with all before it.
const DIRECTIVES: usize = 100;
/// Largest text that repeats parts of itself. The parser allows a hundred repetitions for each part.
const REPEATING: usize = 32 << 10;

/// Refuses text that would take very long to parse, with the line.
///
/// Brackets in quotes count, too: text that has hundreds more of those that open is refused although it may be right.
pub(crate) fn check(text: &str) -> Result<(), String> {
    let (mut depth, mut directives) = (0_usize, 0_usize);
    for (number, line) in (1_usize..).zip(text.lines()) {
        if line.starts_with('%') {
            directives = directives.saturating_add(1);
        }
        if line.starts_with("---") {
            depth = 0;
        }
        for byte in line.bytes() {
            match byte {
                b'[' | b'{' => depth = depth.saturating_add(1),
                b']' | b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth > DEPTH {
                return Err(format!("line {number}: brackets are nested more than {DEPTH} deep"));
            }
        }
        if directives > DIRECTIVES {
            return Err(format!("line {number}: there are more than {DIRECTIVES} directives"));
        }
    }
    if text.len() > REPEATING
        && let Some(name) = repeated(text)
    {
        let name: String = name.chars().take(40).collect();
        return Err(format!(
            "it repeats parts of itself (`&{name}`, `*{name}`), and is larger than {} KiB",
            REPEATING >> 10
        ));
    }
    Ok(())
}

/// The name of a part that is repeated: there is `&name`, and `*name`.
fn repeated(text: &str) -> Option<&str> {
    let names: HashSet<&str> = marked(text, '&').collect();
    marked(text, '*').find(|name| names.contains(name))
}

/// The names that a sign stands before, where a word may begin.
fn marked(text: &str, sign: char) -> impl Iterator<Item = &str> {
    let is_before = |c: char| c.is_whitespace() || "[{,:".contains(c);
    let is_behind = |c: char| c.is_whitespace() || "[]{},".contains(c);
    let places = text.match_indices(sign).filter_map(move |(at, sign)| {
        let (before, rest) = text.split_at_checked(at)?;
        let name = rest.strip_prefix(sign)?.split(is_behind).next()?;
        before.chars().next_back().is_none_or(is_before).then_some(name)
    });
    places.filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use serde::Deserialize;
    use serde_norway::Value;

    use super::*;

    #[test]
    fn what_takes_long_is_refused() {
        assert_eq!(check("a: [1, {b: ']'}]\n---\nc: '['\n"), Ok(()));
        let deep = format!("a:\n  {}", "[".repeat(1000));
        assert_eq!(check(&deep), Err("line 2: brackets are nested more than 256 deep".to_owned()));
        assert!(check(&"%TAG !a! b\n".repeat(1000)).unwrap_err().starts_with("line 101: "));
        let long = "x".repeat(REPEATING);
        assert!(check(&format!("a: &part [{long}]\nb: [*part]\n")).unwrap_err().contains("`*part`"));
        assert_eq!(check(&format!("a: 'cmd &part 2>&1 *any {long}'\n")), Ok(()), "there is no such part");
        assert_eq!(check("a: &part [x]\nb: [*part]\n"), Ok(()), "short text may");
    }

    /// Each of these once took minutes, or would take them if it were longer. Whether they are right does not matter.
    #[test]
    fn what_is_not_refused_ends_soon() {
        let doubling = (0..300).fold("a: &a0 [x]\n".to_owned(), |mut text, number| {
            let _ = writeln!(text, "b{number}: &a{} [*a{number}, *a{number}]", number + 1);
            text
        });
        let indented = (0..5_000).fold(String::new(), |mut text, number| {
            let _ = writeln!(text, "{:1$}a:", "", number % 500);
            text
        });
        let all = [
            "- ".repeat(20_000),
            "? ".repeat(20_000),
            "a: ".repeat(20_000),
            "&a ".repeat(20_000),
            format!("{}{}", "[".repeat(DEPTH), ",".repeat(20_000)),
            indented,
            doubling,
        ];
        for text in all {
            assert_eq!(check(&text), Ok(()));
            let documents = serde_norway::Deserializer::from_str(&text).take(10).map(Value::deserialize);
            assert!(documents.count() <= 10);
        }
    }
}
