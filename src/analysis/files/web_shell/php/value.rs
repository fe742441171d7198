//! Texts that a script puts together, as far as they are known before it runs: `"sys" . strrev("met")`.

use bstr::ByteSlice;

use super::Flow;
use super::token::Kind;

/// Longest text that is put together.
const LONGEST: usize = 4096;
/// How deep expressions are read.
const DEEPEST: usize = 12;

impl Flow<'_> {
    /// The text that an expression always has. `None` if that is not known.
    pub(super) fn value(&self, from: usize, to: usize, depth: usize) -> Option<Vec<u8>> {
        if depth > DEEPEST || from >= to {
            return None;
        }
        if self.token(from)?.is("@") {
            return self.value(from.saturating_add(1), to, depth);
        }
        let deeper = depth.saturating_add(1);
        for mark in [".", "^"] {
            let parts = self.split(from, to, &[mark]);
            if parts.len() > 1 {
                let mut texts = parts.into_iter().map(|(from, to)| self.value(from, to, deeper));
                let mut all = texts.next()??;
                for text in texts {
                    let text = text?;
                    if mark == "." {
                        all.extend_from_slice(&text);
                    } else {
                        all = all.iter().zip(&text).map(|(a, b)| a ^ b).collect();
                    }
                    all.truncate(LONGEST);
                }
                return Some(all);
            }
        }
        let first = self.token(from)?;
        let rest = from.saturating_add(1);
        match first.kind {
            Kind::Plain if rest == to => Some(unescaped(first.text, false)),
            Kind::Quoted if rest == to && !first.text.contains(&b'$') => Some(unescaped(first.text, true)),
            Kind::Quoted if rest == to => self.filled(first.text),
            Kind::Number if rest == to => Some(first.text.to_vec()),
            Kind::Variable => {
                let text = self.constant(first.text)?;
                if rest == to {
                    return Some(text.to_vec());
                }
                // One character of it.
                let bracket = self.token(rest).filter(|token| token.is("[") || token.is("{"))?;
                let end = bracket.pair.filter(|end| end.saturating_add(1) == to)?;
                let index: usize = self.value(rest.saturating_add(1), end, deeper)?.to_str().ok()?.parse().ok()?;
                text.get(index).map(|byte| vec![*byte])
            }
            Kind::Mark if first.is("(") && first.pair.is_some_and(|end| end.saturating_add(1) == to) => {
                self.value(rest, to.saturating_sub(1), deeper)
            }
            Kind::Mark if first.is("~") => Some(self.value(rest, to, deeper)?.iter().map(|byte| !byte).collect()),
            Kind::Name => self.result(from, to, deeper),
            _ => None,
        }
    }

    /// A text with variables, if all of them are known.
    fn filled(&self, text: &[u8]) -> Option<Vec<u8>> {
        let mut parts = text.split_str("$");
        let mut out = unescaped(parts.next()?, true);
        for part in parts.take(64) {
            let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
            let is_braced = out.last() == Some(&b'{');
            let end = part.iter().position(|byte| !is_word(byte)).unwrap_or(part.len());
            let (name, mut rest) = part.split_at_checked(end)?;
            if is_braced {
                out.pop();
                rest = rest.strip_prefix(b"}")?;
            }
            out.extend_from_slice(self.constant(name)?);
            out.extend_from_slice(&unescaped(rest, true));
            out.truncate(LONGEST);
        }
        Some(out)
    }

    /// What a function of texts gives.
    fn result(&self, from: usize, to: usize, depth: usize) -> Option<Vec<u8>> {
        let name = self.token(from)?.text.to_ascii_lowercase();
        let open = from.saturating_add(1);
        let bracket = self.token(open).filter(|token| token.is("("))?;
        let end = bracket.pair.filter(|end| end.saturating_add(1) == to)?;
        let arguments = self.split(open.saturating_add(1), end, &[","]);
        let text = |number: usize| {
            let (from, to) = *arguments.get(number)?;
            self.value(from, to, depth)
        };
        match name.as_slice() {
            b"strrev" => text(0).map(|text| text.iter().rev().copied().collect()),
            b"str_rot13" => text(0).map(|text| text.iter().copied().map(rot13).collect()),
            b"trim" => text(0).map(|text| text.trim_ascii().to_vec()),
            b"strtolower" => text(0).map(|text| text.to_ascii_lowercase()),
            b"strtoupper" => text(0).map(|text| text.to_ascii_uppercase()),
            b"base64_decode" => {
                let text: Vec<u8> = text(0)?.into_iter().filter(|byte| *byte != b'=').collect();
                data_encoding::BASE64_NOPAD.decode(&text).ok()
            }
            b"hex2bin" => data_encoding::HEXLOWER_PERMISSIVE.decode(&text(0)?).ok(),
            b"chr" => {
                let text = text(0)?;
                let text = text.to_str().ok()?;
                let number = match text.strip_prefix("0x") {
                    Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                    None => text.parse().ok()?,
                };
                u8::try_from(number % 256).ok().map(|byte| vec![byte])
            }
            b"str_replace" => {
                let (what, with, text) = (text(0)?, text(1)?, text(2)?);
                (!what.is_empty()).then(|| text.replace(what, with)).map(|mut text| {
                    text.truncate(LONGEST);
                    text
                })
            }
            b"substr" => {
                let number = |at| text(at)?.to_str().ok()?.parse::<usize>().ok();
                let (text, start) = (text(0)?, number(1)?);
                let end = number(2).map_or(text.len(), |len| start.saturating_add(len).min(text.len()));
                text.get(start..end).map(<[u8]>::to_vec)
            }
            b"implode" | b"join" => {
                // Nothing may stand between.
                let last = arguments.len().saturating_sub(1);
                let between = if last == 0 { Vec::new() } else { text(0)? };
                let (from, to) = *arguments.get(last)?;
                let from = from.saturating_add(usize::from(self.token(from)?.is_name("array")));
                let items = self.token(from).filter(|token| token.is("[") || token.is("("))?;
                let end = items.pair.filter(|end| end.saturating_add(1) == to)?;
                let parts = self.split(from.saturating_add(1), end, &[","]);
                let parts: Option<Vec<Vec<u8>>> =
                    parts.into_iter().map(|(from, to)| self.value(from, to, depth)).collect();
                let mut text = bstr::join(between, parts?);
                text.truncate(LONGEST);
                Some(text)
            }
            _ => None,
        }
    }
}

