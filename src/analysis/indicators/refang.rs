//! Undoes what keeps links in reports from being clicked: `hxxp`, `[.]`, `(dot)`, `[:]`.

use std::borrow::Cow;

/// What stands for what, in lower case.
const FORMS: [(&str, &str); 25] = [
    ("[.]", "."),
    ("(.)", "."),
    ("{.}", "."),
    ("[dot]", "."),
    ("(dot)", "."),
    ("{dot}", "."),
    (" dot ", "."),
    ("[.", "."),
    (".]", "."),
    ("\\.", "."),
    ("[:]", ":"),
    ("[://]", "://"),
    ("[/]", "/"),
    ("[@]", "@"),
    ("(@)", "@"),
    ("[at]", "@"),
    ("(at)", "@"),
    ("{at}", "@"),
    ("[:", ":"),
    ("hxxps", "https"),
    ("hxxp", "http"),
    ("h**p", "http"),
    ("h__p", "http"),
    ("meow", "http"),
    ("fxp", "ftp"),
];

/// The text with these forms undone. Text without them is returned as it is.
pub(super) fn refang(text: &str) -> Cow<'_, str> {
    let is_fanged = text.bytes().any(|byte| matches!(byte, b'[' | b'(' | b'{' | b'\\' | b'*')) || has_scheme(text);
    let has_word = text.contains(" dot ") || text.contains(" DOT ");
    if !is_fanged && !has_word {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_scheme = |form: &str| form.starts_with(|c: char| c.is_ascii_alphabetic());
        let found = FORMS.iter().find(|(form, _)| {
            let here = rest.get(..form.len()).is_some_and(|here| here.eq_ignore_ascii_case(form));
            // A scheme stands at the beginning and ends with a colon; a colon in a bracket at the beginning is IPv6.
            let is_there = if is_scheme(form) {
                plain.is_empty() && has_scheme(rest)
            } else if *form == "[:" {
                !plain.is_empty() && rest.get(2..).is_some_and(|rest| rest.starts_with("//"))
            } else if *form == "[." || *form == ".]" {
                plain.bytes().last().is_some_and(|byte| byte.is_ascii_alphanumeric()) && !rest.starts_with("[./")
            } else {
                true
            };
            here && is_there
        });
        if let Some((form, meaning)) = found {
            plain.push_str(meaning);
            rest = rest.get(form.len()..).unwrap_or_default();
            if *form == "[:" && rest.starts_with("//]") {
                plain.push_str("//");
                rest = rest.get(3..).unwrap_or_default();
            }
        } else {
            plain.push(first);
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        }
    }
    Cow::Owned(plain)
}

/// Whether text begins with one of the schemes.
fn has_scheme(text: &str) -> bool {
    let schemes = ["hxxps", "hxxp", "h**ps", "h**p", "h__ps", "h__p", "meows", "meow", "fxp"];
    schemes.iter().any(|scheme| {
        let head = text.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme));
        let rest = text.get(scheme.len()..).unwrap_or_default();
        head && (rest.starts_with(':') || rest.starts_with("[:") || rest.starts_with("[://"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_usual_forms_are_undone() {
        for (fanged, plain) in [
            ("hxxp://evil[.]com/a", "http://evil.com/a"),
            ("hXXps[:]//evil[.]com", "https://evil.com"),
            ("hxxps[://]evil(.)com", "https://evil.com"),
            ("203.0[.]113[.]7", "203.0.113.7"),
            ("203[.]0[.]113[.]7:4444", "203.0.113.7:4444"),
            ("evil (dot) com", "evil . com"),
            ("evil[dot]com", "evil.com"),
            ("evil dot com", "evil.com"),
            ("2001[:]db8[:][:]1", "2001:db8::1"),
            ("[2001:db8::1]:443", "[2001:db8::1]:443"),
            ("a[at]evil[.]com", "a@evil.com"),
            ("evil[.com", "evil.com"),
            ("fxp://evil.com", "ftp://evil.com"),
            ("hxxp", "hxxp"),
            ("meow", "meow"),
            ("/tmp/[x]", "/tmp/[x]"),
            ("[./a", "[./a"),
        ] {
            assert_eq!(refang(fanged), plain);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_taken_and_what_is_plain_stays(text in "\\PC{0,64}", plain in "[a-z0-9/:.-]{0,40}") {
            let once = refang(&text);
            prop_assert!(once.len() <= text.len().saturating_mul(2));
            if !has_scheme(&plain) {
                prop_assert_eq!(refang(&plain), plain.as_str());
            }
        }
    }
}
