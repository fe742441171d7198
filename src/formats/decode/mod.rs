//! Decoded images as JSON: all of them in one document, a record a line, or with the keys of CRIU's own `crit`.
//!
//! | what | `json`, `ndjson` | `crit-json` |
//! | --- | --- | --- |
//! | bytes | hexadecimal | base64 |
//! | text that is not UTF-8 | U+FFFD for each bad byte, and one more key, `<field>_hex`, with all bytes | the same |
//! | masks | a list of names | names joined by ` \| ` |
//! | addresses of sockets | text | a list of one text |
//! | codes | `alive`, `inet`, `stream` | `Alive`, `INET`, `STREAM` |
//! | addresses, cookies | `"0x7ffc…"` | the same |
//! | device numbers | `"major:minor"` | the same |
//! | fields that the schema does not know | `unknown_fields`: number, wire type, value | the same |
//! | records that cannot be decoded | `damaged`: their bytes | the same |

mod crit;
mod info;
mod native;
mod spelling;

use std::io::{self, Write};

pub use info::InfoWriter;

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
    /// The keys and spellings of `crit show`, one image after the other.
    CritJson,
}

/// How decoded images are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeStyle {
    /// The format.
    pub format: DecodeFormat,
    /// Whether what follows records, and images without records, are written whole; otherwise only their length is.
    pub payload: bool,
    /// Whether numbers are written as they are: no hexadecimal, no names, no addresses. So does `crit decode`.
    pub plain: bool,
}

/// Writes images while they are decoded.
#[derive(Debug)]
pub struct DecodeWriter<W> {
    out: W,
    style: DecodeStyle,
    /// Images begun so far.
    images: u64,
}

impl<W: Write> DecodeWriter<W> {
    /// Begins to write.
    pub fn new(out: W, style: DecodeStyle) -> Self {
        DecodeWriter { out, style, images: 0 }
    }

    /// Ends what was written.
    ///
    /// # Errors
    ///
    /// If writing fails.
    pub fn finish(mut self) -> io::Result<()> {
        if self.style.format == DecodeFormat::Json {
            self.out.write_all(if self.images == 0 { b"[]\n" } else { b"\n]\n" })?;
        }
        self.out.flush()
    }

    fn spelling(&self) -> Spelling {
        Spelling { crit: self.style.format == DecodeFormat::CritJson, plain: self.style.plain }
    }
}

impl<W: Write> Visit for DecodeWriter<W> {
    fn begin(&mut self, head: &Head<'_>) -> io::Result<()> {
        let (out, payload) = (&mut self.out, self.style.payload);
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
        let out = &mut self.out;
        match self.style.format {
            DecodeFormat::Json => native::record(out, record, spelling, payload),
            DecodeFormat::Ndjson => native::line(out, head, record, spelling, payload),
            DecodeFormat::CritJson => crit::record(out, record, spelling, payload),
        }
    }

    fn end(&mut self, head: &Head<'_>, _: &Summary) -> io::Result<()> {
        match self.style.format {
            DecodeFormat::Json => native::end(&mut self.out, head),
            DecodeFormat::Ndjson => Ok(()),
            DecodeFormat::CritJson => crit::end(&mut self.out, head),
        }
    }
}
