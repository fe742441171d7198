//! Whatever is assigned to a name such as `password` or `api_key`: the least sure detector, which runs last.

use std::ops::Range;

use bstr::ByteSlice;

use super::super::super::Confidence;
use super::super::detector::{Detector, Mark, Match, Style};
use super::super::text::{self, at, before, classes, entropy, has_any_case, is_word, maybe, part, run, run_back};
use super::placeholder::{is_example, is_plain, is_weak, is_words};

/// Longest value.
const LONGEST: usize = 128;

/// Names that end in one of these, but hold no secret.
const HARMLESS: [&str; 18] = [
    "max_token",
    "num_token",
    "n_token",
    "total_token",
    "prompt_token",
    "completion_token",
    "maxtoken",
    "input_token",
    "output_token",
    "stop_token",
    "eos_token",
    "bos_token",
    "pad_token",
    // Where a list goes on.
    "next_token",
    "nexttoken",
    "page_token",
    "pagetoken",
    "continuation_token",
];

/// Names with one of these are those of public keys, or of texts for people.
const PUBLIC: [&str; 6] =
    ["publickey", "public_key", "yourpassword", "changepassword", "forgotpassword", "remembermypassword"];

/// What a value may have where nothing says where it ends.
fn is_of_value(byte: u8) -> bool {
    is_of_quoted(byte)
        && !matches!(byte, b',' | b';' | b'&' | b'<' | b'>' | b'(' | b')' | b'{' | b'}' | b'[' | b']' | b'$' | b'`')
}

/// What a value may have between quotes.
fn is_of_quoted(byte: u8) -> bool {
    (0x21..0x7f).contains(&byte) && !matches!(byte, b'"' | b'\'')
}

fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'')
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// How a value is assigned.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    /// By a sign.
    Sign,
    /// As an element of XML.
    Element,
    /// By a blank: `--password x`, `PASSWORD 'x'`, `login x password y`.
    Blank,
}

/// The value whose name ends at a place.
fn value_of(bytes: &[u8], name: Range<usize>) -> Option<(Range<usize>, How)> {
    let plural = maybe(bytes, name.end, |byte| matches!(byte, b's' | b'S'));
    // A quote of a text in a text has a backslash before it.
    let quote = |place: usize| maybe(bytes, maybe(bytes, place, |byte| byte == b'\\'), is_quote);
    let quoted = if at(bytes, plural) == Some(b']') { plural } else { quote(plural) };
    let quoted = maybe(bytes, quoted, |byte| byte == b']');
    let sign = run(bytes, quoted, is_blank, 3);
    let signs: [&[u8]; 4] = [b":=", b"=>", b"=", b":"];
    if let Some(behind) = signs.iter().find_map(|sign_text| text::skip(bytes, sign, sign_text)) {
        return Some((value_at(bytes, run(bytes, behind, is_blank, 3)), How::Sign));
    }
    if at(bytes, plural) == Some(b'>') && before(bytes, name.start) == Some(b'<') {
        let value = value_at(bytes, plural.saturating_add(1));
        return text::has(bytes, value.end, b"</").then_some((value, How::Element));
    }
    // `define('DB_PASSWORD', 'x')`
    let is_defined =
        || bytes.get(..name.start.saturating_sub(1)).is_some_and(|head| head.trim_end().ends_with(b"define("));
    if quoted > plural && at(bytes, quoted) == Some(b',') && is_defined() {
        let start = run(bytes, quoted.saturating_add(1), is_blank, 3);
        return at(bytes, start).is_some_and(is_quote).then(|| (value_at(bytes, start), How::Sign));
    }
    let is_flag = part(bytes, name.clone()).starts_with(b"--");
    let is_sql = at(bytes, sign) == Some(b'\'');
    let line = part(bytes, name.start.saturating_sub(128)..name.start);
    let line = line.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let is_netrc = name.len() == 8 && (line.contains_str("login ") || line.contains_str("machine "));
    let is_apart = sign > name.end && quoted == name.end;
    (is_apart && (is_flag || is_sql || is_netrc)).then(|| (value_at(bytes, sign), How::Blank))
}

