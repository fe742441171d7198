//! The data to read through: **lines**, the longest runs of recorded bytes of each object, each byte once; **views**,
//! where processes see shared objects; and **seams**, the addresses at which a process's memory continues from one line
//! to another.
//!
//! A pass over all lines reads content that several processes share only once. Content across a seam is in no single
//! line, so a search checks seams too.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use bstr::BStr;

use super::object::{Object, Objects};
use super::overlaps::union;
use super::space::AddressSpace;
pub(super) use super::view::Key;
use super::view::Owner;
use crate::archive::Contents;
use crate::int::usize_of;
use crate::model::ids::Pid;

/// The source of a line's bytes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source<'a> {
    /// An object.
    Object(&'a Objects, &'a Object),
    /// Contents of a member of the archive.
    Contents(Contents<'a>),
}

/// Contents shorter than this stay mapped: telling the kernel costs more than their pages.
const SMALL: u64 = 64 << 10;

impl<'a> Source<'a> {
    /// The bytes of a range that is recorded throughout; `None` if some of it cannot be read after all.
    pub(super) fn slice(&self, from: u64, to: u64) -> Option<Cow<'a, [u8]>> {
        match self {
            Source::Object(objects, object) => objects.slice(object, from, to),
            Source::Contents(contents) => contents.slice(from, to),
        }
    }

    /// The same for a caller that goes through all lines once: copied into `buffer` if that costs less than mapped
    /// pages, so that it leaves nothing in this process's memory.
    pub(super) fn pass<'b>(&'b self, from: u64, to: u64, buffer: &'b mut Vec<u8>) -> Option<Cow<'b, [u8]>> {
        if let Source::Object(objects, object) = self {
            let len = usize_of(to.saturating_sub(from));
            if buffer.len() < len {
                buffer.resize(len, 0);
            }
            let part = buffer.get_mut(..len)?;
            if objects.copy(object, from, part) {
                return Some(Cow::Borrowed(part));
            }
        }
        self.will_read(from, to);
        self.slice(from, to)
    }

    /// The image that has a whole range in one piece, and the offset in it.
    pub(super) fn image(&self, from: u64, to: u64) -> Option<(&'a BStr, u64)> {
        match self {
            Source::Object(objects, object) => {
                let (len, place) = objects.place(object, from, to.saturating_sub(from));
                place.ok().filter(|_| len == to.saturating_sub(from))
            }
            Source::Contents(_) => None,
        }
    }

    /// Tells the kernel which bytes will be read next.
    pub(super) fn will_read(&self, from: u64, to: u64) {
        match self {
            Source::Object(objects, object) => objects.will_read(object, from, to),
            Source::Contents(contents) if contents.len() < SMALL => {}
            Source::Contents(contents) => contents.will_read(from, to.saturating_sub(from)),
        }
    }

    /// Releases to the kernel what was read.
    pub(super) fn give_back(&self, from: u64, to: u64) {
        match self {
            Source::Object(objects, object) => objects.give_back(object, from, to),
            Source::Contents(contents) if contents.len() < SMALL => {}
            Source::Contents(contents) => contents.give_back(from, to.saturating_sub(from)),
        }
    }
}

/// A run of recorded bytes of one object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    pub(super) key: Key,
    pub(super) source: Source<'a>,
    /// Address (in a task) or offset (in a shared object) of the first byte.
    pub(super) start: u64,
    /// Address or offset after the last byte.
    pub(super) end: u64,
}

/// A place where a process sees part of a shared object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct View {
    pub(super) pid: Pid,
    /// Address of the first byte.
    pub(super) address: u64,
    /// Offset of that byte in the object.
    pub(super) offset: u64,
    pub(super) len: u64,
}

impl View {
    /// The offsets that it shows.
    pub(super) fn offsets(&self) -> Range<u64> {
        self.offset..self.offset.saturating_add(self.len)
    }
}

