//! The wire format of protobuf: the fields of a message one after another, without copying. All code that reads a
//! record without a Rust type of its own uses this file: decoding by the schema, unknown fields, the lengths of
//! payloads.

use std::fmt;

use prost::DecodeError;
use prost::bytes::Buf;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use super::schema::{FieldDef, MessageDef, Type};
use crate::int::{u64_of, usize_of};

/// Maximum nesting of messages, as in typed decoding.
const DEPTH: usize = 100;

/// The value of a field, by its wire type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire<'m> {
    /// A number of variable length.
    Varint(u64),
    /// Eight bytes.
    Fixed64(u64),
    /// Bytes preceded by their length: text, bytes, a message, packed numbers.
    Bytes(&'m [u8]),
    /// The fields between the start and end marks of a group.
    Group(&'m [u8]),
    /// Four bytes.
    Fixed32(u32),
}

impl Wire<'_> {
    /// `varint`, `fixed64`, `bytes`, `group` or `fixed32`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Wire::Varint(_) => "varint",
            Wire::Fixed64(_) => "fixed64",
            Wire::Bytes(_) => "bytes",
            Wire::Group(_) => "group",
            Wire::Fixed32(_) => "fixed32",
        }
    }
}

/// The fields of a message with their numbers, up to the end or the first damaged field.
#[derive(Clone, Debug)]
pub(super) struct Fields<'m> {
    rest: &'m [u8],
}

impl<'m> Fields<'m> {
    pub(super) fn new(message: &'m [u8]) -> Self {
        Fields { rest: message }
    }

    /// Reads the next field. `Err` describes the damage.
    fn read(&mut self) -> Result<Option<(u32, Wire<'m>)>, String> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (number, wire_type) = decode_key(&mut self.rest).map_err(|error| reason(&error))?;
        let cut = |_| format!("field {number} is truncated");
        let wire = match wire_type {
            WireType::Varint => Wire::Varint(decode_varint(&mut self.rest).map_err(|error| reason(&error))?),
            WireType::SixtyFourBit => Wire::Fixed64(self.rest.try_get_u64_le().map_err(cut)?),
            WireType::ThirtyTwoBit => Wire::Fixed32(self.rest.try_get_u32_le().map_err(cut)?),
            WireType::LengthDelimited => {
                let len = decode_varint(&mut self.rest).map_err(|error| reason(&error))?;
                let left = self.rest.len();
                let (bytes, rest) = self
                    .rest
                    .split_at_checked(usize_of(len))
                    .ok_or_else(|| format!("field {number} declares {len} bytes, but only {left} are left"))?;
                self.rest = rest;
                Wire::Bytes(bytes)
            }
            WireType::StartGroup => {
                let begin = self.rest;
                skip_field(wire_type, number, &mut self.rest, DecodeContext::default())
                    .map_err(|error| reason(&error))?;
                // The end mark repeats the field number.
                let mark = prost::encoding::key_len(number);
                let len = begin.len().saturating_sub(self.rest.len()).saturating_sub(mark);
                Wire::Group(begin.get(..len).unwrap_or_default())
            }
            WireType::EndGroup => return Err(format!("group {number} ends without a beginning")),
        };
        Ok(Some((number, wire)))
    }
}

/// The reason of an error, without prost's common prefix.
fn reason(error: &DecodeError) -> String {
    let text = error.to_string();
    text.strip_prefix("failed to decode Protobuf message: ").map(str::to_owned).unwrap_or(text)
}

impl<'m> Iterator for Fields<'m> {
    type Item = (u32, Wire<'m>);

    fn next(&mut self) -> Option<(u32, Wire<'m>)> {
        self.read().ok().flatten()
    }
}

/// Whether a value has the type of its field.
pub(super) fn fits(field: &FieldDef, wire: &Wire<'_>) -> bool {
    match (field.ty, wire) {
        (Type::Bytes | Type::Message(_), Wire::Bytes(_)) => true,
        (Type::Bytes | Type::Message(_), _) => false,
        (_, Wire::Bytes(packed)) => field.repeated && is_packed(field.ty, packed),
        (Type::Fixed64 | Type::Sfixed64 | Type::Double, wire) => matches!(wire, Wire::Fixed64(_)),
        (Type::Fixed32 | Type::Sfixed32 | Type::Float, wire) => matches!(wire, Wire::Fixed32(_)),
        (_, wire) => matches!(wire, Wire::Varint(_)),
    }
}

/// Whether bytes are a sequence of numbers of a type.
fn is_packed(ty: Type, mut packed: &[u8]) -> bool {
    match ty {
        Type::Fixed64 | Type::Sfixed64 | Type::Double => u64_of(packed.len()).is_multiple_of(8),
        Type::Fixed32 | Type::Sfixed32 | Type::Float => u64_of(packed.len()).is_multiple_of(4),
        _ => {
            while !packed.is_empty() {
                if decode_varint(&mut packed).is_err() {
                    return false;
                }
            }
            true
        }
    }
}

/// Takes the next packed number, as an unpacked value.
pub(super) fn next_packed<'m>(ty: Type, packed: &mut &[u8]) -> Option<Wire<'m>> {
    if packed.is_empty() {
        return None;
    }
    match ty {
        Type::Fixed64 | Type::Sfixed64 | Type::Double => packed.try_get_u64_le().ok().map(Wire::Fixed64),
        Type::Fixed32 | Type::Sfixed32 | Type::Float => packed.try_get_u32_le().ok().map(Wire::Fixed32),
        _ => decode_varint(packed).ok().map(Wire::Varint),
    }
}

/// An unknown field: the numbers of the fields that lead to it, and its own number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unknown {
    /// Innermost first.
    path: Vec<u32>,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.path.iter().rev().map(u32::to_string).collect();
        f.write_str(&numbers.join("."))
    }
}

