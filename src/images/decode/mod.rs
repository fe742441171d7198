//! Decodes any image by reflection over the schema, record by record: every field by its name, unknown fields by their
//! number, payloads by their length. For programs that want everything, and for people who want to see what an image
//! really holds.
//!
//! ```text
//! Subject (a file, its name) ─ Decoder ─→ Visit: begin(Head), record(Record)…, end(Summary)
//! ```

mod raw;
mod tail;

use std::borrow::Cow;
use std::io;

use bstr::{BStr, ByteSlice};

pub use super::message::{Field, Machine, Message, Value};
pub use super::schema::Show;
pub use super::wire::Wire;
pub use raw::Number;
pub(crate) use raw::old_pages;
pub use tail::Tail;

use super::byte_order::{ByteOrder, split_u32};
use super::file_of;
use super::framing::{self, COMMON, Image, SERVICE};
use super::kind::{Form, Kind, Payload};
use crate::archive::{Absence, Archive, Contents, Member, Stop};
use crate::int::{u64_of, usize_of};
use crate::limits::Limits;
use crate::warning::{Code, Place, Warnings};

/// Decodes images, one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Decoder<'d> {
    pub(crate) archive: &'d Archive,
    /// The machine of the images, if known beforehand.
    pub(crate) machine: Machine,
    pub(crate) limits: &'d Limits,
    pub(crate) warnings: &'d Warnings,
}

/// Facts about an image before its records.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Head<'i> {
    /// Path of the file.
    pub path: &'i BStr,
    /// Kind of the image; `None` if neither name nor contents tell.
    pub kind: Option<Kind>,
    /// CRIU's name of the kind.
    pub name: Option<&'static str>,
    /// The number in the file name, if names of this kind have one.
    pub id: Option<u64>,
    /// Magic numbers at the beginning, if images of this kind have them.
    pub magics: Vec<u32>,
    /// Version of the framing: `1.0` without the common magic number, `1.1` with it. Inventories never have it.
    pub version: Option<&'static str>,
    /// Byte order of the machine that wrote the image; `None` if nothing in it tells.
    pub byte_order: Option<ByteOrder>,
    /// Size in bytes.
    pub bytes: u64,
    /// Contents of an image that is not divided into records.
    pub contents: Option<Raw<'i>>,
}

/// The bytes of an image without records, up to the end of the archive or the limit for images.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Raw<'i> {
    /// The bytes.
    pub bytes: &'i [u8],
    /// Whether the bytes are text.
    pub is_text: bool,
}

/// A decoded record.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Decoded<'i> {
    /// Number of the record in the image, from 0.
    pub number: u64,
    /// Offset of the record in the image.
    pub offset: u64,
    /// Contents of the record.
    pub body: Body<'i>,
    /// The bytes that follow the record.
    pub tail: Tail<'i>,
    /// Number of bytes that follow the record, including padding.
    pub tail_bytes: u64,
}

/// Contents of a record.
#[derive(Clone, Debug)]
pub enum Body<'i> {
    /// A message of the schema.
    Message(Message<'i>),
    /// Numbers in fixed places: headers of netlink messages, addresses of pages.
    Header(&'static str, Vec<(&'static str, Number)>),
    /// Not a valid message: the bytes as they are.
    Damaged(&'i [u8]),
}

impl Body<'_> {
    /// Name of the message or header.
    pub fn name(&self) -> Option<&'static str> {
        match self {
            Body::Message(message) => Some(message.name()),
            Body::Header(name, _) => Some(name),
            Body::Damaged(_) => None,
        }
    }
}

/// Totals of an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Number of records.
    pub records: u64,
    /// Number of records that could not be decoded.
    pub damaged: u64,
    /// Bytes that follow records and belong to them.
    pub payload_bytes: u64,
}

