//! Another protobuf reader, `prost-reflect`, to compare ours with.

use proptest::collection::vec;
use proptest::prelude::*;
use prost::bytes::BufMut;
use prost::encoding::{WireType, encode_key, encode_varint};
use prost_reflect::{DescriptorPool, DynamicMessage, Value as Theirs};

use super::message::{Machine, Message, Value};
use super::proto::{CoreEntry, CredsEntry, ItimerEntry, TaskCoreEntry, TaskTimersEntry, ThreadCoreEntry};
use super::schema::{FieldDef, MESSAGES, MessageDef, Type};
use super::wire::Wire;

/// Decodes a record with the descriptors that `protox` compiles from `proto/`.
fn decode(message: &str, bytes: &[u8]) -> Result<DynamicMessage, prost::DecodeError> {
    thread_local! {
        static POOL: DescriptorPool = DescriptorPool::decode(
            &include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"))[..]
        ).unwrap();
    }
    let message = POOL.with(|pool| pool.get_message_by_name(&format!("criu.{message}"))).unwrap();
    DynamicMessage::decode(message, bytes)
}

/// Whether both readers find the same fields, values and unknown fields in a message.
fn agree(ours: &Message<'_>, theirs: &DynamicMessage) -> bool {
    // A packed field may be empty: that is a field for us, but not for them.
    let fields: Vec<_> =
        ours.fields().filter(|field| !field.is_repeated() || field.values().next().is_some()).collect();
    let same = |field: &super::message::Field<'_, '_>| match theirs.get_field_by_number(field.number()) {
        Some(value) => match (value.as_list(), field.is_repeated()) {
            (Some(list), true) => {
                let values: Vec<_> = field.values().collect();
                values.len() == list.len() && values.iter().zip(list).all(|(ours, theirs)| equal(ours, theirs))
            }
            (None, false) => field.value().is_some_and(|ours| equal(&ours, &value)),
            _ => false,
        },
        None => false,
    };
    let wire_type = |wire: &Wire<'_>| match wire {
        Wire::Varint(_) => WireType::Varint,
        Wire::Fixed64(_) => WireType::SixtyFourBit,
        Wire::Bytes(_) => WireType::LengthDelimited,
        Wire::Group(_) => WireType::StartGroup,
        Wire::Fixed32(_) => WireType::ThirtyTwoBit,
    };
    let mut unknown: Vec<_> = ours.unknown().map(|(number, wire)| (number, wire_type(&wire) as u32)).collect();
    let mut their_unknown: Vec<_> =
        theirs.unknown_fields().map(|field| (field.number(), field.wire_type() as u32)).collect();
    unknown.sort_unstable();
    their_unknown.sort_unstable();
    fields.len() == theirs.fields().count() && fields.iter().all(same) && unknown == their_unknown
}

fn equal(ours: &Value<'_>, theirs: &Theirs) -> bool {
    match (ours, theirs) {
        (Value::Bool(a), Theirs::Bool(b)) => a == b,
        (Value::Unsigned(a), Theirs::U32(b)) => *a == u64::from(*b),
        (Value::Unsigned(a), Theirs::U64(b)) => a == b,
        (Value::Signed(a), Theirs::I32(b)) => *a == i64::from(*b),
        (Value::Signed(a), Theirs::I64(b)) => a == b,
        (Value::Enum(a, _), Theirs::EnumNumber(b)) => a == b,
        (Value::Bytes(a), Theirs::Bytes(b)) => a == b,
        (Value::Message(a), Theirs::Message(b)) => agree(a, b),
        _ => false,
    }
}

/// Numbers that determine a random message.
struct Dice<'d>(std::slice::Iter<'d, u64>);

impl Dice<'_> {
    fn roll(&mut self, sides: usize) -> usize {
        usize::try_from(self.number()).unwrap_or(0) % sides
    }

    fn number(&mut self) -> u64 {
        self.0.next().copied().unwrap_or(0)
    }
}

/// A random message of the schema. Some of its fields are unknown.
fn message(def: &'static MessageDef, dice: &mut Dice<'_>, depth: usize, out: &mut Vec<u8>) {
    for _ in 0..dice.roll(8) {
        match def.fields.get(dice.roll(def.fields.len() + 1)) {
            Some(field) => known(field, dice, depth, out),
            None => unknown(1000 + u32::try_from(dice.roll(3)).unwrap(), dice, out),
        }
    }
}