/// The value that begins at a place, without its quotes.
fn value_at(bytes: &[u8], place: usize) -> Range<usize> {
    let escape = maybe(bytes, place, |byte| byte == b'\\');
    if let Some(sign) = at(bytes, escape).filter(|byte| is_quote(*byte)) {
        let start = escape.saturating_add(1);
        let end = run(bytes, start, is_of_quoted, LONGEST);
        let is_inner = escape > place;
        let end = if is_inner && before(bytes, end) == Some(b'\\') { end.saturating_sub(1) } else { end };
        let close = if is_inner { end.saturating_add(1) } else { end };
        if at(bytes, close) == Some(sign) && !part(bytes, start..end).iter().any(|byte| b"(){}[]$`".contains(byte)) {
            return start..end;
        }
        return start..run(bytes, start, |byte| is_of_value(byte) && byte != b'\\', LONGEST);
    }
    let end = run(bytes, place, is_of_value, LONGEST);
    // In a query, `&` begins the next parameter. In a line of a file it is a part of the value.
    if at(bytes, end) == Some(b'&') && end > place {
        let line = run(
            bytes,
            end,
            |byte| is_of_value(byte) || byte == b'&',
            LONGEST.saturating_sub(end.saturating_sub(place)),
        );
        let is_last = at(bytes, line).is_none_or(|byte| matches!(byte, b'\r' | b'\n' | 0));
        if is_last && !part(bytes, end..line).contains(&b'=') {
            return place..line;
        }
    }
    place..end
}

/// A name, a sign, a value.
pub(super) static SECRET: Detector = Detector {
    id: "assigned-secret",
    title: "Password or secret of a setting",
    provider: None,
    action: "Change the secret where it is set.",
    style: Style::Password,
    marks: &[
        Mark::any_case("password"),
        Mark::any_case("passwd"),
        Mark::any_case("passphrase"),
        Mark::any_case("_pass"),
        Mark::any_case("-pass"),
        Mark::any_case("\"pass\""),
        Mark::any_case("pwd"),
        Mark::any_case("secret"),
        Mark::any_case("token"),
        Mark::any_case("apikey"),
        Mark::any_case("api_key"),
        Mark::any_case("api-key"),
        Mark::any_case("authkey"),
        Mark::any_case("auth_key"),
        Mark::any_case("auth-key"),
        Mark::any_case("accesskey"),
        Mark::any_case("access_key"),
        Mark::any_case("access-key"),
        Mark::any_case("encryption_key"),
        Mark::any_case("encryptionkey"),
        Mark::any_case("signing_key"),
        Mark::any_case("signingkey"),
        Mark::any_case("credential"),
        Mark::any_case("identified by"),
    ],
    wrapped: false,
    find: |bytes, place, out| {
        let Some(mark) = SECRET.marks.iter().find(|mark| has_any_case(bytes, place, mark.bytes())) else { return };
        let quotes = usize::from(mark.bytes().starts_with(b"\""));
        let name_end = place.saturating_add(mark.bytes().len()).saturating_sub(quotes);
        let name_end = if mark.bytes() == b"secret" { behind_key(bytes, name_end) } else { name_end };
        let from = run_back(bytes, place, |byte| is_word(byte) || byte == b'-' || byte == b'.', 64);
        let Some((range, how)) = value_of(bytes, from..name_end) else { return };
        let value = part(bytes, range.clone());
        let name = part(bytes, from.saturating_add(quotes)..name_end);
        if value.len() < 8 || is_harmless(&name.to_ascii_lowercase()) {
            return;
        }
        let weak = is_weak(value);
        let is_none =
            is_plain(value) || is_words(value) || is_code(value) || is_call(bytes, &range) || is_no_token(value);
        if !weak && (is_none || how == How::Blank && !is_random(value)) {
            return;
        }
        let whom = std::str::from_utf8(name).ok().map(|name| format!("setting {name}"));
        let span = from..range.end;
        let mut found = Match::of(range.clone()).within(span).sure(Confidence::Low).of_whom(whom);
        if weak {
            found.tags.push("weak");
        } else if is_example(value) {
            found.tags.push("example");
        }
        out.push(found);
    },
};

