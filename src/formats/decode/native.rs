//! Images as JSON in our own layout.

use std::io::{self, Write};

use bstr::ByteSlice;

use super::Payload;
use super::spelling::{Commas, Spelling, hex};
use crate::formats::json::{lossy, text};
use crate::images::ByteOrder;
use crate::images::decode::{Body, Decoded, Head, Tail};

/// Begins an image.
pub(super) fn begin(out: &mut dyn Write, head: &Head<'_>, payload: Payload) -> io::Result<()> {
    out.write_all(b"{")?;
    about(out, &mut Commas::default(), head, payload)?;
    if head.contents.is_none() {
        out.write_all(b",\"records\":[")?;
    }
    Ok(())
}

/// Ends an image.
pub(super) fn end(out: &mut dyn Write, head: &Head<'_>) -> io::Result<()> {
    out.write_all(if head.contents.is_none() { b"\n]}" } else { b"}" })
}

/// Writes a record of the current image.
pub(super) fn record(
    out: &mut dyn Write,
    record: &Decoded<'_>,
    spelling: Spelling,
    payload: Payload,
) -> io::Result<()> {
    out.write_all(if record.number == 0 { b"\n{" } else { b",\n{" })?;
    of_record(out, &mut Commas::default(), record, "number", spelling, payload)?;
    out.write_all(b"}")
}

/// Writes an image without records as a line.
pub(super) fn line_of_image(out: &mut dyn Write, head: &Head<'_>, payload: Payload) -> io::Result<()> {
    out.write_all(b"{")?;
    about(out, &mut Commas::default(), head, payload)?;
    out.write_all(b"}\n")
}

/// Writes a record as a line.
pub(super) fn line(
    out: &mut dyn Write,
    head: &Head<'_>,
    record: &Decoded<'_>,
    spelling: Spelling,
    payload: Payload,
) -> io::Result<()> {
    let mut commas = Commas::default();
    out.write_all(b"{")?;
    named(out, &mut commas, head)?;
    of_record(out, &mut commas, record, "record", spelling, payload)?;
    out.write_all(b"}\n")
}

/// The path and the kind of an image.
pub(super) fn named(out: &mut dyn Write, commas: &mut Commas, head: &Head<'_>) -> io::Result<()> {
    commas.key(out, "member")?;
    text(out, &lossy(head.path))?;
    if head.path.to_str().is_err() {
        commas.key(out, "member_hex")?;
        hex(out, head.path)?;
    }
    commas.key(out, "kind")?;
    match head.name {
        Some(name) => text(out, name),
        None => out.write_all(b"null"),
    }
}

/// Properties of an image besides its records.
pub(super) fn about(out: &mut dyn Write, commas: &mut Commas, head: &Head<'_>, payload: Payload) -> io::Result<()> {
    named(out, commas, head)?;
    if let Some(id) = head.id {
        commas.key(out, "id")?;
        write!(out, "{id}")?;
    }
    if !head.magics.is_empty() {
        commas.key(out, "magic")?;
        out.write_all(b"[")?;
        let mut commas = Commas::default();
        for magic in &head.magics {
            commas.next(out)?;
            write!(out, "\"{magic:#010x}\"")?;
        }
        out.write_all(b"]")?;
    }
    if let Some(version) = head.version {
        commas.key(out, "version")?;
        text(out, version)?;
    }
    if let Some(order) = head.byte_order {
        commas.key(out, "byte_order")?;
        text(out, byte_order(order))?;
    }
    commas.key(out, "bytes")?;
    write!(out, "{}", head.bytes)?;
    match &head.contents {
        Some(raw) if payload == Payload::Everything => match raw.bytes.to_str() {
            Ok(contents) if raw.is_text => {
                commas.key(out, "text")?;
                text(out, contents)
            }
            _ => {
                commas.key(out, "payload")?;
                hex(out, raw.bytes)
            }
        },
        _ => Ok(()),
    }
}

/// `little` or `big`.
pub(super) fn byte_order(order: ByteOrder) -> &'static str {
    match order {
        ByteOrder::Little => "little",
        ByteOrder::Big => "big",
    }
}

fn of_record(
    out: &mut dyn Write,
    commas: &mut Commas,
    record: &Decoded<'_>,
    number: &str,
    spelling: Spelling,
    payload: Payload,
) -> io::Result<()> {
    commas.key(out, number)?;
    write!(out, "{}", record.number)?;
    commas.key(out, "offset")?;
    write!(out, "{}", record.offset)?;
    match &record.body {
        Body::Damaged(_) => spelling.entries(out, commas, &record.body)?,
        body => {
            commas.key(out, "message")?;
            text(out, body.name().unwrap_or_default())?;
            commas.key(out, "fields")?;
            out.write_all(b"{")?;
            spelling.entries(out, &mut Commas::default(), body)?;
            out.write_all(b"}")?;
        }
    }
    if matches!(record.tail, Tail::None) && record.tail_bytes == 0 {
        return Ok(());
    }
    commas.key(out, "payload_bytes")?;
    write!(out, "{}", record.tail_bytes)?;
    match &record.tail {
        Tail::Bytes(bytes) if payload != Payload::Lengths => {
            commas.key(out, "payload")?;
            hex(out, bytes)
        }
        Tail::Pair(pair) if payload != Payload::Lengths => {
            commas.key(out, "payload")?;
            let [(first, a), (second, b)] = pair;
            write!(out, "{{\"{first}\":")?;
            hex(out, a)?;
            write!(out, ",\"{second}\":")?;
            hex(out, b)?;
            out.write_all(b"}")
        }
        Tail::None | Tail::Bytes(_) | Tail::Pair(_) => Ok(()),
        Tail::Semaphores(values) => {
            commas.key(out, "values")?;
            write!(out, "{values:?}")
        }
        Tail::Messages(messages) => {
            commas.key(out, "messages")?;
            out.write_all(b"[")?;
            let mut commas = Commas::default();
            for (message, bytes) in messages {
                commas.next(out)?;
                out.write_all(b"{\"fields\":")?;
                match message {
                    Some(message) => spelling.message(out, message)?,
                    None => out.write_all(b"null")?,
                }
                if payload != Payload::Lengths {
                    out.write_all(b",\"payload\":")?;
                    hex(out, bytes)?;
                }
                out.write_all(b"}")?;
            }
            out.write_all(b"]")
        }
    }
}
