//! Removes secrets from text that is not about secrets: command lines, sentences, lines of files.

use std::borrow::Cow;

use super::engine::{Engine, plain_engine, style};
use super::mask::masked;

/// Text with the secrets in it replaced by what is shown of them.
pub fn redacted(text: &[u8]) -> Cow<'_, [u8]> {
    // Nothing shorter than this is found.
    if text.len() < 8 {
        return Cow::Borrowed(text);
    }
    let hits = plain_engine().find(text);
    if hits.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut result = Vec::with_capacity(text.len());
    let mut done = 0;
    for hit in hits.iter().filter(|hit| !hit.tags.contains(&"example")) {
        if hit.place.start < done {
            continue;
        }
        result.extend_from_slice(text.get(done..hit.place.start).unwrap_or_default());
        let id = Engine::detector(hit.detector).map_or("", |detector| detector.id);
        // What stands around a password in a URL stays.
        let shown = if id == "url-password" {
            "…".to_owned()
        } else {
            masked(id, style(hit.detector), &hit.value, hit.public, hit.principal.as_deref())
        };
        result.extend_from_slice(shown.as_bytes());
        done = hit.place.end;
    }
    result.extend_from_slice(text.get(done..).unwrap_or_default());
    Cow::Owned(result)
}

/// The same for our own text.
pub(crate) fn redacted_text(text: &mut String) {
    if let Cow::Owned(bytes) = redacted(text.as_bytes()) {
        *text = String::from_utf8_lossy(&bytes).into_owned();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_and_the_rest_stays() {
        let text = ["curl postgres://app:", "k3Jd9xTmWq@db/x -n"].concat();
        assert_eq!(redacted(text.as_bytes()).as_ref(), "curl postgres://app:…@db/x -n".as_bytes());
        assert!(matches!(redacted(b"nginx -g daemon off;"), Cow::Borrowed(_)));
    }
}
