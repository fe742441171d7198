//! Passwords in URLs.

use bstr::ByteSlice;

use super::super::detector::{Detector, Mark, Match, Style};
use super::super::text::{at, begins_word, is_alnum, is_break, part, run, run_back};
use super::placeholder::{default_login, is_description, is_example, is_plain, is_weak};

/// Neither blank, nor a separator of URLs, nor a quote.
fn is_of_login(byte: u8) -> bool {
    !is_break(byte) && !matches!(byte, b'/' | b'?' | b'#' | b'@' | b'"' | b'\'' | b'<' | b'>')
}

/// `scheme://user:password@host`. The user may be missing, as with Redis.
pub(super) static PASSWORD: Detector = Detector {
    id: "url-password",
    title: "Password in a URL",
    provider: None,
    action: "Change the password of this user at this host.",
    style: Style::Password,
    // Base64 of the sign is too short to be looked for, so there are schemes too.
    marks: &[
        Mark::text("://"),
        // In JSON, as PHP writes it.
        Mark::text(":\\/\\/"),
        Mark::text("postgres://"),
        Mark::text("postgresql://"),
        Mark::text("mysql://"),
        Mark::text("mongodb://"),
        Mark::text("mongodb+srv://"),
        Mark::text("redis://"),
        Mark::text("amqp://"),
    ],
    wrapped: true,
    find: |bytes, place, out| {
        // A mark may begin with the scheme.
        let scheme = run(bytes, place, |byte| byte.is_ascii_lowercase() || byte == b'+', 12);
        let place = if at(bytes, place) == Some(b':') { place } else { scheme };
        let is_escaped = at(bytes, place.saturating_add(1)) == Some(b'\\');
        let login = place.saturating_add(if is_escaped { 5 } else { 3 });
        let colon = run(bytes, login, |byte| is_of_login(byte) && byte != b':', 128);
        if at(bytes, colon) != Some(b':') {
            return;
        }
        let start = colon.saturating_add(1);
        let end = run(bytes, start, is_of_login, 128);
        let host = end.saturating_add(1);
        if at(bytes, end) != Some(b'@') || end.saturating_sub(start) < 3 {
            return;
        }
        let is_of_host = |byte: u8| is_alnum(byte) || matches!(byte, b'.' | b'_' | b'[' | b']' | b':' | b'-');
        let to = run(bytes, host, is_of_host, 253);
        // What ends a sentence is not a part of the host.
        let sentence = part(bytes, host..to).trim_end_with(|sign| matches!(sign, '.' | ':' | '-' | '_'));
        let to = host.saturating_add(sentence.len());
        let is_of_scheme = |byte: u8| is_alnum(byte) || matches!(byte, b'+' | b'.' | b'-');
        let scheme = run_back(bytes, place, is_of_scheme, 21);
        // It begins with a letter, at the beginning of a word.
        let scheme = (scheme..place)
            .find(|start| at(bytes, *start).is_some_and(|b| b.is_ascii_alphabetic()) && begins_word(bytes, *start));
        let Some(scheme) = scheme.filter(|start| to > host && place.saturating_sub(*start) >= 2) else { return };
        let password = part(bytes, start..end);
        let user = part(bytes, login..colon);
        let is_default = default_login(user, password);
        if !is_default && !is_weak(password) && (is_plain(password) || is_description(password)) {
            return;
        }
        // `host:port`: words for what is meant.
        let port = part(bytes, host..to).rsplit(|byte| matches!(byte, b':' | b']')).next().unwrap_or_default();
        if to.saturating_sub(host) > port.len() && !port.iter().all(u8::is_ascii_digit) {
            return;
        }
        let whom = part(bytes, host..to).to_str_lossy();
        let user = user.to_str_lossy();
        let scheme_name = part(bytes, scheme..place).to_str_lossy();
        let whom =
            if user.is_empty() { format!("{scheme_name}://{whom}") } else { format!("{scheme_name}://{user}@{whom}") };
        let mut found = Match::of(start..end).within(scheme..to).of_whom(Some(whom));
        if is_default {
            found.tags.push("default_credential");
        } else if is_weak(password) {
            found.tags.push("weak");
        } else if is_example(password) {
            found.tags.push("example");
        }
        out.push(found);
    },
};
