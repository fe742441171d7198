//! Finds fields in a record that are not in the schema. A typed decode drops them silently, but a newer CRIU may have
//! written them, or an attacker who wants to hide something.

use std::fmt;

use prost::bytes::Buf;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use super::schema::MessageDef;

/// Greatest nesting depth of messages examined. A typed decode refuses deeper ones.
const DEPTH: usize = 100;

/// A field that is not in the schema: the numbers of the fields that lead to it, and its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unknown(Vec<u32>);

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.0.iter().map(u32::to_string).collect();
        f.write_str(&numbers.join("."))
    }
}

/// The first unknown field of a message that is valid protobuf.
pub(super) fn first_unknown(message: &str, bytes: &[u8]) -> Option<Unknown> {
    let message = MessageDef::find(message)?;
    let mut path = Vec::new();
    find(message, bytes, &mut path).then_some(Unknown(path))
}

/// Whether there is an unknown field. If so, `path` leads to it.
fn find(message: &'static MessageDef, mut bytes: &[u8], path: &mut Vec<u32>) -> bool {
    if path.len() >= DEPTH {
        return false;
    }
    // Fields usually come in the order of their numbers, so the search continues after the last one.
    let mut next = 0;
    while bytes.has_remaining() {
        let Ok((number, wire_type)) = decode_key(&mut bytes) else { return false };
        path.push(number);
        let Some((place, field)) = message.field(number, next) else { return true };
        next = place.saturating_add(1);
        let inner = field.ty.message();
        if let (Some(inner), WireType::LengthDelimited) = (inner, wire_type) {
            let body =
                decode_varint(&mut bytes).ok().and_then(|len| bytes.split_at_checked(usize::try_from(len).ok()?));
            let Some((body, rest)) = body else { return false };
            if find(inner, body, path) {
                return true;
            }
            bytes = rest;
        } else if skip_field(wire_type, number, &mut bytes, DecodeContext::default()).is_err() {
            return false;
        }
        path.pop();
    }
    false
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::super::proto::{CoreEntry, TaskCoreEntry};
    use super::*;

    #[test]
    fn known_messages_have_no_unknown_fields() {
        let core = CoreEntry {
            tc: Some(TaskCoreEntry { comm: Some(b"sh".to_vec()), exit_code: Some(0), ..Default::default() }),
            ..Default::default()
        };
        assert_eq!(first_unknown("core_entry", &core.encode_to_vec()), None);
    }

    #[test]
    fn unknown_fields_are_found_at_any_depth() {
        assert_eq!(first_unknown("pstree_entry", b"\x08\x01\xd0\x3e\x07").unwrap().to_string(), "1002");
        // core_entry.tc (3) { 999: 1 }
        assert_eq!(first_unknown("core_entry", b"\x1a\x03\xb8\x3e\x01").unwrap().to_string(), "3.999");
    }

    #[test]
    fn damage_is_not_searched() {
        assert_eq!(first_unknown("core_entry", b"\x1a\xff"), None);
        assert_eq!(first_unknown("no_such_message", b"\x08\x01"), None);
    }
}
