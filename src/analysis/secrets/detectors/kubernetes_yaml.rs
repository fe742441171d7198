//! Objects of kind Secret in YAML: whole documents, and those in a list.

use std::ops::Range;

use bstr::ByteSlice;

use super::super::text::{self, at, before, is_base64, part};

/// Bytes before and after the kind in which the object may be.
pub(super) const REACH: usize = 24 << 10;
/// Values of one object.
pub(super) const VALUES: usize = 64;

/// A value of an object.
pub(super) struct Value {
    pub(super) key: String,
    pub(super) place: Range<usize>,
    pub(super) is_encoded: bool,
    /// Where the part of the object begins that says what the value is.
    pub(super) start: usize,
    /// The value, if it is written with escapes.
    pub(super) text: Option<Vec<u8>>,
}

/// A line: where its text begins, and ends without what is blank; the column of its text. `- ` counts as blank.
#[derive(Clone, Copy)]
struct Line {
    start: usize,
    end: usize,
    column: usize,
    is_item: bool,
}

/// `kind: Secret`, from a place to another, and the values of its object.
pub(super) fn yaml(bytes: &[u8], place: usize, behind: usize) -> Vec<Value> {
    let is_end = matches!(at(bytes, behind), None | Some(b'\r' | b'\n' | b'\t' | 0 | b' '));
    let from = place.saturating_sub(REACH);
    let to = place.saturating_add(REACH).min(bytes.len());
    let head = part(bytes, from..place);
    let line_start =
        head.iter().rposition(|byte| !matches!(byte, b' ' | b'-')).map_or(0, |last| last.saturating_add(1));
    let line_start = from.saturating_add(line_start);
    let is_begin = before(bytes, line_start).is_none_or(|byte| !(b' '..0x7f).contains(&byte));
    if !is_end || !is_begin {
        return Vec::new();
    }
    let column = place.saturating_sub(line_start);
    let is_item = part(bytes, line_start..place).contains(&b'-');
    let before: Vec<Line> = if is_item { Vec::new() } else { lines_before(bytes, from, line_start, column) };
    let kind = Line { start: place, end: behind, column, is_item: false };
    let behind = lines_behind(bytes, place, to, column);
    let mut reader = Reader { bytes, column, place, section: None, block: None, values: Vec::new() };
    for line in before.into_iter().chain([kind]).chain(behind) {
        reader.line(line);
    }
    reader.close();
    reader.values
}

/// The lines before a place that are in the same object, in order.
fn lines_before(bytes: &[u8], from: usize, end: usize, column: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    let head = part(bytes, from..end);
    let mut stop = end;
    // Without what follows the last line's end.
    for text in head.rsplit(|byte| *byte == b'\n').skip(1) {
        stop = stop.saturating_sub(1);
        let start = stop.saturating_sub(text.len());
        // What is before a zero is something else.
        let zero = text.rfind_byte(0);
        let one = line(bytes, start.saturating_add(zero.map_or(0, |at| at.saturating_add(1)))..stop);
        if text.starts_with(b"---") || one.is_some_and(|one| one.column < column || is_kind(bytes, one, column)) {
            break;
        }
        stop = start;
        lines.extend(one);
        // The item of a list begins here.
        if zero.is_some() || one.is_some_and(|one| one.is_item && one.column == column) {
            break;
        }
    }
    lines.reverse();
    lines
}

/// The lines behind the one of a place that are in the same object.
fn lines_behind(bytes: &[u8], place: usize, to: usize, column: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    let tail = part(bytes, place..to);
    let tail = tail.get(..tail.find_byte(0).unwrap_or(tail.len())).unwrap_or_default();
    let mut start = place;
    for (number, text) in tail.split(|byte| *byte == b'\n').enumerate() {
        let range = start..start.saturating_add(text.len());
        start = range.end.saturating_add(1);
        if number == 0 {
            continue;
        }
        if text.starts_with(b"---") {
            break;
        }
        let Some(one) = line(bytes, range) else { continue };
        if one.column < column || one.column == column && one.is_item || is_kind(bytes, one, column) {
            break;
        }
        lines.push(one);
    }
    lines
}

/// Whether a line says the kind of another object.
fn is_kind(bytes: &[u8], line: Line, column: usize) -> bool {
    line.column == column && text::has(bytes, line.start, b"kind:")
}

/// A line that is not blank.
fn line(bytes: &[u8], range: Range<usize>) -> Option<Line> {
    let text = part(bytes, range.clone());
    let blank = text.iter().take_while(|byte| **byte == b' ').count();
    let is_item = text.get(blank..).unwrap_or_default().starts_with(b"- ");
    let column = if is_item { blank.saturating_add(2) } else { blank };
    let end = range.start.saturating_add(text.trim_end().len());
    let start = range.start.saturating_add(column);
    (start < end).then_some(Line { start, end, column, is_item })
}

