//! Hashes of passwords, as in `/etc/shadow` and databases of web applications.

use super::super::detector::{Detector, Mark, Match, Style};
use super::super::text::{self, before, is_alnum, is_digit, part, run};

fn is_of_crypt(byte: u8) -> bool {
    is_alnum(byte) || matches!(byte, b'.' | b'/')
}

/// What administrators choose for salts: all that does not end the field.
fn is_of_salt(byte: u8) -> bool {
    is_of_crypt(byte)
        || matches!(byte, b'-' | b'_' | b'=' | b'+' | b',' | b'!' | b'#' | b'@' | b'~' | b'^' | b'*' | b'?')
}

fn is_of_argon(byte: u8) -> bool {
    text::is_base64(byte)
}

/// The salt, which has so many characters at most, a dollar, and a hash of so many.
fn salted(bytes: &[u8], salt: usize, most: usize, len: usize) -> Option<usize> {
    let dollar = run(bytes, salt, is_of_salt, most);
    let hash = text::skip(bytes, dollar, b"$")?;
    let end = run(bytes, hash, is_of_crypt, len.saturating_add(1));
    (dollar > salt && end.saturating_sub(hash) == len).then_some(end)
}

/// Where a hash ends whose scheme is known.
fn end_of(bytes: &[u8], place: usize) -> Option<usize> {
    let scheme = place.saturating_add(1);
    let dollar = run(bytes, scheme, |byte| byte != b'$' && is_alnum(byte), 9);
    let body = text::skip(bytes, dollar, b"$")?;
    match part(bytes, scheme..dollar) {
        b"1" | b"apr1" => salted(bytes, body, 8, 22),
        kind @ (b"5" | b"6") => {
            let salt = match text::skip(bytes, body, b"rounds=") {
                Some(number) => text::skip(bytes, run(bytes, number, is_digit, 9), b"$")?,
                None => body,
            };
            salted(bytes, salt, 16, if kind == b"5" { 43 } else { 86 })
        }
        b"2a" | b"2b" | b"2x" | b"2y" => {
            let cost = run(bytes, body, is_digit, 2);
            let hash = text::skip(bytes, cost, b"$")?;
            let end = run(bytes, hash, is_of_crypt, 54);
            // Fewer rounds are refused, and libraries test that they are.
            let is_cost =
                matches!(part(bytes, body..cost), [b'0', b'4'..=b'9'] | [b'1' | b'2', _] | [b'3', b'0' | b'1']);
            (is_cost && end.saturating_sub(hash) == 53).then_some(end)
        }
        // The parameters and the salt of scrypt are one text.
        b"7" => salted(bytes, body, 97, 43),
        b"y" => {
            let salt = text::skip(bytes, run(bytes, body, is_of_crypt, 16), b"$")?;
            salted(bytes, salt, 86, 43)
        }
        b"argon2i" | b"argon2id" => {
            let version = text::skip(bytes, body, b"v=")?;
            let memory = text::skip(bytes, run(bytes, version, is_digit, 4), b"$m=")?;
            let is_parameter = |byte: u8| is_digit(byte) || matches!(byte, b',' | b't' | b'p' | b'=');
            let salt = text::skip(bytes, run(bytes, memory, is_parameter, 40), b"$")?;
            let dollar = run(bytes, salt, is_of_argon, 88);
            let hash = text::skip(bytes, dollar, b"$")?;
            let end = run(bytes, hash, is_of_argon, 172);
            (dollar.saturating_sub(salt) >= 8 && end.saturating_sub(hash) >= 16).then_some(end)
        }
        _ => None,
    }
}

/// Whether the salt of bcrypt is one letter over and over, or letters in their order.
fn is_plain_salt(hash: &[u8]) -> bool {
    let salt = hash.get(7..27).filter(|_| hash.starts_with(b"$2")).unwrap_or_default();
    let is_step = |step: u8| salt.windows(2).all(|pair| matches!(pair, [a, b] if a.checked_add(step) == Some(*b)));
    !salt.is_empty() && (is_step(0) || is_step(1))
}

/// A hash with its scheme and salt.
pub(super) static PASSWORD_HASH: Detector = Detector {
    id: "password-hash",
    title: "Password hash",
    provider: None,
    action: "Change the password: weak ones are found from their hash.",
    style: Style::Key,
    marks: &[
        Mark::text("$1$"),
        Mark::text("$apr1$"),
        Mark::text("$5$"),
        Mark::text("$6$"),
        Mark::text("$y$"),
        Mark::text("$7$"),
        Mark::text("$2a$"),
        Mark::text("$2b$"),
        Mark::text("$2x$"),
        Mark::text("$2y$"),
        Mark::text("$argon2i"),
    ],
    wrapped: false,
    find: |bytes, place, out| {
        let is_sign = |byte: u8| !(b' '..0x7f).contains(&byte) || b":'\" =,([>|}`".contains(&byte);
        let is_begin = before(bytes, place).is_none_or(is_sign) || text::begins_word(bytes, place);
        let Some(end) = end_of(bytes, place).filter(|_| is_begin) else { return };
        let hash = part(bytes, place..end);
        if text::entropy(part(bytes, end.saturating_sub(22)..end)) < 2.5 {
            return;
        }
        let scheme = match hash {
            [b'$', b'1', ..] | [b'$', b'a', b'p', ..] => "MD5",
            [b'$', b'5', ..] => "SHA-256",
            [b'$', b'6', ..] => "SHA-512",
            [b'$', b'2', ..] => "bcrypt",
            [b'$', b'y', ..] => "yescrypt",
            [b'$', b'7', ..] => "scrypt",
            _ => "Argon2",
        };
        // The user stands before it in `/etc/shadow`.
        let colon = place.saturating_sub(1);
        let user = text::run_back(bytes, colon, |byte| text::is_url64(byte) || byte == b'.', 32);
        let is_shadow = before(bytes, place) == Some(b':') && user < colon;
        // The end of the line before may be written as `\n`.
        let is_escaped =
            before(bytes, user) == Some(b'\\') && matches!(text::at(bytes, user), Some(b'n' | b'r' | b't'));
        let user = user.saturating_add(usize::from(is_escaped));
        let user = std::str::from_utf8(part(bytes, user..colon)).ok().filter(|_| is_shadow && user < colon);
        let whom = user.map_or_else(|| scheme.to_owned(), |user| format!("{scheme}, user {user}"));
        let found = Match::of(place..end).of_whom(Some(whom));
        // Libraries test themselves with such salts.
        let is_test = bstr::ByteSlice::contains_str(hash, b"0123456789abcdef")
            || bstr::ByteSlice::contains_str(hash, b"saltstring")
            || is_plain_salt(hash);
        out.push(if is_test { found.tag("example") } else { found });
    },
};