/// Adjacent addresses of one process that are in several lines.
#[derive(Clone, Debug)]
pub(super) struct Join<'a> {
    pub(super) space: AddressSpace<'a>,
    pub(super) pid: Pid,
    pub(super) start: u64,
    pub(super) end: u64,
    /// Addresses at which one line ends and the next begins, in order.
    pub(super) seams: Vec<u64>,
}

/// All lines, views and seams.
#[derive(Debug, Default)]
pub(super) struct Lines<'a> {
    pub(super) all: Vec<Line<'a>>,
    pub(super) views: BTreeMap<Key, Vec<View>>,
    pub(super) joins: Vec<Join<'a>>,
}

/// A run of a process's memory inside one line.
struct Piece<'a> {
    address: u64,
    len: u64,
    key: Key,
    object: &'a Object,
    offset: u64,
}

impl Piece<'_> {
    fn end(&self) -> u64 {
        self.address.saturating_add(self.len)
    }
}

impl<'a> Lines<'a> {
    /// The lines of processes, each with the wanted addresses, in order and without overlaps.
    pub(super) fn of(objects: &'a Objects, wanted: &[(Pid, AddressSpace<'a>, Vec<Range<u64>>)]) -> Self {
        let mut lines = Lines::default();
        let mut shared: BTreeMap<Key, &'a Object> = BTreeMap::new();
        for (pid, space, ranges) in wanted {
            let mut pieces: Vec<Piece<'a>> = Vec::new();
            for range in ranges {
                add_pieces(objects, *pid, space, range, &mut pieces);
            }
            for piece in &pieces {
                if piece.key == Key::Task(*pid) {
                    let source = Source::Object(objects, piece.object);
                    lines.all.push(Line { key: piece.key, source, start: piece.address, end: piece.end() });
                } else {
                    shared.insert(piece.key, piece.object);
                    let view = View { pid: *pid, address: piece.address, offset: piece.offset, len: piece.len };
                    lines.views.entry(piece.key).or_default().push(view);
                }
            }
            lines.joins.extend(joins(*pid, space, &pieces));
        }
        for (key, object) in shared {
            let views = lines.views.get(&key).map_or(&[][..], Vec::as_slice);
            let seen = union(views.iter().map(View::offsets));
            lines.all.extend(seen.into_iter().map(|range| Line {
                key,
                source: Source::Object(objects, object),
                start: range.start,
                end: range.end,
            }));
        }
        lines
    }
}

/// The recorded runs of a range, with those merged that continue in the same object.
fn add_pieces<'a>(
    objects: &'a Objects,
    pid: Pid,
    space: &AddressSpace<'a>,
    range: &Range<u64>,
    pieces: &mut Vec<Piece<'a>>,
) {
    let mut at = range.start;
    while at < range.end {
        let (len, owner) = space.owner(at, range.end.saturating_sub(at));
        let mut step = len;
        if let Owner::Object { object, offset, key } = owner {
            let (here, place) = objects.place(object, offset, len);
            step = here;
            if place.is_ok() {
                let piece = Piece { address: at, len: here, key: key.unwrap_or(Key::Task(pid)), object, offset };
                match pieces.last_mut() {
                    Some(last)
                        if last.end() == at
                            && last.key == piece.key
                            && last.offset.saturating_add(last.len) == offset =>
                    {
                        last.len = last.len.saturating_add(here);
                    }
                    _ => pieces.push(piece),
                }
            }
        }
        at = at.saturating_add(step.max(1));
    }
}

/// The seams between adjacent pieces of a process.
fn joins<'a>(pid: Pid, space: &AddressSpace<'a>, pieces: &[Piece<'a>]) -> Vec<Join<'a>> {
    let mut joins: Vec<Join<'a>> = Vec::new();
    for (before, after) in pieces.iter().zip(pieces.iter().skip(1)) {
        if before.end() != after.address {
            continue;
        }
        match joins.last_mut() {
            Some(join) if join.end == before.end() => {
                join.seams.push(after.address);
                join.end = after.end();
            }
            _ => joins.push(Join {
                space: *space,
                pid,
                start: before.address,
                end: after.end(),
                seams: vec![after.address],
            }),
        }
    }
    joins
}
