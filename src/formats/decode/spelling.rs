//! Messages, fields and values as JSON.

use std::io::{self, Write};

use bstr::ByteSlice;
use data_encoding::{BASE64, HEXLOWER};

use crate::abi::{device::Device, hints};
use crate::formats::json::{lossy, text};
use crate::images::decode::{Body, Field, Message, Number, Show, Value, Wire};

/// How values are spelt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spelling {
    /// As in crit.
    pub(super) crit: bool,
    /// As plain numbers.
    pub(super) plain: bool,
}

/// Writes commas between the entries of an object or a list.
#[derive(Debug, Default)]
pub(super) struct Commas(bool);

impl Commas {
    /// Begins an entry.
    pub(super) fn next(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if std::mem::replace(&mut self.0, true) { out.write_all(b",") } else { Ok(()) }
    }

    /// Begins an entry of an object.
    pub(super) fn key(&mut self, out: &mut dyn Write, key: &str) -> io::Result<()> {
        self.next(out)?;
        text(out, key)?;
        out.write_all(b":")
    }
}

impl Spelling {
    /// Writes the fields of a record as entries of the current object.
    pub(super) fn entries(self, out: &mut dyn Write, commas: &mut Commas, body: &Body<'_>) -> io::Result<()> {
        match body {
            Body::Message(message) => self.fields(out, commas, message),
            Body::Header(_, numbers) => {
                for (name, number) in numbers {
                    commas.key(out, name)?;
                    match *number {
                        Number::Hex(number) if !self.plain => write!(out, "\"{number:#x}\"")?,
                        Number::Code(_, Some(name)) if !self.plain => text(out, name)?,
                        Number::Hex(number) | Number::Plain(number) | Number::Code(number, _) => {
                            write!(out, "{number}")?;
                        }
                    }
                }
                Ok(())
            }
            Body::Damaged(bytes) => {
                commas.key(out, "damaged")?;
                self.bytes(out, bytes)
            }
        }
    }

    /// Writes a message.
    pub(super) fn message(self, out: &mut dyn Write, message: &Message<'_>) -> io::Result<()> {
        out.write_all(b"{")?;
        self.fields(out, &mut Commas::default(), message)?;
        out.write_all(b"}")
    }

    fn fields(self, out: &mut dyn Write, commas: &mut Commas, message: &Message<'_>) -> io::Result<()> {
        for field in message.fields() {
            let name = self.name(message, field);
            commas.key(out, name)?;
            self.field(out, field)?;
            if self.loses(field) {
                commas.key(out, &format!("{name}_hex"))?;
                each(out, field, |out, value| match value {
                    Value::Bytes(bytes) => hex(out, bytes),
                    _ => Ok(()),
                })?;
            }
        }
        let mut unknown = message.unknown().peekable();
        if unknown.peek().is_some() {
            commas.key(out, "unknown_fields")?;
            out.write_all(b"[")?;
            let mut commas = Commas::default();
            for (number, wire) in unknown {
                commas.next(out)?;
                write!(out, "{{\"number\":{number},\"wire_type\":\"{}\",\"value\":", wire.type_name())?;
                match wire {
                    Wire::Varint(number) | Wire::Fixed64(number) => write!(out, "{number}")?,
                    Wire::Fixed32(number) => write!(out, "{number}")?,
                    Wire::Bytes(bytes) | Wire::Group(bytes) => self.bytes(out, bytes)?,
                }
                out.write_all(b"}")?;
            }
            out.write_all(b"]")?;
        }
        Ok(())
    }