/// The end of a name such as `SECRET_KEY` or `secret_key_base` whose `secret` ends at a place.
fn behind_key(bytes: &[u8], place: usize) -> usize {
    let joint = maybe(bytes, place, |byte| matches!(byte, b'_' | b'-' | b'.'));
    if !has_any_case(bytes, joint, b"key") {
        return place;
    }
    let key = joint.saturating_add(3);
    let base = maybe(bytes, key, |byte| byte == b'_');
    if has_any_case(bytes, base, b"base") { base.saturating_add(4) } else { key }
}

fn is_harmless(name: &[u8]) -> bool {
    let ends = |harmless: &str| {
        let head = name.strip_suffix(harmless.as_bytes());
        head.is_some_and(|head| head.last().is_none_or(|byte| !byte.is_ascii_alphanumeric()))
    };
    // `nextPageToken`
    let is_list = name.ends_with(b"pagetoken") || name.ends_with(b"nexttoken");
    is_list || HARMLESS.iter().any(|one| ends(one)) || PUBLIC.iter().any(|one| name.contains_str(one))
}

/// Whether a value is random enough to be a secret where no sign assigns it.
fn is_random(value: &[u8]) -> bool {
    value.iter().any(u8::is_ascii_digit) && (classes(value) >= 3 || value.len() >= 12 && entropy(value) >= 3.3)
}

/// Whether a value is an expression of a program or a format rather than a value: `request->token`, `%s:%s`, `a\nb`.
fn is_code(value: &[u8]) -> bool {
    let signs: [&[u8]; 12] = [b"->", b"::", b"%s", b"%d", b"%v", b"\\n", b"\\u", b"\\x", b"==", b"||", b"!=", b".."];
    // Base64 ends in such signs.
    let value = value.trim_end_with(|c| c == '=');
    signs.iter().any(|sign| value.contains_str(sign))
}

/// Whether a value is the name of a function that is called: `get_token(`.
fn is_call(bytes: &[u8], value: &Range<usize>) -> bool {
    at(bytes, value.end) == Some(b'(')
        && part(bytes, value.clone()).iter().all(|byte| is_word(*byte) || matches!(byte, b'.' | b':' | b'\\' | b'@'))
}

/// Whether a value is one that another detector knows and refused: a publishable key, a wrong checksum, a token that is not
/// signed.
fn is_no_token(value: &[u8]) -> bool {
    const MARKS: [&str; 9] =
        ["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "pk_live_", "pk_test_", "AGE-SECRET-KEY-1", "age1"];
    let is_key_id = |mark: &str| {
        value
            .strip_prefix(mark.as_bytes())
            .is_some_and(|rest| rest.len() < 20 && rest.iter().all(|b| text::is_upper(*b)))
    };
    let is_unsigned = || {
        let header = value.split(|byte| *byte == b'.').next().unwrap_or_default();
        let header = text::base64url(header).and_then(|json| serde_json::from_slice::<serde_json::Value>(&json).ok());
        let algorithm = header.and_then(|header| header.get("alg")?.as_str().map(str::to_ascii_lowercase));
        algorithm.as_deref() == Some("none")
    };
    MARKS.iter().any(|mark| value.starts_with(mark.as_bytes()))
        || ["AKIA", "ASIA"].iter().any(|mark| is_key_id(mark))
        || value.starts_with(b"eyJ") && is_unsigned()
}
