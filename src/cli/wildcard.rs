//! Wildcards in arguments. All patterns are compiled here, so that a bad one is an error and not a panic.

use bstr::ByteSlice as _;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::Failure;
use super::shown::shown;

/// Maximum nesting of braces.
const DEPTH_MOST: usize = 32;
/// Maximum length of a pattern in bytes. No path is longer.
const LENGTH_MOST: usize = 4096;

/// Patterns. A text that is equal to one of them matches it, too: the path of a heap is `[heap]`.
#[derive(Debug)]
pub(crate) struct Wildcards {
    globs: GlobSet,
    texts: Vec<String>,
}

impl Wildcards {
    /// Whether a text matches any of the patterns.
    pub(crate) fn is_match(&self, text: &[u8]) -> bool {
        self.texts.iter().any(|own| own.as_bytes() == text) || self.globs.is_match(text.to_path_lossy())
    }

    /// Whether there are no patterns.
    pub(crate) fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }
}

/// Matches any of several patterns. With `whole_path`, `*` and `?` also match slashes.
///
/// # Errors
///
/// If a pattern is invalid, nests braces too deeply, or is too large.
pub(crate) fn any_of<T: AsRef<str>>(texts: &[T], whole_path: bool) -> Result<Wildcards, Failure> {
    let mut set = GlobSetBuilder::new();
    for text in texts.iter().map(AsRef::as_ref) {
        let fail = |why: String| Failure::Usage(format!("{}: {why}", shown(text)));
        if depth(text) > DEPTH_MOST {
            return Err(fail(format!("braces are nested more than {DEPTH_MOST} deep; use fewer")));
        }
        if text.len() > LENGTH_MOST {
            return Err(fail(format!("the pattern is too large: more than {LENGTH_MOST} bytes; shorten it")));
        }
        let glob = GlobBuilder::new(text).literal_separator(!whole_path).build();
        let glob = glob.map_err(|error| fail(error.kind().to_string()))?;
        // Compiled alone first, to find out which one is too large.
        let alone = GlobSetBuilder::new().add(glob.clone()).build();
        alone.map_err(|_| fail("the pattern is too large; shorten it".to_owned()))?;
        set.add(glob);
    }
    let globs = set.build().map_err(|_| Failure::Usage("the patterns together are too large; use fewer".to_owned()))?;
    Ok(Wildcards { globs, texts: texts.iter().map(|text| text.as_ref().to_owned()).collect() })
}

/// The same for one pattern.
pub(crate) fn one(text: &str, whole_path: bool) -> Result<Wildcards, Failure> {
    any_of(&[text], whole_path)
}

/// The maximum nesting of braces in a text.
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
        assert!(one("/etc/*d", true).unwrap().is_match(b"/etc/ssh/sshd"));
        assert!(!one("/etc/*d", false).unwrap().is_match(b"/etc/ssh/sshd"));
        assert!(one(r"{{{a,b},c},\{}x", true).unwrap().is_match(b"{x"));
        assert!(any_of(&["a*", "b*"], true).unwrap().is_match(b"bc"));
    }

    #[test]
    fn a_name_matches_itself() {
        let heap = one("[heap]", true).unwrap();
        assert!(heap.is_match(b"[heap]") && heap.is_match(b"h") && !heap.is_match(b"[stack]"));
        let any = any_of(&["[stack]", "/tmp/*"], true).unwrap();
        assert!(any.is_match(b"[stack]") && any.is_match(b"/tmp/\xff") && !any.is_match(b"[heap]"));
        assert!(any_of::<&str>(&[], true).unwrap().is_empty());
    }
}