/// Reads a message to its end, with all nested messages, and returns the first unknown field. `Err` tells what is wrong
/// with the message, and where.
pub(super) fn check(message: &'static MessageDef, bytes: &[u8]) -> Result<Option<Unknown>, String> {
    check_at(message, bytes, DEPTH)
}

/// Returns the first unknown field of a message that is valid protobuf. Typed decoding drops such fields silently. They
/// may come from a newer CRIU or an attacker.
pub(super) fn first_unknown(message: &str, bytes: &[u8]) -> Option<Unknown> {
    check(MessageDef::find(message)?, bytes).ok().flatten()
}

fn check_at(message: &'static MessageDef, bytes: &[u8], depth: usize) -> Result<Option<Unknown>, String> {
    let depth = depth.checked_sub(1).ok_or_else(|| format!("messages are nested more than {DEPTH} deep"))?;
    let mut fields = Fields::new(bytes);
    let mut first = None;
    // Fields are usually sorted by number, so the next one usually follows the definition of the last one.
    let mut next = 0;
    loop {
        let field = fields.read().map_err(|why| format!("{}: {why}", message.name))?;
        let Some((number, wire)) = field else { return Ok(first) };
        let Some((place, field)) = message.field(number, next) else {
            first = first.or_else(|| Some(Unknown { path: vec![number] }));
            continue;
        };
        next = place.saturating_add(1);
        if let (Some(inner), Wire::Bytes(body)) = (field.ty.message(), wire) {
            let unknown = check_at(inner, body, depth).map_err(|why| format!("{}.{why}", message.name))?;
            first = first.or_else(|| {
                unknown.map(|mut unknown| {
                    unknown.path.push(number);
                    unknown
                })
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wire_type_is_read() {
        let bytes = b"\x08\x96\x01\x11\x01\0\0\0\0\0\0\0\x1a\x02hi\x25\x02\0\0\0\x2b\x08\x07\x2c\x30\x01";
        let fields: Vec<_> = Fields::new(bytes).collect();
        let expected = [
            (1, Wire::Varint(150)),
            (2, Wire::Fixed64(1)),
            (3, Wire::Bytes(b"hi")),
            (4, Wire::Fixed32(2)),
            (5, Wire::Group(b"\x08\x07")),
            (6, Wire::Varint(1)),
        ];
        assert_eq!(fields, expected);
    }

    #[test]
    fn damage_is_named_with_its_message() {
        let core = MessageDef::find("core_entry").unwrap();
        assert_eq!(check(core, b""), Ok(None));
        assert_eq!(
            check(core, b"\x1a\xff\x01").unwrap_err(),
            "core_entry: field 3 declares 255 bytes, but only 0 are left"
        );
        // core_entry.tc { comm, cut }
        assert_eq!(
            check(core, b"\x1a\x02\x32\x07").unwrap_err(),
            "core_entry.task_core_entry: field 6 declares 7 bytes, but only 0 are left"
        );
        for damaged in [&b"\x00\x01"[..], b"\x0c", b"\x0b", b"\x0f", b"\x08", b"\x0d\x01", b"\x09\x01", &[0xff; 11]] {
            assert!(check(core, damaged).is_err(), "{damaged:x?}");
        }
    }

    #[test]
    fn unknown_fields_are_found_at_any_depth() {
        let unknown = |message, bytes: &[u8]| first_unknown(message, bytes).map(|unknown| unknown.to_string());
        assert_eq!(unknown("pstree_entry", b"\x08\x01\xd0\x3e\x07").as_deref(), Some("1002"));
        // core_entry.tc (3) { 999: 1 }, then 1002.
        assert_eq!(unknown("core_entry", b"\x1a\x03\xb8\x3e\x01\xd0\x3e\x07").as_deref(), Some("3.999"));
        // core_entry { mtype: 1, tc { task_state: 1 } }
        assert_eq!(unknown("core_entry", b"\x08\x01\x1a\x02\x08\x01"), None);
        assert_eq!(unknown("core_entry", b"\x1a\xff"), None);
        assert_eq!(unknown("no_such_message", b"\x08\x01"), None);
    }

    #[test]
    fn depth_is_bounded() {
        let directory = MessageDef::find("cgroup_dir_entry").unwrap();
        let nested = |levels: usize| {
            let mut bytes = Vec::new();
            for _ in 0..levels {
                // children = 2
                let mut outer = vec![0x12];
                prost::encoding::encode_varint(bytes.len() as u64, &mut outer);
                outer.append(&mut bytes);
                bytes = outer;
            }
            bytes
        };
        assert_eq!(check(directory, &nested(90)), Ok(None));
        assert!(check(directory, &nested(5_000)).unwrap_err().ends_with("messages are nested more than 100 deep"));
    }
}
