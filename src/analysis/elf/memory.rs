//! Images in memory that no file backs: with their header, with a header that was wiped, or with none.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::{ControlFlow, Range};

use super::digest::Digests;
use super::{Found, Header, Take};
use crate::Checkpoint;
use crate::elf::{Bytes, Elf, Image, Layout, MAGIC, marks, rebuilt_header, segments_at};
use crate::int::{u64_of, usize_of};
use crate::limits::Limits;
use crate::memory::{AddressSpace, Content, Missing, Origin};
use crate::model::process::Process;
use crate::tables::{Mapping, Mappings};
use crate::warning::Place;

/// Shortest memory in which an image without a header is looked for.
const SHORTEST: u64 = 8192;
/// Points that the marks of an image without a header must have together.
const POINTS: u32 = 3;
/// Most images of one process.
const IMAGES: usize = 256;
/// Bytes that may be read of images in memory, besides those in proportion to the archive.
const FREE: u64 = 1 << 30;
/// Bytes behind what is loaded in which the sections of an image without a header are looked for.
const BEHIND: u64 = 1 << 20;

/// Passes the images to `take`, by process and address.
pub(super) fn each(checkpoint: &Checkpoint, take: &mut Take<'_>) -> ControlFlow<()> {
    let mappings = Mappings::of(checkpoint);
    let mut processes: Vec<&Process> = checkpoint.model().processes().iter().collect();
    processes.sort_by_key(|process| process.pid());
    // Shared memory is looked at once.
    let mut shared: HashSet<(u64, u64, u64)> = HashSet::new();
    // Forged headers may claim that images are much longer than they are.
    let mut left = checkpoint.in_proportion(FREE);
    for process in processes {
        let Some(space) = checkpoint.memory().space(process) else { continue };
        let all = mappings.of_process(process.pid());
        let mut finder = Finder { checkpoint, process, space, all, found: Vec::new(), left };
        for mapping in all.iter().filter(|mapping| is_unbacked(mapping) && mapping.recorded_bytes > 0) {
            if let Some(id) = mapping.shared_id
                && !shared.insert((id, mapping.offset, mapping.end.0.saturating_sub(mapping.start.0)))
            {
                continue;
            }
            finder.headers(mapping, take)?;
        }
        for mapping in all.iter().filter(|mapping| is_unbacked(mapping) && is_executable(mapping)) {
            finder.marked(mapping, take)?;
        }
        left = finder.left;
    }
    ControlFlow::Continue(())
}

/// Whether no file is behind a mapping. Memfds are files.
fn is_unbacked(mapping: &Mapping) -> bool {
    matches!(mapping.kind, "anonymous" | "heap" | "stack" | "shared_anonymous" | "sysv") && mapping.path != "[uprobes]"
}

fn is_executable(mapping: &Mapping) -> bool {
    mapping.permissions.as_bytes().get(2) == Some(&b'x')
}

/// Where an image ends that begins in a mapping: at the end of the mappings without a file that adjoin, or of the `span`
/// that its header claims.
pub(crate) fn extent(
    all: &[Mapping],
    mapping: &Mapping,
    address: u64,
    span: u64,
    is_unbacked: impl Fn(&Mapping) -> bool,
) -> u64 {
    let claimed = address.saturating_add(span);
    let mut end = mapping.end.0;
    let place = all.partition_point(|mapping| mapping.start.0 < end);
    for next in all.get(place..).unwrap_or_default() {
        if next.start.0 != end || !is_unbacked(next) || end >= claimed {
            break;
        }
        end = next.end.0;
    }
    end.min(claimed.checked_next_multiple_of(4096).unwrap_or(u64::MAX)).max(address.saturating_add(64))
}

struct Finder<'c, 'm> {
    checkpoint: &'c Checkpoint,
    process: &'c Process,
    space: AddressSpace<'c>,
    all: &'m [Mapping],
    found: Vec<Range<u64>>,
    /// Bytes that may still be read.
    left: u64,
}

impl Finder<'_, '_> {
    /// Images with a header, or with what is left of one, at the beginning of a page.
    fn headers(&mut self, mapping: &Mapping, take: &mut Take<'_>) -> ControlFlow<()> {
        let page = self.space.page_size().max(4096);
        for run in self.space.runs(mapping.start.0, mapping.end.0) {
            if !matches!(run.origin, Origin::Recorded { .. }) {
                continue;
            }
            let mut at = run.start;
            for (start, content) in self.space.pieces(run.start, run.end) {
                let Content::Bytes(bytes) = content else { continue };
                at = at.max(start);
                let end = start.saturating_add(u64_of(bytes.len()));
                while at < end {
                    let head = bytes.get(usize_of(at.saturating_sub(start))..).unwrap_or_default();
                    let head = head.get(..head.len().min(usize_of(page))).unwrap_or_default();
                    if let Some(header) = self.header(mapping, head) {
                        self.image(mapping, at, header, take)?;
                    }
                    at = at.saturating_add(page);
                }
            }
            self.space.give_back(run.start, run.end);
        }
        ControlFlow::Continue(())
    }

    /// Whether an image begins with a page.
    fn header(&self, mapping: &Mapping, page: &[u8]) -> Option<Header> {
        if page.starts_with(MAGIC) {
            return Image::read(page).map(|_| Header::Whole);
        }
        (is_executable(mapping) && segments_at(page, self.is_64()).is_some()).then_some(Header::Wiped)
    }

