//! A command line as a shell reads it: `c\url`, `c''url`, `$'\x63url'` and `A=cu; ${A}rl` are all `curl`.

use std::borrow::Cow;

use bstr::ByteSlice;

/// Most variables of a line that are put in.
const VARIABLES: usize = 16;

/// A line without the quoting and the variables that only hide its words. The same line if it has none.
pub(super) fn plain(line: &[u8]) -> Cow<'_, [u8]> {
    if !line.iter().any(|byte| b"\\$\"'".contains(byte)) {
        return Cow::Borrowed(line);
    }
    let mut variables: Vec<(&[u8], &[u8])> = Vec::new();
    for part in line.split(|byte| b"; \t&(".contains(byte)) {
        if let Some((name, value)) = part.split_once_str("=")
            && !name.is_empty()
            && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
            && variables.len() < VARIABLES
        {
            variables.push((name, value.trim_with(|c| c == '"' || c == '\'')));
        }
    }
    let mut out = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some((&byte, tail)) = rest.split_first() {
        let (taken, len): (Cow<'_, [u8]>, usize) = match (byte, tail.first()) {
            (b'$', Some(b'\'')) => ansi(tail),
            (b'$', Some(_)) => match name(tail) {
                Some((name, len)) => (value(name, &variables), len),
                None => (Cow::Borrowed(&b"$"[..]), 0),
            },
            // A letter needs no escape; other characters lose their meaning by it.
            (b'\\', Some(next)) if next.is_ascii_alphanumeric() || b"-/.".contains(next) => (Cow::Borrowed(&[][..]), 0),
            // Quotes in the middle of a word.
            (b'"' | b'\'', next)
                if (out.last().is_some_and(u8::is_ascii_alphanumeric)
                    && next.is_some_and(u8::is_ascii_alphanumeric))
                    || next == Some(&byte) =>
            {
                (Cow::Borrowed(&[][..]), usize::from(next == Some(&byte)))
            }
            _ => (Cow::Owned(vec![byte]), 0),
        };
        out.extend_from_slice(&taken);
        rest = tail.get(len..).unwrap_or_default();
    }
    Cow::Owned(out)
}

/// The text of `'…'` behind `$`, and its length.
fn ansi(tail: &[u8]) -> (Cow<'static, [u8]>, usize) {
    let mut out = Vec::new();
    let mut at: usize = 1;
    while let Some(&byte) = tail.get(at) {
        at = at.saturating_add(1);
        if byte == b'\'' {
            break;
        }
        let next = tail.get(at).copied();
        let (radix, from, most) = match (byte, next) {
            (b'\\', Some(b'x')) => (16, at.saturating_add(1), 2),
            (b'\\', Some(b'0'..=b'7')) => (8, at, 3),
            (b'\\', Some(next)) => {
                out.push(next);
                at = at.saturating_add(1);
                continue;
            }
            _ => {
                out.push(byte);
                continue;
            }
        };
        let digits = tail.get(from..).unwrap_or_default();
        let len = digits.iter().take(most).take_while(|byte| char::from(**byte).is_digit(radix)).count();
        let number = digits.get(..len).and_then(|digits| u32::from_str_radix(digits.to_str().ok()?, radix).ok());
        out.extend(number.and_then(|number| u8::try_from(number).ok()));
        at = from.saturating_add(len);
    }
    (Cow::Owned(out), at)
}

/// The name of a variable behind `$`, and its length.
fn name(tail: &[u8]) -> Option<(&[u8], usize)> {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    if let Some(inner) = tail.strip_prefix(b"{") {
        let end = inner.find_byte(b'}')?;
        let name = inner.get(..end)?;
        return name.iter().all(is_word).then(|| (name, end.saturating_add(2)));
    }
    let len = tail.iter().position(|byte| !is_word(byte)).unwrap_or(tail.len());
    let name = tail.get(..len)?;
    (!name.is_empty() && !name.first()?.is_ascii_digit()).then_some((name, len))
}

/// What a variable has: set in the same line, or what shells set.
fn value<'v>(name: &'v [u8], variables: &[(&'v [u8], &'v [u8])]) -> Cow<'v, [u8]> {
    if let Some((_, value)) = variables.iter().rfind(|(known, _)| *known == name) {
        return Cow::Borrowed(value);
    }
    match name {
        b"SHELL" | b"BASH" => Cow::Borrowed(b"/bin/sh"),
        b"IFS" => Cow::Borrowed(b" "),
        _ => Cow::Owned(bstr::concat([&b"$"[..], name])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_as_shells_read_them() {
        let same = |line: &str, other: &str| assert_eq!(plain(line.as_bytes()).as_bstr(), other.as_bytes().as_bstr());
        same("c\\url -s x|s\\h", "curl -s x|sh");
        same("$'\\x63\\x75\\x72\\x6c' -s x|${SHELL}", "curl -s x|/bin/sh");
        same("X=cu; Y=rl; $X$Y -s x", "X=cu; Y=rl; curl -s x");
        same("cu''rl w\"ge\"t", "curl wget");
        same("a${IFS}b $HOME/c", "a b $HOME/c");
        same("echo 'a b' \\$x \"$1\"", "echo 'a b' \\$x \"$1\"");
        same("plain", "plain");
        assert_eq!(plain(b"$'\\x"), b"".as_slice());
    }
}
