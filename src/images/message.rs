//! A record decoded by the schema: its fields by name, read from the record's own bytes. No message objects are built,
//! so the cost of reading is bounded by the length of the record.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::byte_order::ByteOrder;
use super::schema::{FieldDef, MessageDef, Show, Type};
use super::wire::{Fields, Unknown, Wire, check, fits, next_packed};
use crate::abi::arch::Arch;

/// The machine that wrote a record: its architecture, if known, and its byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Machine {
    /// The architecture. Some dictionaries depend on it.
    pub arch: Option<Arch>,
    /// The byte order of raw words.
    pub order: ByteOrder,
}

/// A message that is valid protobuf.
#[derive(Clone, Debug)]
pub struct Message<'m> {
    def: &'static MessageDef,
    /// The bytes of the message. If a field that is not repeated occurs several times, its message consists of all of
    /// them.
    parts: Vec<&'m [u8]>,
    machine: Machine,
    /// Whether all numbers are shown in hexadecimal, because of the field that holds the message.
    hex: bool,
    /// The first unknown field. Only set for a message that was read to its end.
    unknown: Option<Unknown>,
}

impl<'m> Message<'m> {
    /// Reads a record as a message of the schema. `Err` tells what is wrong: there is no such message, or the bytes are
    /// not valid protobuf.
    pub(super) fn read(name: &str, bytes: &'m [u8], machine: Machine) -> Result<Self, String> {
        let def = MessageDef::find(name).ok_or_else(|| format!("there is no message {name} in the schema"))?;
        let unknown = check(def, bytes)?;
        Ok(Message { def, parts: vec![bytes], machine, hex: false, unknown })
    }

    /// CRIU's name of the message, for example `core_entry`.
    pub fn name(&self) -> &'static str {
        self.def.name
    }

    /// The machine that wrote the message.
    pub fn machine(&self) -> Machine {
        self.machine
    }

    /// The first unknown field at any depth.
    pub(super) fn first_unknown(&self) -> Option<&Unknown> {
        self.unknown.as_ref()
    }

    /// Whether a known field holds a value of the wrong type. Nested messages are not checked.
    pub(super) fn is_mistyped(&self) -> bool {
        self.known().any(|(_, field, wire)| !fits(field, &wire))
    }

    /// A number, by the name of its field. True is 1. A missing field is 0.
    pub(super) fn number(&self, name: &str) -> u64 {
        let def = self.def.fields.iter().find(|field| field.name == name);
        match def.and_then(|def| Field { def, message: self }.value()) {
            Some(Value::Unsigned(number)) => number,
            Some(Value::Bool(on)) => on.into(),
            _ => 0,
        }
    }

    /// The known fields that are present, sorted by number.
    pub fn fields(&self) -> impl Iterator<Item = Field<'_, 'm>> {
        let mut present = vec![false; self.def.fields.len()];
        for (place, field, wire) in self.known() {
            if fits(field, &wire)
                && let Some(present) = present.get_mut(place)
            {
                *present = true;
            }
        }
        let fields = self.def.fields.iter().zip(present);
        fields.filter(|(_, present)| *present).map(|(def, _)| Field { def, message: self })
    }

    /// The unknown fields, and fields of the wrong type, in their order.
    pub fn unknown(&self) -> impl Iterator<Item = (u32, Wire<'m>)> + '_ {
        let all = self.parts.iter().flat_map(|part| Fields::new(part));
        all.filter(|(number, wire)| self.def.field(*number, 0).is_none_or(|(_, field)| !fits(field, wire)))
    }

    /// The known fields with their definitions, and the positions of these in the definition of the message.
    fn known(&self) -> impl Iterator<Item = (usize, &'static FieldDef, Wire<'m>)> + '_ {
        let mut next = 0;
        self.parts.iter().flat_map(|part| Fields::new(part)).filter_map(move |(number, wire)| {
            let (place, field) = self.def.field(number, next)?;
            next = place.saturating_add(1);
            Some((place, field, wire))
        })
    }
}

/// A field of a message.
#[derive(Clone, Copy, Debug)]
pub struct Field<'f, 'm> {
    def: &'static FieldDef,
    message: &'f Message<'m>,
}