    /// The key of a field. In CRIU 4.2 the number of pages moved to a new field, and the old field was renamed. A
    /// record with only the old field was written by an older CRIU, whose crit uses the old name.
    fn name(self, message: &Message<'_>, field: Field<'_, '_>) -> &'static str {
        match field.name() {
            "compat_nr_pages" if self.crit && message.fields().all(|other| other.name() != "nr_pages") => "nr_pages",
            name => name,
        }
    }

    fn field(self, out: &mut dyn Write, field: Field<'_, '_>) -> io::Result<()> {
        if field.show() == Show::Ip
            && !self.plain
            && let Some(address) = field.address()
        {
            return if self.crit { write!(out, "[\"{address}\"]") } else { write!(out, "\"{address}\"") };
        }
        each(out, field, |out, value| self.value(out, field, &value))
    }

    fn value(self, out: &mut dyn Write, field: Field<'_, '_>, value: &Value<'_>) -> io::Result<()> {
        match value {
            Value::Bool(on) => write!(out, "{on}"),
            Value::Unsigned(number) if !self.plain => self.number(out, field, *number),
            Value::Signed(number) if !self.plain && field.show() == Show::Hex => write!(out, "\"{number:#x}\""),
            Value::Unsigned(number) => write!(out, "{number}"),
            Value::Signed(number) => write!(out, "{number}"),
            // JSON has no infinity and no NaN.
            Value::Float(number) if number.is_finite() => write!(out, "{number}"),
            Value::Float(_) => out.write_all(b"null"),
            Value::Enum(_, Some(name)) => text(out, name),
            Value::Enum(number, None) => write!(out, "{number}"),
            Value::Bytes(bytes) => match field.show() {
                Show::Text => match bytes.to_str() {
                    Ok(valid) => text(out, valid),
                    Err(_) if self.crit => text(out, &python_bytes(bytes)),
                    Err(_) => text(out, &lossy(bytes)),
                },
                // crit always writes them as text, whether plain or not.
                Show::UnixName if self.crit => text(out, &quoted_printable(bytes)),
                Show::UnixName if !self.plain => text(out, &lossy(&unix_name(bytes))),
                _ => self.bytes(out, bytes),
            },
            Value::Message(message) => self.message(out, message),
        }
    }

    fn number(self, out: &mut dyn Write, field: Field<'_, '_>, number: u64) -> io::Result<()> {
        let short = u32::try_from(number).ok();
        match (field.show(), short) {
            (Show::Hex, _) => write!(out, "\"{number:#x}\""),
            (Show::KernelDevice, Some(number)) => device(out, Device::from_kernel(number)),
            (Show::StatDevice, Some(number)) => device(out, Device::from_stat(number)),
            (Show::Flags(dictionary), Some(mask)) => match hints::flags(dictionary, mask, field.machine().arch) {
                Some(names) if self.crit => {
                    // crit omits O_RDONLY, and uses the shorter of two names.
                    let names = names.iter().filter(|name| *name != "O_RDONLY");
                    let names = names.map(|name| if *name == "MAP_ANONYMOUS" { "MAP_ANON" } else { name });
                    text(out, &names.collect::<Vec<_>>().join(" | "))
                }
                Some(names) => {
                    out.write_all(b"[")?;
                    let mut commas = Commas::default();
                    for name in names {
                        commas.next(out)?;
                        text(out, &name)?;
                    }
                    out.write_all(b"]")
                }
                None => write!(out, "{number}"),
            },
            (Show::Dict(dictionary), Some(code)) => match hints::code(dictionary, field.name(), code) {
                Some("dead" | "zombie") if self.crit => text(out, "Zombie"),
                Some(name) if self.crit && dictionary == "gen" => text(out, &capitalized(name)),
                Some(name) if self.crit => text(out, &name.to_uppercase()),
                Some(name) => text(out, name),
                None => write!(out, "{number}"),
            },
            _ => write!(out, "{number}"),
        }
    }

    /// Writes bytes that are not text.
    pub(super) fn bytes(self, out: &mut dyn Write, bytes: &[u8]) -> io::Result<()> {
        if self.crit { base64_lines(out, bytes) } else { hex(out, bytes) }
    }

    /// Whether a field loses bytes as text. In crit's spelling none does.
    fn loses(self, field: Field<'_, '_>) -> bool {
        if self.crit {
            return false;
        }
        let lost = |value: Value<'_>| match value {
            Value::Bytes(bytes) => {
                bytes.to_str().is_err() || field.show() == Show::UnixName && bytes.first() == Some(&0)
            }
            _ => false,
        };
        match field.show() {
            Show::Text => field.values().any(lost),
            Show::UnixName => !self.plain && field.values().any(lost),
            _ => false,
        }
    }
}

