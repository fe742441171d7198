//! Reads a record by reflection: its fields by name, straight from its bytes. Nothing is built for a message, so the
//! cost of reading one is bounded by its bytes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::framing::ByteOrder;
use super::super::schema::{FieldDef, MessageDef, Show, Type};
use super::wire::{Fields, Wire, check, fits, next_packed};
use crate::abi::arch::Arch;

/// How to interpret a machine's numbers: its architecture, if known, and its byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Machine {
    /// The architecture, which some dictionaries depend on.
    pub arch: Option<Arch>,
    /// The byte order of raw words.
    pub order: ByteOrder,
}

/// A message that is valid protobuf.
#[derive(Clone, Debug)]
pub struct Message<'m> {
    def: &'static MessageDef,
    /// The bytes. If a message that may occur once occurs several times, all of its parts.
    parts: Vec<&'m [u8]>,
    machine: Machine,
    /// Whether all numbers are shown in hexadecimal, because the field that holds the message is.
    hex: bool,
}

impl<'m> Message<'m> {
    /// Reads a record as a message of the schema. `Err` says what is wrong with it.
    ///
    /// # Errors
    ///
    /// Fails if there is no such message, or if the bytes are not valid protobuf.
    pub(super) fn of(name: &str, bytes: &'m [u8], machine: Machine) -> Result<Self, String> {
        let def = MessageDef::find(name).ok_or_else(|| format!("the schema has no message {name}"))?;
        check(def, bytes)?;
        Ok(Message { def, parts: vec![bytes], machine, hex: false })
    }

    /// CRIU's name of the message, for example `core_entry`.
    pub fn name(&self) -> &'static str {
        self.def.name
    }

    /// The machine that wrote the message.
    pub fn machine(&self) -> Machine {
        self.machine
    }

    /// The known fields of the message, in the order of their numbers.
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

    /// Fields that are not in the schema or have another type than in the schema, in their order.
    pub fn unknown(&self) -> impl Iterator<Item = (u32, Wire<'m>)> + '_ {
        let all = self.parts.iter().flat_map(|part| Fields::of(part));
        all.filter(|(number, wire)| self.def.field(*number, 0).is_none_or(|(_, field)| !fits(field, wire)))
    }

    /// Fields with their definitions, and the positions of these in the message's definition.
    fn known(&self) -> impl Iterator<Item = (usize, &'static FieldDef, Wire<'m>)> + '_ {
        let mut next = 0;
        self.parts.iter().flat_map(|part| Fields::of(part)).filter_map(move |(number, wire)| {
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

    /// How CRIU wants the field to be shown.
    pub fn show(&self) -> Show {
        let is_number = !matches!(self.def.ty, Type::Bytes | Type::Message(_) | Type::Bool | Type::Enum(_));
        if self.message.hex && is_number { Show::Hex } else { self.def.show }
    }

    /// The machine that wrote the field.
    pub fn machine(&self) -> Machine {
        self.message.machine
    }

    /// The values of the field, in order. If the field is not repeated, the last one counts; [`Field::value`] returns
    /// it.
    pub fn values(self) -> impl Iterator<Item = Value<'m>> + use<'f, 'm> {
        let def = self.def;
        let mut fields = self.message.parts.iter().flat_map(|part| Fields::of(part));
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

    /// The value of a field that is not repeated: the last one, or all parts of a message together.
    pub fn value(self) -> Option<Value<'m>> {
        let Type::Message(_) = self.def.ty else { return self.values().last() };
        let parts = self.values().filter_map(|value| match value {
            Value::Message(message) => Some(message.parts),
            _ => None,
        });
        let parts = parts.flatten().collect();
        Some(Value::Message(self.inner(parts)?))
    }

    /// The internet address that the field's words hold.
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
        Some(Message { def, parts, machine: self.message.machine, hex: self.message.hex || self.def.show == Show::Hex })
    }

    /// The value, according to the field's type. Numbers that are too large are cut to the type's width, as every
    /// protobuf reader does.
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
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::images::Schema;
    use crate::images::proto::{CoreEntry, CredsEntry, ItimerEntry, TaskCoreEntry, TaskTimersEntry, ThreadCoreEntry};

    fn message<'m>(name: &str, bytes: &'m [u8]) -> Message<'m> {
        Message::of(name, bytes, Machine::default()).unwrap()
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
            let message = Message::of("inet_sk_entry", bytes, Machine { arch: None, order }).unwrap();
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

    /// Looks at everything in a message, and counts what it sees.
    fn look(message: &Message<'_>) -> usize {
        let fields = message.fields().map(|field| {
            let values = field.values().chain(field.value());
            let _ = field.address();
            values.map(|value| if let Value::Message(inner) = value { look(&inner) } else { 1 }).sum::<usize>()
        });
        fields.sum::<usize>() + message.unknown().count()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever another reader takes for a record is one here, too; and nothing that is none does harm.
        #[test]
        fn damage_is_never_more_than_damage(changes in vec((0_usize..400, any::<u8>()), 0..4), cut in 0_usize..400) {
            let mut bytes = prost::Message::encode_to_vec(&sample());
            for (at, byte) in changes {
                let len = bytes.len();
                bytes[at % len] = byte;
            }
            bytes.truncate(bytes.len().saturating_sub(cut / 8));
            let other = Schema::load().unwrap().decode("core_entry", &bytes).unwrap();
            match Message::of("core_entry", &bytes, Machine::default()) {
                Ok(message) => prop_assert!(look(&message) <= 4 * bytes.len()),
                Err(why) => prop_assert!(other.is_err(), "{why}"),
            }
        }
    }

    fn sample() -> CoreEntry {
        let timers =
            TaskTimersEntry { real: Some(ItimerEntry { isec: Some(1), ..Default::default() }), ..Default::default() };
        let task = TaskCoreEntry {
            comm: Some(b"daemon".to_vec()),
            timers: Some(timers),
            oom_score_adj: Some(-500),
            ..Default::default()
        };
        let creds = CredsEntry { groups: vec![0, 1000, 100_000], ..Default::default() };
        let thread = ThreadCoreEntry { sched_nice: Some(-3), creds: Some(creds), ..Default::default() };
        CoreEntry { mtype: Some(1), tc: Some(task), thread_core: Some(thread), ..Default::default() }
    }
}
