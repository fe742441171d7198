//! Values that are no secrets: placeholders, references, identifiers; and published examples and usual passwords.

use bstr::ByteSlice;

use super::super::text::{self, classes, entropy, is_any_hex, is_word};

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

/// The same where only a password can stand: there, a word such as `changeme` is one too.
pub(super) fn is_usual(password: &[u8]) -> bool {
    let lower = password.to_ascii_lowercase();
    is_weak(password) || is_name(&lower) || BEGINNINGS.iter().any(|beginning| lower.starts_with(beginning))
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
    const PUBLISHED: [&[u8]; 4] = [
        b"Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq",
        b"C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/",
        b"wJalrXUtnFEMI",
        b"LSIA",
    ];
    // From parts, so that this file is not taken for a secret.
    const WHOLE: [&[&str]; 12] = [
        &["sk_test_", "4eC39HqLyjWDarjtT1zdp7dc"],
        &["sk_test_", "BQokikJOvBiI2HlWgH4olfQ2"],
        // Slack's documents.
        &["xoxb-", "17653672481-19874698323-", "pdFZKVeTuE8sk7oOcHrzqqgy"],
        // The documents of kubeadm.
        &["abcdef.", "0123456789abcdef"],
        // RFC 6749: tokens, and a client with its secret.
        &["2YotnFZFEjr1", "zCsicMWpAA"],
        &["tGzv3JOkF0XG5", "Qx2TlKWIA"],
        &["czZCaGRSa3F0Mzp", "nWDFmQmF0M2JW"],
        &["gX1f", "Bat3bV"],
        &["7Fjfp0ZBr1K", "tDRbnfVdmIw"],
        // RFC 6750.
        &["mF_9.B5f-", "4.1JqM"],
        // RFC 7617: `Aladdin:open sesame`, and an older one.
        &["QWxhZGRpbjpvcGV", "uIHNlc2FtZQ=="],
        &["QWxhZGRpbjpPcGV", "uU2VzYW1l"],
    ];
    let is_these = |parts: &[&str]| {
        let mut rest = value;
        parts.iter().all(|part| rest.strip_prefix(part.as_bytes()).inspect(|behind| rest = behind).is_some())
            && rest.is_empty()
    };
    value.ends_with(b"EXAMPLE")
        || value.ends_with(b"EXAMPLEKEY")
        || WHOLE.iter().any(|parts| is_these(parts))
        || PUBLISHED.iter().any(|beginning| value.starts_with(beginning))
}

/// What values begin with that somebody is to replace.
const BEGINNINGS: [&[u8]; 10] = [
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
];

/// Whether text is a word of a language or of a document, in lower case, rather than a value.
fn is_name(lower: &[u8]) -> bool {
    const NAMES: [&str; 13] = [
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
    NAMES.iter().any(|name| lower == name.as_bytes())
}

/// Whether text is filled in later: a variable, an expression, signs instead of letters.
pub(super) fn is_template(value: &[u8]) -> bool {
    const SIGNS: [(&str, &str); 7] =
        [("<", ">"), ("${", "}"), ("{{", "}}"), ("%(", ")"), ("$(", ")"), ("#{", "}"), ("\\(", ")")];
    let has_sign =
        SIGNS.iter().any(|(open, close)| value.find(open).is_some_and(|at| text::from(value, at).contains_str(close)));
    // An object of JSON has quotes.
    let is_code = matches!(value, [b'{', inner @ .., b'}'] if !inner.contains(&b'"'));
    value.iter().all(|byte| matches!(byte.to_ascii_lowercase(), b'x' | b'*' | b'.' | b'0' | b'-' | b'_'))
        || has_sign
        || is_code
        || is_variable(value)
        || is_enclosed(value)
}

/// Whether text says by itself that it stands for something else.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    const READ: [&str; 4] = ["env.", "env(", "process.env", "os.environ"];
    let lower = value.to_ascii_lowercase();
    is_template(value)
        || ["_here", "-here"].iter().any(|end| lower.ends_with(end.as_bytes()))
        || BEGINNINGS.iter().any(|beginning| lower.starts_with(beginning))
        || READ.iter().any(|beginning| lower.starts_with(beginning.as_bytes()))
        || lower.contains_str("example")
        || lower.contains_str("placeholder")
        || is_name(&lower)
}

/// A variable of a shell, or of a query: `$DB_PASSWORD`, `$password`, `$dbPassword`, `:password1`.
fn is_variable(value: &[u8]) -> bool {
    let Some(name) = value.strip_prefix(b"$").or_else(|| value.strip_prefix(b":")) else { return false };
    let is_of =
        |letter: fn(&u8) -> bool| name.iter().all(|byte| letter(byte) || byte.is_ascii_digit() || *byte == b'_');
    is_of(u8::is_ascii_uppercase) || is_of(u8::is_ascii_lowercase) || is_words(name)
}