/// Writes the value of a field, or a list of its values.
fn each<'m>(
    out: &mut dyn Write,
    field: Field<'_, 'm>,
    write: impl Fn(&mut dyn Write, Value<'m>) -> io::Result<()>,
) -> io::Result<()> {
    if !field.is_repeated() {
        return match field.value() {
            Some(value) => write(out, value),
            None => out.write_all(b"null"),
        };
    }
    out.write_all(b"[")?;
    let mut commas = Commas::default();
    for value in field.values() {
        commas.next(out)?;
        write(out, value)?;
    }
    out.write_all(b"]")
}

fn device(out: &mut dyn Write, device: Device) -> io::Result<()> {
    write!(out, "\"{}:{}\"", device.major, device.minor)
}

/// The name of a unix socket as the kernel prints it: a path without its final zero byte, or an abstract name with `@`
/// for each zero byte.
fn unix_name(name: &[u8]) -> Vec<u8> {
    match name {
        [0, ..] => name.replace(b"\0", b"@"),
        [path @ .., 0] => path.to_vec(),
        _ => name.to_vec(),
    }
}

fn capitalized(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// Writes bytes as text in hexadecimal.
pub(super) fn hex(out: &mut dyn Write, bytes: &[u8]) -> io::Result<()> {
    write!(out, "\"{}\"", HEXLOWER.encode_display(bytes))
}

/// Writes bytes as base64 text in lines of 76 characters, each with a newline (MIME, RFC 2045), as crit does.
pub(super) fn base64_lines(out: &mut dyn Write, bytes: &[u8]) -> io::Result<()> {
    out.write_all(b"\"")?;
    for line in bytes.chunks(57) {
        write!(out, "{}\\n", BASE64.encode_display(line))?;
    }
    out.write_all(b"\"")
}

/// Bytes in Python's notation, `b'…'`. crit uses it for text that is not UTF-8.
fn python_bytes(bytes: &[u8]) -> String {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { b'"' } else { b'\'' };
    let mut text = format!("b{}", char::from(quote));
    for &byte in bytes {
        match byte {
            b'\t' => text.push_str("\\t"),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\\' => text.push_str("\\\\"),
            _ if byte == quote => text.extend(['\\', char::from(byte)]),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => text.extend([format!("\\x{byte:02x}")]),
        }
    }
    text.push(char::from(quote));
    text
}

/// Bytes as quoted-printable text (RFC 2045), as encoded by Python's `quopri`, which crit uses: lines of at most 76
/// characters, blanks quoted only at the end of a line, line ends unchanged.
fn quoted_printable(bytes: &[u8]) -> String {
    const LINE: usize = 76;
    let newline = bytes.iter().position(|&b| b == b'\n');
    let end = if newline.is_some_and(|at| at > 0 && bytes[at - 1] == b'\r') { "\r\n" } else { "\n" };
    let mut text = String::with_capacity(bytes.len());
    let mut column = 0;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let next = bytes.get(at + 1).copied();
        let is_blank = matches!(byte, b' ' | b'\t');
        // A line with a single dot ends a mail.
        let lone_dot = byte == b'.' && column == 0 && matches!(next, None | Some(b'\n' | b'\r' | 0));
        let is_control = byte < b' ' && !matches!(byte, b'\r' | b'\n' | b'\t');
        if byte > b'~' || byte == b'=' || is_control || lone_dot || is_blank && next.is_none() {
            if column + 3 >= LINE {
                text.push('=');
                text.push_str(end);
                column = 0;
            }
            text.extend([format!("={byte:02X}")]);
            column += 3;
        } else if byte == b'\n' || byte == b'\r' && next == Some(b'\n') {
            if let Some(blank @ (' ' | '\t')) = text.chars().next_back() {
                text.pop();
                text.extend([format!("={:02X}", u32::from(blank))]);
            }
            text.push_str(end);
            column = 0;
            at += usize::from(byte == b'\r');
        } else {
            if next.is_some_and(|next| next != b'\n') && column + 1 >= LINE {
                text.push('=');
                text.push_str(end);
                column = 0;
            }
            text.push(char::from(byte));
            column += 1;
        }
        at += 1;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl Fn(&mut dyn Write) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// The test vectors of RFC 4648, section 10, and the output of Python's `base64.encodebytes` for more than a line.
    #[test]
    fn base64_is_that_of_the_standard_in_lines() {
        let vectors = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (bytes, expected) in vectors {
            let line = if expected.is_empty() { String::new() } else { format!("{expected}\\n") };
            assert_eq!(written(|out| base64_lines(out, bytes.as_bytes())), format!("\"{line}\""));
        }
        let line = "A".repeat(76);
        assert_eq!(written(|out| base64_lines(out, &[0; 57])), format!("\"{line}\\n\""));
        assert_eq!(written(|out| base64_lines(out, &[0; 58])), format!("\"{line}\\nAA==\\n\""));
    }

    #[test]
    fn names_of_unix_sockets_are_those_of_the_kernel() {
        assert_eq!(unix_name(b"/run/s\0"), b"/run/s");
        assert_eq!(unix_name(b"\0a\0b"), b"@a@b");
        assert_eq!(unix_name(b""), b"");
    }

    /// The output of Python 3.11's `quopri.encodestring`.
    #[test]
    fn quoted_printable_is_that_of_python() {
        let x = |count| "x".repeat(count);
        let cases: Vec<(Vec<u8>, String)> = vec![
            (b"".into(), String::new()),
            (b"\0bus name \xff".into(), "=00bus name =FF".into()),
            (b"/run/s\0".into(), "/run/s=00".into()),
            (b"a=b ".into(), "a=3Db=20".into()),
            (b"\ta\t".into(), "\ta=09".into()),
            (b".".into(), "=2E".into()),
            (b"..".into(), "..".into()),
            (b"a \nb\n.".into(), "a=20\nb\n=2E".into()),
            (b"a\r\nb\t\r\n".into(), "a\r\nb=09\r\n".into()),
            (b"a\rb\x7f~".into(), "a\rb=7F~".into()),
            (x(76).into(), x(76)),
            (x(77).into(), format!("{}=\nxx", x(75))),
            (format!("{}=y", x(74)).into(), format!("{}=\n=3Dy", x(74))),
            (vec![0; 26], format!("{}=\n=00", "=00".repeat(25))),
            (format!("q\r\n{}", x(80)).into(), format!("q\r\n{}=\r\n{}", x(75), x(5))),
        ];
        for (bytes, expected) in cases {
            assert_eq!(quoted_printable(&bytes), expected);
        }
    }

    /// The output of Python's `repr`.
    #[test]
    fn bytes_are_shown_as_python_shows_them() {
        let cases: [(&[u8], &str); 4] = [
            (b"/tmp/\xff\xc3(", r"b'/tmp/\xff\xc3('"),
            (b"it's\xff", r#"b"it's\xff""#),
            (b"\"it's\"\xff", r#"b'"it\'s"\xff'"#),
            (b"\t\n\r\\\0\x1b\x7f\x80", r"b'\t\n\r\\\x00\x1b\x7f\x80'"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(python_bytes(bytes), expected);
        }
    }
}
