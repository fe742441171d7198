//! The schema of all images as tables, generated from `proto/` by the build script: the fields of each message, and how
//! CRIU wants them to be shown.

use std::fmt;

mod table {
    use super::{FieldDef, MessageDef, Show, Type};

    include!(concat!(env!("OUT_DIR"), "/schema.rs"));
}
use table::ENUMS;
pub(super) use table::MESSAGES;

/// A message of the schema.
#[derive(Debug)]
pub(super) struct MessageDef {
    /// CRIU's name of the message, for example `core_entry`.
    pub(super) name: &'static str,
    /// Fields, by number.
    pub(super) fields: &'static [FieldDef],
}

/// A field of a message.
#[derive(Debug)]
pub(super) struct FieldDef {
    pub(super) number: u32,
    pub(super) name: &'static str,
    pub(super) ty: Type,
    pub(super) repeated: bool,
    pub(super) show: Show,
}

/// The type of a field.
#[derive(Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "the types of protobuf, of which CRIU uses most")]
pub(super) enum Type {
    Bool,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Float,
    Double,
    Bytes,
    /// A number with a name, by its position among the enumerations.
    Enum(u16),
    /// A message, by its position among the messages.
    Message(u16),
}

impl fmt::Debug for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Message(_) => f.write_str(self.message().map_or("message", |message| message.name)),
            Type::Enum(_) => f.write_str("enum"),
            Type::Bool => f.write_str("bool"),
            _ => f.write_str("scalar"),
        }
    }
}

impl Type {
    /// The definition of a message type.
    pub(super) fn message(self) -> Option<&'static MessageDef> {
        match self {
            Type::Message(place) => MESSAGES.get(usize::from(place)),
            _ => None,
        }
    }

    /// The name of a number, if it is of an enumeration.
    pub(super) fn name_of(self, number: i32) -> Option<&'static str> {
        let Type::Enum(place) = self else { return None };
        ENUMS.get(usize::from(place))?.iter().find(|(n, _)| *n == number).map(|&(_, name)| name)
    }
}

/// How CRIU wants a field to be shown (`show.proto`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Show {
    /// According to its type.
    Plain,
    /// As text, whatever the bytes.
    Text,
    /// In hexadecimal: addresses, masks. For a message, all numbers in it.
    Hex,
    /// The words of an internet address.
    Ip,
    /// A device number in the kernel's form.
    KernelDevice,
    /// A device number in the form of `stat(2)`.
    StatDevice,
    /// A mask, with the dictionary of this name.
    Flags(&'static str),
    /// A code, with the dictionary of this name.
    Dict(&'static str),
    /// The name of a unix socket, as passed to `bind(2)`.
    UnixName,
}

impl MessageDef {
    /// A message by its name.
    pub(super) fn find(name: &str) -> Option<&'static MessageDef> {
        let place = MESSAGES.binary_search_by_key(&name, |message| message.name).ok()?;
        MESSAGES.get(place)
    }

    /// A field by its number, and its position. Fields usually come in the order of their numbers, so `guess` is tried
    /// first.
    pub(super) fn field(&self, number: u32, guess: usize) -> Option<(usize, &'static FieldDef)> {
        if let Some(field) = self.fields.get(guess).filter(|field| field.number == number) {
            return Some((guess, field));
        }
        let place = self.fields.binary_search_by_key(&number, |field| field.number).ok()?;
        Some((place, self.fields.get(place)?))
    }
}