/// A name between signs, as templates have them: `{password}`, `%PASSWORD%`, `__PASSWORD__`.
fn is_enclosed(value: &[u8]) -> bool {
    const SIGNS: [(&str, &str); 5] = [("{", "}"), ("[", "]"), ("%", "%"), ("__", "__"), ("@", "@")];
    let stripped = |open: &str, close: &str| value.strip_prefix(open.as_bytes())?.strip_suffix(close.as_bytes());
    let inner = SIGNS.iter().find_map(|(open, close)| stripped(open, close));
    let inner = inner.map(|name| name.trim_with(|sign| sign == '@'));
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

/// A path, a URL, a UUID; or where another program keeps the value.
fn is_place(value: &[u8]) -> bool {
    const BEGINNINGS: [&str; 9] = ["/", "./", "../", "~/", "file:", "arn:", "vault:", "ssm:", "secretsmanager:"];
    let is_uuid = value.len() == 36
        && (0_usize..).zip(value).all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => is_any_hex(*byte),
        });
    let is_drive = matches!(value, [letter, b':', b'\\' | b'/', ..] if letter.is_ascii_alphabetic());
    BEGINNINGS.iter().any(|beginning| value.starts_with(beginning.as_bytes()))
        || value.contains_str("://")
        || is_uuid
        || is_drive
}

/// An address in memory, or the name of a secret as Kubernetes makes them: `default-token-x7k2p`.
fn is_reference(value: &[u8]) -> bool {
    let is_address = || {
        let digits = value.strip_prefix(b"-").unwrap_or(value).strip_prefix(b"0x").unwrap_or_default();
        (1..=16).contains(&digits.len()) && digits.iter().all(|byte| is_any_hex(*byte))
    };
    let is_of_name = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_secret = || {
        value.rsplit_once_str("-token-").is_some_and(|(name, random)| {
            random.len() == 5 && random.iter().all(is_of_name) && name.iter().all(|b| is_of_name(b) || *b == b'-')
        })
    };
    is_address() || is_secret()
}

/// Identifiers with dots between them: `config.auth.token`.
pub(super) fn is_dotted(value: &[u8]) -> bool {
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
        || is_reference(value)
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
    // Such signs stand behind words, and within passwords.
    let value = value.trim_end_with(|sign| matches!(sign, '!' | '?' | '*' | '@' | '+' | '~' | '='));
    // In an expression, there is nothing but words: `name+value`.
    let is_operator = |byte: &u8| matches!(byte, b'+' | b'=');
    let has_operator = value.iter().any(is_operator);
    let is_joint =
        |byte: &u8| matches!(byte, b'_' | b'-' | b'.' | b':' | b'/' | b'|' | b'\\' | b' ') || is_operator(byte);
    let is_known = |part: &[u8]| WITH_DIGITS.iter().any(|known| part.eq_ignore_ascii_case(known.as_bytes()));
    let (mut letters, mut in_words) = (0_usize, 0_usize);
    for part in value.split(is_joint).filter(|part| !part.is_empty()) {
        if is_known(part) {
            (letters, in_words) = (letters.saturating_add(part.len()), in_words.saturating_add(part.len()));
        } else if part.iter().all(u8::is_ascii_alphabetic) {
            letters = letters.saturating_add(part.len());
            let is_short = part.len() == 2
                || matches!(part.len(), 3 | 4)
                    && (part.iter().all(u8::is_ascii_lowercase) || part.iter().all(u8::is_ascii_uppercase));
            let spoken = if is_short { part.len() } else { letters_in_words(part) };
            in_words = in_words.saturating_add(spoken);
        } else if part.len() > 1 {
            return false;
        }
    }
    let turns = value.windows(2).filter(|pair| {
        matches!(pair, [a, b] if a.is_ascii_lowercase() && b.is_ascii_uppercase())
            || matches!(pair, [a, b] if a.is_ascii_uppercase() && b.is_ascii_lowercase())
    });
    letters.saturating_mul(2) >= value.len()
        && in_words.saturating_mul(10) >= letters.saturating_mul(if has_operator { 9 } else { 6 })
        && turns.count().saturating_mul(2) < value.len()
}

/// Consonants that no word has one behind the other: `passphrase` has five.
const LONGEST_CLUSTER: usize = 6;

/// How many letters of `getUserName` are in words that can be spoken, or are short forms in capitals.
fn letters_in_words(part: &[u8]) -> usize {
    let is_vowel = |byte: &u8| matches!(byte.to_ascii_lowercase(), b'a' | b'e' | b'i' | b'o' | b'u' | b'y');
    let is_spoken = |word: &[u8]| {
        let has_cluster = word.split(is_vowel).any(|consonants| consonants.len() >= LONGEST_CLUSTER);
        let is_short = word.len() == 3 || word.len() <= 5 && word.iter().all(u8::is_ascii_uppercase);
        word.len() >= 3 && (word.iter().any(is_vowel) && !has_cluster || is_short)
    };
    let mut sum = 0_usize;
    let mut rest = part;
    while !rest.is_empty() {
        let capitals = rest.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
        let small = text::from(rest, capitals).iter().take_while(|byte| byte.is_ascii_lowercase()).count();
        // The last of several capitals begins the next word: `HTTPServer`.
        let len = match (capitals, small) {
            (2.., 1..) => capitals.saturating_sub(1),
            _ => capitals.saturating_add(small),
        };
        let (word, behind) = rest.split_at_checked(len.max(1)).unwrap_or((rest, &[]));
        sum = sum.saturating_add(if is_spoken(word) { word.len() } else { 0 });
        rest = behind;
    }
    sum
}

/// Whether a value is a name of passwords with nothing of its own: `mypassword1`.
pub(super) fn is_description(value: &[u8]) -> bool {
    let lower = value.to_ascii_lowercase();
    let words = lower.strip_suffix(b"1").unwrap_or(&lower);
    is_words(words) && ["password", "passwd", "secret", "token"].iter().any(|word| lower.contains_str(word))
}