fn rot13(byte: u8) -> u8 {
    match byte {
        b'a'..=b'm' | b'A'..=b'M' => byte.saturating_add(13),
        b'n'..=b'z' | b'N'..=b'Z' => byte.saturating_sub(13),
        _ => byte,
    }
}

/// A text without its escapes.
pub(super) fn unescaped(text: &[u8], is_double: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.get(..LONGEST).unwrap_or(text);
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let digits = |from: usize, most: usize, radix: u32| {
            let tail = tail.get(from..).unwrap_or_default();
            let is_digit = |byte: &u8| char::from(*byte).is_digit(radix);
            let len = tail.iter().take(most).take_while(|byte| is_digit(byte)).count();
            let number = tail.get(..len)?.to_str().ok().and_then(|digits| u32::from_str_radix(digits, radix).ok())?;
            Some((u8::try_from(number % 256).ok()?, from.saturating_add(len)))
        };
        let escape = match tail.first() {
            Some(b'x') if is_double => digits(1, 2, 16),
            Some(b'0'..=b'7') if is_double => digits(0, 3, 8),
            Some(b'n') if is_double => Some((b'\n', 1)),
            Some(b't') if is_double => Some((b'\t', 1)),
            Some(other @ (b'\\' | b'\'')) => Some((*other, 1)),
            Some(other @ (b'"' | b'$')) if is_double => Some((*other, 1)),
            _ => None,
        };
        match escape {
            Some((byte, len)) => {
                out.push(byte);
                rest = tail.get(len..).unwrap_or_default();
            }
            None => out.push(byte),
        }
    }
    out
}