    fn is_64(&self) -> bool {
        self.process.mm.as_ref().is_none_or(|mm| mm.vmas.iter().any(|vma| vma.end.0 > 1 << 32))
    }

    fn image(&mut self, mapping: &Mapping, address: u64, header: Header, take: &mut Take<'_>) -> ControlFlow<()> {
        if self.found.iter().any(|range| range.contains(&address)) {
            return ControlFlow::Continue(());
        }
        let limit = self.checkpoint.limits().elf_bytes;
        let head = self.space.read(address, 4096.min(mapping.end.0.saturating_sub(address))).unwrap_or_default();
        let (span, behind) = if header == Header::Whole {
            let end = Elf::read(&Bytes::whole(&*head)).map_or(0, |elf| elf.end());
            (Image::read(&head).map(|image| image.span()), end)
        } else {
            let span = segments_at(&head, self.is_64());
            (span, span.unwrap_or(0).saturating_add(BEHIND))
        };
        let span = span.unwrap_or(4096);
        let extent = |span| extent(self.all, mapping, address, span, is_unbacked);
        let (loaded, end) = (extent(span), extent(span.max(behind)).min(address.saturating_add(limit)));
        let Some(rest) = self.left.checked_sub(end.saturating_sub(address)).filter(|_| self.found.len() < IMAGES)
        else {
            let pid = self.process.pid();
            self.checkpoint.warn(&Limits::ELF_IMAGES, Place::archive(), || {
                format!("process {pid} has more or larger ELF images in memory than are read; the rest were skipped")
            });
            return ControlFlow::Continue(());
        };
        self.left = rest;
        let bytes = self.known(address, end);
        let (bytes, header) = match header {
            Header::Wiped => match self.rebuilt(&bytes) {
                Some(bytes) => (bytes, header),
                None => return ControlFlow::Continue(()),
            },
            header => (bytes, header),
        };
        let len = Elf::read_at(&bytes, Some(address)).map_or(0, |elf| match elf.layout {
            Layout::File => elf.end(),
            Layout::Loaded(_) => loaded.saturating_sub(address),
        });
        let len = len.min(end.saturating_sub(address));
        self.found.push(address..address.saturating_add(len.max(1)));
        self.take(mapping, address, len, header, bytes, take)
    }

    /// An image whose header was wiped, with its header.
    fn rebuilt(&self, bytes: &Bytes<'_>) -> Option<Bytes<'static>> {
        let machine = self.checkpoint.model().arch().or(self.process.arch());
        let header = rebuilt_header(bytes, machine, self.is_64())?;
        let mut all = Bytes::default();
        for (at, piece) in bytes.pieces() {
            let mut piece = piece.to_vec();
            if at == 0 {
                for (place, byte) in piece.iter_mut().zip(&header) {
                    *place = *byte;
                }
            }
            all.push(at, Cow::Owned(piece));
        }
        all.extend_to(bytes.len());
        Some(all)
    }

    /// Executable memory that has the marks of an image but no header.
    fn marked(&mut self, mapping: &Mapping, take: &mut Take<'_>) -> ControlFlow<()> {
        let (start, end) = (mapping.start.0, mapping.end.0);
        let is_known = |range: &Range<u64>| range.start < end && range.end > start;
        if end.saturating_sub(start) < SHORTEST || mapping.recorded_bytes == 0 || self.found.iter().any(is_known) {
            return ControlFlow::Continue(());
        }
        let limit = self.checkpoint.limits().elf_bytes;
        let bytes = self.known(start, end.min(start.saturating_add(limit)));
        let Some(rest) = self.left.checked_sub(bytes.len()) else { return ControlFlow::Continue(()) };
        self.left = rest;
        let points = bytes.pieces().flat_map(|(_, piece)| marks(piece, self.is_64())).map(|mark| mark.points);
        if points.fold(0, u32::saturating_add) < POINTS || self.found.len() >= IMAGES {
            return ControlFlow::Continue(());
        }
        let len = bytes.len();
        self.found.push(start..start.saturating_add(len));
        self.take(mapping, start, len, Header::None, bytes, take)
    }

    fn take(
        &self,
        mapping: &Mapping,
        address: u64,
        len: u64,
        header: Header,
        bytes: Bytes<'_>,
        take: &mut Take<'_>,
    ) -> ControlFlow<()> {
        take(Found {
            source: "memory",
            path: Some(mapping.path.clone()).filter(|path| !path.is_empty()),
            pid: Some(self.process.pid()),
            address: Some(address),
            pids: vec![self.process.pid()],
            member: None,
            file: None,
            size: Some(len),
            header,
            digests: Digests::of(&bytes, len, Missing::Truncated.as_str()),
            bytes: bytes.cut(len),
            build_id: None,
        })
    }

    /// The known bytes of a range, by their distance from its beginning.
    fn known(&self, from: u64, to: u64) -> Bytes<'static> {
        let mut bytes = Bytes::default();
        for (address, content) in self.space.pieces(from, to) {
            let at = address.saturating_sub(from);
            match content {
                Content::Bytes(piece) => bytes.push(at, Cow::Owned(piece.into_owned())),
                // Memory that was never written to reads as zeros.
                Content::Zeros(len) | Content::Untouched(len) => bytes.push(at, Cow::Owned(vec![0; usize_of(len)])),
                Content::Missing(..) => {}
            }
        }
        bytes.extend_to(to.saturating_sub(from));
        bytes
    }
}
