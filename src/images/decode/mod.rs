//! Decodes any image by reflection over the schema, record by record: every field by its name, unknown ones by their
//! number, what follows records by its length. For machines that want everything, and for people who want to see what an
//! image really holds.
//!
//! ```text
//! Subject (a file, its name) ─ Decoder ─→ Visit: begin(Head), record(Record)…, end(Summary)
//! ```

mod message;
mod raw;
mod tail;
mod wire;

use std::borrow::Cow;
use std::io;

use bstr::{BStr, ByteSlice};

pub use message::{Field, Machine, Message, Value};
pub use raw::Number;
pub(crate) use raw::old_pages;
pub use tail::Tail;
pub use wire::Wire;

pub use super::schema::Show;

use super::file_of;
use super::framing::{self, ByteOrder, COMMON, Image, SERVICE, split_u32};
use super::kind::{Form, Kind, Payload};
use super::known;
use crate::archive::{Absence, Archive, Contents, Member, Stop};
use crate::int::{u64_of, usize_of};
use crate::limits::Limits;
use crate::warning::{Code, Place, Warnings};

/// Decodes images, one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Decoder<'d> {
    pub(crate) archive: &'d Archive,
    /// The machine that the images are of, as far as that is known beforehand.
    pub(crate) machine: Machine,
    pub(crate) limits: &'d Limits,
    pub(crate) warnings: &'d Warnings,
}

/// What is known of an image before its records.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Head<'i> {
    /// Path of the file.
    pub path: &'i BStr,
    /// What it is; `None` if neither name nor contents tell.
    pub kind: Option<Kind>,
    /// CRIU's name of the kind.
    pub name: Option<&'static str>,
    /// The number in its file name, if names of its kind have one.
    pub id: Option<u64>,
    /// What it begins with, if images of its kind begin with magic numbers.
    pub magics: Vec<u32>,
    /// Which generation of framing it has: `1.0` without the common magic number, `1.1` with it. Inventories never have it.
    pub version: Option<&'static str>,
    /// Byte order of the machine that wrote it; `None` if nothing in it tells.
    pub byte_order: Option<ByteOrder>,
    /// Bytes in all.
    pub bytes: u64,
    /// Its bytes, where no records are told apart in them.
    pub contents: Option<Raw<'i>>,
}

/// The bytes of an image without records, as far as they are here and the limit for images allows.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Raw<'i> {
    /// The bytes.
    pub bytes: &'i [u8],
    /// Whether they are meant to be text.
    pub is_text: bool,
}

/// A record, decoded.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Decoded<'i> {
    /// Its number in the image, from 0.
    pub number: u64,
    /// Where it begins, in bytes from the beginning of the image.
    pub offset: u64,
    /// What is in it.
    pub body: Body<'i>,
    /// What follows it.
    pub tail: Tail<'i>,
    /// Bytes that follow it, padding included.
    pub tail_bytes: u64,
}

/// What is in a record.
#[derive(Clone, Debug)]
pub enum Body<'i> {
    /// A message of the schema.
    Message(Message<'i>),
    /// Numbers in fixed places: the headers of netlink messages, the addresses of pages.
    Header(&'static str, Vec<(&'static str, Number)>),
    /// No valid message: its bytes, as they are.
    Damaged(&'i [u8]),
}

impl Body<'_> {
    /// The name of the message or header.
    pub fn name(&self) -> Option<&'static str> {
        match self {
            Body::Message(message) => Some(message.name()),
            Body::Header(name, _) => Some(name),
            Body::Damaged(_) => None,
        }
    }
}

/// What an image came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Records that were told apart.
    pub records: u64,
    /// Those of them that could not be decoded.
    pub damaged: u64,
    /// Bytes that follow records and belong to them.
    pub payload_bytes: u64,
}

