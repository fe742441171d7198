//! Archives taken apart and put together in the plainest way, as an oracle and as a forge: tar by the `tar` crate, images
//! by the rules of their framing written down once more.

use std::fs;
use std::io::{Cursor, Read};
use std::path::Path;

use bstr::ByteSlice;
use cryoscope::images::{Form, Kind, Payload};
use cryoscope::memory::Keep;
use cryoscope::{Checkpoint, Error, Options};
use prost::Message;
use prost_reflect::DynamicMessage;

use crate::oracle::Schema;

/// A member of an archive: its name and its contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) contents: Vec<u8>,
}

/// The members of an archive, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Members(pub(crate) Vec<Member>);

impl Members {
    /// The files of an archive, inflated.
    pub(crate) fn of(archive: &Path) -> Self {
        let mut tar = tar::Archive::new(Cursor::new(inflated(&fs::read(archive).unwrap())));
        let mut members = Members::default();
        for entry in tar.entries().unwrap() {
            let mut entry = entry.unwrap();
            if entry.header().entry_type().is_file() {
                let name = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
                let mut contents = Vec::new();
                entry.read_to_end(&mut contents).unwrap();
                members.0.push(Member { name: name.trim_start_matches("./").to_owned(), contents });
            }
        }
        members
    }

    /// The contents of a file.
    pub(crate) fn get(&self, name: &str) -> &[u8] {
        &self.0.iter().find(|member| member.name == name).unwrap_or_else(|| panic!("no member {name}")).contents
    }

    /// Adds a file, or replaces one.
    pub(crate) fn set(&mut self, name: &str, contents: impl Into<Vec<u8>>) {
        let contents = contents.into();
        match self.0.iter_mut().find(|member| member.name == name) {
            Some(member) => member.contents = contents,
            None => self.0.push(Member { name: name.to_owned(), contents }),
        }
    }

    /// Takes a file out.
    pub(crate) fn remove(&mut self, name: &str) {
        self.0.retain(|member| member.name != name);
    }

    /// Changes each record of an image.
    pub(crate) fn edit<M: Message + Default>(&mut self, name: &str, change: impl Fn(usize, &mut M)) {
        self.parts(name, |image| {
            for (number, (bytes, _)) in image.records.iter_mut().enumerate() {
                let mut message = M::decode(bytes.as_slice()).unwrap();
                change(number, &mut message);
                *bytes = message.encode_to_vec();
            }
        });
    }

    /// Changes the parts of an image.
    pub(crate) fn parts(&mut self, name: &str, change: impl FnOnce(&mut Image)) {
        let member = Member { name: name.to_owned(), contents: self.get(name).to_vec() };
        let mut image = Image::of(&Schema::load(), &member).unwrap();
        change(&mut image);
        self.set(name, image.bytes());
    }

    /// Bytes in a file in place of others of the same length; there must be such.
    pub(crate) fn overwrite(&mut self, name: &str, from: &[u8], to: &[u8]) {
        assert_eq!(from.len(), to.len());
        let mut contents = self.get(name).to_vec();
        let at = contents.find(from).unwrap_or_else(|| panic!("{name} has no {}", from.as_bstr()));
        contents[at..at + to.len()].copy_from_slice(to);
        self.set(name, contents);
    }

    /// The tar that they make.
    pub(crate) fn tar(&self) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for member in &self.0 {
            let mut header = tar::Header::new_gnu();
            header.set_size(member.contents.len() as u64);
            header.set_mode(0o600);
            header.set_mtime(1_795_432_612);
            builder.append_data(&mut header, &member.name, member.contents.as_slice()).unwrap();
        }
        builder.into_inner().unwrap()
    }

    /// The checkpoint that they make.
    pub(crate) fn open(&self) -> Checkpoint {
        Checkpoint::from_reader(Cursor::new(self.tar())).unwrap()
    }

    /// The checkpoint that they make, opened as a stream of which so much is kept.
    pub(crate) fn open_keeping(&self, keep: Keep) -> Checkpoint {
        Options::new().keep(keep).open_reader(Cursor::new(self.tar())).unwrap().remove(0)
    }

    /// All checkpoints that they make.
    pub(crate) fn open_all(&self) -> Result<Vec<Checkpoint>, Error> {
        Options::new().open_reader(Cursor::new(self.tar()))
    }
}

