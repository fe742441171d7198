//! JSON with the white space of Python's `json` module, which crit uses: a space after commas and colons, or indented
//! lines. All characters are ASCII.

use std::io::{self, Write};

/// Position within the JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Between values.
    Structure,
    /// After an opening bracket. If it is closed at once, nothing is written in between.
    Opened,
    /// Inside a string.
    Text,
    /// After a backslash in a string.
    Escape,
}

/// Passes JSON on with different white space. The input may have any white space.
#[derive(Debug)]
pub(super) struct PythonJson<W> {
    out: W,
    at: At,
    /// Spaces per level, with one value per line. `None` for a single line.
    indent: Option<usize>,
    depth: usize,
    /// The bytes of an incomplete character.
    part: Vec<u8>,
}

impl<W: Write> PythonJson<W> {
    pub(super) fn new(out: W, indent: Option<usize>) -> Self {
        PythonJson { out, at: At::Structure, indent, depth: 0, part: Vec::new() }
    }

    fn line(&mut self) -> io::Result<()> {
        let Some(indent) = self.indent else { return Ok(()) };
        write!(self.out, "\n{:1$}", "", indent.saturating_mul(self.depth))
    }

    fn structure(&mut self, byte: u8) -> io::Result<()> {
        if byte.is_ascii_whitespace() {
            return Ok(());
        }
        let opened = std::mem::replace(&mut self.at, At::Structure) == At::Opened;
        let closes = matches!(byte, b'}' | b']');
        if closes {
            self.depth = self.depth.saturating_sub(1);
        }
        if opened != closes {
            self.line()?;
        }
        self.out.write_all(&[byte])?;
        match byte {
            b'{' | b'[' => {
                self.depth = self.depth.saturating_add(1);
                self.at = At::Opened;
            }
            b'"' => self.at = At::Text,
            b',' if self.indent.is_some() => self.line()?,
            b',' | b':' => self.out.write_all(b" ")?,
            _ => {}
        }
        Ok(())
    }

    /// Takes a byte of a character that is not ASCII.
    fn wide(&mut self, byte: u8) -> io::Result<()> {
        self.part.push(byte);
        match str::from_utf8(&self.part) {
            Ok(text) => {
                for c in text.chars() {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        write!(self.out, "\\u{unit:04x}")?;
                    }
                }
            }
            Err(error) if error.error_len().is_none() => return Ok(()),
            Err(_) => return Err(io::Error::new(io::ErrorKind::InvalidData, "JSON that is not UTF-8")),
        }
        self.part.clear();
        Ok(())
    }

    fn byte(&mut self, byte: u8) -> io::Result<()> {
        match self.at {
            At::Structure | At::Opened => self.structure(byte),
            At::Escape => {
                self.at = At::Text;
                self.out.write_all(&[byte])
            }
            At::Text if byte >= 0x80 => self.wide(byte),
            At::Text => {
                match byte {
                    b'"' => self.at = At::Structure,
                    b'\\' => self.at = At::Escape,
                    _ => {}
                }
                self.out.write_all(&[byte])
            }
        }
    }

    /// Ends a document.
    pub(super) fn end(&mut self) -> io::Result<()> {
        self.out.write_all(b"\n")
    }
}

impl<W: Write> Write for PythonJson<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Long texts are passed on in one piece.
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            if self.at == At::Text && self.part.is_empty() {
                let plain = rest.iter().take_while(|&&b| b.is_ascii() && b != b'"' && b != b'\\').count();
                if let (text @ [_, ..], after) = rest.split_at(plain) {
                    self.out.write_all(text)?;
                    rest = after;
                    continue;
                }
            }
            self.byte(byte)?;
            rest = after;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(json: &str, indent: Option<usize>, piece: usize) -> String {
        let mut out = Vec::new();
        let mut writer = PythonJson::new(&mut out, indent);
        for bytes in json.as_bytes().chunks(piece) {
            writer.write_all(bytes).unwrap();
        }
        String::from_utf8(out).unwrap()
    }

    /// The output of Python 3's `json.dumps`, without and with `indent=4`.
    #[test]
    fn white_space_is_that_of_python() {
        let json = "{\"a\":[1,\n2],\"b\":{},\"c\":[],\"d\":\"x,y:{\\\"é😀\",\"e\":[[],{\"f\":null}]}";
        let line = "{\"a\": [1, 2], \"b\": {}, \"c\": [], \"d\": \"x,y:{\\\"\\u00e9\\ud83d\\ude00\", \"e\": [[], {\"f\": null}]}";
        let lines = "{\n    \"a\": [\n        1,\n        2\n    ],\n    \"b\": {},\n    \"c\": [],\n    \
                     \"d\": \"x,y:{\\\"\\u00e9\\ud83d\\ude00\",\n    \"e\": [\n        [],\n        {\n            \
                     \"f\": null\n        }\n    ]\n}";
        for piece in [1, 3, 1000] {
            assert_eq!(written(json, None, piece), line);
            assert_eq!(written(json, Some(4), piece), lines);
        }
    }
}
