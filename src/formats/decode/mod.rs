//! Decoded images as JSON: in one document, with one record per line, or as printed by CRIU's `crit`.
//!
//! `crit-json` is exactly the output of `crit decode`, character by character, so that `crit encode` accepts it: plain
//! numbers, and bytes in base64. With readable values it is the output of `crit decode --pretty`:
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
//! Where crit cannot read the data, all formats have keys of our own:
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
    /// An array of images. Each is an object with its records.
    Json,
    /// One record per line. An image without records is one line.
    Ndjson,
    /// The output of `crit decode`, one image after another.
    CritJson,
}

/// How much to write of data outside records: payload after records (queues, contents of deleted files), and images
/// without records (pages, archives of file systems).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Only the lengths.
    Lengths,
    /// Payload after records, but only the length of images without records.
    Records,
    /// Everything.
    Everything,
}

/// The style of decoded images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeStyle {
    /// The format.
    pub format: DecodeFormat,
    /// How much to write of data outside records.
    pub payload: Payload,
    /// Whether to write plain numbers: no hexadecimal, no names, no addresses, as in `crit decode`. Otherwise
    /// `crit-json` is indented, as in `crit decode --pretty`.
    pub plain: bool,
}

/// Writes images as they are decoded.
#[derive(Debug)]
pub struct DecodeWriter<W> {
    /// The output, with Python's white space if needed.
    out: Out<W>,
    style: DecodeStyle,
    /// Number of images begun.
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
    /// Creates a writer.
    pub fn new(out: W, style: DecodeStyle) -> Self {
        let out = match style.format {
            DecodeFormat::CritJson => Out::Python(PythonJson::new(out, (!style.plain).then_some(4))),
            DecodeFormat::Json | DecodeFormat::Ndjson => Out::AsIs(out),
        };
        DecodeWriter { out, style, images: 0 }
    }

    /// Completes the output.
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
