//! Ghost files: deleted files whose contents CRIU stored in images, whole or in chunks.

use std::collections::BTreeMap;

use bstr::BString;

use super::object::{Layer, Reader};
use crate::images::proto::{GhostChunkEntry, GhostFileEntry};
use crate::images::{Images, Kind, decode};
use crate::int::u64_of;

/// A piece of a deleted file: offset in the file, length, offset in the image.
pub(super) type Piece = (u64, u64, u64);

/// Type bits of `st_mode`, and those of a regular file.
const TYPE: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;

/// A deleted file.
#[derive(Clone, Debug)]
pub(crate) struct Ghost {
    /// The recorded facts.
    pub(crate) head: GhostFileEntry,
    /// Path of the image.
    pub(crate) member: BString,
    /// Size of the contents in bytes, including holes; `None` if there are none, as for a named pipe.
    pub(crate) size: Option<u64>,
    /// Up to here it is known which bytes are holes: everything, unless the image is truncated between chunks.
    pub(crate) known: u64,
}

/// Adds the contents of all deleted files, and returns their facts.
pub(super) fn add(reader: &mut Reader<'_>, layer: &Layer<'_>) -> BTreeMap<u64, Ghost> {
    let images = layer.images;
    let mut ghosts = BTreeMap::new();
    for (number, member) in images.set.of_kind(images.archive, Kind::GhostFile) {
        let Some((ghost, pieces)) = read(images, number, &member.path) else { continue };
        if let Ok(file) = images.archive.resolve(member) {
            reader.add_ghost(layer, number, file, &pieces);
        }
        ghosts.insert(number, ghost);
    }
    ghosts
}

fn read(images: Images<'_>, number: u64, path: &BString) -> Option<(Ghost, Vec<Piece>)> {
    let image = images.open(Kind::GhostFile, number)?;
    let mut records = image.records(images.limits, images.warnings);
    let first = records.next()?;
    let behind = |record: &crate::images::Record<'_>| {
        record.offset.saturating_add(4).saturating_add(u64_of(record.message.len()))
    };
    let head: GhostFileEntry = decode(first.message, || image.place_of(&first), images.warnings)?;
    let mut ghost = Ghost { head, member: path.clone(), size: None, known: u64::MAX };
    if ghost.head.mode() & TYPE != REGULAR {
        return Some((ghost, Vec::new()));
    }
    let len = images.set.find(images.archive, Kind::GhostFile, number).and_then(|m| images.archive.resolve(m).ok());
    let len = len.map_or(0, |file| file.size);
    if !ghost.head.chunks() {
        // The rest of the image; the archive may have less of it than the member's size says.
        let content = len.saturating_sub(behind(&first));
        ghost.size = Some(content);
        return Some((ghost, vec![(0, content, behind(&first))]));
    }
    let mut end = behind(&first);
    let mut pieces: Vec<Piece> = Vec::new();
    let mut whole = true;
    for record in records {
        let Some(chunk) = decode::<GhostChunkEntry>(record.message, || image.place_of(&record), images.warnings) else {
            whole = false;
            break;
        };
        let here = u64_of(record.payload.len());
        pieces.push((chunk.off(), here, behind(&record)));
        end = behind(&record).saturating_add(here);
        whole &= here == chunk.len();
    }
    let furthest = pieces.iter().map(|&(at, len, _)| at.saturating_add(len)).max().unwrap_or(0);
    let size = ghost.head.size.unwrap_or(furthest);
    // Nothing is known about bytes after a cut; CRIU writes chunks in order.
    if !whole || end != len {
        ghost.known = furthest;
    }
    ghost.size = Some(size);
    // Extents are rounded to blocks and may extend past the end of the file.
    for piece in &mut pieces {
        piece.1 = piece.1.min(size.saturating_sub(piece.0));
    }
    Some((ghost, in_order(pieces)))
}

/// Pieces by their offset in the file. If pieces overlap, the first is used.
fn in_order(mut pieces: Vec<Piece>) -> Vec<Piece> {
    pieces.retain(|&(at, len, _)| len > 0 && at.checked_add(len).is_some());
    pieces.sort_unstable();
    let mut end = 0;
    pieces.retain(|&(at, len, _)| {
        let fits = at >= end;
        end = if fits { at.saturating_add(len) } else { end };
        fits
    });
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_pieces_that_overlap_the_first_counts() {
        let pieces = vec![(10, 5, 300), (0, 4, 100), (2, 4, 200), (4, 0, 250), (u64::MAX, 2, 400)];
        assert_eq!(in_order(pieces), [(0, 4, 100), (10, 5, 300)]);
    }
}