impl<'f, 'm> Field<'f, 'm> {
    /// CRIU's name of the field.
    pub fn name(&self) -> &'static str {
        self.def.name
    }

    /// Number of the field.
    pub fn number(&self) -> u32 {
        self.def.number
    }

    /// Whether the field is repeated.
    pub fn is_repeated(&self) -> bool {
        self.def.repeated
    }

    /// How CRIU marks the field to be shown.
    pub fn show(&self) -> Show {
        let is_number = !matches!(self.def.ty, Type::Bytes | Type::Message(_) | Type::Bool | Type::Enum(_));
        if self.message.hex && is_number { Show::Hex } else { self.def.show }
    }

    /// The machine that wrote the field.
    pub fn machine(&self) -> Machine {
        self.message.machine
    }

    /// The values, in order. If the field is not repeated, the last one is used: see [`Field::value`].
    pub fn values(self) -> impl Iterator<Item = Value<'m>> + use<'f, 'm> {
        let def = self.def;
        let mut fields = self.message.parts.iter().flat_map(|part| Fields::new(part));
        let mut packed: &'m [u8] = &[];
        std::iter::from_fn(move || {
            loop {
                if let Some(wire) = next_packed(def.ty, &mut packed) {
                    return self.value_of(wire);
                }
                let (_, wire) = fields.find(|(number, wire)| *number == def.number && fits(def, wire))?;
                match (def.ty, wire) {
                    (Type::Bytes | Type::Message(_), _) => return self.value_of(wire),
                    (_, Wire::Bytes(numbers)) => packed = numbers,
                    _ => return self.value_of(wire),
                }
            }
        })
    }

    /// The value of a field that is not repeated: the last one. The values of a message are merged.
    pub fn value(self) -> Option<Value<'m>> {
        let Type::Message(_) = self.def.ty else { return self.values().last() };
        let parts = self.values().filter_map(|value| match value {
            Value::Message(message) => Some(message.parts),
            _ => None,
        });
        let parts = parts.flatten().collect();
        Some(Value::Message(self.inner(parts)?))
    }

    /// The IP address in the words of the field.
    pub fn address(self) -> Option<IpAddr> {
        let words = self.values().map(|value| match value {
            Value::Unsigned(word) => u32::try_from(word).ok(),
            _ => None,
        });
        // The bytes of the address in the machine's memory order.
        let bytes = |word: u32| match self.message.machine.order {
            ByteOrder::Little => word.to_le_bytes(),
            ByteOrder::Big => word.to_be_bytes(),
        };
        let bytes = words.take(5).map(|word| word.map(bytes)).collect::<Option<Vec<[u8; 4]>>>()?.concat();
        <[u8; 4]>::try_from(bytes.as_slice())
            .map(|bytes| IpAddr::V4(Ipv4Addr::from(bytes)))
            .or_else(|_| <[u8; 16]>::try_from(bytes.as_slice()).map(|bytes| IpAddr::V6(Ipv6Addr::from(bytes))))
            .ok()
    }

    fn inner(&self, parts: Vec<&'m [u8]>) -> Option<Message<'m>> {
        let def = self.def.ty.message()?;
        let hex = self.message.hex || self.def.show == Show::Hex;
        Some(Message { def, parts, machine: self.message.machine, hex, unknown: None })
    }

    /// The value in the field's type. Numbers that are too large are truncated to the width of the type, as in all
    /// protobuf readers.
    fn value_of(&self, wire: Wire<'m>) -> Option<Value<'m>> {
        let low = |n: u64| u32::try_from(n & u64::from(u32::MAX)).unwrap_or_default();
        let zigzag = |n: u64| (n >> 1).cast_signed() ^ (n & 1).cast_signed().wrapping_neg();
        Some(match (self.def.ty, wire) {
            (Type::Bool, Wire::Varint(n)) => Value::Bool(n != 0),
            (Type::Int32, Wire::Varint(n)) => Value::Signed(low(n).cast_signed().into()),
            (Type::Int64, Wire::Varint(n)) | (Type::Sfixed64, Wire::Fixed64(n)) => Value::Signed(n.cast_signed()),
            (Type::Uint32, Wire::Varint(n)) => Value::Unsigned(low(n).into()),
            (Type::Uint64, Wire::Varint(n)) | (Type::Fixed64, Wire::Fixed64(n)) => Value::Unsigned(n),
            (Type::Sint32, Wire::Varint(n)) => Value::Signed(zigzag(low(n).into())),
            (Type::Sint64, Wire::Varint(n)) => Value::Signed(zigzag(n)),
            (Type::Fixed32, Wire::Fixed32(n)) => Value::Unsigned(n.into()),
            (Type::Sfixed32, Wire::Fixed32(n)) => Value::Signed(n.cast_signed().into()),
            (Type::Float, Wire::Fixed32(n)) => Value::Float(f32::from_bits(n).into()),
            (Type::Double, Wire::Fixed64(n)) => Value::Float(f64::from_bits(n)),
            (ty @ Type::Enum(_), Wire::Varint(n)) => {
                let number = low(n).cast_signed();
                Value::Enum(number, ty.name_of(number))
            }
            (Type::Bytes, Wire::Bytes(bytes)) => Value::Bytes(bytes),
            (Type::Message(_), Wire::Bytes(bytes)) => Value::Message(self.inner(vec![bytes])?),
            _ => return None,
        })
    }
}

/// A value of a field.
#[derive(Clone, Debug)]
pub enum Value<'m> {
    /// A boolean.
    Bool(bool),
    /// A number.
    Unsigned(u64),
    /// A signed number.
    Signed(i64),
    /// A floating-point number.
    Float(f64),
    /// The number of an enumeration, with its name if it has one.
    Enum(i32, Option<&'static str>),
    /// Bytes, or text if the field is shown as text.
    Bytes(&'m [u8]),
    /// A message.
    Message(Message<'m>),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::proto::TaskCoreEntry;

    fn message<'m>(name: &str, bytes: &'m [u8]) -> Message<'m> {
        Message::read(name, bytes, Machine::default()).unwrap()
    }

    fn first<'m>(message: &Message<'m>) -> Value<'m> {
        message.fields().next().unwrap().value().unwrap()
    }

    #[test]
    fn fields_have_names_in_the_order_of_their_numbers() {
        // ppid = 2, then pid = 1.
        let message = message("pstree_entry", b"\x10\x07\x08\x09");
        let names: Vec<_> = message.fields().map(|field| (field.number(), field.name())).collect();
        assert_eq!(names, [(1, "pid"), (2, "ppid")]);
    }

    #[test]
    fn lists_may_be_packed_or_not_or_both() {
        // threads = 5: 1, then packed 2 and 300, then 3.
        let message = message("pstree_entry", b"\x28\x01\x2a\x03\x02\xac\x02\x28\x03");
        let threads = message.fields().next().unwrap();
        assert!(threads.is_repeated());
        let values: Vec<_> = threads.values().map(|v| format!("{v:?}")).collect();
        assert_eq!(values, ["Unsigned(1)", "Unsigned(2)", "Unsigned(300)", "Unsigned(3)"]);
    }

    #[test]
    fn a_message_in_pieces_is_one() {
        // core_entry.tc: task_state 1; then tc again: exit_code 7.
        let core = message("core_entry", b"\x1a\x02\x08\x01\x1a\x02\x10\x07");
        let Value::Message(task) = first(&core) else { panic!("no message") };
        assert_eq!(task.fields().map(|field| field.name()).collect::<Vec<_>>(), ["task_state", "exit_code"]);
    }

    #[test]
    fn what_the_schema_does_not_know_is_kept() {
        // 1002: 7; pid as bytes.
        let message = message("pstree_entry", b"\xd0\x3e\x07\x0a\x01x");
        assert_eq!(message.fields().count(), 0);
        assert_eq!(message.unknown().collect::<Vec<_>>(), [(1002, Wire::Varint(7)), (1, Wire::Bytes(b"x"))]);
    }

    #[test]
    fn numbers_have_the_width_and_sign_of_their_type() {
        // sched_nice is sint32: -20 is 39.
        let thread = message("thread_core_entry", b"\x18\x27");
        assert!(matches!(first(&thread), Value::Signed(-20)), "{:?}", first(&thread));
        // oom_score_adj is int32: -1 has ten bytes.
        let mut bytes = Vec::new();
        let task = TaskCoreEntry { oom_score_adj: Some(-1), ..Default::default() };
        prost::Message::encode(&task, &mut bytes).unwrap();
        assert!(matches!(first(&message("task_core_entry", &bytes)), Value::Signed(-1)));
        // A number beyond 32 bits in a field of 32.
        let wide = message("pstree_entry", b"\x08\x81\x80\x80\x80\x10");
        assert!(matches!(first(&wide), Value::Unsigned(1)));
    }

    #[test]
    fn addresses_have_the_byte_order_of_the_machine() {
        let address = |bytes: &[u8], order| {
            let message = Message::read("inet_sk_entry", bytes, Machine { arch: None, order }).unwrap();
            message.fields().next().unwrap().address().map(|address| address.to_string())
        };
        // src_addr = 11: 16777343.
        let loopback = b"\x58\xff\x80\x80\x08";
        assert_eq!(address(loopback, ByteOrder::Little).as_deref(), Some("127.0.0.1"));
        assert_eq!(address(loopback, ByteOrder::Big).as_deref(), Some("1.0.0.127"));
        let six = b"\x58\x00\x58\x00\x58\x00\x58\x80\x80\x80\x08";
        assert_eq!(address(six, ByteOrder::Little).as_deref(), Some("::1"));
        assert_eq!(address(b"\x58\x00\x58\x00", ByteOrder::Little), None);
    }
}
