//! Credentials in headers of HTTP.

use bstr::ByteSlice;

use super::super::super::Confidence;
use super::super::detector::{Detector, Mark, Match, Style};
use super::super::text::{self, at, entropy, has_any_case, is_alnum, is_base64, is_printable, maybe, part, run};
use super::assigned::is_no_token;
use super::placeholder::{default_login, is_placeholder, is_plain, is_template, is_usual, is_words};

/// Where the value begins of an `Authorization` header with a scheme, whose name begins at a place.
fn value(bytes: &[u8], place: usize, scheme: &[u8]) -> Option<usize> {
    let is_quote = |byte: u8| matches!(byte, b'"' | b'\'');
    let blank = |byte: u8| byte.is_ascii_whitespace();
    // A quote of a text in a text has a backslash before it.
    let quote = |place: usize| maybe(bytes, maybe(bytes, place, |byte| byte == b'\\'), is_quote);
    let name_end = quote(place.checked_add(13)?);
    let sign = run(bytes, name_end, blank, 2);
    let name = match at(bytes, sign) {
        Some(b':' | b'=') => {
            let value = run(bytes, sign.checked_add(1)?, blank, 2);
            // Go writes lists as `[…]`, Python bytes as `b'…'`.
            let listed = maybe(bytes, value, |byte| byte == b'[');
            let is_bytes = at(bytes, listed) == Some(b'b') && at(bytes, listed.checked_add(1)?).is_some_and(is_quote);
            quote(listed.saturating_add(usize::from(is_bytes)))
        }
        // `proxy_set_header Authorization "Basic …"`
        Some(b'"' | b'\'') if sign > name_end => sign.checked_add(1)?,
        _ => return None,
    };
    let behind = has_any_case(bytes, name, scheme).then(|| name.saturating_add(scheme.len()))?;
    let start = run(bytes, behind, blank, 2);
    (start > behind).then_some(start)
}

/// `Authorization: Basic`: a user and a password.
pub(super) static BASIC: Detector = Detector {
    id: "http-basic",
    title: "User and password in a header",
    provider: None,
    action: "Change the password of this user.",
    style: Style::Password,
    marks: &[Mark::any_case("authorization")],
    wrapped: false,
    find: |bytes, place, out| {
        let Some(start) = value(bytes, place, b"basic") else { return };
        let body = run(bytes, start, is_base64, 2000);
        let end = run(bytes, body, |byte| byte == b'=', 2);
        let login = text::base64(part(bytes, start..end)).filter(|login| is_printable(login));
        let Some(login) = login.filter(|_| body.saturating_sub(start) >= 6) else { return };
        let Some((user, password)) = login.split_once_str(":") else { return };
        // Some services take their key as the user, and no password.
        let secret = if password.is_empty() { user } else { password };
        if secret.is_empty() || is_template(secret) || password.is_empty() && (is_plain(user) || is_words(user)) {
            return;
        }
        let whom = (!user.is_empty() && !password.is_empty()).then(|| format!("user {}", user.to_str_lossy()));
        let mut found = Match::of(start..end).within(place..end).of_whom(whom);
        if default_login(user, password) {
            found.tags.push("default_credential");
        } else if is_usual(password) {
            found.tags.push("weak");
        }
        found.inner = Some(secret.to_vec());
        out.push(found);
    },
};

/// Whether a token is none: a placeholder, words, what another detector refused.
fn is_none(token: &[u8]) -> bool {
    is_placeholder(token) || is_words(token) || is_no_token(token)
}

/// `Authorization: Bearer`, if no other detector knows the token.
pub(super) static BEARER: Detector = Detector {
    id: "http-bearer",
    title: "Token in a header",
    provider: None,
    action: "Revoke the token at the service that it was sent to.",
    style: Style::Token,
    marks: &[Mark::any_case("authorization")],
    wrapped: false,
    find: |bytes, place, out| {
        let Some(start) = value(bytes, place, b"bearer") else { return };
        let is_of_token = |byte: u8| is_alnum(byte) || matches!(byte, b'.' | b'_' | b'~' | b'+' | b'/' | b'-');
        let body = run(bytes, start, is_of_token, 4000);
        let end = run(bytes, body, |byte| byte == b'=', 4);
        let token = part(bytes, start..end);
        if body.saturating_sub(start) >= 20 && entropy(token) >= 3.5 && !is_none(token) {
            out.push(Match::of(start..end).within(place..end).sure(Confidence::Medium));
        }
    },
};
