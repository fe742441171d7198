//! Whatever is assigned to a name such as `password` or `api_key`: the least sure detector, which runs last.

use super::super::super::Confidence;
use super::super::detector::{Detector, Mark, Match, Style};
use super::super::text::{self, has_any_case, is_word, maybe, part, run, run_back};
use super::placeholder::{is_example, is_plain, is_weak, is_words};

/// Names that end in one of these words, but hold no secret.
const HARMLESS: [&str; 14] = [
    "max_token",
    "max_tokens",
    "num_tokens",
    "n_tokens",
    "total_tokens",
    "prompt_tokens",
    "completion_tokens",
    "maxtokens",
    "input_tokens",
    "output_tokens",
    "stop_token",
    "eos_token",
    "bos_token",
    "pad_token",
];

fn is_of_value(byte: u8) -> bool {
    (0x21..0x7f).contains(&byte)
        && !matches!(
            byte,
            b'"' | b'\'' | b',' | b';' | b'&' | b'<' | b'>' | b'(' | b')' | b'{' | b'}' | b'[' | b']' | b'$' | b'`'
        )
}

/// Where the value of an assignment begins whose name ends at a place.
fn value_of(bytes: &[u8], place: usize) -> Option<usize> {
    let is_quote = |byte: u8| matches!(byte, b'"' | b'\'');
    let is_blank = |byte: u8| matches!(byte, b' ' | b'\t');
    let plural = maybe(bytes, place, |byte| matches!(byte, b's' | b'S'));
    let sign = run(bytes, maybe(bytes, plural, is_quote), is_blank, 3);
    let signs: [&[u8]; 4] = [b":=", b"=>", b"=", b":"];
    let behind = signs.iter().find_map(|sign_text| text::skip(bytes, sign, sign_text))?;
    Some(maybe(bytes, run(bytes, behind, is_blank, 3), is_quote))
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
        Mark::any_case("credential"),
    ],
    wrapped: false,
    find: |bytes, place, out| {
        let Some(mark) = SECRET.marks.iter().find(|mark| has_any_case(bytes, place, mark.bytes())) else { return };
        let name_end = place.saturating_add(mark.bytes().len());
        let Some(start) = value_of(bytes, name_end) else { return };
        let end = run(bytes, start, is_of_value, 128);
        let value = part(bytes, start..end);
        let from = run_back(bytes, place, |byte| is_word(byte) || byte == b'-' || byte == b'.', 64);
        let name = part(bytes, from..name_end).to_ascii_lowercase();
        let is_harmless = HARMLESS.iter().any(|harmless| {
            let harmless = harmless.trim_end_matches('s').as_bytes();
            name.ends_with(harmless)
        });
        if value.len() < 8 || is_harmless {
            return;
        }
        let weak = is_weak(value);
        if !weak && (is_plain(value) || is_words(value) || is_code(value)) {
            return;
        }
        let whom = String::from_utf8(part(bytes, from..name_end).to_vec()).ok().map(|name| format!("setting {name}"));
        let mut found = Match::of(start..end).within(from..end).sure(Confidence::Low).of_whom(whom);
        if weak {
            found.tags.push("weak");
        } else if is_example(value) {
            found.tags.push("example");
        }
        out.push(found);
    },
};

/// Whether a value is an expression of a program or a format rather than a value: `request->token`, `%s:%s`, `a\nb`.
fn is_code(value: &[u8]) -> bool {
    use bstr::ByteSlice;
    let signs: [&[u8]; 12] = [b"->", b"::", b"%s", b"%d", b"%v", b"\\n", b"\\u", b"\\x", b"==", b"||", b"!=", b".."];
    signs.iter().any(|sign| value.contains_str(sign))
}