/// A tar, whatever it was compressed with.
pub(crate) fn inflated(bytes: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    match bytes {
        [0x1f, 0x8b, ..] => drop(flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut all).unwrap()),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => all = zstd::decode_all(bytes).unwrap(),
        _ => all = bytes.to_vec(),
    }
    all
}

/// An image in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) kind: Kind,
    /// Its magic numbers.
    pub(crate) head: Vec<u8>,
    /// Messages and what follows each.
    pub(crate) records: Vec<(Vec<u8>, Vec<u8>)>,
}

/// An image as CRIU 1.6 and later writes it, of messages and what follows each.
pub(crate) fn image_of(kind: Kind, records: &[(Vec<u8>, Vec<u8>)]) -> Image {
    const COMMON: u32 = 0x5456_4319;
    let head = [COMMON.to_le_bytes(), kind.magic().unwrap().to_le_bytes()].concat();
    Image { kind, head, records: records.to_vec() }
}

impl Image {
    /// The image in a file of the image directory; `None` if the file is none of records.
    pub(crate) fn of(schema: &Schema, member: &Member) -> Option<Self> {
        let file_name = member.name.rsplit('/').next()?;
        let (kind, _) = Kind::from_file_name(file_name.as_bytes())?;
        let Form::Records { magic, payload, .. } = kind.form() else { return None };
        let bytes = &member.contents;
        let has_two = bytes[..4] != magic.to_le_bytes();
        let (head, mut rest) = bytes.split_at(if has_two { 8 } else { 4 });
        let mut image = Image { kind, head: head.to_vec(), records: Vec::new() };
        let mut chunks = false;
        while !rest.is_empty() {
            let size = u32::from_le_bytes(rest[..4].try_into().unwrap()) as usize;
            let (message, after) = rest[4..].split_at(size);
            let decoded = image.decode(schema, image.records.len(), message);
            let number = |field: &str| {
                let value = decoded.get_field_by_name(field).unwrap();
                let number = value.as_u64().or_else(|| value.as_u32().map(u64::from)).unwrap();
                usize::try_from(number).unwrap()
            };
            let flag = |field: &str| decoded.get_field_by_name(field).unwrap().as_bool().unwrap();
            let follows = match payload {
                Payload::None => 0,
                Payload::Pipe => number("bytes"),
                Payload::Packet => number("length"),
                Payload::TcpStream => number("inq_len") + number("outq_len"),
                Payload::BpfMap => number("keys_bytes") + number("values_bytes"),
                Payload::Ghost if chunks => number("len"),
                Payload::Ghost => {
                    chunks = flag("chunks");
                    if chunks { 0 } else { after.len() }
                }
                Payload::IpcShm if flag("in_pagemaps") => 0,
                Payload::IpcShm => number("size").next_multiple_of(4),
                Payload::IpcSem => (2 * number("nsems")).next_multiple_of(8),
                // One namespace has all queues, and the last record is enough for what is tested here.
                Payload::IpcMsg => after.len(),
            };
            let (payload, after) = after.split_at(follows);
            image.records.push((message.to_vec(), payload.to_vec()));
            rest = after;
        }
        Some(image)
    }

    /// A record by reflection.
    pub(crate) fn decode(&self, schema: &Schema, record: usize, message: &[u8]) -> DynamicMessage {
        schema.decode(self.kind.message(record as u64).unwrap(), message)
    }

    /// The file that it is.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.head.clone();
        for (message, payload) in &self.records {
            bytes.extend(u32::try_from(message.len()).unwrap().to_le_bytes());
            bytes.extend_from_slice(message);
            bytes.extend_from_slice(payload);
        }
        bytes
    }
}
