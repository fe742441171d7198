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
    lower.iter().all(|byte| matches!(byte, b'x' | b'*' | b'.' | b'0' | b'-' | b'_'))
        || has_sign
        || is_variable(value)
        || is_enclosed(value)
        || ["_here", "-here"].iter().any(|end| lower.ends_with(end.as_bytes()))
        || beginnings.iter().any(|beginning| lower.starts_with(beginning))
        || lower.contains_str("example")
        || lower.contains_str("placeholder")
        || names.iter().any(|name| lower == name.as_bytes())
}

/// A variable of a shell, or of a query: `$DB_PASSWORD`, `$password`, `:password1`.
fn is_variable(value: &[u8]) -> bool {
    let Some(name) = value.strip_prefix(b"$").or_else(|| value.strip_prefix(b":")) else { return false };
    let is_of =
        |letter: fn(&u8) -> bool| name.iter().all(|byte| letter(byte) || byte.is_ascii_digit() || *byte == b'_');
    is_of(u8::is_ascii_uppercase) || is_of(u8::is_ascii_lowercase)
}

/// A name between signs, as templates have them: `{password}`, `%PASSWORD%`, `__PASSWORD__`.
fn is_enclosed(value: &[u8]) -> bool {
    let signs: [(&[u8], &[u8]); 5] = [(b"{", b"}"), (b"[", b"]"), (b"%", b"%"), (b"__", b"__"), (b"@@", b"@@")];
    let inner = signs.iter().find_map(|(open, close)| value.strip_prefix(*open)?.strip_suffix(*close));
    inner.is_some_and(|name| name.iter().all(|byte| is_word(*byte) || matches!(byte, b'.' | b'-')))
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
    value.contains(&b'.')
        && value.split(|byte| *byte == b'.').all(is_name)
        && !value.split(|byte| *byte == b'.').any(is_random_name)
}

/// Whether a word has too many digits and capitals for a name: `DubmPHH0vOSItL8XjsmTVOak`.
fn is_random_name(word: &[u8]) -> bool {
    let digits = word.iter().filter(|byte| byte.is_ascii_digit()).count();
    word.len() >= 16 && (digits >= 4 || digits > 0 && classes(word) >= 3)
}

/// A digest that says of what kind it is: `sha256:…`.
fn is_digest(value: &[u8]) -> bool {
    const KINDS: [&str; 7] = ["sha256", "sha512", "sha384", "sha1", "sha224", "md5", "blake2b"];
    let kind = value.split(|byte| matches!(byte, b':' | b'-')).next().unwrap_or_default();
    kind.len() < value.len() && KINDS.iter().any(|known| kind.eq_ignore_ascii_case(known.as_bytes()))
}

/// A version: `v1.2.3-beta4`; or a time: `2026-11-01T10:00:00Z`.
fn is_version(value: &[u8]) -> bool {
    let is_time = || value.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'T' | b'Z' | b':' | b'.' | b'+' | b'-'));
    let rest = value.strip_prefix(b"v").unwrap_or(value);
    let mut parts = rest.split(|byte| matches!(byte, b'-' | b'+' | b'~'));
    let number = parts.next().unwrap_or_default();
    let is_number = number.contains(&b'.') && number.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    let is_label = |part: &[u8]| {
        let letters = part.iter().take_while(|byte| byte.is_ascii_lowercase()).count();
        part.get(letters..).unwrap_or_default().iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
    };
    is_time() || is_number && parts.all(is_label)
}

/// Whether a value is too plain to be random. Short ones with many kinds of characters are not.
fn is_monotonous(value: &[u8]) -> bool {
    let (bits, kinds) = (entropy(value), classes(value));
    kinds < 2 || bits < 3.0 && !(kinds >= 3 && bits >= 2.75)
}

/// Whether a value is too plain for a password, or stands for something else.
pub(super) fn is_plain(value: &[u8]) -> bool {
    let first = value.first();
    is_placeholder(value)
        || is_place(value)
        || is_dotted(value)
        || value.iter().all(|byte| Some(byte) == first)
        || is_digest(value)
        || is_version(value)
        || is_sequence(value)
        || is_monotonous(value)
}

/// Whether a value is made of words as programs and people write them: `TokenKind`, `my-secret-name`, `Required`,
/// `markup.heading.1`. Letters in random order change their case more often than words do.
pub(super) fn is_words(value: &[u8]) -> bool {
    const WITH_DIGITS: [&str; 14] = [
        "base64", "base32", "sha1", "sha256", "sha512", "md5", "utf8", "oauth2", "x509", "http2", "ipv4", "ipv6",
        "k8s", "int64",
    ];
    let is_joint = |byte: &u8| {
        matches!(byte, b'_' | b'-' | b'.' | b':' | b'/' | b'|' | b'!' | b'?' | b'\\' | b'*' | b'@' | b'+' | b'~' | b'=')
    };
    let mut letters = 0_usize;
    let mut is_word = |part: &[u8]| {
        let is_name = part.iter().all(u8::is_ascii_alphabetic)
            || WITH_DIGITS.iter().any(|known| part.eq_ignore_ascii_case(known.as_bytes()));
        letters = letters.saturating_add(if is_name { part.len() } else { 0 });
        is_name || part.len() == 1
    };
    if !value.split(is_joint).all(&mut is_word) || letters.saturating_mul(2) < value.len() {
        return false;
    }
    let turns = value.windows(2).filter(|pair| {
        matches!(pair, [a, b] if a.is_ascii_lowercase() && b.is_ascii_uppercase())
            || matches!(pair, [a, b] if a.is_ascii_uppercase() && b.is_ascii_lowercase())
    });
    turns.count().saturating_mul(2) < value.len()
}