/// Is shown images, one after the other.
pub trait Visit {
    /// An image begins.
    ///
    /// # Errors
    ///
    /// If writing fails, which ends the decoding.
    fn begin(&mut self, head: &Head<'_>) -> io::Result<()>;

    /// The next record of the image.
    ///
    /// # Errors
    ///
    /// As [`Visit::begin`].
    fn record(&mut self, head: &Head<'_>, record: &Decoded<'_>) -> io::Result<()>;

    /// The image ends.
    ///
    /// # Errors
    ///
    /// As [`Visit::begin`].
    fn end(&mut self, head: &Head<'_>, summary: &Summary) -> io::Result<()>;
}

impl Decoder<'_> {
    /// Decodes an image. What is wrong with it is a warning, and costs only what is damaged.
    ///
    /// # Errors
    ///
    /// If `visit` does.
    pub fn image(&self, member: &Member, visit: &mut dyn Visit) -> io::Result<()> {
        match file_of(self.archive, member, self.warnings) {
            Some(file) => self.contents(member.path.as_bstr(), self.archive.contents(file), visit),
            None => Ok(()),
        }
    }

    fn contents(&self, path: &BStr, contents: Contents<'_>, visit: &mut dyn Visit) -> io::Result<()> {
        let file_name = path.rsplit(|&b| b == b'/').next().unwrap_or_default();
        let named = Kind::of(file_name);
        let whole = contents.piece(0, u64::MAX).is_some_and(|piece| piece.len() == contents.len());
        let (bytes, stop) = contents.prefix(if whole { u64::MAX } else { self.limits.assembled_bytes });
        // What cannot be read is warned of by itself; it is not an image without contents.
        if bytes.is_empty() && stop == Some(Stop::Absent(Absence::Unreadable)) {
            return Ok(());
        }
        let kind = self.kind(path, named.map(|(kind, _)| kind), &bytes);
        let head = Head {
            path,
            kind,
            name: kind.map(Kind::as_str),
            id: named.filter(|(kind, _)| kind.pattern().contains('%')).map(|(_, number)| number),
            magics: Vec::new(),
            version: None,
            byte_order: None,
            bytes: contents.len(),
            contents: None,
        };
        match kind.map(|kind| (kind, kind.form())) {
            Some((kind, Form::Records { .. })) => {
                match Image::of_bytes(kind, path, Cow::Borrowed(&bytes), stop, self.warnings) {
                    Some(image) => self.records(head, &image, visit),
                    None => self.raw(head, &bytes, stop, visit),
                }
            }
            Some((_, Form::Plugin(message))) => self.plugin(&head, message, &bytes, visit),
            Some((Kind::Ifaddr | Kind::Route | Kind::Route6 | Kind::Rule, _)) => {
                self.netlink(head, &bytes, Netlink::Saved, stop, visit)
            }
            Some((Kind::Conntrack | Kind::ConntrackExpect, _)) => {
                self.netlink(head, &bytes, Netlink::BackToBack, stop, visit)
            }
            Some((Kind::Pages | Kind::ShmPagesOld, _)) if old_pages(&bytes).is_some() => {
                self.old_pages(head, &bytes, visit)
            }
            _ => self.raw(head, &bytes, stop, visit),
        }
    }

    /// What an image is: what its name says, unless its magic number says that it is another. Of no known name, what its
    /// magic number says.
    fn kind(&self, path: &BStr, named: Option<Kind>, bytes: &[u8]) -> Option<Kind> {
        let own = framing::own_magic(bytes);
        match named {
            Some(kind) if kind.magic().is_none() || own.is_some_and(|own| kind.magic() == Some(own)) => Some(kind),
            Some(kind) => Some(own.and_then(Kind::of_magic).map_or(kind, |other| {
                self.warnings.push(Code::ImageMagic, Place::member(path), || {
                    format!("named as {kind}, but with the magic number of {other}; decoded as {other}")
                });
                other
            })),
            None => own.and_then(Kind::of_magic),
        }
    }

    fn records(&self, mut head: Head<'_>, image: &Image<'_>, visit: &mut dyn Visit) -> io::Result<()> {
        head.magics = image.magics();
        head.byte_order = Some(image.byte_order());
        head.version = match head.magics.first() {
            Some(&(COMMON | SERVICE)) => Some("1.1"),
            _ if image.kind() == Kind::Inventory => None,
            _ => Some("1.0"),
        };
        let machine = Machine { order: image.byte_order(), ..self.machine };
        let payload = match image.kind().form() {
            Form::Records { payload, .. } => payload,
            _ => Payload::None,
        };
        visit.begin(&head)?;
        let mut summary = Summary::default();
        for record in image.records(self.limits, self.warnings) {
            let name = image.kind().message(record.number).unwrap_or_default();
            let place = || image.place_of(&record);
            let body = self.message(name, record.message, machine, &place);
            let decoded = Decoded {
                number: record.number,
                offset: record.offset,
                tail: Tail::of(payload, &body, record.payload, machine),
                tail_bytes: u64_of(record.payload.len()),
                body,
            };
            summary.add(&decoded);
            visit.record(&head, &decoded)?;
        }
        visit.end(&head, &summary)
    }

    /// A message; what is wrong with it is a warning.
    fn message<'i>(&self, name: &str, bytes: &'i [u8], machine: Machine, place: &dyn Fn() -> Place) -> Body<'i> {
        match Message::of(name, bytes, machine) {
            Ok(message) => {
                if let Some(unknown) = known::first_unknown(name, bytes) {
                    self.warnings.push(Code::RecordUnknownField, place(), || {
                        format!("field {unknown} of {name} is not in the schema; a newer CRIU may have written it")
                    });
                }
                Body::Message(message)
            }
            Err(why) => {
                self.warnings.push(Code::RecordDamaged, place(), || format!("no valid {name}: {why}; shown as bytes"));
                Body::Damaged(bytes)
            }
        }
    }

    /// An image of a plugin: a length of 64 bits, then one message.
    fn plugin(&self, head: &Head<'_>, name: &str, bytes: &[u8], visit: &mut dyn Visit) -> io::Result<()> {
        visit.begin(head)?;
        let mut summary = Summary::default();
        let place = || Place::member(head.path).record(0);
        if let Some(message) = raw::behind_length(bytes, self.machine.order) {
            let body = self.message(name, message, self.machine, &place);
            let decoded = Decoded { number: 0, offset: 0, body, tail: Tail::None, tail_bytes: 0 };
            summary.add(&decoded);
            visit.record(head, &decoded)?;
        } else {
            self.warnings.push(Code::ImageTruncated, place(), || {
                format!("{} bytes are not the message that its length says", bytes.len())
            });
        }
        visit.end(head, &summary)
    }

    /// An image whose bytes are shown as they are.
    fn raw(&self, head: Head<'_>, bytes: &[u8], stop: Option<Stop>, visit: &mut dyn Visit) -> io::Result<()> {
        let limit = self.limits.assembled_bytes;
        let place = || Place::member(head.path);
        match stop {
            Some(Stop::Limit) => self.warnings.push(&Limits::ASSEMBLED_BYTES, place(), || {
                format!("more than {limit} bytes in pieces; the rest is left out")
            }),
            // Pages that nobody asked for are not kept of an archive that comes as a stream: no damage. What cannot be read
            // is warned of by itself.
            Some(Stop::Absent(Absence::NotKept | Absence::Unreadable)) | None => {}
            Some(Stop::Absent(_)) => self.warnings.push(Code::ImageTruncated, place(), || {
                format!("{} of {} bytes are in the archive", bytes.len(), head.bytes)
            }),
        }
        let is_text = head.kind.is_some_and(|kind| kind.form() == Form::Text);
        let head = Head { contents: Some(Raw { bytes, is_text }), ..head };
        visit.begin(&head)?;
        visit.end(&head, &Summary { payload_bytes: head.bytes, ..Summary::default() })
    }
}

