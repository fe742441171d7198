//! One indicator a line, with comments.

use std::io::{BufRead, Read};

use super::super::guess::guess;
use super::super::index::{About, More, Test};
use super::super::value::{Kind, Value};
use super::Loader;

/// Bytes of a line.
const LINE: u64 = 64 << 10;
/// Bytes of a description.
const DESCRIPTION: usize = 500;

/// Reads a list.
pub(super) fn read(loader: &mut Loader, mut reader: impl BufRead) -> Result<&'static str, String> {
    let mut bytes = Vec::new();
    let mut number: u32 = 0;
    loop {
        bytes.clear();
        number = number.saturating_add(1);
        let wrong = |error: std::io::Error| format!("line {number}: {error}");
        let read = reader.by_ref().take(LINE).read_until(b'\n', &mut bytes).map_err(wrong)?;
        if read == 0 || loader.is_full {
            return Ok("text");
        }
        if !bytes.ends_with(b"\n") && crate::int::u64_of(read) >= LINE {
            loader.not_used("the line is longer than 64 KiB", || format!("line {number}"));
            skip_line(&mut reader).map_err(wrong)?;
            continue;
        }
        let Ok(line) = std::str::from_utf8(&bytes) else {
            loader.not_used("the line is not UTF-8", || format!("line {number}"));
            continue;
        };
        let line = line.trim_start_matches('\u{feff}').trim();
        if line.is_empty() || line.starts_with('#') || line.starts_with(';') || line.starts_with("//") {
            continue;
        }
        let (text, comment) = of_line(line);
        match values(text) {
            Ok((values, rest)) => {
                let alternatives: Vec<_> = values.into_iter().map(|value| vec![vec![Test::Is(value)]]).collect();
                let comment = [rest, comment].into_iter().find(|text| !text.is_empty());
                let more = comment.map(|comment| Box::new(More { description: Some(cut(comment)), ..More::default() }));
                let about = About { list: loader.list(), line: Some(number), more };
                loader.indicator(about, &alternatives, || format!("line {number}"));
            }
            Err(why) => loader.not_used(why, || format!("line {number}")),
        }
    }
}

/// Reads the rest of a line that is too long.
fn skip_line(reader: &mut impl BufRead) -> std::io::Result<()> {
    loop {
        let (used, is_end) = {
            let buffer = reader.fill_buf()?;
            match memchr::memchr(b'\n', buffer) {
                Some(at) => (at.saturating_add(1), true),
                None => (buffer.len(), buffer.is_empty()),
            }
        };
        reader.consume(used);
        if is_end {
            return Ok(());
        }
    }
}

/// A line without the comment behind it.
fn of_line(line: &str) -> (&str, &str) {
    match line.find(" #").or_else(|| line.find("\t#")) {
        Some(at) => {
            let (text, comment) = line.split_at_checked(at).unwrap_or((line, ""));
            (text.trim_end(), comment.trim_start().trim_start_matches('#').trim())
        }
        None => (line, ""),
    }
}

/// The values of a line, and the rest of it, which describes them: `HASH  NAME` as of `sha256sum`, `0.0.0.0 DOMAIN` as in a
/// file of hosts.
fn values(text: &str) -> Result<(Vec<Value>, &str), &'static str> {
    let Some((first, rest)) = text.split_once(char::is_whitespace).map(|(first, rest)| (first, rest.trim())) else {
        return Ok((guess(text)?, ""));
    };
    let whole = || Ok((guess(text)?, ""));
    if matches!(first, "0.0.0.0" | "127.0.0.1" | "::" | "::1") {
        let host = rest.split_whitespace().next().unwrap_or_default();
        return Ok((vec![Value::new(Kind::Domain, host)?], ""));
    }
    let is_plain =
        |value: &Value| !matches!(value.kind, Kind::Name | Kind::Text | Kind::Path | Kind::Directory | Kind::Socket);
    match guess(first) {
        Ok(values) if !values.is_empty() && values.iter().all(is_plain) => Ok((values, rest)),
        _ => whole(),
    }
}

pub(super) fn cut(text: &str) -> String {
    text.chars().take(DESCRIPTION).collect()
}