/// What a line says before its comment.
fn without_comment(text: &[u8]) -> &[u8] {
    let text = text.trim();
    if text.starts_with(b"#") { b"" } else { text.split_once_str(" #").map_or(text, |(text, _)| text.trim_end()) }
}

/// Reads the lines of an object.
struct Reader<'b> {
    bytes: &'b [u8],
    /// The column of the object's keys.
    column: usize,
    /// Where the kind is.
    place: usize,
    /// In `data` or `stringData`: whether values are encoded, where the section begins, the column of its keys.
    section: Option<(bool, usize, Option<usize>)>,
    /// A value of several lines: its key, and where it is as far as it was read.
    block: Option<(String, Option<Range<usize>>)>,
    values: Vec<Value>,
}

impl Reader<'_> {
    fn line(&mut self, line: Line) {
        let text = part(self.bytes, line.start..line.end);
        if line.column <= self.column {
            self.close();
            let (name, rest) = text.split_once_str(":").unwrap_or_default();
            let is_encoded = match name.trim_with(|sign| matches!(sign, '"' | '\'' | ' ')) {
                b"data" => true,
                b"stringData" => false,
                _ => {
                    self.section = None;
                    return;
                }
            };
            self.section = Some((is_encoded, line.start, None));
            let rest = without_comment(rest);
            if let Some(brace) = text.find_byte(b'{').filter(|_| rest.starts_with(b"{")) {
                self.flow(line.start.saturating_add(brace), rest, is_encoded);
            }
            if !rest.is_empty() {
                self.section = None;
            }
            return;
        }
        let Some((is_encoded, _, keys)) = &mut self.section else { return };
        let keys = *keys.get_or_insert(line.column);
        if line.column > keys {
            if let Some((_, range)) = &mut self.block {
                let start = range.as_ref().map_or(line.start, |range| range.start);
                *range = Some(start..line.end);
            }
            return;
        }
        let is_encoded = *is_encoded;
        self.close();
        let Some((key, value)) = text.split_once_str(":") else { return };
        let key = key.trim_with(|c| c == '"' || c == '\'' || c == ' ').to_str_lossy().into_owned();
        let value = value.trim();
        // The value is on the lines that follow.
        if value.first().is_none_or(|first| matches!(first, b'|' | b'>')) {
            self.block = Some((key, None));
            return;
        }
        let quote = value.first().copied().filter(|first| matches!(first, b'"' | b'\''));
        let value = match quote {
            Some(quote) => value.get(1..).unwrap_or_default().split(|byte| *byte == quote).next().unwrap_or_default(),
            None => without_comment(value),
        };
        let is_value = !is_encoded || value.iter().all(|byte| is_base64(*byte) || *byte == b'=');
        if let Some(offset) = text.rfind(value).filter(|_| is_value && !value.is_empty()) {
            let start = line.start.saturating_add(offset);
            self.push(key, start..start.saturating_add(value.len()));
        }
    }

    /// An object on one line: `{a: …, "b": …}`.
    fn flow(&mut self, start: usize, object: &[u8], is_encoded: bool) {
        let inner = object.strip_prefix(b"{").unwrap_or(object).strip_suffix(b"}").unwrap_or_default();
        let mut here = start.saturating_add(1);
        let is_quote = |sign: char| matches!(sign, '"' | '\'' | ' ');
        for pair in inner.split(|byte| *byte == b',') {
            if let Some((key, value)) = pair.split_once_str(":") {
                let raw = value.trim_with(is_quote);
                let offset = pair.rfind(raw).unwrap_or(0);
                let place = here.saturating_add(offset)..here.saturating_add(offset).saturating_add(raw.len());
                if !raw.is_empty() && (!is_encoded || raw.iter().all(|byte| is_base64(*byte) || *byte == b'=')) {
                    self.push(key.trim_with(is_quote).to_str_lossy().into_owned(), place);
                }
            }
            here = here.saturating_add(pair.len()).saturating_add(1);
        }
    }

    /// Ends a value of several lines.
    fn close(&mut self) {
        if let Some((key, Some(range))) = self.block.take() {
            let is_text = |byte: &u8| is_base64(*byte) || *byte == b'=' || byte.is_ascii_whitespace();
            let is_encoded = self.section.is_some_and(|(is_encoded, ..)| is_encoded);
            if !is_encoded || part(self.bytes, range.clone()).iter().all(is_text) {
                self.push(key, range);
            }
        }
    }

    fn push(&mut self, key: String, place: Range<usize>) {
        let Some((is_encoded, section, _)) = self.section else { return };
        if self.values.len() < VALUES && text::from(self.bytes, place.start).len() >= place.len() {
            self.values.push(Value { key, place, is_encoded, start: section.min(self.place), text: None });
        }
    }
}