/// How netlink messages lie in an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Netlink {
    /// Behind a magic number of iproute2, each padded to 4 bytes.
    Saved,
    /// One after the other, without padding.
    BackToBack,
}

impl Decoder<'_> {
    fn netlink(
        &self,
        mut head: Head<'_>,
        bytes: &[u8],
        form: Netlink,
        stop: Option<Stop>,
        visit: &mut dyn Visit,
    ) -> io::Result<()> {
        let (start, padded) = match form {
            Netlink::BackToBack => (0, false),
            Netlink::Saved => match raw::saved_magic(bytes) {
                Some((magic, order)) => {
                    head.magics = vec![magic];
                    head.byte_order = Some(order);
                    (4, true)
                }
                // Nothing was saved.
                None if bytes.is_empty() => (0, true),
                None => {
                    self.warnings.push(Code::ImageMagic, Place::member(head.path), || {
                        "it does not begin as iproute2 saves addresses, routes and rules; shown as bytes".to_owned()
                    });
                    return self.raw(head, bytes, stop, visit);
                }
            },
        };
        let order = head.byte_order.unwrap_or(self.machine.order);
        visit.begin(&head)?;
        let mut summary = Summary::default();
        let mut messages = raw::NetlinkMessages::new(bytes, start, padded, order);
        while let Some(decoded) = messages.next().filter(|_| summary.records < self.limits.records) {
            summary.add(&decoded);
            visit.record(&head, &decoded)?;
        }
        let left = messages.left();
        if left > 0 {
            self.warnings.push(Code::ImageTruncated, Place::member(head.path), || {
                format!("{left} bytes at the end are no netlink messages")
            });
        }
        visit.end(&head, &summary)
    }

    /// Pages of before there were pagemaps: each behind its address.
    fn old_pages(&self, mut head: Head<'_>, bytes: &[u8], visit: &mut dyn Visit) -> io::Result<()> {
        let Some(pages) = old_pages(bytes) else { return Ok(()) };
        head.name = Some(if head.kind == Some(Kind::Pages) { "PAGES_OLD" } else { "SHM_PAGES_OLD" });
        head.magics.clone_from(&pages.magics);
        head.version = Some(if pages.magics.len() > 1 { "1.1" } else { "1.0" });
        head.byte_order = Some(pages.order);
        visit.begin(&head)?;
        let mut summary = Summary::default();
        for decoded in pages.take(usize_of(self.limits.records)) {
            summary.add(&decoded);
            visit.record(&head, &decoded)?;
        }
        visit.end(&head, &summary)
    }
}

impl Summary {
    fn add(&mut self, record: &Decoded<'_>) {
        self.records = self.records.saturating_add(1);
        self.damaged = self.damaged.saturating_add(matches!(record.body, Body::Damaged(_)).into());
        self.payload_bytes = self.payload_bytes.saturating_add(record.tail_bytes);
    }
}

/// Whether bytes begin as images of records do.
pub(crate) fn begins_as_image(bytes: &[u8]) -> bool {
    let first = [ByteOrder::Little, ByteOrder::Big].map(|order| split_u32(bytes, order).map(|(first, _)| first));
    first.into_iter().flatten().any(|first| matches!(first, COMMON | SERVICE))
        || framing::own_magic(bytes).and_then(Kind::of_magic).is_some()
}
