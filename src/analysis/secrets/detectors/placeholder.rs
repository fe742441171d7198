//! Values that are no secrets: placeholders, references, identifiers; and published examples and usual passwords.

use bstr::ByteSlice;

use super::super::text::{classes, entropy, is_any_hex, is_word};

/// Passwords that everybody tries first.
const WEAK: [&str; 8] = [
    "hunter2",
    "correct horse battery staple",
    "correcthorsebatterystaple",
    "correct-horse-battery-staple",
    "s3cr3t",
    "p@ssw0rd",
    "p@ssword",
    "passw0rd",
];

/// Whether a password is one that everybody tries.
pub(in super::super) fn is_weak(value: &[u8]) -> bool {
    WEAK.iter().any(|weak| value.eq_ignore_ascii_case(weak.as_bytes()))
}

/// Users and passwords that software has when it is installed.
pub(super) fn default_login(user: &[u8], password: &[u8]) -> bool {
    let known: [(&[u8], &[u8]); 6] = [
        (b"postgres", b"postgres"),
        (b"guest", b"guest"),
        (b"minioadmin", b"minioadmin"),
        (b"admin", b"admin"),
        (b"root", b"root"),
        (b"elastic", b"changeme"),
    ];
    known.contains(&(user, password))
}

/// Values that documents publish.
pub(in super::super) fn is_example(value: &[u8]) -> bool {
    const BEGINNINGS: [&[u8]; 4] = [
        b"Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq",
        b"C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/",
        b"wJalrXUtnFEMI",
        b"LSIA",
    ];
    // From parts, so that this file is not taken for a secret.
    let stripe = ["sk_test_", "4eC39HqLyjWDarjtT1zdp7dc"].concat();
    value.ends_with(b"EXAMPLE")
        || value.ends_with(b"EXAMPLEKEY")
        || value == stripe.as_bytes()
        || BEGINNINGS.iter().any(|beginning| value.starts_with(beginning))
}

/// Whether text says by itself that it stands for something else.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    let lower = value.to_ascii_lowercase();
    let signs: [(&[u8], &[u8]); 5] = [(b"<", b">"), (b"${", b"}"), (b"{{", b"}}"), (b"%(", b")"), (b"$(", b")")];
    let has_sign = signs.iter().any(|(open, close)| {
        lower.find(open).is_some_and(|at| lower.get(at..).unwrap_or_default().contains_str(close))
    });
    let beginnings: [&[u8]; 14] = [
        b"change me",
        b"changeme",
        b"change-me",
        b"change_me",
        b"your_",
        b"your-",
        b"insert",
        b"replace",
        b"dummy",
        b"todo",
        b"env.",
        b"env(",
        b"process.env",
        b"os.environ",
    ];
    let names = [
        "redacted",
        "none",
        "null",
        "true",
        "false",
        "undefined",
        "secret",
        "password",
        "password1",
        "test",
        "testing",
        "foo",
        "foobar",
    ];
    lower.iter().all(|byte| matches!(byte, b'x' | b'*' | b'.' | b'0'))
        || has_sign
        || lower.starts_with(b"$")
        || beginnings.iter().any(|beginning| lower.starts_with(beginning))
        || lower.contains_str("example")
        || lower.contains_str("placeholder")
        || names.iter().any(|name| lower == name.as_bytes())
}

/// A row of a keyboard, or letters or digits in order.
fn is_sequence(value: &[u8]) -> bool {
    const ROWS: [&[u8]; 8] = [
        b"qwertyuiop",
        b"asdfghjkl",
        b"zxcvbnm",
        b"1234567890",
        b"0987654321",
        b"qwertzuiop",
        b"abcdefghijklmnopqrstuvwxyz",
        b"01234567890123456789",
    ];
    let lower = value.to_ascii_lowercase();
    ROWS.iter().any(|row| row.contains_str(&lower))
}

/// A path, a URL, a UUID.
fn is_place(value: &[u8]) -> bool {
    let beginnings: [&[u8]; 4] = [b"/", b"./", b"../", b"~/"];
    let is_uuid = value.len() == 36
        && (0_usize..).zip(value).all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => is_any_hex(*byte),
        });
    let is_drive = matches!(value, [letter, b':', b'\\' | b'/', ..] if letter.is_ascii_alphabetic());
    beginnings.iter().any(|beginning| value.starts_with(beginning)) || value.contains_str("://") || is_uuid || is_drive
}

/// Identifiers with dots between them: `config.auth.token`.
fn is_dotted(value: &[u8]) -> bool {
    let is_name = |name: &[u8]| {
        name.first().is_some_and(|first| first.is_ascii_alphabetic() || *first == b'_')
            && name.iter().all(|byte| is_word(*byte))
    };
    value.contains(&b'.') && value.split(|byte| *byte == b'.').all(is_name)
}

/// Whether a value is too plain for a password, or stands for something else.
pub(super) fn is_plain(value: &[u8]) -> bool {
    let first = value.first();
    is_placeholder(value)
        || is_place(value)
        || is_dotted(value)
        || value.iter().all(|byte| Some(byte) == first)
        || is_sequence(value)
        || entropy(value) < 3.0
        || classes(value) < 2
}

/// Whether a value is made of words as programs and people write them: `TokenKind`, `my-secret-name`, `Required`. Letters
/// in random order change their case more often than words do.
pub(super) fn is_words(value: &[u8]) -> bool {
    let is_of_words = |byte: &u8| {
        byte.is_ascii_alphabetic()
            || matches!(byte, b'_' | b'-' | b'.' | b':' | b'/' | b'|' | b'!' | b'?' | b'\\' | b'*')
    };
    if !value.iter().all(is_of_words) {
        return false;
    }
    let turns = value.windows(2).filter(|pair| {
        matches!(pair, [a, b] if a.is_ascii_lowercase() && b.is_ascii_uppercase())
            || matches!(pair, [a, b] if a.is_ascii_uppercase() && b.is_ascii_lowercase())
    });
    turns.count().saturating_mul(2) < value.len()
}
