//! Writes images of any version and machine from the written schema (`data/schema.tsv`, `data/images.tsv`): its own
//! protobuf, its own framing. It shares no layout with the reader, and so is an oracle for it.

mod machines;
mod reflection;
mod versions;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::archives::Members;

/// A field of the written schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) number: u64,
    pub(crate) name: &'static str,
    pub(crate) repeated: bool,
    /// The type, as the schema has it: a scalar, an enumeration or a message.
    pub(crate) ty: &'static str,
    /// How it is to be shown, as the schema has it.
    pub(crate) hint: &'static str,
}

/// The fields of each message, in the order of their numbers.
pub(crate) static MESSAGES: LazyLock<BTreeMap<&'static str, Vec<Field>>> = LazyLock::new(|| {
    let mut messages: BTreeMap<&'static str, Vec<Field>> = BTreeMap::new();
    for line in include_str!("../data/schema.tsv").lines().skip(1) {
        let columns: Vec<&'static str> = line.split('\t').collect();
        let field = Field {
            number: columns[1].parse().unwrap(),
            name: columns[2],
            repeated: columns[3] == "repeated",
            ty: columns[4],
            hint: columns.get(5).copied().unwrap_or_default(),
        };
        messages.entry(columns[0]).or_default().push(field);
    }
    for fields in messages.values_mut() {
        fields.sort_by_key(|field| field.number);
    }
    messages
});

/// The lines of the table of images: pattern, name, magic number, framing, messages.
pub(crate) fn image_lines() -> impl Iterator<Item = [&'static str; 5]> {
    include_str!("../data/images.tsv").lines().skip(1).map(|line| {
        let columns: Vec<&'static str> = line.split('\t').collect();
        columns.try_into().unwrap()
    })
}

/// A message to be written.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    name: String,
    bytes: Vec<u8>,
}

fn varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).unwrap());
}

impl Message {
    pub(crate) fn new(name: &str) -> Self {
        assert!(MESSAGES.contains_key(name), "no message {name}");
        Message { name: name.to_owned(), bytes: Vec::new() }
    }

    fn field(&self, name: &str) -> Field {
        let field = MESSAGES[self.name.as_str()].iter().find(|field| field.name == name);
        field.unwrap_or_else(|| panic!("{} has no field {name}", self.name)).clone()
    }

    fn key(&mut self, number: u64, wire_type: u64) {
        varint(number << 3 | wire_type, &mut self.bytes);
    }

    /// A field with a number, by its type.
    pub(crate) fn number(mut self, name: &str, number: i128) -> Self {
        let field = self.field(name);
        match field.ty {
            "sint32" | "sint64" => {
                self.key(field.number, 0);
                let zigzag = if number < 0 { -2 * number - 1 } else { 2 * number };
                varint(u64::try_from(zigzag).unwrap(), &mut self.bytes);
            }
            "fixed64" => {
                self.key(field.number, 1);
                self.bytes.extend(u64::try_from(number).unwrap().to_le_bytes());
            }
            _ => {
                assert!(!MESSAGES.contains_key(field.ty), "{name} is a message");
                self.key(field.number, 0);
                // Negative numbers have ten bytes.
                let wide = u64::try_from(number).unwrap_or_else(|_| i64::try_from(number).unwrap().cast_unsigned());
                varint(wide, &mut self.bytes);
            }
        }
        self
    }

    /// A list of numbers.
    pub(crate) fn numbers(self, name: &str, numbers: impl IntoIterator<Item = u64>) -> Self {
        numbers.into_iter().fold(self, |message, number| message.number(name, number.into()))
    }

    /// A list of numbers, packed.
    pub(crate) fn packed(mut self, name: &str, numbers: impl IntoIterator<Item = u64>) -> Self {
        let field = self.field(name);
        let mut packed = Vec::new();
        numbers.into_iter().for_each(|number| varint(number, &mut packed));
        self.key(field.number, 2);
        varint(packed.len() as u64, &mut self.bytes);
        self.bytes.extend(packed);
        self
    }

    /// A field with text or bytes.
    pub(crate) fn bytes(mut self, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        let field = self.field(name);
        assert!(matches!(field.ty, "string" | "bytes"), "{name} is a {}", field.ty);
        self.key(field.number, 2);
        varint(bytes.as_ref().len() as u64, &mut self.bytes);
        self.bytes.extend_from_slice(bytes.as_ref());
        self
    }