fn known(field: &'static FieldDef, dice: &mut Dice<'_>, depth: usize, out: &mut Vec<u8>) {
    let number = field.number;
    match field.ty {
        Type::Message(_) if depth == 0 => {}
        Type::Message(_) => {
            let mut inner = Vec::new();
            message(field.ty.message().unwrap(), dice, depth - 1, &mut inner);
            length_delimited(number, &inner, out);
        }
        Type::Bytes => {
            let bytes = dice.number().to_le_bytes();
            length_delimited(number, &bytes[..dice.roll(9)], out);
        }
        _ if field.repeated && dice.roll(2) == 0 => {
            let mut packed = Vec::new();
            (0..dice.roll(4)).for_each(|_| scalar(field.ty, dice.number(), &mut packed));
            length_delimited(number, &packed, out);
        }
        ty => {
            encode_key(number, wire_type(ty), out);
            scalar(ty, dice.number(), out);
        }
    }
}

fn wire_type(ty: Type) -> WireType {
    match ty {
        Type::Fixed64 | Type::Sfixed64 | Type::Double => WireType::SixtyFourBit,
        Type::Fixed32 | Type::Sfixed32 | Type::Float => WireType::ThirtyTwoBit,
        _ => WireType::Varint,
    }
}

fn scalar(ty: Type, number: u64, out: &mut Vec<u8>) {
    match wire_type(ty) {
        WireType::SixtyFourBit => out.put_u64_le(number),
        WireType::ThirtyTwoBit => out.put_u32_le(u32::try_from(number & 0xffff_ffff).unwrap()),
        _ => encode_varint(number, out),
    }
}

fn unknown(number: u32, dice: &mut Dice<'_>, out: &mut Vec<u8>) {
    match dice.roll(5) {
        0 => length_delimited(number, &dice.number().to_le_bytes()[..3], out),
        1 => {
            encode_key(number, WireType::SixtyFourBit, out);
            out.put_u64_le(dice.number());
        }
        2 => {
            encode_key(number, WireType::ThirtyTwoBit, out);
            out.put_u32_le(7);
        }
        3 => {
            encode_key(number, WireType::StartGroup, out);
            encode_key(1, WireType::Varint, out);
            encode_varint(dice.number(), out);
            encode_key(number, WireType::EndGroup, out);
        }
        _ => {
            encode_key(number, WireType::Varint, out);
            encode_varint(dice.number(), out);
        }
    }
}

fn length_delimited(number: u32, bytes: &[u8], out: &mut Vec<u8>) {
    encode_key(number, WireType::LengthDelimited, out);
    encode_varint(bytes.len() as u64, out);
    out.extend(bytes);
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

/// Visits everything in a message, and counts the values.
fn count(message: &Message<'_>) -> usize {
    let fields = message.fields().map(|field| {
        let values = field.values().chain(field.value());
        let _ = field.address();
        values.map(|value| if let Value::Message(inner) = value { count(&inner) } else { 1 }).sum::<usize>()
    });
    fields.sum::<usize>() + message.unknown().count()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 1_000, ..ProptestConfig::default() })]

    /// In random messages of every type, both readers find the same.
    #[test]
    fn random_messages_are_read_alike(place in 0..MESSAGES.len(), numbers in vec(
        prop_oneof![0_u64..300, any::<u64>()], 0..300))
    {
        let def = &MESSAGES[place];
        let mut bytes = Vec::new();
        message(def, &mut Dice(numbers.iter()), 4, &mut bytes);
        let ours = Message::read(def.name, &bytes, Machine::default()).unwrap();
        let theirs = decode(def.name, &bytes).unwrap();
        prop_assert!(agree(&ours, &theirs), "{}: {ours:?}\n{theirs:?}", def.name);
    }

    /// A record is damaged only if the other reader agrees, and damage does no harm.
    #[test]
    fn damage_is_never_more_than_damage(changes in vec((0_usize..400, any::<u8>()), 0..4), cut in 0_usize..400) {
        let mut bytes = prost::Message::encode_to_vec(&sample());
        for (at, byte) in changes {
            let len = bytes.len();
            bytes[at % len] = byte;
        }
        bytes.truncate(bytes.len().saturating_sub(cut / 8));
        let theirs = decode("core_entry", &bytes);
        match (Message::read("core_entry", &bytes, Machine::default()), theirs) {
            (Ok(ours), Ok(theirs)) => prop_assert!(agree(&ours, &theirs), "{ours:?}\n{theirs:?}"),
            // The other reader refuses a message with a field of the wrong type. We keep the rest of it.
            (Ok(ours), Err(_)) => prop_assert!(count(&ours) <= 4 * bytes.len()),
            (Err(why), theirs) => prop_assert!(theirs.is_err(), "{why}"),
        }
    }
}
