//! Decoded images as JSON: all of them in one document, a record a line, or as CRIU's own `crit` prints them.
//!
//! `crit-json` is what `crit decode` prints, character by character, so that `crit encode` takes it back: numbers as they
//! are, bytes in base64. With words in place of numbers it is what `crit decode --pretty` prints:
//!
//! | what | `json`, `ndjson` | `crit-json` | `crit-json` with words |
//! | --- | --- | --- | --- |
//! | bytes | hexadecimal | base64 in lines | the same |
//! | names of unix sockets | text | quoted-printable | the same |
//! | masks | a list of names | numbers | names joined by ` \| ` |
//! | addresses of sockets | text | a list of words | a list of one text |
//! | codes | `alive`, `inet`, `stream` | numbers | `Alive`, `INET`, `STREAM` |
//! | addresses, cookies | `"0x7ffc…"` | numbers | `"0x7ffc…"` |
//! | device numbers | `"major:minor"` | numbers | `"major:minor"` |
//!
//! What crit cannot read has keys of ours in all of them:
//!
//! | what | keys |
//! | --- | --- |
//! | text that is not UTF-8 | U+FFFD for each bad byte, and one more key, `<field>_hex`, with all bytes |
//! | fields that the schema does not know | `unknown_fields`: number, wire type, value |
//! | records that cannot be decoded | `damaged`: their bytes |

mod crit;
mod info;
mod native;
mod python;
mod spelling;

use std::io::{self, Write};

pub use info::InfoWriter;

use self::python::PythonJson;
use self::spelling::Spelling;
use crate::images::decode::{Decoded, Head, Summary, Visit};

/// A format of decoded images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeFormat {
    /// An array of images, each an object with its records.
    Json,
    /// A record a line; images without records are a line.
    Ndjson,
    /// What `crit decode` prints, one image after the other.
    CritJson,
}

/// How much is written of what stands outside of records: the bytes that follow them (queues, contents of deleted files),
/// and images without records (pages, archives of file systems).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// How long it is.
    Lengths,
    /// What follows records is written whole; of images without records, how long they are.
    Records,
    /// All of it.
    Everything,
}

/// How decoded images are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeStyle {
    /// The format.
    pub format: DecodeFormat,
    /// How much is written of what stands outside of records.
    pub payload: Payload,
    /// Whether numbers are written as they are: no hexadecimal, no names, no addresses. So does `crit decode`; without, crit's
    /// layout is that of `crit decode --pretty`, in lines.
    pub plain: bool,
}

/// Writes images while they are decoded.
#[derive(Debug)]
pub struct DecodeWriter<W> {
    /// With the white space of Python, if that is wanted.
    out: Out<W>,
    style: DecodeStyle,
    /// Images begun so far.
    images: u64,
}

#[derive(Debug)]
enum Out<W> {
    AsIs(W),
    Python(PythonJson<W>),
}

impl<W: Write> Out<W> {
    fn get(&mut self) -> &mut dyn Write {
        match self {
            Out::AsIs(out) => out,
            Out::Python(out) => out,
        }
    }
}

impl<W: Write> DecodeWriter<W> {
    /// Begins to write.
    pub fn new(out: W, style: DecodeStyle) -> Self {
        let out = match style.format {
            DecodeFormat::CritJson => Out::Python(PythonJson::new(out, (!style.plain).then_some(4))),
            DecodeFormat::Json | DecodeFormat::Ndjson => Out::AsIs(out),
        };
        DecodeWriter { out, style, images: 0 }
    }

    /// Ends what was written.
    ///
    /// # Errors
    ///
    /// If writing fails.
    pub fn finish(mut self) -> io::Result<()> {
        let out = self.out.get();
        if self.style.format == DecodeFormat::Json {
            out.write_all(if self.images == 0 { b"[]\n" } else { b"\n]\n" })?;
        }
        out.flush()
    }

    fn spelling(&self) -> Spelling {
        Spelling { crit: self.style.format == DecodeFormat::CritJson, plain: self.style.plain }
    }
}

impl<W: Write> Visit for DecodeWriter<W> {
    fn begin(&mut self, head: &Head<'_>) -> io::Result<()> {
        let (out, payload) = (self.out.get(), self.style.payload);
        match self.style.format {
            DecodeFormat::Json => {
                out.write_all(if self.images == 0 { b"[\n" } else { b",\n" })?;
                native::begin(out, head, payload)?;
            }
            DecodeFormat::Ndjson if head.contents.is_some() => native::line_of_image(out, head, payload)?,
            DecodeFormat::Ndjson => {}
            DecodeFormat::CritJson => crit::begin(out, head, payload)?,
        }
        self.images = self.images.saturating_add(1);
        Ok(())
    }

    fn record(&mut self, head: &Head<'_>, record: &Decoded<'_>) -> io::Result<()> {
        let (spelling, payload) = (self.spelling(), self.style.payload);
        let out = self.out.get();
        match self.style.format {
            DecodeFormat::Json => native::record(out, record, spelling, payload),
            DecodeFormat::Ndjson => native::line(out, head, record, spelling, payload),
            DecodeFormat::CritJson => crit::record(out, record, spelling, payload),
        }
    }

    fn end(&mut self, head: &Head<'_>, _: &Summary) -> io::Result<()> {
        match &mut self.out {
            Out::AsIs(out) if self.style.format == DecodeFormat::Json => native::end(out, head),
            Out::AsIs(_) => Ok(()),
            Out::Python(out) => {
                crit::end(out)?;
                out.end()
            }
        }
    }
}