/// Receives images, one after the other.
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
    /// Decodes an image. Faults are warnings, and only the damaged part is lost.
    ///
    /// # Errors
    ///
    /// Fails if `visit` fails.
    pub fn image(&self, member: &Member, visit: &mut dyn Visit) -> io::Result<()> {
        match file_of(self.archive, member, self.warnings) {
            Some(file) => self.contents(member.path.as_bstr(), self.archive.contents(file), visit),
            None => Ok(()),
        }
    }

    fn contents(&self, path: &BStr, contents: Contents<'_>, visit: &mut dyn Visit) -> io::Result<()> {
        let file_name = path.rsplit(|&b| b == b'/').next().unwrap_or_default();
        let named = Kind::from_file_name(file_name);
        let whole = contents.piece(0, u64::MAX).is_some_and(|piece| piece.len() == contents.len());
        let (bytes, stop) = contents.prefix(if whole { u64::MAX } else { self.limits.assembled_bytes });
        // Unreadable images have a warning of their own; they do not count as empty.
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
                match Image::from_bytes(kind, path, Cow::Borrowed(&bytes), stop, self.warnings) {
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

    /// The kind of an image: what its name says, unless its magic number names another kind. For an unknown name, what
    /// the magic number says.
    fn kind(&self, path: &BStr, named: Option<Kind>, bytes: &[u8]) -> Option<Kind> {
        let own = framing::own_magic(bytes);
        match named {
            Some(kind) if kind.magic().is_none() || own.is_some_and(|own| kind.magic() == Some(own)) => Some(kind),
            Some(kind) => Some(own.and_then(Kind::from_magic).map_or(kind, |other| {
                self.warnings.push(Code::ImageMagic, Place::member(path), || {
                    format!("the name says {kind}, but the magic number says {other}; decoded as {other}")
                });
                other
            })),
            None => own.and_then(Kind::from_magic),
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
                tail: Tail::parse(payload, &body, record.payload, machine),
                tail_bytes: u64_of(record.payload.len()),
                body,
            };
            summary.add(&decoded);
            visit.record(&head, &decoded)?;
        }
        visit.end(&head, &summary)
    }

    /// Decodes a message. Faults are warnings.
    fn message<'i>(&self, name: &str, bytes: &'i [u8], machine: Machine, place: &dyn Fn() -> Place) -> Body<'i> {
        match Message::read(name, bytes, machine) {
            Ok(message) => {
                if let Some(unknown) = message.first_unknown() {
                    self.warnings.push(Code::RecordUnknownField, place(), || {
                        format!("field {unknown} of {name} is not in the schema; a newer CRIU may have written it")
                    });
                }
                Body::Message(message)
            }
            Err(why) => {
                self.warnings
                    .push(Code::RecordDamaged, place(), || format!("not a valid {name}: {why}; shown as bytes"));
                Body::Damaged(bytes)
            }
        }
    }

    /// An image of a plugin: a 64-bit length, then one message.
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
                format!("the declared length does not match the {} bytes that follow", bytes.len())
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
                format!("more than {limit} bytes to assemble from pieces; the rest was skipped")
            }),
            // When the archive is read as a stream, pages that were not asked for are not kept. That is not damage.
            // Unreadable images have a warning of their own.
            Some(Stop::Absent(Absence::NotKept | Absence::Unreadable)) | None => {}
            Some(Stop::Absent(_)) => self.warnings.push(Code::ImageTruncated, place(), || {
                format!("only {} of {} bytes are in the archive", bytes.len(), head.bytes)
            }),
        }
        let is_text = head.kind.is_some_and(|kind| kind.form() == Form::Text);
        let head = Head { contents: Some(Raw { bytes, is_text }), ..head };
        visit.begin(&head)?;
        visit.end(&head, &Summary { payload_bytes: head.bytes, ..Summary::default() })
    }
}

/// How netlink messages are stored in an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Netlink {
    /// After a magic number of iproute2, each padded to 4 bytes.
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
                // Nothing was stored.
                None if bytes.is_empty() => (0, true),
                None => {
                    self.warnings.push(Code::ImageMagic, Place::member(head.path), || {
                        "does not begin with a magic number of iproute2 dumps; shown as bytes".to_owned()
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
                format!("{left} bytes at the end are not netlink messages")
            });
        }
        visit.end(&head, &summary)
    }

    /// Pages from before pagemaps existed: each after its address.
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

/// Whether bytes begin like an image of records.
pub(crate) fn begins_as_image(bytes: &[u8]) -> bool {
    let first = [ByteOrder::Little, ByteOrder::Big].map(|order| split_u32(bytes, order).map(|(first, _)| first));
    first.into_iter().flatten().any(|first| matches!(first, COMMON | SERVICE))
        || framing::own_magic(bytes).and_then(Kind::from_magic).is_some()
}
