//! Whatever is assigned to a name such as `password` or `api_key`: the least sure detector, which runs last.

use std::ops::Range;

use bstr::ByteSlice;

use super::super::super::Confidence;
use super::super::detector::{Detector, Mark, Match, Style};
use super::super::text::{self, at, before, classes, entropy, has_any_case, is_word, maybe, part, run, run_back};
use super::super::text::{Quoted, quoted};
use super::placeholder::{is_description, is_dotted, is_example, is_plain, is_template, is_weak, is_words};

/// Longest value.
const LONGEST: usize = 128;
/// Longest value of a setting that has nothing else.
const MOST_OF_SETTING: usize = 1024;
/// Shortest value that is none of the passwords that everybody tries.
const SHORTEST: usize = 8;
/// Blanks between a name, a sign and a value, as those have that stand in columns.
const BLANKS: usize = 40;

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
    (0x21..0x7f).contains(&byte) && !is_quote(byte) && !is_separator(byte) && !is_bracket(byte)
}

/// Signs that end values in programs and queries.
fn is_separator(byte: u8) -> bool {
    matches!(byte, b',' | b';' | b'&' | b'<' | b'>')
}

/// Signs of expressions.
fn is_bracket(byte: u8) -> bool {
    matches!(byte, b'(' | b')' | b'{' | b'}' | b'[' | b']' | b'$' | b'`')
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

/// A value: where it is, and what it is, if it is written with escapes.
struct Value {
    place: Range<usize>,
    read: Option<Vec<u8>>,
    /// Whether quotes, or the end of a line or of a setting, say where it ends.
    is_closed: bool,
}

impl Value {
    fn open(place: Range<usize>) -> Self {
        Value { place, read: None, is_closed: false }
    }
}

/// The value whose name ends at a place.
fn value_of(bytes: &[u8], name: Range<usize>) -> Option<(Value, How)> {
    let plural = maybe(bytes, name.end, |byte| matches!(byte, b's' | b'S'));
    // A quote of a text in a text has a backslash before it.
    let quote = |place: usize| maybe(bytes, maybe(bytes, place, |byte| byte == b'\\'), is_quote);
    let quoted = if at(bytes, plural) == Some(b']') { plural } else { quote(plural) };
    let quoted = maybe(bytes, quoted, |byte| byte == b']');
    let sign = run(bytes, quoted, is_blank, BLANKS);
    let signs: [&[u8]; 4] = [b":=", b"=>", b"=", b":"];
    if let Some(behind) = signs.iter().find_map(|sign_text| text::skip(bytes, sign, sign_text)) {
        // A comparison, or the version of a package.
        if text::has(bytes, sign, b"==") {
            return None;
        }
        let start = run(bytes, behind, is_blank, BLANKS);
        return Some((rest_of_line(bytes, &name, start).unwrap_or_else(|| value_at(bytes, start)), How::Sign));
    }
    if at(bytes, plural) == Some(b'>') && before(bytes, name.start) == Some(b'<') {
        let value = value_at(bytes, plural.saturating_add(1));
        return text::has(bytes, value.place.end, b"</").then_some((value, How::Element));
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
fn value_at(bytes: &[u8], place: usize) -> Value {
    let escape = maybe(bytes, place, |byte| byte == b'\\');
    if let Some(sign) = at(bytes, escape).filter(|byte| is_quote(*byte)) {
        let start = escape.saturating_add(1);
        if let Some(Quoted { end, text }) = quoted(bytes, start, sign, escape > place, LONGEST) {
            let read = (text != part(bytes, start..end)).then_some(text);
            return Value { place: start..end, read, is_closed: true };
        }
        return Value::open(start..run(bytes, start, |byte| is_of_value(byte) && byte != b'\\', LONGEST));
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
            return Value::open(place..line);
        }
    }
    Value::open(place..end)
}

/// The rest of a line that has nothing but a setting, if its value has signs that end one in a program, and yet it is no
/// expression.
fn rest_of_line(bytes: &[u8], name: &Range<usize>, start: usize) -> Option<Value> {
    let line = run_back(bytes, name.start, |byte| is_blank(byte) || byte.is_ascii_alphabetic(), 16);
    let is_begin = before(bytes, line).is_none_or(|byte| matches!(byte, b'\n' | b'\r' | 0));
    let head = part(bytes, line..name.start).trim();
    let first = at(bytes, start)?;
    if !is_begin || !matches!(head, b"" | b"export") || is_quote(first) || is_bracket(first) || is_separator(first) {
        return None;
    }
    let end = run(bytes, start, |byte| (0x21..0x7f).contains(&byte) && !is_quote(byte), LONGEST);
    let is_end = at(bytes, end).is_none_or(|byte| matches!(byte, b'\r' | b'\n' | 0));
    let value = part(bytes, start..end);
    let is_closed_later = matches!(value.last(), Some(b',' | b';'));
    let has_sign = value.iter().any(|byte| is_bracket(*byte));
    (is_end && has_sign && !is_closed_later && !is_expression(value)).then_some(Value {
        place: start..end,
        read: None,
        is_closed: true,
    })
}

/// Whether a value is computed: a call, an element of a list, a variable within text.
fn is_expression(value: &[u8]) -> bool {
    let is_name = |name: &[u8]| {
        let name = name.split(|byte| !is_word(*byte)).next().unwrap_or_default();
        name.len() >= 2 && !name.iter().any(u8::is_ascii_digit) && name.first().is_some_and(u8::is_ascii_alphabetic)
    };
    let has_variable = || value.split(|byte| *byte == b'$').skip(1).any(is_name);
    // What stands before the first bracket is called, or has elements.
    let is_called = || {
        let head = value.split(|byte| is_bracket(*byte)).next().unwrap_or_default();
        let name = head.trim_end_with(|sign| sign.is_ascii_digit());
        let is_ended = value.last().is_some_and(|last| is_bracket(*last) || matches!(last, b':' | b','));
        head.len() < value.len()
            && name.len() >= 3
            && (is_words(name) || is_dotted(name) || is_ended)
            && head.iter().all(|byte| is_word(*byte) || matches!(byte, b'.' | b':'))
    };
    value.contains(&b'`') || has_variable() || is_called()
}

/// Whether a value between quotes is text for people, or a part of a program: it has blanks, and no word of it looks as
/// passwords do.
fn is_text(value: &[u8]) -> bool {
    // A digit between letters.
    let is_mixed = |word: &&[u8]| {
        let behind = word.iter().skip_while(|byte| !byte.is_ascii_alphabetic());
        let mut behind = behind.skip_while(|byte| !byte.is_ascii_digit());
        word.len() >= 6 && behind.any(u8::is_ascii_alphabetic) && !is_words(word) && !is_plain(word)
    };
    let is_signs = |word: &[u8]| !word.is_empty() && word.iter().all(u8::is_ascii_punctuation) && word.len() < 3;
    let words = || value.split(|byte| *byte == b' ');
    value.contains(&b' ')
        && (words().count() > 6
            || value.starts_with(b" ")
            || value.ends_with(b" ")
            || words().any(is_signs)
            || words().filter(is_mixed).count() == 0)
}

/// Whether a value is an address of mail, or a user at a host, in words.
fn is_address(value: &[u8]) -> bool {
    let is_name = |name: &[u8]| is_words(name) || is_dotted(name);
    value.split_once_str("@").is_some_and(|(user, host)| is_name(user) && is_name(host))
}

/// Whether a value has the sets of a regular expression.
fn is_regex(value: &[u8]) -> bool {
    ["a-z", "A-Z", "0-9", "\\w", "\\d", "\\s", "(?", "[^"].iter().any(|sign| value.contains_str(sign))
}

/// What a value says that is no secret, or one that everybody tries.
fn judged(value: &[u8], name: &[u8]) -> Option<&'static str> {
    match () {
        () if is_harmless(&name.to_ascii_lowercase()) => None,
        () if is_weak(value) => Some("weak"),
        () if value.len() < SHORTEST || is_plain(value) || is_no_token(value) => None,
        () if is_example(value) => Some("example"),
        () => Some(""),
    }
}

/// The value of a setting that is known to be one: a variable of an environment, an argument. All of it is the value,
/// whatever signs it has.
pub(in super::super) fn setting(text: &[u8], name: Range<usize>) -> Option<Match> {
    // Where the name ends without the sign of several.
    let singular = |start: usize| {
        let named = SECRET.marks.iter().filter(|mark| !mark.bytes().starts_with(b"\""));
        let ends = named.filter(|mark| has_any_case(text, start, mark.bytes())).map(|mark| name_end(text, start, mark));
        let is_last =
            |end: &usize| *end == name.end || maybe(text, *end, |byte| matches!(byte, b's' | b'S')) == name.end;
        ends.filter(is_last).max()
    };
    let singular = name.clone().find_map(singular)?;
    let start = name.end.saturating_add(1);
    let whole = start..text.len();
    let value = match part(text, whole.clone()) {
        [first, inner @ .., last] if first == last && is_quote(*first) => {
            start.saturating_add(1)..start.saturating_add(1).saturating_add(inner.len())
        }
        _ => whole,
    };
    let bytes = part(text, value.clone());
    let is_one = bytes.len() <= MOST_OF_SETTING
        && text::is_printable(bytes)
        && !matches!(bytes, [b'{', .., b'}'] | [b'[', .., b']'])
        && !is_expression_alone(bytes);
    let tag = judged(bytes, part(text, name.start..singular)).filter(|_| is_one)?;
    let whom = std::str::from_utf8(part(text, name.clone())).ok().map(|name| format!("setting {name}"));
    let found = Match::of(value).within(name.start..text.len()).sure(Confidence::Low).of_whom(whom);
    Some(if tag.is_empty() { found } else { found.tag(tag) })
}

/// Whether a value is an expression and nothing else.
fn is_expression_alone(value: &[u8]) -> bool {
    is_template(value) || value.starts_with(b"`") && value.ends_with(b"`")
}

/// Where a name ends in which a mark begins at a place.
fn name_end(bytes: &[u8], place: usize, mark: &Mark) -> usize {
    let quotes = usize::from(mark.bytes().starts_with(b"\""));
    let end = place.saturating_add(mark.bytes().len()).saturating_sub(quotes);
    if mark.bytes() == b"secret" { behind_key(bytes, end) } else { end }
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
        let name_end = name_end(bytes, place, mark);
        let from = run_back(bytes, place, |byte| is_word(byte) || byte == b'-' || byte == b'.', 64);
        let Some((taken, how)) = value_of(bytes, from..name_end) else { return };
        let range = taken.place;
        let value = taken.read.as_deref().unwrap_or_else(|| part(bytes, range.clone()));
        let name = part(bytes, from.saturating_add(quotes)..name_end);
        let Some(tag) = judged(value, name) else { return };
        let is_none = || {
            is_words(value)
                || is_description(value)
                || is_code(value)
                || is_address(value)
                || is_call(bytes, &range)
                || taken.is_closed && (is_text(value) || is_regex(value) || is_expression(value))
        };
        if tag != "weak" && (how == How::Blank && !is_random(value) || is_none()) {
            return;
        }
        let whom = std::str::from_utf8(name).ok().map(|name| format!("setting {name}"));
        let span = from..range.end;
        let mut found = Match::of(range).within(span).sure(Confidence::Low).of_whom(whom);
        found.read = taken.read;
        out.push(if tag.is_empty() { found } else { found.tag(tag) });
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
    const SIGNS: [&str; 11] = ["->", "::", "%s", "%d", "%v", "\\n", "\\x", "\\u", "\\\\", "||", "!="];
    // Base64 ends in such signs.
    let value = value.trim_end_with(|c| c == '=');
    let is_name = |name: &[u8]| name.iter().all(u8::is_ascii_alphabetic) || name.iter().all(u8::is_ascii_digit);
    let is_between_names = |sign: &str| {
        value.split_once_str(sign).is_some_and(|(left, right)| {
            let left = left.rsplit(|byte| !is_word(*byte)).next().unwrap_or_default();
            let right = right.split(|byte| !is_word(*byte)).next().unwrap_or_default();
            !left.is_empty() && !right.is_empty() && is_name(left) && is_name(right)
        })
    };
    SIGNS.iter().any(|sign| value.contains_str(sign))
        || is_between_names("==")
        || is_between_names("..")
        || value.ends_with(b"...")
}

/// Whether a value is the name of a function that is called: `get_token(`.
fn is_call(bytes: &[u8], value: &Range<usize>) -> bool {
    at(bytes, value.end) == Some(b'(')
        && part(bytes, value.clone()).iter().all(|byte| is_word(*byte) || matches!(byte, b'.' | b':' | b'\\' | b'@'))
}

/// Whether a value is one that another detector knows and refused: a publishable key, a wrong checksum, a token that is not
/// signed.
pub(super) fn is_no_token(value: &[u8]) -> bool {
    const MARKS: [&str; 15] = [
        "ghp_",
        "gho_",
        "ghu_",
        "ghs_",
        "ghr_",
        "pk_live_",
        "pk_test_",
        "AGE-SECRET-KEY-1",
        "age1",
        "xoxa-",
        "xoxb-",
        "xoxp-",
        "xoxr-",
        "xoxs-",
        "glpat-",
    ];
    let is_key_id = |mark: &str| {
        value
            .strip_prefix(mark.as_bytes())
            .is_some_and(|rest| rest.len() < 20 && rest.iter().all(|b| text::is_upper(*b)))
    };
    MARKS.iter().any(|mark| value.starts_with(mark.as_bytes()))
        || ["AKIA", "ASIA"].iter().any(|mark| is_key_id(mark))
        || value.starts_with(b"eyJ") && is_no_web_token(value)
}

/// Whether what begins as JSON in base64 does is none, or a web token that is not signed. Those of five parts are
/// encrypted.
fn is_no_web_token(value: &[u8]) -> bool {
    let head = value.split(|byte| *byte == b'.').next().unwrap_or_default();
    let json = text::base64url(head).or_else(|| text::base64(head));
    let is_json = json.is_some_and(|json| serde_json::from_slice::<serde_json::Value>(&json).is_ok());
    let dots = memchr::memchr_iter(b'.', value).count();
    !is_json || !matches!(dots, 0 | 4)
}
