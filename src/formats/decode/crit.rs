//! Images as JSON in the layout of CRIU's `crit`: an object with `magic` and `entries`. The bytes after a record are in
//! `extra`.

use std::io::{self, Write};

use super::Payload;
use super::spelling::{Commas, Spelling, base64_lines};
use crate::formats::json::text;
use crate::formats::units;
use crate::images::Kind;
use crate::images::decode::{Decoded, Head, Tail};

/// Begins an image. An image without records, which crit cannot read, has a single entry.
pub(super) fn begin(out: &mut dyn Write, head: &Head<'_>, payload: Payload) -> io::Result<()> {
    out.write_all(b"{\"magic\":")?;
    magic(out, head)?;
    out.write_all(b",\"entries\":[")?;
    if let Some(raw) = &head.contents {
        out.write_all(b"{\"extra\":")?;
        if payload == Payload::Everything {
            base64_lines(out, raw.bytes)?;
        } else {
            length(out, head.bytes)?;
        }
        out.write_all(b"}")?;
    }
    Ok(())
}

/// crit's name for the kind of an image. Kinds with the same magic number share a name.
pub(super) fn magic(out: &mut dyn Write, head: &Head<'_>) -> io::Result<()> {
    let shared = head.kind.and_then(Kind::magic).and_then(Kind::from_magic);
    match shared.map(Kind::as_str).or(head.name) {
        Some(name) => text(out, name),
        None => out.write_all(b"null"),
    }
}

/// Ends an image.
pub(super) fn end(out: &mut dyn Write) -> io::Result<()> {
    out.write_all(b"]}")
}

/// Writes a record of the current image.
pub(super) fn record(
    out: &mut dyn Write,
    record: &Decoded<'_>,
    spelling: Spelling,
    payload: Payload,
) -> io::Result<()> {
    out.write_all(if record.number == 0 { b"{" } else { b",{" })?;
    let mut commas = Commas::default();
    spelling.entries(out, &mut commas, &record.body)?;
    match &record.tail {
        // `crit encode` would pad the payload, but there is none: the contents are in the pages.
        Tail::None if record.body.name() == Some("ipc_shm_entry") => {
            commas.key(out, "extra")?;
            base64_lines(out, &[])?;
        }
        Tail::None => {}
        _ => {
            commas.key(out, "extra")?;
            extra(out, record, spelling, payload)?;
        }
    }
    out.write_all(b"}")
}

fn extra(out: &mut dyn Write, record: &Decoded<'_>, spelling: Spelling, payload: Payload) -> io::Result<()> {
    match &record.tail {
        Tail::Semaphores(values) => write!(out, "{values:?}"),
        _ if payload == Payload::Lengths => length(out, record.tail_bytes),
        Tail::None => Ok(()),
        Tail::Bytes(bytes) => base64_lines(out, bytes),
        // The keys and values of a map form one run.
        Tail::Pair([("keys", keys), (_, values)]) => base64_lines(out, &[*keys, *values].concat()),
        Tail::Pair([(first, a), (second, b)]) => {
            write!(out, "{{\"{first}\":")?;
            base64_lines(out, a)?;
            write!(out, ",\"{second}\":")?;
            base64_lines(out, b)?;
            out.write_all(b"}")
        }
        // Each message is followed by its text.
        Tail::Messages(messages) => {
            out.write_all(b"[")?;
            let mut commas = Commas::default();
            for (message, bytes) in messages {
                commas.next(out)?;
                match message {
                    Some(message) => spelling.message(out, message)?,
                    None => out.write_all(b"null")?,
                }
                commas.next(out)?;
                base64_lines(out, bytes)?;
            }
            out.write_all(b"]")
        }
    }
}

/// How crit prints bytes that were not requested: `... <4KB>`.
fn length(out: &mut dyn Write, bytes: u64) -> io::Result<()> {
    let size = units::size(bytes).replace("iB", "B").replace(' ', "").replace(".0", "");
    text(out, &format!("... <{size}>"))
}
