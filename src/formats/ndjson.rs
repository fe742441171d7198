//! Rows as NDJSON: one object per line, as in our JSON.

use std::io;

use super::encoder::Encoded;
use super::format::{Encode, Kind, Line};
use super::json;

/// NDJSON.
pub(super) struct Ndjson;

impl Encode for Ndjson {
    fn name(&self) -> &'static str {
        "ndjson"
    }

    fn doc(&self) -> &'static str {
        "One object per line"
    }

    fn kind(&self) -> Kind {
        Kind::Lines
    }

    fn encode(&self, line: &Line<'_>) -> io::Result<Encoded> {
        let mut out = Vec::new();
        json::row(&mut out, line.named_lead(), line.row, &line.behind)?;
        out.push(b'\n');
        Ok(Encoded::Bytes(out))
    }
}
