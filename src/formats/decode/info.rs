//! A summary of each image: its kind, size and number of records.

use std::io::{self, Write};

use super::python::PythonJson;
use super::spelling::Commas;
use super::{DecodeFormat, Payload, crit, native};
use crate::formats::{Grid, GridColumn, escape};
use crate::images::decode::{Decoded, Head, Summary, Visit};

/// Writes a summary of each image that is decoded.
#[derive(Debug)]
pub struct InfoWriter<W> {
    out: W,
    /// `None` for a table.
    format: Option<DecodeFormat>,
    grid: Grid,
    width: Option<usize>,
    images: u64,
}

impl<W: Write> InfoWriter<W> {
    /// Creates a writer for a table that fits a screen of `width` columns, or for JSON.
    pub fn new(out: W, format: Option<DecodeFormat>, width: Option<usize>) -> Self {
        let grid = Grid::new([
            GridColumn::path("MEMBER"),
            GridColumn::text("KIND"),
            GridColumn::fixed("MAGIC"),
            GridColumn::text("VERSION"),
            GridColumn::number("RECORDS"),
            GridColumn::number("BYTES"),
            GridColumn::number("PAYLOAD"),
        ]);
        InfoWriter { out, format, grid, width, images: 0 }
    }

    /// Completes the output.
    ///
    /// # Errors
    ///
    /// If writing fails.
    pub fn finish(mut self) -> io::Result<()> {
        match self.format {
            None => self.out.write_all(self.grid.render(self.width).as_bytes())?,
            Some(DecodeFormat::Json) => self.out.write_all(if self.images == 0 { b"[]\n" } else { b"\n]\n" })?,
            Some(_) => {}
        }
        self.out.flush()
    }

    fn row(&mut self, head: &Head<'_>, summary: &Summary) {
        let magics: Vec<String> = head.magics.iter().map(|magic| format!("{magic:#010x}")).collect();
        let records = if head.contents.is_some() { "-".to_owned() } else { summary.records.to_string() };
        self.grid.push(vec![
            escape(head.path).into_owned(),
            head.name.unwrap_or("-").to_owned(),
            magics.last().cloned().unwrap_or_else(|| "-".to_owned()),
            head.version.unwrap_or("-").to_owned(),
            records,
            head.bytes.to_string(),
            summary.payload_bytes.to_string(),
        ]);
    }

    fn object(&mut self, head: &Head<'_>, summary: &Summary) -> io::Result<()> {
        let out = &mut self.out;
        let mut commas = Commas::default();
        out.write_all(b"{")?;
        native::about(out, &mut commas, head, Payload::Lengths)?;
        if head.contents.is_none() {
            commas.key(out, "records")?;
            write!(out, "{}", summary.records)?;
            commas.key(out, "damaged")?;
            write!(out, "{}", summary.damaged)?;
        }
        commas.key(out, "payload_bytes")?;
        write!(out, "{}", summary.payload_bytes)?;
        out.write_all(b"}")
    }
}

impl<W: Write> Visit for InfoWriter<W> {
    fn begin(&mut self, _: &Head<'_>) -> io::Result<()> {
        Ok(())
    }

    fn record(&mut self, _: &Head<'_>, _: &Decoded<'_>) -> io::Result<()> {
        Ok(())
    }

    fn end(&mut self, head: &Head<'_>, summary: &Summary) -> io::Result<()> {
        match self.format {
            None => self.row(head, summary),
            Some(DecodeFormat::Json) => {
                self.out.write_all(if self.images == 0 { b"[\n" } else { b",\n" })?;
                self.object(head, summary)?;
            }
            Some(DecodeFormat::Ndjson) => {
                self.object(head, summary)?;
                self.out.write_all(b"\n")?;
            }
            // As in `crit info`.
            Some(DecodeFormat::CritJson) => {
                let mut out = PythonJson::new(&mut self.out, Some(4));
                out.write_all(b"{\"magic\":")?;
                crit::magic(&mut out, head)?;
                write!(out, ",\"count\":{}}}", summary.records)?;
                out.end()?;
            }
        }
        self.images = self.images.saturating_add(1);
        Ok(())
    }
}
