//! Files that are mapped as code, of which the archive has at most changed pages.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};

use bstr::BString;

use super::digest::Digests;
use super::{Found, Header, Known, PIDS, Take};
use crate::Checkpoint;
use crate::elf::{Bytes, MAGIC};
use crate::int::{u64_of, usize_of};
use crate::memory::{AddressSpace, Content, Missing, Origin};
use crate::model::ids::Pid;
use crate::tables::Mapping;

/// A file as one process maps it.
#[derive(Clone, Debug)]
pub(crate) struct Mapped {
    /// The process.
    pub(crate) pid: Pid,
    /// Its mappings, by address.
    pub(crate) mappings: Vec<Mapping>,
}

impl Mapped {
    /// Where the first byte of the file is, or would be.
    pub(crate) fn base(&self) -> u64 {
        let base = |mapping: &Mapping| mapping.start.0.saturating_sub(mapping.offset);
        self.mappings.iter().map(base).min().unwrap_or(0)
    }

    /// Bytes of it that were recorded.
    pub(crate) fn recorded(&self) -> u64 {
        self.mappings.iter().map(|mapping| mapping.recorded_bytes).fold(0, u64::saturating_add)
    }

    /// Where the mapped part ends in the file.
    pub(crate) fn end(&self) -> u64 {
        let end = |mapping: &Mapping| mapping.offset.saturating_add(mapping.end.0.saturating_sub(mapping.start.0));
        self.mappings.iter().map(end).max().unwrap_or(0)
    }

    /// The recorded pages, by their places in the file, at most `most` bytes.
    pub(crate) fn pages(&self, space: &AddressSpace<'_>, most: u64) -> Bytes<'static> {
        let mut places: BTreeMap<u64, Range<u64>> = BTreeMap::new();
        for mapping in &self.mappings {
            for run in space.runs(mapping.start.0, mapping.end.0) {
                if matches!(run.origin, Origin::Recorded { .. }) {
                    let offset = run.start.saturating_sub(mapping.start.0).saturating_add(mapping.offset);
                    places.entry(offset).or_insert(run.start..run.end);
                }
            }
        }
        let (mut bytes, mut at, mut left) = (Bytes::default(), 0_u64, most);
        for (offset, range) in places {
            // A page may be mapped twice, as code and as data.
            let skip = at.saturating_sub(offset);
            let start = range.start.saturating_add(skip);
            for (address, content) in space.pieces(start, range.end) {
                let place = offset.saturating_add(address.saturating_sub(range.start));
                let room = usize_of(left);
                let piece = match content {
                    Content::Bytes(piece) => piece.get(..room.min(piece.len())).unwrap_or_default().to_vec(),
                    Content::Zeros(len) | Content::Untouched(len) => vec![0; usize_of(len).min(room)],
                    Content::Missing(..) => continue,
                };
                left = left.saturating_sub(u64_of(piece.len()));
                at = place.saturating_add(u64_of(piece.len()));
                bytes.push(place, Cow::Owned(piece));
            }
        }
        bytes
    }
}

/// The files that processes map as code: by path, then by process. Files in memory are not among them.
pub(crate) fn mapped(checkpoint: &Checkpoint) -> BTreeMap<BString, Vec<Mapped>> {
    let mut all: BTreeMap<BString, Vec<Mapped>> = BTreeMap::new();
    for row in checkpoint.rows().process_memory_map() {
        if row.kind != "file" || row.path.is_empty() || row.path.starts_with(b"/dev/zero") {
            continue;
        }
        let of_path = all.entry(row.path.clone()).or_default();
        match of_path.last_mut().filter(|last| last.pid == row.pid) {
            Some(last) => last.mappings.push(row),
            None => of_path.push(Mapped { pid: row.pid, mappings: vec![row] }),
        }
    }
    let is_code =
        |mapping: &Mapping| mapping.permissions.as_bytes().get(2) == Some(&b'x') || mapping.elf_type.is_some();
    all.retain(|_, files| files.iter().any(|file| file.mappings.iter().any(is_code)));
    all
}

/// Passes the files to `take` whose contents are not known already.
pub(super) fn each(checkpoint: &Checkpoint, known: &Known, take: &mut Take<'_>) -> ControlFlow<()> {
    let limit = checkpoint.limits().elf_bytes;
    for (path, files) in mapped(checkpoint) {
        // Of the processes that map it, the one with the most pages tells the most.
        let Some(best) = files.iter().max_by_key(|file| (file.recorded(), std::cmp::Reverse(file.pid))) else {
            continue;
        };
        if known.contains(&path) {
            continue;
        }
        let space = checkpoint.memory().space_of(best.pid);
        let bytes = space.map(|space| best.pages(&space, limit)).unwrap_or_default();
        let head = bytes.get(0, 4);
        if head.is_some_and(|head| head != MAGIC) {
            continue;
        }
        let task = checkpoint.model().process(best.pid).and_then(|process| process.mm.as_ref());
        let first = best.mappings.first();
        let vma = task.zip(first).and_then(|(mm, first)| mm.vma_at(first.start.0));
        let entry = vma.and_then(|vma| checkpoint.model().files().regular(vma.file()?));
        let size = entry.and_then(|entry| entry.size);
        let len = size.unwrap_or_else(|| best.end());
        let header = if head.is_some() { Header::Whole } else { Header::Unknown };
        let mut pids: Vec<Pid> = files.iter().map(|file| file.pid).collect();
        pids.sort_unstable();
        pids.truncate(PIDS);
        let build_id = entry.map(|entry| &entry.build_id).filter(|words| !words.is_empty()).map(|words| {
            data_encoding::HEXLOWER.encode(&words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>())
        });
        let digests = Digests {
            missing: len.saturating_sub(bytes.known()),
            why: Some(Missing::FileBacked.as_str()),
            ..Digests::default()
        };
        take(Found {
            source: "mapped",
            path: Some(path),
            pid: Some(best.pid),
            address: Some(best.base()),
            pids,
            member: None,
            file: None,
            size,
            header,
            bytes,
            digests,
            build_id,
        })?;
    }
    ControlFlow::Continue(())
}