    /// A field with a message.
    pub(crate) fn with(mut self, name: &str, inner: &Message) -> Self {
        let field = self.field(name);
        assert_eq!(field.ty, inner.name, "{name}");
        self.key(field.number, 2);
        varint(inner.bytes.len() as u64, &mut self.bytes);
        self.bytes.extend_from_slice(&inner.bytes);
        self
    }

    /// The same with a field that no schema knows.
    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self
    }
}

/// The machine and the CRIU that write a set of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Writer {
    pub(crate) big_endian: bool,
    /// Images begin with the common magic number (CRIU 1.6 and later).
    pub(crate) common: bool,
}

impl Writer {
    pub(crate) const TODAY: Writer = Writer { big_endian: false, common: true };

    pub(crate) fn u16(self, number: u16) -> [u8; 2] {
        if self.big_endian { number.to_be_bytes() } else { number.to_le_bytes() }
    }

    pub(crate) fn u32(self, number: u32) -> [u8; 4] {
        if self.big_endian { number.to_be_bytes() } else { number.to_le_bytes() }
    }

    pub(crate) fn u64(self, number: u64) -> [u8; 8] {
        if self.big_endian { number.to_be_bytes() } else { number.to_le_bytes() }
    }

    /// The words of an internet address: its bytes as the machine's memory has them.
    pub(crate) fn address(self, bytes: &[u8]) -> Vec<u64> {
        let word = |bytes: &[u8]| {
            let bytes: [u8; 4] = bytes.try_into().unwrap();
            if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
        };
        bytes.chunks(4).map(|bytes| word(bytes).into()).collect()
    }

    /// What an image begins with.
    fn magics(self, file_name: &str) -> Vec<u8> {
        const COMMON: u32 = 0x5456_4319;
        const SERVICE: u32 = 0x5510_5940;
        let line = image_lines().find(|[pattern, ..]| is_of(file_name, pattern));
        let [_, _, magic, framing, _] = line.unwrap_or_else(|| panic!("{file_name} is no image"));
        let magic = u32::from_str_radix(magic.trim_start_matches("0x"), 16).unwrap();
        let before = match framing {
            framing if framing.starts_with("service") => Some(SERVICE),
            framing if framing.starts_with("common") => Some(COMMON),
            _ => None,
        };
        let before = before.filter(|_| self.common);
        before.into_iter().chain([magic]).flat_map(|number| self.u32(number)).collect()
    }

    /// A record and what follows it.
    pub(crate) fn record(self, message: &Message, after: &[u8]) -> Vec<u8> {
        let size = u32::try_from(message.bytes.len()).unwrap();
        [&self.u32(size)[..], &message.bytes, after].concat()
    }

    /// An image of records.
    pub(crate) fn image<'m>(self, file_name: &str, records: impl IntoIterator<Item = &'m Message>) -> Vec<u8> {
        let records = records.into_iter().flat_map(|message| self.record(message, &[]));
        self.magics(file_name).into_iter().chain(records).collect()
    }
}

/// Whether a file is of a pattern.
fn is_of(file_name: &str, pattern: &str) -> bool {
    let Some((before, after)) = pattern.split_once('%') else { return file_name == pattern };
    let after = after.trim_start_matches('l');
    let Some(middle) = file_name.strip_prefix(before).and_then(|rest| rest.strip_suffix(&after[1..])) else {
        return false;
    };
    u64::from_str_radix(middle, if after.starts_with('x') { 16 } else { 10 }).is_ok()
}

/// Images that are being written.
#[derive(Clone, Debug)]
pub(crate) struct Set {
    pub(crate) writer: Writer,
    pub(crate) members: Members,
}

impl Set {
    pub(crate) fn new(writer: Writer) -> Self {
        Set { writer, members: Members::default() }
    }

    /// Adds an image of records.
    pub(crate) fn image<'m>(&mut self, file_name: &str, records: impl IntoIterator<Item = &'m Message>) {
        self.file(file_name, self.writer.image(file_name, records));
    }

    /// Adds a file.
    pub(crate) fn file(&mut self, file_name: &str, contents: impl Into<Vec<u8>>) {
        self.members.set(&format!("checkpoint/{file_name}"), contents);
    }
}
