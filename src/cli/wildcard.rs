//! Wildcards in what the user gives. All are made here, so that none is refused with a panic.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::Failure;

/// Braces within braces that are followed.
const DEPTH_MOST: usize = 32;
/// Bytes of a pattern: no path is longer.
const LENGTH_MOST: usize = 4096;
/// Characters of a pattern that a message repeats.
const SHOWN: usize = 60;

/// What matches any of some patterns. With `whole_path`, `*` and `?` match slashes, too.
///
/// # Errors
///
/// If one cannot be understood, nests braces too deep, or is too large.
pub(crate) fn any_of<T: AsRef<str>>(texts: &[T], whole_path: bool) -> Result<GlobSet, Failure> {
    let mut set = GlobSetBuilder::new();
    for text in texts.iter().map(AsRef::as_ref) {
        let fail = |why: String| Failure::Usage(format!("{}: {why}", shown(text)));
        if depth(text) > DEPTH_MOST {
            return Err(fail(format!("braces lie more than {DEPTH_MOST} deep in each other; write it with fewer")));
        }
        if text.len() > LENGTH_MOST {
            return Err(fail(format!("the pattern is too large: more than {LENGTH_MOST} bytes; write it shorter")));
        }
        let glob = GlobBuilder::new(text).literal_separator(!whole_path).build();
        let glob = glob.map_err(|error| fail(error.kind().to_string()))?;
        // Alone first: here it is known which one is too large.
        let alone = GlobSetBuilder::new().add(glob.clone()).build();
        alone.map_err(|_| fail("the pattern is too large; write it shorter".to_owned()))?;
        set.add(glob);
    }
    set.build().map_err(|_| Failure::Usage("the patterns are too large together; give fewer".to_owned()))
}

/// The same of one pattern.
pub(crate) fn one(text: &str, whole_path: bool) -> Result<GlobSet, Failure> {
    any_of(&[text], whole_path)
}

/// How deep braces lie in each other at most.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0_usize);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            '{' => depth = depth.saturating_add(1),
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

fn shown(text: &str) -> String {
    let mut chars = text.chars();
    let head: String = chars.by_ref().take(SHOWN).collect();
    let rest = if chars.next().is_some() { "…" } else { "" };
    format!("{head:?}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_a_pattern_is_refused_with_a_sentence() {
        let deep = format!("{}a{}", "{".repeat(1000), "}".repeat(1000));
        for (text, why) in [
            (deep.as_str(), "more than 32 deep"),
            (&"{".repeat(100_000), "more than 32 deep"),
            (&"?".repeat(100_000), "too large"),
            ("[", "unclosed"),
            ("{a", "unclosed"),
        ] {
            let error = one(text, true).unwrap_err().to_string();
            assert!(error.contains(why) && error.len() < 400, "{error}");
        }
    }

    #[test]
    fn slashes_are_matched_where_whole_paths_are() {
        assert!(one("/etc/*d", true).unwrap().is_match("/etc/ssh/sshd"));
        assert!(!one("/etc/*d", false).unwrap().is_match("/etc/ssh/sshd"));
        assert!(one(r"{{{a,b},c},\{}x", true).unwrap().is_match("{x"));
        assert!(any_of(&["a*", "b*"], true).unwrap().is_match("bc"));
    }
}
